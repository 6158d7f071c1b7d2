package checker

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gobwas/ws"

	"parley/chat"
)

// send sends a message and waits for its answer, over as many connections as it takes.
func (c *raw) send(ctx context.Context, n chat.NewMessage) (m chat.Message, err error) {
	c.sends.Lock()
	c.request++
	s := &sending{id: fmt.Sprint(c.request), answer: make(chan sentAnswer, 1)}
	s.text = marshal(map[string]any{"action": "sendMessage", "requestId": s.id, "data": n})
	c.waiting = append(c.waiting, s)
	conn := c.open
	c.sends.Unlock()
	if conn != nil {
		_ = c.writeFrame(conn, ws.NewTextFrame(slices.Clone(s.text)))
	}
	select {
	case a := <-s.answer:
		m, err = a.message, a.err
	case <-ctx.Done():
		c.answered(s.id, sentAnswer{})
		err = ctx.Err()
	}
	return m, err
}

// resend begins to send on a new connection, with what was not answered on others.
func (c *raw) resend() error {
	c.sends.Lock()
	c.open = c.conn
	waiting := slices.Clone(c.waiting)
	c.sends.Unlock()
	for _, s := range waiting {
		if err := c.write(string(s.text)); err != nil {
			return err
		}
	}
	return nil
}

func (c *raw) offline() {
	c.sends.Lock()
	defer c.sends.Unlock()
	c.open = nil
}

func (c *raw) answered(id string, a sentAnswer) {
	c.sends.Lock()
	defer c.sends.Unlock()
	if i := slices.IndexFunc(c.waiting, func(s *sending) bool { return s.id == id }); i >= 0 {
		c.waiting[i].answer <- a
		c.waiting = slices.Delete(c.waiting, i, i+1)
	}
}

// refused takes an error frame. Only a message may be refused; if anything else is, a new connection tries again.
func (c *raw) refused(f frame) error {
	var e struct {
		Code         chat.Code
		Message      string
		RetryAfterMs int64
	}
	if err := json.Unmarshal(f.Data, &e); err != nil || e.Code == "" {
		return fmt.Errorf("%w: error %s", errProtocol, f.Data)
	}
	refusal := &chat.Error{Code: e.Code, Message: e.Message, RetryAfter: time.Duration(e.RetryAfterMs) * time.Millisecond}
	if f.RequestID == "" || c.asked[f.RequestID] != nil {
		return refusal
	}
	c.answered(f.RequestID, sentAnswer{err: refusal})
	return nil
}
