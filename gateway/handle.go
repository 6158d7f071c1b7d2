package gateway

import (
	"context"
	"fmt"

	"parley/chat"
	"parley/protocol"
)

// Service is what the gateway needs of the core; *chat.Service has it.
type Service interface {
	protocol.Service
	Submit(ctx context.Context, by string, m chat.NewMessage, origin chat.Origin, done func(m chat.Message, repeat bool, err error))
	// Connected and Disconnected are told in turn for one person, from any goroutine, also from within Deliver. They
	// must not wait.
	Connected(userID string)
	Disconnected(userID string)
}

// request handles a text frame. Messages are submitted at once, in order, and acknowledged when they are durable; all
// else is answered in order by work, so that a slow answer does not hold up a message.
func (c *conn) request(payload []byte) {
	r, err := protocol.Decode(payload)
	if err != nil {
		c.refuse(r.RequestID, err)
		return
	}
	if r.Action == protocol.SendMessage {
		c.submit(&r)
		return
	}
	c.mu.Lock()
	if c.state == open && !c.draining {
		c.requests = append(c.requests, r)
		c.pause()
	}
	work := c.startWork()
	c.mu.Unlock()
	if work {
		c.g.tasks.Go(c.work)
	}
}

// pause stops reading while too much is in flight; mu is held.
func (c *conn) pause() {
	limits := &c.g.limits
	if !c.paused && (c.sending >= limits.InFlight || len(c.requests) >= limits.InFlight) {
		c.paused = true
		c.t.arm(c.reads(), !c.out.empty())
	}
}

// resume reads again when half of what was in flight is done; mu is held.
func (c *conn) resume() {
	half := c.g.limits.InFlight / 2
	if c.paused && c.sending <= half && len(c.requests) <= half {
		c.paused = false
		if c.state == open && !c.draining {
			c.t.arm(true, true)
		}
	}
}

func (c *conn) submit(r *protocol.Request) {
	c.mu.Lock()
	if c.state != open || c.draining {
		c.mu.Unlock()
		return
	}
	c.sending++
	c.g.inFlight.Add(1)
	c.g.calm.spoken()
	c.pause()
	c.mu.Unlock()
	requestID := r.RequestID
	c.g.service.Submit(c.g.ctx, c.user.id, r.Message, chat.Origin{ConnectionID: c.id, RequestID: requestID}, func(m chat.Message, repeat bool, err error) {
		switch {
		case err != nil:
			c.refuse(requestID, err)
		case repeat:
			c.answer(func(dst []byte) []byte { return protocol.AppendAck(dst, requestID, &m) })
		}
		c.mu.Lock()
		c.sending--
		c.resume()
		c.mu.Unlock()
		c.g.inFlight.Add(-1)
		c.g.calm.told()
	})
}

// startWork tells whether somebody must call work now; mu is held. While the peer does not take its answers, no more
// are made: flush asks again.
func (c *conn) startWork() bool {
	if c.working || len(c.requests) == 0 || c.state != open || c.out.size > c.g.limits.QueueBytes/2 {
		return false
	}
	c.working = true
	c.g.inFlight.Add(1)
	return true
}

// work answers requests until none waits.
func (c *conn) work() {
	defer c.g.inFlight.Add(-1)
	for {
		c.mu.Lock()
		if len(c.requests) == 0 || c.state != open || c.out.size > c.g.limits.QueueBytes/2 {
			c.working = false
			if len(c.requests) == 0 {
				c.requests = nil
			}
			c.mu.Unlock()
			return
		}
		r := c.requests[0]
		c.requests[0] = protocol.Request{}
		c.requests = c.requests[1:]
		c.resume()
		c.mu.Unlock()

		if r.Action == protocol.MarkRead { // waits for the disk, not for the processor
			c.g.slots <- struct{}{}
			c.serve(&r)
			<-c.g.slots
			continue
		}
		c.g.calm.enter()
		c.serve(&r)
		c.g.calm.leave()
	}
}

func (c *conn) serve(r *protocol.Request) {
	defer func() {
		if p := recover(); p != nil { // a fault in one request costs that request
			c.refuse(r.RequestID, fmt.Errorf("panic: %v", p))
		}
	}()
	if err := protocol.Answer(c.g.ctx, c.g.service, c.user.id, r, c.answer); err != nil {
		c.refuse(r.RequestID, err)
	}
}
