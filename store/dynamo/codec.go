package dynamo

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"parley/store/table"
)

// attributes is an item as DynamoDB has it: the key, the expiry and the rest, by name.
type attributes = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func encodeValue(v table.Value) types.AttributeValue {
	switch v.Kind {
	case table.Text:
		return text(v.Text)
	case table.Number:
		return number(v.Num)
	default:
		if v.Data == nil {
			v.Data = []byte{} // the SDK leaves out what is nil
		}
		return &types.AttributeValueMemberB{Value: v.Data}
	}
}

func encodeKey(s *table.Schema, k table.Key) attributes {
	a := attributes{s.Part: text(k.Part)}
	if s.Sort != "" {
		a[s.Sort] = text(k.Sort)
	}
	return a
}

func encodeItem(s *table.Schema, it *table.Item) attributes {
	a := make(attributes, len(it.Attrs)+3)
	a[s.Part] = text(it.Key.Part)
	if s.Sort != "" {
		a[s.Sort] = text(it.Key.Sort)
	}
	if it.Expires != 0 {
		a[table.TTL] = number(it.Expires)
	}
	for i := range it.Attrs {
		a[it.Attrs[i].Name] = encodeValue(it.Attrs[i].Value)
	}
	return a
}

// decodeItem reads an item of the table s. What another program wrote there and the port has no words for is
// table.ErrCorrupt.
func decodeItem(s *table.Schema, a attributes) (table.Item, error) {
	it := table.Item{Attrs: make([]table.Attr, 0, len(a))}
	for name, v := range a {
		value, err := decodeValue(v)
		if err != nil {
			return table.Item{}, fmt.Errorf("%w: attribute %q of table %q: %w", table.ErrCorrupt, name, s.Name, err)
		}
		switch name {
		case s.Part:
			it.Key.Part = value.Text
		case s.Sort:
			it.Key.Sort = value.Text
		case table.TTL:
			it.Expires = value.Num
		default:
			it.Attrs = append(it.Attrs, table.Attr{Name: name, Value: value})
		}
	}
	return it, nil
}

func decodeValue(v types.AttributeValue) (table.Value, error) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return table.Value{Kind: table.Text, Text: v.Value}, nil
	case *types.AttributeValueMemberB:
		return table.Value{Kind: table.Bytes, Data: v.Value}, nil
	case *types.AttributeValueMemberN:
		n, err := strconv.ParseInt(v.Value, 10, 64)
		return table.Value{Kind: table.Number, Num: n}, err
	}
	return table.Value{}, fmt.Errorf("a %T", v)
}

// alive decodes items and leaves out what has expired by the second now.
func alive(s *table.Schema, all []attributes, now int64) ([]table.Item, error) {
	var items []table.Item
	for _, a := range all {
		it, err := decodeItem(s, a)
		if err != nil {
			return nil, err
		}
		if it.Expires == 0 || it.Expires > now {
			items = append(items, it)
		}
	}
	return items, nil
}
