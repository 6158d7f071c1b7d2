package chat_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parley/chat"
	"parley/store"
)

// watched counts how often rooms are read, which may take its time.
type watched struct {
	*store.Store
	reads atomic.Int64
	takes atomic.Int64 // nanoseconds
}

func (w *watched) Rooms(ctx context.Context, roomIDs ...string) ([]chat.Room, error) {
	w.reads.Add(1)
	time.Sleep(time.Duration(w.takes.Load()))
	return w.Store.Rooms(ctx, roomIDs...)
}

// doubtful has a service run, whose store answers a message of ann's in its room by an error, and does with the commit what
// it likes. Nobody touches the room after that.
func doubtful(t *testing.T, commit func(h *house, c chat.Commit), then func(h *house, w *watched)) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "ann", "bob", "eve")
		room := h.room(chat.Private, "u-ann", "u-bob")
		h.say("u-ann", room, "before")
		w := &watched{Store: h.store}
		h.rooms = w
		svc := h.service(h.ears, unsureLog{h.store, func(c chat.Commit) { commit(h, c) }}, nil)
		ctx, stop := context.WithCancel(h.ctx)
		ended := make(chan error, 1)
		go func() { ended <- svc.Run(ctx) }()
		h.ears.Forget()
		if _, err := svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: "x", ClientMessageID: "x"}); !errors.Is(err, errLine) {
			t.Fatal(err)
		}
		h.hears("u-bob")
		w.reads.Store(0)
		then(h, w)
		stop()
		h.ok(<-ended)
		h.hears("u-eve")
		heard := len(h.ears.Log(room))
		reads := w.reads.Load()
		time.Sleep(time.Hour)
		if len(h.ears.Log(room)) != heard || w.reads.Load() != reads {
			t.Error("a service that has ended still looks")
		}
	})
}

var errLine = errors.New("the line is down")

// unsureLog fails every commit.
type unsureLog struct {
	chat.Log
	commit func(c chat.Commit)
}

func (l unsureLog) Commit(_ context.Context, c chat.Commit) error {
	l.commit(c)
	return errLine
}

// What was stored though it failed, at once or only after a while, is told once to the members and to nobody else, though
// nobody touches the room again; after that nobody looks any more.
func TestStoredThoughItFailed(t *testing.T) {
	for name, after := range map[string]time.Duration{"at once": 0, "later": time.Minute, "much later": 3 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			doubtful(t, func(h *house, c chat.Commit) {
				store := func() {
					if err := h.store.Commit(h.ctx, c); err != nil {
						t.Error(err)
					}
				}
				if after == 0 {
					store()
					return
				}
				time.AfterFunc(after, store)
			}, func(h *house, w *watched) {
				time.Sleep(after - time.Nanosecond)
				h.hears("u-bob")
				time.Sleep(min(after, 10*time.Minute) + 2*time.Second) // as long again, or the longest pause
				h.hears("u-ann", "5 message x")
				h.hears("u-bob", "5 message x")
				reads := w.reads.Load()
				time.Sleep(time.Hour)
				h.hears("u-bob", "5 message x")
				equal(t, "reads when all is known", w.reads.Load()-reads, 0)
			})
		})
	}
}

// Of what was not stored nobody is told, and the looks become rare.
func TestNotStored(t *testing.T) {
	doubtful(t, func(*house, chat.Commit) {}, func(h *house, w *watched) {
		time.Sleep(6 * time.Hour)
		h.hears("u-bob")
		if n := w.reads.Load(); n < 20 || n > 60 {
			t.Errorf("the room was read %d times in six hours", n)
		}
	})
}

// A service that ends while it looks ends the look.
func TestEndAmidDoubt(t *testing.T) {
	doubtful(t, func(h *house, c chat.Commit) { h.ok(h.store.Commit(h.ctx, c)) }, func(h *house, w *watched) {
		w.takes.Store(int64(5 * time.Second))
		time.Sleep(2 * time.Second) // the look has begun
		equal(t, "reads", w.reads.Load(), 1)
		h.hears("u-bob")
	})
}
