package client

import "parley/chat"

// Event is one thing that a Stream tells. One of the pointers is set, or Reset.
type Event struct {
	RoomID string // empty with Presence
	Seq    int64  // the number in the room's log; zero for what is told but never stored

	NewMessage *chat.Message
	Updated    *chat.Message // edited, deleted or reacted to
	Room       *chat.RoomEvent
	Presence   *chat.Presence
	Typing     *chat.Typing
	Read       *chat.Read
	Notified   *chat.Notification

	// Reset says that too much was missed to be told one by one: what is held of the room is to be thrown away and
	// read anew by History. Seq is where the room's log goes on from; zero means that one is not a member any more.
	Reset bool
}

// roomLog is how far the log of one room has been told.
type roomLog struct {
	known   bool            // last is valid
	last    int64           // all up to it have been told
	pending map[int64]Event // later ones, which wait for those between
	asking  bool            // a sync for it is under way
	member  int64           // one was a member after this number: whatever says that one left before is past
}

// tracker puts the events of all rooms into order: each number once, none left out. It has one owner, the goroutine that
// reads the socket.
type tracker struct {
	me      string
	all     bool // tell rooms that were never heard of from their first number
	started bool // the first heads have come: rooms that appear later are new
	asked   bool // for heads, because of a room without one
	matched bool // the first heads of this connection have been looked through for rooms that are missing
	rooms   map[string]*roomLog
}

func newTracker(me string, from map[string]int64, all bool) *tracker {
	t := &tracker{me: me, all: all, rooms: map[string]*roomLog{}}
	for id, last := range from {
		t.rooms[id] = &roomLog{known: true, last: last, pending: map[int64]Event{}}
	}
	return t
}

func (t *tracker) room(id string) *roomLog {
	r := t.rooms[id]
	if r == nil {
		r = &roomLog{pending: map[int64]Event{}}
		t.rooms[id] = r
	}
	return r
}

// add takes an event as it came and returns what may be told now, in order.
func (t *tracker) add(e Event) []Event {
	if e.Seq == 0 {
		return []Event{e}
	}
	r := t.room(e.RoomID)
	if !r.known && t.begins(e) {
		r.skip(e.Seq - 1)
	}
	if r.known && e.Seq <= r.last {
		return nil
	}
	r.pending[e.Seq] = e
	return t.drain(e.RoomID, r)
}

// begins tells whether e is how a room appears to somebody: made with them in it, or entered by them.
func (t *tracker) begins(e Event) bool {
	if e.Room == nil {
		return false
	}
	m := e.Room.Membership
	return e.Room.Change == chat.RoomCreated || e.Room.Change == chat.MemberJoined && m != nil && m.UserID == t.me
}

// ends tells whether nothing of the room is heard after e.
func (t *tracker) ends(e Event) bool {
	if e.Room == nil {
		return false
	}
	m := e.Room.Membership
	gone := e.Room.Change == chat.MemberLeft || e.Room.Change == chat.MemberRemoved
	return e.Room.Change == chat.RoomDeleted || gone && m != nil && m.UserID == t.me
}

// drain returns the pending events that follow without a gap.
func (t *tracker) drain(id string, r *roomLog) (out []Event) {
	for r.known {
		e, ok := r.pending[r.last+1]
		if !ok {
			break
		}
		delete(r.pending, e.Seq)
		r.last = e.Seq
		out = append(out, e)
		if t.ends(e) && e.Seq > r.member {
			delete(t.rooms, id)
			break
		}
	}
	return out
}

// heads takes what a pong says and returns what may be told now. Afterwards gaps says what to ask for. A pong may come in
// parts; first is the answer to the very first ping, whose rooms are not new.
func (t *tracker) heads(heads map[string]int64, first bool) (out []Event) {
	for id, head := range heads {
		r := t.room(id)
		if r.known {
			continue
		}
		r.known = true
		if first && !t.all {
			r.skip(head)
		}
		out = append(out, t.drain(id, r)...)
	}
	for id, r := range t.rooms {
		if !r.known && !first { // not a member any more, or not yet when the heads were read: then a later pong has it
			delete(t.rooms, id)
		}
	}
	t.started, t.asked = true, false
	return out
}

// skip goes on after the number last.
func (r *roomLog) skip(last int64) {
	r.known, r.last = true, last
	for seq := range r.pending {
		if seq <= last {
			delete(r.pending, seq)
		}
	}
}

// gaps returns the rooms to sync, with the last number told of each: those of heads that are ahead, those with events that
// wait, and once a connection those that heads lack, as one may have left them while away. They count as asked for until
// answered or forgotten.
func (t *tracker) gaps(heads map[string]int64) map[string]int64 {
	match := heads != nil && !t.matched
	t.matched = t.matched || match
	ask := map[string]int64{}
	for id, r := range t.rooms {
		head, there := heads[id]
		if r.known && !r.asking && (len(r.pending) > 0 || head > r.last || match && !there) {
			r.asking = true
			ask[id] = r.last
		}
	}
	return ask
}

// lost tells whether to ask for heads, because events wait of a room that came from nowhere.
func (t *tracker) lost() bool {
	if !t.started || t.asked {
		return false
	}
	for _, r := range t.rooms {
		t.asked = t.asked || !r.known
	}
	return t.asked
}

// current tells whether nothing is missing.
func (t *tracker) current() bool {
	for _, r := range t.rooms {
		if r.asking || !r.known {
			return false
		}
	}
	return t.started
}

// forget takes back that anything was asked for: the connection was lost.
func (t *tracker) forget() {
	t.asked, t.matched = false, false
	t.unask()
}

// unask takes back that syncs were asked for: their answers are late.
func (t *tracker) unask() {
	for _, r := range t.rooms {
		r.asking = false
	}
}

// roomSync is what the server says a member missed of one room.
type roomSync struct {
	RoomID   string
	HeadSeq  int64
	Events   []Event
	Complete bool
	More     bool
}

// synced takes one room of an answer to sync and returns what may be told now, and whether to sync on from there.
func (t *tracker) synced(s roomSync) (out []Event, behind bool) {
	r := t.rooms[s.RoomID]
	if r == nil {
		return nil, false
	}
	r.asking = false
	if !s.Complete && !s.More {
		out = append(out, Event{RoomID: s.RoomID, Seq: s.HeadSeq, Reset: true})
		if s.HeadSeq == 0 {
			delete(t.rooms, s.RoomID)
			return out, false
		}
		r.skip(s.HeadSeq)
		return append(out, t.drain(s.RoomID, r)...), false
	}
	r.member = max(r.member, s.HeadSeq)
	for _, e := range s.Events {
		out = append(out, t.add(e)...)
	}
	r = t.rooms[s.RoomID]
	return out, r != nil && (s.More || r.last < s.HeadSeq)
}

// positions returns the last number told of each room.
func (t *tracker) positions() map[string]int64 {
	out := make(map[string]int64, len(t.rooms))
	for id, r := range t.rooms {
		if r.known {
			out[id] = r.last
		}
	}
	return out
}
