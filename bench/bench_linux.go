package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// handshakes is how many connections are opened at once where it is not the point.
const handshakes = 64

// spare is how many files of a process are not connections.
const spare = 200

// session is one run of the program.
type session struct {
	Options
	at     places
	faults int // of all scenarios
}

// Run runs the scenarios one after another, each against fresh servers, and writes a table for each kind. That something
// was lost, doubled or out of order is an error after all of them.
func Run(ctx context.Context, o Options) error {
	s := &session{Options: o}
	var err error
	if s.at, err = pin(); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if s.at.server == s.at.own {
		fmt.Fprintln(o.Log, "There is only one CPU: server and load share it, and times mean little.")
	}
	debug.SetGCPercent(400)
	if s.Connections, err = fits(s.Connections); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if s.Profile != "" {
		if err := os.MkdirAll(s.Profile, 0o700); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	table := newLoadTable(o.Out)
	for _, name := range Names() {
		if !slices.Contains(o.Scenarios, name) {
			continue
		}
		var err error
		switch name {
		case "M":
			err = s.memory(ctx)
		case "storm":
			err = s.storm(ctx)
		case "history":
			err = s.history(ctx)
		case "noisy":
			err = s.noisy(ctx)
		case "load":
			err = s.curve(ctx)
		default:
			err = s.loaded(ctx, name, table)
		}
		if err != nil {
			return fmt.Errorf("bench %s: %w", name, err)
		}
	}
	if s.faults > 0 {
		return fmt.Errorf("bench: %d faults, see the tables", s.faults)
	}
	return nil
}

// fits is n, or as many connections as this process may have.
func fits(n int) (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the open-file limit: %w", err)
	}
	return min(n, int(min(limit.Max, 1<<20))-spare), nil
}

// starter makes a server with people.
type starter func(context.Context, Options, places, shape) (*target, error)

// servers are those to run a scenario against.
func (s *session) servers() []starter {
	if s.Floor {
		return []starter{startFloor, startParley}
	}
	return []starter{startParley}
}

// with starts a server, connects everybody at once if all is set, calls f and ends both.
func (s *session) with(ctx context.Context, start starter, sh shape, all bool, f func(*target, *clients) error) (err error) {
	t, err := start(ctx, s.Options, s.at, sh)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	c, err := newClients(t.wire, t.addr, t.people)
	if err != nil {
		return err
	}
	defer c.close()
	if all {
		if err := c.open(ctx, c.all, handshakes); err != nil {
			return err
		}
	}
	return f(t, c)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// loaded runs F, F1, L or R.
func (s *session) loaded(ctx context.Context, name string, table *loadTable) error {
	sh, l := shape{rooms: 1, members: 1001}, load{window: 8}
	switch name {
	case "F1":
		l.window = 1
	case "L":
		l = load{rate: 20}
	case "R":
		sh, l = shape{rooms: 200, members: 10}, load{window: 1, turns: true}
	}
	var floor *result
	for _, start := range s.servers() {
		var best *result
		var server string
		for range s.Runs {
			err := s.with(ctx, start, sh, true, func(t *target, c *clients) error {
				server = t.name
				if err := c.rest(ctx, time.Second); err != nil {
					return err
				}
				profiled := s.profile(ctx, t, name)
				r, err := c.run(ctx, t, s.at, l, seconds(s.Warm), seconds(s.Seconds))
				if err := errors.Join(err, <-profiled); err != nil {
					return err
				}
				if best == nil || r.disturbed() < best.disturbed() {
					best = r
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		s.faults += best.faults()
		table.row(name, server, best, floor)
		if server == "floor" {
			floor = best
		}
	}
	return nil
}

// profile takes profiles of a Parley beside the load, if they are wanted, and sends how that went.
func (s *session) profile(ctx context.Context, t *target, name string) <-chan error {
	done := make(chan error, 1)
	if s.Profile == "" || t.name != "parley" {
		done <- nil
		return done
	}
	go func() {
		wait := time.NewTimer(seconds(s.Warm))
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
		cpu := t.profile(ctx, "profile", seconds(s.Seconds), filepath.Join(s.Profile, name+".cpu.pprof"))
		done <- errors.Join(cpu, t.profile(ctx, "heap", 0, filepath.Join(s.Profile, name+".heap.pprof")))
	}()
	return done
}
