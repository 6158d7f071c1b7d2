package identitytest

import (
	"strings"
	"time"

	"parley/chat"
	"parley/identity"
)

func (s *suite) registerAndLogIn() {
	u := s.join("Anna", "")
	if u.Username != "anna" || u.DisplayName != "anna" || u.UserID == "" {
		s.t.Fatalf("%+v", u)
	}
	g := s.logIn("ANNA") // names are folded
	p := s.who(g)
	if p.UserID != u.UserID || g.User.UserID != u.UserID || g.User.Username != "anna" || p.SessionID == "" {
		s.t.Fatalf("%+v signed in as %+v", u, p)
	}
	if left := time.Until(p.ExpiresAt); left <= 0 || left > identity.AccessFor+time.Minute || g.ExpiresIn <= 0 || g.ExpiresIn > identity.AccessFor {
		s.t.Errorf("the access token holds for %v, and is said to for %v", left, g.ExpiresIn)
	}
	if g.RefreshToken == "" || strings.Contains(g.RefreshToken, g.AccessToken) || !g.RefreshExpires.After(time.Now().Add(24*time.Hour)) {
		s.t.Errorf("refresh token %q until %v", g.RefreshToken, g.RefreshExpires)
	}
	a, err := s.Store.Account(s.ctx, u.UserID)
	if err != nil || a.User.Username != "anna" || a.Email != "anna@example.org" {
		s.t.Errorf("the account: %+v, %v", a, err)
	}
	again := s.who(s.logIn("anna"))
	if again.UserID != u.UserID || again.SessionID == p.SessionID {
		s.t.Errorf("a second sign-in: %+v after %+v", again, p)
	}
}

func (s *suite) firstIsAdministrator() {
	if i, err := s.ServerInfo(s.ctx); err != nil || !i.Empty {
		s.t.Fatalf("%+v, %v", i, err)
	}
	r := registration("anna")
	r.ServerName, r.DisplayName = "Garden club", "Anna A."
	if _, _, err := s.Register(s.ctx, r); err != nil {
		s.t.Fatal(err)
	}
	if s.Code != nil {
		if err := s.Confirm(s.ctx, "anna", s.Code(s.t, "anna")); err != nil {
			s.t.Fatal(err)
		}
	}
	g := s.logIn("anna")
	if !s.who(g).Admin || g.User.DisplayName != "Anna A." {
		s.t.Errorf("the first: %+v, %+v", s.who(g), g.User)
	}
	if i, err := s.ServerInfo(s.ctx); err != nil || i.Empty || i.Name != "Garden club" {
		s.t.Errorf("%+v, %v", i, err)
	}
	s.join("berta", "")
	second := s.logIn("berta")
	if s.who(second).Admin {
		s.t.Error("the second is an administrator too")
	}
	if !s.who(s.logIn("anna")).Admin {
		s.t.Error("the first is none any more")
	}
	rooms, err := s.Rooms.MyRooms(s.ctx, second.User.UserID)
	if err != nil || len(rooms) != 1 || rooms[0].Name != "Garden club" {
		s.t.Errorf("a new person is in %+v, %v", rooms, err)
	}
}

func (s *suite) badRegistrations() {
	for what, change := range map[string]func(*identity.Registration){
		"short name":    func(r *identity.Registration) { r.Username = "a" },
		"name with @":   func(r *identity.Registration) { r.Username = "anna@home" },
		"weak password": func(r *identity.Registration) { r.Password = "password1" },
		"its own name":  func(r *identity.Registration) { r.Password = "anna anna anna" },
		"no password":   func(r *identity.Registration) { r.Password = "" },
		"no address":    func(r *identity.Registration) { r.Email = "anna" },
	} {
		r := registration("anna")
		change(&r)
		_, _, err := s.Register(s.ctx, r)
		s.refused(err, chat.InvalidRequest, what)
	}
	s.join("anna", "") // none of them took the name
}

func (s *suite) namesAreUnique() {
	s.join("anna", "")
	for _, name := range []string{"anna", "ANNA", "Anna", "ａｎｎａ"} {
		_, _, err := s.Register(s.ctx, registration(name))
		s.refused(err, chat.Conflict, name+" before the first sign-in")
	}
	s.logIn("anna")
	_, _, err := s.Register(s.ctx, registration("Anna"))
	s.refused(err, chat.Conflict, "after it")
}

func (s *suite) wrongPasswords() {
	s.join("anna", "")
	var words []string
	for _, c := range []identity.Credentials{
		{Username: "anna", Password: Password + "x"}, {Username: "anna", Password: ""}, {Username: "anna", Password: strings.Repeat("x", 1000)},
		{Username: "nobody", Password: Password}, {Username: "not a name", Password: Password}, {Username: "", Password: ""},
	} {
		_, err := s.Login(s.ctx, c, identity.Device{})
		s.refused(err, chat.Unauthenticated, c.Username)
		words = append(words, chat.AsError(err).Message)
	}
	for _, w := range words {
		if w != words[0] {
			s.t.Errorf("answers differ: %q", words)
		}
	}
	s.logIn("anna")
}

func (s *suite) refresh() {
	s.join("anna", "")
	g := s.logIn("anna")
	p := s.who(g)
	for range 3 {
		next, err := s.Refresh(s.ctx, g.RefreshToken, identity.Device{})
		if err != nil {
			s.t.Fatal(err)
		}
		if next.RefreshToken == "" || next.RefreshToken == g.RefreshToken || next.User.UserID != p.UserID || next.ExpiresIn <= 0 {
			s.t.Fatalf("%+v after %+v", next, g)
		}
		if q := s.who(next); q.UserID != p.UserID || q.SessionID != p.SessionID {
			s.t.Fatalf("%+v after %+v", q, p)
		}
		g = next
	}
	if all, err := s.Sessions(s.ctx, p.UserID); err != nil || len(all) != 1 || all[0].SessionID != p.SessionID {
		s.t.Errorf("sessions: %+v, %v", all, err)
	}
	for _, bad := range []string{"", "x", "a.b.c", g.AccessToken, strings.Repeat("x", 10000)} {
		_, err := s.Refresh(s.ctx, bad, identity.Device{})
		s.refused(err, chat.Unauthenticated, "a token that is none")
	}
}

func (s *suite) tabs() {
	s.join("anna", "")
	g := s.logIn("anna")
	first, err := s.Refresh(s.ctx, g.RefreshToken, identity.Device{Browser: true})
	if err != nil {
		s.t.Fatal(err)
	}
	second, err := s.Refresh(s.ctx, g.RefreshToken, identity.Device{Browser: true})
	if err != nil || second.RefreshToken != first.RefreshToken || s.who(second).SessionID != s.who(first).SessionID {
		s.t.Fatalf("%+v, %v after %+v", second, err, first)
	}
	if _, err := s.Refresh(s.ctx, second.RefreshToken, identity.Device{Browser: true}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *suite) reuse() {
	s.join("anna", "")
	g := s.logIn("anna")
	next, err := s.Refresh(s.ctx, g.RefreshToken, identity.Device{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.over(g, "a token used before")
	s.over(next, "the session of a token used twice")
	_, err = s.Verify(next.AccessToken)
	s.refused(err, chat.Unauthenticated, "its access token")
}

func (s *suite) logOut() {
	s.join("anna", "")
	g, other := s.logIn("anna"), s.logIn("anna")
	p := s.who(g)
	for range 2 { // one that is over is no error
		if err := s.Logout(s.ctx, g.RefreshToken); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.Logout(s.ctx, "nonsense"); err != nil {
		s.t.Error(err)
	}
	s.over(g, "after logging out")
	_, err := s.Verify(g.AccessToken)
	s.refused(err, chat.Unauthenticated, "its access token")
	_, err = s.CheckSession(s.ctx, p)
	s.refused(err, chat.Unauthenticated, "its session")
	if _, err := s.Refresh(s.ctx, other.RefreshToken, identity.Device{}); err != nil {
		s.t.Errorf("another device was signed out too: %v", err)
	}
}

func (s *suite) sessions() {
	s.join("anna", "")
	s.join("berta", "")
	g, h, berta := s.logIn("anna"), s.logIn("anna"), s.logIn("berta")
	p := s.who(g)
	if all, err := s.Sessions(s.ctx, p.UserID); err != nil || len(all) != 2 || all[0].UserAgent != "test" || all[0].Address != "192.0.2.1" {
		s.t.Fatalf("%+v, %v", all, err)
	}
	s.refused(s.EndSession(s.ctx, s.who(berta).UserID, p.SessionID), chat.NotFound, "somebody else's session")
	if err := s.EndSession(s.ctx, p.UserID, p.SessionID); err != nil {
		s.t.Fatal(err)
	}
	s.over(g, "an ended session")
	if err := s.EndAllSessions(s.ctx, p.UserID); err != nil {
		s.t.Fatal(err)
	}
	s.over(h, "after all were ended")
	if _, err := s.Refresh(s.ctx, berta.RefreshToken, identity.Device{}); err != nil {
		s.t.Errorf("somebody else was signed out: %v", err)
	}
}

func (s *suite) tickets() {
	s.join("anna", "")
	g := s.logIn("anna")
	p := s.who(g)
	t, err := s.IssueTicket(s.ctx, p)
	if err != nil {
		s.t.Fatal(err)
	}
	q, err := s.RedeemTicket(s.ctx, t.Ticket)
	if err != nil || q.UserID != p.UserID || q.SessionID != p.SessionID {
		s.t.Fatalf("%+v, %v", q, err)
	}
	_, err = s.RedeemTicket(s.ctx, t.Ticket)
	s.refused(err, chat.Unauthenticated, "a ticket used twice")
	if t, err = s.IssueTicket(s.ctx, p); err != nil {
		s.t.Fatal(err)
	}
	if err := s.Logout(s.ctx, g.RefreshToken); err != nil {
		s.t.Fatal(err)
	}
	_, err = s.RedeemTicket(s.ctx, t.Ticket)
	s.refused(err, chat.Unauthenticated, "a ticket of a session that is over")
	_, err = s.IssueTicket(s.ctx, p)
	s.refused(err, chat.Unauthenticated, "a ticket for a session that is over")
}

func (s *suite) changePassword() {
	const next = "zwiebel-anker-tanne"
	s.join("anna", "")
	g, other := s.logIn("anna"), s.logIn("anna")
	p := s.who(g)
	s.refused(s.ChangePassword(s.ctx, p, "not "+Password, next), chat.InvalidRequest, "a wrong present one")
	s.refused(s.ChangePassword(s.ctx, p, Password, "password1"), chat.InvalidRequest, "a weak new one")
	if err := s.ChangePassword(s.ctx, p, Password, next); err != nil {
		s.t.Fatal(err)
	}
	_, err := s.Login(s.ctx, identity.Credentials{Username: "anna", Password: Password}, identity.Device{})
	s.refused(err, chat.Unauthenticated, "the old password")
	if _, err := s.Login(s.ctx, identity.Credentials{Username: "anna", Password: next}, identity.Device{}); err != nil {
		s.t.Errorf("the new password: %v", err)
	}
	s.over(other, "another device")
	if _, err := s.Refresh(s.ctx, g.RefreshToken, identity.Device{}); err != nil {
		s.t.Errorf("the device it was changed on: %v", err)
	}
}

func (s *suite) codes() {
	if s.Code == nil {
		s.refused(s.Confirm(s.ctx, "anna", "123456"), chat.NotFound, "confirm, without codes")
		return
	}
	if _, confirm, err := s.Register(s.ctx, registration("anna")); err != nil || !confirm {
		s.t.Fatal(confirm, err)
	}
	_, err := s.Login(s.ctx, identity.Credentials{Username: "anna", Password: Password}, identity.Device{})
	s.refused(err, chat.Forbidden, "before the address is confirmed")
	_, err = s.Login(s.ctx, identity.Credentials{Username: "anna", Password: "not " + Password}, identity.Device{})
	s.refused(err, chat.Unauthenticated, "with a wrong password")
	if people, _, err := s.Store.SearchUsers(s.ctx, "", "", 10); err != nil || len(people) != 0 {
		s.t.Errorf("who never came is seen: %+v, %v", people, err)
	}
	code := s.Code(s.t, "anna")
	wrong := s.Confirm(s.ctx, "anna", code+"0")
	unknown := s.Confirm(s.ctx, "nobody", code)
	s.refused(wrong, chat.InvalidRequest, "a wrong code")
	s.refused(unknown, chat.InvalidRequest, "of nobody")
	if chat.AsError(wrong).Message != chat.AsError(unknown).Message {
		s.t.Errorf("%v and %v differ", wrong, unknown)
	}
	if err := s.Confirm(s.ctx, "Anna", code); err != nil {
		s.t.Fatal(err)
	}
	s.logIn("anna")
}

func (s *suite) forgotten() {
	if s.Code == nil {
		s.refused(s.Forgot(s.ctx, "anna"), chat.NotFound, "forgot, without codes")
		s.refused(s.Reset(s.ctx, "anna", "123456", Password), chat.NotFound, "reset, without codes")
		return
	}
	const next = "zwiebel-anker-tanne"
	s.join("anna", "")
	g := s.logIn("anna")
	for _, name := range []string{"anna", "nobody", "not a name"} {
		if err := s.Forgot(s.ctx, name); err != nil {
			s.t.Errorf("%s: %v", name, err)
		}
	}
	code := s.Code(s.t, "anna")
	s.refused(s.Reset(s.ctx, "anna", code+"0", next), chat.InvalidRequest, "a wrong code")
	s.refused(s.Reset(s.ctx, "nobody", code, next), chat.InvalidRequest, "of nobody")
	s.refused(s.Reset(s.ctx, "anna", code, "password1"), chat.InvalidRequest, "a weak password")
	s.logIn("anna") // nothing has changed
	if err := s.Reset(s.ctx, "anna", code, next); err != nil {
		s.t.Fatal(err)
	}
	s.over(g, "who was signed in with the old password")
	_, err := s.Login(s.ctx, identity.Credentials{Username: "anna", Password: Password}, identity.Device{})
	s.refused(err, chat.Unauthenticated, "the old password")
	if _, err := s.Login(s.ctx, identity.Credentials{Username: "anna", Password: next}, identity.Device{}); err != nil {
		s.t.Errorf("the new password: %v", err)
	}
}

func (s *suite) foreignTokens() {
	s.join("anna", "")
	g := s.logIn("anna")
	parts := strings.Split(g.AccessToken, ".")
	for what, token := range map[string]string{
		"nothing": "", "text": "x", "other claims": parts[0] + ".e30." + parts[2], "no signature": parts[0] + "." + parts[1] + ".",
		"another algorithm": "eyJhbGciOiJub25lIn0." + parts[1] + ".", "the refresh token": g.RefreshToken, "too much": strings.Repeat("x", 1<<20),
	} {
		p, err := s.Verify(token)
		s.refused(err, chat.Unauthenticated, what)
		if p != (identity.Principal{}) {
			s.t.Errorf("%s stands for %+v", what, p)
		}
	}
}

func (s *suite) invitations() {
	s.join("anna", "") // the first needs none
	g := s.logIn("anna")
	_, _, err := s.Register(s.ctx, registration("berta"))
	s.refused(err, chat.Forbidden, "without an invitation")
	room, err := s.Rooms.CreateRoom(s.ctx, g.User.UserID, chat.NewRoom{Kind: chat.Private, Name: "Bees"})
	if err != nil {
		s.t.Fatal(err)
	}
	i, err := s.CreateInvite(s.ctx, s.who(g), identity.NewInvite{RoomID: room.RoomID, MaxUses: 1})
	if err != nil {
		s.t.Fatal(err)
	}
	s.join("berta", i.Token)
	berta := s.logIn("berta")
	if rooms, err := s.Rooms.MyRooms(s.ctx, berta.User.UserID); err != nil || len(rooms) != 1 || rooms[0].RoomID != room.RoomID {
		s.t.Errorf("the invited person is in %+v, %v", rooms, err)
	}
	r := registration("carl")
	r.InviteToken = i.Token
	_, _, err = s.Register(s.ctx, r)
	s.refused(err, chat.NotFound, "an invitation that is used up")
}

func (s *suite) closed() {
	s.join("anna", "")
	s.logIn("anna")
	_, _, err := s.Register(s.ctx, registration("berta"))
	s.refused(err, chat.Forbidden, "register on a closed server")
}

func (s *suite) leave() {
	s.join("anna", "")
	s.join("berta", "")
	s.logIn("anna")
	g, other := s.logIn("berta"), s.logIn("berta")
	p := s.who(g)
	s.refused(s.CheckPassword(s.ctx, p, "not "+Password), chat.InvalidRequest, "a wrong password")
	if err := s.CheckPassword(s.ctx, p, Password); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.CheckSession(s.ctx, p); err != nil {
		s.t.Fatalf("asking for the password ended the session: %v", err)
	}
	for range 2 { // again, by a process that takes over
		if err := s.Leave(s.ctx, p.UserID, "berta"); err != nil {
			s.t.Fatal(err)
		}
	}
	s.over(g, "after leaving")
	s.over(other, "another device after leaving")
	if s.Code == nil { // the account itself goes by the core
		return
	}
	_, err := s.Login(s.ctx, identity.Credentials{Username: "berta", Password: Password}, identity.Device{})
	s.refused(err, chat.Unauthenticated, "the pool knows them still")
}
