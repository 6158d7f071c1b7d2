package gateway

import (
	"context"
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
			s.user.send(b, volatile)
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

// coming is one person who came or went.
type coming struct {
	user  *user
	frame []byte
	last  *user // who was told of it last
	self  bool  // they were told themselves
}

// tellPresence sends to each person all that they are to be told by one write for each connection. While thousands come
// back that is much, so that nothing is gathered for later: each person is told from one buffer, in a room of theirs.
func (h *Hub) tellPresence(frames map[string][]byte, pause func()) {
	all, news := make([]coming, 0, len(frames)), make(map[*room][]*coming)
	for id, frame := range frames {
		u := h.user(id)
		if u == nil {
			continue
		}
		all = append(all, coming{user: u, frame: frame})
		for _, r := range u.subscriptions() {
			news[r] = append(news[r], &all[len(all)-1])
		}
	}
	for r := range news {
		if subs := r.acquire(); len(subs) > h.smallRoom {
			delete(news, r)
		}
		r.release()
	}
	var buf []byte
	n := 0
	for r := range news {
		for _, s := range r.acquire() {
			if len(s.user.connections()) == 0 {
				continue
			}
			if buf = s.user.gather(buf[:0], r, news); len(buf) > 0 {
				s.user.send(buf, volatile|borrowed)
			}
			if n++; n%presenceStep == 0 {
				pause()
			}
		}
		r.release()
	}
	for i := range all {
		if c := &all[i]; !c.self {
			c.user.send(c.frame, volatile|borrowed)
		}
	}
}

// gather appends what a person is to be told of all their rooms, if r is the first of those with news: one who came may be
// in several of them.
func (u *user) gather(dst []byte, r *room, news map[*room][]*coming) []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	first := true
	for _, q := range u.rooms {
		list := news[q]
		if len(list) > 0 && first {
			if first = false; q != r {
				return dst
			}
		}
		for _, c := range list {
			if c.last == u {
				continue
			}
			c.last = u
			c.self = c.self || c.user == u
			dst = append(dst, c.frame...)
		}
	}
	return dst
}
