package chat

import (
	"context"
	"math"
	"slices"
)

// Messages returns a part of a room's history to a member. Ordinals tell whether there is more on either side.
func (s *Service) Messages(ctx context.Context, by, roomID string, q PageQuery) (MessagePage, error) {
	limit, err := clampLimit(q.Limit)
	if err != nil {
		return MessagePage{}, err
	}
	if err := q.check(); err != nil {
		return MessagePage{}, err
	}
	r, err := s.member(ctx, roomID, by)
	if err != nil {
		return MessagePage{}, err
	}
	if q.At != nil {
		seq, err := s.seqAt(ctx, &r, *q.At)
		if err != nil {
			return MessagePage{}, err
		}
		q.Around = &seq
	}
	var msgs []Message
	keep := keepLast // what to keep when the contents are too large
	switch {
	case q.After != nil:
		keep = keepFirst
		msgs, err = s.log.Messages(ctx, roomID, *q.After+1, math.MaxInt64, limit, false)
	case q.Around != nil:
		keep = func(msgs []Message, maxBytes int) []Message { return keepAround(msgs, *q.Around, maxBytes) }
		msgs, err = s.around(ctx, roomID, *q.Around, limit)
	default:
		to := int64(math.MaxInt64)
		if q.Before != nil {
			to = *q.Before - 1
		}
		msgs, err = s.backwards(ctx, roomID, to, limit)
	}
	if err != nil {
		return MessagePage{}, err
	}
	if err := s.stillMember(ctx, &r, by); err != nil {
		return MessagePage{}, err
	}
	msgs = keep(msgs, q.MaxBytes)
	return page(&r, msgs, q), nil
}

// Message returns one message of a room to a member.
func (s *Service) Message(ctx context.Context, by, roomID, messageID string) (Message, error) {
	r, err := s.member(ctx, roomID, by)
	if err != nil {
		return Message{}, err
	}
	m, err := s.messageByID(ctx, roomID, messageID)
	if err != nil {
		return Message{}, err
	}
	if err := s.stillMember(ctx, &r, by); err != nil {
		return Message{}, err
	}
	return m, nil
}

// stillMember refuses who left a room while it was read: what was read may have come after.
func (s *Service) stillMember(ctx context.Context, r *Room, userID string) error {
	_, err := s.rooms.Member(ctx, r.RoomID, userID)
	if CodeOf(err) == NotFound {
		return s.notAMember(r)
	}
	return err
}

// messageByID finds a message by the log number that its id carries.
func (s *Service) messageByID(ctx context.Context, roomID, messageID string) (Message, error) {
	if seq, ok := messageSeq(messageID); ok {
		msgs, err := s.log.Messages(ctx, roomID, seq, seq, 1, false)
		if err != nil {
			return Message{}, err
		}
		if len(msgs) == 1 && msgs[0].MessageID == messageID {
			return msgs[0], nil
		}
	}
	return Message{}, Errorf(NotFound, "There is no such message in this room.")
}

// check refuses bounds that make no sense. A number above all that a log can have is as good as the largest.
func (q *PageQuery) check() error {
	set := 0
	for field, b := range map[string]*int64{"before": q.Before, "after": q.After, "around": q.Around, "at": q.At} {
		if b == nil {
			continue
		}
		set++
		if field == "at" {
			if *b < 0 || *b > maxMillis {
				return invalid(field, "at must be a moment in epoch milliseconds.")
			}
			continue
		}
		if *b < 0 {
			return invalid(field, "%s cannot be negative.", field)
		}
	}
	q.Before, q.After, q.Around = seqBound(q.Before), seqBound(q.After), seqBound(q.Around)
	if set > 1 {
		return invalid("before", "Only one of before, after, around and at can be given.")
	}
	return nil
}

func seqBound(b *int64) *int64 {
	if b == nil || *b <= maxSeq {
		return b
	}
	largest := int64(maxSeq)
	return &largest
}

// maxSeq is above every log number: they keep their order in text, and are exact in JavaScript.
const maxSeq = 1 << 40

// backwards returns the messages up to a number, the newest of them, ascending.
func (s *Service) backwards(ctx context.Context, roomID string, to int64, limit int) ([]Message, error) {
	msgs, err := s.log.Messages(ctx, roomID, 1, to, limit, true)
	for i, j := 0, len(msgs)-1; i < j; i, j = i+1, j-1 {
		msgs[i], msgs[j] = msgs[j], msgs[i]
	}
	return msgs, err
}

// around returns messages on both sides of a number, and that one if it is a message.
func (s *Service) around(ctx context.Context, roomID string, seq int64, limit int) ([]Message, error) {
	before, err := s.backwards(ctx, roomID, seq, (limit+1)/2)
	if err != nil || len(before) == limit {
		return before, err
	}
	after, err := s.log.Messages(ctx, roomID, seq+1, math.MaxInt64, limit-len(before), false)
	return append(before, after...), err
}

// seqAt returns the number of the first message that was sent at or after a moment, or of the newest, by halving: it
// reads one message for each bit of the log's length.
func (s *Service) seqAt(ctx context.Context, r *Room, at Millis) (int64, error) {
	low, high := int64(1), r.LastSeq
	for low < high {
		middle := low + (high-low)/2
		next, err := s.log.Messages(ctx, r.RoomID, middle, high, 1, false)
		if err != nil {
			return 0, err
		}
		if len(next) == 0 || next[0].CreatedAt >= at {
			high = middle
		} else {
			low = next[0].Seq + 1
		}
	}
	next, err := s.log.Messages(ctx, r.RoomID, low, r.LastSeq, 1, false)
	if err != nil || len(next) == 0 {
		return r.LastSeq, err
	}
	return next[0].Seq, nil
}

func page(r *Room, msgs []Message, q PageQuery) MessagePage {
	p := MessagePage{Messages: msgs}
	if len(msgs) > 0 {
		p.HasMoreBefore = msgs[0].Ordinal > 1
		p.HasMoreAfter = msgs[len(msgs)-1].Ordinal < r.MessageCount
		return p
	}
	p.Messages = []Message{}
	p.HasMoreBefore = q.After != nil && r.MessageCount > 0
	p.HasMoreAfter = q.Before != nil && r.MessageCount > 0
	return p
}

// size is about how many bytes a message takes in a frame, never less.
func (m *Message) size() int {
	n := 512 + len(m.Username) + 2*len(m.ClientMessageID) + len(m.Content)
	for i := range len(m.Content) {
		switch m.Content[i] {
		case '"', '\\', '\n', '\t':
			n++
		case 0xe2: // U+2028 and U+2029 are written as \u2028
			n += 3
		}
	}
	for _, a := range m.Attachments {
		n += 128 + 2*len(a.Filename) + len(a.ContentType)
	}
	for i := range m.Reactions {
		n += 8 + len(m.Reactions[i].Emoji) + 32*len(m.Reactions[i].UserIDs)
	}
	return n + 32*len(m.Mentions)
}

// keepFirst, keepLast and keepAround cut messages to about maxBytes, but never to nothing.
func keepFirst(msgs []Message, maxBytes int) []Message {
	total := 0
	for i := range msgs {
		if total += msgs[i].size(); maxBytes > 0 && total > maxBytes && i > 0 {
			return msgs[:i]
		}
	}
	return msgs
}

func keepLast(msgs []Message, maxBytes int) []Message {
	total := 0
	for i := len(msgs) - 1; i >= 0; i-- {
		if total += msgs[i].size(); maxBytes > 0 && total > maxBytes && i < len(msgs)-1 {
			return msgs[i+1:]
		}
	}
	return msgs
}

// keepAround keeps the newest message up to seq, and what fits on both sides of it.
func keepAround(msgs []Message, seq int64, maxBytes int) []Message {
	if maxBytes <= 0 || len(msgs) == 0 {
		return msgs
	}
	to := 1
	for to < len(msgs) && msgs[to].Seq <= seq {
		to++
	}
	from, total := to-1, msgs[to-1].size()
	fits := func(i int) bool {
		if i < 0 || i >= len(msgs) || total+msgs[i].size() > maxBytes {
			return false
		}
		total += msgs[i].size()
		return true
	}
	for grows := true; grows; {
		grows = false
		if fits(from - 1) {
			from, grows = from-1, true
		}
		if fits(to) {
			to, grows = to+1, true
		}
	}
	return msgs[from:to]
}

// UserMessages returns messages of userID, newest first, out of the rooms that by may read, and a cursor for more. A
// page may be shorter than limit although there is a cursor.
func (s *Service) UserMessages(ctx context.Context, by, userID, cursor string, limit int) ([]Message, string, error) {
	limit, err := clampLimit(limit)
	if err != nil {
		return nil, "", err
	}
	if err := checkID("userId", userID, maxID); err != nil {
		return nil, "", err
	}
	_, rooms, err := s.myRooms(ctx, by) // not those that are gone and wait to be purged
	if err != nil {
		return nil, "", err
	}
	mayRead := make(map[string]bool, len(rooms))
	for i := range rooms {
		mayRead[rooms[i].RoomID] = true
	}
	out := []Message{}
	for range 10 { // bounds the work where most are out of sight
		var msgs []Message
		msgs, cursor, err = s.log.MessagesOf(ctx, userID, cursor, limit-len(out))
		if err != nil {
			return nil, "", err
		}
		for _, m := range msgs {
			if mayRead[m.RoomID] && m.DeletedAt == 0 {
				out = append(out, m)
			}
		}
		if cursor == "" || len(out) == limit {
			break
		}
	}
	still, err := s.roomsOf(ctx, by)
	if err != nil {
		return nil, "", err
	}
	out = slices.DeleteFunc(out, func(m Message) bool { return !still[m.RoomID] })
	return out, cursor, nil
}
