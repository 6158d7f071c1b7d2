package identity

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat"
)

// inviting makes a server that wants invitations, with its administrator and a private room of theirs.
func inviting(t *testing.T) (h *house, admin Principal, room chat.RoomView) {
	t.Helper()
	h = open(t, func(c *Config) { c.Registration = InviteOnly })
	h.register("anna")
	admin = h.principal(h.login("anna"))
	room, err := h.rooms.CreateRoom(h.ctx, admin.UserID, chat.NewRoom{Kind: chat.Private, Name: "Secret"})
	if err != nil {
		t.Fatal(err)
	}
	return h, admin, room
}

func (h *house) invited(username, token string) (chat.User, error) {
	r := registration(username)
	r.InviteToken = token
	u, _, err := h.Register(h.ctx, r)
	return u, err
}

// roomNames are the rooms that somebody is in.
func (h *house) roomNames(userID string) string {
	h.t.Helper()
	rooms, err := h.rooms.MyRooms(h.ctx, userID)
	if err != nil {
		h.t.Fatal(err)
	}
	names := make([]string, len(rooms))
	for i, r := range rooms {
		names[i] = r.Name
	}
	return strings.Join(names, ", ")
}

func TestInvitationToTheServer(t *testing.T) {
	h, admin, _ := inviting(t)
	_, err := h.invited("berta", "")
	wantCode(t, err, chat.Forbidden, "without an invitation")
	for _, garbage := range []string{"x", strings.Repeat("A", 43), strings.Repeat("#", 43), strings.Repeat("A", 1<<16)} {
		_, err := h.invited("berta", garbage)
		wantCode(t, err, chat.NotFound, "%.20q", garbage)
	}
	i, err := h.CreateInvite(h.ctx, admin, NewInvite{})
	if err != nil || i.MaxUses != DefaultInviteUses || i.ExpiresAt != h.now()+DefaultInviteFor.Milliseconds() || i.Token == "" || strings.Contains(i.InviteID, i.Token) {
		t.Fatalf("%+v, %v", i, err)
	}
	v, err := h.InspectInvite(h.ctx, i.Token)
	if err != nil || v.ServerName != DefaultServerName || v.Inviter.UserID != admin.UserID || v.Room != (chat.Room{}) || v.ExpiresAt != i.ExpiresAt {
		t.Fatalf("%+v, %v", v, err)
	}
	u, err := h.invited("berta", i.Token)
	if err != nil || h.roomNames(u.UserID) != DefaultServerName {
		t.Fatalf("%v, in %q", err, h.roomNames(u.UserID))
	}
	mine, err := h.Invites(h.ctx, admin.UserID)
	if err != nil || len(mine) != 1 || mine[0].Uses != 1 || mine[0].Token != "" {
		t.Fatalf("%+v, %v", mine, err)
	}
	h.clock.advance(DefaultInviteFor)
	_, err = h.invited("carl", i.Token)
	wantCode(t, err, chat.NotFound, "expired")
	_, err = h.InspectInvite(h.ctx, i.Token)
	wantCode(t, err, chat.NotFound, "expired")
}

func TestInvitationIntoARoom(t *testing.T) {
	h, admin, room := inviting(t)
	i, err := h.CreateInvite(h.ctx, admin, NewInvite{RoomID: room.RoomID, MaxUses: 2})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := h.InspectInvite(h.ctx, i.Token); err != nil || v.Room.Name != "Secret" || v.Room.RoomID != room.RoomID {
		t.Fatalf("%+v, %v", v, err)
	}
	u, err := h.invited("berta", i.Token)
	if err != nil || h.roomNames(u.UserID) != "Secret" {
		t.Fatalf("%v, in %q", err, h.roomNames(u.UserID))
	}
	if _, err := h.AcceptInvite(h.ctx, u.UserID, i.Token); err != nil { // is in: uses nothing
		t.Fatal(err)
	}
	if _, err := h.invited("carl", i.Token); err != nil {
		t.Fatal(err)
	}
	_, err = h.invited("dora", i.Token)
	wantCode(t, err, chat.NotFound, "used up")
	if users, _, _ := h.ListUsers(h.ctx, "", 100); len(users) != 3 {
		t.Fatalf("%d users", len(users))
	}
}

func TestInvitationIsAcceptedByWhoHasAnAccount(t *testing.T) {
	h := open(t)
	h.register("anna")
	admin := h.principal(h.login("anna"))
	berta := h.register("berta")
	room, err := h.rooms.CreateRoom(h.ctx, admin.UserID, chat.NewRoom{Kind: chat.Private, Name: "Secret"})
	if err != nil {
		t.Fatal(err)
	}
	i, err := h.CreateInvite(h.ctx, admin, NewInvite{RoomID: room.RoomID, MaxUses: 1})
	if err != nil {
		t.Fatal(err)
	}
	v, err := h.AcceptInvite(h.ctx, berta.UserID, i.Token)
	if err != nil || v.RoomID != room.RoomID || !v.Joined {
		t.Fatalf("%+v, %v", v, err)
	}
	carl := h.register("carl")
	_, err = h.AcceptInvite(h.ctx, carl.UserID, i.Token)
	wantCode(t, err, chat.NotFound, "used up")
	if _, err := h.rooms.Member(h.ctx, berta.UserID, room.RoomID, carl.UserID); err == nil {
		t.Fatal("is in the room all the same")
	}
	server, err := h.CreateInvite(h.ctx, admin, NewInvite{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.AcceptInvite(h.ctx, carl.UserID, server.Token)
	wantCode(t, err, chat.Conflict, "an invitation to the server")
	// On an open server an invited newcomer enters both rooms.
	i, _ = h.CreateInvite(h.ctx, admin, NewInvite{RoomID: room.RoomID})
	dora, err := h.invited("dora", i.Token)
	if err != nil || !strings.Contains(h.roomNames(dora.UserID), "Secret") || !strings.Contains(h.roomNames(dora.UserID), DefaultServerName) {
		t.Fatalf("%v, in %q", err, h.roomNames(dora.UserID))
	}
}

func TestInvitationHasNoMoreUsesThanItSays(t *testing.T) {
	h, admin, room := inviting(t)
	i, err := h.CreateInvite(h.ctx, admin, NewInvite{RoomID: room.RoomID, MaxUses: 3})
	if err != nil {
		t.Fatal(err)
	}
	var made atomic.Int64
	together(10, func(n int) {
		switch _, err := h.invited(fmt.Sprint("user", n), i.Token); chat.CodeOf(err) {
		case "":
			made.Add(1)
		case chat.Conflict, chat.NotFound:
		default:
			t.Error(err)
		}
	})
	if made.Load() != 3 {
		t.Fatalf("%d came in with 3 uses", made.Load())
	}
	if users, _, _ := h.ListUsers(h.ctx, "", 100); len(users) != 4 {
		t.Fatalf("%d accounts, want 4", len(users))
	}
	i, _ = h.CreateInvite(h.ctx, admin, NewInvite{MaxUses: 1})
	_, err = h.invited("anna", i.Token)
	wantCode(t, err, chat.Conflict, "taken name")
	if _, err := h.invited("eva", i.Token); err != nil {
		t.Fatalf("a taken name used the invitation up: %v", err)
	}
}

func TestWhoMayInvite(t *testing.T) {
	h := open(t)
	h.register("anna")
	admin := h.principal(h.login("anna"))
	h.register("berta")
	berta := h.principal(h.login("berta"))
	room, err := h.rooms.CreateRoom(h.ctx, berta.UserID, chat.NewRoom{Kind: chat.Private, Name: "Berta's"})
	if err != nil {
		t.Fatal(err)
	}
	first, _ := h.store.Server(h.ctx)
	direct, _, err := h.rooms.OpenDirect(h.ctx, berta.UserID, []string{admin.UserID})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		who  Principal
		room string
		want chat.Code
	}{
		{admin, "", ""},
		{berta, "", chat.Forbidden},
		{berta, room.RoomID, ""},
		{admin, room.RoomID, chat.Forbidden}, // an administrator is no member, and sees no more than others
		{berta, first.RoomID, ""},            // a member: anybody could register and join
		{admin, first.RoomID, ""},
		{berta, direct.RoomID, chat.Forbidden},
		{berta, "nowhere", chat.NotFound},
	} {
		_, err := h.CreateInvite(h.ctx, c.who, NewInvite{RoomID: c.room})
		if chat.CodeOf(err) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
	h.Local.registration = InviteOnly
	_, err = h.CreateInvite(h.ctx, berta, NewInvite{RoomID: first.RoomID})
	wantCode(t, err, chat.Forbidden, "a member, where a link lets people register")
	for _, n := range []NewInvite{{MaxUses: -1}, {MaxUses: 1001}, {ExpiresIn: -time.Hour}, {ExpiresIn: time.Second}, {ExpiresIn: 91 * 24 * time.Hour}} {
		_, err := h.CreateInvite(h.ctx, admin, n)
		wantCode(t, err, chat.InvalidRequest, "%+v", n)
	}
}

func TestInvitationsAreBoundedAndDeleted(t *testing.T) {
	h, admin, room := inviting(t)
	var last Invite
	for range MaxInvites {
		var err error
		if last, err = h.CreateInvite(h.ctx, admin, NewInvite{RoomID: room.RoomID}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := h.CreateInvite(h.ctx, admin, NewInvite{})
	wantCode(t, err, chat.Conflict, "one too many")
	berta, err := h.invited("berta", last.Token)
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, h.DeleteInvite(h.ctx, Principal{UserID: berta.UserID}, last.InviteID), chat.NotFound, "somebody else's")
	wantCode(t, h.DeleteInvite(h.ctx, admin, "a#b"), chat.NotFound, "a key in place of an id")
	if err := h.DeleteInvite(h.ctx, admin, last.InviteID); err != nil {
		t.Fatal(err)
	}
	_, err = h.invited("carl", last.Token)
	wantCode(t, err, chat.NotFound, "deleted")
	if _, err := h.CreateInvite(h.ctx, admin, NewInvite{}); err != nil {
		t.Fatalf("after deleting one: %v", err)
	}
}

func TestClosedServersTakeNobodyByInvitation(t *testing.T) {
	h := open(t, func(c *Config) { c.Registration = Closed })
	h.register("anna")
	i, err := h.CreateInvite(h.ctx, h.principal(h.login("anna")), NewInvite{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.invited("berta", i.Token)
	wantCode(t, err, chat.Forbidden, "closed")
}
