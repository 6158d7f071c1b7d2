package gateway

import (
	"context"
	"slices"

	"github.com/gobwas/ws"

	"parley/chat"
	"parley/protocol"
)

// A Hub implements the core's port.
var _ chat.Deliverer = (*Hub)(nil)

// Deliver tells the members of a room who are connected what happened, in log order: each event is encoded once, and
// each connection gets all of them in one write. Who joins hears their own joining and what follows; who leaves hears up
// to their own leaving. The connection that sent a message gets an acknowledgement in its place.
func (h *Hub) Deliver(_ context.Context, d chat.Delivery) {
	from := 0
	for i := range d.Events {
		e := d.Events[i].Room
		if e == nil {
			continue
		}
		switch e.Change {
		case chat.RoomCreated, chat.MemberJoined:
			if e.Membership != nil {
				h.fanOut(d.RoomID, d.Events[from:i])
				from = i
				h.memberJoined(e.Membership.UserID, d.RoomID, e.Seq)
			}
		case chat.MemberLeft, chat.MemberRemoved:
			if e.Membership != nil {
				h.fanOut(d.RoomID, d.Events[from:i+1])
				from = i + 1
				h.memberLeft(e.Membership.UserID, d.RoomID)
			}
		case chat.RoomDeleted:
			h.fanOut(d.RoomID, d.Events[from:i+1])
			from = i + 1
			h.dropRoom(d.RoomID)
		}
	}
	h.fanOut(d.RoomID, d.Events[from:])
}

// run is what a batch of events is on the wire: whole frames, one after another, and where each ends.
type run struct {
	bytes []byte
	ends  []int
}

func (r *run) start(i int) int {
	if i == 0 {
		return 0
	}
	return r.ends[i-1]
}

func (r *run) frame(i int) []byte { return r.bytes[r.start(i):r.ends[i]] }

func encode(events []chat.Event) run {
	r := run{bytes: make([]byte, 0, 512*len(events)), ends: make([]int, len(events))}
	for i := range events {
		start := len(r.bytes)
		r.bytes = closeFrame(protocol.AppendEvent(openFrame(r.bytes), &events[i]), start, ws.OpText)
		r.ends[i] = len(r.bytes)
	}
	return r
}

// after is the part of the run that tells of numbers after from.
func (r *run) after(from int64, events []chat.Event) []byte {
	for i := range events {
		if events[i].Seq > from {
			return r.bytes[r.start(i):]
		}
	}
	return nil
}

// fanOut sends events to all who are subscribed to the room now.
func (h *Hub) fanOut(roomID string, events []chat.Event) {
	if len(events) == 0 {
		return
	}
	r := h.room(roomID)
	var subs []sub
	if r != nil {
		subs = r.acquire()
		defer r.release()
	}
	origins := h.origins(events)
	if len(subs) == 0 && len(origins) == 0 {
		return
	}
	frames := encode(events)
	for _, c := range origins { // first: an ack is waited for
		c.send(ackRun(c, events, &frames, r != nil && c.user.in(r)), 0)
	}
	first := events[0].Seq
	for i := range subs {
		if i%ahead == 0 {
			fetch(subs[i:min(i+ahead, len(subs))])
		}
		s := &subs[i]
		b := frames.bytes
		if first <= s.from {
			if b = frames.after(s.from, events); b == nil {
				continue
			}
		}
		for _, c := range s.user.connections() {
			if len(origins) == 0 || !slices.Contains(origins, c) {
				c.send(b, 0)
			}
		}
	}
}

// ahead is how many people's connections are fetched together.
const ahead = 32

// fetch brings what a write touches into the processor's cache. People and their connections lie anywhere in memory: asked
// for one by one, each between two system calls, they are waited for one by one; asked for together, once.
func fetch(subs []sub) {
	for i := range subs {
		for _, c := range subs[i].user.connections() {
			c.heard.Load()
			c.ends.Load()
		}
	}
}

// origins are the connections that sent messages among the events and are still there.
func (h *Hub) origins(events []chat.Event) (out []*conn) {
	for i := range events {
		e := &events[i]
		if e.Origin.ConnectionID == "" || e.NewMessage == nil {
			continue
		}
		if u := h.user(e.NewMessage.UserID); u != nil {
			for _, c := range u.connections() {
				if c.id == e.Origin.ConnectionID && !slices.Contains(out, c) {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// ackRun is the run for c, in which acknowledgements stand for its own messages. The other events are left out if it is
// not subscribed.
func ackRun(c *conn, events []chat.Event, frames *run, subscribed bool) []byte {
	out := make([]byte, 0, len(frames.bytes)+64)
	for i := range events {
		e := &events[i]
		switch {
		case e.Origin.ConnectionID == c.id && e.NewMessage != nil:
			start := len(out)
			out = closeFrame(protocol.AppendAck(openFrame(out), e.Origin.RequestID, e.NewMessage), start, ws.OpText)
		case subscribed:
			out = append(out, frames.frame(i)...)
		}
	}
	return out
}

// ToUsers tells all connections of people.
func (h *Hub) ToUsers(_ context.Context, e chat.Event, userIDs ...string) {
	var frame []byte
	for _, id := range userIDs {
		u := h.user(id)
		if u == nil {
			continue
		}
		if frame == nil {
			frame = textFrame(func(dst []byte) []byte { return protocol.AppendEvent(dst, &e) })
		}
		u.send(frame, 0)
	}
}

// Online says which of these people have a connection now.
func (h *Hub) Online(_ context.Context, userIDs ...string) (map[string]bool, error) {
	online := make(map[string]bool, len(userIDs))
	for _, id := range userIDs {
		if u := h.user(id); u != nil && len(u.connections()) > 0 {
			online[id] = true
		}
	}
	return online, nil
}

// Disconnect ends the connections of a person, or only those of one session, with close code 4401.
func (h *Hub) Disconnect(_ context.Context, userID, sessionID string) {
	u := h.user(userID)
	if u == nil {
		return
	}
	for _, c := range u.connections() {
		if sessionID == "" || c.session == sessionID {
			c.close(protocol.CloseUnauthenticated)
		}
	}
}
