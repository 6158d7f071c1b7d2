package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"parley/store/table"
)

// Write implements table.DB.
func (d *DB) Write(ctx context.Context, ops ...table.Op) error {
	if err := d.ready(ctx); err != nil {
		return err
	}
	if err := d.catalog.Write(ops); err != nil {
		return err
	}
	var at []int // positions of the operations that ask or do anything
	for i := range ops {
		if ops[i].Kind != table.Check || ops[i].If.Kind != table.Always {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return nil
	}
	first := &ops[at[0]]
	var failed []int
	err := again(ctx, func() (more bool, err error) {
		if len(at) == 1 && repeatable(first) {
			more, failed, err = d.single(ctx, first, at[0])
		} else {
			more, failed, err = d.transact(ctx, ops, at)
		}
		return more, err
	})
	if err != nil {
		return d.failure(ctx, "writing", first.Table, err)
	}
	if failed != nil {
		return &table.Failed{Ops: failed}
	}
	return nil
}

// repeatable tells whether an operation alone needs no transaction: if the SDK repeats it because an answer was
// lost, the outcome is the same, but that LessOrNew may then say that the number is there already, which is true.
func repeatable(op *table.Op) bool {
	return op.Kind != table.Check && (op.If.Kind == table.Always || op.If.Kind == table.LessOrNew && op.Kind == table.Put)
}

// single writes one operation without a transaction. more: it met a transaction and was not done.
func (d *DB) single(ctx context.Context, op *table.Op, at int) (more bool, failed []int, err error) {
	s := d.catalog[op.Table]
	if op.Kind == table.Delete {
		_, err = d.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: d.table(op.Table), Key: encodeKey(s, op.Item.Key)}, d.options)
	} else {
		c := d.condition(s, &op.If)
		_, err = d.client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: d.table(op.Table), Item: encodeItem(s, &op.Item),
			ConditionExpression: c.text, ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
		}, d.options)
	}
	var met *types.TransactionConflictException
	var refused *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &met):
		return true, nil, nil
	case errors.As(err, &refused):
		return false, []int{at}, nil
	}
	return false, nil, err
}

// transact writes the operations at some positions as one transaction. more: it met another one, or more load than the
// table takes at the moment, and was not done.
func (d *DB) transact(ctx context.Context, ops []table.Op, at []int) (more bool, failed []int, err error) {
	in := &dynamodb.TransactWriteItemsInput{TransactItems: make([]types.TransactWriteItem, len(at))}
	for i, pos := range at {
		in.TransactItems[i] = d.item(&ops[pos])
	}
	_, err = d.client.TransactWriteItems(ctx, in, d.options) // the SDK adds the token
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		return false, nil, err
	}
	for i, reason := range canceled.CancellationReasons {
		switch code := aws.ToString(reason.Code); code {
		case "", "None":
		case "ConditionalCheckFailed":
			failed = append(failed, at[i])
		case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			more = true // which other conditions fail is known once this one can be tested
		default:
			return false, nil, fmt.Errorf("operation %d: %s: %s", at[i], code, aws.ToString(reason.Message))
		}
	}
	if !more && failed == nil {
		return false, nil, err
	}
	return more, failed, nil
}

// item is one operation of a transaction.
func (d *DB) item(op *table.Op) types.TransactWriteItem {
	s := d.catalog[op.Table]
	c := d.condition(s, &op.If)
	switch op.Kind {
	case table.Put:
		return types.TransactWriteItem{Put: &types.Put{TableName: d.table(op.Table), Item: encodeItem(s, &op.Item),
			ConditionExpression: c.text, ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values}}
	case table.Delete:
		return types.TransactWriteItem{Delete: &types.Delete{TableName: d.table(op.Table), Key: encodeKey(s, op.Item.Key),
			ConditionExpression: c.text, ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values}}
	default:
		return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: d.table(op.Table), Key: encodeKey(s, op.Item.Key),
			ConditionExpression: c.text, ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values}}
	}
}

// expression is a condition in DynamoDB's words; nil fields are none.
type expression struct {
	text   *string
	names  map[string]string
	values attributes
}

// condition writes a condition. An item that has expired counts as absent although it may still be there.
func (d *DB) condition(s *table.Schema, c *table.Cond) expression {
	const (
		gone  = "(attribute_not_exists(#p) OR #ttl <= :now)"
		there = "attribute_exists(#p) AND (attribute_not_exists(#ttl) OR #ttl > :now)"
	)
	if c.Kind == table.Always || c.Kind == table.Fresh {
		return expression{}
	}
	e := expression{
		names:  map[string]string{"#p": s.Part, "#ttl": table.TTL},
		values: attributes{":now": number(d.now().Unix())},
	}
	if c.Kind == table.Equal || c.Kind == table.LessOrNew {
		e.names["#a"], e.values[":v"] = c.Attr, encodeValue(c.Value)
	}
	switch c.Kind {
	case table.Absent, table.Once:
		e.text = aws.String(gone)
	case table.Present:
		e.text = aws.String(there)
	case table.Equal:
		e.text = aws.String("#a = :v AND " + there)
	default:
		e.text = aws.String("attribute_not_exists(#a) OR #a < :v OR " + gone)
	}
	return e
}
