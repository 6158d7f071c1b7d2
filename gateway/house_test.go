package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"parley/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeService keeps rooms in memory and tells the hub, in log order, as the core does.
type fakeService struct {
	hub *Hub

	mu        sync.Mutex // guards all, and is held during Deliver: calls come one after another
	heads     map[string]int64
	members   map[string]map[string]bool
	sent      map[string]chat.Message // by user and clientMessageId
	submitted int
	hold      chan struct{}   // if set, messages are committed once it is closed
	loading   chan chan error // if set, Heads hands over and waits for its turn
	requests  []string

	tellMu   sync.Mutex // guards presence
	presence []string

	queue chan func() // submits, in order
	over  sync.WaitGroup
}

func newFakeService(h *Hub) *fakeService {
	s := &fakeService{hub: h, heads: map[string]int64{}, members: map[string]map[string]bool{}, sent: map[string]chat.Message{}, queue: make(chan func(), 1<<16)}
	s.over.Go(func() {
		for commit := range s.queue {
			commit()
		}
	})
	return s
}

// join makes members without telling.
func (s *fakeService) join(room string, users ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.members[room] == nil {
		s.members[room] = map[string]bool{}
	}
	for _, u := range users {
		s.members[room][u] = true
	}
}

// change makes one log entry about a member and tells of it.
func (s *fakeService) change(room, user string, kind chat.ChangeKind) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heads[room]++
	seq := s.heads[room]
	if s.members[room] == nil {
		s.members[room] = map[string]bool{}
	}
	switch kind {
	case chat.MemberJoined:
		s.members[room][user] = true
	case chat.MemberLeft, chat.MemberRemoved:
		delete(s.members[room], user)
	}
	s.hub.Deliver(context.Background(), chat.Delivery{RoomID: room, Events: []chat.Event{roomEvent(seq, kind, room, user)}})
	return seq
}

func roomEvent(seq int64, kind chat.ChangeKind, room, user string) chat.Event {
	e := &chat.RoomEvent{Seq: seq, Change: kind, Room: &chat.Room{RoomID: room}}
	if user != "" {
		e.Membership = &chat.Membership{RoomID: room, UserID: user}
	}
	return chat.Event{Seq: seq, Room: e}
}

func newMessage(room, user string, seq int64, content string) chat.Event {
	return chat.Event{Seq: seq, NewMessage: &chat.Message{RoomID: room, UserID: user, Seq: seq, Content: content}}
}

// say sends a message of nobody here.
func (s *fakeService) say(room, content string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heads[room]++
	s.hub.Deliver(context.Background(), chat.Delivery{RoomID: room, Events: []chat.Event{newMessage(room, "nobody", s.heads[room], content)}})
	return s.heads[room]
}

func (s *fakeService) Submit(_ context.Context, by string, m chat.NewMessage, origin chat.Origin, done func(chat.Message, bool, error)) {
	if m.Content == "" {
		done(chat.Message{}, false, chat.Errorf(chat.InvalidRequest, "A message needs a text."))
		return
	}
	s.mu.Lock()
	s.submitted++
	hold := s.hold
	s.mu.Unlock()
	s.queue <- func() {
		if hold != nil {
			<-hold
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.members[m.RoomID][by] {
			done(chat.Message{}, false, chat.Errorf(chat.Forbidden, "You are not a member of this room."))
			return
		}
		key := by + " " + m.ClientMessageID
		if first, ok := s.sent[key]; ok {
			done(first, true, nil)
			return
		}
		s.heads[m.RoomID]++
		msg := chat.Message{RoomID: m.RoomID, UserID: by, Seq: s.heads[m.RoomID], Content: m.Content, ClientMessageID: m.ClientMessageID}
		s.sent[key] = msg
		s.hub.Deliver(context.Background(), chat.Delivery{RoomID: m.RoomID, Events: []chat.Event{{Seq: msg.Seq, NewMessage: &msg, Origin: origin}}})
		done(msg, false, nil)
	}
}

func (s *fakeService) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, fmt.Sprintf(format, args...))
}

func (s *fakeService) Messages(_ context.Context, by, room string, q chat.PageQuery) (chat.MessagePage, error) {
	s.note("messages %s %s %d", by, room, q.Limit)
	if q.Limit == 99 {
		panic("a fault")
	}
	return chat.MessagePage{Messages: []chat.Message{{RoomID: room, Seq: 1, Content: strings.Repeat("x", 8000)}}, HasMoreBefore: true}, nil
}

func (s *fakeService) Clients(_ context.Context, by, room string) ([]chat.Client, error) {
	return []chat.Client{{UserID: by, Username: room, Online: true}}, nil
}

func (s *fakeService) Sync(_ context.Context, _ string, rooms map[string]int64, _ int) ([]chat.RoomSync, error) {
	var out []chat.RoomSync
	for id, seq := range rooms {
		out = append(out, chat.RoomSync{RoomID: id, HeadSeq: seq + 1, Events: []chat.Event{newMessage(id, "u", seq+1, "missed")}, Complete: true})
	}
	return out, nil
}

func (s *fakeService) Typing(ctx context.Context, by, room string) error {
	s.hub.Signal(ctx, room, by, chat.Event{Typing: &chat.Typing{RoomID: room, UserID: by}})
	return nil
}

func (s *fakeService) MarkRead(_ context.Context, by, room string, seq int64) error {
	s.note("read %s %s %d", by, room, seq)
	if seq < 0 {
		return &chat.Error{Code: chat.RateLimited, Message: "Slow down.", RetryAfter: 2 * time.Second}
	}
	return nil
}

func (s *fakeService) Heads(_ context.Context, by string) (map[string]int64, error) {
	s.mu.Lock()
	heads := map[string]int64{}
	for room, members := range s.members {
		if members[by] {
			heads[room] = s.heads[room]
		}
	}
	loading := s.loading
	s.mu.Unlock()
	if loading != nil {
		turn := make(chan error)
		loading <- turn
		if err := <-turn; err != nil {
			return nil, err
		}
	}
	return heads, nil
}

func (s *fakeService) Connected(userID string)    { s.tell("+" + userID) }
func (s *fakeService) Disconnected(userID string) { s.tell("-" + userID) }

func (s *fakeService) tell(what string) {
	s.tellMu.Lock()
	defer s.tellMu.Unlock()
	s.presence = append(s.presence, what)
}

func (s *fakeService) told() string {
	s.tellMu.Lock()
	defer s.tellMu.Unlock()
	return strings.Join(s.presence, " ")
}

// house is a gateway that serves on a loopback port.
type house struct {
	*fakeService
	g        *Gateway
	server   *httptest.Server
	arrivals *Listener
	taken    atomic.Int32 // connections ever
	asking   atomic.Int32 // requests ever
	gaveUp   atomic.Int32 // requests whose peer went before the answer
}

func newHouse(t testing.TB, c Config, tls bool) *house {
	t.Helper()
	hub := NewHub(0)
	h := &house{fakeService: newFakeService(hub)}
	c.Service, c.Hub, c.Logger = h.fakeService, hub, slog.New(slog.DiscardHandler)
	c.Authenticate = func(_ context.Context, cr Credentials) (Identity, error) {
		name, ok := strings.CutPrefix(cr.Ticket+cr.Bearer, "ok-")
		if !ok {
			return Identity{}, chat.Errorf(chat.Unauthenticated, "no")
		}
		user, session, _ := strings.Cut(name, "/")
		return Identity{UserID: user, SessionID: session}, nil
	}
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	h.g = g
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	h.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asking.Add(1)
		defer context.AfterFunc(r.Context(), func() { h.gaveUp.Add(1) })()
		opener{g}.ServeHTTP(w, r)
	}))
	h.arrivals = g.Listener(h.server.Listener)
	h.arrivals.stalled = time.Hour // TestStalledTurns has less
	h.server.Listener = h.arrivals
	h.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	h.server.Config.ConnState = func(c net.Conn, s http.ConnState) {
		if s == http.StateNew {
			h.taken.Add(1)
		}
		h.arrivals.ConnState(c, s)
	}
	if tls {
		h.server.StartTLS()
	} else {
		h.server.Start()
	}
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
		h.server.Close()
		close(h.queue)
		h.over.Wait()
		if n := g.Stats(); n.Connections != 0 || n.InFlight != 0 || n.Queued != 0 {
			t.Errorf("left over: %+v", n)
		}
		eventually(t, "all places are given back", func() bool { return len(g.places) == 0 })
	})
	return h
}

// each runs a test on polled connections, on such with goroutines, and over TLS.
func each(t *testing.T, l Limits, test func(t *testing.T, h *house)) {
	t.Helper()
	t.Run("polled", func(t *testing.T) { test(t, newHouse(t, Config{Limits: l}, false)) })
	t.Run("goroutines", func(t *testing.T) { test(t, newHouse(t, Config{Limits: l, Goroutines: true}, false)) })
	t.Run("tls", func(t *testing.T) { test(t, newHouse(t, Config{Limits: l}, true)) })
}

// client is a peer with another implementation of the protocol.
type client struct {
	t  testing.TB
	ws *websocket.Conn
}

// try opens a socket, if it is let in.
func (h *house) try(over *http.Client, token string) (*websocket.Conn, *http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return websocket.Dial(ctx, h.server.URL+"/ws", &websocket.DialOptions{
		HTTPClient: over, HTTPHeader: http.Header{"Authorization": {"Bearer ok-" + token}}, Subprotocols: []string{"other", "parley.v1"},
	})
}

func (h *house) dial(t testing.TB, token string) *client {
	t.Helper()
	ws, _, err := h.try(h.server.Client(), token) //nolint:bodyclose // the library does
	if err != nil {
		t.Fatal(err)
	}
	if ws.Subprotocol() != "parley.v1" {
		t.Errorf("subprotocol %q", ws.Subprotocol())
	}
	ws.SetReadLimit(1 << 20)
	t.Cleanup(func() { ws.CloseNow() })
	return &client{t, ws}
}

func (c *client) send(format string, args ...any) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, format, args...)); err != nil {
		c.t.Fatal(err)
	}
}

type received struct {
	Type      string
	RequestID string
	Data      struct {
		Message  messageOrText
		Seq      int64
		Change   chat.ChangeKind
		UserID   string
		RoomID   string
		Code     chat.Code
		Rooms    json.RawMessage
		Room     json.RawMessage
		Messages []chat.Message
	}
}

// messageOrText is the message of an event, or the sentence of an error, which is left out.
type messageOrText struct{ chat.Message }

func (m *messageOrText) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return nil
	}
	return json.Unmarshal(b, &m.Message)
}

// String is a short form to compare with.
func (r received) String() string {
	out := r.Type
	switch r.Type {
	case "newMessage", "ack", "messageUpdated":
		out += fmt.Sprintf(" %d %s", r.Data.Message.Seq, r.Data.Message.Content)
	case "room":
		out += fmt.Sprintf(" %d %s", r.Data.Seq, r.Data.Change)
	case "typing", "presence", "read":
		out += " " + r.Data.UserID
	case "error":
		out += " " + string(r.Data.Code)
	}
	if r.RequestID != "" {
		out += " for " + r.RequestID
	}
	return out
}

func (c *client) next() received {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, b, err := c.ws.Read(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	var r received
	if err := json.Unmarshal(b, &r); err != nil {
		c.t.Fatalf("%s: %v", b, err)
	}
	return r
}

// hears checks that these frames come next, and then nothing: a ping is answered at once.
func (c *client) hears(want ...string) {
	c.t.Helper()
	c.send(`{"action":"ping","requestId":"fence"}`)
	var got []string
	for {
		r := c.next()
		if r.Type == "pong" && r.RequestID == "fence" {
			break
		}
		got = append(got, r.String())
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("heard %q, want %q", got, want)
	}
}

// closed reads up to the close frame and returns its code.
func (c *client) closed() int {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	for {
		if _, _, err := c.ws.Read(ctx); err != nil {
			code := int(websocket.CloseStatus(err))
			if code < 0 {
				c.t.Errorf("closed without a code: %v", err)
			}
			return code
		}
	}
}

// eventually waits for what happens in its own time.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for range 2000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("in vain: " + what)
}

// opener answers what the gateway refuses to upgrade.
type opener struct{ *Gateway }

func (o opener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := o.Open(w, r)
	switch chat.CodeOf(err) {
	case "":
	case chat.Forbidden:
		w.WriteHeader(http.StatusForbidden)
	case chat.Unavailable:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		w.WriteHeader(http.StatusInternalServerError)
	}
}
