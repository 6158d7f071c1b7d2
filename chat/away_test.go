package chat_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat"
	"parley/limit"
	"parley/names"
)

// away wants to know everything, and counts.
type away struct{ stored atomic.Int64 }

func (*away) Wanted() bool               { return true }
func (a *away) Stored(string, time.Time) { a.stored.Add(1) }

// outboxed makes a Service that uses the outbox.
func (h *house) outboxed(log chat.Log) (*chat.Service, *away) {
	a := &away{}
	if log == nil {
		log = h.store
	}
	return chat.New(chat.Config{Log: log, Rooms: h.store, Markers: h.store, Notices: h.store, Users: h.store, Seen: h.store, Deliverer: deaf{h.ears},
		Limiter: limit.New(limit.Config{Off: true}), Names: names.Precis{}, Now: h.clock.Now, Outbox: h.store, Away: a, Reached: h.store}), a
}

// TestOutboxUnderWay: while people write and the room is settled again and again, no message is left that neither was
// settled nor stands in the outbox; and the rows are fewer than the messages.
func TestOutboxUnderWay(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	svc, told := h.outboxed(nil)
	r, _, err := svc.OpenDirect(h.ctx, "u-ann", []string{"u-bob"})
	h.ok(err)
	var writers sync.WaitGroup
	const each = 150
	for w := range 3 {
		writers.Go(func() {
			for i := range each {
				if _, err := svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: r.RoomID, Content: "x", ClientMessageID: fmt.Sprint(w, "-", i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	written := make(chan struct{})
	go func() {
		writers.Wait()
		close(written)
	}()
	settle := func() (settled, stays bool) {
		before, err := svc.Outstanding(h.ctx, r.RoomID)
		h.ok(err)
		if before == 0 {
			return false, false
		}
		rooms, err := h.store.Rooms(h.ctx, r.RoomID)
		h.ok(err)
		stays, err = svc.Settle(h.ctx, r.RoomID, rooms[0].LastSeq)
		h.ok(err)
		after, err := svc.Outstanding(h.ctx, r.RoomID)
		h.ok(err)
		if stays && after != rooms[0].LastSeq+1 || after != 0 && after <= rooms[0].LastSeq {
			t.Errorf("settled up to %d, and the outbox says %d", rooms[0].LastSeq, after)
		}
		return true, stays
	}
	last := int64(0)
	for done := false; !done; {
		select {
		case <-written:
			done = true
		default:
		}
		settle()
	}
	rooms, err := h.store.Rooms(h.ctx, r.RoomID)
	h.ok(err)
	last = rooms[0].LastSeq
	if from, err := svc.Outstanding(h.ctx, r.RoomID); err != nil || from > last {
		t.Errorf("the outbox says %d of %d messages, %v", from, last, err)
	}
	settle()
	if all, err := svc.Outbox(h.ctx); err != nil || len(all) != 0 {
		t.Errorf("left: %v, %v", all, err)
	}
	if n := told.stored.Load(); n == 0 || n > 3*each {
		t.Errorf("%d rows for %d messages", n, 3*each)
	}
}

// lostAnswer stores what it is given, and says once that it did not.
type lostAnswer struct {
	chat.Log
	lose atomic.Bool
}

func (l *lostAnswer) Commit(ctx context.Context, c chat.Commit) error {
	if err := l.Log.Commit(ctx, c); err != nil {
		return err
	}
	if l.lose.CompareAndSwap(true, false) {
		return errors.New("the answer is lost")
	}
	return nil
}

// TestOutboxKeepsItsBeginning: a row that another process left, or that a commit of unknown outcome wrote, is found before
// the next message, which would otherwise put the room in from itself on.
func TestOutboxKeepsItsBeginning(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	log := &lostAnswer{Log: h.store}
	svc, _ := h.outboxed(log)
	r, _, err := svc.OpenDirect(h.ctx, "u-ann", []string{"u-bob"})
	h.ok(err)
	say := func(svc *chat.Service, id string) (chat.Message, error) {
		return svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: r.RoomID, Content: id, ClientMessageID: id})
	}
	log.lose.Store(true)
	if _, err := say(svc, "1"); err == nil {
		t.Fatal("acknowledged")
	}
	first, err := svc.Outstanding(h.ctx, r.RoomID)
	h.ok(err)
	_, err = say(svc, "2")
	h.ok(err)
	restarted, _ := h.outboxed(nil)
	_, err = say(restarted, "3")
	h.ok(err)
	if now, err := restarted.Outstanding(h.ctx, r.RoomID); err != nil || first == 0 || now != first {
		t.Errorf("the outbox began with %d, and then with %d, %v", first, now, err)
	}
	if stays, err := restarted.Settle(h.ctx, r.RoomID, first); err != nil || !stays {
		t.Errorf("settled although there is more: %v", err)
	}
	if now, err := restarted.Outstanding(h.ctx, r.RoomID); err != nil || now != first+1 {
		t.Errorf("the outbox goes on with %d after %d, %v", now, first, err)
	}
}
