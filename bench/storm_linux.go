package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

const (
	missed     = 200 // messages that each comes back to
	stormRooms = 100 // members of each room
	talkRate   = 100 // texts a second of those who stayed
)

// storm lets everybody but one speaker a room go away, lets the speakers say what is missed, and then lets all come back
// in the same moment and sync, while the people of one more room go on talking. It is over when everybody has everything
// that was said, each text once and in order.
func (s *session) storm(ctx context.Context) error {
	sh := shape{rooms: max(1, s.Connections/stormRooms-1) + 1, members: stormRooms}
	return s.with(ctx, startParley, sh, false, func(t *target, c *clients) error {
		storm := storm{clients: c, last: make([]int64, len(c.all)), others: c.rooms[len(c.rooms)-1]}
		var here []*client
		for i, r := range c.rooms {
			here = append(here, r.members[0])
			if r == storm.others {
				r.members[0].first = true // its acknowledgements are timed
				here = append(here, r.members[1:]...)
				continue
			}
			for _, m := range r.members[1:] {
				m.answer = storm.returned
				storm.gone = append(storm.gone, m)
			}
			r.members[0].answer = func(one *client, m []byte) { storm.base(i, one, m) }
		}
		if err := c.open(ctx, here, handshakes); err != nil {
			return err
		}
		if err := storm.speak(ctx); err != nil {
			return err
		}
		calm, err := storm.talk(ctx, seconds(s.Seconds), func() bool { return false })
		if err != nil {
			return err
		}
		profiled := s.profile(ctx, t, "storm")
		before, began := read(t.pid, s.at.server), c.now()
		storm.left, c.patient = len(storm.gone), true
		c.dial(storm.gone, len(storm.gone))
		collect := debug.SetGCPercent(-1) // it would take the load's CPU from those who are timed
		during, err := storm.talk(ctx, 3*time.Minute, func() bool { return storm.left == 0 })
		took := c.now() - began
		debug.SetGCPercent(collect)
		if err := errors.Join(err, <-profiled); err != nil {
			return err
		}
		var r result
		before.since(&r, t.pid, s.at.server)
		if err := c.settle(ctx); err != nil {
			return err
		}
		r.doubled, r.disordered, r.stray, r.dropped = c.doubled, c.disordered, c.stray, c.dropped
		r.lost, r.unanswered = c.missing()
		s.faults += r.faults()
		tableHead(s.Out, fmt.Sprintf("Reconnect storm. Everybody missed %d messages and comes back at once; others talk at %d/s in a room of 100.", missed, talkRate),
			"clients", "all whole after, s", "server CPU, s", "foreign", "others' ack p99 calm, ms", "in the storm, ms", "tried again", "RSS after, MiB", "not whole", "faults")
		tableRow(s.Out, len(storm.gone), fmt.Sprintf("%.1f", took.Seconds()), fmt.Sprintf("%.1f", r.server.Seconds()), share(r.foreign.Seconds(), r.seconds),
			fmt.Sprintf("%.1f", millis(calm.quantile(.99))), fmt.Sprintf("%.1f", millis(during.quantile(.99))), c.retries, mib(resident(t.pid)), storm.left, r.fault())
		return nil
	})
}

// storm is one storm under way.
type storm struct {
	*clients
	gone   []*client
	others *room
	last   []int64 // the newest number that a client has, by its index
	left   int     // clients that are not whole
}

// base notes up to where those who are away have their room.
func (s *storm) base(room int, one *client, m []byte) {
	if k, _ := s.wire.read(m); k != kindReady {
		return
	}
	newest, err := headOf(m, one.Room)
	if err != nil {
		s.fail(err)
	}
	for _, m := range s.rooms[room].members[1:] {
		s.last[m.index] = newest
	}
}

// speak lets each speaker say what the others will have missed.
func (s *storm) speak(ctx context.Context) error {
	var waiting int
	say := func(r *room) {
		if len(r.texts) < missed {
			s.publish(r.members[0], s.now())
			waiting++
		}
	}
	for _, r := range s.rooms {
		if r == s.others {
			continue
		}
		speaker := r.members[0]
		speaker.answer = func(*client, []byte) { waiting--; say(r) }
		for range 4 {
			say(r)
		}
	}
	for waiting > 0 {
		if err := s.poll(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// talk lets the others talk for d or until all are whole, and returns how fast they were acknowledged.
func (s *storm) talk(ctx context.Context, d time.Duration, whole func() bool) (*hist, error) {
	s.count = tally{}
	end, due := s.now()+d, s.now()
	err := s.during(ctx, func() time.Duration {
		for ; due <= s.now(); due += time.Second / talkRate {
			s.publish(s.others.members[0], due)
		}
		if whole() {
			return over
		}
		return due
	}, end)
	h := s.count.ack
	return &h, err
}

// returned handles the answers to one who comes back: a greeting, then syncs until there is no more.
func (s *storm) returned(one *client, m []byte) {
	switch k, _ := s.wire.read(m); k {
	case kindReady:
	case kindAnswer:
		before := s.count.delivered
		s.delivered(one, m)
		s.last[one.index] += int64(s.count.delivered - before)
		if !bytes.Contains(m, []byte(`"more":true`)) {
			s.left--
			return
		}
	default:
		s.fail(fmt.Errorf("unexpected answer to a sync: %.200q", m))
		return
	}
	s.send(one, syncFrame(one.Room, s.last[one.index]))
}
