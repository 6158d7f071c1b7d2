package gateway

import (
	"context"
	"slices"
	"sync"
	"time"

	"parley/chat"
	"parley/protocol"
)

// presenceWait is how long comings and goings are collected, so that when many come at once everybody is told of them
// by few writes.
const presenceWait = 50 * time.Millisecond

// presenceStep is how many people are told between two pauses.
const presenceStep = 32

// presence are comings and goings not told yet: the latest of each person, as a frame.
type presence struct {
	mu      sync.Mutex // guards pending
	pending map[string][]byte
	wake    chan struct{} // holds a token when something is pending
}

func (p *presence) put(userID string, frame []byte) {
	p.mu.Lock()
	p.pending[userID] = frame
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *presence) take() map[string][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.pending
	p.pending = make(map[string][]byte)
	return taken
}

// Signal tells what may be dropped: to the members of a room but userID, or without a room to those who share a small
// room with userID and to themselves, a moment later.
func (h *Hub) Signal(_ context.Context, roomID, userID string, e chat.Event) {
	b := textFrame(func(dst []byte) []byte { return protocol.AppendEvent(dst, &e) })
	if roomID == "" {
		h.presence.put(userID, b)
		return
	}
	r := h.room(roomID)
	if r == nil {
		return
	}
	defer r.release()
	for _, s := range r.acquire() {
		if s.user.id != userID {
			s.user.send(b, true)
		}
	}
}

// runPresence tells of comings and goings until ctx ends. It calls pause now and then for others to go first.
func (h *Hub) runPresence(ctx context.Context, pause func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.presence.wake:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(presenceWait):
		}
		h.tellPresence(h.presence.take(), pause)
	}
}

// tellPresence sends to each person all that they are to be told by one write for each connection.
func (h *Hub) tellPresence(frames map[string][]byte, pause func()) {
	told := make(map[*user][][]byte)
	tell := func(to *user, frame []byte) {
		list := told[to]
		if n := len(list); n > 0 && &list[n-1][0] == &frame[0] {
			return // they share more than one room
		}
		told[to] = append(list, frame)
	}
	for id, frame := range frames {
		u := h.user(id)
		if u == nil {
			continue
		}
		tell(u, frame)
		for _, r := range u.subscriptions() {
			if subs := r.acquire(); len(subs) <= h.smallRoom {
				for _, s := range subs {
					tell(s.user, frame)
				}
			}
			r.release()
		}
	}
	n := 0
	for to, list := range told {
		if len(to.connections()) == 0 {
			continue
		}
		to.send(slices.Concat(list...), true)
		if n++; n%presenceStep == 0 {
			pause()
		}
	}
}
