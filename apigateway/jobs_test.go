package apigateway_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"parley/apigateway"
	"parley/chat"
)

// dying hands some jobs to a queue; then its function is dead.
type dying struct {
	chat.Jobs
	left int
}

func (q *dying) Enqueue(ctx context.Context, jobs ...chat.Job) error {
	n := min(q.left, len(jobs))
	q.left -= n
	if err := q.Jobs.Enqueue(ctx, jobs[:n]...); err != nil || n == len(jobs) {
		return err
	}
	return errKilled
}

// TestJobsToldAgain: a function dies when it has queued some of its jobs; connections come and go before another tells
// the same, so that it divides them otherwise. Nobody who stayed is left out, and the order holds.
func TestJobsToldAgain(t *testing.T) {
	const devices, perJob = 48, 2
	for taken := 0; taken <= devices/perJob; taken += 3 {
		t.Run(fmt.Sprint(taken), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTown(t, 2)
				w.makeRoom()
				for i := range devices {
					w.connect(w.process(), 1, fmt.Sprint("d", i))
				}
				first := w.head() + 1
				worked := w.local(func(*apigateway.Config) {})
				process := func(q chat.Jobs) *process {
					p := w.process(func(c *apigateway.Config) { c.Jobs, c.Direct = q, 1 })
					p.DivideInto(perJob)
					return p
				}
				w.say(process(&dying{worked, taken}), 0, "dies")
				for i := 0; i < devices; i += 3 { // one of three goes, another comes
					gone := fmt.Sprint("d", i)
					w.conns.mu.Lock()
					delete(w.conns.open, gone)
					w.conns.mu.Unlock()
					if _, err := w.process().Handle(t.Context(), event("DISCONNECT", gone, "")); err != nil {
						t.Fatal(err)
					}
					w.connect(w.process(), 1, fmt.Sprint("new", i))
				}
				if err := process(worked).Repair(t.Context(), w.room, first, w.head()); err != nil {
					t.Fatal(err)
				}
				w.say(process(worked), 0, "next")
				time.Sleep(time.Second) // the queue's
				for i := range devices {
					if i%3 != 0 {
						w.check(fmt.Sprint("d", i), first, true)
					}
				}
				w.check("c0", first, true)
				if dead := worked.Dead(); len(dead) > 0 {
					t.Errorf("given up: %+v", dead)
				}
			})
		})
	}
}
