package gateway

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat"
)

// asker asks like a client without a socket. What it looks at is the head of room r1.
type asker struct {
	h     *house
	who   Identity
	id    string
	seen  int64
	looks atomic.Int32
}

func (a *asker) ask(wait time.Duration) (told []string, err error) {
	id, frames, err := a.h.g.Await(context.Background(), a.who, a.id, wait, func(context.Context) (bool, error) {
		a.looks.Add(1)
		a.h.mu.Lock()
		defer a.h.mu.Unlock()
		head := a.h.heads["r1"]
		found := head > a.seen
		a.seen = head
		return found, nil
	})
	a.id = id
	for _, f := range frames {
		told = append(told, frameType(f))
	}
	return told, err
}

// expect asks and checks what is told, the head that is then known, and that it did not take all of the wait.
func (a *asker) expect(t *testing.T, head int64, want ...string) {
	t.Helper()
	begun := time.Now()
	told, err := a.ask(20 * time.Second)
	if err != nil || !slices.Equal(told, want) || a.seen != head || time.Since(begun) > 15*time.Second {
		t.Fatalf("told %q, head %d, %v, after %s; want %q, head %d", told, a.seen, err, time.Since(begun), want, head)
	}
}

// Who asks by HTTP learns of all that a socket would tell, also of what came between two calls, and of nothing else.
func TestAskingInPlaceOfASocket(t *testing.T) {
	h := newHouse(t, Config{}, false)
	h.join("r1", "ada", "bob")
	h.join("r2", "bob", "eve")
	ada := &asker{h: h, who: Identity{"ada", "s1"}}
	ada.expect(t, 0) // a new connection is answered at once
	first := ada.id
	if h.told() != "+ada" {
		t.Errorf("presence %q", h.told())
	}
	h.say("r1", "between two calls")
	ada.expect(t, 1)
	go func() {
		time.Sleep(20 * time.Millisecond)
		h.say("r2", "not for ada")
		_ = h.Typing(context.Background(), "eve", "r2")
		h.say("r1", "while she waits")
	}()
	ada.expect(t, 2)
	_ = h.Typing(context.Background(), "bob", "r1")
	_ = h.Typing(context.Background(), "ada", "r1") // her own is not for her
	ada.expect(t, 2, "typing")
	h.change("r2", "ada", chat.MemberJoined) // a room that she does not ask for yet
	ada.expect(t, 2)
	looks := ada.looks.Load()
	if told, err := ada.ask(time.Millisecond); err != nil || len(told) > 0 || ada.looks.Load() < looks+1 {
		t.Errorf("nothing new: told %q, %v", told, err)
	}
	if ada.id != first {
		t.Errorf("the connection changed from %s to %s", first, ada.id)
	}
	ada.who.SessionID = "s2" // another session has another mailbox
	ada.expect(t, 2)
	if ada.id == first {
		t.Error("a session took over the connection of another")
	}
	if h.told() != "+ada" {
		t.Errorf("presence %q", h.told())
	}
}

func TestAskingAgainTakesOver(t *testing.T) {
	h := newHouse(t, Config{}, false)
	h.join("r1", "ada")
	ada := &asker{h: h, who: Identity{"ada", "s1"}}
	ada.expect(t, 0)
	again := &asker{h: h, who: ada.who, id: ada.id}
	answered := make(chan error, 1)
	looks := ada.looks.Load()
	go func() {
		_, err := ada.ask(time.Minute)
		answered <- err
	}()
	eventually(t, "the first call looks", func() bool { return ada.looks.Load() > looks })
	if told, err := again.ask(time.Millisecond); err != nil || len(told) > 0 {
		t.Errorf("told %q, %v", told, err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	h.say("r1", "for the later")
	again.expect(t, 1)
}

func TestSignalsOfAnAbsentAskerAreBounded(t *testing.T) {
	h := newHouse(t, Config{}, false)
	h.join("r1", "ada", "bob")
	ada := &asker{h: h, who: Identity{"ada", "s1"}}
	ada.expect(t, 0)
	for range 10 * maxSignals {
		_ = h.Typing(context.Background(), "bob", "r1")
	}
	ada.expect(t, 0, slices.Repeat([]string{"typing"}, maxSignals)...)
	for range 100 {
		h.hub.ToUsers(context.Background(), newMessageSignal(strings.Repeat("x", 4000)), "ada")
	}
	told, err := ada.ask(0)
	if err != nil || len(told) == 0 || len(told) > maxSignalBytes/4000 {
		t.Errorf("%d frames, %v", len(told), err)
	}
}

func newMessageSignal(user string) chat.Event {
	return chat.Event{Typing: &chat.Typing{RoomID: "r1", UserID: user}}
}

func TestHowAskingEnds(t *testing.T) {
	wait := func(a *asker) chan error {
		looks, ended := a.looks.Load(), make(chan error, 1)
		go func() {
			_, err := a.ask(time.Minute)
			ended <- err
		}()
		eventually(t, "the call looks", func() bool { return a.looks.Load() > looks })
		return ended
	}
	t.Run("session", func(t *testing.T) {
		h := newHouse(t, Config{}, false)
		ada, other := &asker{h: h, who: Identity{"ada", "s1"}}, &asker{h: h, who: Identity{"ada", "s2"}}
		ada.expect(t, 0)
		other.expect(t, 0)
		ended := wait(ada)
		h.hub.Disconnect(context.Background(), "ada", "s1")
		if err := <-ended; chat.CodeOf(err) != chat.Unauthenticated {
			t.Errorf("got %v", err)
		}
		if _, err := other.ask(0); err != nil {
			t.Error(err)
		}
	})
	t.Run("restart", func(t *testing.T) {
		h := newHouse(t, Config{}, false)
		ada := &asker{h: h, who: Identity{"ada", "s1"}}
		ada.expect(t, 0)
		ended := wait(ada)
		if err := h.g.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ended; chat.CodeOf(err) != chat.Unavailable {
			t.Errorf("got %v", err)
		}
		if _, err := ada.ask(0); chat.CodeOf(err) != chat.Unavailable {
			t.Errorf("after it: %v", err)
		}
	})
	t.Run("silence", func(t *testing.T) {
		h := newHouse(t, Config{Limits: Limits{Silence: 50 * time.Millisecond}}, false)
		ada := &asker{h: h, who: Identity{"ada", "s1"}}
		ada.expect(t, 0)
		first := ada.id
		eventually(t, "she is gone", func() bool { return h.told() == "+ada -ada" && h.g.Stats().Connections == 0 })
		ada.expect(t, 0)
		if ada.id == first {
			t.Error("a connection that was given up goes on")
		}
	})
	t.Run("many", func(t *testing.T) {
		h := newHouse(t, Config{Limits: Limits{ConnectionsPerUser: 1}}, false)
		ada, more := &asker{h: h, who: Identity{"ada", "s1"}}, &asker{h: h, who: Identity{"ada", "s1"}}
		ada.expect(t, 0)
		if _, err := more.ask(0); chat.CodeOf(err) != chat.RateLimited {
			t.Errorf("got %v", err)
		}
	})
	t.Run("client", func(t *testing.T) {
		h := newHouse(t, Config{}, false)
		ctx, leave := context.WithCancel(t.Context())
		id, _, err := h.g.Await(ctx, Identity{"ada", "s1"}, "", time.Minute, func(context.Context) (bool, error) { return false, nil })
		if err != nil {
			t.Fatal(err)
		}
		leave()
		if _, _, err = h.g.Await(ctx, Identity{"ada", "s1"}, id, time.Minute, func(context.Context) (bool, error) { return false, nil }); err == nil {
			t.Error("a client that is gone is waited for")
		}
	})
}
