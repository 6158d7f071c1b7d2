package identity

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"parley/chat"
)

// Lives of signing keys. A new key is published before it signs, so that every process that shares the store knows it
// by then. It stays until its successor is followed in turn: by then its last token is long over.
const (
	keyFor      = 30 * 24 * time.Hour // a key signs for that long
	reloadEvery = time.Minute
	keyRipens   = 10 * time.Minute // a key that is not the only one signs from this age on
)

// ring holds the keys of one moment. It never changes.
type ring struct {
	signer jose.Signer
	public map[string]ed25519.PublicKey // by key id
	// refresh are keys to derive refresh tokens with, that of the signing key first.
	refresh [][]byte
	jwks    []byte
	at      time.Time // when they were read
}

// JWKS returns the public keys that verify access tokens, as a JSON Web Key Set (RFC 7517).
func (l *Local) JWKS() []byte { return slices.Clone(l.ring.Load().jwks) }

// loadKeys reads the keys, and makes a new one when the newest is due to be followed.
func (l *Local) loadKeys(ctx context.Context) error {
	keys, err := l.store.Keys(ctx)
	if err != nil {
		return fmt.Errorf("load the signing keys: %w", err)
	}
	slices.SortFunc(keys, func(a, b chat.SigningKey) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.KeyID, b.KeyID))
	})
	now := l.clock()
	if len(keys) == 0 || age(keys[len(keys)-1], now) >= keyFor-keyRipens {
		k, err := newKey(now)
		if err != nil {
			return err
		}
		var drop []string
		for len(keys) > 1 {
			drop, keys = append(drop, keys[0].KeyID), keys[1:]
		}
		if err := l.store.AddKey(ctx, k, drop...); err != nil {
			return fmt.Errorf("add a signing key: %w", err)
		}
		l.log.InfoContext(ctx, "new signing key", "keyId", k.KeyID, "dropped", len(drop))
		keys = append(keys, k)
	}
	r, err := newRing(keys, now)
	if err != nil {
		return fmt.Errorf("read the signing keys: %w", err)
	}
	l.ring.Store(r)
	return nil
}

func age(k chat.SigningKey, now time.Time) time.Duration { return now.Sub(time.UnixMilli(k.CreatedAt)) }

// signing is the key that signs: the newest that is ripe, or the oldest; every process chooses the same.
func signing(keys []chat.SigningKey, now time.Time) int {
	for i := len(keys) - 1; i > 0; i-- {
		if age(keys[i], now) >= keyRipens {
			return i
		}
	}
	return 0
}

// newKey makes an Ed25519 key whose id is its thumbprint (RFC 7638).
func newKey(now time.Time) (chat.SigningKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return chat.SigningKey{}, fmt.Errorf("make a signing key: %w", err)
	}
	k := jose.JSONWebKey{Key: private, Algorithm: string(jose.EdDSA), Use: "sig"}
	thumb, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return chat.SigningKey{}, fmt.Errorf("name a signing key: %w", err)
	}
	k.KeyID = base64.RawURLEncoding.EncodeToString(thumb)
	text, err := k.MarshalJSON()
	if err != nil {
		return chat.SigningKey{}, fmt.Errorf("write a signing key: %w", err)
	}
	return chat.SigningKey{KeyID: k.KeyID, Private: text, CreatedAt: now.UnixMilli()}, nil
}

func newRing(keys []chat.SigningKey, now time.Time) (*ring, error) {
	r := &ring{public: make(map[string]ed25519.PublicKey, len(keys)), at: now}
	first := signing(keys, now)
	var set jose.JSONWebKeySet
	for i, stored := range keys {
		var k jose.JSONWebKey
		if err := k.UnmarshalJSON(stored.Private); err != nil {
			return nil, errors.New("a stored key is not a JWK") // the cause could show the key
		}
		private, ok := k.Key.(ed25519.PrivateKey)
		if !ok {
			return nil, errors.New("a stored key is not an Ed25519 key")
		}
		derived, err := hkdf.Key(sha256.New, private.Seed(), nil, "parley refresh token", sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("derive a key: %w", err)
		}
		set.Keys = append(set.Keys, k.Public())
		r.public[stored.KeyID] = private.Public().(ed25519.PublicKey)
		if i != first {
			r.refresh = append(r.refresh, derived)
			continue
		}
		r.refresh = slices.Insert(r.refresh, 0, derived)
		r.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: k}, (&jose.SignerOptions{}).WithType(tokenType))
		if err != nil {
			return nil, fmt.Errorf("make a signer: %w", err)
		}
	}
	var err error
	r.jwks, err = json.Marshal(set)
	return r, err
}
