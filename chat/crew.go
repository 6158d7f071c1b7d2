package chat

import (
	"context"
	"sync/atomic"
	"time"
)

// crew are goroutines that have drained a room and wait for the next: theirs is a stack that has grown already, which
// cost a new goroutine more than all planning of a message.
type crew struct {
	work   chan *sequencer // to one who waits
	places atomic.Int32    // how many more may wait
	over   chan struct{}   // closed when none may any longer
}

const maxIdle = 256 // goroutines of a crew that wait; a few KiB each

func newCrew() crew { return crew{work: make(chan *sequencer), over: make(chan struct{})} }

// stay lets n more goroutines wait. Until then, and in a Service that is not run, each ends with its room.
func (c *crew) stay(n int32) { c.places.Add(n) }

// drain has a sequencer drained by somebody who waits for work, or by a new goroutine.
func (s *Service) drain(q *sequencer) {
	select {
	case s.crew.work <- q:
	default:
		s.draining.Go(func() {
			for ok := true; ok; q, ok = s.crew.next() {
				q.drain()
			}
		})
	}
}

// next waits for work if there is a place to; false if not, or if it is all over.
func (c *crew) next() (*sequencer, bool) {
	defer c.places.Add(1)
	if c.places.Add(-1) < 0 {
		return nil, false
	}
	select {
	case q := <-c.work:
		return q, true
	case <-c.over:
		return nil, false
	}
}

// patience is a context that ends when a commit has taken too long. Those of one second share it: to make one for each
// cost more than a tenth of what a message costs in this package.
type patience struct {
	ctx   context.Context
	renew time.Time // from when on there must be another
}

func (s *Service) commitContext() context.Context {
	now := time.Now()
	p := s.patience.Load()
	if p == nil || now.After(p.renew) {
		const share = time.Second
		ctx, cancel := context.WithDeadline(context.Background(), now.Add(share+commitTimeout))
		context.AfterFunc(ctx, cancel) // nobody else ends it
		p = &patience{ctx, now.Add(share)}
		s.patience.Store(p)
	}
	return p.ctx
}
