package dynamo_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"parley/chat"
	"parley/chattest"
	"parley/store"
	"parley/store/dynamo"
	"parley/store/dynamo/dynamotest"
)

// unlimited lets everything pass.
type unlimited struct{}

func (unlimited) Allow(context.Context, chat.Rule, string) time.Duration { return 0 }

// process is a Service of its own over the same tables: what a Lambda worker is to the others.
func process(s *store.Store) *chat.Service {
	return chat.New(chat.Config{Log: s, Rooms: s, Markers: s, Notices: s, Users: s, Seen: s, Deliverer: chattest.NewRecorder(), Limiter: unlimited{}})
}

// hotRoom is a room with one member, and what the clients of it use.
func hotRoom(t testing.TB) (s *store.Store, db *dynamo.DB, m *dynamotest.Meter) {
	m = &dynamotest.Meter{}
	db = open(t, store.Schemas(), nil, m.Option)
	s = store.New(db, nil)
	chattest.AddUser(t, s, "ann")
	_, c := chattest.NewScript("hot", chat.Public, "Hot", "u-ann")
	if err := s.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	m.Take()
	return s, db, m
}

// atOnce lets n writers send each messages one after another, and returns how long each took.
func atOnce(t testing.TB, n, each int, send func(ctx context.Context, writer, i int) error) []time.Duration {
	t.Helper()
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	for w := range n {
		all.Go(func() {
			for i := range each {
				began := time.Now()
				err := send(t.Context(), w, i)
				mu.Lock()
				took = append(took, time.Since(began))
				if err != nil {
					t.Errorf("writer %d, message %d: %v", w, i, err)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	return took
}

// persist sends a message until it is stored: who is told that the room is busy asks again, as a client does.
func persist(ctx context.Context, s *chat.Service, id string) error {
	for {
		_, err := s.Send(ctx, "u-ann", chat.NewMessage{RoomID: "hot", Content: "hello", ClientMessageID: id})
		if chat.CodeOf(err) != chat.Unavailable || ctx.Err() != nil {
			return err
		}
	}
}

// TestHotRoom: a hundred processes write to one room at once; every message is stored, once, without a hole.
func TestHotRoom(t *testing.T) {
	s, _, _ := hotRoom(t)
	const writers = 100
	services := make([]*chat.Service, writers)
	for i := range services {
		services[i] = process(s)
	}
	took := atOnce(t, writers, 1, func(ctx context.Context, w, i int) error {
		return persist(ctx, services[w], fmt.Sprintf("c-%d-%d", w, i))
	})
	t.Logf("the last of %d was stored after %v", writers, took[len(took)-1])
	msgs, err := s.Messages(t.Context(), "hot", 1, 1<<40, writers+1, false)
	if err != nil || len(msgs) != writers {
		t.Fatalf("%d messages stored, %v", len(msgs), err)
	}
	for i, m := range msgs {
		if want := msgs[0].Seq + int64(i); m.Seq != want || m.Ordinal != int64(i)+1 {
			t.Errorf("message %d has number %d and ordinal %d", i, m.Seq, m.Ordinal)
		}
	}
}

// BenchmarkHotRoom compares ways to give the messages of one room their order, from writers that share nothing.
func BenchmarkHotRoom(b *testing.B) {
	for _, writers := range []int{1, 10, 100} {
		each := max(200/writers, 4)
		report := func(b *testing.B, m *dynamotest.Meter, took []time.Duration, whole time.Duration) {
			u, n := m.Take(), float64(len(took))
			b.ReportMetric(n/whole.Seconds(), "msg/s")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(u.Writes/n, "WRU/msg")
			b.ReportMetric(u.Reads/n, "RRU/msg")
			calls := 0
			for _, c := range u.Calls {
				calls += c
			}
			b.ReportMetric(float64(calls)/n, "calls/msg")
			b.ReportMetric(0, "ns/op")
		}
		b.Run(fmt.Sprintf("transaction/%d", writers), func(b *testing.B) {
			s, _, m := hotRoom(b)
			services := make([]*chat.Service, writers)
			for i := range services {
				services[i] = process(s)
			}
			began := time.Now()
			took := atOnce(b, writers, each, func(ctx context.Context, w, i int) error {
				return persist(ctx, services[w], fmt.Sprintf("c-%d-%d", w, i))
			})
			report(b, m, took, time.Since(began))
		})
		b.Run(fmt.Sprintf("counter/%d", writers), func(b *testing.B) {
			s, _, m := hotRoom(b)
			client := server.Client(m.Option)
			began := time.Now()
			took := atOnce(b, writers, each, func(ctx context.Context, w, i int) error {
				return counterThenPut(ctx, s, client, fmt.Sprintf("t%d-", prefix.Load()), fmt.Sprintf("c-%d-%d", w, i))
			})
			report(b, m, took, time.Since(began))
		})
	}
}

// counterThenPut is the other design: an unconditional counter gives the number, then the message, its idempotency record
// and the read marker are put. It reads what the transaction's plan reads.
func counterThenPut(ctx context.Context, s *store.Store, client *dynamodb.Client, prefix, id string) error {
	if _, err := s.Rooms(ctx, "hot"); err != nil {
		return err
	}
	if _, err := s.Member(ctx, "hot", "u-ann"); err != nil {
		return err
	}
	if _, err := s.Users(ctx, "u-ann"); err != nil {
		return err
	}
	text := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	number := func(v string) types.AttributeValue { return &types.AttributeValueMemberN{Value: v} }
	out, err := client.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: aws.String(prefix + "chat"),
		Key:              map[string]types.AttributeValue{"pk": text("room#hot"), "sk": text("room")},
		UpdateExpression: aws.String("ADD headSeq :one, messageCount :one"), ReturnValues: types.ReturnValueUpdatedNew,
		ExpressionAttributeValues: map[string]types.AttributeValue{":one": number("1")}, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
	if err != nil {
		return err
	}
	seq := out.Attributes["headSeq"].(*types.AttributeValueMemberN).Value
	put := func(table string, item map[string]types.AttributeValue) types.TransactWriteItem {
		return types.TransactWriteItem{Put: &types.Put{TableName: aws.String(prefix + table), Item: item}}
	}
	_, err = client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		TransactItems: []types.TransactWriteItem{
			put("messages", map[string]types.AttributeValue{"roomId": text("hot"), "entry": text("m#" + fmt.Sprintf("%016s", seq)),
				"messageId": text(id), "userId": text("u-ann"), "content": text("hello"), "username": text("ann")}),
			put("chat", map[string]types.AttributeValue{"pk": text("sent#hot#u-ann"), "sk": text(id), "seq": number(seq)}),
			put("chat", map[string]types.AttributeValue{"pk": text("user#u-ann"), "sk": text("read#" + id), "readSeq": number(seq)}),
		}})
	return err
}
