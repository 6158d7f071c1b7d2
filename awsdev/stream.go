package awsdev

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// The mapping of the messages table's stream, as Terraform sets it.
const (
	streamBatch    = 100
	streamAttempts = 5
	pollEvery      = 100 * time.Millisecond // AWS asks four times a second
)

// mapStream starts the event source mapping of the stream: the records of each shard in order, from the oldest on. A batch
// that fails begins anew at the record that failed, or is halved; what fails alone five times is given up.
func (h *House) mapStream(ctx context.Context, f *function) error {
	tables := dynamodb.NewFromConfig(h.cfg.DynamoDB)
	t, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(h.cfg.TablePrefix + "messages")})
	if err != nil {
		return fmt.Errorf("find the stream of the messages: %w", err)
	}
	m := &streamMapping{house: h, f: f, client: dynamodbstreams.NewFromConfig(h.cfg.DynamoDB), arn: t.Table.LatestStreamArn, seen: map[string]bool{}}
	h.work.Go(func() { m.run(ctx) })
	return nil
}

// streamMapping follows the shards of one stream. seen belongs to run.
type streamMapping struct {
	house  *House
	f      *function
	client *dynamodbstreams.Client
	arn    *string
	seen   map[string]bool
}

// run looks for shards from time to time: they end, and others begin.
func (m *streamMapping) run(ctx context.Context) {
	for tick := time.NewTicker(time.Second); ; {
		out, err := m.client.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: m.arn})
		if err != nil && ctx.Err() == nil {
			m.house.log.Warn("look at the stream", "error", err)
		}
		if err == nil {
			for _, s := range out.StreamDescription.Shards {
				if id := aws.ToString(s.ShardId); !m.seen[id] {
					m.seen[id] = true
					m.house.work.Go(func() { m.follow(ctx, id) })
				}
			}
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

// follow reads a shard to its end. When it cannot be read, it begins anew behind what was done.
func (m *streamMapping) follow(ctx context.Context, shard string) {
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: m.arn, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	for ctx.Err() == nil {
		it, err := m.client.GetShardIterator(ctx, in)
		if err == nil {
			err = m.read(ctx, it.ShardIterator, in)
		}
		if err == nil {
			return
		}
		if ctx.Err() == nil {
			m.house.log.Info("begin anew at a shard", "error", err)
		}
		pause(ctx, pollEvery)
	}
}

// read reads from an iterator on, and notes in again where to begin anew.
func (m *streamMapping) read(ctx context.Context, next *string, again *dynamodbstreams.GetShardIteratorInput) error {
	for next != nil {
		out, err := m.client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: next, Limit: aws.Int32(streamBatch)})
		if err != nil {
			return err
		}
		if d := m.house.Faults.DelayStream.Load(); d > 0 {
			pause(ctx, time.Duration(d))
		}
		m.deliver(ctx, wanted(out.Records))
		next = out.NextShardIterator
		if n := len(out.Records); n > 0 {
			again.ShardIteratorType, again.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, out.Records[n-1].Dynamodb.SequenceNumber
			continue
		}
		pause(ctx, pollEvery)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// wanted keeps new entries, as the filter of the mapping does.
func wanted(all []types.Record) []types.Record {
	var out []types.Record
	for _, r := range all {
		if r.EventName == types.OperationTypeInsert {
			out = append(out, r)
		}
	}
	return out
}

// deliver hands records to the function until all are done or given up.
func (m *streamMapping) deliver(ctx context.Context, records []types.Record) {
	size := len(records)
	for attempts := 0; len(records) > 0 && ctx.Err() == nil; {
		size = min(size, len(records))
		done, err := m.try(ctx, records[:size])
		if done > 0 {
			records, attempts, size = records[done:], 0, len(records)
			continue
		}
		if err != nil {
			size = (size + 1) / 2
		}
		if attempts++; attempts >= streamAttempts && size == 1 {
			m.house.log.Error("a stream record was given up", "error", err)
			records, attempts, size = records[1:], 0, len(records)
		}
		pause(ctx, pollEvery)
	}
}

// try hands a batch to the function and returns how many records from the first on are done.
func (m *streamMapping) try(ctx context.Context, records []types.Record) (done int, err error) {
	all := make([]any, len(records))
	for i := range records {
		all[i] = m.event(&records[i])
	}
	event := map[string]any{"Records": all}
	answer, err := m.f.invoke(ctx, event)
	if m.house.Faults.ReplayStream.Load() {
		answer, err = m.f.invoke(ctx, event)
	}
	if err != nil {
		return 0, err
	}
	var resp struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &resp); err != nil {
		return 0, fmt.Errorf("read the answer of the stream function: %w", err)
	}
	for i := range records {
		for _, failed := range resp.BatchItemFailures {
			if failed.ItemIdentifier == aws.ToString(records[i].Dynamodb.SequenceNumber) {
				return i, nil
			}
		}
	}
	return len(records), nil
}

// event is a record as Lambda hands it over.
func (m *streamMapping) event(r *types.Record) map[string]any {
	d := r.Dynamodb
	return map[string]any{
		"awsRegion": region, "eventID": aws.ToString(r.EventID), "eventName": string(r.EventName), "eventSource": "aws:dynamodb",
		"eventSourceARN": aws.ToString(m.arn), "eventVersion": "1.1",
		"dynamodb": map[string]any{
			"ApproximateCreationDateTime": aws.ToTime(d.ApproximateCreationDateTime).Unix(), "Keys": image(d.Keys), "NewImage": image(d.NewImage),
			"SequenceNumber": aws.ToString(d.SequenceNumber), "SizeBytes": aws.ToInt64(d.SizeBytes), "StreamViewType": string(d.StreamViewType),
		},
	}
}

// image is an item in DynamoDB's JSON. Parley's have texts, numbers and bytes only.
func image(item map[string]types.AttributeValue) map[string]any {
	out := make(map[string]any, len(item))
	for name, v := range item {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			out[name] = map[string]string{"S": v.Value}
		case *types.AttributeValueMemberN:
			out[name] = map[string]string{"N": v.Value}
		case *types.AttributeValueMemberB:
			out[name] = map[string]string{"B": base64.StdEncoding.EncodeToString(v.Value)}
		}
	}
	return out
}
