package scenarios

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"parley/apigateway/apigatewaytest"
	"parley/awsdev"
	"parley/chat"
	"parley/chattest"
	"parley/store"
	"parley/store/dynamo"
)

// budget is what one message into a room asks for at most, all functions together, the repair by the stream included.
type budget struct {
	people         int // all connected, by one device each
	reads, writes  float64
	calls          int // of DynamoDB
	invocations    int
	queue          int // requests to SQS
	sending, tasks int // milliseconds that Lambda bills to socket and stream, and to fanout: presumed
}

// budgets are those of docs/cost.md, with some reads more than are counted mostly: the stream's function asks again while
// somebody still tells. A room of 1,000 is told by 16 jobs; Lambda may take each by itself.
func budgets() []budget {
	return []budget{
		{people: 2, reads: 16, writes: 16, calls: 18, invocations: 2, sending: 100},
		{people: 50, reads: 64, writes: 16, calls: 18, invocations: 2, sending: 120},
		{people: 1000, reads: 1040, writes: 16, calls: 44, invocations: 18, queue: 34, sending: 200, tasks: 16 * 100},
	}
}

// Prices in dollars, US East, as docs/cost.md says from where.
const (
	million       = 1e6
	perPost       = 1.00 / million // message of the gateway, of up to 32 KB
	perWrite      = 0.625 / million
	perRead       = 0.125 / million
	perInvocation = 0.20 / million
	perGBSecond   = 0.0000133334 // arm64
	perFIFO       = 0.50 / million
	indexTwice    = 3 // write units that DynamoDB Local counts too high for a message with its index entry
)

// row is the line of docs/cost.md on a million such messages.
func (b budget) row() string {
	gateway := float64(1+b.people) * perPost
	writes, reads := (b.writes-indexTwice)*perWrite, b.reads*perRead
	lambda := float64(b.invocations)*perInvocation + float64(b.sending+b.tasks)/1000*0.5*perGBSecond
	queue := float64(b.queue) * perFIFO
	sum := gateway + writes + reads + lambda + queue
	return fmt.Sprintf("| %s | %.2f | %.2f | %.2f | %.2f | %.2f | **%.0f** |", thousands(b.people), gateway*million, writes*million, reads*million,
		lambda*million, queue*million, sum*million)
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// TestOnAWSBudgetOfRooms sends into rooms of 2, 50 and 1,000 connected people, counts what the true functions ask of
// DynamoDB, SQS and @connections, and fails when that is more than docs/cost.md says, or somebody is told twice or not.
func TestOnAWSBudgetOfRooms(t *testing.T) {
	text, err := os.ReadFile("../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	gateway := apigatewaytest.New(t)
	var cfg awsdev.Config
	l, h, house := bootCounted(t, func(c *awsdev.Config) {
		cfg = *c
		c.Env = append(c.Env, "PARLEY_SOCKET_ENDPOINT="+gateway.URL)
	})
	town, err := sharedTown()
	if err != nil {
		t.Fatal(err)
	}
	db, err := dynamo.Open(dynamo.Options{Client: town.Tables.Client(), Prefix: cfg.TablePrefix, Schemas: store.Schemas()})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range budgets() {
		t.Run(fmt.Sprint(b.people), func(t *testing.T) {
			ann := h.join(t, fmt.Sprintf("ann%d", b.people))
			room := public(t, fmt.Sprintf("room of %d", b.people), ann)
			ids := connected(t, store.New(db, nil), gateway, room, ann.UserID, b.people)
			say := func(content string) {
				t.Helper()
				e := events.APIGatewayWebsocketProxyRequest{Body: fmt.Sprintf(`{"action":"sendMessage","requestId":"r","data":{"roomId":%q,"content":%q,"clientMessageId":%q}}`, room, content, content)}
				e.RequestContext.EventType, e.RequestContext.ConnectionID = "MESSAGE", ids[0]
				if _, err := house.Invoke(t.Context(), awsdev.Socket, e); err != nil {
					t.Fatal(err)
				}
				for limit := time.Now().Add(patience); told(gateway, ids, content) < len(ids); time.Sleep(20 * time.Millisecond) {
					if time.Now().After(limit) {
						t.Fatalf("%d of %d were told of %q", told(gateway, ids, content), len(ids), content)
					}
				}
			}
			say("the first")
			l.take()
			posts, queue, invocations := gateway.Posts(), house.QueueCalls(awsdev.Fanout), invoked(house)
			say("another")
			calls, reads, writes := l.take()
			posts, queue, invocations = gateway.Posts()-posts, house.QueueCalls(awsdev.Fanout)-queue, invoked(house)-invocations
			total := 0
			for _, n := range calls {
				total += n
			}
			t.Logf("%d posts, %d invocations, %d requests to SQS, %d calls of DynamoDB, %g read units, %g write units", posts, invocations, queue, total, reads, writes)
			if posts != b.people {
				t.Errorf("%d posts for %d connections", posts, b.people)
			}
			if calls["Scan"] > 0 || total > b.calls || reads > b.reads || writes > b.writes || queue > b.queue || invocations > b.invocations {
				t.Errorf("over its budget %+v, by %v", b, calls)
			}
			if row := b.row(); !strings.Contains(string(text), row) {
				t.Errorf("docs/cost.md does not have %s", row)
			}
		})
	}
}

// connected makes a room have n people who are all connected, the first of them already there, and returns their
// connections.
func connected(t *testing.T, s *store.Store, gateway *apigatewaytest.Gateway, room, first string, n int) []string {
	t.Helper()
	ids := make([]string, n)
	var all sync.WaitGroup
	slots := make(chan struct{}, 8)
	now := time.Now()
	for i := range n {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			userID := first
			if i > 0 {
				userID = chattest.AddUser(t, s, fmt.Sprintf("p%d-%d", n, i)).UserID
			}
			ids[i] = fmt.Sprintf("c%d-%d=", n, i)
			_, err := s.Connect(context.Background(), chat.Connection{ConnectionID: ids[i], UserID: userID, Username: userID, ConnectedAt: now.UnixMilli(), LastSeen: now.UnixMilli()}, 100)
			if err == nil {
				err = s.Hear(context.Background(), userID, now.Add(time.Hour).UnixMilli(), room)
			}
			if err != nil {
				t.Error(err)
			}
			gateway.Open(ids[i])
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return ids
}

// told counts those who were told of a message, and how often.
func told(gateway *apigatewaytest.Gateway, ids []string, content string) (n int) {
	for _, id := range ids {
		for _, frame := range gateway.Sent(id) {
			if strings.Contains(frame, fmt.Sprintf(`"content":%q`, content)) {
				n++
			}
		}
	}
	return n
}

// invoked counts the invocations of all functions so far.
func invoked(h *awsdev.House) (n int) {
	for _, name := range []string{awsdev.Socket, awsdev.HTTP, awsdev.Fanout, awsdev.Stream, awsdev.Notify, awsdev.Maintain} {
		s := h.Stats(name)
		n += len(s.First) + len(s.Warm)
	}
	return n
}
