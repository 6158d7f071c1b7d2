package chat

import (
	"context"
	"slices"
)

// Limits of the reactions to one message.
const (
	MaxReactionEmoji = 20  // different ones
	MaxReactions     = 500 // of all people together
)

// maxMessageSize bounds Message.size, so that a message fits into a frame of 32 KiB whatever is done to it.
const maxMessageSize = 31 << 10

// React adds by's reaction to a message; reacting again with the same emoji changes nothing. The emoji stay in the order
// in which they first came, and so do the people of each.
func (s *Service) React(ctx context.Context, by, roomID, messageID, emoji string) (Message, error) {
	emoji, err := s.parseEmoji(emoji)
	if err != nil {
		return Message{}, err
	}
	return s.changeMessage(ctx, by, roomID, messageID, func(_ context.Context, r *revision) (bool, error) {
		m := &r.msg
		if m.DeletedAt != 0 {
			return false, wasDeleted()
		}
		if slices.Contains(m.Reactions.Of(emoji), by) {
			return false, nil
		}
		m.Reactions = m.Reactions.with(emoji, by)
		if m.Reactions.people() > MaxReactions || len(m.Reactions) > MaxReactionEmoji || m.size() > maxMessageSize {
			return false, Errorf(Conflict, "The message has as many reactions as it can have.")
		}
		return true, nil
	})
}

// Unreact takes by's reaction back; one that is not there is no error.
func (s *Service) Unreact(ctx context.Context, by, roomID, messageID, emoji string) (Message, error) {
	emoji, err := s.parseEmoji(emoji)
	if err != nil {
		return Message{}, err
	}
	return s.changeMessage(ctx, by, roomID, messageID, func(_ context.Context, r *revision) (bool, error) {
		m := &r.msg
		if !slices.Contains(m.Reactions.Of(emoji), by) {
			return false, nil
		}
		m.Reactions = m.Reactions.without(emoji, by)
		return true, nil
	})
}

func (s *Service) parseEmoji(text string) (string, error) {
	emoji, err := s.names.Emoji(text)
	if err != nil {
		return "", invalid("emoji", "A reaction is exactly one emoji.")
	}
	return emoji, nil
}
