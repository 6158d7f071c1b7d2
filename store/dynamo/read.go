package dynamo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"parley/store/table"
)

// Get implements table.DB.
func (d *DB) Get(ctx context.Context, name string, keys ...table.Key) ([]table.Item, error) {
	if err := d.ready(ctx); err != nil {
		return nil, err
	}
	if err := d.catalog.Get(name, keys); err != nil || len(keys) == 0 {
		return nil, err
	}
	s := d.catalog[name]
	ask := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
	found := make(map[table.Key]table.Item, len(keys))
	for _, k := range keys {
		if _, twice := found[k]; !twice {
			found[k] = table.Item{}
			ask.Keys = append(ask.Keys, encodeKey(s, k))
		}
	}
	now := d.now().Unix()
	err := again(ctx, func() (bool, error) {
		out, err := d.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{*d.table(name): ask},
		}, d.options)
		if err != nil {
			return false, err
		}
		items, err := alive(s, out.Responses[*d.table(name)], now)
		for _, it := range items {
			found[it.Key] = it
		}
		// More than 16 MB, or more than the table can take at the moment, is left over.
		left, more := out.UnprocessedKeys[*d.table(name)]
		ask.Keys = left.Keys
		return more && len(left.Keys) > 0, err
	})
	if err != nil {
		return nil, d.failure(ctx, "reading", name, err)
	}
	items := make([]table.Item, len(keys))
	given := make(map[table.Key]bool, len(keys))
	for i, k := range keys {
		items[i] = found[k]
		if given[k] { // asked for twice: the two must not share
			items[i] = clone(items[i])
		}
		given[k] = true
	}
	return items, nil
}

// clone copies what a holder of the item could change.
func clone(it table.Item) table.Item {
	it.Attrs = append([]table.Attr(nil), it.Attrs...)
	for i := range it.Attrs {
		v := &it.Attrs[i].Value
		v.Data = append([]byte(nil), v.Data...)
	}
	return it
}

// Query implements table.DB. A page ends at 1 MB, too.
func (d *DB) Query(ctx context.Context, q table.Query) (table.Page, error) {
	if err := d.ready(ctx); err != nil {
		return table.Page{}, err
	}
	if err := d.catalog.Query(&q); err != nil {
		return table.Page{}, err
	}
	r := newRange(d.catalog[q.Table], &q)
	in := &dynamodb.QueryInput{
		TableName: d.table(q.Table), Limit: aws.Int32(int32(q.Limit)), ScanIndexForward: aws.Bool(!q.Reverse),
		ExpressionAttributeNames: map[string]string{"#p": r.part}, ExpressionAttributeValues: attributes{":p": text(q.Part)},
	}
	if q.Index == "" {
		in.ConsistentRead = aws.Bool(true)
	} else {
		in.IndexName = aws.String(q.Index)
	}
	if q.After != "" {
		if err := r.after(q.After); err != nil {
			return table.Page{}, err
		}
		in.ExclusiveStartKey = r.start
	}
	if r.empty() {
		return table.Page{}, nil
	}
	in.KeyConditionExpression = aws.String(r.condition(in))
	out, err := d.client.Query(ctx, in, d.options)
	if err != nil {
		return table.Page{}, d.pageFailure(ctx, "querying", q.Table, q.After, err)
	}
	items, err := alive(r.schema, out.Items, d.now().Unix())
	if err != nil {
		return table.Page{}, d.failure(ctx, "querying", q.Table, err)
	}
	return table.Page{Items: items, Next: r.next(out.LastEvaluatedKey)}, nil
}

// keyRange is what a query asks for: a range of one partition of a table or an index.
type keyRange struct {
	schema     *table.Schema
	q          *table.Query
	part, sort string     // attribute names; an empty sort: one item a partition
	start      attributes // the key to go on after, or nil
	done       bool       // what to go on after lies behind the range
}

func newRange(s *table.Schema, q *table.Query) *keyRange {
	r := &keyRange{schema: s, q: q, part: s.Part, sort: s.Sort}
	if q.Index != "" {
		ix, _ := s.Index(q.Index) // it was checked
		r.part, r.sort = ix.Part, ix.Sort
	}
	return r
}

// empty tells what DynamoDB would refuse to be asked: a range in which nothing can be.
func (r *keyRange) empty() bool {
	return r.done || r.q.To != "" && r.q.From > r.q.To || r.sort == "" && r.q.From != ""
}

// condition writes the range as an expression, and its values into in.
func (r *keyRange) condition(in *dynamodb.QueryInput) string {
	from, to := r.q.From, r.q.To
	if r.sort == "" || from == "" && to == "" {
		return "#p = :p"
	}
	in.ExpressionAttributeNames["#s"] = r.sort
	if from != "" {
		in.ExpressionAttributeValues[":from"] = text(from)
	}
	if to != "" {
		in.ExpressionAttributeValues[":to"] = text(to)
	}
	switch {
	case to == "":
		return "#p = :p AND #s >= :from"
	case from == "":
		return "#p = :p AND #s <= :to"
	}
	return "#p = :p AND #s BETWEEN :from AND :to"
}

// A page token holds what the range itself does not say about the last key: the sort key, and of an index the table's
// key too. A forged one can only move within what may be read anyway.

// names are the attributes in a token.
func (r *keyRange) names() []string {
	names := make([]string, 0, 3)
	if r.sort != "" {
		names = append(names, r.sort)
	}
	if r.q.Index != "" {
		if r.schema.Part != r.part {
			names = append(names, r.schema.Part)
		}
		if r.schema.Sort != "" && r.schema.Sort != r.sort && r.schema.Sort != r.part {
			names = append(names, r.schema.Sort)
		}
	}
	return names
}

// next is the token for going on after last, or "".
func (r *keyRange) next(last attributes) string {
	if len(last) == 0 {
		return ""
	}
	return token(r.names(), last)
}

// after reads a token.
func (r *keyRange) after(token string) error {
	start, err := readToken(r.names(), token)
	if err != nil {
		return err
	}
	start[r.part] = text(r.q.Part)
	at := ""
	if s, ok := start[r.sort].(*types.AttributeValueMemberS); ok {
		at = s.Value
	}
	before, behind := at < r.q.From, r.q.To != "" && at > r.q.To
	if r.q.Reverse {
		before, behind = behind, before
	}
	switch {
	case behind:
		r.done = true
	case !before: // a key before the range would be refused
		r.start = start
	}
	return nil
}

// token packs the texts of a key that stand under names.
func token(names []string, key attributes) string {
	parts := make([]string, len(names))
	for i, name := range names {
		if s, ok := key[name].(*types.AttributeValueMemberS); ok {
			parts[i] = s.Value
		}
	}
	b, err := json.Marshal(parts)
	if err != nil {
		panic(err) // texts always encode
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func readToken(names []string, token string) (attributes, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, table.Invalid("page token")
	}
	var parts []string
	if err := json.Unmarshal(b, &parts); err != nil || len(parts) != len(names) {
		return nil, table.Invalid("page token")
	}
	key := attributes{}
	for i, name := range names {
		key[name] = text(parts[i])
	}
	return key, nil
}

// pageFailure is failure for a request that may have a page token: everything else in it was checked, so what DynamoDB
// finds invalid is the token.
func (d *DB) pageFailure(ctx context.Context, doing, name, token string, err error) error {
	var api smithy.APIError
	if token != "" && errors.As(err, &api) && api.ErrorCode() == "ValidationException" {
		return table.Invalid("page token")
	}
	return d.failure(ctx, doing, name, err)
}

// Scan implements table.Scanner.
func (d *DB) Scan(ctx context.Context, name, after string, limit int) (table.Page, error) {
	if err := d.ready(ctx); err != nil {
		return table.Page{}, err
	}
	limit, err := d.catalog.Scan(name, limit)
	if err != nil {
		return table.Page{}, err
	}
	s := d.catalog[name]
	names := []string{s.Part}
	if s.Sort != "" {
		names = append(names, s.Sort)
	}
	in := &dynamodb.ScanInput{TableName: d.table(name), Limit: aws.Int32(int32(limit)), ConsistentRead: aws.Bool(true)}
	if after != "" {
		if in.ExclusiveStartKey, err = readToken(names, after); err != nil {
			return table.Page{}, err
		}
	}
	out, err := d.client.Scan(ctx, in, d.options)
	if err != nil {
		return table.Page{}, d.pageFailure(ctx, "scanning", name, after, err)
	}
	items, err := alive(s, out.Items, d.now().Unix())
	if err != nil {
		return table.Page{}, d.failure(ctx, "scanning", name, err)
	}
	p := table.Page{Items: items}
	if len(out.LastEvaluatedKey) > 0 {
		p.Next = token(names, out.LastEvaluatedKey)
	}
	return p, nil
}
