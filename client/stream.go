package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"parley/chat"
)

const (
	firstID      = "first" // the very first ping; requests of the caller have numbers
	syncID       = "sync"
	writeTimeout = 20 * time.Second
)

// State is what a Stream does.
type State int

// The states of a Stream.
const (
	Offline State = iota // no connection; it tries again by itself
	Online               // connected, catching up
	Current              // all that happened before has been told
)

// StreamOptions say what a Stream tells, and to whom. Handle is required.
type StreamOptions struct {
	// Handle is told each event by the goroutine of Run; while it works nothing is read. Its error ends Run.
	Handle func(Event) error
	// OnState is told, likewise, when the state changes, and what went wrong with Offline.
	OnState func(State, error)
	// From is the last log number that is known already of each room; of others only what is new is told, or with All
	// everything from the first number on.
	From map[string]int64
	All  bool
	// PingEvery is the time between heartbeats; default 25 s. A connection silent for longer than twice that is lost.
	PingEvery time.Duration
	// AnswerWithin is how long to wait for an answer on a connection that lives: then the request is made again, since what
	// worked at it may have died. Default 15 s.
	AnswerWithin time.Duration
	// Poll asks by HTTP again and again in place of opening a socket, for networks that let none through.
	Poll bool
}

// CloseError says that the server ended the connection and does not want another from this client.
type CloseError struct {
	Code   int // a close code of the contract: 4400, 4401, 4403 or 4429
	Reason string
}

// Error is the server's reason with the code.
func (e *CloseError) Error() string {
	return fmt.Sprintf("the server closed the connection: %d %s", e.Code, e.Reason)
}

// Stream is a live connection that is made again whenever it is lost. Each numbered change of each room is told exactly
// once and in the order of the room's log: it subscribes first, then fetches what it missed, and merges by number. Where
// the server ends sockets after a time (two hours on AWS) that is one more loss, and the stream briefly Offline.
type Stream struct {
	c   *Client
	opt StreamOptions
	t   *tracker // owned by Run
	// asked is when a sync was last asked for; owned by Run.
	asked time.Time

	// mu guards what follows.
	mu        sync.Mutex
	conn      *websocket.Conn // nil while offline
	begun     bool            // the answer to the very first ping has come
	waiting   []*waiter       // requests without an answer, in order
	positions map[string]int64
	state     State
	request   int           // of the last request made
	ended     chan struct{} // closed when Run ends
}

// waiter is one request that is sent again on each new connection until it is answered.
type waiter struct {
	id     string
	text   []byte
	answer chan answer // of capacity 1
}

type answer struct {
	message *chat.Message
	err     error
}

// Stream makes a stream for the person who is signed in. Nothing happens until Run.
func (c *Client) Stream(o StreamOptions) *Stream {
	if o.OnState == nil {
		o.OnState = func(State, error) {}
	}
	if o.PingEvery <= 0 {
		o.PingEvery = 25 * time.Second
	}
	if o.AnswerWithin <= 0 {
		o.AnswerWithin = 15 * time.Second
	}
	t := newTracker(c.Session().User.UserID, o.From, o.All)
	return &Stream{c: c, opt: o, t: t, positions: t.positions(), ended: make(chan struct{})}
}

// Run keeps the stream until ctx ends (its error is then that of ctx), Handle fails, or the server refuses for good: a
// *CloseError, or chat.Unauthenticated when the session is over. It may be called once.
func (s *Stream) Run(ctx context.Context) error {
	defer close(s.ended)
	refused, connect := 0, s.connect
	if s.opt.Poll {
		connect = s.poll
	}
	for attempt := 0; ; attempt++ {
		opened, err := connect(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if opened {
			attempt, refused = 0, 0
		}
		if refused, err = s.final(ctx, refused, err); err != nil && refused < 0 {
			return err
		}
		s.setState(Offline, err)
		s.c.opt.Logger.Debug("stream is offline", "error", err)
		if err := sleep(ctx, s.c.backoff(attempt)); err != nil {
			return err
		}
	}
}

// final tells by a negative number that err ends the stream; otherwise how often in a row the server refused the token.
func (s *Stream) final(ctx context.Context, refused int, err error) (int, error) {
	if own, ok := errors.AsType[*handlerError](err); ok {
		return -1, own.err
	}
	closed, _ := errors.AsType[websocket.CloseError](err)
	switch int(closed.Code) {
	case 4400, 4403, 4429:
		return -1, &CloseError{int(closed.Code), closed.Reason}
	case 4401:
		err = chat.Errorf(chat.Unauthenticated, "The session has ended.")
	}
	if chat.CodeOf(err) != chat.Unauthenticated {
		return 0, err
	}
	if refused > 0 {
		return -1, err
	}
	if _, renewed := s.c.token(ctx, s.c.Session().AccessToken); chat.CodeOf(renewed) == chat.Unauthenticated {
		return -1, renewed
	}
	return refused + 1, err
}

// handlerError is an error of the caller's Handle.
type handlerError struct{ err error }

func (e *handlerError) Error() string { return e.err.Error() }

// connect makes one connection and reads it until it ends.
func (s *Stream) connect(ctx context.Context) (opened bool, err error) {
	conn, err := s.dial(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.CloseNow() }()
	s.t.forget()
	s.setState(Online, nil)
	if err := s.attach(ctx, conn); err != nil {
		return true, err
	}
	defer s.detach()

	ctx, stop := context.WithCancel(ctx)
	var pinger sync.WaitGroup
	pinger.Go(func() { s.heartbeat(ctx, conn) })
	defer pinger.Wait()
	defer stop()
	if err := write(ctx, conn, s.ping()); err != nil {
		return true, err
	}
	for {
		f, err := s.read(ctx, conn)
		if err != nil {
			return true, err
		}
		if err := s.frame(ctx, conn, f); err != nil {
			return true, err
		}
	}
}

func (s *Stream) dial(ctx context.Context) (*websocket.Conn, error) {
	token, err := s.c.token(ctx, "")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	u := *s.c.base
	u.Path = strings.TrimSuffix(u.Path, "/") + "/ws"
	conn, res, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{ //nolint:bodyclose // the library closes it
		HTTPClient:   s.c.opt.HTTP,
		Subprotocols: []string{"parley.v1"},
		HTTPHeader:   http.Header{"Authorization": {"Bearer " + token}, "User-Agent": {s.c.opt.UserAgent}},
	})
	if err != nil {
		if res != nil && res.StatusCode == http.StatusUnauthorized {
			return nil, chat.Errorf(chat.Unauthenticated, "The session has ended.")
		}
		return nil, unreachable(ctx, err)
	}
	conn.SetReadLimit(1 << 20)
	return conn, nil
}

// read reads one frame. A connection that is silent for too long is lost.
func (s *Stream) read(ctx context.Context, conn *websocket.Conn) (f frame, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*s.opt.PingEvery)
	defer cancel()
	_, text, err := conn.Read(ctx)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("decode a frame: %w", err)
	}
	return f, nil
}

func write(ctx context.Context, conn *websocket.Conn, a action) error {
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode a frame: %w", err)
	}
	return conn.Write(ctx, websocket.MessageText, text)
}

// ping asks for the heads of all rooms; the first says so until it is answered.
func (s *Stream) ping() action {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun {
		return action{Action: "ping"}
	}
	return action{Action: "ping", RequestID: firstID}
}

func (s *Stream) heartbeat(ctx context.Context, conn *websocket.Conn) {
	tick := time.NewTicker(s.opt.PingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if write(ctx, conn, s.ping()) != nil {
				return // the reader sees it too
			}
		}
	}
}

// frame does what one frame asks for.
func (s *Stream) frame(ctx context.Context, conn *websocket.Conn, f frame) error {
	var tell []Event
	var heads map[string]int64
	switch f.Type {
	case "error":
		if f.RequestID == syncID {
			return f.refusal() // connect again, later
		}
		s.answered(f.RequestID, answer{err: f.refusal()})
		return nil
	case "pong":
		var data struct{ Rooms map[string]int64 }
		if err := json.Unmarshal(f.Data, &data); err != nil {
			return fmt.Errorf("decode a pong: %w", err)
		}
		heads = data.Rooms
		tell = s.t.heads(heads, f.RequestID == firstID)
		s.mu.Lock()
		s.begun = true
		s.mu.Unlock()
		if time.Since(s.asked) > s.opt.AnswerWithin {
			s.t.unask()
		}
	case "synced":
		return s.synced(ctx, conn, f)
	default:
		e, ok, err := f.event()
		if err != nil {
			return err
		}
		if ok {
			tell = s.t.add(e)
		}
		if f.Type == "ack" {
			defer s.answered(f.RequestID, answer{message: e.NewMessage})
		}
	}
	if err := s.tell(tell); err != nil {
		return err
	}
	if s.t.lost() {
		return write(ctx, conn, action{Action: "ping"})
	}
	if err := s.sync(ctx, conn, s.t.gaps(heads)); err != nil {
		return err
	}
	s.caughtUp()
	return nil
}

func (s *Stream) synced(ctx context.Context, conn *websocket.Conn, f frame) error {
	rooms, more, err := f.synced()
	if err != nil {
		return err
	}
	again := map[string]int64{}
	for _, r := range rooms {
		tell, behind := s.t.synced(r)
		if err := s.tell(tell); err != nil {
			return err
		}
		if behind && len(tell) == 0 {
			return fmt.Errorf("the server left out changes of room %s after %d", r.RoomID, s.t.rooms[r.RoomID].last)
		}
		if behind {
			again[r.RoomID] = s.t.rooms[r.RoomID].last
		}
	}
	if more { // rooms were left out: all that are still asked for, since nothing says which
		for id, r := range s.t.rooms {
			if r.asking {
				again[id] = r.last
			}
		}
	}
	if err := s.sync(ctx, conn, again); err != nil {
		return err
	}
	s.caughtUp()
	return nil
}

// sync asks what was missed of rooms, in as many frames as needed.
func (s *Stream) sync(ctx context.Context, conn *websocket.Conn, rooms map[string]int64) error {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(rooms)), 200) {
		ask := map[string]int64{}
		for _, id := range ids {
			ask[id] = rooms[id]
			s.t.rooms[id].asking = true
		}
		s.asked = time.Now()
		if err := write(ctx, conn, action{Action: "sync", RequestID: syncID, Data: map[string]any{"rooms": ask}}); err != nil {
			return err
		}
	}
	return nil
}

// caughtUp notes that nothing is missing any more.
func (s *Stream) caughtUp() {
	if s.t.current() {
		s.setState(Current, nil)
	}
}

func (s *Stream) tell(events []Event) error {
	for _, e := range events {
		if err := s.opt.Handle(e); err != nil {
			return &handlerError{err}
		}
	}
	if len(events) > 0 {
		positions := s.t.positions()
		s.mu.Lock()
		s.positions = positions
		s.mu.Unlock()
	}
	return nil
}

// Positions returns the last number told of each room: what to give as From to a later stream.
func (s *Stream) Positions() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.positions)
}

func (s *Stream) setState(state State, err error) {
	s.mu.Lock()
	same := s.state == state
	s.state = state
	s.mu.Unlock()
	if !same || err != nil {
		s.opt.OnState(state, err)
	}
}

// attach makes conn the one to write to, and sends again what was not answered.
func (s *Stream) attach(ctx context.Context, conn *websocket.Conn) error {
	s.mu.Lock()
	s.conn = conn
	waiting := slices.Clone(s.waiting)
	s.mu.Unlock()
	for _, w := range waiting {
		if err := conn.Write(ctx, websocket.MessageText, w.text); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stream) detach() {
	s.mu.Lock()
	s.conn = nil
	s.mu.Unlock()
}

// answered ends a request.
func (s *Stream) answered(id string, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.waiting, func(w *waiter) bool { return w.id == id })
	if id == "" || i < 0 {
		return
	}
	s.waiting[i].answer <- a
	s.waiting = slices.Delete(s.waiting, i, i+1)
}

// Send sends a message over the stream and returns it once it is durable, however often the connection breaks. Like
// every change it is told to Handle as well. Repeats carry the same ClientMessageID.
func (s *Stream) Send(ctx context.Context, n chat.NewMessage) (chat.Message, error) {
	if n.ClientMessageID == "" {
		n.ClientMessageID = NewID()
	}
	if s.opt.Poll {
		return s.post(ctx, n)
	}
	for attempt := 0; ; attempt++ {
		a, err := s.ask(ctx, "sendMessage", n)
		if err != nil {
			return chat.Message{}, err
		}
		refusal, ok := errors.AsType[*chat.Error](a.err)
		switch {
		case ok && (refusal.Code == chat.RateLimited || refusal.Code == chat.Unavailable):
			if err := sleep(ctx, max(refusal.RetryAfter, s.c.backoff(attempt))); err != nil {
				return chat.Message{}, err
			}
			continue
		case a.err != nil:
			return chat.Message{}, a.err
		case a.message == nil:
			return chat.Message{}, errors.New("the server acknowledged without a message")
		}
		return *a.message, nil
	}
}

// ask sends one request and waits for its answer.
func (s *Stream) ask(ctx context.Context, name string, data any) (answer, error) {
	s.mu.Lock()
	s.request++
	w := &waiter{id: strconv.Itoa(s.request), answer: make(chan answer, 1)}
	text, err := json.Marshal(action{Action: name, RequestID: w.id, Data: data})
	if err != nil {
		s.mu.Unlock()
		return answer{}, fmt.Errorf("encode a request: %w", err)
	}
	w.text = text
	s.waiting = append(s.waiting, w)
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		// A write that is given up would end the connection, so it outlives ctx; if it fails, the request is sent again
		// on the next connection.
		patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
		_ = conn.Write(patient, websocket.MessageText, text)
		cancel()
	}
	late := time.NewTimer(s.opt.AnswerWithin)
	defer late.Stop()
	select {
	case a := <-w.answer:
		return a, nil
	case <-late.C:
		s.answered(w.id, answer{})
		return answer{err: chat.Errorf(chat.Unavailable, "The server does not answer.")}, nil
	case <-ctx.Done():
		s.answered(w.id, answer{})
		return answer{}, ctx.Err()
	case <-s.ended:
		return answer{}, chat.Errorf(chat.Unavailable, "The stream has ended.")
	}
}

// Typing tells the others of a room that one is writing; it is dropped while offline.
func (s *Stream) Typing(ctx context.Context, roomID string) error {
	if s.opt.Poll {
		return s.c.do(ctx, call{method: http.MethodPost, path: room(roomID, "typing")})
	}
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn == nil {
		return nil
	}
	return write(ctx, conn, action{Action: "typing", Data: map[string]string{"roomId": roomID}})
}
