package checker

import (
	"encoding/json"
	"fmt"
	"slices"

	"parley/chat"
)

// stream is where numbers must come in order: a connection, an answer, or a merging client, each for one room.
type stream struct {
	observer, user, room string
	how                  How
	epoch                int
}

// told is a number of a room, in one version where there may be several: what is told again has its message as it is then.
type told struct {
	room                            string
	seq                             int64
	content                         string
	updatedSeq, editedAt, deletedAt int64
}

// told checks everything that was told: whether it may be, whether it is true, and that each stream is whole.
func (c *check) told() {
	streams := map[stream][]*Told{}
	live := map[told]*Told{} // first told
	for i := range c.h.Told {
		t := &c.h.Told[i]
		l := c.logs[t.Room]
		if l == nil {
			continue
		}
		k := stream{t.Observer, t.User, t.Room, t.How, t.Epoch}
		streams[k] = append(streams[k], t)
		c.allowed(l, t)
		c.true(l, t)
		if t.How != Live {
			continue
		}
		at := told{room: t.Room, seq: t.Seq}
		if m := t.Message; c.h.Retells && m != nil {
			at.content, at.updatedSeq, at.editedAt, at.deletedAt = m.Content, m.UpdatedSeq, m.EditedAt, m.DeletedAt
		}
		if first := live[at]; first == nil {
			live[at] = t
		} else if first.Frame != t.Frame {
			c.violation(Altered, t.Room, "%d was told %s as %s, and %s as %s", t.Seq, first.Observer, first.Frame, t.Observer, t.Frame)
		}
	}
	heads := map[stream]int64{}
	for _, h := range c.h.Heads {
		heads[stream{observer: h.Observer, room: h.Room, how: Live, epoch: h.Epoch}] = h.Seq
	}
	for k, s := range streams {
		if s = inPlace(s); len(s) == 0 {
			continue
		}
		head, ok := heads[stream{observer: k.observer, room: k.room, how: k.how, epoch: k.epoch}]
		if !ok {
			head = s[0].Seq - 1
		}
		c.whole(c.logs[k.room], k, s, min(head, s[0].Seq-1))
	}
}

// allowed checks that the observer may be told.
func (c *check) allowed(l *log, t *Told) {
	if t.How == Live && !l.member(t.User, t.Seq) || t.Seq > l.readable(t.User) {
		c.violation(Leaked, t.Room, "%s was told %d without being a member: %.200s", t.Observer, t.Seq, t.Frame)
	}
	if t.How == Synced && c.away(t.User, t.Room, t.Call, t.Return) {
		c.violation(Leaked, t.Room, "%s asked for what it missed, and was told %d, while it was no member", t.Observer, t.Seq)
	}
}

// away tells whether somebody was not a member for all of the time from a call to its return.
func (c *check) away(user, room string, call, returned int64) bool {
	return slices.ContainsFunc(c.h.Away, func(a Away) bool {
		return a.User == user && a.Room == room && a.From < call && returned < a.To
	})
}

// true checks that what was told is what is stored at that number, in a version that somebody asked for.
func (c *check) true(l *log, t *Told) {
	switch ch := l.changes[t.Seq]; {
	case t.Kind == "":
		if m := l.at[t.Seq]; m == nil || t.Message == nil || !same(m, t.Message) {
			c.violation(Altered, t.Room, "%s was told %d as %.300s, which is not stored there", t.Observer, t.Seq, t.Frame)
			return
		}
	case ch == nil || ch.Kind != t.Kind:
		c.violation(Altered, t.Room, "%s was told %d as %.300s, which is not stored there", t.Observer, t.Seq, t.Frame)
		return
	case t.Kind == chat.MessageChanged:
		if m := l.at[ch.MessageSeq]; m == nil || t.Message == nil || !same(m, t.Message) {
			c.violation(Altered, t.Room, "%s was told %d as %.300s, which is not stored there", t.Observer, t.Seq, t.Frame)
			return
		}
	}
	if t.Message != nil && !c.plausible(t.Message) {
		c.violation(Invented, t.Room, "%s was told %d as %q, which nobody asked for", t.Observer, t.Seq, t.Message.Content)
	}
}

// whole checks that a stream has each number after last once, in order, as far as it goes.
func (c *check) whole(l *log, k stream, s []*Told, last int64) {
	if k.how == Synced {
		last = s[0].After
	}
	seen := map[int64]bool{}
	for i, t := range s {
		if k.how == Live && c.h.Retells && seen[t.Seq] {
			continue
		}
		seen[t.Seq] = true
		switch {
		case t.Seq == last:
			c.violation(Repeated, k.room, "%s was told %d twice in epoch %d, after %v", k.observer, t.Seq, k.epoch, before(s, i))
		case t.Seq < last:
			c.violation(Disordered, k.room, "%s was told %d in epoch %d, after %v", k.observer, t.Seq, k.epoch, before(s, i))
		default:
			for missing := last + 1; missing < t.Seq; missing++ {
				if k.how == Synced || l.member(k.user, missing) {
					c.violation(Skipped, k.room, "%s was not told %d, but %d in epoch %d, after %v", k.observer, missing, t.Seq, k.epoch, before(s, i))
					break
				}
			}
		}
		last = max(last, t.Seq)
	}
}

// inPlace leaves out acknowledgements that were told again, or with which the stream ends: they only answered.
func inPlace(s []*Told) (out []*Told) {
	seen, highest := map[int64]bool{}, int64(0)
	for i := len(s) - 1; i >= 0; i-- {
		t := s[i]
		if t.Answer && (seen[t.Seq] || t.Seq > highest) {
			continue
		}
		seen[t.Seq], highest = true, max(highest, t.Seq)
		out = append(out, t)
	}
	slices.Reverse(out)
	return out
}

// before are the numbers told just before s[i].
func before(s []*Told, i int) (seqs []int64) {
	for _, t := range s[max(0, i-12):i] {
		seqs = append(seqs, t.Seq)
	}
	return seqs
}

// Retold counts what connections were told again.
func Retold(h *History) (n int) {
	seen := map[stream]map[int64]bool{}
	for i := range h.Told {
		t := &h.Told[i]
		if t.How != Live || t.Answer {
			continue
		}
		k := stream{t.Observer, t.User, t.Room, t.How, t.Epoch}
		if seen[k] == nil {
			seen[k] = map[int64]bool{}
		}
		if seen[k][t.Seq] {
			n++
		}
		seen[k][t.Seq] = true
	}
	return n
}

// pages checks every page that was read.
func (c *check) pages() {
	for i := range c.h.Pages {
		p := &c.h.Pages[i]
		l := c.logs[p.Room]
		if l == nil {
			continue
		}
		if c.away(p.User, p.Room, p.Call, p.Return) {
			c.violation(Leaked, p.Room, "%s was given a page of %d messages while it was no member", p.User, len(p.Messages))
		}
		last := int64(0)
		for j := range p.Messages {
			m := &p.Messages[j]
			s := l.at[m.Seq]
			switch {
			case s == nil || !same(s, m):
				c.violation(Altered, p.Room, "%s read %d as %+v, which is not stored there", p.User, m.Seq, *m)
			case !c.plausible(m):
				c.violation(Invented, p.Room, "%s read %d as %q, which nobody asked for", p.User, m.Seq, m.Content)
			case m.Seq <= last:
				c.violation(Disordered, p.Room, "%s read %d after %d", p.User, m.Seq, last)
			case m.Seq > l.readable(p.User):
				c.violation(Leaked, p.Room, "%s read %d without being a member", p.User, m.Seq)
			}
			last = m.Seq
		}
		c.complete(l, p)
	}
	c.fresh()
}

// complete checks that a page has all messages between its bounds, and as many as it can.
func (c *check) complete(l *log, p *Page) {
	if len(p.Messages) == 0 {
		return
	}
	from, to := p.Messages[0].Seq, p.Messages[len(p.Messages)-1].Seq
	switch {
	case p.Query.After != nil:
		from = *p.Query.After + 1
	case p.Query.Before != nil && p.More[1]:
		to = *p.Query.Before - 1
	}
	if !p.More[0] && p.Query.After == nil {
		from = 0
	}
	var want []int64
	for i := range l.Messages {
		if s := l.Messages[i].Seq; from <= s && s <= to {
			want = append(want, s)
		}
	}
	if len(want) != len(p.Messages) {
		c.violation(Incomplete, p.Room, "%s read %d messages from %d to %d, there are %d", p.User, len(p.Messages), from, to, len(want))
	}
}

// fresh checks that a read of the newest messages has all that was acknowledged before it was asked for.
func (c *check) fresh() {
	for i := range c.h.Pages {
		p := &c.h.Pages[i]
		if p.Query.After != nil || p.Query.Around != nil || p.Query.Before != nil || c.logs[p.Room] == nil {
			continue
		}
		shown := map[int64]*chat.Message{}
		var newest int64
		for j := range p.Messages {
			shown[p.Messages[j].Seq] = &p.Messages[j]
			newest = p.Messages[j].Seq
		}
		for j := range c.h.Ops {
			op := &c.h.Ops[j]
			if op.Room != p.Room || op.Outcome != Acknowledged || op.Message == nil || op.Return >= p.Call {
				continue
			}
			if op.Message.Seq > newest {
				c.violation(Stale, p.Room, "%s read up to %d, though %d had been acknowledged before", p.User, newest, op.Message.Seq)
			} else if m := shown[op.Message.Seq]; m != nil && m.UpdatedSeq < op.Message.UpdatedSeq {
				c.violation(Stale, p.Room, "%s read %d without its change %d, which had been acknowledged before", p.User, m.Seq, op.Message.UpdatedSeq)
			}
		}
	}
}

// views compares what every device holds in the end with what the history serves, byte for byte.
func (c *check) views() {
	served := map[string]map[string]string{}
	for room, l := range c.logs {
		served[room] = map[string]string{}
		for _, text := range l.Served {
			var id struct{ MessageID string }
			canonical, err := Canonical(text)
			if err == nil {
				err = json.Unmarshal(text, &id)
			}
			if err != nil {
				c.violation(Differs, room, "the history serves %.100q: %v", text, err)
				continue
			}
			served[room][id.MessageID] = canonical
		}
	}
	for i := range c.h.Views {
		if v := &c.h.Views[i]; c.logs[v.Room] != nil {
			c.view(c.logs[v.Room], v, served[v.Room])
		}
	}
}

func (c *check) view(l *log, v *View, served map[string]string) {
	if v.Gone || !l.within(v.User) {
		if !v.Gone || l.within(v.User) {
			c.violation(Behind, v.Room, "%s is wrong about whether %s is a member", v.Observer, v.User)
		}
		for id, text := range v.Messages {
			if m := l.byID[id]; m == nil || m.Seq > l.readable(v.User) {
				c.violation(Leaked, v.Room, "%s holds a message from after its time: %.200s", v.Observer, text)
			}
		}
		return
	}
	if v.Position != l.Room.HeadSeq {
		c.violation(Behind, v.Room, "%s has got to %d of %d", v.Observer, v.Position, l.Room.HeadSeq)
	}
	wrong := 0
	var first string
	for id, text := range served {
		if v.Messages[id] != text {
			wrong++
			first = fmt.Sprintf("it holds %s, served is %s", v.Messages[id], text)
		}
	}
	for id, text := range v.Messages {
		if served[id] == "" {
			wrong++
			first = fmt.Sprintf("it holds %s, which is not there", text)
		}
	}
	if wrong > 0 {
		c.violation(Differs, v.Room, "%s differs in %d messages: %s", v.Observer, wrong, first)
	}
}
