package chat_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"parley/chat"
)

// countedLog counts what is read, and fails when it is told to.
type countedLog struct {
	chat.Log
	reads atomic.Int32
	fail  atomic.Bool
}

func (l *countedLog) Messages(ctx context.Context, roomID string, from, to int64, limit int, reverse bool) ([]chat.Message, error) {
	l.reads.Add(1)
	if l.fail.Load() {
		return nil, errors.New("the disk is on fire")
	}
	return l.Log.Messages(ctx, roomID, from, to, limit, reverse)
}

// When very many come back at once and missed the same, the log is read once for all of them; and never what was so
// before a change.
func TestManyWhoMissedTheSame(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Public, "u-ann", "u-bob")
	log := &countedLog{Log: h.store}
	svc := h.service(h.ears, log, nil)
	said := h.say("u-ann", room, "one")
	h.say("u-ann", room, "two")
	sync1 := func() (contents []string, err error) {
		rooms, err := svc.Sync(h.ctx, "u-bob", map[string]int64{room: said.Seq - 1}, 1<<20)
		if err != nil {
			return nil, err
		}
		for _, e := range rooms[0].Events {
			if e.NewMessage != nil {
				contents = append(contents, e.NewMessage.Content)
			}
		}
		return contents, nil
	}
	log.fail.Store(true)
	if _, err := sync1(); err == nil {
		t.Fatal("a failing store is not noticed")
	}
	log.fail.Store(false)
	log.reads.Store(0)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got, err := sync1(); err != nil || len(got) != 2 || got[0] != "one" || got[1] != "two" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	all.Wait()
	if n := log.reads.Load(); n != 1 {
		t.Errorf("the log was read %d times for fifty", n)
	}
	_, err := h.svc.Edit(h.ctx, "u-ann", room, said.MessageID, "changed")
	h.ok(err)
	if got, err := sync1(); err != nil || len(got) != 2 || got[0] != "changed" {
		t.Errorf("after an edit by another process: %q, %v", got, err)
	}
	h.ok(h.svc.RemoveMember(h.ctx, "u-ann", room, "u-bob"))
	rooms, err := svc.Sync(h.ctx, "u-bob", map[string]int64{room: said.Seq - 1}, 1<<20)
	if err != nil || rooms[0].Complete || len(rooms[0].Events) > 0 {
		t.Errorf("after his removal bob is told %+v, %v", rooms, err)
	}
}
