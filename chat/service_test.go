package chat_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/chat"
	"parley/chattest"
	"parley/names"
	"parley/store"
	"parley/store/pebble"
)

// house is a Service over the real store in memory, with a clock that stands still and a recorder for ears.
type house struct {
	t     testing.TB
	ctx   context.Context
	store *store.Store
	clock *chattest.Clock
	ears  *chattest.Recorder
	svc   *chat.Service
	rooms chat.Rooms // of further services; nil is the store
}

// limiter decides by a function; nil allows everything.
type limiter func(rule chat.Rule, key string) time.Duration

func (l limiter) Allow(_ context.Context, rule chat.Rule, key string) time.Duration {
	if l == nil {
		return 0
	}
	return l(rule, key)
}

// newHouse opens an empty store and registers people; the user id of "ann" is "u-ann".
func newHouse(t testing.TB, people ...string) *house {
	t.Helper()
	clock := chattest.NewClock()
	db, err := pebble.Open(pebble.Options{Dir: "data", FS: vfs.NewMem(), Schemas: store.Schemas(), Now: clock.Now, CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, ctx: t.Context(), store: store.New(db, clock.Now), clock: clock}
	h.ears = chattest.NewRecorder()
	h.svc = h.service(h.ears, nil, nil)
	for _, name := range people {
		chattest.AddUser(t, h.store, name)
	}
	t.Cleanup(func() {
		if faults := h.ears.Faults(); len(faults) > 0 {
			t.Errorf("deliveries: %v", faults)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// service makes another Service over the house's store. A nil log is the store's.
func (h *house) service(ears chat.Deliverer, log chat.Log, l limiter) *chat.Service {
	if log == nil {
		log = h.store
	}
	rooms := h.rooms
	if rooms == nil {
		rooms = h.store
	}
	return chat.New(chat.Config{Log: log, Rooms: rooms, Markers: h.store, Notices: h.store, Erasures: h.store, Digests: h.store, Users: h.store, Seen: h.store, Deliverer: ears,
		Limiter: l, Names: names.Precis{}, Now: h.clock.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// code ends the test unless err has the code; "" is no error.
func (h *house) code(err error, want chat.Code) {
	h.t.Helper()
	if chat.CodeOf(err) != want {
		h.t.Fatalf("got %v, want code %q", err, want)
	}
}

// room makes a room; the first of people owns it.
func (h *house) room(kind chat.Kind, people ...string) string {
	h.t.Helper()
	if kind == chat.Direct {
		v, _, err := h.svc.OpenDirect(h.ctx, people[0], people[1:])
		h.ok(err)
		return v.RoomID
	}
	v, err := h.svc.CreateRoom(h.ctx, people[0], chat.NewRoom{Kind: kind, Name: "Lobby"})
	h.ok(err)
	for _, p := range people[1:] {
		_, err := h.svc.SetMember(h.ctx, people[0], v.RoomID, p, "")
		h.ok(err)
	}
	return v.RoomID
}

// say sends a message under its text as its clientMessageId.
func (h *house) say(by, roomID, text string) chat.Message {
	h.t.Helper()
	m, err := h.svc.Send(h.ctx, by, chat.NewMessage{RoomID: roomID, Content: text, ClientMessageID: text})
	h.ok(err)
	return m
}

func (h *house) head(roomID string) int64 {
	h.t.Helper()
	rooms, err := h.store.Rooms(h.ctx, roomID)
	h.ok(err)
	if len(rooms) == 0 {
		return 0
	}
	return rooms[0].HeadSeq
}

// history returns all messages of a room, by the store.
func (h *house) history(roomID string) []chat.Message {
	h.t.Helper()
	msgs, err := h.store.Messages(h.ctx, roomID, 1, 1<<40, 1000, false)
	h.ok(err)
	return msgs
}

// tell describes an event in a few words, for comparisons: "7 message hello", "8 joined u-bob".
func tell(e chat.Event) string {
	switch {
	case e.NewMessage != nil:
		return fmt.Sprintf("%d message %s", e.Seq, e.NewMessage.Content)
	case e.Updated != nil && e.Updated.DeletedAt != 0:
		return fmt.Sprintf("%d deleted %d", e.Seq, e.Updated.Seq)
	case e.Updated != nil:
		return fmt.Sprintf("%d edited %d %s", e.Seq, e.Updated.Seq, e.Updated.Content)
	case e.Room != nil && e.Room.Membership != nil:
		return fmt.Sprintf("%d %s %s", e.Seq, e.Room.Change, e.Room.Membership.UserID)
	case e.Room != nil:
		return fmt.Sprintf("%d %s", e.Seq, e.Room.Change)
	case e.Notified != nil:
		return fmt.Sprintf("notified %s %s", e.Notified.Kind, e.Notified.Message.Content)
	case e.Typing != nil:
		return "typing " + e.Typing.UserID
	case e.Read != nil:
		return fmt.Sprintf("read %d %s", e.Read.Seq, e.Read.UserID)
	case e.Presence != nil:
		return fmt.Sprintf("presence %s %v", e.Presence.UserID, e.Presence.Online)
	}
	return "nothing"
}

func tellAll(events []chat.Event) []string {
	out := []string{}
	for _, e := range events {
		out = append(out, tell(e))
	}
	return out
}

// hears ends the test unless a person was told exactly this since the last Forget, in all rooms and beside them.
func (h *house) hears(userID string, want ...string) {
	h.t.Helper()
	got := []string{}
	for _, x := range h.ears.Heard(userID) {
		got = append(got, tell(x.Event))
	}
	if !slices.Equal(got, append([]string{}, want...)) {
		h.t.Fatalf("%s hears %q, want %q", userID, got, want)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
