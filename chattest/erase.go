package chattest

import (
	"fmt"
	"time"

	"parley/chat"
)

// usersErased: an account becomes what is left of it at once; its rows go in the end, but its name stays taken.
func usersErased(e *env) {
	ann := AddUser(e.T, e, "ann")
	AddUser(e.T, e, "bob")
	e.begin("r1", chat.Private, "Team", "u-ann", "u-bob")
	e.ok(e.SetLevel(e.ctx, "u-ann", "r9", chat.LevelNothing))
	e.ok(e.SetRules(e.ctx, "u-ann", chat.NotifyRules{HideContent: true}))
	e.ok(e.SetRules(e.ctx, "u-bob", chat.NotifyRules{HideContent: true}))
	e.ok(e.SetSeen(e.ctx, 5, "u-ann", "u-bob"))
	expires := e.clock.Now().Add(time.Hour).UnixMilli()
	for _, u := range []string{"u-ann", "u-bob"} {
		e.ok(e.PutSession(e.ctx, chat.Session{SessionID: "s1", UserID: u, ExpiresAt: expires, TokenHash: []byte("x")}, nil))
		e.ok(e.CreateInvite(e.ctx, chat.Invite{TokenHash: "hash-" + u, CreatedBy: u, ExpiresAt: expires}))
		_, err := e.Mark(e.ctx, u, chat.Marker{RoomID: "r9", Seq: 5})
		e.ok(err)
	}
	left := chat.Account{User: chat.User{UserID: "u-ann", Username: "deleted-ann", DisplayName: "Deleted account", CreatedAt: ann.CreatedAt}, Disabled: true}
	stale := left
	stale.Version = 7
	e.is(e.BeginErasure(e.ctx, stale, chat.Erasure{UserID: "u-ann"}), chat.ErrMoved)
	none, err := e.Erasures(e.ctx)
	e.ok(err)
	same(e, "erasures after a refusal", len(none), 0)

	a, err := e.Account(e.ctx, "u-ann")
	e.ok(err)
	left.Version = a.Version
	e.ok(e.BeginErasure(e.ctx, left, chat.Erasure{UserID: "u-ann", StartedAt: 3, Username: "ann", AvatarURL: "/a"}))
	begun, err := e.Erasures(e.ctx)
	e.ok(err)
	same(e, "what was begun", fmt.Sprintf("%+v", begun), "[{UserID:u-ann StartedAt:3 DoneAt:0 Messages:0 Files:0 Memberships:0 Username:ann AvatarURL:/a}]")
	a, err = e.AccountByName(e.ctx, "ann")
	e.ok(err)
	if a.User != left.User || a.Email != "" || a.PasswordHash != "" || !a.Disabled || len(a.Words) != 0 {
		e.Fatalf("what is left: %+v", a)
	}
	e.is(e.CreateUser(e.ctx, NewAccount("ann"), false), chat.ErrExists)
	for _, prefix := range []string{"", "ann", "tester"} {
		found, _, err := e.SearchUsers(e.ctx, prefix, "", 10)
		e.ok(err)
		for _, u := range found {
			same(e, "who is found by "+prefix, u.UserID, "u-bob")
		}
	}
	e.ok(e.NoteErasure(e.ctx, chat.Erasure{UserID: "u-ann", StartedAt: 3, DoneAt: 4, Messages: 7, Files: 2, Memberships: 1}))
	under, err := e.Erasures(e.ctx)
	e.ok(err)
	same(e, "erasures", fmt.Sprintf("%+v", under), "[{UserID:u-ann StartedAt:3 DoneAt:4 Messages:7 Files:2 Memberships:1 Username: AvatarURL:}]")
	e.ok(e.ClearErased(e.ctx, "u-ann"))
	under, err = e.Erasures(e.ctx)
	e.ok(err)
	same(e, "erasures after the rest is gone", len(under), 1)

	for range 2 {
		e.ok(e.ClearErased(e.ctx, "u-ann"))
		e.ok(e.EndErasure(e.ctx, "u-ann"))
		e.ok(e.NoteErasure(e.ctx, chat.Erasure{UserID: "u-ann", Messages: 8})) // by another process, too late
		under, err = e.Erasures(e.ctx)
		e.ok(err)
		same(e, "erasures in the end", len(under), 0)
	}
	for u, want := range map[string]int{"u-ann": 0, "u-bob": 1} {
		sessions, err := e.SessionsOf(e.ctx, u)
		e.ok(err)
		invites, err := e.InvitesBy(e.ctx, u)
		e.ok(err)
		rules, err := e.Rules(e.ctx, u)
		e.ok(err)
		marks, err := e.MarkersOf(e.ctx, u)
		e.ok(err)
		mine, err := e.RoomsOf(e.ctx, u)
		e.ok(err)
		was, err := e.Seen(e.ctx, u)
		e.ok(err)
		same(e, "sessions, invitations, rules, markers, rooms and last moments of "+u,
			fmt.Sprint(len(sessions), len(invites), len(rules), len(marks), len(mine), len(was)), fmt.Sprint(want, want, want, want, want, want))
	}
	_, err = e.Invite(e.ctx, "hash-u-ann")
	e.code(err, chat.NotFound)
	_, err = e.Account(e.ctx, "u-ann")
	e.ok(err)
	levels, err := e.LevelsOf(e.ctx, "u-ann")
	e.ok(err)
	same(e, "levels", len(levels), 0)
}
