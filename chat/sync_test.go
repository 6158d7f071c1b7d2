package chat_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"parley/chat"
)

// reader is what a client holds of one room: it takes each number of the log once, in order.
type reader struct {
	last int64 // newest number taken
	held map[int64]chat.Message
}

func (r *reader) take(e chat.Event) error {
	if e.Seq != r.last+1 {
		return fmt.Errorf("%s follows number %d", tell(e), r.last)
	}
	r.last = e.Seq
	m := e.NewMessage
	if e.Updated != nil {
		if m = e.Updated; m.UpdatedSeq != e.Seq {
			return fmt.Errorf("%s carries the number %d", tell(e), m.UpdatedSeq)
		}
	}
	if m != nil && r.held[m.Seq].UpdatedSeq <= m.UpdatedSeq {
		r.held[m.Seq] = *m
	}
	return nil
}

// holds compares what the client holds with what is stored.
func (r *reader) holds(stored []chat.Message) error {
	if len(r.held) != len(stored) {
		return fmt.Errorf("holds %d messages of %d", len(r.held), len(stored))
	}
	for i := range stored {
		m, have := &stored[i], r.held[stored[i].Seq]
		if have.MessageID != m.MessageID || have.Content != m.Content || have.EditedAt != m.EditedAt || have.DeletedAt != m.DeletedAt || have.UpdatedSeq != m.UpdatedSeq {
			return fmt.Errorf("holds %+v of %+v", have, m)
		}
	}
	return nil
}

// play is a random history of one room.
type play struct {
	*house
	room string
	said []chat.Message // as first sent
	dead []string       // texts that were edited or deleted
	all  int            // texts so far
}

func (p *play) text(t *rapid.T) string {
	p.all++
	return fmt.Sprintf("<%d>%s", p.all, strings.Repeat("x", rapid.IntRange(0, 900).Draw(t, "size")))
}

// step does one random thing. Refusals for want of a role or a membership are part of the play.
func (p *play) step(t *rapid.T) {
	p.clock.Advance(time.Millisecond)
	by := rapid.SampledFrom([]string{"u-ann", "u-bob", "u-cid"}).Draw(t, "by")
	on := rapid.SampledFrom([]string{"u-bob", "u-cid"}).Draw(t, "on")
	var err error
	switch do := rapid.SampledFrom([]string{"say", "say", "say", "say", "edit", "edit", "delete", "join", "leave", "remove", "role", "rename", "read"}).Draw(t, "do"); do {
	case "say":
		var m chat.Message
		text := p.text(t)
		m, err = p.svc.Send(p.ctx, by, chat.NewMessage{RoomID: p.room, Content: text, ClientMessageID: fmt.Sprint(p.all)})
		if err == nil {
			p.said = append(p.said, m)
		}
	case "edit", "delete":
		if len(p.said) == 0 {
			return
		}
		m := rapid.SampledFrom(p.said).Draw(t, "which")
		old, readErr := p.store.Messages(p.ctx, p.room, m.Seq, m.Seq, 1, false)
		p.ok(readErr)
		if do == "edit" {
			_, err = p.svc.Edit(p.ctx, m.UserID, p.room, m.MessageID, p.text(t))
		} else {
			_, err = p.svc.Delete(p.ctx, m.UserID, p.room, m.MessageID)
		}
		if err == nil && old[0].Content != "" {
			p.dead = append(p.dead, old[0].Content)
		}
	case "join":
		_, err = p.svc.Join(p.ctx, on, p.room)
	case "leave":
		err = p.svc.Leave(p.ctx, on, p.room)
	case "remove":
		err = p.svc.RemoveMember(p.ctx, "u-ann", p.room, on)
	case "role":
		_, err = p.svc.SetMember(p.ctx, "u-ann", p.room, on, rapid.SampledFrom([]chat.Role{chat.Member, chat.Moderator}).Draw(t, "role"))
	case "rename":
		name := fmt.Sprint("Lobby ", p.all)
		_, err = p.svc.UpdateRoom(p.ctx, by, p.room, chat.RoomChange{Name: &name})
	case "read":
		err = p.svc.MarkRead(p.ctx, by, p.room, rapid.Int64Range(0, p.head(p.room)+2).Draw(t, "seq"))
	}
	switch chat.CodeOf(err) {
	case "", chat.Forbidden, chat.NotFound, chat.Conflict:
	default:
		t.Fatal(err)
	}
}

// alive ends the test if an event carries a text that was taken back.
func (p *play) alive(t *rapid.T, m *chat.Message) {
	if m != nil && slices.Contains(p.dead, m.Content) {
		t.Fatalf("message %d comes out with a text that was taken back", m.Seq)
	}
}

// TestSync: after any history, whoever listened, and whoever was away from any moment on and syncs in small bites,
// holds exactly what is stored, has taken each number once, and is told nothing that was taken back.
func TestSync(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid")
	rapid.Check(t, func(t *rapid.T) {
		p := &play{house: h, room: h.room(chat.Public, "u-ann", "u-bob")}
		defer func() { // one can be in so many rooms only
			h.ok(h.svc.DeleteRoom(h.ctx, "u-ann", p.room))
			h.ok(h.store.Purge(h.ctx))
		}()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			p.step(t)
		}
		head, stored := h.head(p.room), h.history(p.room)
		heard := logOf(h.ears.HeardIn("u-ann", p.room))
		equal(h.t, "numbers heard", int64(len(heard)), head-1) // all but the making of the room
		for range 3 {
			away := rapid.Int64Range(1, head).Draw(t, "away from")
			r := &reader{last: 1, held: map[int64]chat.Message{}}
			for _, e := range heard[:away-1] {
				if err := r.take(e); err != nil {
					t.Fatal(err)
				}
			}
			p.catchUp(t, r, rapid.IntRange(0, 5000).Draw(t, "bytes"))
			if err := r.holds(stored); err != nil {
				t.Fatalf("away from %d: %v", away, err)
			}
		}
		live := &reader{last: 1, held: map[int64]chat.Message{}}
		for _, e := range heard {
			if err := live.take(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := live.holds(stored); err != nil {
			t.Fatalf("listening: %v", err)
		}
		fresh := &reader{held: map[int64]chat.Message{}}
		p.catchUp(t, fresh, 1<<20)
		if err := fresh.holds(stored); err != nil {
			t.Fatalf("from the start: %v", err)
		}
		p.checkUnread(t, stored)
		p.checkHistory(t, stored)
	})
}

// logOf leaves out what has no number.
func logOf(events []chat.Event) []chat.Event {
	return slices.DeleteFunc(events, func(e chat.Event) bool { return e.Seq == 0 })
}

// catchUp syncs until nothing is missing.
func (p *play) catchUp(t *rapid.T, r *reader, maxBytes int) {
	head := p.head(p.room)
	for {
		got, err := p.svc.Sync(p.ctx, "u-ann", map[string]int64{p.room: r.last}, maxBytes)
		if err != nil {
			t.Fatal(err)
		}
		s := got[0]
		if len(got) != 1 || s.RoomID != p.room || s.HeadSeq != head || !s.Complete {
			t.Fatalf("sync from %d: %+v", r.last, got)
		}
		for _, e := range s.Events {
			p.alive(t, e.NewMessage)
			p.alive(t, e.Updated)
			if err := r.take(e); err != nil {
				t.Fatal(err)
			}
		}
		if !s.More {
			if r.last != head {
				t.Fatalf("sync ends at %d of %d", r.last, head)
			}
			return
		}
		if len(s.Events) == 0 {
			t.Fatalf("sync from %d in %d bytes makes no progress", r.last, maxBytes)
		}
	}
}

// checkUnread compares the counts of everybody with counting.
func (p *play) checkUnread(t *rapid.T, stored []chat.Message) {
	for _, user := range []string{"u-ann", "u-bob", "u-cid"} {
		counts, err := p.svc.UnreadCounts(p.ctx, user)
		if err != nil {
			t.Fatal(err)
		}
		member, err := p.svc.Member(p.ctx, user, p.room, user)
		i := slices.IndexFunc(counts, func(u chat.Unread) bool { return u.RoomID == p.room })
		if (i >= 0) != (err == nil) {
			t.Fatalf("%s: counts %v, member %v", user, counts, err)
		}
		if i < 0 {
			continue
		}
		var want int64
		for _, m := range stored {
			if m.Seq > member.ReadSeq {
				want++
			}
		}
		v, err := p.svc.Room(p.ctx, user, p.room)
		if err != nil || counts[i].Unread != want || v.Unread != want || counts[i].ReadSeq != member.ReadSeq || v.Membership.ReadSeq != member.ReadSeq {
			t.Fatalf("%s has read up to %d: %d unread, %d in the room's view, want %d", user, member.ReadSeq, counts[i].Unread, v.Unread, want)
		}
		if n := len(stored); n > 0 && v.LastMessage.MessageID != stored[n-1].MessageID {
			t.Fatalf("last message: got %d, want %d", v.LastMessage.Seq, stored[n-1].Seq)
		}
	}
}

// checkHistory pages through the room in all ways.
func (p *play) checkHistory(t *rapid.T, stored []chat.Message) {
	q := chat.PageQuery{Limit: rapid.IntRange(1, 9).Draw(t, "limit"), MaxBytes: rapid.IntRange(0, 4000).Draw(t, "page bytes")}
	page := func(q chat.PageQuery) chat.MessagePage {
		got, err := p.svc.Messages(p.ctx, "u-ann", p.room, q)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Messages) > q.Limit || got.Messages == nil {
			t.Fatalf("page of %d messages, at most %d", len(got.Messages), q.Limit)
		}
		for i := range got.Messages {
			p.alive(t, &got.Messages[i])
			if i > 0 && got.Messages[i].Ordinal != got.Messages[i-1].Ordinal+1 {
				t.Fatalf("a page leaves out message %d", got.Messages[i].Ordinal-1)
			}
		}
		if n := len(got.Messages); n > 0 && (got.HasMoreBefore != (got.Messages[0].Ordinal > 1) || got.HasMoreAfter != (got.Messages[n-1].Ordinal < int64(len(stored)))) {
			t.Fatalf("page of %d to %d of %d: more before %v, more after %v", got.Messages[0].Ordinal, got.Messages[n-1].Ordinal, len(stored), got.HasMoreBefore, got.HasMoreAfter)
		}
		if len(got.Messages) == 0 && len(stored) > 0 && got.HasMoreBefore == got.HasMoreAfter {
			t.Fatalf("an empty page beside %d messages: more before %v, more after %v", len(stored), got.HasMoreBefore, got.HasMoreAfter)
		}
		return got
	}
	var up, down []chat.Message
	for got := page(q); ; got = page(q) {
		down = append(slices.Clone(got.Messages), down...)
		if !got.HasMoreBefore {
			break
		}
		q.Before = &got.Messages[0].Seq
	}
	after := int64(0)
	q.Before, q.After = nil, &after
	for got := page(q); ; got = page(q) {
		up = append(up, got.Messages...)
		if !got.HasMoreAfter {
			break
		}
		q.After = &got.Messages[len(got.Messages)-1].Seq
	}
	for _, got := range [][]chat.Message{up, down} {
		if !slices.EqualFunc(got, stored, func(a, b chat.Message) bool { return a.MessageID == b.MessageID && a.Content == b.Content }) {
			t.Fatalf("paging finds %d messages of %d", len(got), len(stored))
		}
	}
	q.After = nil
	for _, m := range stored {
		q.Around = &m.Seq
		if got := page(q); !slices.ContainsFunc(got.Messages, func(x chat.Message) bool { return x.Seq == m.Seq }) {
			t.Fatalf("the page around %d, of %d messages and %d bytes, is without it", m.Seq, q.Limit, q.MaxBytes)
		}
	}
	end := p.head(p.room)
	q.Around, q.After = nil, &end
	if got := page(q); len(got.Messages) > 0 {
		t.Fatalf("after the end there is %+v", got)
	}
}
