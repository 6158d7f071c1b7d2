package cognito

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"parley/chat"
)

// publisher serves a key set that tests change, and counts how often it is fetched.
type publisher struct {
	mu     sync.Mutex
	body   []byte
	status int
	asked  atomic.Int32
}

func (p *publisher) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.asked.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body)
}

func (p *publisher) publish(status int, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.body = status, body
}

func (p *publisher) keys(t *testing.T, ids ...string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	for _, id := range ids {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &key.PublicKey, KeyID: id, Algorithm: string(jose.RS256), Use: "sig"})
	}
	raw, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	p.publish(http.StatusOK, raw)
}

func openKeys(t *testing.T) (*publisher, *keySet, func(time.Duration)) {
	t.Helper()
	p := &publisher{status: http.StatusOK}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	var clock atomic.Int64
	clock.Store(time.Now().UnixMilli())
	k := &keySet{url: server.URL, http: server.Client(), now: func() time.Time { return time.UnixMilli(clock.Load()) }}
	return p, k, func(d time.Duration) { clock.Add(d.Milliseconds()) }
}

func (k *keySet) has(t *testing.T, id string) bool {
	t.Helper()
	key, err := k.key(id)
	if err != nil {
		t.Fatalf("key %s: %v", id, err)
	}
	return key != nil
}

func TestKeysAreFetchedOnceAndAgainWhenTheyRotate(t *testing.T) {
	p, k, advance := openKeys(t)
	p.keys(t, "a", "b")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if key, err := k.key("a"); key == nil || err != nil {
				t.Error(key, err)
			}
		})
	}
	wg.Wait()
	if !k.has(t, "b") || p.asked.Load() != 1 {
		t.Fatalf("fetched %d times", p.asked.Load())
	}
	p.keys(t, "b", "c")
	for range 50 { // made-up keys cost no more than a fetch now and then
		k.has(t, "c")
	}
	if p.asked.Load() != 1 {
		t.Fatalf("fetched %d times within the pause", p.asked.Load())
	}
	advance(fetchPause)
	if !k.has(t, "c") || k.has(t, "a") || p.asked.Load() != 2 {
		t.Fatalf("after rotation: fetched %d times", p.asked.Load())
	}
	advance(keysFor)
	p.keys(t, "d")
	if k.has(t, "b") {
		t.Error("a key that was withdrawn a day ago is trusted")
	}
}

func TestOldKeysGoOnWhenNewOnesCannotBeHad(t *testing.T) {
	p, k, advance := openKeys(t)
	p.publish(http.StatusInternalServerError, nil)
	for range 5 {
		if key, err := k.key("a"); key != nil || chat.CodeOf(err) != chat.Unavailable {
			t.Fatal(key, err)
		}
	}
	if p.asked.Load() != 1 {
		t.Errorf("fetched %d times in one second of trouble", p.asked.Load())
	}
	advance(time.Second)
	p.keys(t, "a")
	if !k.has(t, "a") {
		t.Fatal("no key after the trouble")
	}
	for _, bad := range []struct {
		status int
		body   string
	}{{http.StatusBadGateway, ""}, {http.StatusOK, "<html>"}, {http.StatusOK, `{"keys":[]}`}, {http.StatusOK, `{"keys":[` + strings.Repeat(" ", maxKeySet) + `]}`}} {
		p.publish(bad.status, []byte(bad.body))
		advance(keysFor)
		if !k.has(t, "a") {
			t.Errorf("%d %.20q: the old key is gone", bad.status, bad.body)
		}
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":""}]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		keys, err := parseKeys(raw)
		if (err == nil) != (len(keys) > 0) || len(keys) > maxKeys {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		if keys[""] != nil {
			t.Fatal("a key without an id")
		}
	})
}
