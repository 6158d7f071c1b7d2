package identity

import (
	"testing"
	"time"

	"parley/chat"
)

func TestSignInHoldsAsLongAsAsked(t *testing.T) {
	h := open(t)
	u := h.register("anna")
	g, err := h.SignIn(h.ctx, u.UserID, Device{}, 24*time.Hour)
	if err != nil || g.ExpiresIn != 24*time.Hour {
		t.Fatal(g.ExpiresIn, err)
	}
	h.clock.advance(24 * time.Hour)
	h.principal(g)
	h.clock.advance(clockLeeway + time.Second)
	_, err = h.Verify(g.AccessToken)
	wantCode(t, err, chat.Unauthenticated, "expired")
	if g := h.login("anna"); g.ExpiresIn != AccessFor { // nobody else's hold longer for it
		t.Error(g.ExpiresIn)
	}
}
