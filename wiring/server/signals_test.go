package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley/chat"
)

// patience is for what must happen; nothing waits so long unless it fails.
const patience = 30 * time.Second

// frame is what a server's frame may say.
type frame struct {
	Type, RequestID string
	Data            struct {
		Message      json.RawMessage // of an error it is a sentence
		Code         chat.Code
		RetryAfterMs int64
	}
}

func parse(t *testing.T, b []byte) (f frame) {
	if err := json.Unmarshal(b, &f); err != nil {
		t.Errorf("told %q: %v", b, err)
	}
	return f
}

func (f *frame) message(t *testing.T) (m chat.Message) {
	if err := json.Unmarshal(f.Data.Message, &m); err != nil {
		t.Error(err)
	}
	return m
}

// ear counts what a socket is told.
type ear struct {
	mu              sync.Mutex // guards what follows
	typing          int
	marked, refused int     // read markers of one's own that were taken, and that were not
	seqs            []int64 // of messages, as they came
}

// hear listens on a socket until it is closed.
func hear(t *testing.T, ws *websocket.Conn) *ear {
	e := &ear{}
	go func() {
		for {
			_, b, err := ws.Read(context.Background())
			if err != nil {
				return
			}
			e.take(t, b)
		}
	}()
	return e
}

func (e *ear) take(t *testing.T, b []byte) {
	f := parse(t, b)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch f.Type {
	case "typing":
		e.typing++
	case "ack":
		e.marked++
	case "error":
		if e.refused++; f.Data.Code != chat.RateLimited || f.Data.RetryAfterMs <= 0 {
			t.Errorf("a marker is refused by %s", b)
		}
	case "newMessage":
		e.seqs = append(e.seqs, f.message(t).Seq)
	}
}

func (e *ear) count(what func(*ear) int) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return what(e)
}

// await waits until something was heard.
func (e *ear) await(t *testing.T, what string, heard func(*ear) bool) {
	t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		e.mu.Lock()
		ok := heard(e)
		e.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("not so after %s: %s", patience, what)
		}
	}
}

// signaller types and marks a room as read, over and over.
type signaller struct {
	ws   *websocket.Conn
	room string
	ear  *ear // of the same socket: how its markers are answered
	sent int  // typings, and as many markers
}

func (s *signaller) send(t *testing.T) {
	t.Helper()
	s.sent++
	for _, frame := range []string{
		fmt.Sprintf(`{"action":"typing","data":{"roomId":%q}}`, s.room),
		fmt.Sprintf(`{"action":"markRead","requestId":"r%d","data":{"roomId":%q,"seq":%d}}`, s.sent, s.room, s.sent),
	} {
		if err := s.ws.Write(t.Context(), websocket.MessageText, []byte(frame)); err != nil {
			t.Fatal(err)
		}
	}
}

// until signals until something is over.
func (s *signaller) until(t *testing.T, over <-chan struct{}) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
			s.send(t)
		}
	}
}

// judge asserts that signals gave way while much waited, and are told again now.
func (s *signaller) judge(t *testing.T, listener *ear) {
	t.Helper()
	s.ear.await(t, "all markers answered", func(e *ear) bool { return e.marked+e.refused == s.sent })
	told, refused := listener.count(func(e *ear) int { return e.typing }), s.ear.count(func(e *ear) int { return e.refused })
	t.Logf("of %d typings %d were told, of as many markers %d refused", s.sent, told, refused)
	if told > s.sent*3/4 || refused == 0 {
		t.Errorf("of %d typings %d were told, and %d markers refused, while more was sent than can be stored", s.sent, told, refused)
	}
	s.send(t)
	listener.await(t, "typing after", func(e *ear) bool { return e.typing == told+1 })
	s.ear.await(t, "a marker after", func(e *ear) bool { return e.marked+e.refused == s.sent })
	if s.ear.count(func(e *ear) int { return e.refused }) != refused {
		t.Error("a marker is refused though nothing waits")
	}
}
