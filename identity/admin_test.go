package identity

import (
	"fmt"
	"slices"
	"testing"

	"parley/chat"
)

func TestOperatorAddsPeople(t *testing.T) {
	h := open(t, func(c *Config) { c.Registration = Closed })
	offline := h.local(Config{Store: h.store, Limiter: h.limiter, Connections: h.edge, Names: h.names, Now: h.clock.now}) // without rooms
	first, err := offline.AddUser(h.ctx, NewUser{Username: "Anna", Password: goodPassword})
	if err != nil || !first.Admin || first.Username != "anna" {
		t.Fatalf("%+v, %v", first, err)
	}
	_, err = offline.AddUser(h.ctx, NewUser{Username: "anna", Password: goodPassword})
	wantCode(t, err, chat.Conflict, "twice")
	_, err = offline.AddUser(h.ctx, NewUser{Username: "berta", Password: "password1"})
	wantCode(t, err, chat.InvalidRequest, "weak")
	_, err = offline.AddUser(h.ctx, NewUser{Username: "berta", Email: "x", Password: goodPassword})
	wantCode(t, err, chat.InvalidRequest, "e-mail")
	if _, _, err := h.Register(h.ctx, registration("carl")); chat.CodeOf(err) != chat.Forbidden {
		t.Fatalf("a closed server with a user takes another: %v", err)
	}
	h.login("anna") // makes the first room
	if got := h.roomNames(first.UserID); got != DefaultServerName {
		t.Fatalf("rooms: %q", got)
	}
	second, err := h.AddUser(h.ctx, NewUser{Username: "berta", Email: "b@example.org", Password: goodPassword, DisplayName: "Berta B."})
	if err != nil || second.Admin || h.roomNames(second.UserID) != DefaultServerName {
		t.Fatalf("%+v, %v", second, err)
	}
	third, err := h.AddUser(h.ctx, NewUser{Username: "carl", Password: goodPassword, Admin: true})
	if err != nil || !h.principal(h.login("carl")).Admin {
		t.Fatalf("%+v, %v", third, err)
	}
	all, next, err := h.ListUsers(h.ctx, "", 2)
	if err != nil || len(all) != 2 || next == "" || all[0] != first || all[1] != second {
		t.Fatalf("%+v, %q, %v", all, next, err)
	}
	if all, next, err = h.ListUsers(h.ctx, next, 2); err != nil || len(all) != 1 || next != "" || all[0] != third {
		t.Fatalf("%+v, %q, %v", all, next, err)
	}
}

func TestDisableAndEnable(t *testing.T) {
	h := open(t)
	h.register("anna")
	u := h.register("berta")
	g := h.login("berta")
	sid := h.principal(g).SessionID
	wantCode(t, h.Disable(h.ctx, "nobody"), chat.NotFound, "nobody")
	wantCode(t, h.Disable(h.ctx, "#"), chat.InvalidRequest, "no username")
	if err := h.Disable(h.ctx, "Berta"); err != nil {
		t.Fatal(err)
	}
	if ended := h.edge.take(); !slices.Equal(ended, []string{u.UserID + " ", u.UserID + " " + sid}) {
		t.Fatalf("sockets ended: %v", ended)
	}
	_, err := h.Verify(g.AccessToken)
	wantCode(t, err, chat.Unauthenticated, "access")
	_, err = h.Refresh(h.ctx, g.RefreshToken, Device{})
	wantCode(t, err, chat.Unauthenticated, "refresh")
	_, err = h.Login(h.ctx, Credentials{"berta", goodPassword}, Device{})
	wantCode(t, err, chat.Unauthenticated, "log-in")
	if all, _, _ := h.ListUsers(h.ctx, "", 10); len(all) != 2 || all[0].Disabled || !all[1].Disabled {
		t.Fatalf("%+v", all)
	}
	if err := h.Enable(h.ctx, "berta"); err != nil {
		t.Fatal(err)
	}
	h.login("berta")
	_, err = h.Refresh(h.ctx, g.RefreshToken, Device{})
	wantCode(t, err, chat.Unauthenticated, "the old session stays over")
}

func TestResetPassword(t *testing.T) {
	h := open(t)
	h.register("anna")
	g := h.login("anna")
	_, err := h.ResetPassword(h.ctx, "anna", "password1")
	wantCode(t, err, chat.InvalidRequest, "weak")
	h.principal(g)
	made, err := h.ResetPassword(h.ctx, "anna", "")
	if err != nil || made == "" {
		t.Fatal(made, err)
	}
	_, err = h.Refresh(h.ctx, g.RefreshToken, Device{})
	wantCode(t, err, chat.Unauthenticated, "the old session")
	if _, err := h.Login(h.ctx, Credentials{"anna", made}, Device{}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ResetPassword(h.ctx, "anna", goodPassword); err != nil {
		t.Fatal(err)
	}
	h.login("anna")
}

func TestChangesOfOneAccountAtOnceAllHappen(t *testing.T) {
	h := open(t)
	u := h.register("anna")
	together(6, func(i int) {
		if err := h.updateAccount(h.ctx, u.UserID, func(a *chat.Account) { a.Email += fmt.Sprint(i) }); err != nil {
			t.Error(err)
		}
	})
	a, err := h.store.Account(h.ctx, u.UserID)
	if err != nil || len(a.Email) != len("anna@example.org")+6 {
		t.Fatalf("%q, %v", a.Email, err)
	}
}
