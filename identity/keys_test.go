package identity

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/chat"
)

func (k *keysOnly) Keys(context.Context) ([]chat.SigningKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.keys), nil
}

func (k *keysOnly) AddKey(_ context.Context, n chat.SigningKey, drop ...string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = slices.DeleteFunc(k.keys, func(o chat.SigningKey) bool { return slices.Contains(drop, o.KeyID) })
	k.keys = append(k.keys, n)
	return nil
}

// Two processes that load the keys a minute apart at most accept each other's tokens at every moment, while keys come
// and go over four months.
func TestKeysRotateUnderTwoProcesses(t *testing.T) {
	h := open(t)
	c := Config{Store: h.store, Connections: h.edge, Now: h.clock.now, Logger: slog.New(slog.DiscardHandler)}
	procs := []*Local{h.local(c), h.local(c)}
	a := &chat.Account{User: chat.User{UserID: "u"}}
	type issued struct {
		token string
		until time.Time
	}
	newest := map[string]issued{} // by header, which has the key's id
	step := func(d time.Duration, i int) {
		h.clock.advance(d)
		if err := procs[i%2].loadKeys(h.ctx); err != nil {
			t.Fatal(err)
		}
		for _, p := range procs {
			token, err := p.sign(a, "s", AccessFor)
			if err != nil {
				t.Fatal(err)
			}
			head, _, _ := strings.Cut(token, ".")
			newest[head] = issued{token, h.clock.now().Add(AccessFor)}
		}
		for _, i := range newest {
			if h.clock.now().After(i.until) {
				continue
			}
			for n, p := range procs {
				if _, err := p.Verify(i.token); err != nil {
					t.Fatalf("%v: process %d: %v", h.clock.now(), n, err)
				}
			}
		}
	}
	for range 4 {
		for i := range 2*29 + 1 {
			step(12*time.Hour, i)
			step(time.Second, i+1)
		}
		for i := range 2 * 60 { // around the change, each once a minute
			step(30*time.Second, i)
		}
	}
	if len(newest) < 4 {
		t.Fatalf("%d keys signed in four months", len(newest))
	}
	keys, err := h.store.Keys(h.ctx)
	if err != nil || len(keys) > 3 {
		t.Fatalf("%d keys kept, %v", len(keys), err)
	}
}

func TestANewKeyIsPublishedBeforeItSigns(t *testing.T) {
	h := open(t)
	kid := func() string {
		token, err := h.sign(&chat.Account{}, "s", AccessFor)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(token, ".")
		return head
	}
	first := kid()
	h.clock.advance(keyFor - keyRipens)
	if err := h.loadKeys(h.ctx); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(h.JWKS()), `"kid"`); n != 2 {
		t.Fatalf("%d keys published", n)
	}
	if kid() != first {
		t.Fatal("the new key signs before others know it")
	}
	h.clock.advance(keyRipens)
	if err := h.loadKeys(h.ctx); err != nil {
		t.Fatal(err)
	}
	if kid() == first {
		t.Fatal("the old key still signs")
	}
}

func TestKeysSurviveARestart(t *testing.T) {
	h := open(t)
	h.register("anna")
	g := h.login("anna")
	again := h.local(Config{Store: h.store, Connections: h.edge, Now: h.clock.now})
	if _, err := again.Verify(g.AccessToken); err != nil {
		t.Fatal(err)
	}
	if keys, _ := h.store.Keys(h.ctx); len(keys) != 1 {
		t.Fatalf("%d keys", len(keys))
	}
}

func TestSpoiltKeysAreAnErrorWithoutTheKey(t *testing.T) {
	secret := `{"kty":"oct","k":"c2VjcmV0"}`
	for _, private := range []string{secret, "c2VjcmV0 not JSON", ""} {
		_, err := NewLocal(t.Context(), Config{Store: &keysOnly{keys: []chat.SigningKey{{KeyID: "x", Private: []byte(private), CreatedAt: time.Now().UnixMilli()}}}})
		if err == nil || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%q: %v", private, err)
		}
	}
}

func TestRunRotatesAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, err := newKey(time.Now().Add(-keyFor + keyRipens + 2*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		s := &keysOnly{keys: []chat.SigningKey{old}}
		l, err := NewLocal(t.Context(), Config{Store: s})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		for _, want := range []int{1, 2} {
			time.Sleep(90 * time.Minute) // of the bubble's clock
			synctest.Wait()
			if keys, _ := s.Keys(ctx); len(keys) != want {
				t.Errorf("%d keys, want %d", len(keys), want)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
