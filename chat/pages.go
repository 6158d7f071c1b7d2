package chat

import (
	"context"
	"sync"
)

// maxPageBytes bounds what pages remember.
const maxPageBytes = 16 << 20

// pages remember parts of room logs that were read a moment ago: when a network comes back, very many people ask for the
// same ones at once. A part is known by the head at which it was read, since nothing in a room changes without moving its
// head; so it is never stale. The events are shared, and not to be changed.
type pages struct {
	mu    sync.Mutex // guards what follows
	read  map[pageKey]*logPage
	order []pageKey // oldest first
	size  int       // bytes
}

type pageKey struct {
	roomID         string
	from, to, head int64
}

// logPage is one part of a log, being read until done is closed.
type logPage struct {
	done   chan struct{}
	events []Event
	err    error
}

// events returns the part that key names, from memory or by load. Who asks while it is being read waits for that.
func (p *pages) events(ctx context.Context, key pageKey, load func() ([]Event, error)) ([]Event, error) {
	p.mu.Lock()
	known := p.read[key]
	if known == nil {
		one := &logPage{done: make(chan struct{})}
		if p.read == nil {
			p.read = make(map[pageKey]*logPage)
		}
		p.read[key] = one
		p.mu.Unlock()
		one.events, one.err = load()
		p.keep(key, one)
		close(one.done)
		return one.events, one.err
	}
	p.mu.Unlock()
	select {
	case <-known.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if known.err != nil { // it may be the other's own, such as a cancelled request
		return load()
	}
	return known.events, nil
}

// keep bounds what is remembered; a failure is not, nor a part that lacks something.
func (p *pages) keep(key pageKey, one *logPage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.err != nil || int64(len(one.events)) <= key.to-key.from {
		delete(p.read, key)
		return
	}
	p.order = append(p.order, key)
	p.size += one.size()
	for p.size > maxPageBytes {
		oldest := p.order[0]
		p.order = p.order[1:]
		p.size -= p.read[oldest].size()
		delete(p.read, oldest)
	}
}

// size is about how many bytes the page holds.
func (p *logPage) size() int {
	n := 256
	for i := range p.events {
		n += p.events[i].size()
	}
	return n
}
