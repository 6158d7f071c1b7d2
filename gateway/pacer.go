package gateway

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a pacer.
const (
	maxCalm  = 4                    // turns at once, of which all but one seem to wait for something
	stuckFor = 5 * time.Millisecond // a turn that takes longer seems to wait, for the disk say
	waitFor  = 3 * time.Millisecond // for messages, before work goes on all the same
	workFor  = 3 * time.Millisecond // without waiting for messages, after that was in vain
)

// pacer lets work that can wait in, in the order it came: one at a time, and messages go first. When very many come back
// at once, all else has one runnable goroutine to wait for, and messages, once they are read, none. However many messages
// there are, half of the time is left for that work.
type pacer struct {
	look  func()        // serves the sockets that have sent something
	turns chan struct{} // holds the free ones; who waits is served in order

	talking atomic.Int64  // messages under way
	quiet   chan struct{} // holds a token when the last of them was told

	mu    sync.Mutex  // guards what follows
	stuck *time.Timer // runs out when the last turn was given out so long ago
	lent  int         // turns given out beside those that seem to wait
	held  time.Time   // when messages were last waited for in vain
}

func newPacer(look func()) *pacer {
	p := &pacer{look: look, turns: make(chan struct{}, maxCalm), quiet: make(chan struct{}, 1)}
	p.turns <- struct{}{}
	p.stuck = time.AfterFunc(time.Hour, p.lend)
	p.stuck.Stop()
	return p
}

// enter waits until it is one's turn; leave must follow.
func (p *pacer) enter() {
	<-p.turns
	p.begin()
}

// enterWithin is enter, but gives up when over is.
func (p *pacer) enterWithin(over <-chan time.Time) bool {
	select {
	case <-p.turns:
		p.begin()
		return true
	case <-over:
		return false
	}
}

func (p *pacer) begin() {
	p.stuck.Reset(stuckFor)
	if p.yield() {
		p.stuck.Reset(stuckFor)
	}
}

// yield lets all go first who may; true if it waited for messages.
func (p *pacer) yield() bool {
	p.look()
	runtime.Gosched()
	return p.listen()
}

// listen waits while messages are under way; false if there were none to wait for.
func (p *pacer) listen() bool {
	if p.talking.Load() == 0 || !p.patient() {
		return false
	}
	over := time.NewTimer(waitFor)
	defer over.Stop()
	for p.talking.Load() > 0 {
		select {
		case <-p.quiet:
		case <-over.C:
			p.mu.Lock()
			p.held = time.Now()
			p.mu.Unlock()
			return true
		}
	}
	return true
}

func (p *pacer) patient() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.held) > workFor
}

// spoken and told count a message under way.
func (p *pacer) spoken() { p.talking.Add(1) }

func (p *pacer) told() {
	if p.talking.Add(-1) > 0 {
		return
	}
	select {
	case p.quiet <- struct{}{}:
	default:
	}
}

// lend gives out one more turn when the others seem to wait.
func (p *pacer) lend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lent == maxCalm-1 || len(p.turns) > 0 {
		return
	}
	p.lent++
	p.turns <- struct{}{}
	p.stuck.Reset(stuckFor)
}

func (p *pacer) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lent > 0 {
		p.lent--
		return
	}
	p.turns <- struct{}{}
}
