package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"parley/chat"
)

// Ticket opens one socket, once, for a browser, which can send no header with it.
type Ticket struct {
	Ticket    string
	ExpiresIn time.Duration
}

// ticketValue is what is stored for a ticket, under the hash of it.
type ticketValue struct {
	UserID    string      `json:"userId"`
	SessionID string      `json:"sessionId"`
	ExpiresAt chat.Millis `json:"expiresAt"`
}

// IssueTicket makes a ticket for one whose session is alive.
func (l *Local) IssueTicket(ctx context.Context, p Principal) (Ticket, error) {
	if _, err := l.CheckSession(ctx, p); err != nil {
		return Ticket{}, err
	}
	v := ticketValue{p.UserID, p.SessionID, l.now() + TicketFor.Milliseconds()}
	value, err := json.Marshal(v)
	if err != nil {
		return Ticket{}, fmt.Errorf("write a ticket: %w", err)
	}
	token := base64.RawURLEncoding.EncodeToString(newSecret())
	if err := l.store.PutOnce(ctx, hashToken(token), string(value), v.ExpiresAt); err != nil {
		return Ticket{}, err
	}
	return Ticket{Ticket: token, ExpiresIn: TicketFor}, nil
}

// RedeemTicket takes a ticket and says whom it stands for, for as long as their session lives. Unauthenticated if it
// was used, has expired, or the session is over.
func (l *Local) RedeemTicket(ctx context.Context, ticket string) (Principal, error) {
	refused := chat.Errorf(chat.Unauthenticated, "The ticket is not valid, or no longer.")
	if !isToken(ticket) {
		return Principal{}, refused
	}
	value, err := l.store.TakeOnce(ctx, hashToken(ticket))
	if chat.CodeOf(err) == chat.NotFound {
		return Principal{}, refused
	}
	if err != nil {
		return Principal{}, err
	}
	var v ticketValue
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		return Principal{}, fmt.Errorf("read a ticket: %w", err)
	}
	if v.ExpiresAt <= l.now() {
		return Principal{}, refused
	}
	return l.CheckSession(ctx, Principal{UserID: v.UserID, SessionID: v.SessionID})
}

// isToken says whether s has the form of a ticket or an invitation's token.
func isToken(s string) bool {
	return len(s) == base64.RawURLEncoding.EncodedLen(secretBytes) && isID(s)
}

// hashToken is under which name a token is stored, so that what is stored opens nothing.
func hashToken(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}
