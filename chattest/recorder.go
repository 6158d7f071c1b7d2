package chattest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"parley/chat"
)

// Heard is one thing that a person was told.
type Heard struct {
	RoomID string // empty for what belongs to no room
	Event  chat.Event
}

// Recorder is a chat.Deliverer that records what each person would hear if they were all connected the whole time. It
// applies membership events as an edge must. It is safe for concurrent use; mu guards all fields.
type Recorder struct {
	mu         sync.Mutex
	members    map[string]map[string]bool // by room
	heard      map[string][]Heard         // by user
	log        map[string][]chat.Event    // by room: all that was delivered
	online     map[string]bool
	busy       map[string]bool // rooms with a Deliver under way
	faults     []string
	ended      []string
	deliveries int
}

var _ chat.Deliverer = (*Recorder)(nil)

// NewRecorder returns a Recorder that knows of no room.
func NewRecorder() *Recorder {
	return &Recorder{members: map[string]map[string]bool{}, heard: map[string][]Heard{}, log: map[string][]chat.Event{},
		online: map[string]bool{}, busy: map[string]bool{}}
}

// Subscribe tells of memberships that are older than the Recorder, as an edge reads them when a connection opens.
func (r *Recorder) Subscribe(userID string, roomIDs ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range roomIDs {
		r.room(id)[userID] = true
	}
}

func (r *Recorder) room(id string) map[string]bool {
	if r.members[id] == nil {
		r.members[id] = map[string]bool{}
	}
	return r.members[id]
}

// Deliver implements chat.Deliverer.
func (r *Recorder) Deliver(_ context.Context, d chat.Delivery) {
	r.mu.Lock()
	if r.busy[d.RoomID] {
		r.faults = append(r.faults, "two deliveries of room "+d.RoomID+" at once")
	}
	r.busy[d.RoomID] = true
	r.mu.Unlock()
	runtime.Gosched() // so that a second call would be noticed

	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy[d.RoomID] = false
	r.deliveries++
	for _, e := range d.Events {
		r.apply(d.RoomID, e)
	}
}

func (r *Recorder) apply(roomID string, e chat.Event) {
	if log := r.log[roomID]; len(log) > 0 && log[len(log)-1].Seq >= e.Seq {
		r.faults = append(r.faults, fmt.Sprintf("room %s: number %d was delivered after %d", roomID, e.Seq, log[len(log)-1].Seq))
	}
	r.log[roomID] = append(r.log[roomID], e)
	members := r.room(roomID)
	change := chat.ChangeKind("")
	if e.Room != nil {
		change = e.Room.Change
	}
	if change == chat.MemberJoined {
		members[e.Room.Membership.UserID] = true
	}
	for userID := range members {
		r.heard[userID] = append(r.heard[userID], Heard{roomID, e})
	}
	switch change {
	case chat.MemberLeft, chat.MemberRemoved:
		delete(members, e.Room.Membership.UserID)
	case chat.RoomDeleted:
		clear(members)
	}
}

// Signal implements chat.Deliverer. Every room counts as small.
func (r *Recorder) Signal(_ context.Context, roomID, userID string, e chat.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	to := map[string]bool{}
	if roomID == "" {
		to[userID] = true
	}
	for id, members := range r.members {
		if id != roomID && (roomID != "" || !members[userID]) {
			continue
		}
		for m := range members {
			if m != userID {
				to[m] = true
			}
		}
	}
	for id := range to {
		r.heard[id] = append(r.heard[id], Heard{roomID, e})
	}
}

// ToUsers implements chat.Deliverer.
func (r *Recorder) ToUsers(_ context.Context, e chat.Event, userIDs ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range userIDs {
		r.heard[id] = append(r.heard[id], Heard{"", e})
	}
}

// Online implements chat.Deliverer: those whom SetOnline named.
func (r *Recorder) Online(_ context.Context, userIDs ...string) (map[string]bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]bool{}
	for _, id := range userIDs {
		if r.online[id] {
			out[id] = true
		}
	}
	return out, nil
}

// Disconnect implements chat.Deliverer.
func (r *Recorder) Disconnect(_ context.Context, userID, sessionID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = append(r.ended, userID+"/"+sessionID)
}

// SetOnline says whether a person counts as connected.
func (r *Recorder) SetOnline(userID string, online bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.online[userID] = online
}

// Heard returns all that a person was told, in order.
func (r *Recorder) Heard(userID string) []Heard {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.heard[userID])
}

// HeardIn returns what a person was told of one room: its log's events and its signals.
func (r *Recorder) HeardIn(userID, roomID string) []chat.Event {
	var out []chat.Event
	for _, h := range r.Heard(userID) {
		if h.RoomID == roomID {
			out = append(out, h.Event)
		}
	}
	return out
}

// Log returns all events delivered for a room, in order.
func (r *Recorder) Log(roomID string) []chat.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.log[roomID])
}

// Deliveries is how often Deliver was called.
func (r *Recorder) Deliveries() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.deliveries
}

// Disconnected lists the calls of Disconnect as "user/session".
func (r *Recorder) Disconnected() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ended)
}

// Forget drops what was heard so far; memberships stay.
func (r *Recorder) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.heard)
}

// Faults lists how the core broke the contract of Deliverer: calls for one room at once or out of order.
func (r *Recorder) Faults() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.faults)
}
