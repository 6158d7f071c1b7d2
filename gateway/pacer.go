package gateway

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a pacer.
const (
	maxCalm = 4 // at once
	workFor = 2 * time.Millisecond
	restFor = time.Millisecond
	talkFor = 250 * time.Millisecond // after a message, more are expected
)

// pacer lets work that can wait in: little of it at a time, and while people talk not all the time. When very many come
// back at once that leaves a part of the processor to messages, and to the system that stores and sends them: its
// threads too would wait behind a processor that is always busy.
type pacer struct {
	slots chan struct{}
	heard atomic.Int64 // when a message last came, on the gateway's clock

	mu    sync.Mutex // guards began
	began time.Time  // of the stretch of work under way, or the last one
}

// enter waits until it is one's turn; leave must follow.
func (p *pacer) enter(now func() int64) {
	p.slots <- struct{}{}
	p.pause(now)
}

// pause lets others go first, while people talk.
func (p *pacer) pause(now func() int64) {
	runtime.Gosched() // to the end of the line
	if now()-p.heard.Load() > talkFor.Milliseconds() {
		return
	}
	for {
		rest := p.rest()
		if rest == 0 {
			return
		}
		time.Sleep(rest)
	}
}

// rest is how long to wait before going on.
func (p *pacer) rest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	worked := time.Since(p.began)
	switch {
	case worked < workFor:
		return 0
	case worked < workFor+restFor:
		return workFor + restFor - worked
	}
	p.began = time.Now()
	return 0
}

func (p *pacer) leave() { <-p.slots }
