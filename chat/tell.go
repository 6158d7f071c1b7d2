package chat

import (
	"context"
	"slices"
)

// untold is what a commit left to tell those whom its messages concern.
type untold struct {
	messages []Message
	notices  []Notice
}

// maxTold is up to how many members a mention of all of them is told one by one. In larger rooms clients see it in the
// message itself.
const maxTold = 200

// tell sends the live notifications of the last commit. They are never stored, and are left out while messages have to
// wait.
func (q *sequencer) tell() {
	u := q.untold
	q.untold = nil
	if q.s.shed(q.roomID) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	if err := q.s.tell(ctx, &q.room, u); err != nil {
		q.s.logger.Warn("could not tell people of messages that concern them", "roomId", q.roomID, "error", err)
	}
}

// told is one notification on its way.
type told struct {
	userID string
	kind   NoticeKind
	msg    *Message
}

func (s *Service) tell(ctx context.Context, r *Room, u *untold) error {
	var members []Membership
	wide := slices.ContainsFunc(u.notices, func(n Notice) bool { return n.UserID == "" && n.Only == nil })
	if r.Kind == Direct || wide && r.MemberCount <= maxTold {
		var err error
		if members, _, err = s.rooms.Members(ctx, r.RoomID, "", maxTold); err != nil {
			return err
		}
	}
	var all []told
	for i := range u.messages {
		all = append(all, concerned(r, &u.messages[i], u.notices, members)...)
	}
	if len(all) == 0 {
		return nil
	}
	ids := make([]string, 0, len(all))
	for _, t := range all {
		if !slices.Contains(ids, t.userID) {
			ids = append(ids, t.userID)
		}
	}
	levels, err := s.notices.Levels(ctx, r.RoomID, ids...)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(t told) bool { return !levels[t.userID].Tells(r.Kind, t.kind) })
	for len(all) > 0 { // those of the same together: who tells may have to look up how each is reached
		same := all[0]
		var to []string
		all = slices.DeleteFunc(all, func(t told) bool {
			is := t.kind == same.kind && t.msg == same.msg
			if is {
				to = append(to, t.userID)
			}
			return is
		})
		s.deliverer.ToUsers(ctx, Event{Notified: &Notification{Kind: same.kind, Message: same.msg}}, to...)
	}
	return nil
}

// concerned lists whom a message concerns, each once, with the most urgent kind.
func concerned(r *Room, m *Message, notices []Notice, members []Membership) []told {
	var out []told
	add := func(userID string, kind NoticeKind) {
		if userID != m.UserID && !slices.ContainsFunc(out, func(t told) bool { return t.userID == userID }) {
			out = append(out, told{userID, kind, m})
		}
	}
	for i := range notices {
		n := &notices[i]
		switch {
		case n.Seq != m.Seq:
		case n.UserID != "":
			add(n.UserID, n.Kind)
		case n.Only != nil:
			for _, id := range n.Only {
				add(id, n.Kind)
			}
		default:
			for i := range members {
				add(members[i].UserID, n.Kind)
			}
		}
	}
	if r.Kind == Direct {
		for i := range members {
			add(members[i].UserID, NoticeDirect)
		}
	}
	return out
}
