package dynamotest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// Meter counts what a client asks of DynamoDB and what that is billed at. Give its Option to the client.
type Meter struct {
	mu   sync.Mutex
	used Usage
}

// Usage is what was asked: calls by operation, and the request units that were consumed.
type Usage struct {
	Calls  map[string]int
	Reads  float64 // read request units
	Writes float64 // write request units
}

// String is the usage in one line.
func (u Usage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%g RRU, %g WRU:", u.Reads, u.Writes)
	for _, name := range slices.Sorted(maps.Keys(u.Calls)) {
		fmt.Fprintf(&b, " %d %s", u.Calls[name], name)
	}
	return b.String()
}

// Take returns the usage since the last Take.
func (m *Meter) Take() Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.used
	m.used = Usage{}
	return u
}

// Option makes a client count here.
func (m *Meter) Option(o *dynamodb.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("meter", m.count), middleware.Before)
	})
}

func (m *Meter) count(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error,
) {
	const all = types.ReturnConsumedCapacityTotal
	switch p := in.Parameters.(type) {
	case *dynamodb.BatchGetItemInput:
		p.ReturnConsumedCapacity = all
	case *dynamodb.QueryInput:
		p.ReturnConsumedCapacity = all
	case *dynamodb.ScanInput:
		p.ReturnConsumedCapacity = all
	case *dynamodb.PutItemInput:
		p.ReturnConsumedCapacity = all
	case *dynamodb.DeleteItemInput:
		p.ReturnConsumedCapacity = all
	case *dynamodb.TransactWriteItemsInput:
		p.ReturnConsumedCapacity = all
	}
	out, metadata, err := next.HandleInitialize(ctx, in)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used.Calls == nil {
		m.used.Calls = map[string]int{}
	}
	m.used.Calls[middleware.GetOperationName(ctx)]++
	switch r := out.Result.(type) {
	case *dynamodb.BatchGetItemOutput:
		m.used.Reads += units(r.ConsumedCapacity...)
	case *dynamodb.QueryOutput:
		m.used.Reads += unit(r.ConsumedCapacity)
	case *dynamodb.ScanOutput:
		m.used.Reads += unit(r.ConsumedCapacity)
	case *dynamodb.PutItemOutput:
		m.used.Writes += unit(r.ConsumedCapacity)
	case *dynamodb.DeleteItemOutput:
		m.used.Writes += unit(r.ConsumedCapacity)
	case *dynamodb.TransactWriteItemsOutput:
		m.used.Writes += units(r.ConsumedCapacity...)
	}
	return out, metadata, err
}

func units(all ...types.ConsumedCapacity) (sum float64) {
	for i := range all {
		sum += unit(&all[i])
	}
	return sum
}

func unit(c *types.ConsumedCapacity) float64 {
	if c == nil {
		return 0
	}
	return aws.ToFloat64(c.CapacityUnits)
}
