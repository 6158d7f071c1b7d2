package cognito

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"parley/chat"
)

const (
	maxKeySet  = 64 << 10         // bytes
	maxKeys    = 32               // that are kept
	keysFor    = 24 * time.Hour   // after that they are fetched again, so that a key withdrawn is not trusted for ever
	fetchPause = 30 * time.Second // between fetches for keys that are not there: tokens with made-up keys cost no more
)

// keySet keeps the keys of a pool, by id. Whoever finds one missing fetches them, one at a time and not too often.
type keySet struct {
	url  string
	http *http.Client
	now  func() time.Time

	mu    sync.RWMutex
	byID  map[string]*rsa.PublicKey
	raw   []byte
	until time.Time // when byID is to be fetched again

	fetching sync.Mutex // held while fetching; guards what follows
	next     time.Time  // not before that
	failed   error      // why there are no keys at all
}

// key returns a key, or nil if there is none of that id. Unavailable if the keys cannot be had.
func (k *keySet) key(id string) (*rsa.PublicKey, error) {
	if key, fresh := k.lookup(id); key != nil && fresh {
		return key, nil
	}
	k.fetching.Lock()
	defer k.fetching.Unlock()
	key, fresh := k.lookup(id)
	if key != nil && fresh { // somebody else fetched meanwhile
		return key, nil
	}
	if k.now().Before(k.next) {
		return key, k.failed
	}
	k.next, k.failed = k.now().Add(fetchPause), nil
	if err := k.fetch(); err != nil && !k.any() { // else old keys are better than none
		k.next = k.now().Add(time.Second)
		k.failed = &chat.Error{Code: chat.Unavailable, Message: "Accounts cannot be reached at the moment. Please try again.", RetryAfter: time.Second, Cause: err}
	}
	key, _ = k.lookup(id)
	return key, k.failed
}

func (k *keySet) lookup(id string) (key *rsa.PublicKey, fresh bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.byID[id], k.now().Before(k.until)
}

func (k *keySet) any() bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.byID) > 0
}

func (k *keySet) fetch() error {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, k.url, nil) // the client has a timeout
	if err != nil {
		return fmt.Errorf("fetch the pool's keys: %w", err)
	}
	resp, err := k.http.Do(req)
	if err != nil {
		return fmt.Errorf("fetch the pool's keys: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	switch {
	case err != nil:
		return fmt.Errorf("fetch the pool's keys: %w", err)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("fetch the pool's keys: %s", resp.Status)
	case len(raw) > maxKeySet:
		return errors.New("fetch the pool's keys: there is too much of them")
	}
	byID, err := parseKeys(raw)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.byID, k.raw, k.until = byID, raw, k.now().Add(keysFor)
	return nil
}

// parseKeys reads a key set; what is not an RSA key for RS256 signatures is left out.
func parseKeys(raw []byte) (map[string]*rsa.PublicKey, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("read the pool's keys: %w", err)
	}
	byID := map[string]*rsa.PublicKey{}
	for _, key := range set.Keys {
		public, ok := key.Key.(*rsa.PublicKey)
		if ok && key.KeyID != "" && key.Valid() && len(byID) < maxKeys {
			byID[key.KeyID] = public
		}
	}
	if len(byID) == 0 {
		return nil, errors.New("read the pool's keys: there is none")
	}
	return byID, nil
}

// JWKS implements identity.Pool: the keys as the pool publishes them, or an empty set if they cannot be had.
func (p *Pool) JWKS() []byte {
	_, _ = p.keys.key("") // fetches them if they are not here
	p.keys.mu.RLock()
	defer p.keys.mu.RUnlock()
	if p.keys.raw == nil {
		return []byte(`{"keys":[]}`)
	}
	return append([]byte(nil), p.keys.raw...)
}
