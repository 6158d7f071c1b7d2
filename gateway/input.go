package gateway

import (
	"encoding/binary"
	"errors"

	"github.com/gobwas/ws"

	"parley/protocol"
)

// errFinished ends a connection whose last frame is sent.
var errFinished = errors.New("finished")

// input is what has come of frames that are not complete. It belongs to the transport's reader.
type input struct {
	buf    []byte // the beginning of a frame, or whole frames while reading is paused
	whole  bool   // buf begins with a whole frame, which waits until reading goes on
	parts  []byte // the payloads of a fragmented message so far
	inText bool   // a fragmented message is under way
	deaf   bool   // the peer sent something wrong: all that follows is ignored
	tokens int64  // frames that may still come, see flood
	filled int64  // when tokens were last filled, as heard
}

// feed takes bytes that have come, which it may change but not keep. It returns an error when the connection is to be
// closed at once.
func (c *conn) feed(b []byte) error {
	if c.in.deaf {
		return nil
	}
	if len(c.in.buf) > 0 {
		c.in.buf = append(c.in.buf, b...)
		b = c.in.buf
	}
	rest, err := c.frames(b)
	switch {
	case errors.Is(err, errBadFrame):
		c.in = input{deaf: true}
		c.close(protocol.CloseBadFrame)
		return nil
	case err != nil:
		return err
	case len(rest) == 0:
		c.in.buf = nil
	case len(c.in.buf) == 0:
		c.in.buf = append([]byte(nil), rest...)
	case len(rest) < len(c.in.buf):
		c.in.buf = c.in.buf[:copy(c.in.buf, rest)]
	}
	return nil
}

// frames handles the whole frames that b begins with and returns the rest.
func (c *conn) frames(b []byte) ([]byte, error) {
	for {
		h, n, err := parseHeader(b)
		size := n + int(h.Length)
		if c.in.whole = false; err != nil || n == 0 || len(b) < size {
			return b, err
		}
		if !c.wants(h.OpCode) {
			c.in.whole = true
			return b, nil
		}
		payload := b[n:size]
		ws.Cipher(payload, h.Mask, 0)
		b = b[size:]
		if c.flood() {
			c.in = input{deaf: true}
			c.close(protocol.CloseTooMany)
			return nil, nil
		}
		if h.OpCode.IsControl() {
			err = c.control(h.OpCode, payload)
		} else {
			err = c.text(h, payload)
		}
		if err != nil {
			return nil, err
		}
	}
}

// wants tells whether a frame may be handled now. Close frames always are.
func (c *conn) wants(op ws.OpCode) bool {
	if op == ws.OpClose {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reads()
}

// flood counts a frame, and tells whether that is one too many.
func (c *conn) flood() bool {
	rate := int64(c.g.limits.FramesPerSecond)
	if rate == 0 {
		return false
	}
	burst := rate * 5 * 1000
	if now := c.heard.Load(); now != c.in.filled {
		if c.in.filled == 0 {
			c.in.tokens = burst
		}
		c.in.tokens = min(burst, c.in.tokens+(now-c.in.filled)*rate)
		c.in.filled = now
	}
	c.in.tokens -= 1000
	return c.in.tokens < 0
}

func (c *conn) control(op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		c.send(frame(ws.OpPong, payload), 0)
	case ws.OpClose:
		if len(payload) == 1 {
			return errBadFrame
		}
		return c.closed(payload)
	}
	return nil
}

// closed answers the peer's close frame and ends the connection; if that is the answer to ours, there is no more to say.
func (c *conn) closed(payload []byte) error {
	c.mu.Lock()
	if c.state >= closing {
		c.mu.Unlock()
		return errFinished
	}
	var answer []byte
	if len(payload) >= 2 {
		if code := ws.StatusCode(binary.BigEndian.Uint16(payload)); ws.CheckCloseFrameData(code, string(payload[2:])) == nil {
			answer = payload[:2]
		}
	}
	c.out.trim()
	c.sendClose(frame(ws.OpClose, answer))
	c.finish = true
	done := c.out.empty()
	c.mu.Unlock()
	c.leave()
	if done {
		return errFinished
	}
	return nil
}

// text handles a data frame, which may be a part of a fragmented message.
func (c *conn) text(h ws.Header, payload []byte) error {
	if (h.OpCode == ws.OpContinuation) != c.in.inText || len(c.in.parts)+len(payload) > protocol.MaxFrame {
		return errBadFrame
	}
	if h.Fin && !c.in.inText {
		c.request(payload)
		return nil
	}
	c.in.inText = !h.Fin
	c.in.parts = append(c.in.parts, payload...)
	if h.Fin {
		payload, c.in.parts = c.in.parts, nil
		c.request(payload)
	}
	return nil
}
