package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat"
)

func TestFirstUserBecomesAdministratorAndNamesTheServer(t *testing.T) {
	for _, mode := range []Mode{Open, InviteOnly, Closed} {
		h := open(t, func(c *Config) { c.Registration = mode })
		if s, err := h.ServerInfo(h.ctx); err != nil || s != (ServerInfo{DefaultServerName, mode, true}) {
			t.Fatalf("%s: empty server is %+v, %v", mode, s, err)
		}
		r := registration("Anna")
		r.ServerName = "  Das   Haus "
		u, confirm, err := h.Register(h.ctx, r)
		if err != nil || confirm || u.Username != "anna" || u.DisplayName != "anna" {
			t.Fatalf("%s: %+v, %v, %v", mode, u, confirm, err)
		}
		if s, _ := h.ServerInfo(h.ctx); s != (ServerInfo{"Das Haus", mode, false}) {
			t.Fatalf("%s: server is %+v", mode, s)
		}
		if p := h.principal(h.login("anna")); !p.Admin || p.UserID != u.UserID {
			t.Fatalf("%s: principal is %+v", mode, p)
		}
		rooms, err := h.rooms.MyRooms(h.ctx, u.UserID)
		if err != nil || len(rooms) != 1 || rooms[0].Name != "Das Haus" || rooms[0].Kind != chat.Public || rooms[0].Membership.Role != chat.Owner {
			t.Fatalf("%s: first room is %+v, %v", mode, rooms, err)
		}
		_, _, err = h.Register(h.ctx, registration("berta"))
		if mode == Open && err != nil || mode != Open && chat.CodeOf(err) != chat.Forbidden {
			t.Fatalf("%s: second registration: %v", mode, err)
		}
	}
}

func TestNewPeopleEnterTheFirstRoom(t *testing.T) {
	h := open(t)
	anna := h.register("anna")
	berta := h.register("berta")
	if p := h.principal(h.login("berta")); p.Admin {
		t.Fatal("the second user is an administrator")
	}
	rooms, err := h.rooms.MyRooms(h.ctx, berta.UserID)
	if err != nil || len(rooms) != 1 || rooms[0].MemberCount != 2 || rooms[0].Membership.Role != chat.Member {
		t.Fatalf("rooms of the second: %+v, %v", rooms, err)
	}
	if err := h.rooms.DeleteRoom(h.ctx, anna.UserID, rooms[0].RoomID); err != nil {
		t.Fatal(err)
	}
	carl := h.register("carl") // the room being gone is no reason not to register
	if rooms, _ := h.rooms.MyRooms(h.ctx, carl.UserID); len(rooms) != 0 {
		t.Fatalf("rooms of the third: %+v", rooms)
	}
}

func TestOnlyOneOfManyIsFirst(t *testing.T) {
	h := open(t, func(c *Config) { c.Registration = Closed })
	var made, refused atomic.Int64
	together(8, func(i int) {
		switch _, _, err := h.Register(h.ctx, registration(fmt.Sprint("user", i))); chat.CodeOf(err) {
		case "":
			made.Add(1)
		case chat.Forbidden:
			refused.Add(1)
		default:
			t.Error(err)
		}
	})
	if made.Load() != 1 || refused.Load() != 7 {
		t.Fatalf("%d made, %d refused", made.Load(), refused.Load())
	}
	users, _, err := h.ListUsers(h.ctx, "", 100)
	if err != nil || len(users) != 1 || !users[0].Admin {
		t.Fatalf("users: %+v, %v", users, err)
	}
	if rooms, _, err := h.store.PublicRooms(h.ctx, "", "", 10); err != nil || len(rooms) != 1 {
		t.Fatalf("%d first rooms, %v", len(rooms), err)
	}
}

func TestTakenName(t *testing.T) {
	h := open(t)
	h.register("anna")
	for _, name := range []string{"anna", "ANNA", "ａｎｎａ"} {
		_, _, err := h.Register(h.ctx, registration(name))
		wantCode(t, err, chat.Conflict, "%q", name)
		if e := chat.AsError(err); e.Field != "username" {
			t.Fatalf("field is %q", e.Field)
		}
	}
	var made atomic.Int64
	together(8, func(int) {
		_, _, err := h.Register(h.ctx, registration("berta"))
		if err == nil {
			made.Add(1)
		} else if chat.CodeOf(err) != chat.Conflict {
			t.Error(err)
		}
	})
	if made.Load() != 1 {
		t.Fatalf("%d accounts of one name", made.Load())
	}
}

func TestRegistrationFieldsAreChecked(t *testing.T) {
	h := open(t)
	for _, c := range []struct {
		field  string
		change func(*Registration)
	}{
		{"username", func(r *Registration) { r.Username = "" }},
		{"username", func(r *Registration) { r.Username = "an" }},
		{"username", func(r *Registration) { r.Username = strings.Repeat("a", 33) }},
		{"username", func(r *Registration) { r.Username = "аnna" }}, // Cyrillic
		{"username", func(r *Registration) { r.Username = "an#na" }},
		{"email", func(r *Registration) { r.Email = "anna" }},
		{"email", func(r *Registration) { r.Email = "Anna <anna@example.org>" }},
		{"email", func(r *Registration) { r.Email = "anna@example.org\r\nBcc: b@example.org" }},
		{"email", func(r *Registration) { r.Email = strings.Repeat("a", 250) + "@example.org" }},
		{"displayName", func(r *Registration) { r.DisplayName = strings.Repeat("a", 65) }},
		{"displayName", func(r *Registration) { r.DisplayName = "a\u202eb" }},
		{"serverName", func(r *Registration) { r.ServerName = "a\x00b" }},
		{"password", func(r *Registration) { r.Password = "" }},
		{"password", func(r *Registration) { r.Password = "x7$Qp2!" }}, // seven bytes
		{"password", func(r *Registration) { r.Password = strings.Repeat("x7$Qp2!z", 32) + "a" }},
		{"password", func(r *Registration) { r.Password = "kiesel-\x00harfe-nebel" }},
		{"password", func(r *Registration) { r.Password = "kiesel-harfe-\xff" }},
		{"password", func(r *Registration) { r.Password = "password123" }},
		{"password", func(r *Registration) { r.Password = strings.Repeat("a", 256) }},
		{"password", func(r *Registration) { r.Password = "P@$$w0rd99" }},
		{"password", func(r *Registration) { r.Username, r.Password = "zebediah", "Zebediah1988!" }},
		{"password", func(r *Registration) { r.DisplayName, r.Password = "Tante Zebediah", "Zebediah1988!" }},
		{"password", func(r *Registration) { r.Email, r.Password = "zebediah@example.org", "zebediah1988" }},
	} {
		r := registration("anna")
		c.change(&r)
		_, _, err := h.Register(h.ctx, r)
		if e := chat.AsError(err); e == nil || e.Code != chat.InvalidRequest || e.Field != c.field {
			t.Errorf("%+v: got %v, want invalid %s", r, err, c.field)
		}
		if r.Password != "" && err != nil && strings.Contains(err.Error(), r.Password) {
			t.Errorf("the password stands in the error %v", err)
		}
	}
	if s, _ := h.ServerInfo(h.ctx); !s.Empty {
		t.Fatal("a refused registration left something")
	}
}

// The library takes 36 s for the longest of these on its own; what is given to it must be bounded.
func TestStrengthIsCheckedInBoundedWork(t *testing.T) {
	h := open(t)
	evil := strings.Repeat("4@8({[</369&#!1|;,0$57%2\"`", 10)[:MaxPassword]
	ctx, cancel := context.WithTimeout(h.ctx, 10*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- h.passwords.strong(ctx, evil, "anna") }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-ctx.Done():
		t.Fatal("still not done after 10 s")
	}
}

func TestStrongPasswords(t *testing.T) {
	h := open(t)
	for _, p := range []string{goodPassword, "correct horse battery staple", "Tr0ub4dor&3", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa kiesel-harfe-nebel", "日本語のパスワードは長い方がいい"} {
		if err := h.passwords.strong(h.ctx, p, "anna"); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
}

func TestRegistrationsAreLimitedByAddress(t *testing.T) {
	h := open(t)
	register := func(i int, address string) error {
		r := registration(fmt.Sprint("user", i))
		r.Address = address
		_, _, err := h.Register(h.ctx, r)
		return err
	}
	for i := range 30 {
		if err := register(i, fmt.Sprintf("2001:db8:0:1::%d", i)); err != nil { // one customer's network
			t.Fatalf("registration %d: %v", i, err)
		}
	}
	err := register(30, "2001:db8:0:1::ffff")
	wantCode(t, err, chat.RateLimited, "31st")
	if wait := chat.AsError(err).RetryAfter; wait <= 0 || wait > time.Hour {
		t.Fatalf("retry after %v", wait)
	}
	if err := register(0, "2001:db8:0:1::1"); chat.CodeOf(err) != chat.RateLimited {
		t.Fatalf("taken names can still be tried: %v", err)
	}
	if err := register(31, "2001:db8:0:2::1"); err != nil {
		t.Fatalf("another network: %v", err)
	}
	h.clock.advance(time.Hour)
	if err := register(32, "2001:db8:0:1::1"); err != nil {
		t.Fatalf("an hour later: %v", err)
	}
}

// noRooms fails to make rooms while it is told to.
type noRooms struct {
	Rooms
	broken atomic.Bool
}

func (n *noRooms) CreateRoom(ctx context.Context, by string, r chat.NewRoom) (chat.RoomView, error) {
	if n.broken.Load() {
		return chat.RoomView{}, errors.New("broken")
	}
	return n.Rooms.CreateRoom(ctx, by, r)
}

func TestSetUpIsFinishedByTheAdministratorsLogin(t *testing.T) {
	var rooms *noRooms
	h := open(t, func(c *Config) {
		rooms = &noRooms{Rooms: c.Rooms}
		c.Rooms = rooms
	})
	rooms.broken.Store(true)
	anna := h.register("anna")
	rooms.broken.Store(false)
	h.register("berta")
	h.login("berta")
	if mine, _ := h.rooms.MyRooms(h.ctx, anna.UserID); len(mine) != 0 {
		t.Fatalf("somebody else's log-in made a room: %+v", mine)
	}
	together(4, func(int) { h.login("anna") })
	if mine, _ := h.rooms.MyRooms(h.ctx, anna.UserID); len(mine) != 1 || mine[0].Name != DefaultServerName {
		t.Fatalf("rooms after the log-in: %+v", mine)
	}
}

func TestCodesAreNotUsed(t *testing.T) {
	h := open(t)
	wantCode(t, h.Confirm(h.ctx, "anna", "1"), chat.NotFound, "confirm")
	wantCode(t, h.Forgot(h.ctx, "anna"), chat.NotFound, "forgot")
	wantCode(t, h.Reset(h.ctx, "anna", "1", goodPassword), chat.NotFound, "reset")
}
