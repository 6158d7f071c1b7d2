package chat

import (
	"context"
	"slices"
)

// Up to how many members everybody is told how far each one has read and may mention all of them, and is told who comes
// and goes. In larger rooms that traffic would grow with the square of their size; there clients ask.
const (
	smallRoom     = 20
	SmallPresence = 200
)

// MarkRead moves one's read marker forward, at most to the head. It is refused when messages have to wait.
func (s *Service) MarkRead(ctx context.Context, by, roomID string, seq int64) error {
	if seq < 0 {
		return invalid("seq", "seq cannot be negative.")
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
	s.deliverer.ToUsers(ctx, e, by)
	if r.MemberCount <= smallRoom {
		return s.tellRead(ctx, &r, by, e)
	}
	return nil
}

// tellRead tells the others of a small room how far by has read, but those who do not want to know, and nobody if by
// does not want it known.
func (s *Service) tellRead(ctx context.Context, r *Room, by string, e Event) error {
	members, _, err := s.rooms.Members(ctx, r.RoomID, "", smallRoom)
	if err != nil {
		return err
	}
	ids := userIDs(members)
	rules, err := s.notices.Rules(ctx, ids...)
	if err != nil {
		return err
	}
	open := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return hidesReads(rules, id) })
	switch {
	case !slices.Contains(open, by):
	case len(open) == len(ids):
		s.deliverer.Signal(ctx, r.RoomID, by, e)
	default:
		s.deliverer.ToUsers(ctx, e, slices.DeleteFunc(open, func(id string) bool { return id == by })...)
	}
	return nil
}

// Reads returns how far the members of a small room have read, without those who do not want it known; by is then told
// of nobody either.
func (s *Service) Reads(ctx context.Context, by, roomID string) ([]Read, error) {
	r, err := s.member(ctx, roomID, by)
	if err != nil {
		return nil, err
	}
	if r.MemberCount > smallRoom {
		return nil, Errorf(Forbidden, "Who has read what is told in rooms of at most %d members.", smallRoom)
	}
	members, _, err := s.rooms.Members(ctx, roomID, "", smallRoom)
	if err != nil {
		return nil, err
	}
	ids := userIDs(members)
	rules, err := s.notices.Rules(ctx, ids...)
	if err != nil {
		return nil, err
	}
	markers, err := s.markers.MarkersIn(ctx, roomID, ids...)
	if err != nil {
		return nil, err
	}
	out := []Read{}
	for _, id := range ids {
		if id == by || !hidesReads(rules, id) && !hidesReads(rules, by) {
			out = append(out, Read{RoomID: roomID, UserID: id, Seq: markers[id].Seq})
		}
	}
	return out, nil
}

// hidesReads tells whether somebody has switched read receipts off, by the rules of those who chose some.
func hidesReads(rules map[string]NotifyRules, userID string) bool {
	r, chosen := rules[userID]
	return chosen && !r.ReadReceipts
}
