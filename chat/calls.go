package chat

import (
	"context"
	"slices"
	"time"
)

const (
	callWindow = 500            // messages that are looked at together
	callFor    = 24 * time.Hour // older ones are found in the app, but nobody is told of them any more
)

// Calls returns whom to tell of the messages of a room from one number to another, zero for no end, as far as they are
// older than grace: the Addressees of each, without those who were told already, and those in a pause or in quiet hours,
// who find in the app what came then.
func (s *Service) Calls(ctx context.Context, roomID string, from, to int64, grace time.Duration) (Calls, error) {
	rooms, err := s.rooms.Rooms(ctx, roomID)
	if err != nil {
		return Calls{}, err
	}
	if len(rooms) == 0 {
		return Calls{UpTo: maxSeq}, nil
	}
	out := Calls{Room: rooms[0], UpTo: max(rooms[0].HeadSeq, from-1)}
	if to > 0 {
		out.UpTo = min(out.UpTo, to)
	}
	messages, err := s.log.Messages(ctx, roomID, from, out.UpTo, callWindow, false)
	if err != nil {
		return Calls{}, err
	}
	if len(messages) == callWindow {
		out.UpTo, out.Next = messages[callWindow-1].Seq, s.now().UnixMilli()
	}
	young := s.now().Add(-grace).UnixMilli()
	if i := slices.IndexFunc(messages, func(m Message) bool { return m.CreatedAt > young }); i >= 0 {
		out.UpTo, out.Next = messages[i].Seq-1, messages[i].CreatedAt+grace.Milliseconds()
		if i == 0 {
			out.UpTo = 0
		}
		messages = messages[:i]
	}
	out.Calls, err = s.calls(ctx, roomID, messages)
	return out, err
}

// Called notes that people were told of a room up to a number.
func (s *Service) Called(ctx context.Context, roomID string, seq int64, userIDs ...string) error {
	return s.reached.SetReached(ctx, roomID, seq, userIDs...)
}

// calls joins what is to be told of messages, by person.
func (s *Service) calls(ctx context.Context, roomID string, messages []Message) ([]Call, error) {
	old := s.now().Add(-callFor).UnixMilli()
	people := map[string]*Call{} // nil: to be left in peace
	reached := map[string]int64{}
	var ids []string
	for i := range messages {
		m := &messages[i]
		if m.CreatedAt < old {
			continue
		}
		err := s.Addressees(ctx, m, func(page []Addressee) error {
			fresh, err := s.meet(ctx, roomID, page, people, reached)
			ids = append(ids, fresh...)
			for _, a := range page {
				if c := people[a.UserID]; c != nil && m.Seq > reached[a.UserID] {
					c.add(m, a.Kind)
				}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	var out []Call
	for _, id := range ids {
		if c := people[id]; c != nil && c.Count > 0 {
			out = append(out, *c)
		}
	}
	return out, nil
}

// meet learns of those on a page who are not known yet how they want to be told, and what they were told. It returns who
// that was.
func (s *Service) meet(ctx context.Context, roomID string, page []Addressee, people map[string]*Call, reached map[string]int64) ([]string, error) {
	var ids []string
	for _, a := range page {
		if _, known := people[a.UserID]; !known {
			ids = append(ids, a.UserID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rules, err := s.notices.Rules(ctx, ids...)
	if err != nil {
		return nil, err
	}
	told, err := s.reached.Reached(ctx, roomID, ids...)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		r := rules[id]
		people[id], reached[id] = nil, told[id]
		if r.Wait(s.now()) == 0 {
			people[id] = &Call{UserID: id, HideContent: r.HideContent}
		}
	}
	return ids, nil
}

// add takes in one more message: of those that concern its person most, the newest is shown.
func (c *Call) add(m *Message, kind NoticeKind) {
	c.Count++
	order := []NoticeKind{NoticeMention, NoticeReply, NoticeDirect, NoticeMessage}
	if c.Count == 1 || slices.Index(order, kind) <= slices.Index(order, c.Kind) {
		c.Kind, c.Message = kind, *m
	}
}
