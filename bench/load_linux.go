package bench

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// load is how texts are sent.
type load struct {
	window int     // closed: texts under way in each room
	rate   float64 // open: texts a second in all, whatever becomes of them, as far as this program can; 0 is closed
	turns  bool    // members speak in turn, else the first one
	rooms  []*room // where; all if nil
}

// result is what a stretch of load cost.
type result struct {
	tally
	loud                        tally // of rooms that are counted apart
	seconds                     float64
	server, foreign, own        time.Duration // CPU time: the server's, of others on its CPU, this program's
	idle, resident              int64         // bytes of the server, before anybody connected and after
	lost, unanswered            int           // these and the following: over the whole run
	doubled, disordered, stray  int
	dropped, connections, rooms int
}

// perDelivery is in microseconds.
func (r *result) perDelivery() float64 { return micros(r.server) / float64(max(r.delivered, 1)) }
func (r *result) perText() float64     { return micros(r.server) / float64(max(r.acked, 1)) }
func (r *result) rate() float64        { return float64(r.acked) / r.seconds }

// disturbed is the share of the server's CPU that others had.
func (r *result) disturbed() float64 { return r.foreign.Seconds() / r.seconds }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// meter reads the CPU time of everybody who matters.
type meter struct {
	at                time.Time
	server, busy, own time.Duration
}

func read(pid, cpu int) meter {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // cannot fail
	return meter{time.Now(), cpuTime(pid), busy(cpu), time.Duration(u.Utime.Nano() + u.Stime.Nano())}
}

// since fills in what was used from m until now.
func (m meter) since(r *result, pid, cpu int) {
	n := read(pid, cpu)
	r.seconds = n.at.Sub(m.at).Seconds()
	r.server, r.own = n.server-m.server, n.own-m.own
	r.foreign = max(0, n.busy-m.busy-r.server)
}

// run sends for warm and then for measured, waits for what is still under way, and accounts for all of it.
func (c *clients) run(ctx context.Context, t *target, at places, l load, warm, measured time.Duration) (*result, error) {
	return c.measure(ctx, t, at, c.sender(l), warm, measured)
}

func (c *clients) measure(ctx context.Context, t *target, at places, sender func() time.Duration, warm, measured time.Duration) (*result, error) {
	r := &result{idle: t.idle, connections: len(c.all), rooms: len(c.rooms)}
	begin := c.now()
	if err := c.during(ctx, sender, begin+warm); err != nil {
		return nil, err
	}
	c.count, c.loud = tally{}, tally{}
	before := read(t.pid, at.server)
	if err := c.during(ctx, sender, begin+warm+measured); err != nil {
		return nil, err
	}
	before.since(r, t.pid, at.server)
	r.tally, r.loud, r.resident = c.count, c.loud, resident(t.pid)
	c.done = nil
	if err := c.settle(ctx); err != nil {
		return nil, err
	}
	r.account(c)
	return r, nil
}

// account adds what went wrong with clients.
func (r *result) account(all ...*clients) {
	for _, c := range all {
		lost, unanswered := c.missing()
		r.lost, r.unanswered = r.lost+lost, r.unanswered+unanswered
		r.doubled, r.disordered, r.stray, r.dropped = r.doubled+c.doubled, r.disordered+c.disordered, r.stray+c.stray, r.dropped+c.dropped
	}
}

// sender begins the load and returns what to call between turns: it sends what is due, and says when the next is.
func (c *clients) sender(l load) func() (next time.Duration) {
	speak := func(r *room, due time.Duration) {
		from := r.members[0]
		if l.turns {
			from = r.members[r.turn%len(r.members)]
			r.turn++
		}
		c.publish(from, due)
	}
	if l.rooms == nil {
		l.rooms = c.rooms
	}
	if l.rate == 0 {
		c.done = func(r *room) { speak(r, c.now()) }
		for _, r := range l.rooms {
			for range l.window {
				speak(r, c.now())
			}
		}
		return func() time.Duration { return time.Hour }
	}
	due, step, i := c.now(), time.Duration(float64(time.Second)/l.rate), 0
	const late, burst = 20 * time.Millisecond, 64
	return func() time.Duration {
		due = max(due, c.now()-late)                   // what it is too slow to offer it does not offer later
		for n := 0; due <= c.now() && n < burst; n++ { // then it listens again
			speak(l.rooms[i%len(l.rooms)], due)
			due += step
			i++
		}
		return due
	}
}

// over is what a sender says when there is nothing left to wait for.
const over = time.Duration(-1)

// during polls until the given time on the clock of c, or until send says over.
func (c *clients) during(ctx context.Context, send func() time.Duration, end time.Duration) error {
	for c.now() < end {
		next := send()
		if next == over {
			return nil
		}
		wait := min(next, end) - c.now()
		if wait < 2*time.Millisecond {
			wait = 0 // epoll counts in milliseconds
		}
		if err := c.poll(ctx, min(wait, 20*time.Millisecond)); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until everything that was sent has an answer and has arrived, or nothing came for three seconds.
func (c *clients) settle(ctx context.Context) error {
	seen := func() int { return c.count.delivered + c.count.acked + c.loud.delivered + c.loud.acked }
	for last, quiet := seen(), c.now(); c.now()-quiet < 3*time.Second; {
		if err := c.poll(ctx, 20*time.Millisecond); err != nil {
			return err
		}
		if n := seen(); n != last {
			last, quiet = n, c.now()
		} else if lost, unanswered := c.missing(); lost+unanswered == 0 {
			return nil
		}
	}
	return nil
}

// rest lets the connections be for a while.
func (c *clients) rest(ctx context.Context, d time.Duration) error {
	return c.during(ctx, func() time.Duration { return time.Hour }, c.now()+d)
}

// faults counts what must not happen.
func (r *result) faults() int {
	return r.lost + r.unanswered + r.doubled + r.disordered + r.stray + r.dropped
}

// fault says what must not have happened.
func (r *result) fault() string {
	if r.faults() == 0 {
		return "none"
	}
	return fmt.Sprintf("lost %d, unanswered %d, doubled %d, disordered %d, stray %d, dropped %d",
		r.lost, r.unanswered, r.doubled, r.disordered, r.stray, r.dropped)
}
