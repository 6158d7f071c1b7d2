package identity

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/chat"
	"parley/limit"
	"parley/names"
	"parley/store"
	"parley/store/pebble"
)

const goodPassword = "kiesel-harfe-nebel"

// clock is a clock that tests move.
type clock struct{ ms, lag atomic.Int64 }

func (c *clock) now() time.Time          { return time.UnixMilli(c.ms.Load()) }
func (c *clock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }
func (c *clock) lagging() time.Time      { return time.UnixMilli(c.ms.Load() - c.lag.Load()) }

// edge is a Deliverer without connections that notes which ones it was told to end.
type edge struct {
	mu    sync.Mutex
	ended []string // "user session"
}

func (*edge) Deliver(context.Context, chat.Delivery)             {}
func (*edge) Signal(context.Context, string, string, chat.Event) {}
func (*edge) ToUsers(context.Context, chat.Event, ...string)     {}
func (*edge) Online(context.Context, ...string) (map[string]bool, error) {
	return nil, nil
}
func (e *edge) Disconnect(_ context.Context, userID, sessionID string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = append(e.ended, userID+" "+sessionID)
}

// take returns what was ended since the last call.
func (e *edge) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := e.ended
	e.ended = nil
	slices.Sort(out)
	return out
}

// house is a Local with everything real about it, but cheap passwords and a clock of its own.
type house struct {
	*Local
	t      *testing.T
	ctx    context.Context
	clock  *clock
	edge   *edge
	store  *store.Store
	rooms  *chat.Service
	hashes *atomic.Int64 // passwords compared
	logged *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// open makes a house; change may alter the configuration.
func open(t *testing.T, change ...func(*Config)) *house {
	t.Helper()
	h := &house{t: t, ctx: t.Context(), clock: &clock{}, edge: &edge{}, hashes: &atomic.Int64{}, logged: &lockedBuffer{}}
	h.clock.ms.Store(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	db, err := pebble.Open(pebble.Options{Dir: "data", FS: vfs.NewMem(), Schemas: store.Schemas(), Now: h.clock.lagging})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	logger := slog.New(slog.NewTextHandler(h.logged, nil))
	h.store = store.New(db, h.clock.lagging)
	limiter := limit.New(limit.Config{Now: h.clock.now})
	h.rooms = chat.New(chat.Config{Log: h.store, Rooms: h.store, Markers: h.store, Notices: h.store, Erasures: h.store, Users: h.store, Seen: h.store, Deliverer: h.edge,
		Limiter: limiter, Names: names.Precis{}, Now: h.clock.now, Logger: logger})
	c := Config{Store: h.store, Rooms: h.rooms, Limiter: limiter, Connections: h.edge, Names: names.Precis{},
		Registration: Open, Now: h.clock.now, Logger: logger}
	for _, f := range change {
		f(&c)
	}
	h.Local = h.local(c)
	return h
}

// local makes another Local, as another process would that shares the store.
func (h *house) local(c Config) *Local {
	h.t.Helper()
	l, err := NewLocal(h.ctx, c)
	if err != nil {
		h.t.Fatal(err)
	}
	cheap := makePasswords(argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	cheap.compare = func(password, hash string) (bool, error) {
		h.hashes.Add(1)
		return argon2id.ComparePasswordAndHash(password, hash)
	}
	l.passwords = cheap
	return l
}

func registration(username string) Registration {
	return Registration{Username: username, Email: username + "@example.org", Password: goodPassword}
}

// register makes a user.
func (h *house) register(username string) chat.User {
	h.t.Helper()
	u, confirm, err := h.Register(h.ctx, registration(username))
	if err != nil || confirm {
		h.t.Fatalf("register %s: %v, confirmation %v", username, err, confirm)
	}
	return u
}

// login signs in.
func (h *house) login(username string) Grant {
	h.t.Helper()
	g, err := h.Login(h.ctx, Credentials{username, goodPassword}, Device{UserAgent: "test", Address: "192.0.2.1"})
	if err != nil {
		h.t.Fatalf("log in %s: %v", username, err)
	}
	return g
}

// principal verifies an access token.
func (h *house) principal(g Grant) Principal {
	h.t.Helper()
	p, err := h.Verify(g.AccessToken)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// wantCode fails unless err has the code.
func wantCode(t *testing.T, err error, code chat.Code, what string, args ...any) {
	t.Helper()
	if chat.CodeOf(err) != code {
		t.Fatalf("%s: got %v, want code %q", fmt.Sprintf(what, args...), err, code)
	}
}

// together runs f n times at once.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}
