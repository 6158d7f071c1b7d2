// Package identitytest is the conformance suite of keepers of accounts: what identity.Local and a user pool behind
// identity.Pooled must do alike.
package identitytest

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/chat"
	"parley/identity"
	"parley/limit"
	"parley/names"
	"parley/store"
	"parley/store/pebble"
)

// Password is one that every keeper takes.
const Password = "kiesel-harfe-nebel" //nolint:gosec // of tests

// Keeper is all that edges need of a keeper of accounts.
type Keeper interface {
	identity.Provider
	ServerInfo(ctx context.Context) (identity.ServerInfo, error)
	ChangePassword(ctx context.Context, p identity.Principal, current, password string) error
	CheckPassword(ctx context.Context, p identity.Principal, password string) error
	Leave(ctx context.Context, userID, username string) error
	Sessions(ctx context.Context, userID string) ([]identity.Session, error)
	EndSession(ctx context.Context, userID, sessionID string) error
	EndAllSessions(ctx context.Context, userID string) error
	CheckSession(ctx context.Context, p identity.Principal) (identity.Principal, error)
	IssueTicket(ctx context.Context, p identity.Principal) (identity.Ticket, error)
	RedeemTicket(ctx context.Context, ticket string) (identity.Principal, error)
	CreateInvite(ctx context.Context, p identity.Principal, n identity.NewInvite) (identity.Invite, error)
}

// House is a keeper and what it stands on.
type House struct {
	Keeper
	Store *store.Store
	Rooms *chat.Service
	// Code is what was sent to somebody last; nil where no codes are used.
	Code func(t *testing.T, username string) string
}

// nobody is a Deliverer without connections.
type nobody struct{}

func (nobody) Deliver(context.Context, chat.Delivery)             {}
func (nobody) Signal(context.Context, string, string, chat.Event) {}
func (nobody) ToUsers(context.Context, chat.Event, ...string)     {}
func (nobody) Disconnect(context.Context, string, string)         {}
func (nobody) Online(context.Context, ...string) (map[string]bool, error) {
	return nil, nil
}

// NewLocal makes a Local on an empty store, and the store and rooms under it.
func NewLocal(t *testing.T, mode identity.Mode) (*identity.Local, House) {
	t.Helper()
	db, err := pebble.Open(pebble.Options{Dir: "data", FS: vfs.NewMem(), Schemas: store.Schemas()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	quiet := slog.New(slog.DiscardHandler)
	h := House{Store: store.New(db, time.Now)}
	limiter := limit.New(limit.Config{Now: time.Now})
	h.Rooms = chat.New(chat.Config{Log: h.Store, Rooms: h.Store, Markers: h.Store, Notices: h.Store, Users: h.Store, Seen: h.Store, Deliverer: nobody{},
		Limiter: limiter, Names: names.Precis{}, Now: time.Now, Logger: quiet})
	l, err := identity.NewLocal(t.Context(), identity.Config{Store: h.Store, Rooms: h.Rooms, Limiter: limiter, Connections: nobody{},
		Names: names.Precis{}, Registration: mode, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	h.Keeper = l
	return l, h
}

// suite is one house under test.
type suite struct {
	House
	t   *testing.T
	ctx context.Context
}

// Run tests the keepers that open makes, each on an empty store.
func Run(t *testing.T, open func(t *testing.T, mode identity.Mode) House) {
	for name, c := range map[string]struct {
		mode identity.Mode
		test func(*suite)
	}{
		"register and log in":            {identity.Open, (*suite).registerAndLogIn},
		"the first is the administrator": {identity.Open, (*suite).firstIsAdministrator},
		"bad registrations":              {identity.Open, (*suite).badRegistrations},
		"names are unique":               {identity.Open, (*suite).namesAreUnique},
		"wrong passwords":                {identity.Open, (*suite).wrongPasswords},
		"refresh":                        {identity.Open, (*suite).refresh},
		"a browser's tabs refresh":       {identity.Open, (*suite).tabs},
		"a reused token ends a session":  {identity.Open, (*suite).reuse},
		"log out":                        {identity.Open, (*suite).logOut},
		"sessions":                       {identity.Open, (*suite).sessions},
		"tickets":                        {identity.Open, (*suite).tickets},
		"change a password":              {identity.Open, (*suite).changePassword},
		"leave":                          {identity.Open, (*suite).leave},
		"codes":                          {identity.Open, (*suite).codes},
		"forgotten passwords":            {identity.Open, (*suite).forgotten},
		"tokens that are not ours":       {identity.Open, (*suite).foreignTokens},
		"invitations":                    {identity.InviteOnly, (*suite).invitations},
		"a closed server":                {identity.Closed, (*suite).closed},
	} {
		t.Run(name, func(t *testing.T) {
			c.test(&suite{open(t, c.mode), t, t.Context()})
		})
	}
}

func registration(username string) identity.Registration {
	return identity.Registration{Username: username, Email: strings.ToLower(username) + "@example.org", Password: Password}
}

// join registers somebody, by an invitation if one is given, and confirms them.
func (s *suite) join(username, invite string) chat.User {
	s.t.Helper()
	r := registration(username)
	r.InviteToken = invite
	u, confirm, err := s.Register(s.ctx, r)
	if err != nil || confirm != (s.Code != nil) {
		s.t.Fatalf("register %s: %v, confirmation wanted: %v", username, err, confirm)
	}
	if confirm {
		if err := s.Confirm(s.ctx, username, s.Code(s.t, username)); err != nil {
			s.t.Fatalf("confirm %s: %v", username, err)
		}
	}
	return u
}

func (s *suite) logIn(username string) identity.Grant {
	s.t.Helper()
	g, err := s.Login(s.ctx, identity.Credentials{Username: username, Password: Password}, identity.Device{UserAgent: "test", Address: "192.0.2.1"})
	if err != nil {
		s.t.Fatalf("log in %s: %v", username, err)
	}
	return g
}

func (s *suite) who(g identity.Grant) identity.Principal {
	s.t.Helper()
	p, err := s.Verify(g.AccessToken)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *suite) refused(err error, code chat.Code, what string) {
	s.t.Helper()
	if chat.CodeOf(err) != code {
		s.t.Errorf("%s: got %v, want code %q", what, err, code)
	}
}

func (s *suite) over(g identity.Grant, what string) {
	s.t.Helper()
	_, err := s.Refresh(s.ctx, g.RefreshToken, identity.Device{})
	s.refused(err, chat.Unauthenticated, what)
}
