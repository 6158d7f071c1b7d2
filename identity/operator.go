package identity

import (
	"context"
	"time"
)

// SignIn starts a session of a person without their password, on the operator's word: for load tests and demonstrations.
// The access token holds for accessFor; if that is longer than AccessFor, then so long after the session has ended it may
// be accepted again, wherever nobody looks the session up.
func (l *Local) SignIn(ctx context.Context, userID string, d Device, accessFor time.Duration) (Grant, error) {
	a, err := l.store.Account(ctx, userID)
	if err != nil {
		return Grant{}, err
	}
	return l.startSession(ctx, a, d, accessFor)
}
