package chat_test

import (
	"context"
	"testing"

	"parley/chat"
)

// torn is a log in which something is written between two reads.
type torn struct {
	chat.Log
	between func()
}

func (l *torn) Changes(ctx context.Context, roomID string, from, to int64, limit int) ([]chat.Change, error) {
	if write := l.between; write != nil {
		l.between = nil
		write()
	}
	return l.Log.Changes(ctx, roomID, from, to, limit)
}

// TestLogEventsWhileOthersWrite: what is written between two reads is told whole, or not yet.
func TestLogEventsWhileOthersWrite(t *testing.T) {
	for name, c := range map[string]struct {
		write func(h *house, room string, m chat.Message)
		want  int // events after the first message
	}{
		"a deletion": {func(h *house, room string, m chat.Message) {
			_, err := h.svc.Delete(h.ctx, "u-ann", room, m.MessageID)
			h.ok(err)
		}, 1},
		"a message, then a deletion": {func(h *house, room string, m chat.Message) {
			h.say("u-ann", room, "another")
			_, err := h.svc.Delete(h.ctx, "u-ann", room, m.MessageID)
			h.ok(err)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, "ann")
			room := h.room(chat.Public, "u-ann")
			m := h.say("u-ann", room, "secret")
			events, err := chat.LogEvents(h.ctx, &torn{h.store, func() { c.write(h, room, m) }}, room, m.Seq, m.Seq+10)
			if err != nil || len(events) != 1+c.want {
				t.Fatalf("%d events, %v", len(events), err)
			}
			for i, e := range events {
				if e.Seq != m.Seq+int64(i) || e.Updated != nil && (e.Updated.DeletedAt == 0 || e.Updated.Content != "") {
					t.Errorf("event %d is %+v of %+v", i, e, e.Updated)
				}
			}
		})
	}
}
