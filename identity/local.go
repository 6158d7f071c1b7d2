package identity

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/chat"
)

// Lives of what is issued.
const (
	AccessFor  = 10 * time.Minute    // access token
	RefreshFor = 30 * 24 * time.Hour // session, from its last use on
	TicketFor  = 30 * time.Second    // socket ticket
)

// MaxSessions is how many sign-ins one person can have; a further one ends the longest unused.
const MaxSessions = 100

// DefaultServerName is the name of a server to which nobody gave one.
const DefaultServerName = "Parley"

// Mode says who may register.
type Mode string

// The modes, as they stand in the configuration.
const (
	Open       Mode = "open"   // anybody
	InviteOnly Mode = "invite" // who has an invitation
	Closed     Mode = "closed" // nobody: the operator adds people
)

// Store is what Local keeps; package store implements it.
type Store interface {
	chat.Users
	chat.Sessions
	chat.Keys
	chat.Invites
	chat.Settings
	chat.Once
	// Rooms is as in chat.Rooms: an invitation shows the name of its room.
	Rooms(ctx context.Context, roomIDs ...string) ([]chat.Room, error)
}

// Rooms is what registration and invitations do in rooms; *chat.Service implements it.
type Rooms interface {
	CreateRoom(ctx context.Context, by string, r chat.NewRoom) (chat.RoomView, error)
	Room(ctx context.Context, by, roomID string) (chat.RoomView, error)
	Join(ctx context.Context, by, roomID string) (chat.RoomView, error)
	Admit(ctx context.Context, userID, roomID string) (chat.RoomView, error)
}

// Limiter is a chat.Limiter that also takes back: attempts are counted before their outcome is known, so that many at
// once cannot slip through together, and given back when they were none to count.
type Limiter interface {
	chat.Limiter
	Refund(ctx context.Context, rule chat.Rule, key string)
}

// Disconnector ends sockets; every chat.Deliverer is one.
type Disconnector interface {
	Disconnect(ctx context.Context, userID, sessionID string)
}

// Config is what a Local is made of. All fields down to Names are required, but Rooms may be nil in a program that
// never registers people or handles invitations.
type Config struct {
	Store       Store
	Rooms       Rooms
	Limiter     Limiter
	Connections Disconnector
	Names       chat.Names

	Registration Mode             // default Closed
	Issuer       string           // the iss of access tokens, default "parley"
	Grace        time.Duration    // how long a replaced refresh token may come again from a browser, default 10 s, negative for never
	Now          func() time.Time // default time.Now
	Logger       *slog.Logger     // default slog.Default
}

// Local implements Provider with accounts in the store. It is safe for concurrent use; several processes may share a
// store, then a session that one of them ends is refused by the others within AccessFor.
type Local struct {
	store        Store
	rooms        Rooms
	limiter      Limiter
	connections  Disconnector
	names        chat.Names
	registration Mode
	issuer       string
	grace        time.Duration
	clock        func() time.Time
	log          *slog.Logger

	passwords *passwords
	ring      atomic.Pointer[ring] // replaced as a whole by loadKeys
	ended     endedSessions
	setUp     sync.Mutex // held while the server is named and its first room made
}

var _ Provider = (*Local)(nil)

// NewLocal makes a Local, and the first signing key if the store has none.
func NewLocal(ctx context.Context, c Config) (*Local, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	l := &Local{
		store: c.Store, rooms: c.Rooms, limiter: c.Limiter, connections: c.Connections, names: c.Names,
		registration: cmp.Or(c.Registration, Closed), issuer: cmp.Or(c.Issuer, "parley"),
		grace: cmp.Or(c.Grace, 10*time.Second), clock: c.Now, log: cmp.Or(c.Logger, slog.Default()),
		passwords: newPasswords(),
	}
	if err := l.loadKeys(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// KeepKeys reads the signing keys again if that was longer ago than Run would let it be, for processes that live only
// while they are asked something.
func (l *Local) KeepKeys(ctx context.Context) error {
	if l.clock().Sub(l.ring.Load().at) < reloadEvery {
		return nil
	}
	l.ended.forget(l.clock())
	return l.loadKeys(ctx)
}

// Run keeps the signing keys fresh until ctx ends.
func (l *Local) Run(ctx context.Context) error {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			l.ended.forget(l.clock())
			if err := l.loadKeys(ctx); err != nil && ctx.Err() == nil {
				l.log.ErrorContext(ctx, "signing keys not refreshed, going on with the old ones", "error", err)
			}
		}
	}
}

// ServerInfo is what anybody may know about the server before signing in.
type ServerInfo struct {
	Name         string `json:"name"`
	Registration Mode   `json:"registration"`
	// Empty says that nobody is here yet: the next to register becomes the administrator and may name the server.
	Empty bool `json:"empty"`
}

// ServerInfo returns what anybody may know.
func (l *Local) ServerInfo(ctx context.Context) (ServerInfo, error) {
	s, err := l.store.Server(ctx)
	if err != nil {
		return ServerInfo{}, err
	}
	return ServerInfo{Name: cmp.Or(s.Name, DefaultServerName), Registration: l.registration, Empty: s.Name == ""}, nil
}

// now is the time in the unit of the core.
func (l *Local) now() chat.Millis { return l.clock().UnixMilli() }

// updateAccount applies change to the account as it is now, and again if somebody else wrote meanwhile.
func (l *Local) updateAccount(ctx context.Context, userID string, change func(*chat.Account)) error {
	for range 10 {
		a, err := l.store.Account(ctx, userID)
		if err != nil {
			return err
		}
		change(&a)
		if err = l.store.UpdateUser(ctx, a); !errors.Is(err, chat.ErrMoved) {
			return err
		}
	}
	return &chat.Error{Code: chat.Unavailable, Message: "The account is being changed. Please try again.", RetryAfter: time.Second}
}

// limited is the refusal of something that came too often.
func limited(wait time.Duration) error {
	return &chat.Error{Code: chat.RateLimited, Message: "Too many attempts. Please wait a while.", RetryAfter: wait}
}

// addressKey is what counts as one address for rate limits: an IPv4 address, or an IPv6 network of 64 bits, which is
// what one customer has.
func addressKey(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return clip(address, 64)
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a.String()
	}
	return p.String()
}

// clip bounds a text that others chose to n bytes of valid UTF-8.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}
