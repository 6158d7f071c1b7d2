package gateway

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"parley/chat"
	"parley/protocol"
)

// transport moves a connection's bytes. Its reader (a poller, or a goroutine) calls the connection's feed, flush and
// gone; the connection calls the methods here, with mu held, until it is gone.
type transport interface {
	// write sends what can go without waiting, and returns how much that was: zero if the queue must take all.
	write(b []byte) (int, error)
	// arm tells what the connection now waits for: bytes to read (read), room to write (write). With write, flush is
	// called as soon as there is room, then feed(nil).
	arm(read, write bool)
	// end says that nothing more will be written, so that the peer need not wait.
	end()
	// kill ends the connection at once; gone follows from the reader.
	kill()
}

type connState uint8

const (
	held    connState = iota // not yet upgraded: all that is sent waits in the queue
	open                     // as it should be
	closing                  // a close frame was sent or waits in the queue; nothing follows it
	dead                     // the socket is closed, or about to be
)

// closeWait is how long a peer has to answer a close frame.
const closeWait = 5 * time.Second

// conn is one socket of one person. An idle one holds no buffer and no goroutine.
//
// What a message passed on to many people touches stands first, in two cache lines (see fetch).
type conn struct {
	mu       sync.Mutex   // guards what follows down to pinged, but for the atomics, and calls of t
	heard    atomic.Int64 // when bytes last came, in milliseconds of the gateway's clock
	state    connState
	working  bool
	paused   bool // not reading, until what is in flight is less
	draining bool // not reading any more
	finish   bool // kill when the queue is empty
	out      queue
	t        transport
	ends     atomic.Int64 // when a closing connection is cut, on the clock of heard; zero before
	polled   socket       // t, if a poller reads the connection

	requests []protocol.Request // waiting for work, which runs while working
	sending  int                // messages submitted, not yet done
	pinged   int64              // the value of heard that was last answered by a ping

	id      string
	session string
	g       *Gateway
	user    *user // nil for one that was refused

	in input // owned by the transport's reader
}

// trait is what may be done with a run of frames.
type trait uint8

const (
	volatile trait = 1 << iota // it is dropped when the peer is behind
	borrowed                   // it belongs to the caller again after the call: who keeps it must copy it
)

// send tells the peer a run of whole frames: at once if nothing waits before it, else by the queue. It never waits. A peer
// too far behind is disconnected.
func (c *conn) send(run []byte, is trait) {
	c.mu.Lock()
	ok := c.write(run, is)
	c.mu.Unlock()
	if !ok {
		c.leave()
	}
}

// write is send with mu held; false if that was too much.
func (c *conn) write(run []byte, is trait) bool {
	if c.state > open {
		return true
	}
	if c.state == open && c.out.empty() {
		n, err := c.t.write(run)
		if err != nil {
			c.t.kill()
			return true
		}
		if n == len(run) {
			return true
		}
		c.out.push(kept(run[n:], is))
		c.out.begun = n > 0
		c.t.arm(c.reads(), true)
		return true
	}
	limits, total := &c.g.limits, c.g.queued.Load()
	if is&volatile != 0 && (c.out.size > limits.QueueBytes/2 || len(c.out.runs) > limits.QueueRuns/2 || total > limits.QueueTotal/2) {
		return true
	}
	if !c.out.empty() && (c.out.size+len(run) > limits.QueueBytes || len(c.out.runs) >= limits.QueueRuns || total > limits.QueueTotal && c.out.behind()) {
		c.g.slow.Add(1)
		c.shut(protocol.CloseTooSlow)
		return false
	}
	c.out.push(kept(run, is))
	return true
}

// kept is a run that may be kept.
func kept(run []byte, is trait) []byte {
	if is&borrowed != 0 {
		return bytes.Clone(run)
	}
	return run
}

// reads tells whether more requests are wanted.
func (c *conn) reads() bool {
	return c.state == closing || c.state == open && !c.paused && !c.draining
}

// close ends the connection with a code.
func (c *conn) close(code protocol.CloseCode) {
	c.mu.Lock()
	c.shut(code)
	c.mu.Unlock()
	c.leave()
}

// shut is close with mu held; the caller calls leave after it. What waits in the queue goes before the close frame only
// when the server restarts; otherwise the peer learns what it missed by sync, or must not.
func (c *conn) shut(code protocol.CloseCode) {
	if c.state >= closing {
		return
	}
	if code != protocol.CloseRestarting {
		c.out.trim()
	}
	c.sendClose(closeMessage(code))
}

func (c *conn) sendClose(message []byte) {
	if c.state == open && c.out.empty() {
		if n, err := c.t.write(message); err == nil {
			message = message[n:]
		}
	}
	if len(message) > 0 {
		c.out.push(message)
	}
	if c.state == open {
		c.t.arm(true, !c.out.empty())
		if c.out.empty() {
			c.t.end()
		}
	}
	c.state, c.requests = closing, nil
	c.ends.Store(c.g.now() + closeWait.Milliseconds())
}

// kill cuts the connection.
func (c *conn) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.t == nil:
		c.state = dead
	case c.state != dead:
		c.t.kill()
	}
}

// leave takes the connection out of the hub: nothing is told to it any more.
func (c *conn) leave() {
	if c.user != nil {
		c.g.hub.unregister(c, c.g.service)
	}
}

// start begins an upgraded connection: attach makes the transport, and early are bytes that came with the handshake.
func (c *conn) start(early []byte, attach func(c *conn) (transport, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == dead {
		return errFinished
	}
	c.in.buf = early
	c.heard.Store(c.g.now())
	t, err := attach(c)
	if err != nil {
		return err
	}
	if c.t = t; c.state == held {
		c.state = open
	}
	c.t.arm(c.reads(), true)
	return nil
}

// flush writes what waits, for the transport's reader or flusher; write may wait or not. It returns the error of write.
func (c *conn) flush(scratch []byte, write func([]byte) (int, error)) error {
	for {
		c.mu.Lock()
		b := c.out.take(scratch)
		c.mu.Unlock()
		if len(b) == 0 {
			return nil
		}
		n, err := write(b)
		c.mu.Lock()
		if c.state == dead {
			c.mu.Unlock()
			return errFinished
		}
		c.out.wrote(n)
		done := c.finish && c.out.empty()
		if c.state == closing && c.out.empty() {
			c.t.end()
		}
		work := c.startWork()
		c.mu.Unlock()
		if work {
			c.g.tasks.Go(c.work)
		}
		if err != nil || done || n < len(b) {
			if done && err == nil {
				err = errFinished
			}
			return err
		}
	}
}

// gone is the end, called once by the transport's reader before it closes the socket.
func (c *conn) gone() {
	c.mu.Lock()
	c.out.drop()
	c.state, c.requests = dead, nil
	c.mu.Unlock()
	c.in = input{}
	c.leave()
	c.g.remove(c)
}

// maxScratch is the largest buffer kept for answers; the largest frame of one fits.
const maxScratch = protocol.MaxFrame + 1<<10

// answer sends the frame that appendTo appends.
func (c *conn) answer(appendTo func(dst []byte) []byte) {
	scratch := c.g.answers.Get().(*[]byte) //nolint:forcetypeassert // nothing else is in it
	frame := appendText((*scratch)[:0], appendTo)
	c.send(frame, borrowed)
	if *scratch = frame; cap(frame) <= maxScratch {
		c.g.answers.Put(scratch)
	}
}

// refuse answers a request with an error.
func (c *conn) refuse(requestID string, err error) {
	if chat.CodeOf(err) == chat.Internal {
		c.g.logger.Error("request failed", "user", c.user.id, "error", err)
	}
	c.answer(func(dst []byte) []byte { return protocol.AppendError(dst, requestID, err) })
}

// check is the sweeper's look at the connection: who is silent is pinged, then given up.
func (c *conn) check(now int64) {
	c.mu.Lock()
	silence, heard := c.g.limits.Silence.Milliseconds(), c.heard.Load()
	slow := false
	switch {
	case c.state == closing && now > c.ends.Load() && c.t != nil:
		c.t.kill()
	case c.state != open:
	case now-heard > silence:
		c.shut(protocol.CloseTooSlow)
		slow = true
	case now-heard > silence*3/5 && c.pinged != heard:
		c.pinged = heard
		slow = !c.write(frame(ws.OpPing, nil), volatile)
	}
	c.mu.Unlock()
	if slow {
		c.leave()
	}
}
