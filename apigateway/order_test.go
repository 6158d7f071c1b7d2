package apigateway_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/apigateway"
)

// TestOrderOfManyProcesses: functions that write to one room at once tell it in the order of its log, each number once,
// the sender by an acknowledgement in its place.
func TestOrderOfManyProcesses(t *testing.T) {
	for _, queued := range []bool{false, true} {
		t.Run(fmt.Sprintf("queued=%v", queued), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const people, each = 6, 8
				w := newTown(t, people)
				w.makeRoom()
				var configure []func(*apigateway.Config)
				if queued {
					q := w.local(func(*apigateway.Config) {})
					configure = append(configure, func(c *apigateway.Config) { c.Jobs, c.Direct = q, 2 })
				}
				first := w.head() + 1
				var all sync.WaitGroup
				for i := range people {
					all.Go(func() {
						for n := range each {
							w.say(w.process(configure...), i, fmt.Sprintf("m-%d-%d", i, n)) // a function of its own each time
						}
					})
				}
				all.Wait()
				time.Sleep(time.Second) // the queue's
				if got := w.head() - first + 1; got != people*each {
					t.Fatalf("%d messages were stored", got)
				}
				for i := range people {
					id := fmt.Sprintf("c%d", i)
					w.check(id, first, false)
					for _, n := range w.numbers(id) {
						mine := n.clientID[:len("m-0")] == fmt.Sprintf("m-%d", i)
						if mine != (n.frame == "ack") || mine && n.requestID != "r-"+n.clientID {
							t.Errorf("%s was told %+v", id, n)
						}
					}
				}
			})
		})
	}
}

// TestKilledAtEachStep: a function that dies anywhere between two steps takes nothing with it: what is stored is told, in
// order, by whoever writes next or by the stream. Told again is only what it was telling when it died.
func TestKilledAtEachStep(t *testing.T) {
	for _, after := range []bool{false, true} {
		for _, next := range []bool{false, true} { // somebody else writes right after
			t.Run(fmt.Sprintf("after=%v/next=%v", after, next), func(t *testing.T) {
				ended := false
				for step := int64(1); !ended; step++ {
					synctest.Test(t, func(t *testing.T) { ended = killedAt(t, step, after, next) })
					if step > 60 {
						t.Fatal("the function does not end")
					}
				}
			})
		}
	}
}

// killedAt tells whether the function got to its end before the step.
func killedAt(t *testing.T, step int64, after, next bool) (ended bool) {
	w := newTown(t, 3)
	w.makeRoom()
	first := w.head() + 1
	victim := w.process()
	victim.killAt, victim.after = step, after
	var all sync.WaitGroup
	all.Go(func() { w.say(victim, 0, "victim") })
	if next {
		all.Go(func() {
			time.Sleep(30 * time.Millisecond)
			w.say(w.process(), 1, "next")
		})
	}
	all.Wait()
	stored := w.head() - first + 1
	if want := int64(1); next && stored < want {
		t.Fatalf("step %d: the message of another was not stored", step)
	}
	if stored > 0 {
		if err := w.process().Repair(t.Context(), w.room, first, w.head()); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
	}
	for _, id := range []string{"c0", "c1", "c2"} {
		w.check(id, first, true)
	}
	acks := 0
	for _, n := range w.numbers("c0") {
		if n.clientID == "victim" {
			if n.frame != "ack" || n.requestID != "r-victim" {
				t.Errorf("step %d: its sender was told %+v", step, n)
			}
			acks++
		}
	}
	if acks > 2 {
		t.Errorf("step %d: %d acknowledgements", step, acks)
	}
	w.say(w.process(), 2, "last") // life goes on at once
	for _, id := range []string{"c0", "c1", "c2"} {
		w.check(id, first, true)
	}
	return victim.steps.Load() < step
}

// TestRepairTellsNothingTwice: the stream comes after all has been told, or while it is.
func TestRepairTellsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 3)
		w.makeRoom()
		first := w.head() + 1
		for n := range 5 {
			var all sync.WaitGroup
			all.Go(func() { w.say(w.process(), 0, fmt.Sprintf("m%d", n)) })
			all.Go(func() {
				time.Sleep(time.Duration(n*12) * time.Millisecond)
				if head := w.head(); head >= first {
					if err := w.process().Repair(t.Context(), w.room, head, head); err != nil {
						t.Error(err)
					}
				}
			})
			all.Wait()
		}
		for _, id := range []string{"c0", "c1", "c2"} {
			w.check(id, first, false)
		}
	})
}
