package chat_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"parley/chat"
	"parley/chattest"
)

// batches counts how often people are told together.
type batches struct {
	*chattest.Recorder
	sizes chan int
}

func (b *batches) ToUsers(ctx context.Context, e chat.Event, userIDs ...string) {
	b.Recorder.ToUsers(ctx, e, userIDs...)
	b.sizes <- len(userIDs)
}

// TestToldTogether: who is told the same by a notification is told at once, since each call may have to look up how people
// are reached; and nobody else is.
func TestToldTogether(t *testing.T) {
	h := newHouse(t, "ann")
	people := []string{"u-ann"}
	for i := range 60 {
		people = append(people, chattest.AddUser(t, h.store, fmt.Sprintf("p%02d", i)).UserID)
	}
	room := h.room(chat.Private, people...)
	ears := &batches{h.ears, make(chan int, 100)}
	svc := h.service(ears, nil, nil)
	h.ok(svc.SetLevel(h.ctx, people[1], room, chat.LevelNothing))
	h.ears.Forget()
	for text, want := range map[string]int{"@room supper, and @p05 cooks": 59, "@p07 washes up": 1} { // of the room all but who wrote it and who wants nothing
		_, err := svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: text, ClientMessageID: text})
		h.ok(err)
		select {
		case got := <-ears.sizes:
			equal(t, text, got, want)
		case <-time.After(10 * time.Second):
			t.Fatal("not told")
		}
	}
	for _, e := range append(h.ears.Heard("u-ann"), h.ears.Heard(people[1])...) {
		if e.Event.Notified != nil {
			t.Errorf("told: %+v", e)
		}
	}
}
