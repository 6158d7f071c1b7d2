package bench

import (
	"bytes"
	"time"
)

// publish sends the next text of the room of one, which was due at the given time.
func (c *clients) publish(one *client, due time.Duration) {
	r := one.room
	seq := len(r.texts)
	r.texts = append(r.texts, text{from: one, due: due})
	putHex(c.text[roomAt:seqAt], uint64(r.index))
	putHex(c.text[seqAt:runAt], uint64(seq))
	putHex(c.text[runAt:textHead-1], uint64(c.session))
	c.scratch = c.wire.publish(c.scratch[:0], one.person, seq, c.text)
	c.tally(r).sent++
	c.send(one, c.scratch)
}

// answered notes an acknowledgement or a refusal.
func (c *clients) answered(one *client, k kind, seq int) {
	r := one.room
	if seq < 0 || seq >= len(r.texts) || r.texts[seq].from != one || r.texts[seq].acked || r.texts[seq].refused {
		c.stray++
		return
	}
	t := &r.texts[seq]
	if k == kindRefused {
		t.refused = true
		c.tally(r).refused++
		if c.done != nil {
			c.done(r)
		}
		return
	}
	t.acked = true
	c.tally(r).acked++
	c.tally(r).ack.add(c.stamp - t.due)
	c.check(r, t)
}

func (c *clients) tally(r *room) *tally {
	if r.loud {
		return &c.loud
	}
	return &c.count
}

// delivered notes every text in a message.
func (c *clients) delivered(one *client, m []byte) {
	for {
		i := bytes.Index(m, []byte(textMark))
		if i < 0 || len(m) < i+textHead {
			return
		}
		head := m[i : i+textHead]
		m = m[i+textHead:]
		if uint32(hex(head[runAt:textHead-1])) != c.session {
			continue // of history
		}
		c.arrived(one, hex(head[roomAt:seqAt]), hex(head[seqAt:runAt]))
	}
}

func (c *clients) arrived(one *client, room, seq int) {
	r := one.room
	if room != r.index || seq >= len(r.texts) || r.texts[seq].from == one {
		c.stray++
		return
	}
	word, bit := seq>>6, uint64(1)<<(seq&63)
	for word >= len(one.seen) {
		one.seen = append(one.seen, 0)
	}
	if one.seen[word]&bit != 0 {
		c.doubled++
		return
	}
	one.seen[word] |= bit
	if seq < one.highest {
		c.disordered++
	}
	one.highest = max(one.highest, seq)
	t := &r.texts[seq]
	t.got++
	c.tally(r).delivered++
	c.tally(r).delivery.add(c.stamp - t.due)
	c.check(r, t)
}

func (c *clients) check(r *room, t *text) {
	if c.done != nil && t.acked && t.got == len(r.members)-1 {
		c.done(r)
	}
}

// missing counts the deliveries of acknowledged texts that did not come, and texts that had no answer.
func (c *clients) missing() (lost, unanswered int) {
	for _, r := range c.rooms {
		for i := range r.texts {
			switch t := &r.texts[i]; {
			case t.acked:
				lost += len(r.members) - 1 - t.got
			case !t.refused:
				unanswered++
			}
		}
	}
	return lost, unanswered
}
