package client

import (
	"context"
	"net/http"
	"time"

	"parley/chat"
)

// waitFor is how long the server is asked to wait for something to tell.
const waitFor = 20 * time.Second

// told is an answer to somebody who asks in place of having a socket.
type told struct {
	synced
	Heads        map[string]int64
	ConnectionID string
	Signals      []frame
	RetryAfterMs int64
}

// poll asks what there is to tell, again and again, until that fails. It does what connect does, without a socket: what is
// numbered comes from the logs of the rooms, so an answer that gets lost is told again.
func (s *Stream) poll(ctx context.Context) (opened bool, err error) {
	s.t.forget()
	wait := min(waitFor, s.opt.PingEvery)
	if limit := s.c.opt.HTTP.Timeout; limit > 0 {
		wait = min(wait, limit/2)
	}
	for id := ""; ; {
		var a told
		body := map[string]any{"rooms": s.t.positions(), "wait": int(max(wait, time.Second).Seconds()), "connectionId": id}
		if err := s.c.do(ctx, call{method: http.MethodPost, path: "/sync", body: body, into: &a}); err != nil {
			return opened, err
		}
		if !opened {
			opened = true
			s.setState(Online, nil)
		}
		id = a.ConnectionID
		if err := s.polled(a); err != nil {
			return true, err
		}
		if err := sleep(ctx, time.Duration(a.RetryAfterMs)*time.Millisecond); err != nil {
			return true, err
		}
	}
}

// polled tells what one answer holds.
func (s *Stream) polled(a told) error {
	rooms, _, err := a.decode()
	if err != nil {
		return err
	}
	var tell []Event
	for _, r := range rooms {
		events, _ := s.t.synced(r)
		tell = append(tell, events...)
	}
	tell = append(tell, s.t.heads(a.Heads, !s.t.started)...)
	for _, f := range a.Signals {
		e, ok, err := f.event()
		if err != nil {
			return err
		}
		if ok {
			tell = append(tell, e)
		}
	}
	if err := s.tell(tell); err != nil {
		return err
	}
	for id, head := range a.Heads {
		if r := s.t.rooms[id]; r == nil || r.last < head {
			return nil // the next answer goes on
		}
	}
	s.caughtUp()
	return nil
}

// post sends a message by HTTP, as often as it takes.
func (s *Stream) post(ctx context.Context, n chat.NewMessage) (chat.Message, error) {
	for attempt := 0; ; attempt++ {
		m, err := s.c.Send(ctx, n)
		if code := chat.CodeOf(err); code != chat.Unavailable && code != chat.RateLimited {
			return m, err
		}
		if err := sleep(ctx, s.c.backoff(attempt)); err != nil {
			return chat.Message{}, err
		}
	}
}
