package apigateway

import (
	"context"
	"strings"
	"time"

	"parley/chat"
)

// pollNoted is how exact it is noted that somebody still polls; well under chat.PollFor.
const pollNoted = 25 * time.Second

// Poll serves a person whose network lets no socket through and who asks again and again: it returns the frames that
// were told and are never stored since they last asked, by the connection that the last call returned; id may be empty. A new connection
// is made for one whom admit, asked only then, lets in, and counts as there until they have not asked for chat.PollFor.
// What is numbered they read from the log: to whoever tells it, a connection that polls costs nothing.
//
// A function does not wait for something to come: it is paid by the time it takes, and an account has a thousand at once.
func (s *Socket) Poll(ctx context.Context, who Identity, id string, admit func(ctx context.Context) error) (connectionID string, told [][]byte, err error) {
	c, err := s.polling(ctx, who, id)
	if chat.CodeOf(err) == chat.NotFound {
		c, err = s.beginPolling(ctx, who, admit)
	}
	if err != nil {
		return "", nil, err
	}
	if told, err = s.d.store.TakeSignals(ctx, c.ConnectionID); err != nil {
		return "", nil, err
	}
	if now := s.d.now(); now.UnixMilli()-c.LastSeen > pollNoted.Milliseconds() {
		if err := s.d.store.Alive(ctx, c, now.UnixMilli()); err != nil {
			s.Logger.WarnContext(ctx, "could not keep a connection", "connection", c.ConnectionID, "error", err)
		}
	}
	return c.ConnectionID, told, nil
}

// polling finds the connection of somebody who asks again. NotFound if it is not one of theirs, or was forgotten.
func (s *Socket) polling(ctx context.Context, who Identity, id string) (chat.Connection, error) {
	none := chat.Errorf(chat.NotFound, "There is no such connection.")
	if len(id) != len(chat.NewID(time.Time{})) || strings.ContainsFunc(id, func(r rune) bool { return r < '0' || r > 'Z' }) {
		return chat.Connection{}, none
	}
	c, err := s.d.store.Connection(ctx, id)
	if err == nil && (!c.Polls || c.UserID != who.UserID || c.SessionID != who.SessionID || !s.d.alive(c)) {
		return chat.Connection{}, none
	}
	return c, err
}

func (s *Socket) beginPolling(ctx context.Context, who Identity, admit func(ctx context.Context) error) (chat.Connection, error) {
	now := s.d.now()
	c := chat.Connection{ConnectionID: chat.NewID(now), UserID: who.UserID, Username: who.Username, SessionID: who.SessionID,
		ConnectedAt: now.UnixMilli(), LastSeen: now.UnixMilli(), Polls: true}
	if err := admit(ctx); err != nil {
		return c, err
	}
	if err := s.subscribe(ctx, who.UserID); err != nil {
		return c, err
	}
	first, err := s.d.store.Connect(ctx, c, s.PerUser)
	if err != nil {
		return c, err
	}
	if first {
		ctx, cancel := context.WithTimeout(ctx, presenceFor)
		defer cancel()
		s.Service.TellPresence(ctx, who.UserID, true)
	}
	return c, nil
}
