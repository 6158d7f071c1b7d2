package apigateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	api "github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/apigateway"
	"parley/chat"
	"parley/chattest"
	"parley/limit"
	"parley/names"
	"parley/queue"
	"parley/store"
	"parley/store/pebble"
	"parley/store/table"
)

// town is one store and one set of connections that many processes share, each of which can be killed at any step.
type town struct {
	*testing.T
	db    table.DB
	conns *connections
	users []chat.User
	room  string
}

func newTown(t *testing.T, people int) *town {
	t.Helper()
	db, err := pebble.Open(pebble.Options{Dir: "data", FS: vfs.NewMem(), Schemas: store.Schemas()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &town{T: t, db: db, conns: &connections{open: map[string]bool{}, sent: map[string][]string{}}}
	for i := range people {
		w.users = append(w.users, chattest.AddUser(t, store.New(db, nil), fmt.Sprintf("user%03d", i)))
	}
	return w
}

// process is one function that serves one event after another.
type process struct {
	town    *town
	steps   atomic.Int64 // calls of the store and of the gateway so far
	killAt  int64        // the step that is the last; zero: it lives
	after   bool         // the last step still has its effect
	service *chat.Service
	*apigateway.Deliverer
	*apigateway.Socket
}

func (w *town) process(configure ...func(*apigateway.Config)) *process {
	p := &process{town: w}
	s := store.New(mortalDB{w.db, p}, nil)
	c := apigateway.Config{Store: s, Client: mortalClient{w.conns, p}, Logger: slog.New(slog.DiscardHandler),
		Offline: func(ctx context.Context, userID string) { p.service.TellPresence(ctx, userID, false) }}
	for _, f := range configure {
		f(&c)
	}
	p.Deliverer = apigateway.NewDeliverer(c)
	p.service = chat.New(chat.Config{Log: s, Rooms: s, Markers: s, Notices: s, Users: s, Seen: s, Deliverer: p.Deliverer, Limiter: limit.New(limit.Config{Off: true}),
		Names: names.Precis{}, Shared: true, Logger: slog.New(slog.DiscardHandler)})
	p.Socket = apigateway.NewSocket(apigateway.SocketConfig{Service: p.service, Deliverer: p.Deliverer, Origins: []string{"https://chat.example.org"},
		Logger: slog.New(slog.DiscardHandler),
		Authenticate: func(_ context.Context, c apigateway.Credentials) (apigateway.Identity, error) {
			if id := c.Ticket + c.Bearer; id != "" {
				return apigateway.Identity{UserID: id, Username: id, SessionID: "s-" + id}, nil
			}
			return apigateway.Identity{}, chat.Errorf(chat.Unauthenticated, "no")
		}})
	return p
}

var errKilled = errors.New("killed")

// step is taken before (effect false) and after each call.
func (p *process) step() (dies, dead bool) {
	n := p.steps.Add(1)
	return p.killAt != 0 && n == p.killAt, p.killAt != 0 && n > p.killAt
}

// do runs one step of a process that may be its last.
func do[T any](p *process, f func() (T, error)) (T, error) {
	var none T
	dies, dead := p.step()
	if dead || dies && !p.after {
		return none, errKilled
	}
	v, err := f()
	if dies {
		return none, errKilled
	}
	return v, err
}

type mortalDB struct {
	table.DB
	p *process
}

func (d mortalDB) Get(ctx context.Context, name string, keys ...table.Key) ([]table.Item, error) {
	time.Sleep(rand.N(4 * time.Millisecond))
	return do(d.p, func() ([]table.Item, error) { return d.DB.Get(ctx, name, keys...) })
}

func (d mortalDB) Query(ctx context.Context, q table.Query) (table.Page, error) {
	time.Sleep(rand.N(4 * time.Millisecond))
	return do(d.p, func() (table.Page, error) { return d.DB.Query(ctx, q) })
}

func (d mortalDB) Write(ctx context.Context, ops ...table.Op) error {
	time.Sleep(rand.N(8 * time.Millisecond))
	_, err := do(d.p, func() (struct{}, error) { return struct{}{}, d.DB.Write(ctx, ops...) })
	return err
}

// connections are what API Gateway knows.
type connections struct {
	mu    sync.Mutex
	open  map[string]bool
	sent  map[string][]string
	ended []string
}

type mortalClient struct {
	c *connections
	p *process
}

func (m mortalClient) PostToConnection(ctx context.Context, in *api.PostToConnectionInput, _ ...func(*api.Options)) (*api.PostToConnectionOutput, error) {
	time.Sleep(rand.N(20 * time.Millisecond))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return do(m.p, func() (*api.PostToConnectionOutput, error) {
		m.c.mu.Lock()
		defer m.c.mu.Unlock()
		if !m.c.open[aws.ToString(in.ConnectionId)] {
			return nil, gone()
		}
		m.c.sent[*in.ConnectionId] = append(m.c.sent[*in.ConnectionId], string(in.Data))
		return &api.PostToConnectionOutput{}, nil
	})
}

func (m mortalClient) DeleteConnection(_ context.Context, in *api.DeleteConnectionInput, _ ...func(*api.Options)) (*api.DeleteConnectionOutput, error) {
	return do(m.p, func() (*api.DeleteConnectionOutput, error) {
		m.c.mu.Lock()
		defer m.c.mu.Unlock()
		delete(m.c.open, *in.ConnectionId)
		m.c.ended = append(m.c.ended, *in.ConnectionId)
		return &api.DeleteConnectionOutput{}, nil
	})
}

func (m mortalClient) GetConnection(_ context.Context, in *api.GetConnectionInput, _ ...func(*api.Options)) (*api.GetConnectionOutput, error) {
	m.c.mu.Lock()
	defer m.c.mu.Unlock()
	if !m.c.open[*in.ConnectionId] {
		return nil, gone()
	}
	return &api.GetConnectionOutput{}, nil
}

func gone() error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusGone}}, Err: errors.New("GoneException")}}
}

func event(kind, connectionID, body string) events.APIGatewayWebsocketProxyRequest {
	e := events.APIGatewayWebsocketProxyRequest{Body: body}
	e.RequestContext.EventType, e.RequestContext.ConnectionID = kind, connectionID
	return e
}

// connect opens a connection of the i-th person; its id is "c" and the number, or what is given.
func (w *town) connect(p *process, i int, connectionID string) {
	w.Helper()
	e := event("CONNECT", connectionID, "")
	e.QueryStringParameters = map[string]string{"ticket": w.users[i].UserID}
	if got, err := p.Handle(w.Context(), e); err != nil || got.StatusCode != http.StatusOK {
		w.Fatalf("connect: %+v, %v", got, err)
	}
	w.conns.mu.Lock()
	defer w.conns.mu.Unlock()
	w.conns.open[connectionID] = true
}

// makeRoom makes a public room that everybody is in and connected to, as connection "c0" and so on.
func (w *town) makeRoom() {
	w.Helper()
	p := w.process()
	room, err := p.service.CreateRoom(w.Context(), w.users[0].UserID, chat.NewRoom{Kind: chat.Public, Name: "Room"})
	if err != nil {
		w.Fatal(err)
	}
	w.room = room.RoomID
	for i := range w.users {
		if _, err := p.service.Join(w.Context(), w.users[i].UserID, w.room); err != nil {
			w.Fatal(err)
		}
		w.connect(p, i, fmt.Sprintf("c%d", i))
	}
	w.conns.mu.Lock()
	defer w.conns.mu.Unlock()
	clear(w.conns.sent)
}

// say sends a message of the i-th person through p.
func (w *town) say(p *process, i int, clientID string) {
	id := fmt.Sprintf("c%d", i)
	body := fmt.Sprintf(`{"action":"sendMessage","requestId":"r-%s","data":{"roomId":"%s","content":"hello","clientMessageId":"%s"}}`, clientID, w.room, clientID)
	if got, err := p.Handle(w.Context(), event("MESSAGE", id, body)); err != nil || got.StatusCode != http.StatusOK {
		w.Errorf("say: %+v, %v", got, err)
	}
}

// told is a log number that a connection was told.
type told struct {
	frame, clientID, requestID string
	seq                        int64
}

// numbers are the log numbers that a connection was told, in order.
func (w *town) numbers(connectionID string) (out []told) {
	w.conns.mu.Lock()
	defer w.conns.mu.Unlock()
	for _, f := range w.conns.sent[connectionID] {
		var v struct {
			Type, RequestID string
			Data            struct {
				Message struct {
					Seq, UpdatedSeq int64
					ClientMessageID string
				}
				Seq int64
			}
		}
		if err := json.Unmarshal([]byte(f), &v); err != nil {
			w.Errorf("%s was sent %q: %v", connectionID, f, err)
		}
		if seq := max(v.Data.Message.Seq, v.Data.Message.UpdatedSeq, v.Data.Seq); seq != 0 && v.Type != "read" {
			out = append(out, told{v.Type, v.Data.Message.ClientMessageID, v.RequestID, seq})
		}
	}
	return out
}

func (w *town) head() int64 {
	w.Helper()
	rooms, err := store.New(w.db, nil).Rooms(w.Context(), w.room)
	if err != nil || len(rooms) != 1 {
		w.Fatal(rooms, err)
	}
	return rooms[0].HeadSeq
}

// check wants that a connection was told all numbers from first to the head, in order. Numbers may repeat only if again
// is set: then at most those of one step, and without going back behind what was told before it.
func (w *town) check(connectionID string, first int64, again bool) {
	w.Helper()
	got := w.numbers(connectionID)
	var seqs []int64
	for _, n := range got {
		seqs = append(seqs, n.seq)
	}
	if again {
		seqs = slices.Compact(seqs)
	}
	var want []int64
	for n := first; n <= w.head(); n++ {
		want = append(want, n)
	}
	if !slices.Equal(seqs, want) {
		w.Errorf("%s was told %v, want %v", connectionID, seqs, want)
	}
}

// local makes a queue within the process for fan-out, worked by a process of its own, until the test ends.
func (w *town) local(configure func(*apigateway.Config)) *queue.Local {
	worker := w.process(configure)
	q := queue.NewLocal(worker.Work, 3, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		_ = q.Run(ctx)
		close(done)
	}()
	w.Cleanup(func() {
		cancel()
		<-done
	})
	return q
}

func contains(frames []string, part string) (n int) {
	for _, f := range frames {
		if strings.Contains(f, part) {
			n++
		}
	}
	return n
}
