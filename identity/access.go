package identity

import (
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"parley/chat"
)

const (
	tokenType   = "at+jwt" // RFC 9068
	audience    = "parley"
	maxToken    = 2048            // bytes of an access token; ours have less than 500
	clockLeeway = 5 * time.Second // between the clocks of processes
)

// claims are what an access token says.
type claims struct {
	jwt.Claims
	SessionID string `json:"sid"`
	Admin     bool   `json:"adm,omitempty"`
}

// sign makes an access token that holds for d.
func (l *Local) sign(a *chat.Account, sessionID string, d time.Duration) (string, error) {
	now := l.clock()
	token, err := jwt.Signed(l.ring.Load().signer).Claims(claims{
		Claims: jwt.Claims{Issuer: l.issuer, Subject: a.User.UserID, Audience: jwt.Audience{audience},
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(d))},
		SessionID: sessionID, Admin: a.Admin,
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign an access token: %w", err)
	}
	return token, nil
}

func errAccess() error {
	return chat.Errorf(chat.Unauthenticated, "The access token is not valid, or no longer.")
}

// Verify implements Provider. The session of the token may have been ended by another process since.
func (l *Local) Verify(accessToken string) (Principal, error) {
	refused := errAccess()
	if len(accessToken) > maxToken {
		return Principal{}, refused
	}
	token, err := jwt.ParseSigned(accessToken, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil || len(token.Headers) != 1 || token.Headers[0].ExtraHeaders[jose.HeaderType] != tokenType {
		return Principal{}, refused
	}
	key, ok := l.ring.Load().public[token.Headers[0].KeyID]
	if !ok {
		return Principal{}, refused
	}
	var c claims
	if err := token.Claims(key, &c); err != nil || c.Subject == "" || c.SessionID == "" || c.Expiry == nil {
		return Principal{}, refused
	}
	expected := jwt.Expected{Issuer: l.issuer, AnyAudience: jwt.Audience{audience}, Time: l.clock()}
	if c.ValidateWithLeeway(expected, clockLeeway) != nil || l.ended.has(c.SessionID) {
		return Principal{}, refused
	}
	return Principal{UserID: c.Subject, SessionID: c.SessionID, Admin: c.Admin, ExpiresAt: c.Expiry.Time()}, nil
}

// endedSessions remembers the sessions that this process ended until no access token of theirs is valid.
type endedSessions struct {
	mu    sync.RWMutex
	until map[string]time.Time // by session id
}

func (e *endedSessions) add(now time.Time, sessionIDs ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.until == nil {
		e.until = map[string]time.Time{}
	}
	for _, id := range sessionIDs {
		e.until[id] = now.Add(AccessFor + 2*clockLeeway)
	}
}

func (e *endedSessions) has(sessionID string) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	_, ok := e.until[sessionID]
	return ok
}

func (e *endedSessions) forget(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, until := range e.until {
		if now.After(until) {
			delete(e.until, id)
		}
	}
}
