package identity

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"parley/chat"
)

// refreshToken is "userId.sessionId.secret". Only the SHA-256 of the secret is stored.
type refreshToken struct {
	userID    string
	sessionID string
	secret    []byte
}

const secretBytes = 32

func (r refreshToken) String() string {
	return r.userID + "." + r.sessionID + "." + base64.RawURLEncoding.EncodeToString(r.secret)
}

// parseRefresh reads a refresh token; false if it cannot be one of ours.
func parseRefresh(s string) (refreshToken, bool) {
	const maxID = 64
	if len(s) > 2*maxID+2+base64.RawURLEncoding.EncodedLen(secretBytes) {
		return refreshToken{}, false
	}
	parts := strings.Split(s, ".")
	if len(parts) != 3 || !isID(parts[0]) || !isID(parts[1]) {
		return refreshToken{}, false
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(secret) != secretBytes || strings.ContainsAny(parts[2], "\r\n") {
		return refreshToken{}, false
	}
	return refreshToken{parts[0], parts[1], secret}, true
}

// isID says whether s can be an id, before it becomes part of a key.
func isID(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return s != ""
}

func newID() string { return rand.Text() }

func newSecret() []byte {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}

func hashSecret(secret []byte) []byte {
	h := sha256.Sum256(secret)
	return h[:]
}

// nextSecret is the secret that follows one. It is a function of it, so that a holder who asks again because the answer
// was lost, or in two tabs at once, gets the same; without the key nobody can tell the next from the present one.
func nextSecret(key []byte, r *refreshToken) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(r.sessionID))
	h.Write(r.secret)
	return h.Sum(nil)
}

func millis(ms chat.Millis) time.Time { return time.UnixMilli(ms) }

func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

func errSessionOver() error {
	return chat.Errorf(chat.Unauthenticated, "Your session is over. Please sign in again.")
}

// renewal gets the next access token of a session; the credential is empty where none is kept.
type renewal func(ctx context.Context, a *chat.Account, s *chat.Session, credential string) (Tokens, error)

// Refresh implements Provider.
func (l *Local) Refresh(ctx context.Context, token string, d Device) (Grant, error) {
	return l.refresh(ctx, token, d, l.renew)
}

// renew is the renewal of who signs by himself.
func (l *Local) renew(_ context.Context, a *chat.Account, s *chat.Session, _ string) (Tokens, error) {
	access, err := l.sign(a, s.SessionID, AccessFor)
	return Tokens{Access: access, ExpiresIn: AccessFor}, err
}

func (l *Local) refresh(ctx context.Context, token string, d Device, renew renewal) (Grant, error) {
	r, ok := parseRefresh(token)
	if !ok {
		return Grant{}, errSessionOver()
	}
	for range 3 { // another refresh of the same session can come between once; then this one is a repeat
		s, a, err := l.session(ctx, r.userID, r.sessionID)
		if err != nil {
			return Grant{}, err
		}
		hash := hashSecret(r.secret)
		switch {
		case same(hash, s.TokenHash):
			g, err := l.rotate(ctx, &r, s, a, d, renew)
			if errors.Is(err, chat.ErrMoved) {
				continue
			}
			if chat.CodeOf(err) == chat.Unauthenticated { // whoever signs has ended it
				err = errors.Join(err, l.end(ctx, s.UserID, s.SessionID))
			}
			return g, err
		case d.Browser && same(hash, s.PreviousHash) && l.clock().Sub(millis(s.RotatedAt)) <= l.grace:
			return l.repeat(ctx, &r, s, a, renew)
		default:
			return Grant{}, l.reused(ctx, &s, d)
		}
	}
	return Grant{}, &chat.Error{Code: chat.Unavailable, Message: "The session is in use. Please try again.", RetryAfter: time.Second}
}

// rotate replaces the refresh token and lets the session live on. ErrMoved if somebody else did so first. The access
// token comes first: if there is none now, the refresh token that the holder has is still the right one.
func (l *Local) rotate(ctx context.Context, r *refreshToken, s chat.Session, a chat.Account, d Device, renew renewal) (Grant, error) {
	was := s.TokenHash
	credential, err := unseal(r.secret, s.SessionID, s.Sealed)
	if err != nil {
		return Grant{}, err
	}
	t, err := renew(ctx, &a, &s, credential)
	if err != nil {
		return Grant{}, err
	}
	secret := nextSecret(l.ring.Load().refresh[0], r)
	now := l.now()
	s.TokenHash, s.PreviousHash, s.RotatedAt = hashSecret(secret), was, now
	s.LastUsedAt, s.ExpiresAt = now, now+RefreshFor.Milliseconds()
	s.UserAgent, s.Address = clip(d.UserAgent, 256), clip(d.Address, 64)
	if s.Sealed, err = seal(secret, s.SessionID, cmp.Or(t.Credential, credential)); err != nil {
		return Grant{}, err
	}
	if err := l.store.PutSession(ctx, s, was); err != nil {
		return Grant{}, err
	}
	return grant(&a, &s, secret, t), nil
}

// repeat answers a refresh that was answered a moment ago in the same way, without another rotation.
func (l *Local) repeat(ctx context.Context, r *refreshToken, s chat.Session, a chat.Account, renew renewal) (Grant, error) {
	var secret []byte // stays empty if the next one was made with a key that this process does not know yet
	var credential string
	var err error
	for _, key := range l.ring.Load().refresh {
		if next := nextSecret(key, r); same(hashSecret(next), s.TokenHash) {
			secret = next
			if credential, err = unseal(secret, s.SessionID, s.Sealed); err != nil {
				return Grant{}, err
			}
			break
		}
	}
	t, err := renew(ctx, &a, &s, credential)
	if err != nil {
		return Grant{}, err
	}
	return grant(&a, &s, secret, t), nil
}

// reused ends a session of which a refresh token came that is not, or no longer, the right one: it is in two hands.
func (l *Local) reused(ctx context.Context, s *chat.Session, d Device) error {
	l.log.WarnContext(ctx, "refresh token used again, session ended", "userId", s.UserID, "sessionId", s.SessionID,
		"address", clip(d.Address, 64), "lastAddress", s.Address)
	if err := l.end(ctx, s.UserID, s.SessionID); err != nil {
		return err
	}
	return errSessionOver()
}

// Logout implements Provider.
func (l *Local) Logout(ctx context.Context, token string) error {
	_, err := l.logout(ctx, token)
	return err
}

// logout ends the session of a refresh token and returns its credential, if the token opens it.
func (l *Local) logout(ctx context.Context, token string) (credential string, err error) {
	r, ok := parseRefresh(token)
	if !ok {
		return "", nil
	}
	s, err := l.store.Session(ctx, r.userID, r.sessionID)
	if chat.CodeOf(err) == chat.NotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	hash := hashSecret(r.secret)
	if same(hash, s.TokenHash) {
		if credential, err = unseal(r.secret, s.SessionID, s.Sealed); err != nil {
			return "", err
		}
	} else if !same(hash, s.PreviousHash) {
		l.log.WarnContext(ctx, "old refresh token used to log out", "userId", s.UserID, "sessionId", s.SessionID)
	}
	return credential, l.end(ctx, s.UserID, s.SessionID)
}
