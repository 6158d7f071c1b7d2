package identity

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat"
)

func TestSessionsAreListedAndEnded(t *testing.T) {
	h := open(t)
	anna, berta := h.register("anna"), h.register("berta")
	g1 := h.login("anna")
	h.clock.advance(time.Minute)
	g2, err := h.Login(h.ctx, Credentials{"anna", goodPassword}, Device{UserAgent: strings.Repeat("ü", 500), Address: "2001:db8::1"})
	if err != nil {
		t.Fatal(err)
	}
	gb := h.login("berta")
	s1, s2 := h.principal(g1).SessionID, h.principal(g2).SessionID
	all, err := h.Sessions(h.ctx, anna.UserID)
	if err != nil || len(all) != 2 || all[0].SessionID != s2 || all[1].SessionID != s1 || all[0].Address != "2001:db8::1" || len(all[0].UserAgent) > 256 {
		t.Fatalf("%+v, %v", all, err)
	}
	wantCode(t, h.EndSession(h.ctx, berta.UserID, s1), chat.NotFound, "somebody else's session")
	wantCode(t, h.EndSession(h.ctx, anna.UserID, "a#b"), chat.NotFound, "a key in place of an id")
	if ended := h.edge.take(); len(ended) != 0 {
		t.Fatalf("sockets ended: %v", ended)
	}
	if err := h.EndSession(h.ctx, anna.UserID, s1); err != nil {
		t.Fatal(err)
	}
	if ended := h.edge.take(); !slices.Equal(ended, []string{anna.UserID + " " + s1}) {
		t.Fatalf("sockets ended: %v", ended)
	}
	_, err = h.Verify(g1.AccessToken)
	wantCode(t, err, chat.Unauthenticated, "access of an ended session")
	h.principal(g2)

	if err := h.EndAllSessions(h.ctx, anna.UserID); err != nil {
		t.Fatal(err)
	}
	if ended := h.edge.take(); !slices.Equal(ended, []string{anna.UserID + " ", anna.UserID + " " + s2}) {
		t.Fatalf("sockets ended: %v", ended)
	}
	_, err = h.Refresh(h.ctx, g2.RefreshToken, Device{})
	wantCode(t, err, chat.Unauthenticated, "refresh after all were ended")
	h.principal(gb)
}

func TestChangePassword(t *testing.T) {
	h := open(t)
	u := h.register("anna")
	g, other := h.login("anna"), h.login("anna")
	p := h.principal(g)
	err := h.ChangePassword(h.ctx, p, "wrong password", "ganz-anderes-klavier")
	if e := chat.AsError(err); e == nil || e.Code != chat.InvalidRequest || e.Field != "currentPassword" {
		t.Fatal(err)
	}
	wantCode(t, h.ChangePassword(h.ctx, p, goodPassword, "password1"), chat.InvalidRequest, "a weak one")
	if ended := h.edge.take(); len(ended) != 0 {
		t.Fatalf("sockets ended: %v", ended)
	}
	if err := h.ChangePassword(h.ctx, p, goodPassword, "ganz-anderes-klavier"); err != nil {
		t.Fatal(err)
	}
	if ended := h.edge.take(); !slices.Equal(ended, []string{u.UserID + " " + h.sessionOf(other)}) {
		t.Fatalf("sockets ended: %v", ended)
	}
	h.principal(g)
	_, err = h.Refresh(h.ctx, other.RefreshToken, Device{})
	wantCode(t, err, chat.Unauthenticated, "the other session")
	_, err = h.Login(h.ctx, Credentials{"anna", goodPassword}, Device{})
	wantCode(t, err, chat.Unauthenticated, "the old password")
	if _, err := h.Login(h.ctx, Credentials{"anna", "ganz-anderes-klavier"}, Device{}); err != nil {
		t.Fatal(err)
	}
}

// sessionOf reads the session off a refresh token.
func (h *house) sessionOf(g Grant) string {
	r, ok := parseRefresh(g.RefreshToken)
	if !ok {
		h.t.Fatal("no refresh token")
	}
	return r.sessionID
}

func TestAStolenAccessTokenDoesNotTryPasswords(t *testing.T) {
	h := open(t)
	h.register("anna")
	p := h.principal(h.login("anna"))
	for i := range 10 {
		wantCode(t, h.ChangePassword(h.ctx, p, "wrong password", "ganz-anderes-klavier"), chat.InvalidRequest, "try %d", i)
	}
	wantCode(t, h.ChangePassword(h.ctx, p, goodPassword, "ganz-anderes-klavier"), chat.RateLimited, "11th")
}

func TestTickets(t *testing.T) {
	h := open(t)
	u := h.register("anna")
	g := h.login("anna")
	p := h.principal(g)
	ticket := func() string {
		t.Helper()
		k, err := h.IssueTicket(h.ctx, p)
		if err != nil || k.ExpiresIn != 30*time.Second {
			t.Fatal(k, err)
		}
		return k.Ticket
	}
	k := ticket()
	h.clock.advance(TicketFor - time.Second)
	var won, lost atomic.Int64
	together(8, func(int) {
		got, err := h.RedeemTicket(h.ctx, k)
		switch {
		case err == nil && got.UserID == u.UserID && got.SessionID == p.SessionID && got.Admin && got.ExpiresAt.After(h.clock.now().Add(AccessFor)):
			won.Add(1)
		case chat.CodeOf(err) == chat.Unauthenticated:
			lost.Add(1)
		default:
			t.Errorf("%+v, %v", got, err)
		}
	})
	if won.Load() != 1 || lost.Load() != 7 {
		t.Fatalf("%d redeemed one ticket, %d did not", won.Load(), lost.Load())
	}
	for _, garbage := range []string{"", "x", k + "x", strings.Repeat("#", 43), strings.Repeat("a", 1<<16), g.AccessToken} {
		_, err := h.RedeemTicket(h.ctx, garbage)
		wantCode(t, err, chat.Unauthenticated, "%.20q", garbage)
	}
	k = ticket()
	h.clock.advance(TicketFor)
	_, err := h.RedeemTicket(h.ctx, k)
	wantCode(t, err, chat.Unauthenticated, "expired")
}

// Otherwise an access token that was stolen shortly before would open a socket that nothing ends.
func TestNoTicketOutlivesItsSession(t *testing.T) {
	for name, end := range map[string]func(h *house, g Grant, u chat.User) error{
		"log-out":        func(h *house, g Grant, _ chat.User) error { return h.Logout(h.ctx, g.RefreshToken) },
		"end all":        func(h *house, _ Grant, u chat.User) error { return h.EndAllSessions(h.ctx, u.UserID) },
		"disable":        func(h *house, _ Grant, _ chat.User) error { return h.Disable(h.ctx, "anna") },
		"password reset": func(h *house, _ Grant, _ chat.User) error { _, err := h.ResetPassword(h.ctx, "anna", ""); return err },
	} {
		h := open(t)
		u := h.register("anna")
		g := h.login("anna")
		p := h.principal(g)
		k, err := h.IssueTicket(h.ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		if err := end(h, g, u); err != nil {
			t.Fatal(err)
		}
		_, err = h.RedeemTicket(h.ctx, k.Ticket)
		wantCode(t, err, chat.Unauthenticated, "%s: ticket issued before", name)
		_, err = h.IssueTicket(h.ctx, p)
		wantCode(t, err, chat.Unauthenticated, "%s: ticket issued after", name)
	}
}

// An engine may remove what has expired days late.
func TestExpiryDoesNotWaitForTheStore(t *testing.T) {
	h := open(t)
	u := h.register("anna")
	g := h.login("anna")
	p := h.principal(g)
	k, err := h.IssueTicket(h.ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	i, err := h.CreateInvite(h.ctx, p, NewInvite{})
	if err != nil {
		t.Fatal(err)
	}
	pass := func(d time.Duration) {
		h.clock.advance(d)
		h.clock.lag.Add(d.Milliseconds())
	}
	pass(TicketFor)
	_, err = h.RedeemTicket(h.ctx, k.Ticket)
	wantCode(t, err, chat.Unauthenticated, "ticket")
	pass(DefaultInviteFor)
	_, err = h.invited("berta", i.Token)
	wantCode(t, err, chat.NotFound, "invitation")
	if mine, err := h.Invites(h.ctx, u.UserID); err != nil || len(mine) != 0 {
		t.Fatalf("invitations %+v, %v", mine, err)
	}
	pass(RefreshFor)
	if _, err := h.store.Session(h.ctx, u.UserID, p.SessionID); err != nil {
		t.Fatalf("the store does not lag: %v", err)
	}
	_, err = h.Refresh(h.ctx, g.RefreshToken, Device{})
	wantCode(t, err, chat.Unauthenticated, "session")
	if all, err := h.Sessions(h.ctx, u.UserID); err != nil || len(all) != 0 {
		t.Fatalf("sessions %+v, %v", all, err)
	}
}
