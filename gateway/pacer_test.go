package gateway

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func newTestPacer() *pacer { return newPacer(func() {}) }

// Work that can wait goes on as soon as no message is under way, and not before.
func TestMessagesGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPacer()
		p.spoken()
		p.spoken()
		began := time.Now()
		go func() {
			time.Sleep(waitFor / 4)
			p.told()
			time.Sleep(waitFor / 4)
			p.told()
		}()
		p.enter()
		if took := time.Since(began); took != waitFor/2 {
			t.Errorf("went on after %v", took)
		}
		p.leave()
	})
}

// While messages are always under way, half of the time is left for the rest.
func TestMessagesDoNotTakeAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPacer()
		p.spoken()
		const unit, units = time.Millisecond, 60
		began := time.Now()
		for range units {
			p.enter()
			time.Sleep(unit)
			p.leave()
		}
		if took := time.Since(began); took < 3*units*unit/2 || took > 5*units*unit/2 {
			t.Errorf("%v of work took %v", units*unit, took)
		}
	})
}

// One works at a time, in the order they came; only who seems to wait for something is overtaken, and by few.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPacer()
		var mu sync.Mutex // guards order
		var order []int
		worked := func() []int {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(order)
		}
		work := func(i int, d time.Duration) {
			p.enter()
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			time.Sleep(d)
			p.leave()
		}
		for i := range 5 {
			go work(i, stuckFor/2)
			synctest.Wait()
		}
		if n := len(worked()); n != 1 {
			t.Errorf("%d work at once", n)
		}
		time.Sleep(5 * stuckFor)
		if got := worked(); !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
			t.Errorf("worked in the order %v", got)
		}
		for i := range 2 * maxCalm { // all of them wait for a long time
			go work(i, time.Hour)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		if n := len(worked()) - 5; n != maxCalm {
			t.Errorf("%d have a turn, want %d", n, maxCalm)
		}
		time.Sleep(3 * time.Hour)
		p.mu.Lock()
		defer p.mu.Unlock()
		if n := len(p.turns); n != 1 || p.lent != 0 {
			t.Errorf("%d turns are left, %d lent", n, p.lent)
		}
	})
}
