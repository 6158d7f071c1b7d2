package identity

import (
	"cmp"
	"context"
	"slices"

	"parley/chat"
)

// Session is one sign-in, as its owner sees it.
type Session struct {
	SessionID  string      `json:"sessionId"`
	CreatedAt  chat.Millis `json:"createdAt"`
	LastUsedAt chat.Millis `json:"lastUsedAt"`
	ExpiresAt  chat.Millis `json:"expiresAt"`
	UserAgent  string      `json:"userAgent"`
	Address    string      `json:"address"`
}

// Sessions returns the sign-ins of a person, the last used first.
func (l *Local) Sessions(ctx context.Context, userID string) ([]Session, error) {
	all, err := l.store.SessionsOf(ctx, userID)
	if err != nil {
		return nil, err
	}
	now := l.now()
	out := make([]Session, 0, len(all))
	for _, s := range all {
		if s.ExpiresAt > now {
			out = append(out, Session{s.SessionID, s.CreatedAt, s.LastUsedAt, s.ExpiresAt, s.UserAgent, s.Address})
		}
	}
	slices.SortFunc(out, func(a, b Session) int {
		return cmp.Or(cmp.Compare(b.LastUsedAt, a.LastUsedAt), cmp.Compare(a.SessionID, b.SessionID))
	})
	return out, nil
}

// EndSession ends one sign-in of a person and its sockets; NotFound if there is none.
func (l *Local) EndSession(ctx context.Context, userID, sessionID string) error {
	if !isID(sessionID) {
		return chat.Errorf(chat.NotFound, "There is no such session.")
	}
	if _, err := l.store.Session(ctx, userID, sessionID); err != nil {
		return err
	}
	return l.end(ctx, userID, sessionID)
}

// EndAllSessions ends all sign-ins of a person and all their sockets.
func (l *Local) EndAllSessions(ctx context.Context, userID string) error {
	if err := l.endOthers(ctx, userID, ""); err != nil {
		return err
	}
	l.connections.Disconnect(ctx, userID, "")
	return nil
}

// endOthers ends all sign-ins of a person but one.
func (l *Local) endOthers(ctx context.Context, userID, keep string) error {
	all, err := l.store.SessionsOf(ctx, userID)
	if err != nil {
		return err
	}
	var ids []string
	for _, s := range all {
		if s.SessionID != keep {
			ids = append(ids, s.SessionID)
		}
	}
	return l.end(ctx, userID, ids...)
}

// end ends sessions: they refresh no more, their access tokens are refused here, their sockets close.
func (l *Local) end(ctx context.Context, userID string, sessionIDs ...string) error {
	if len(sessionIDs) == 0 {
		return nil
	}
	if err := l.store.DeleteSessions(ctx, userID, sessionIDs...); err != nil {
		return err
	}
	l.ended.add(l.clock(), sessionIDs...)
	for _, id := range sessionIDs {
		l.connections.Disconnect(ctx, userID, id)
	}
	return nil
}

// session returns a session that is alive, and its account. Unauthenticated otherwise.
func (l *Local) session(ctx context.Context, userID, sessionID string) (chat.Session, chat.Account, error) {
	s, err := l.store.Session(ctx, userID, sessionID)
	if chat.CodeOf(err) == chat.NotFound || err == nil && s.ExpiresAt <= l.now() {
		return chat.Session{}, chat.Account{}, errSessionOver()
	}
	if err != nil {
		return chat.Session{}, chat.Account{}, err
	}
	a, err := l.store.Account(ctx, userID)
	if chat.CodeOf(err) == chat.NotFound || err == nil && a.Disabled {
		return chat.Session{}, chat.Account{}, errSessionOver()
	}
	return s, a, err
}

// CheckSession asks the store whether the session behind a verified token is still alive, and returns the principal as
// the account is now, holding as long as the session. It stands before what outlives an access token, such as a socket.
func (l *Local) CheckSession(ctx context.Context, p Principal) (Principal, error) {
	s, a, err := l.session(ctx, p.UserID, p.SessionID)
	if err != nil {
		return Principal{}, err
	}
	return Principal{UserID: s.UserID, SessionID: s.SessionID, Admin: a.Admin, ExpiresAt: millis(s.ExpiresAt)}, nil
}

// ChangePassword sets a new password for one who knows the present one, and ends their other sessions. A wrong present
// password is InvalidRequest, for the session itself is valid.
func (l *Local) ChangePassword(ctx context.Context, p Principal, current, password string) error {
	_, a, err := l.session(ctx, p.UserID, p.SessionID)
	if err != nil {
		return err
	}
	if err := l.checkPassword(ctx, &a, current, "currentPassword"); err != nil {
		return err
	}
	if err := l.setPassword(ctx, a, password); err != nil {
		return err
	}
	return l.endOthers(ctx, p.UserID, p.SessionID)
}

// checkPassword is InvalidRequest for a field unless password is that of the account. Wrong ones are counted.
func (l *Local) checkPassword(ctx context.Context, a *chat.Account, password, field string) error {
	attempt, err := l.attempt(ctx, a.User.Username, "")
	if err != nil {
		return err
	}
	ok, err := l.passwords.matches(ctx, password, a.PasswordHash)
	if ok || err != nil {
		attempt.refund(ctx)
	}
	if err == nil && !ok {
		err = &chat.Error{Code: chat.InvalidRequest, Field: field, Message: "The present password is wrong."}
	}
	return err
}

// CheckPassword confirms that somebody who is signed in knows the present password; a wrong one is InvalidRequest.
func (l *Local) CheckPassword(ctx context.Context, p Principal, password string) error {
	_, a, err := l.session(ctx, p.UserID, p.SessionID)
	if err != nil {
		return err
	}
	return l.checkPassword(ctx, &a, password, "password")
}

// Leave ends all sign-ins and invitations of somebody whose account is being erased. It may be called again.
func (l *Local) Leave(ctx context.Context, userID, _ string) error {
	invites, err := l.store.InvitesBy(ctx, userID)
	if err != nil {
		return err
	}
	for _, i := range invites {
		if err := l.store.DeleteInvite(ctx, i.TokenHash); err != nil && chat.CodeOf(err) != chat.NotFound {
			return err
		}
	}
	return l.EndAllSessions(ctx, userID)
}

// setPassword gives an account another password, strong enough for it.
func (l *Local) setPassword(ctx context.Context, a chat.Account, password string) error {
	if err := l.passwords.strong(ctx, password, l.known(ctx, &a)...); err != nil {
		return err
	}
	hash, err := l.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	return l.updateAccount(ctx, a.User.UserID, func(a *chat.Account) { a.PasswordHash = hash })
}
