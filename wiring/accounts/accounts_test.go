package accounts_test

import (
	"context"
	"testing"

	"parley/httpapi"
	"parley/identity"
	"parley/wiring/accounts"
)

// pool is a keeper of passwords that Local knows nothing of.
type pool struct {
	identity.Provider
	asked, changed, left string // by whom
}

func (p *pool) JWKS() []byte { return nil }

func (p *pool) ChangePassword(_ context.Context, who identity.Principal, _, _ string) error {
	p.changed = who.UserID
	return nil
}

func (p *pool) CheckPassword(_ context.Context, who identity.Principal, _ string) error {
	p.asked = who.UserID
	return nil
}

func (p *pool) Leave(_ context.Context, userID, username string) error {
	p.left = userID + " " + username
	return nil
}

// TestPasswordsAreTheKeepers: whatever needs a password is asked of who keeps it.
func TestPasswordsAreTheKeepers(t *testing.T) {
	k := &pool{}
	a := accounts.New(nil, k)
	if err := a.ChangePassword(t.Context(), httpapi.Principal{UserID: "u1"}, "old", "new"); err != nil || k.changed != "u1" {
		t.Errorf("changing a password asked for %q, %v", k.changed, err)
	}
	if err := a.CheckPassword(t.Context(), httpapi.Principal{UserID: "u2"}, "old"); err != nil || k.asked != "u2" {
		t.Errorf("confirming by a password asked for %q, %v", k.asked, err)
	}
}
