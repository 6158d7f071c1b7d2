package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
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
		last := len(t.people) - 1
		others, err := newClients(t.wire, t.addr, t.people[last:])
		if err != nil {
			return err
		}
		defer others.close()
		storm := newStorm(c, others, c.rooms[:last])
		if err := errors.Join(c.open(ctx, storm.speakers, handshakes), others.open(ctx, others.all, handshakes)); err != nil {
			return err
		}
		if err := storm.speak(ctx); err != nil {
			return err
		}
		end := c.now() + seconds(s.Seconds)
		calm, err := storm.talk(ctx, func() bool { return c.now() >= end })
		if err != nil {
			return err
		}
		profiled := s.profile(ctx, t, "storm")
		before, began := read(t.pid, s.at.server), c.now()
		storm.left, c.patient = len(storm.gone), true
		c.dial(storm.gone, len(storm.gone))
		end = began + 3*time.Minute
		during, err := storm.talk(ctx, func() bool { return storm.left == 0 || c.now() >= end })
		took := c.now() - began
		if err := errors.Join(err, <-profiled); err != nil {
			return err
		}
		var r result
		before.since(&r, t.pid, s.at.server)
		if err := errors.Join(c.settle(ctx), others.settle(ctx)); err != nil {
			return err
		}
		r.account(c, others)
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
	others   *clients // who stay and talk
	rooms    []*room  // of those who do not
	speakers []*client
	gone     []*client
	last     []int64 // the newest number that a client has, by its index
	left     int     // clients that are not whole
}

func newStorm(c, others *clients, rooms []*room) *storm {
	s := &storm{clients: c, others: others, rooms: rooms, last: make([]int64, len(c.all))}
	for i, r := range rooms {
		s.speakers = append(s.speakers, r.members[0])
		r.members[0].answer = func(one *client, m []byte) { s.base(i, one, m) }
		for _, m := range r.members[1:] {
			m.answer = s.returned
			s.gone = append(s.gone, m)
		}
	}
	return s
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

// talk lets the others talk until all is over, and returns how fast they were acknowledged. They have a thread that goes
// before that of those who come back, where the system lets it, and before the collection of garbage: what is timed is the
// server, and real people have machines of their own.
func (s *storm) talk(ctx context.Context, whole func() bool) (*hist, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2)) // with one they would wait for each other
	var done atomic.Bool
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with its priority
		_ = unix.SchedSetAttr(0, &unix.SchedAttr{
			Size: unix.SizeofSchedAttr, Nice: -20, Runtime: uint64(100 * time.Microsecond), Flags: unix.SCHED_FLAG_RESET_ON_FORK,
		}, 0) // for root only; not a realtime class, which the runtime's spinning locks would bring to a standstill
		o := s.others
		o.count = tally{}
		due := o.now()
		ended <- o.during(ctx, func() time.Duration {
			for ; due <= o.now(); due += time.Second / talkRate {
				o.publish(o.rooms[0].members[0], due)
			}
			if done.Load() {
				return over
			}
			return due
		}, time.Hour)
	}()
	var err error
	for err == nil && !whole() {
		err = s.poll(ctx, 5*time.Millisecond)
	}
	done.Store(true)
	err = errors.Join(err, <-ended)
	h := s.others.count.ack
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
