package chat

import (
	"context"
	"slices"
)

// address finds out whom a message concerns beyond its being in their room: it fills in Mentions, and returns the
// notices that the message leaves. Nobody gets two of one message. answered is the message that it answers, or nil.
func (q *sequencer) address(ctx context.Context, m *Message, from *author, answered *Message, said *mentioned) ([]Notice, error) {
	var all mentioned
	if said != nil {
		all = *said
	}
	people, err := q.named(ctx, all.names)
	if err != nil {
		return nil, err
	}
	m.Mentions = people
	notice := Notice{RoomID: m.RoomID, Seq: m.Seq, MessageID: m.MessageID, Kind: NoticeMention, By: m.UserID}
	if !q.mayMentionAll(from) {
		all.room, all.here = false, false
	}
	if all.room { // it concerns those who are named as well
		m.Mentions = append(m.Mentions, MentionRoom)
		return []Notice{notice}, nil
	}
	var out []Notice
	for _, id := range people {
		if id != m.UserID {
			n := notice
			n.UserID = id
			out = append(out, n)
		}
	}
	if answered != nil && answered.UserID != m.UserID && !slices.Contains(people, answered.UserID) {
		to, err := q.member(ctx, answered.UserID)
		if err != nil {
			return nil, err
		}
		if to != nil {
			n := notice
			n.UserID, n.Kind = to.UserID, NoticeReply
			out = append(out, n)
		}
	}
	if !all.here {
		return out, nil
	}
	m.Mentions = append(m.Mentions, MentionHere)
	notice.Only, err = q.here(ctx, m.UserID, out)
	if err != nil || len(notice.Only) == 0 {
		return out, err
	}
	return append(out, notice), nil
}

// named returns the members of the room who have these usernames, in their order. A name may end with punctuation that
// belongs to the text.
func (q *sequencer) named(ctx context.Context, names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	forms := make([]string, 0, 2*len(names))
	for _, name := range names {
		for _, form := range []string{name, bareName(name)} {
			if !slices.Contains(forms, form) {
				forms = append(forms, form)
			}
		}
	}
	ids, err := q.s.users.UserIDs(ctx, forms...)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	asked := make([]string, 0, len(ids))
	for _, id := range ids {
		if !slices.Contains(asked, id) {
			asked = append(asked, id)
		}
	}
	members, err := q.s.rooms.MembersAmong(ctx, q.roomID, asked...)
	if err != nil {
		return nil, err
	}
	in := userIDs(members)
	out := make([]string, 0, len(in))
	for _, name := range names {
		for _, form := range []string{name, bareName(name)} {
			if id := ids[form]; slices.Contains(in, id) {
				if !slices.Contains(out, id) {
					out = append(out, id)
				}
				break
			}
		}
	}
	return out, nil
}

// mayMentionAll tells whether somebody may mention all members at once: in a large room that is for those who look
// after it.
func (q *sequencer) mayMentionAll(from *author) bool {
	return q.room.Kind == Direct || q.room.MemberCount <= smallRoom || from.Role.rank() >= Moderator.rank()
}

// here returns the members who are online, without the sender and those who have a notice anyway.
func (q *sequencer) here(ctx context.Context, by string, told []Notice) ([]string, error) {
	out := []string{}
	for cursor, walked := "", 0; walked < walkMembers; {
		members, next, err := q.s.rooms.Members(ctx, q.roomID, cursor, 1000)
		if err != nil {
			return nil, err
		}
		online, err := q.s.deliverer.Online(ctx, userIDs(members)...)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			has := func(n Notice) bool { return n.UserID == m.UserID }
			if online[m.UserID] && m.UserID != by && len(out) < maxHere && !slices.ContainsFunc(told, has) {
				out = append(out, m.UserID)
			}
		}
		if cursor = next; cursor == "" {
			break
		}
		walked += len(members)
	}
	return out, nil
}

// addNotices appends the notices of a message to the commit.
func (c *Commit) addNotices(notices []Notice) {
	for i := range notices {
		if notices[i].UserID == "" {
			c.Room.WideSeq = max(c.Room.WideSeq, notices[i].Seq)
		}
	}
	c.Notices = append(c.Notices, notices...)
}

// notices returns all notices that the message can have left.
func (r *revision) notices(ctx context.Context) ([]Notice, error) {
	m := &r.msg
	var out []Notice
	for _, id := range m.Mentions {
		n := Notice{RoomID: m.RoomID, Seq: m.Seq, MessageID: m.MessageID, UserID: id}
		if id == MentionRoom || id == MentionHere {
			n.UserID = ""
		}
		if !slices.ContainsFunc(out, n.sameRow) {
			out = append(out, n)
		}
	}
	answered, err := r.answered(ctx)
	if err != nil || answered == nil {
		return out, err
	}
	n := Notice{RoomID: m.RoomID, Seq: m.Seq, MessageID: m.MessageID, UserID: answered.UserID}
	if !slices.ContainsFunc(out, n.sameRow) {
		out = append(out, n)
	}
	return out, nil
}

// sameRow tells whether two notices of one message are for the same.
func (n *Notice) sameRow(other Notice) bool { return n.UserID == other.UserID }

// answered returns the message that the message answers, or nil.
func (r *revision) answered(ctx context.Context) (*Message, error) {
	if r.msg.ReplyTo == "" {
		return nil, nil //nolint:nilnil // none is an answer
	}
	m, err := r.message(ctx, r.msg.ReplyTo)
	if CodeOf(err) == NotFound {
		return nil, nil //nolint:nilnil // none is an answer
	}
	return &m, err
}

// readdress brings the notices of an edited message in line with its new text.
func (r *revision) readdress(ctx context.Context, said *mentioned) error {
	if said == nil && len(r.msg.Mentions) == 0 {
		return nil
	}
	before, err := r.notices(ctx)
	if err != nil {
		return err
	}
	answered, err := r.answered(ctx)
	if err != nil {
		return err
	}
	now, err := r.q.address(ctx, &r.msg, r.by, answered, said)
	if err != nil {
		return err
	}
	for i := range before {
		if !slices.ContainsFunc(now, before[i].sameRow) {
			r.commit.Obsolete = append(r.commit.Obsolete, before[i])
		}
	}
	r.commit.addNotices(now[:min(len(now), MaxCommitRows-3-len(r.commit.Obsolete))])
	return nil
}
