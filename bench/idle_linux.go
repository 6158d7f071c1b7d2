package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"
)

// memory runs M: idle connections, a hundred to a room.
func (s *session) memory(ctx context.Context) error {
	tableHead(s.Out, "M. Idle connections, 100 to a room.", "", "connections", "RSS KiB/connection", "RSS before → after, MiB",
		"opening: CPU µs/connection", "opening: s", "idle: CPU % of a core")
	sh := shape{rooms: max(1, s.Connections/100), members: 100}
	for _, start := range s.servers() {
		err := s.with(ctx, start, sh, false, func(t *target, c *clients) error {
			var opening, idle result
			before := read(t.pid, s.at.server)
			if err := c.open(ctx, c.all, handshakes); err != nil {
				return err
			}
			before.since(&opening, t.pid, s.at.server)
			if err := c.rest(ctx, 10*time.Second); err != nil {
				return err
			}
			before = read(t.pid, s.at.server)
			if err := c.rest(ctx, 5*time.Second); err != nil {
				return err
			}
			before.since(&idle, t.pid, s.at.server)
			n, now := len(c.all), resident(t.pid)
			if c.dropped > 0 {
				return fmt.Errorf("the server ended %d idle connections", c.dropped)
			}
			tableRow(s.Out, "M "+t.name, n, fmt.Sprintf("%.1f", float64(now-t.idle)/float64(n)/1024), mib(t.idle)+" → "+mib(now),
				fmt.Sprintf("%.0f", micros(opening.server)/float64(n)), fmt.Sprintf("%.1f", opening.seconds),
				fmt.Sprintf("%.1f", 100*idle.server.Seconds()/idle.seconds))
			if s.Profile != "" && t.name == "parley" {
				return t.profile(ctx, "heap", 0, filepath.Join(s.Profile, "M.heap.pprof"))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// history asks for pages of 50 at random places of a large room, one at a time, by depth.
func (s *session) history(ctx context.Context) error {
	const bands = 5
	tableHead(s.Out, fmt.Sprintf("History. Pages of 50 in a room of %d messages, one asked for at a time; times are the client's.", s.Messages),
		"where", "pages", "p50, ms", "p99, ms", "max, ms", "server CPU µs/page")
	return s.with(ctx, startParley, shape{rooms: 1, members: 100, messages: s.Messages}, false, func(t *target, c *clients) error {
		reader := c.all[0]
		var newest int64
		reader.answer = func(one *client, m []byte) {
			n, err := headOf(m, one.Room)
			if err != nil {
				c.fail(err)
			}
			newest = n
		}
		if err := c.open(ctx, c.all[:1], 1); err != nil {
			return err
		}
		profiled := s.profile(ctx, t, "history")
		for band := range int64(bands) {
			var h hist
			var r result
			low, size := newest*band/bands, newest/bands-50
			before := read(t.pid, s.at.server)
			for end := c.now() + seconds(s.Seconds/bands); c.now() < end; {
				took, err := c.ask(ctx, reader, pageFrame(reader.Room, low+rand.Int64N(max(size, 1))))
				if err != nil {
					return err
				}
				h.add(took)
			}
			before.since(&r, t.pid, s.at.server)
			tableRow(s.Out, fmt.Sprintf("%d–%d %%", 100*band/bands, 100*(band+1)/bands), h.n, fmt.Sprintf("%.2f", millis(h.quantile(.5))),
				fmt.Sprintf("%.2f", millis(h.quantile(.99))), fmt.Sprintf("%.2f", millis(h.max)), fmt.Sprintf("%.0f", micros(r.server)/float64(max(h.n, 1))))
		}
		return <-profiled
	})
}

// ask sends a frame and waits for the answer to it.
func (c *clients) ask(ctx context.Context, one *client, frame []byte) (time.Duration, error) {
	answered := false
	one.answer = func(_ *client, m []byte) {
		answered = true
		if k, _ := c.wire.read(m); k != kindAnswer {
			c.fail(fmt.Errorf("unexpected answer: %.200q", m))
		}
	}
	began := c.now()
	c.send(one, frame)
	for !answered {
		if err := c.poll(ctx, time.Second); err != nil {
			return 0, err
		}
		if one.state != ready {
			return 0, errors.New("the server ended the connection")
		}
	}
	return c.stamp - began, nil
}
