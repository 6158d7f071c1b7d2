package notify

import (
	"context"
	"testing"
	"time"

	"parley/chat"
)

// stuck does not find one person's devices until it is let.
type stuck struct {
	chat.PushSubscriptions
	userID string
	let    chan struct{}
}

func (s *stuck) PushSubscriptionsOf(ctx context.Context, userID string) ([]chat.PushSubscription, error) {
	if userID == s.userID {
		<-s.let
	}
	return s.PushSubscriptions.PushSubscriptionsOf(ctx, userID)
}

// TestNotedAtOnce: that somebody was told is noted while others are still being told, so that a process that ends then
// doubles nothing but what is under way.
func TestNotedAtOnce(t *testing.T) {
	v := newTown(t)
	bob, cid := v.subscribe("u-bob", "s-bob"), v.subscribe("u-cid", "s-cid")
	room := v.public()
	m := v.say("u-ann", room, "@bob and @cid")
	s := &stuck{v.store, "u-cid", make(chan struct{})}
	v.cfg.Subscriptions = s
	v.clock.Advance(time.Minute)
	done := make(chan error, 1)
	go func() {
		_, err := v.Handle(t.Context(), room, 1, 0)
		done <- err
	}()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		reached, err := v.store.Reached(t.Context(), room, "u-bob", "u-cid")
		v.ok(err)
		if reached["u-cid"] != 0 {
			t.Fatal("noted of who was not told")
		}
		if reached["u-bob"] >= m.Seq {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("not noted while another is being told")
		}
	}
	close(s.let)
	v.ok(<-done)
	if len(bob.Pushes()) != 1 || len(cid.Pushes()) != 1 {
		t.Errorf("%d and %d pushes", len(bob.Pushes()), len(cid.Pushes()))
	}
}
