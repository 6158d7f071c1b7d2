package gateway

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"parley/chat"
	"parley/protocol"
)

// Bounds of what a mailbox keeps while nobody asks, and how often it may be emptied.
const (
	maxSignals     = 256
	maxSignalBytes = 64 << 10
	askEvery       = 100 * time.Millisecond
)

// mailbox is the transport of a connection without a socket, for people whose network lets none through: it notes that
// the log of a room of theirs has grown, and keeps what is never stored, until they ask by HTTP. The numbered changes
// themselves are read from the log, so an answer that gets lost loses nothing. Who does not ask is given up by the
// sweeper like any silent connection, and is there until then.
type mailbox struct {
	c    *conn
	once sync.Once // of ending the connection

	mu      sync.Mutex    // guards what follows; taken after the connection's
	wake    chan struct{} // of the latest call of Await: holds a token when there may be something to look at
	rooms   bool          // a change of a room or its members was told since the last look
	signals [][]byte      // frames that are never stored, oldest first
	size    int           // bytes in signals
	code    protocol.CloseCode
	asked   time.Time // when a call was last answered
}

// write takes whole frames, and never less.
func (m *mailbox) write(run []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for rest := run; len(rest) > 0; {
		op, payload, n := serverFrame(rest)
		rest = rest[n:]
		switch op {
		case ws.OpClose:
			m.code = protocol.CloseCode(binary.BigEndian.Uint16(payload))
		case ws.OpText:
			m.put(payload)
		}
	}
	m.ring()
	return len(run), nil
}

// put sorts one frame; mu is held.
func (m *mailbox) put(payload []byte) {
	switch frameType(payload) {
	case "newMessage", "messageUpdated": // they are read from the log
	case "room":
		m.rooms = true
	default:
		m.signals = append(m.signals, bytes.Clone(payload))
		for m.size += len(payload); m.size > maxSignalBytes || len(m.signals) > maxSignals; {
			m.size -= len(m.signals[0])
			m.signals = m.signals[1:]
		}
	}
}

// ring wakes who asks; mu is held.
func (m *mailbox) ring() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mailbox) arm(_, write bool) {
	if write && !m.c.out.empty() { // what was told before the connection began
		m.c.g.tasks.Go(func() { _ = m.c.flush(nil, m.write) }) // a mailbox takes everything
	}
}

func (m *mailbox) end() { m.kill() }

func (m *mailbox) kill() {
	m.once.Do(func() {
		m.mu.Lock()
		if m.code == 0 {
			m.code = protocol.CloseRestarting
		}
		m.ring()
		m.mu.Unlock()
		m.c.g.tasks.Go(m.c.gone)
	})
}

// begin makes a call of Await the latest; the one before is answered with nothing.
func (m *mailbox) begin() (wake chan struct{}, pause time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ring()
	m.wake = make(chan struct{}, 1)
	return m.wake, askEvery - time.Since(m.asked)
}

// take empties the mailbox for the call with wake; mine is false when a later call has taken over, and code is set when
// the connection was closed.
func (m *mailbox) take(wake chan struct{}) (told [][]byte, rooms, mine bool, code protocol.CloseCode) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wake != wake {
		return nil, false, false, 0
	}
	told, rooms = m.signals, m.rooms
	m.signals, m.size, m.rooms = nil, 0, false
	return told, rooms, true, m.code
}

// serverFrame reads the frame that b, made by this package, begins with, and how long it is.
func serverFrame(b []byte) (op ws.OpCode, payload []byte, n int) {
	size := int(b[1])
	n = 2
	switch size {
	case 126:
		size, n = int(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		size, n = int(binary.BigEndian.Uint64(b[2:])), 10 //nolint:gosec // its own length
	}
	return ws.OpCode(b[0] & 0x0f), b[n : n+size], n + size
}

// frameType is the type of a frame as package protocol writes it.
func frameType(payload []byte) string {
	_, rest, _ := bytes.Cut(payload, []byte(`{"type":"`))
	name, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(name)
}

// Await serves a person without a socket: it calls look, which reads what is new in the logs of their rooms and tells
// whether that is anything, until it is, or something that is never stored was told, or wait is over. The connection
// goes on between calls: id is the one that the last call returned, or empty. A new connection is answered at once.
//
// Told are the frames that are never stored. Unauthenticated says that the session has ended, RateLimited that there are
// too many connections, Unavailable that the server is stopping or full.
func (g *Gateway) Await(ctx context.Context, who Identity, id string, wait time.Duration,
	look func(context.Context) (found bool, err error),
) (newID string, told [][]byte, err error) {
	m, isNew, err := g.mailbox(ctx, who, id)
	if err != nil {
		return "", nil, err
	}
	wake, pause := m.begin()
	defer func() {
		m.c.heard.Store(g.now())
		m.mu.Lock()
		m.asked = time.Now()
		m.mu.Unlock()
	}()
	over := time.NewTimer(wait)
	defer over.Stop()
	for done := false; ; {
		signals, rooms, mine, code := m.take(wake)
		told = append(told, signals...)
		if err := refusal(code); err != nil || !mine {
			return m.c.id, told, err
		}
		m.c.heard.Store(g.now())
		found, err := look(ctx)
		if err != nil || found || done || isNew || rooms || len(told) > 0 {
			return m.c.id, told, err
		}
		select {
		case <-wake:
			select { // what comes together is told together
			case <-time.After(pause):
			case <-ctx.Done():
			}
		case <-over.C:
			done = true
		case <-ctx.Done():
			return m.c.id, told, ctx.Err()
		}
	}
}

// refusal is what a close code means to somebody who asks by HTTP.
func refusal(code protocol.CloseCode) error {
	switch code {
	case 0, protocol.CloseTooSlow: // the next call begins a new connection
		return nil
	case protocol.CloseUnauthenticated:
		return chat.Errorf(chat.Unauthenticated, "The session has ended.")
	}
	return &chat.Error{Code: chat.Unavailable, Message: "The server is restarting. Please try again.", RetryAfter: time.Second}
}

// mailbox returns the mailbox of a person by its id, or a new one.
func (g *Gateway) mailbox(ctx context.Context, who Identity, id string) (_ *mailbox, isNew bool, err error) {
	if u := g.hub.user(who.UserID); u != nil && id != "" {
		for _, c := range u.connections() {
			if c.id != id || c.session != who.SessionID {
				continue
			}
			c.mu.Lock()
			m, ok := c.t.(*mailbox)
			ok = ok && c.state == open
			c.mu.Unlock()
			if ok {
				return m, false, nil
			}
		}
	}
	if err := g.room(); err != nil {
		return nil, false, err
	}
	c := g.newConn(who.SessionID)
	if !g.hub.register(c, who.UserID, g.limits.ConnectionsPerUser) {
		return nil, false, &chat.Error{Code: chat.RateLimited, Message: "Too many connections.", RetryAfter: 10 * time.Second}
	}
	if err := g.hub.load(ctx, c.user, g.service); err != nil {
		c.leave()
		return nil, false, err
	}
	if err := g.add(c); err != nil {
		c.leave()
		return nil, false, err
	}
	c.user.tell(g.service)
	m := &mailbox{c: c, wake: make(chan struct{}, 1)}
	return m, true, c.start(nil, func(*conn) (transport, error) { return m, nil })
}
