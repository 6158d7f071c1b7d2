package chat

import "context"

// Submit sends a message without waiting: messages submitted one after another for a room take numbers in that order.
// A message with a file that was not examined yet waits for that, and others may overtake it.
// done is called exactly once, from another goroutine or before Submit returns, when the message is durable or refused;
// it must not block. If origin is set, its connection is told by the Deliverer with an acknowledgement, in log order,
// before done. A repeat of an earlier message does not reach the Deliverer: done gets the first result, and the edge
// acknowledges it.
func (s *Service) Submit(ctx context.Context, by string, m NewMessage, origin Origin, done func(m Message, repeat bool, err error)) {
	msg, err := s.newMessage(ctx, by, m)
	if err != nil {
		done(Message{}, false, err)
		return
	}
	st := &step{by: by, origin: origin, msg: msg, said: parseMentions(msg.Content), done: done}
	if len(m.Attachments) > 0 {
		s.enqueueFiles(ctx, m, st)
		return
	}
	s.enqueue(m.RoomID, st)
}

func (s *Service) newMessage(ctx context.Context, by string, m NewMessage) (*Message, error) {
	if err := checkID("roomId", m.RoomID, maxID); err != nil {
		return nil, err
	}
	if err := checkClientMessageID(m.ClientMessageID); err != nil {
		return nil, err
	}
	if err := s.checkRefs(m.Attachments); err != nil {
		return nil, err
	}
	content, err := parseContent(m.Content, len(m.Attachments) > 0)
	if err != nil {
		return nil, err
	}
	if m.ReplyTo != "" {
		if _, ok := messageSeq(m.ReplyTo); !ok {
			return nil, invalid("replyTo", "The message to reply to is not in this room.")
		}
	}
	if err := s.allow(ctx, LimitSend, by); err != nil {
		return nil, err
	}
	return &Message{RoomID: m.RoomID, UserID: by, Content: content, ClientMessageID: m.ClientMessageID, ReplyTo: m.ReplyTo}, nil
}

// Send sends a message and waits until it is durable.
func (s *Service) Send(ctx context.Context, by string, m NewMessage) (Message, error) {
	type result struct {
		m   Message
		err error
	}
	sent := make(chan result, 1)
	s.Submit(ctx, by, m, Origin{}, func(m Message, _ bool, err error) { sent <- result{m, err} })
	select {
	case r := <-sent:
		return r.m, r.err
	case <-ctx.Done():
		return Message{}, &Error{Code: Unavailable, Message: "The server is busy. Please send the message again.", Cause: ctx.Err()}
	}
}

// Edit replaces the text of one's own message.
func (s *Service) Edit(ctx context.Context, by, roomID, messageID, content string) (Message, error) {
	content, err := parseContent(content, true)
	if err != nil {
		return Message{}, err
	}
	said := parseMentions(content)
	return s.changeMessage(ctx, by, roomID, messageID, func(ctx context.Context, r *revision) (bool, error) {
		m := &r.msg
		switch {
		case m.UserID != by:
			return false, Errorf(Forbidden, "Only the author can edit a message.")
		case m.DeletedAt != 0:
			return false, wasDeleted()
		case content == "" && len(m.Attachments) == 0:
			return false, noContent()
		case m.Content == content:
			return false, nil
		}
		m.Content, m.EditedAt = content, s.now().UnixMilli()
		if err := r.readdress(ctx, said); err != nil {
			return false, err
		}
		if m.size() > maxMessageSize {
			return false, &Error{Code: TooLarge, Field: "content", Message: "With the reactions to it, the message would be too large."}
		}
		return true, nil
	})
}

// Delete empties a message: one's own, or in a room of many as a moderator anybody's. Deleting again changes nothing.
func (s *Service) Delete(ctx context.Context, by, roomID, messageID string) (Message, error) {
	return s.changeMessage(ctx, by, roomID, messageID, func(ctx context.Context, r *revision) (bool, error) {
		m := &r.msg
		switch {
		case m.UserID != by && r.by.Role.rank() < Moderator.rank():
			return false, Errorf(Forbidden, "Only the author or a moderator can delete a message.")
		case m.DeletedAt != 0:
			return false, nil
		}
		var err error
		if r.commit.Obsolete, err = r.notices(ctx); err != nil {
			return false, err
		}
		m.Content, m.DeletedAt = "", s.now().UnixMilli()
		m.Attachments, m.Reactions, m.Mentions = nil, nil, nil
		return true, nil
	})
}

func wasDeleted() error { return Errorf(Conflict, "The message was deleted.") }

// revision is a change of one message on its way into a plan.
type revision struct {
	*view
	commit *Commit
	by     *author
	msg    Message
}

// changeMessage gives a message a new form by the next number of the log; edit changes it, or returns false and leaves
// it as it is.
func (s *Service) changeMessage(ctx context.Context, by, roomID, messageID string, edit func(ctx context.Context, r *revision) (bool, error)) (Message, error) {
	if err := checkID("roomId", roomID, maxID); err != nil {
		return Message{}, err
	}
	if err := s.allow(ctx, LimitSend, by); err != nil {
		return Message{}, err
	}
	var out Message
	err := s.do(ctx, by, roomID, func(ctx context.Context, v *view) (Commit, error) {
		c := v.begin()
		a, err := v.actor(ctx, by, Member)
		if err != nil {
			return c, err
		}
		m, err := v.message(ctx, messageID)
		if err != nil {
			return c, err
		}
		r := revision{view: v, commit: &c, by: a, msg: m}
		changed, err := edit(ctx, &r)
		if out = r.msg; err != nil || !changed {
			return v.begin(), err
		}
		c.change(by, s.now().UnixMilli(), &r.msg)
		if !m.saysAsMuch(&r.msg) {
			c.stale(&r.msg)
		}
		c.Drop, out = dropped(&m, &r.msg), r.msg
		return c, nil
	})
	if err != nil {
		return Message{}, err
	}
	return out, nil
}

// change appends the new form of a message to the commit, under the next number.
func (c *Commit) change(by string, at Millis, m *Message) {
	c.Room.HeadSeq++
	m.UpdatedSeq = c.Room.HeadSeq
	c.Changed = append(c.Changed, *m)
	c.Changes = append(c.Changes, Change{RoomID: m.RoomID, Seq: m.UpdatedSeq, Kind: MessageChanged, By: by, At: at, MessageSeq: m.Seq})
}
