package identity

import (
	"cmp"
	"context"
	"slices"
	"time"

	"parley/chat"
)

// Login implements Provider. Each attempt counts before the password is looked at, and is given back unless it failed.
func (l *Local) Login(ctx context.Context, c Credentials, d Device) (Grant, error) {
	username, err := chat.ParseUsername(l.names, c.Username)
	if err != nil {
		username = "" // no account has it, and the answer is that of a wrong password
	}
	attempt, err := l.attempt(ctx, username, d.Address)
	if err != nil {
		return Grant{}, err
	}
	a, err := l.authenticate(ctx, username, c.Password)
	if chat.CodeOf(err) != chat.Unauthenticated {
		attempt.refund(ctx)
	}
	if err != nil {
		return Grant{}, err
	}
	if a.Admin {
		l.finishSetUp(ctx, a.User.UserID)
	}
	return l.startSession(ctx, a, d, AccessFor)
}

// authenticate returns the account of a username and password.
func (l *Local) authenticate(ctx context.Context, username, password string) (chat.Account, error) {
	a, err := l.store.AccountByName(ctx, username)
	if err != nil && chat.CodeOf(err) != chat.NotFound {
		return chat.Account{}, err
	}
	ok, err := l.passwords.matches(ctx, password, a.PasswordHash) // of no account: empty
	if err != nil {
		return chat.Account{}, err
	}
	if !ok || a.Disabled {
		return chat.Account{}, errWrongPassword()
	}
	return a, nil
}

func errWrongPassword() error {
	return chat.Errorf(chat.Unauthenticated, "The username or the password is wrong.")
}

// attempt is a try with a password, counted against an account and an address.
type attempt struct {
	limiter Limiter
	taken   map[chat.Rule]string
}

// attempt counts a try; an empty username or address is not limited.
func (l *Local) attempt(ctx context.Context, username, address string) (*attempt, error) {
	t := &attempt{limiter: l.limiter, taken: map[chat.Rule]string{}}
	for _, by := range []struct {
		rule chat.Rule
		key  string
	}{{chat.LimitFailuresAddress, addressKey(address)}, {chat.LimitFailuresAccount, username}} {
		if by.key == "" {
			continue
		}
		if wait := l.limiter.Allow(ctx, by.rule, by.key); wait > 0 {
			t.refund(ctx)
			return nil, limited(wait)
		}
		t.taken[by.rule] = by.key
	}
	return t, nil
}

// refund takes the try out of the count.
func (t *attempt) refund(ctx context.Context) {
	for rule, key := range t.taken {
		t.limiter.Refund(ctx, rule, key)
	}
}

// startSession signs a person in on a device; the first access token holds for accessFor.
func (l *Local) startSession(ctx context.Context, a chat.Account, d Device, accessFor time.Duration) (Grant, error) {
	id := newID()
	access, err := l.sign(&a, id, accessFor)
	if err != nil {
		return Grant{}, err
	}
	return l.openSession(ctx, a, d, id, Tokens{Access: access, ExpiresIn: accessFor})
}

// openSession keeps a session for which there are tokens.
func (l *Local) openSession(ctx context.Context, a chat.Account, d Device, id string, t Tokens) (Grant, error) {
	now := l.now()
	secret := newSecret()
	sealed, err := seal(secret, id, t.Credential)
	if err != nil {
		return Grant{}, err
	}
	s := chat.Session{
		SessionID: id, UserID: a.User.UserID, CreatedAt: now, LastUsedAt: now, ExpiresAt: now + RefreshFor.Milliseconds(),
		UserAgent: clip(d.UserAgent, 256), Address: clip(d.Address, 64), TokenHash: hashSecret(secret), RotatedAt: now, Sealed: sealed,
	}
	if err := l.store.PutSession(ctx, s, nil); err != nil {
		return Grant{}, err
	}
	// Who disables an account or changes its password ends the sessions there are; this one may have come just after.
	b, err := l.store.Account(ctx, a.User.UserID)
	if err != nil {
		return Grant{}, err // nobody got the session's secret: it is dead
	}
	if b.Disabled || b.PasswordHash != a.PasswordHash {
		if err := l.end(ctx, s.UserID, s.SessionID); err != nil {
			return Grant{}, err
		}
		return Grant{}, errWrongPassword()
	}
	if err := l.boundSessions(ctx, s); err != nil {
		return Grant{}, err
	}
	return grant(&b, &s, secret, t), nil
}

// boundSessions ends the longest unused sessions of a person beyond MaxSessions, and those that are over.
func (l *Local) boundSessions(ctx context.Context, s chat.Session) error {
	all, err := l.store.SessionsOf(ctx, s.UserID)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(o chat.Session) bool { return o.SessionID == s.SessionID })
	slices.SortFunc(all, func(a, b chat.Session) int { return cmp.Compare(b.LastUsedAt, a.LastUsedAt) })
	var over []string
	for i, o := range all {
		if i >= MaxSessions-1 || o.ExpiresAt <= s.CreatedAt {
			over = append(over, o.SessionID)
		}
	}
	return l.end(ctx, s.UserID, over...)
}

// grant is what a session gives; without a secret the holder keeps the refresh token they have.
func grant(a *chat.Account, s *chat.Session, secret []byte, t Tokens) Grant {
	g := Grant{AccessToken: t.Access, ExpiresIn: t.ExpiresIn, RefreshExpires: millis(s.ExpiresAt), User: a.User}
	if secret != nil {
		g.RefreshToken = refreshToken{s.UserID, s.SessionID, secret}.String()
	}
	return g
}
