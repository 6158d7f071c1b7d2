package checker

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"parley/chat"
)

// raw is a device with a client of its own, written from docs/protocol.md with nothing of package client, so that neither
// vouches for itself. It shows the checker every frame as it came.
type raw struct {
	*device
	p   *person
	url string // of the socket

	silence time.Duration // it pings twice in that time, and gives a connection up after twice that time
	backoff time.Duration // at most
	early   bool          // repeats are answered by whoever gets them, also before their number was told

	tamper func(text []byte) [][]byte // what the network makes of a frame, if it lies

	// Of the connection; owned by run.
	conn    net.Conn
	epoch   int
	answers int                         // to sync, counted over all connections
	started bool                        // the first pong has come
	pending map[string]map[int64]change // came live, but something before it is missing
	asked   map[string]map[string]int64 // by requestId of a sync
	askedAt map[string]int64            // the same: when
	asking  map[string]bool
	lastAsk time.Time // of a sync: an answer may never come

	// By room, guarded by mu.
	newest map[string]int64 // the head at the start, or what came live since
	top    map[string]int64 // the same, with answers

	writing sync.Mutex // one frame at a time
	sends   sync.Mutex // guards what follows
	open    net.Conn   // nil while offline
	request int
	waiting []*sending
}

// sending is a message on its way: it is written on each new connection until it is answered.
type sending struct {
	id     string
	text   []byte
	answer chan sentAnswer
}

type sentAnswer struct {
	message chat.Message
	err     error
}

// frame is a frame of the server.
type frame struct {
	Type      string
	RequestID string
	Data      json.RawMessage
}

// change is a numbered frame.
type change struct {
	room    string
	seq     int64
	kind    chat.ChangeKind
	message *chat.Message
	about   *chat.RoomEvent
	frame   string // canonical
	shown   string // canonical form of the message
	answer  bool   // it may be no more than the answer to a repeat
}

func newRaw(ctx context.Context, rec *record, p *person, name, address string) *raw {
	return &raw{
		device: newDevice(ctx, rec, p, name), p: p, url: "ws" + strings.TrimPrefix(address, "http") + "/ws",
		silence: silence, backoff: 200 * time.Millisecond, tamper: func(text []byte) [][]byte { return [][]byte{text} },
	}
}

// run keeps a connection until ctx ends.
func (c *raw) run(ctx context.Context) error {
	for wait := time.Duration(0); ctx.Err() == nil; {
		started, err := c.connect(ctx)
		if err != nil && errors.Is(err, errProtocol) {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if wait = min(2*wait+5*time.Millisecond, c.backoff); started {
			wait = 5 * time.Millisecond
		}
		pause(ctx, rand.N(wait))
	}
	return nil
}

// errProtocol says that the server did what the protocol has not.
var errProtocol = errors.New("the server breaks the protocol")

// connect makes one connection and reads it until it ends; started tells whether anything came.
func (c *raw) connect(ctx context.Context) (started bool, err error) {
	dialer := ws.Dialer{
		Timeout: 2 * c.silence, Protocols: []string{"parley.v1"},
		Header: ws.HandshakeHeaderHTTP(http.Header{"Authorization": {"Bearer " + c.p.token(ctx)}}),
	}
	conn, early, _, err := dialer.Dial(ctx, c.url)
	if err != nil {
		if status, ok := errors.AsType[ws.StatusError](err); ok && int(status) == http.StatusUnauthorized {
			c.p.expired(ctx)
		}
		return false, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	var in io.Reader = conn
	if early != nil {
		in = early
	}
	c.epoch++
	c.conn, c.started = conn, false
	c.pending, c.asking = map[string]map[int64]change{}, map[string]bool{}
	c.asked, c.askedAt = map[string]map[string]int64{}, map[string]int64{}
	c.mu.Lock()
	c.newest, c.top = map[string]int64{}, map[string]int64{}
	c.mu.Unlock()
	defer c.offline()
	if err := c.write(`{"action":"ping"}`); err != nil {
		return false, err
	}
	ticks, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ticks)
		c.heartbeat(conn, done)
	}()
	defer func() { close(done); _ = conn.Close(); <-ticks }()
	frames := wsutil.Reader{Source: in, State: ws.StateClientSide, CheckUTF8: true, OnIntermediate: c.control}
	for {
		_ = conn.SetReadDeadline(time.Now().Add(2 * c.silence))
		text, err := c.read(&frames)
		if err != nil {
			return c.started, err
		}
		for _, text := range c.tamper(text) {
			if err := c.frame(text); err != nil {
				return c.started, err
			}
		}
	}
}

// read returns the next text; pings are answered.
func (c *raw) read(frames *wsutil.Reader) ([]byte, error) {
	for {
		h, err := frames.NextFrame()
		if err != nil {
			return nil, err
		}
		switch h.OpCode {
		case ws.OpText:
			return io.ReadAll(frames)
		case ws.OpClose:
			if reason, err := io.ReadAll(frames); err == nil && len(reason) >= 2 {
				c.rec.closed(binary.BigEndian.Uint16(reason))
			}
			return nil, io.EOF
		}
		if err := c.control(h, frames); err != nil {
			return nil, err
		}
	}
}

func (c *raw) control(h ws.Header, body io.Reader) error {
	payload, err := io.ReadAll(body)
	if err != nil || h.OpCode != ws.OpPing {
		return err
	}
	return c.writeFrame(c.conn, ws.NewPongFrame(payload))
}

func (c *raw) heartbeat(conn net.Conn, done <-chan struct{}) {
	tick := time.NewTicker(c.silence / 2)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if c.writeFrame(conn, ws.NewTextFrame([]byte(`{"action":"ping"}`))) != nil {
				_ = conn.Close()
				return
			}
		}
	}
}

func (c *raw) write(text string) error { return c.writeFrame(c.conn, ws.NewTextFrame([]byte(text))) }

func (c *raw) writeFrame(conn net.Conn, f ws.Frame) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = conn.SetWriteDeadline(time.Now().Add(2 * c.silence))
	return ws.WriteFrame(conn, ws.MaskFrameInPlace(f))
}

func (c *raw) frame(text []byte) error {
	var f frame
	if err := json.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("%w: %q", errProtocol, text)
	}
	switch f.Type {
	case "pong":
		return c.pong(f)
	case "synced":
		return c.synced(f)
	case "error":
		return c.refused(f)
	case "newMessage", "ack", "messageUpdated", "room":
		ch, err := c.change(f)
		if err != nil {
			return err
		}
		if f.Type == "ack" {
			defer c.answered(f.RequestID, sentAnswer{message: *ch.message})
			if c.repeat(ch) {
				return nil
			}
			ch.answer = c.early
		}
		return c.live(ch)
	}
	return nil
}

// repeat tells whether an acknowledgement answers a repeat of what was told before, here or on another connection. What is
// told for the first time is of a room that the first pong or a joining has told of.
func (c *raw) repeat(ch change) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	newest, known := c.newest[ch.room]
	return !known || ch.seq <= newest
}

// heard tells how far the present connection has told of a room by itself, without sync.
func (c *raw) heard(room string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.top[room], c.newest[room])
}

// change reads a numbered frame.
func (c *raw) change(f frame) (change, error) {
	var data struct{ Message json.RawMessage }
	var ch change
	if f.Type == "room" {
		if err := json.Unmarshal(f.Data, &ch.about); err != nil || ch.about.Room == nil {
			return ch, fmt.Errorf("%w: a room frame %s", errProtocol, f.Data)
		}
		ch.room, ch.seq, ch.kind, ch.frame = ch.about.Room.RoomID, ch.about.Seq, ch.about.Change, c.rec.canonical(f.Data)
		return ch, nil
	}
	if err := json.Unmarshal(f.Data, &data); err != nil {
		return ch, fmt.Errorf("%w: a frame %s with %s", errProtocol, f.Type, f.Data)
	}
	if ch.message, ch.shown = c.rec.message(data.Message); ch.message == nil {
		return ch, fmt.Errorf("%w: a frame %s with %s", errProtocol, f.Type, f.Data)
	}
	ch.room, ch.seq, ch.frame = ch.message.RoomID, ch.message.Seq, ch.shown
	if f.Type == "messageUpdated" {
		ch.kind, ch.seq = chat.MessageChanged, ch.message.UpdatedSeq
	}
	return ch, nil
}

// live takes a numbered frame as it came.
func (c *raw) live(ch change) error {
	c.mu.Lock()
	c.hear(Told{Room: ch.room, How: Live, Epoch: c.epoch, Seq: ch.seq, Kind: ch.kind, Message: ch.message, Frame: ch.frame, Answer: ch.answer})
	c.top[ch.room] = max(c.top[ch.room], ch.seq)
	if !ch.answer {
		c.newest[ch.room] = max(c.newest[ch.room], ch.seq)
	}
	v := c.views[ch.room]
	mine := ch.kind == chat.MemberJoined && ch.about.Membership != nil && ch.about.Membership.UserID == c.user
	if v == nil && (mine || ch.kind == chat.RoomCreated) {
		v = c.begin(ch.room, ch.seq-1)
	}
	c.mu.Unlock()
	if v == nil { // a room that the next pong will tell of
		return nil
	}
	if c.pending[ch.room] == nil {
		c.pending[ch.room] = map[int64]change{}
	}
	c.pending[ch.room][ch.seq] = ch
	return c.merge(ch.room)
}

// merge shows what follows without a gap, and asks for what is missing.
func (c *raw) merge(room string) error {
	c.mu.Lock()
	v := c.views[room]
	for v != nil {
		ch, ok := c.pending[room][v.position+1]
		if !ok {
			break
		}
		c.apply(v, ch)
		v = c.views[room]
	}
	behind := false
	for seq := range c.pending[room] {
		if v == nil || seq <= v.position {
			delete(c.pending[room], seq)
		} else {
			behind = true
		}
	}
	c.mu.Unlock()
	if behind && c.started && !c.asking[room] {
		return c.sync(map[string]int64{room: v.position})
	}
	return nil
}

// apply shows the next change of a room; mu is held.
func (c *raw) apply(v *view, ch change) {
	v.position = ch.seq
	if ch.message != nil {
		v.show(ch.message, ch.shown)
	}
	if ends(ch.kind, ch.about, c.user) {
		c.end(ch.room)
	}
}

// pong shows which rooms there are and how far they have got.
func (c *raw) pong(f frame) error {
	var data struct{ Rooms map[string]int64 }
	if err := json.Unmarshal(f.Data, &data); err != nil {
		return fmt.Errorf("%w: pong %s", errProtocol, f.Data)
	}
	ask := map[string]int64{}
	first := !c.started
	c.started = true
	if time.Since(c.lastAsk) > 2*c.silence {
		clear(c.asking)
	}
	c.mu.Lock()
	for room, head := range data.Rooms {
		if first {
			c.heads = append(c.heads, Head{Observer: c.name, Room: room, Epoch: c.epoch, Seq: head})
			c.newest[room] = max(c.newest[room], head)
		}
		if v := c.views[room]; v == nil { // new, or already over: then sync says so
			ask[room] = c.begin(room, head).position
		} else if v.position < head && !c.asking[room] {
			ask[room] = v.position
		}
	}
	if first { // sync all that was known before: it tells also of rooms that one is no longer in
		for room, v := range c.views {
			ask[room] = v.position
		}
	}
	c.mu.Unlock()
	if err := c.sync(ask); err != nil || !first {
		return err
	}
	return c.resend()
}

func (c *raw) sync(rooms map[string]int64) error {
	if len(rooms) == 0 {
		return nil
	}
	id := fmt.Sprint("sync", len(c.asked))
	c.lastAsk = time.Now()
	c.asked[id], c.askedAt[id] = rooms, c.rec.now()
	for room := range rooms {
		c.asking[room] = true
	}
	text := marshal(map[string]any{"action": "sync", "requestId": id, "data": map[string]any{"rooms": rooms}})
	return c.write(string(text))
}

func (c *raw) synced(f frame) error {
	var data struct {
		Rooms []struct {
			RoomID         string
			HeadSeq        int64
			Events         []frame
			Complete, More bool
		}
		More bool
	}
	if err := json.Unmarshal(f.Data, &data); err != nil || c.asked[f.RequestID] == nil {
		return fmt.Errorf("%w: synced %s", errProtocol, f.Data)
	}
	left := maps.Clone(c.asked[f.RequestID])
	again := map[string]int64{}
	for _, r := range data.Rooms {
		after, ok := left[r.RoomID]
		if !ok {
			return fmt.Errorf("%w: synced a room that was not asked for: %s", errProtocol, f.Data)
		}
		delete(left, r.RoomID)
		c.asking[r.RoomID] = false
		if !r.Complete && !r.More {
			c.mu.Lock()
			if c.end(r.RoomID); r.HeadSeq > 0 {
				c.begin(r.RoomID, r.HeadSeq)
			}
			c.mu.Unlock()
			continue
		}
		c.answers++
		for _, e := range r.Events {
			ch, err := c.change(e)
			if err != nil {
				return err
			}
			c.missed(ch, after, c.askedAt[f.RequestID])
		}
		if err := c.merge(r.RoomID); err != nil {
			return err
		}
		c.mu.Lock()
		if v := c.views[r.RoomID]; v != nil && r.More {
			again[r.RoomID] = v.position
		}
		c.mu.Unlock()
	}
	c.mu.Lock()
	for room := range left {
		if v := c.views[room]; v != nil && data.More {
			again[room] = v.position
		}
	}
	c.mu.Unlock()
	return c.sync(again)
}

// missed takes a change out of an answer to sync.
func (c *raw) missed(ch change, after, call int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hear(Told{
		Room: ch.room, How: Synced, Epoch: c.answers, After: after, Call: call, Return: c.rec.now(), Seq: ch.seq, Kind: ch.kind,
		Message: ch.message, Frame: ch.frame,
	})
	v := c.views[ch.room]
	mine := ch.kind == chat.MemberJoined && ch.about.Membership != nil && ch.about.Membership.UserID == c.user
	if v == nil && mine { // left and came back while away
		v = c.begin(ch.room, ch.seq-1)
	}
	if v != nil && ch.seq == v.position+1 {
		c.apply(v, ch)
	}
}
