package checker

import (
	"cmp"
	"encoding/json"
	"slices"

	"parley/chat"
)

// stored checks a log by itself, and against what was asked for.
func (c *check) stored(l *log) {
	room := l.Room.RoomID
	next, m, ch := int64(1), l.Messages, l.Changes
	for len(m) > 0 || len(ch) > 0 { // merge both kinds of entries by number
		var seq int64
		if len(ch) == 0 || len(m) > 0 && m[0].Seq <= ch[0].Seq {
			seq, m = m[0].Seq, m[1:]
		} else {
			seq, ch = ch[0].Seq, ch[1:]
		}
		if seq != next {
			c.violation(Hole, room, "number %d stands where %d comes", seq, next)
		}
		next = seq + 1
	}
	if next != l.Room.HeadSeq+1 {
		c.violation(Hole, room, "the log ends with %d, its head is %d", next-1, l.Room.HeadSeq)
	}
	for i := range l.Messages {
		c.message(l, &l.Messages[i])
	}
	c.served(l)
}

// message checks one stored message.
func (c *check) message(l *log, m *chat.Message) {
	room := l.Room.RoomID
	key := sent{m.RoomID, m.UserID, m.ClientMessageID}
	if first := l.bySent[key]; first != m {
		c.violation(Doubled, room, "%s of %s is stored at %d and %d", m.ClientMessageID, m.UserID, first.Seq, m.Seq)
	}
	op := c.sends[key]
	if op == nil || op.Outcome == Refused {
		c.violation(Invented, room, "%s of %s stands at %d, but was never sent, or refused", m.ClientMessageID, m.UserID, m.Seq)
		return
	}
	if !l.member(m.UserID, m.Seq) {
		c.violation(Leaked, room, "%s wrote at %d without being a member", m.UserID, m.Seq)
	}
	if !c.plausible(m) {
		c.violation(Invented, room, "%d holds %q, which nobody asked for", m.Seq, m.Content)
	}
	if m.UpdatedSeq != 0 {
		if ch := l.changes[m.UpdatedSeq]; ch == nil || ch.MessageSeq != m.Seq {
			c.violation(Hole, room, "%d was last changed at %d, where no such change stands", m.Seq, m.UpdatedSeq)
		}
	}
}

// plausible tells whether somebody asked for what the message says.
func (c *check) plausible(m *chat.Message) bool {
	if m.DeletedAt != 0 {
		return m.Content == "" && c.deletes[m.MessageID]
	}
	if m.EditedAt != 0 {
		return c.contents[m.MessageID][m.Content]
	}
	op := c.sends[sent{m.RoomID, m.UserID, m.ClientMessageID}]
	return op != nil && op.Content == m.Content
}

// served checks that the history serves what is stored.
func (c *check) served(l *log) {
	room := l.Room.RoomID
	if len(l.Served) != len(l.Messages) {
		c.violation(Differs, room, "the history serves %d messages of %d", len(l.Served), len(l.Messages))
		return
	}
	for i := range l.Served {
		var m chat.Message
		if err := json.Unmarshal(l.Served[i], &m); err != nil {
			c.violation(Differs, room, "the history serves %.100q: %v", l.Served[i], err)
			continue
		}
		if s := &l.Messages[i]; !same(&m, s) || m.Content != s.Content || m.UpdatedSeq != s.UpdatedSeq || m.EditedAt != s.EditedAt || m.DeletedAt != s.DeletedAt {
			c.violation(Differs, room, "the history serves %+v, stored is %+v", m, *s)
		}
	}
}

// same tells whether two are the same message, in whatever version: what never changes is equal.
func same(a, b *chat.Message) bool {
	return a.RoomID == b.RoomID && a.Seq == b.Seq && a.MessageID == b.MessageID && a.UserID == b.UserID && a.Username == b.Username &&
		a.ClientMessageID == b.ClientMessageID && a.CreatedAt == b.CreatedAt && a.ReplyTo == b.ReplyTo
}

// acknowledged checks that what was acknowledged is stored as it was acknowledged.
func (c *check) acknowledged() {
	for i := range c.h.Ops {
		op := &c.h.Ops[i]
		l := c.logs[op.Room]
		if l == nil || op.Outcome != Acknowledged {
			continue
		}
		m := l.byID[op.ID]
		if op.Kind == Send {
			m = l.bySent[sent{op.Room, op.User, op.ID}]
		}
		switch {
		case m == nil:
			c.violation(Lost, op.Room, "%s %s of %s was acknowledged, and is not stored", op.Kind, op.ID, op.User)
		case op.Message != nil && !same(op.Message, m):
			c.violation(Altered, op.Room, "%s %s was acknowledged as %+v, stored is %+v", op.Kind, op.ID, *op.Message, *m)
		case op.Kind == Delete && m.DeletedAt == 0:
			c.violation(Lost, op.Room, "the deletion of %d was acknowledged, but it is there", m.Seq)
		case op.Kind == Edit:
			c.edited(l, op, m)
		}
	}
}

// edited checks an acknowledged edit of m.
func (c *check) edited(l *log, op *Op, m *chat.Message) {
	if op.Message == nil {
		return
	}
	at := op.Message.UpdatedSeq
	ch := l.changes[at]
	switch {
	case ch == nil || ch.Kind != chat.MessageChanged || ch.MessageSeq != m.Seq:
		c.violation(Lost, op.Room, "an edit of %d was acknowledged at %d, where no such change stands", m.Seq, at)
	case m.UpdatedSeq < at, m.UpdatedSeq == at && m.Content != op.Message.Content:
		c.violation(Lost, op.Room, "the edit of %d at %d to %q was acknowledged, stored is %q of %d", m.Seq, at, op.Message.Content, m.Content, m.UpdatedSeq)
	}
}

// position is the number that an acknowledged operation took.
func (op *Op) position() int64 {
	switch {
	case op.Outcome != Acknowledged || op.Message == nil:
		return 0
	case op.Kind == Send:
		return op.Message.Seq
	default:
		return op.Message.UpdatedSeq
	}
}

// realTime checks that the log keeps the order of what was acknowledged before the next was asked for.
func (c *check) realTime() {
	rooms := map[string][]*Op{}
	for i := range c.h.Ops {
		if op := &c.h.Ops[i]; op.position() != 0 {
			rooms[op.Room] = append(rooms[op.Room], op)
		}
	}
	for room, calls := range rooms {
		returns := slices.Clone(calls)
		slices.SortFunc(calls, func(a, b *Op) int { return cmp.Compare(a.Call, b.Call) })
		slices.SortFunc(returns, func(a, b *Op) int { return cmp.Compare(a.Return, b.Return) })
		var last int64 // the largest number acknowledged before the call
		for _, op := range calls {
			for ; len(returns) > 0 && returns[0].Return < op.Call; returns = returns[1:] {
				last = max(last, returns[0].position())
			}
			if op.position() <= last {
				c.violation(Reordered, room, "%s %s took %d, though %d had been acknowledged before it was asked for", op.Kind, op.ID, op.position(), last)
			}
		}
	}
}
