package chat_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"parley/chat"
)

// TestPresence: coming and going is told when it has lasted a moment, to those who share a room and to nobody else.
func TestPresence(t *testing.T) {
	h := newHouse(t, "ann", "bob", "eve")
	h.room(chat.Private, "u-ann", "u-bob")
	h.room(chat.Private, "u-eve")
	h.ears.Forget()
	after := func(d time.Duration, want ...string) {
		t.Helper()
		h.clock.Advance(d)
		chat.AnnouncePresence(h.svc, h.ctx)
		h.hears("u-bob", want...)
		h.hears("u-ann", want...)
		h.hears("u-eve")
		h.ears.Forget()
	}
	h.svc.Connected("u-ann")
	after(0)
	after(49 * time.Millisecond)
	after(time.Millisecond, "presence u-ann true")
	after(time.Hour)
	h.svc.Connected("u-ann") // again, as after a missed disconnection
	after(time.Second)

	h.svc.Disconnected("u-ann") // a reload of the page
	after(1900 * time.Millisecond)
	h.svc.Connected("u-ann")
	after(time.Minute)

	h.svc.Disconnected("u-ann")
	left := h.clock.Now().UnixMilli()
	after(1999 * time.Millisecond)
	h.clock.Advance(time.Millisecond)
	chat.AnnouncePresence(h.svc, h.ctx)
	heard := h.ears.Heard("u-bob")
	equal(t, "announcements", len(heard), 1)
	equal(t, "last seen", heard[0].Event.Presence.LastSeen, left)
	seen, err := h.store.Seen(h.ctx, "u-ann")
	h.ok(err)
	equal(t, "last seen as stored", seen["u-ann"], left)
	h.ears.Forget()

	h.svc.Connected("u-ann") // too short to be told
	h.clock.Advance(20 * time.Millisecond)
	h.svc.Disconnected("u-ann")
	after(time.Minute)
}

// TestPresenceCrowd: many who come within a moment are announced with a time each, and stored by one write.
func TestPresenceCrowd(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid")
	h.room(chat.Private, "u-ann", "u-bob", "u-cid")
	h.svc.Connected("u-ann")
	h.clock.Advance(7 * time.Millisecond)
	h.svc.Connected("u-bob")
	last := h.clock.Now().UnixMilli()
	h.ears.Forget()
	h.clock.Advance(time.Second)
	chat.AnnouncePresence(h.svc, h.ctx)
	seen, err := h.store.Seen(h.ctx, "u-ann", "u-bob")
	h.ok(err)
	equal(t, "stored for the first", seen["u-ann"], last)
	equal(t, "stored for the second", seen["u-bob"], last)
	for _, e := range h.ears.Heard("u-cid") {
		if p := e.Event.Presence; p.UserID == "u-ann" {
			equal(t, "announced for the first", p.LastSeen, last-7)
		}
	}
}

// TestPresenceRun: Run announces by itself, and notes at its end when those still connected were last seen.
func TestPresenceRun(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid")
	h.room(chat.Private, "u-ann", "u-bob")
	h.ears.Forget()
	ctx, stop := context.WithCancel(h.ctx)
	ended := make(chan error, 1)
	go func() { ended <- h.svc.Run(ctx) }()
	h.svc.Connected("u-ann")
	h.clock.Advance(time.Second)
	for deadline := time.Now().Add(10 * time.Second); len(h.ears.Heard("u-bob")) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing was announced")
		}
	}
	h.hears("u-bob", "presence u-ann true")
	end := h.clock.Advance(time.Hour)
	stop()
	h.ok(<-ended)
	seen, err := h.store.Seen(h.ctx, "u-ann", "u-cid")
	h.ok(err)
	equal(t, "people seen", len(seen), 1)
	equal(t, "last seen", seen["u-ann"], end.UnixMilli())
}

// TestRunEnds: Run waits for the steps under way, and leaves no goroutine behind.
func TestRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "ann")
		room := h.room(chat.Public, "u-ann")
		svc := h.service(h.ears, &brittle{Log: h.store, fail: func() (error, error) {
			time.Sleep(3 * time.Second) // a slow disk
			return nil, nil
		}}, nil)
		ctx, stop := context.WithCancel(h.ctx)
		ended := make(chan error, 1)
		go func() { ended <- svc.Run(ctx) }()
		done := false
		svc.Submit(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: "x", ClientMessageID: "x"}, chat.Origin{},
			func(_ chat.Message, _ bool, err error) { done = err == nil })
		stop()
		h.ok(<-ended)
		if !done {
			t.Fatal("Run ended before a step that it had begun")
		}
	})
}

// TestClients: who is there, of one room or of all of one's rooms; those online first.
func TestClients(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid", "dan", "eve")
	room := h.room(chat.Private, "u-ann", "u-dan", "u-bob")
	h.room(chat.Private, "u-ann", "u-cid")
	h.room(chat.Private, "u-eve")
	h.ears.SetOnline("u-dan", true)
	h.ears.SetOnline("u-eve", true)
	h.ok(h.store.SetSeen(h.ctx, 77, "u-bob"))
	now := h.clock.Now().UnixMilli()
	for _, tt := range []struct {
		by, room string
		want     string
	}{
		{"u-ann", room, fmt.Sprintf("[{u-dan dan true %d} {u-ann ann false 0} {u-bob bob false 77}]", now)},
		{"u-ann", "", fmt.Sprintf("[{u-dan dan true %d} {u-ann ann false 0} {u-bob bob false 77} {u-cid cid false 0}]", now)},
		{"u-cid", "", "[{u-ann ann false 0} {u-cid cid false 0}]"},
	} {
		got, err := h.svc.Clients(h.ctx, tt.by, tt.room)
		h.ok(err)
		equal(t, "people of "+tt.by, fmt.Sprint(got), tt.want)
	}
	members, next, err := h.svc.Members(h.ctx, "u-ann", room, "", 2)
	h.ok(err)
	if len(members) != 2 || next == "" || members[0].UserID != "u-ann" || members[0].Role != chat.Owner || members[1].LastSeen != 77 {
		t.Fatalf("members: %+v", members)
	}
	members, next, err = h.svc.Members(h.ctx, "u-ann", room, next, 2)
	h.ok(err)
	if len(members) != 1 || next != "" || !members[0].Online || members[0].DisplayName != "Dan Tester" {
		t.Fatalf("members: %+v", members)
	}
}

func TestMembersByName(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid", "bea", "dan")
	room := h.room(chat.Private, "u-ann", "u-bob", "u-dan")
	h.ears.SetOnline("u-bob", true)
	for query, want := range map[string]string{
		"b":        "[u-bob]", // bea is not in the room
		"BOB test": "[u-bob]",
		"tester":   "[u-ann u-bob u-dan]",
		"ob":       "[]",
		"cid":      "[]",
	} {
		found, err := h.svc.SearchMembers(h.ctx, "u-ann", room, query, 0)
		h.ok(err)
		ids := []string{}
		for _, m := range found {
			ids = append(ids, m.UserID)
		}
		slices.Sort(ids)
		equal(t, query, fmt.Sprint(ids), want)
	}
	found, err := h.svc.SearchMembers(h.ctx, "u-ann", room, "tester", 2)
	h.ok(err)
	if len(found) != 2 {
		t.Fatalf("%d members, want 2: %+v", len(found), found)
	}
	found, err = h.svc.SearchMembers(h.ctx, "u-bob", room, "bob", 0)
	h.ok(err)
	if len(found) != 1 || !found[0].Online || found[0].Role != chat.Member || found[0].DisplayName != "Bob Tester" {
		t.Fatalf("bob: %+v", found)
	}
}

func TestMembersByNameAmongMany(t *testing.T) {
	names := []string{"ann"}
	for i := range 230 {
		names = append(names, fmt.Sprintf("kim%03d", i))
	}
	h := newHouse(t, names...)
	room := h.room(chat.Private, "u-ann", "u-kim229")
	found, err := h.svc.SearchMembers(h.ctx, "u-ann", room, "kim", 8)
	h.ok(err)
	if len(found) != 1 || found[0].UserID != "u-kim229" {
		t.Fatalf("found %+v", found)
	}
}
