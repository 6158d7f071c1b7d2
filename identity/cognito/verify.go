package cognito

import (
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"parley/chat"
	"parley/identity"
)

const (
	maxToken    = 4096            // bytes of an access token; Cognito's have some 1,000, and more with groups
	maxID       = 64              // bytes of an id in it
	clockLeeway = 5 * time.Second // between its clocks and ours
)

// claims are what an access token of Cognito says.
type claims struct {
	jwt.Claims
	TokenUse string   `json:"token_use"`
	ClientID string   `json:"client_id"`
	Session  string   `json:"origin_jti"` // stays the same over renewals; there only if the client can revoke tokens
	Groups   []string `json:"cognito:groups"`
}

// Verify implements identity.Pool.
func (p *Pool) Verify(accessToken string) (identity.Principal, error) {
	refused := chat.Errorf(chat.Unauthenticated, "The access token is not valid, or no longer.")
	if len(accessToken) > maxToken {
		return identity.Principal{}, refused
	}
	token, err := jwt.ParseSigned(accessToken, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || len(token.Headers) != 1 || token.Headers[0].KeyID == "" {
		return identity.Principal{}, refused
	}
	key, err := p.keys.key(token.Headers[0].KeyID)
	if err != nil {
		return identity.Principal{}, err
	}
	var c claims
	if key == nil || token.Claims(key, &c) != nil {
		return identity.Principal{}, refused
	}
	if c.TokenUse != "access" || c.ClientID != p.clientID || c.Expiry == nil || c.IssuedAt == nil || !isID(c.Subject) || !isID(c.Session) ||
		c.ValidateWithLeeway(jwt.Expected{Issuer: p.issuer, Time: p.now()}, clockLeeway) != nil {
		return identity.Principal{}, refused
	}
	return identity.Principal{UserID: c.Subject, SessionID: c.Session, Admin: slices.Contains(c.Groups, AdminGroup), ExpiresAt: c.Expiry.Time()}, nil
}

// isID says whether s can be a user's or a session's id: Cognito's are UUIDs.
func isID(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-':
		default:
			return false
		}
	}
	return s != "" && len(s) <= maxID
}
