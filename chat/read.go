package chat

import "context"

// smallRoom is up to how many members everybody is told how far each one has read, and who comes and goes. In larger
// rooms that traffic would grow with the square of their size; there clients ask.
const (
	smallReads    = 20
	SmallPresence = 200
)

// MarkRead moves one's read marker forward, at most to the head. It is refused when messages have to wait.
func (s *Service) MarkRead(ctx context.Context, by, roomID string, seq int64) error {
	if seq < 0 || seq >= maxSeq {
		return invalid("seq", "seq must be a log number.")
	}
	if err := s.allow(ctx, LimitTyping, by); err != nil {
		return err
	}
	if s.shed(roomID) {
		return busy(serverBusy, maxWait)
	}
	r, err := s.member(ctx, roomID, by)
	if err != nil {
		return err
	}
	m := Marker{RoomID: roomID, Seq: min(seq, r.HeadSeq), Ordinal: r.MessageCount}
	if m.Seq < r.LastSeq {
		before, err := s.log.Messages(ctx, roomID, 1, m.Seq, 1, true)
		if err != nil {
			return err
		}
		m.Ordinal = 0
		if len(before) > 0 {
			m.Ordinal = before[0].Ordinal
		}
	}
	moved, err := s.markers.Mark(ctx, by, m)
	if err != nil || !moved {
		return err
	}
	e := Event{Read: &Read{RoomID: roomID, UserID: by, Seq: m.Seq}}
	s.deliverer.ToUser(ctx, by, e)
	if r.MemberCount <= smallReads {
		s.deliverer.Signal(ctx, roomID, by, e)
	}
	return nil
}

// UnreadCounts returns the counts of all rooms of by.
func (s *Service) UnreadCounts(ctx context.Context, by string) ([]Unread, error) {
	_, rooms, err := s.myRooms(ctx, by)
	if err != nil {
		return nil, err
	}
	markers, err := s.markersOf(ctx, by)
	if err != nil {
		return nil, err
	}
	out := make([]Unread, len(rooms))
	for i := range rooms {
		r, m := &rooms[i], markers[rooms[i].RoomID]
		out[i] = Unread{RoomID: r.RoomID, HeadSeq: r.HeadSeq, ReadSeq: m.Seq, Unread: r.unread(m)}
	}
	return out, nil
}
