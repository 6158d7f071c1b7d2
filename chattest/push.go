package chattest

import (
	"bytes"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/chat"
)

// NewPushSubscription is a subscription of somebody in a session, at an endpoint of its own.
func NewPushSubscription(userID, sessionID, id string) chat.PushSubscription {
	return chat.PushSubscription{SubscriptionID: id, UserID: userID, SessionID: sessionID, Endpoint: "https://push.example.org/" + id,
		P256dh: append([]byte{4}, bytes.Repeat([]byte{0xff}, 64)...), Auth: bytes.Repeat([]byte{7}, 16), Device: "Firefox (ä)",
		CreatedAt: NewClock().Now().UnixMilli()}
}

// subscriptions returns what somebody has, by id.
func (e *env) subscriptions(userID string) []chat.PushSubscription {
	e.Helper()
	all, err := e.PushSubscriptionsOf(e.ctx, userID)
	e.ok(err)
	slices.SortFunc(all, func(a, b chat.PushSubscription) int { return strings.Compare(a.SubscriptionID, b.SubscriptionID) })
	return all
}

// has ends the test unless somebody has these subscriptions and no others.
func (e *env) has(userID string, want ...string) {
	e.Helper()
	var got []string
	for _, s := range e.subscriptions(userID) {
		got = append(got, s.SubscriptionID)
	}
	if !slices.Equal(got, want) {
		e.Fatalf("subscriptions of %s: got %v, want %v", userID, got, want)
	}
}

func (e *env) anySubscription(want bool) {
	e.Helper()
	got, err := e.AnyPushSubscription(e.ctx)
	e.ok(err)
	same(e, "any subscription", got, want)
}

// pushKey: of many who make the first key at once one succeeds, and all see that one.
func pushKey(e *env) {
	_, err := e.PushKey(e.ctx)
	e.code(err, chat.NotFound)
	var made atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			switch err := e.CreatePushKey(e.ctx, bytes.Repeat([]byte{byte(i)}, 32)); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, chat.ErrExists):
				e.Error(err)
			}
		})
	}
	all.Wait()
	same(e, "keys made", made.Load(), 1)
	first, err := e.PushKey(e.ctx)
	e.ok(err)
	same(e, "bytes", len(first), 32)
	e.is(e.CreatePushKey(e.ctx, make([]byte, 32)), chat.ErrExists)
	again, err := e.PushKey(e.ctx)
	e.ok(err)
	if !bytes.Equal(first, again) {
		e.Fatal("the key changed")
	}
	keys, err := e.Keys(e.ctx)
	e.ok(err)
	same(e, "signing keys", len(keys), 0)
}

func pushSubscriptions(e *env) {
	e.anySubscription(false)
	a, b := NewPushSubscription("u-ann", "s1", "a"), NewPushSubscription("u-ann", "s2", "b")
	b.Language, b.Origin, b.LastUsedAt, b.Failure = "de", "https://chat.example.org", 5, "It failed."
	foreign := NewPushSubscription("u-annika", "s1", "c")
	for _, s := range []chat.PushSubscription{a, b, foreign} {
		e.ok(e.PutPushSubscription(e.ctx, s))
	}
	e.anySubscription(true)
	if got := e.subscriptions("u-ann"); !reflect.DeepEqual(got, []chat.PushSubscription{a, b}) {
		e.Fatalf("subscriptions: got %+v", got)
	}
	a.Device = "renamed"
	e.ok(e.PutPushSubscription(e.ctx, a, "b", "a", "never-was", "c"))
	if got := e.subscriptions("u-ann"); !reflect.DeepEqual(got, []chat.PushSubscription{a}) {
		e.Fatalf("subscriptions after a replacement: got %+v", got)
	}
	e.has("u-annika", "c")
	a.LastUsedAt, a.Failure = 9, "Refused."
	e.ok(e.NotePush(e.ctx, a))
	if got := e.subscriptions("u-ann"); !reflect.DeepEqual(got, []chat.PushSubscription{a}) {
		e.Fatalf("subscriptions after a push: got %+v", got)
	}
	for range 2 {
		e.ok(e.DeletePushSubscriptions(e.ctx, "u-ann", "a", "c", "never-was"))
	}
	e.has("u-ann")
	e.has("u-annika", "c")
	e.anySubscription(true)
	e.ok(e.NotePush(e.ctx, a)) // it does not come back
	e.has("u-ann")
	e.ok(e.DeletePushSubscriptions(e.ctx, "u-annika", "c"))
	e.anySubscription(false)
}

// pushOwner: a subscription has one person, the last who put it; what was noted of the one before is not kept.
func pushOwner(e *env) {
	ann := NewPushSubscription("u-ann", "s1", "a")
	e.ok(e.PutPushSubscription(e.ctx, ann))
	bob := NewPushSubscription("u-bob", "s2", "a")
	bob.CreatedAt++
	e.ok(e.PutPushSubscription(e.ctx, bob))
	e.has("u-ann")
	e.has("u-bob", "a")
	e.ok(e.NotePush(e.ctx, ann))
	e.ok(e.DeletePushSubscriptions(e.ctx, "u-ann", "a"))
	e.has("u-ann")
	e.has("u-bob", "a")
	var all sync.WaitGroup
	for _, id := range ids("u", 6) {
		all.Go(func() {
			if err := e.PutPushSubscription(e.ctx, NewPushSubscription(id, "s", "a")); err != nil {
				e.Error(err)
			}
		})
	}
	all.Wait()
	owners := 0
	for _, id := range append(ids("u", 6), "u-bob") {
		owners += len(e.subscriptions(id))
	}
	same(e, "people who have one subscription", owners, 1)
}

// pushSessions: subscriptions end with their session, and only with it.
func pushSessions(e *env) {
	for _, id := range []string{"s1", "s2"} {
		e.ok(e.PutSession(e.ctx, e.session(id, time.Hour), nil))
	}
	e.ok(e.PutPushSubscription(e.ctx, NewPushSubscription("u-ann", "s1", "a")))
	e.ok(e.PutPushSubscription(e.ctx, NewPushSubscription("u-ann", "s2", "b")))
	e.ok(e.PutPushSubscription(e.ctx, NewPushSubscription("u-bob", "s1", "c")))
	e.ok(e.DeleteSessions(e.ctx, "u-ann", "s1", "never-was"))
	e.has("u-ann", "b")
	e.has("u-bob", "c")
	_, err := e.Session(e.ctx, "u-ann", "s2")
	e.ok(err)
	e.ok(e.DeleteSessions(e.ctx, "u-ann", append(ids("s", 120), "s2")...))
	e.has("u-ann")
	e.has("u-bob", "c")
}

// outbox: a commit that says so puts the room in, with its first new message, together with the messages or not at all.
func outbox(e *env) {
	in := func(want map[string]int64) {
		e.Helper()
		got, err := e.Outbox(e.ctx)
		e.ok(err)
		if !maps.Equal(got, want) {
			e.Fatalf("outbox: got %v, want %v", got, want)
		}
		for _, room := range []string{"r1", "r2", "r"} {
			seq, err := e.OutboxOf(e.ctx, room)
			e.ok(err)
			same(e, "outbox of "+room, seq, want[room])
		}
	}
	s, c := NewScript("r1", chat.Private, "Room", "u-ann", "u-bob")
	e.ok(e.Commit(e.ctx, c))
	e.ok(e.Commit(e.ctx, s.Say(Said{"u-ann", "1", "hello"})))
	in(nil)
	before := s.Room
	c = s.Say(Said{"u-ann", "2", "hello"}, Said{"u-bob", "3", "hello"})
	c.Outbox = true
	e.ok(e.Commit(e.ctx, c))
	first := c.New[0].Seq
	in(map[string]int64{"r1": first})
	stale := c
	stale.Room, stale.After = before, before.HeadSeq
	e.is(e.Commit(e.ctx, stale), chat.ErrMoved)
	again := s.Say(Said{"u-ann", "2", "hello"})
	again.Outbox = true
	if err := e.Commit(e.ctx, again); err == nil {
		e.Fatal("a message was stored twice")
	}
	in(map[string]int64{"r1": first})
	e.ok(e.SetOutbox(e.ctx, "r1", first+1))
	e.ok(e.SetOutbox(e.ctx, "r2", 7))
	in(map[string]int64{"r1": first + 1, "r2": 7})
	for range 2 {
		e.ok(e.SetOutbox(e.ctx, "r1", 0))
	}
	in(map[string]int64{"r2": 7})
}

// reached: what people were told of moves forward only, each for themselves and each room for itself.
func reached(e *env) {
	check := func(room string, want map[string]int64, of ...string) {
		e.Helper()
		got, err := e.Reached(e.ctx, room, of...)
		e.ok(err)
		if !maps.Equal(got, want) {
			e.Fatalf("reached in %s: got %v, want %v", room, got, want)
		}
	}
	people := ids("u", 230)
	e.ok(e.SetReached(e.ctx, "r1", 5, people...))
	e.ok(e.SetReached(e.ctx, "r1", 9, people[3]))
	e.ok(e.SetReached(e.ctx, "r1", 7, people[2], people[3], people[4]))
	check("r1", map[string]int64{people[2]: 7, people[3]: 9, people[4]: 7, people[229]: 5}, people[2], people[3], people[4], people[229], "nobody")
	check("r2", nil, people[2])
	check("r1", nil)
	e.clock.Advance(6 * 24 * time.Hour)
	check("r1", map[string]int64{people[3]: 9}, people[3])
}
