package chat

import (
	"context"
	"slices"
	"time"
)

// Limits of a sync.
const (
	MaxSyncRooms  = MaxRoomsOf
	MaxSyncEvents = 2000 // further behind than that, a client pages through history
	syncPage      = 200  // entries read at once

	settleTime = 20 * time.Millisecond // in which a commit that can be seen in part is there as a whole
)

// Sync returns for each room what came after the number given, in the order of room ids. maxBytes bounds the contents;
// what does not fit is left for the next call, and More says so. One event is returned at least, however large.
//
// Contents are those of now, not of then: what an edit or a deletion replaced is told to nobody again. So a NewMessage
// may carry a later UpdatedSeq, and an Updated carries its own number with newest contents.
func (s *Service) Sync(ctx context.Context, by string, rooms map[string]int64, maxBytes int) ([]RoomSync, error) {
	if len(rooms) > MaxSyncRooms {
		return nil, invalid("rooms", "At most %d rooms can be synced at once.", MaxSyncRooms)
	}
	ids := make([]string, 0, len(rooms))
	for id, last := range rooms {
		if err := checkID("rooms", id, maxID); err != nil {
			return nil, err
		}
		if last < 0 {
			return nil, invalid("rooms", "A log number cannot be negative.")
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	mine, err := s.isIn(ctx, by, ids)
	if err != nil {
		return nil, err
	}
	heads, err := s.rooms.Rooms(ctx, slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !mine[id] })...)
	if err != nil {
		return nil, err
	}
	head := make(map[string]int64, len(heads))
	for i := range heads {
		head[heads[i].RoomID] = heads[i].HeadSeq
	}
	out, told := make([]RoomSync, 0, len(ids)), make([]string, 0, len(ids))
	fits := budget{left: maxBytes}
	for _, id := range ids {
		r, err := s.syncRoom(ctx, id, rooms[id], head[id], &fits)
		if err != nil {
			return nil, err
		}
		if out = append(out, r); len(r.Events) > 0 {
			told = append(told, id)
		}
	}
	still, err := s.isIn(ctx, by, told)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if len(out[i].Events) > 0 && !still[out[i].RoomID] { // left while it was read: what was read may have come after
			out[i] = RoomSync{RoomID: out[i].RoomID, Events: []Event{}}
		}
	}
	return out, nil
}

// budget bounds the bytes of an answer. The first thing always fits, so that whoever asks again gets on.
type budget struct {
	left int
	used bool
}

// take tells whether n more bytes fit; once something did not, nothing does.
func (b *budget) take(n int) bool {
	if b.used && n > b.left {
		b.left = 0
		return false
	}
	b.left -= n
	b.used = true
	return true
}

func (b *budget) spent() bool { return b.used && b.left <= 0 }

// isIn tells which of these rooms a person is in, and perhaps which others. Of few it is looked up one by one, which takes
// a fifth of a list of all their rooms: when everybody comes back at once, that was a sixth of all that is done.
func (s *Service) isIn(ctx context.Context, userID string, roomIDs []string) (map[string]bool, error) {
	const few = 4
	if len(roomIDs) > few {
		return s.roomsOf(ctx, userID)
	}
	set := make(map[string]bool, len(roomIDs))
	for _, id := range roomIDs {
		switch _, err := s.rooms.Member(ctx, id, userID); CodeOf(err) {
		case "":
			set[id] = true
		case NotFound:
		default:
			return nil, err
		}
	}
	return set, nil
}

// roomsOf is the set of rooms of a person.
func (s *Service) roomsOf(ctx context.Context, userID string) (map[string]bool, error) {
	memberships, err := s.rooms.RoomsOf(ctx, userID)
	if err != nil {
		return nil, err
	}
	set := make(map[string]bool, len(memberships))
	for i := range memberships {
		set[memberships[i].RoomID] = true
	}
	return set, nil
}

// wholeEvents reads a range of numbers that all exist. Some stores show a commit piece by piece, within milliseconds.
func (s *Service) wholeEvents(ctx context.Context, roomID string, from, to int64) ([]Event, error) {
	events, err := LogEvents(ctx, s.log, roomID, from, to)
	if err == nil && int64(len(events)) <= to-from {
		time.Sleep(settleTime)
		events, err = LogEvents(ctx, s.log, roomID, from, to)
	}
	return events, err
}

// syncRoom reads the entries after last, up to head, as far as they fit. A head of zero is no member.
func (s *Service) syncRoom(ctx context.Context, roomID string, last, head int64, fits *budget) (RoomSync, error) {
	r := RoomSync{RoomID: roomID, HeadSeq: head, Events: []Event{}, Complete: true}
	if head == 0 || last > head || head-last > MaxSyncEvents {
		r.Complete = false
		return r, nil
	}
	for last < head {
		if fits.spent() {
			r.More = true
			return r, nil
		}
		to := min(head, last+syncPage)
		events, err := s.pages.events(ctx, pageKey{roomID, last + 1, to, head}, func() ([]Event, error) {
			return s.wholeEvents(ctx, roomID, last+1, to)
		})
		if err != nil {
			return r, err
		}
		if int64(len(events)) != to-last { // the room is being removed, or the store lost something: never skip it silently
			s.logger.Warn("numbers are missing in the log of a room", "roomId", roomID, "from", last+1, "to", to, "found", len(events))
			r.Events, r.Complete = []Event{}, false
			return r, nil
		}
		n := 0
		for n < len(events) && fits.take(events[n].size()) {
			n++
		}
		if len(r.Events) == 0 {
			r.Events = events[:n:n] // shared
		} else {
			r.Events = append(r.Events, events[:n]...)
		}
		if n < len(events) {
			r.More = true
			return r, nil
		}
		last = to
	}
	return r, nil
}

// LogEvents returns the events of a range of numbers, in order: what Deliver was or would be told of them, with contents
// as they are now and without origins. While others write, or where a store shows a commit piece by piece, it ends before
// the first number of which not all is to be seen yet. It knows no permissions. At most 200 numbers are read.
func LogEvents(ctx context.Context, log Log, roomID string, from, to int64) ([]Event, error) {
	to = min(to, from+syncPage-1)
	msgs, err := log.Messages(ctx, roomID, from, to, syncPage, false)
	if err != nil {
		return nil, err
	}
	changes, err := log.Changes(ctx, roomID, from, to, syncPage)
	if err != nil {
		return nil, err
	}
	events := make([]Event, 0, len(msgs)+len(changes))
	for i := range msgs {
		events = append(events, Event{Seq: msgs[i].Seq, NewMessage: &msgs[i]})
	}
	for i := range changes {
		c, msg := &changes[i], (*Message)(nil)
		if c.MessageSeq != 0 {
			if msg, err = messageAt(ctx, log, roomID, c, msgs); err != nil {
				return nil, err
			}
			if msg.UpdatedSeq < c.Seq { // not to be seen yet
				break
			}
		}
		events = append(events, c.event(msg))
	}
	slices.SortFunc(events, func(a, b Event) int { return int(a.Seq - b.Seq) })
	for i := range events {
		if events[i].Seq != from+int64(i) {
			return events[:i], nil
		}
	}
	return events, nil
}

// messageAt returns the message that a change is of, out of those at hand, unless they were read before it, or from the log.
func messageAt(ctx context.Context, log Log, roomID string, c *Change, at []Message) (*Message, error) {
	seq := c.MessageSeq
	if i, ok := slices.BinarySearchFunc(at, seq, func(m Message, seq int64) int { return int(m.Seq - seq) }); ok && at[i].UpdatedSeq >= c.Seq {
		return &at[i], nil
	}
	msgs, err := log.Messages(ctx, roomID, seq, seq, 1, false)
	if err != nil {
		return nil, err
	}
	if len(msgs) == 0 {
		return nil, Errorf(Internal, "The log of a room names a message that is not there.")
	}
	return &msgs[0], nil
}

// size is about how many bytes an event takes in a frame, never less.
func (e *Event) size() int {
	switch {
	case e.NewMessage != nil:
		return e.NewMessage.size()
	case e.Updated != nil:
		return e.Updated.size()
	case e.Room != nil:
		return 768 + 6*len(e.Room.Room.Name) + 6*len(e.Room.Room.Topic)
	}
	return 256
}

// Heads returns the newest number of each room of by.
func (s *Service) Heads(ctx context.Context, by string) (map[string]int64, error) {
	ids, err := s.RoomIDs(ctx, by)
	if err != nil {
		return nil, err
	}
	rooms, err := s.rooms.Rooms(ctx, ids...)
	if err != nil {
		return nil, err
	}
	heads := make(map[string]int64, len(rooms))
	for i := range rooms {
		heads[rooms[i].RoomID] = rooms[i].HeadSeq
	}
	return heads, nil
}

// RoomIDs returns the rooms of a person, to subscribe a new connection to.
func (s *Service) RoomIDs(ctx context.Context, userID string) ([]string, error) {
	memberships, err := s.rooms.RoomsOf(ctx, userID)
	ids := make([]string, len(memberships))
	for i := range memberships {
		ids[i] = memberships[i].RoomID
	}
	return ids, err
}
