package chat

import (
	"context"
	"slices"
)

// Addressee is somebody whom a message should reach although they may be away, and as what.
type Addressee struct {
	UserID string
	Kind   NoticeKind
}

// Addressees calls fn with all whom a message should reach, in parts of at most 1000, each person once: whom it concerns,
// the members of a direct room, and those who chose LevelAll for the room; never the sender, who is no member any more,
// whose level says no, or who has read it. What it reads is in proportion to them, and to the members of the room only
// if it mentions all. A deleted message reaches nobody.
func (s *Service) Addressees(ctx context.Context, m *Message, fn func([]Addressee) error) error {
	rooms, err := s.rooms.Rooms(ctx, m.RoomID)
	if err != nil || len(rooms) == 0 || m.DeletedAt != 0 {
		return err
	}
	r := &rooms[0]
	first, err := s.firstAddressees(ctx, r, m)
	if err != nil {
		return err
	}
	known := map[string]bool{m.UserID: true}
	for _, a := range first {
		known[a.UserID] = true
	}
	if err := s.passOn(ctx, r, m, first, fn); err != nil {
		return err
	}
	if slices.Contains(m.Mentions, MentionRoom) {
		return s.walk(ctx, r, m, known, NoticeMention, func(cursor string) ([]string, string, error) {
			members, next, err := s.rooms.Members(ctx, r.RoomID, cursor, 1000)
			return userIDs(members), next, err
		}, fn)
	}
	return s.walk(ctx, r, m, known, NoticeMessage, func(cursor string) ([]string, string, error) {
		return s.notices.Loud(ctx, r.RoomID, cursor, 1000)
	}, fn)
}

// firstAddressees are those whom the message concerns one by one.
func (s *Service) firstAddressees(ctx context.Context, r *Room, m *Message) ([]Addressee, error) {
	notice := Notice{Seq: m.Seq, Kind: NoticeMention, By: m.UserID}
	var notices []Notice
	if !slices.Contains(m.Mentions, MentionRoom) { // or else all are asked for anyway
		for _, id := range m.Mentions {
			if id != MentionHere {
				n := notice
				n.UserID = id
				notices = append(notices, n)
			}
		}
	}
	if slices.Contains(m.Mentions, MentionHere) {
		wide, err := s.notices.RoomNotices(ctx, r.RoomID, m.Seq, m.Seq, 1)
		if err != nil {
			return nil, err
		}
		notices = append(notices, wide...)
	}
	if m.ReplyTo != "" {
		answered, err := s.messageByID(ctx, r.RoomID, m.ReplyTo)
		if err != nil && CodeOf(err) != NotFound {
			return nil, err
		}
		if answered.UserID != "" {
			n := notice
			n.UserID, n.Kind = answered.UserID, NoticeReply
			notices = append(notices, n)
		}
	}
	var members []Membership
	if r.Kind == Direct {
		var err error
		if members, _, err = s.rooms.Members(ctx, r.RoomID, "", MaxDirect); err != nil {
			return nil, err
		}
	}
	var out []Addressee
	for _, t := range concerned(r, m, slices.DeleteFunc(notices, func(n Notice) bool { return n.UserID == "" && n.Only == nil }), members) {
		out = append(out, Addressee{t.userID, t.kind})
	}
	return out, nil
}

// walk passes on those whom next lists, page by page, but not those known.
func (s *Service) walk(ctx context.Context, r *Room, m *Message, known map[string]bool, kind NoticeKind,
	next func(cursor string) ([]string, string, error), fn func([]Addressee) error,
) error {
	for cursor := ""; ; {
		ids, more, err := next(cursor)
		if err != nil {
			return err
		}
		page := make([]Addressee, 0, len(ids))
		for _, id := range ids {
			if !known[id] {
				page = append(page, Addressee{id, kind})
			}
		}
		if err := s.passOn(ctx, r, m, page, fn); err != nil || more == "" {
			return err
		}
		cursor = more
	}
}

// passOn calls fn with those whom the message may reach.
func (s *Service) passOn(ctx context.Context, r *Room, m *Message, page []Addressee, fn func([]Addressee) error) error {
	if len(page) == 0 {
		return nil
	}
	ids := make([]string, len(page))
	for i := range page {
		ids[i] = page[i].UserID
	}
	members, err := s.rooms.MembersAmong(ctx, r.RoomID, ids...)
	if err != nil {
		return err
	}
	levels, err := s.notices.Levels(ctx, r.RoomID, ids...)
	if err != nil {
		return err
	}
	markers, err := s.markers.MarkersIn(ctx, r.RoomID, ids...)
	if err != nil {
		return err
	}
	in := make(map[string]bool, len(members))
	for i := range members {
		in[members[i].UserID] = true
	}
	page = slices.DeleteFunc(page, func(a Addressee) bool {
		return !in[a.UserID] || markers[a.UserID].Seq >= m.Seq || !levels[a.UserID].Tells(r.Kind, a.Kind)
	})
	if len(page) == 0 {
		return nil
	}
	return fn(page)
}
