package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"parley/chat"
)

func TestLogin(t *testing.T) {
	h := open(t)
	u := h.register("anna")
	g := h.login("ANNA")
	if g.User != u || g.ExpiresIn != AccessFor || !g.RefreshExpires.Equal(h.clock.now().Add(RefreshFor)) {
		t.Fatalf("grant %+v", g)
	}
	p := h.principal(g)
	if p.UserID != u.UserID || !p.ExpiresAt.Equal(h.clock.now().Add(AccessFor)) {
		t.Fatalf("principal %+v", p)
	}
	// The same keys on a keyboard that composes: full normal form differs, the password does not.
	r := registration("berta")
	r.Password = "Z\u00fcrich am grauen See"
	if _, _, err := h.Register(h.ctx, r); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Login(h.ctx, Credentials{"berta", "Zu\u0308rich\u00a0am grauen See"}, Device{}); err != nil {
		t.Fatal(err)
	}
}

// Whoever cannot sign in learns nothing from it: not from the words, and not from the work done.
func TestFailuresAreAllAlike(t *testing.T) {
	h := open(t)
	h.register("anna")
	h.register("berta")
	if err := h.Disable(h.ctx, "berta"); err != nil {
		t.Fatal(err)
	}
	var first string
	for _, c := range []Credentials{
		{"anna", "wrong password"},
		{"nobody", goodPassword},
		{"berta", goodPassword},
		{"berta", "wrong password"},
		{"", ""},
		{"not a username", goodPassword},
		{strings.Repeat("a", 5000), goodPassword},
		{"anna", strings.Repeat("x", 100_000)},
		{"anna", "short"},
		{"anna", "bad utf8 \xff\xff"},
		{"nobody", "bad utf8 \xff\xff"},
	} {
		before := h.hashes.Load()
		_, err := h.Login(h.ctx, c, Device{})
		if n := h.hashes.Load() - before; n != 1 {
			t.Errorf("%.20q: %d hashes computed, want 1", c, n)
		}
		if chat.CodeOf(err) != chat.Unauthenticated {
			t.Fatalf("%.20q: %v", c, err)
		}
		if first == "" {
			first = err.Error()
		}
		if err.Error() != first {
			t.Errorf("%.20q: %q differs from %q", c, err, first)
		}
	}
}

func TestFailuresAreLimitedByAccount(t *testing.T) {
	h := open(t)
	h.register("anna")
	try := func(username, password string, i int) error {
		_, err := h.Login(h.ctx, Credentials{username, password}, Device{Address: fmt.Sprint("198.51.100.", i)})
		return err
	}
	for _, name := range []string{"anna", "nobody"} { // whether there is such an account is not to be seen here either
		for i := range 10 {
			wantCode(t, try(name, "wrong password", i), chat.Unauthenticated, "%s, failure %d", name, i)
		}
		before := h.hashes.Load()
		err := try(name, goodPassword, 100)
		wantCode(t, err, chat.RateLimited, "%s, 11th", name)
		if h.hashes.Load() != before {
			t.Fatal("worked on a password in spite of the limit")
		}
		if wait := chat.AsError(err).RetryAfter; wait <= 0 || wait > 15*time.Minute {
			t.Fatalf("retry after %v", wait)
		}
	}
	h.clock.advance(90 * time.Second)
	if err := try("anna", goodPassword, 101); err != nil {
		t.Fatalf("after a while: %v", err)
	}
}

func TestDisabledPeopleAreCountedAsFailures(t *testing.T) {
	h := open(t)
	h.register("anna")
	if err := h.Disable(h.ctx, "anna"); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		_, err := h.Login(h.ctx, Credentials{"anna", goodPassword}, Device{})
		wantCode(t, err, chat.Unauthenticated, "try %d", i)
	}
	_, err := h.Login(h.ctx, Credentials{"anna", goodPassword}, Device{})
	wantCode(t, err, chat.RateLimited, "11th")
}

func TestFailuresAreLimitedByAddress(t *testing.T) {
	h := open(t)
	h.register("anna")
	for i := range 30 {
		_, err := h.Login(h.ctx, Credentials{fmt.Sprint("user", i), "wrong password"}, Device{Address: "::ffff:203.0.113.9"})
		wantCode(t, err, chat.Unauthenticated, "failure %d", i)
	}
	_, err := h.Login(h.ctx, Credentials{"anna", goodPassword}, Device{Address: "203.0.113.9"})
	wantCode(t, err, chat.RateLimited, "31st of the address")
	if _, err := h.Login(h.ctx, Credentials{"anna", goodPassword}, Device{Address: "203.0.113.10"}); err != nil {
		t.Fatalf("another address: %v", err)
	}
}

func TestSuccessIsNotCounted(t *testing.T) {
	h := open(t)
	h.register("anna")
	for range 40 {
		h.login("anna")
	}
	for i := range 10 { // all of them are still there
		_, err := h.Login(h.ctx, Credentials{"anna", "wrong password"}, Device{Address: "192.0.2.1"})
		wantCode(t, err, chat.Unauthenticated, "failure %d", i)
	}
}

func TestGuessesAtOnceAreLimitedToo(t *testing.T) {
	h := open(t)
	h.register("anna")
	var tried atomic.Int64
	together(50, func(int) {
		_, err := h.Login(h.ctx, Credentials{"anna", "wrong password"}, Device{})
		if chat.CodeOf(err) == chat.Unauthenticated {
			tried.Add(1)
		}
	})
	if tried.Load() != 10 {
		t.Fatalf("%d guesses went through, want 10", tried.Load())
	}
}

// interposed lets a test act at one point of a store.
type interposed struct {
	Store
	afterPut func()
	fail     error
}

func (s *interposed) PutSession(ctx context.Context, v chat.Session, previous []byte) error {
	err := s.Store.PutSession(ctx, v, previous)
	if f := s.afterPut; f != nil {
		s.afterPut = nil
		f()
	}
	return err
}

func (s *interposed) AccountByName(ctx context.Context, name string) (chat.Account, error) {
	if s.fail != nil {
		return chat.Account{}, s.fail
	}
	return s.Store.AccountByName(ctx, name)
}

func TestLoginThatCrossesADisableOrAPasswordChangeIsRefused(t *testing.T) {
	var between *interposed
	h := open(t, func(c *Config) {
		between = &interposed{Store: c.Store}
		c.Store = between
	})
	u := h.register("anna")
	for name, act := range map[string]func() error{
		"password": func() error { _, err := h.ResetPassword(h.ctx, "anna", ""); return err },
		"disable":  func() error { return h.Disable(h.ctx, "anna") },
	} {
		if _, err := h.ResetPassword(h.ctx, "anna", goodPassword); err != nil {
			t.Fatal(err)
		}
		if err := h.Enable(h.ctx, "anna"); err != nil {
			t.Fatal(err)
		}
		// The store deletes what is there at that moment, the new session too; so put it back as a race would.
		between.afterPut = func() {
			all, err := h.store.SessionsOf(h.ctx, u.UserID)
			if err != nil {
				t.Fatal(err)
			}
			if err := act(); err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				if err := h.store.PutSession(h.ctx, s, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, err := h.Login(h.ctx, Credentials{"anna", goodPassword}, Device{})
		wantCode(t, err, chat.Unauthenticated, "%s", name)
		if left, err := h.Sessions(h.ctx, u.UserID); err != nil || len(left) != 0 {
			t.Fatalf("%s: %d sessions left, %v", name, len(left), err)
		}
	}
}

func TestOurOwnFaultsAreNotCounted(t *testing.T) {
	var broken *interposed
	h := open(t, func(c *Config) {
		broken = &interposed{Store: c.Store}
		c.Store = broken
	})
	h.register("anna")
	broken.fail = errors.New("broken")
	for range 40 {
		_, err := h.Login(h.ctx, Credentials{"anna", goodPassword}, Device{Address: "192.0.2.1"})
		wantCode(t, err, chat.Internal, "with a broken store")
	}
	broken.fail = nil
	h.login("anna")
}

func TestSessionsAreBounded(t *testing.T) {
	h := open(t)
	u := h.register("anna")
	first := h.login("anna")
	for range MaxSessions {
		h.clock.advance(time.Second)
		h.login("anna")
	}
	all, err := h.Sessions(h.ctx, u.UserID)
	if err != nil || len(all) != MaxSessions {
		t.Fatalf("%d sessions, %v", len(all), err)
	}
	if _, err := h.Refresh(h.ctx, first.RefreshToken, Device{}); chat.CodeOf(err) != chat.Unauthenticated {
		t.Fatalf("the longest unused session lives on: %v", err)
	}
}

func TestPasswordsWaitInABoundedQueue(t *testing.T) {
	h := open(t)
	p := h.passwords
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(h.ctx)
	cancel()
	_, err := p.matches(ctx, goodPassword, "")
	wantCode(t, err, chat.Unavailable, "asker gone")
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("cause lost: %v", err)
	}
	for range cap(p.queue) {
		p.queue <- struct{}{}
	}
	_, err = p.matches(h.ctx, goodPassword, "")
	wantCode(t, err, chat.Unavailable, "queue full")
	if n := h.hashes.Load(); n != 0 {
		t.Fatalf("%d hashes computed", n)
	}
}

func TestStoredPasswordsFollowOWASP(t *testing.T) {
	p := newPasswords()
	h, err := p.hash(t.Context(), goodPassword)
	if err != nil || !strings.HasPrefix(h, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("%s, %v", h, err)
	}
	if strings.Count(p.unknown, "$") != strings.Count(h, "$") || p.unknown[:len("$argon2id$v=19$m=19456,t=2,p=1$")] != h[:len("$argon2id$v=19$m=19456,t=2,p=1$")] {
		t.Fatalf("the hash of nobody is cheaper: %s", p.unknown)
	}
	params, salt, key, err := argon2id.DecodeHash(p.unknown)
	if err != nil || *params != p.params || len(salt) != int(p.params.SaltLength) || len(key) != int(p.params.KeyLength) || p.unknown == newPasswords().unknown {
		t.Errorf("the hash of nobody: %s, %+v, %v", p.unknown, params, err)
	}
	if ok, err := p.matches(t.Context(), goodPassword, ""); ok || err != nil {
		t.Errorf("a password matches nobody's: %v, %v", ok, err)
	}
}
