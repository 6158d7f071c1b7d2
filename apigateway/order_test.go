package apigateway_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/apigateway"
	"parley/chat"
	"parley/limit"
	"parley/names"
	"parley/store"
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

// TestKilledWhileTellingWhoComesAndGoes: a joining and a leaving are told in part by a function that dies, and then by
// another: who joins hears nothing from before, who leaves hears it and nothing after.
func TestKilledWhileTellingWhoComesAndGoes(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("after=%v", after), func(t *testing.T) {
			ended := false
			for step := int64(1); !ended; step++ {
				synctest.Test(t, func(t *testing.T) { ended = comesAndGoes(t, step, after) })
				if step > 100 {
					t.Fatal("the function does not end")
				}
			}
		})
	}
}

// comesAndGoes tells whether the function got to its end before the step.
func comesAndGoes(t *testing.T, step int64, after bool) (ended bool) {
	w := newTown(t, 3)
	w.makeRoom()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.process().service.Leave(t.Context(), w.users[2].UserID, w.room))
	clear(w.conns.sent)
	first := w.head() + 1
	s := store.New(w.db, nil)
	died := chat.New(chat.Config{Log: s, Rooms: s, Markers: s, Notices: s, Users: s, Seen: s, Deliverer: mute{}, Limiter: limit.New(limit.Config{Off: true}),
		Names: names.Precis{}, Shared: true})
	say := func(text string) {
		t.Helper()
		_, err := died.Send(t.Context(), w.users[0].UserID, chat.NewMessage{RoomID: w.room, Content: text, ClientMessageID: text})
		must(err)
	}
	say("both stay")
	must(died.Leave(t.Context(), w.users[1].UserID, w.room))
	say("one is left")
	_, err := died.Join(t.Context(), w.users[2].UserID, w.room)
	must(err)
	say("one has come")

	victim := w.process()
	victim.killAt, victim.after = step, after
	_ = victim.Repair(t.Context(), w.room, first, w.head())
	must(w.process().Repair(t.Context(), w.room, first, w.head()))
	for id, want := range map[string][]int64{
		"c0": {first, first + 1, first + 2, first + 3, first + 4}, "c1": {first, first + 1}, "c2": {first + 3, first + 4},
	} {
		var got []int64 // without what came again
		for _, n := range w.numbers(id) {
			if !slices.Contains(got, n.seq) {
				got = append(got, n.seq)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("step %d: %s was told %v, want %v", step, id, got, want)
		}
	}
	return victim.steps.Load() < step
}

// mute tells nobody anything, as a function that dies when it has written.
type mute struct{ chat.Deliverer }

func (mute) Deliver(context.Context, chat.Delivery)                     {}
func (mute) Signal(context.Context, string, string, chat.Event)         {}
func (mute) ToUsers(context.Context, chat.Event, ...string)             {}
func (mute) Online(context.Context, ...string) (map[string]bool, error) { return nil, nil }
