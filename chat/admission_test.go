package chat_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/chat"
)

// stuck is a Log whose commits to some rooms wait until they are let go.
type stuck struct {
	chat.Log
	holds func(roomID string) bool
	free  chan struct{} // closed to let all go
}

func (s *stuck) Commit(ctx context.Context, c chat.Commit) error {
	if s.holds(c.Room.RoomID) {
		<-s.free
	}
	return s.Log.Commit(ctx, c)
}

// jam is a house whose disk is stuck for some rooms, with the clock in the test's hand.
type jam struct {
	*house
	log   *stuck
	svc   *chat.Service
	mu    sync.Mutex
	sent  sync.WaitGroup
	acked []string
	count int
}

func newJam(t *testing.T, h *house, holds func(roomID string) bool) *jam {
	j := &jam{house: h, log: &stuck{Log: h.store, holds: holds, free: make(chan struct{})}}
	j.svc = h.service(h.ears, j.log, nil)
	return j
}

// submit sends a message and returns the refusal, nil if it waits or is stored.
func (j *jam) submit(by, roomID, content string) (refusal *chat.Error) {
	j.count++
	key := fmt.Sprint(j.count)
	j.sent.Add(1)
	var mu sync.Mutex // done may come from the sequencer
	j.svc.Submit(j.ctx, by, chat.NewMessage{RoomID: roomID, Content: content, ClientMessageID: key}, chat.Origin{}, func(_ chat.Message, _ bool, err error) {
		defer j.sent.Done()
		if err == nil {
			j.mu.Lock()
			j.acked = append(j.acked, roomID+content)
			j.mu.Unlock()
			return
		}
		mu.Lock()
		refusal = chat.AsError(err)
		mu.Unlock()
	})
	mu.Lock()
	defer mu.Unlock()
	return refusal
}

// takes ends the test if the message is refused.
func (j *jam) takes(by, roomID, content string) {
	j.t.Helper()
	if e := j.submit(by, roomID, content); e != nil {
		j.t.Fatalf("%q is refused: %v", content, e)
	}
}

// refuses ends the test unless the message is refused for at least a time.
func (j *jam) refuses(by, roomID, content string, least time.Duration) {
	j.t.Helper()
	e := j.submit(by, roomID, content)
	if e == nil || e.Code != chat.RateLimited || e.RetryAfter < least || e.RetryAfter > 10*time.Second {
		j.t.Fatalf("%q: got %+v, want a refusal for %v or longer", content, e, least)
	}
}

// release lets the disk go on, and ends the test unless exactly what was taken is acknowledged and stored.
func (j *jam) release(want ...string) {
	j.t.Helper()
	close(j.log.free)
	j.sent.Wait()
	equal(j.t, "acknowledged", len(j.acked), len(want))
	synctest.Wait() // done is called before the step is counted off
	equal(j.t, "bytes waiting", chat.Waiting(j.svc), 0)
	rooms := map[string]bool{}
	for _, w := range want {
		rooms[w[:len(w)-1]] = true
	}
	stored := map[string]bool{}
	for id := range rooms {
		for _, m := range j.history(id) {
			stored[id+m.Content] = true
		}
	}
	equal(j.t, "stored", len(stored), len(want))
	for _, w := range want {
		if !stored[w] {
			j.t.Errorf("%q was taken and is not stored", w)
		}
	}
}

// TestRoomRefusesByDelay: a room whose oldest message waits too long takes no more, tells when to come again, and gives
// up signals before; another room does not notice.
func TestRoomRefusesByDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "ann", "bob")
		slow, calm := h.room(chat.Public, "u-ann", "u-bob"), h.room(chat.Public, "u-ann", "u-bob")
		j := newJam(t, h, func(id string) bool { return id == slow })
		h.ears.Forget()
		j.takes("u-ann", slow, "1")
		h.ok(j.svc.Typing(h.ctx, "u-ann", slow))
		h.hears("u-bob", "typing u-ann")
		h.clock.Advance(chat.MaxWait/2 + time.Millisecond)
		j.takes("u-bob", slow, "2")
		j.takes("u-ann", calm, "a")
		synctest.Wait()
		h.ears.Forget()

		h.ok(j.svc.Typing(h.ctx, "u-ann", slow))
		h.hears("u-bob")
		e := chat.AsError(j.svc.MarkRead(h.ctx, "u-bob", slow, 1))
		if e == nil || e.Code != chat.RateLimited || e.RetryAfter <= 0 {
			t.Fatalf("a marker gets %+v", e)
		}
		h.ok(j.svc.Typing(h.ctx, "u-ann", calm))
		h.ok(j.svc.MarkRead(h.ctx, "u-bob", calm, 1<<20))
		h.hears("u-bob", "typing u-ann", fmt.Sprintf("read %d u-bob", h.head(calm)))

		h.clock.Advance(chat.MaxWait / 2)
		j.refuses("u-bob", slow, "3", chat.MaxWait)
		j.takes("u-bob", calm, "b")
		synctest.Wait()
		h.clock.Advance(3 * time.Second)
		j.refuses("u-bob", slow, "3", 3*time.Second)
		j.takes("u-bob", calm, "c")
		j.release(slow+"1", slow+"2", calm+"a", calm+"b", calm+"c")
		j.takes("u-bob", slow, "3")
		j.sent.Wait()
	})
}

// TestProcessRefusesByDelay: when nothing is stored any more, no room takes messages, but for one from time to time;
// changes of rooms still wait. Afterwards all is as before.
func TestProcessRefusesByDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "ann", "bob")
		rooms := make([]string, 5)
		for i := range rooms {
			rooms[i] = h.room(chat.Public, "u-ann", "u-bob")
		}
		j := newJam(t, h, func(string) bool { return true })
		j.takes("u-ann", rooms[0], "1")
		h.clock.Advance(chat.MaxWait * 3 / 4)
		j.takes("u-ann", rooms[1], "1")
		h.clock.Advance(chat.MaxWait/4 + time.Millisecond)
		j.takes("u-ann", rooms[2], "1") // finds out
		j.refuses("u-ann", rooms[3], "1", chat.MaxWait)
		h.clock.Advance(chat.MaxWait + time.Millisecond)
		j.takes("u-bob", rooms[3], "1") // finds out
		j.refuses("u-ann", rooms[4], "1", 2*chat.MaxWait)
		h.ears.Forget()
		h.ok(j.svc.Typing(h.ctx, "u-ann", rooms[4]))
		h.hears("u-bob")
		topic := "new"
		changed := make(chan error, 1)
		go func() { changed <- errOf(j.svc.UpdateRoom(h.ctx, "u-ann", rooms[4], chat.RoomChange{Topic: &topic})) }()
		synctest.Wait()
		j.release(rooms[0]+"1", rooms[1]+"1", rooms[2]+"1", rooms[3]+"1")
		h.ok(<-changed)
		for _, id := range rooms {
			j.takes("u-bob", id, "again")
		}
		j.sent.Wait()
	})
}

// TestWaitingIsBounded: 2,048 steps for a room, and 64 MiB for all, of which the second half is for rooms in which
// nothing waits.
func TestWaitingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "ann")
		rooms := make([]string, 4)
		for i := range rooms {
			rooms[i] = h.room(chat.Public, "u-ann")
		}
		j := newJam(t, h, func(string) bool { return true })
		long := strings.Repeat("x", chat.MaxContent)
		taken := 0
		fill := func(room string) (n int) {
			for n < 5000 && j.submit("u-ann", room, long) == nil {
				n++
			}
			taken += n
			return n
		}
		equal(t, "messages that wait in the first room", fill(rooms[0]), 2048)
		if n := fill(rooms[1]); n < 1000 || n >= 2048 {
			t.Errorf("%d messages wait in the second room", n)
		}
		for _, id := range rooms[2:] {
			equal(t, "messages in a room that was empty", fill(id), 1)
		}
		if got := chat.Waiting(j.svc); got > chat.MaxWaiting/2+3*10<<10 || got < chat.MaxWaiting/2 {
			t.Errorf("%d bytes wait", got)
		}
		close(j.log.free)
		j.sent.Wait()
		equal(t, "acknowledged", len(j.acked), taken)
	})
}

// TestTypingOfMany: when very many write in one room, not all of it is told; nobody is refused for it.
func TestTypingOfMany(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Public, "u-ann", "u-bob")
	left := 3
	svc := h.service(h.ears, nil, func(rule chat.Rule, key string) time.Duration {
		if rule == chat.LimitTypingRoom && key == room {
			if left--; left < 0 {
				return time.Second
			}
		}
		return 0
	})
	h.ears.Forget()
	for range 10 {
		h.ok(svc.Typing(h.ctx, "u-ann", room))
	}
	h.hears("u-bob", "typing u-ann", "typing u-ann", "typing u-ann")
}
