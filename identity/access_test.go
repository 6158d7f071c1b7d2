package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"parley/chat"
)

func TestAccessTokensEnd(t *testing.T) {
	h := open(t)
	h.register("anna")
	g := h.login("anna")
	h.clock.advance(AccessFor)
	h.principal(g)
	h.clock.advance(clockLeeway + time.Second)
	_, err := h.Verify(g.AccessToken)
	wantCode(t, err, chat.Unauthenticated, "expired")
}

// Somebody else, who has only the key set and a JOSE library, comes to the same answer.
func TestKeySetVerifiesAccessTokens(t *testing.T) {
	h := open(t)
	u := h.register("anna")
	g := h.login("anna")
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(h.JWKS(), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%s: %v", h.JWKS(), err)
	}
	var raw struct{ Keys []map[string]any }
	if err := json.Unmarshal(h.JWKS(), &raw); err != nil {
		t.Fatal(err)
	}
	if _, leaked := raw.Keys[0]["d"]; leaked || !set.Keys[0].IsPublic() || !set.Keys[0].Valid() {
		t.Fatal("the set is not of public keys")
	}
	object, err := jose.ParseSignedCompact(g.AccessToken, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	keys := set.Key(object.Signatures[0].Header.KeyID)
	if len(keys) != 1 {
		t.Fatalf("%d keys with the id in the token", len(keys))
	}
	payload, err := object.Verify(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	if got["sub"] != u.UserID || got["iss"] != "parley" || got["adm"] != true || got["sid"] == "" ||
		got["exp"].(float64)-got["iat"].(float64) != AccessFor.Seconds() {
		t.Fatalf("claims %v", got)
	}
}

func TestForeignTokensAreRefused(t *testing.T) {
	h := open(t)
	u := h.register("anna")
	g := h.login("anna")
	now := h.clock.now()
	keys, err := h.store.Keys(h.ctx)
	if err != nil {
		t.Fatal(err)
	}
	var ours jose.JSONWebKey
	if err := ours.UnmarshalJSON(keys[0].Private); err != nil {
		t.Fatal(err)
	}
	_, theirs, _ := ed25519.GenerateKey(rand.Reader)
	sound := func() claims {
		return claims{Claims: jwt.Claims{Issuer: "parley", Subject: u.UserID, Audience: jwt.Audience{audience},
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute))}, SessionID: "S"}
	}
	token := func(alg jose.SignatureAlgorithm, key any, typ jose.ContentType, change func(*claims)) string {
		c := sound()
		if change != nil {
			change(&c)
		}
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType(typ))
		if err != nil {
			t.Fatal(err)
		}
		text, err := jwt.Signed(s).Claims(c).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if _, err := h.Verify(token(jose.EdDSA, ours, tokenType, nil)); err != nil {
		t.Fatalf("the sound one: %v", err)
	}
	public := []byte(ours.Public().Key.(ed25519.PublicKey))
	parts := strings.Split(g.AccessToken, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	for name, text := range map[string]string{
		"another key under our id":  token(jose.EdDSA, jose.JSONWebKey{Key: theirs, KeyID: ours.KeyID}, tokenType, nil),
		"a key that we do not know": token(jose.EdDSA, jose.JSONWebKey{Key: theirs, KeyID: "x"}, tokenType, nil),
		"no key id":                 token(jose.EdDSA, theirs, tokenType, nil),
		"public key as HMAC secret": token(jose.HS256, jose.JSONWebKey{Key: public, KeyID: ours.KeyID}, tokenType, nil),
		"another type":              token(jose.EdDSA, ours, "JWT", nil),
		"another issuer":            token(jose.EdDSA, ours, tokenType, func(c *claims) { c.Issuer = "evil" }),
		"another audience":          token(jose.EdDSA, ours, tokenType, func(c *claims) { c.Audience = jwt.Audience{"x"} }),
		"no audience":               token(jose.EdDSA, ours, tokenType, func(c *claims) { c.Audience = nil }),
		"no end":                    token(jose.EdDSA, ours, tokenType, func(c *claims) { c.Expiry = nil }),
		"no subject":                token(jose.EdDSA, ours, tokenType, func(c *claims) { c.Subject = "" }),
		"no session":                token(jose.EdDSA, ours, tokenType, func(c *claims) { c.SessionID = "" }),
		"from the future":           token(jose.EdDSA, ours, tokenType, func(c *claims) { c.IssuedAt = jwt.NewNumericDate(now.Add(time.Hour)) }),
		"algorithm none":            b64([]byte(`{"alg":"none","typ":"at+jwt","kid":"`+ours.KeyID+`"}`)) + "." + parts[1] + ".",
		"other claims":              parts[0] + "." + b64([]byte(`{"sub":"x","sid":"y","iss":"parley","aud":"parley","exp":99999999999}`)) + "." + parts[2],
		"no signature":              parts[0] + "." + parts[1] + ".",
		"refresh token":             g.RefreshToken,
		"empty":                     "",
		"long":                      strings.Repeat("a", 1<<20),
	} {
		if p, err := h.Verify(text); chat.CodeOf(err) != chat.Unauthenticated {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestEndedSessionsAreForgottenWhenNoTokenOfTheirsIsValid(t *testing.T) {
	h := open(t)
	u := h.register("anna")
	g := h.login("anna")
	if err := h.EndSession(h.ctx, u.UserID, h.principal(g).SessionID); err != nil {
		t.Fatal(err)
	}
	h.clock.advance(AccessFor)
	h.ended.forget(h.clock.now())
	_, err := h.Verify(g.AccessToken)
	wantCode(t, err, chat.Unauthenticated, "in its last moment")
	h.clock.advance(time.Minute)
	h.ended.forget(h.clock.now())
	if n := len(h.ended.until); n != 0 {
		t.Fatalf("%d ended sessions remembered", n)
	}
	_, err = h.Verify(g.AccessToken)
	wantCode(t, err, chat.Unauthenticated, "after it")
}

// keysOnly is a store that has nothing but keys.
type keysOnly struct {
	Store
	mu   sync.Mutex
	keys []chat.SigningKey
}

func FuzzVerify(f *testing.F) {
	l, err := NewLocal(f.Context(), Config{Store: &keysOnly{}})
	if err != nil {
		f.Fatal(err)
	}
	token, err := l.sign(&chat.Account{User: chat.User{UserID: "u"}}, "s", AccessFor)
	if err != nil {
		f.Fatal(err)
	}
	p, err := l.Verify(token)
	if err != nil || p.UserID != "u" || p.SessionID != "s" {
		f.Fatal(p, err)
	}
	f.Add(token)
	f.Add("")
	f.Add("..")
	f.Add(token + ".")
	f.Add(`{"payload":"e30","protected":"e30","signature":""}`)
	f.Fuzz(func(t *testing.T, s string) {
		p, err := l.Verify(s)
		// base64 has several forms of one text, so other strings may be the same token; none may be another.
		if err == nil && (p.UserID != "u" || p.SessionID != "s" || p.Admin) {
			t.Fatalf("%q passes as %+v", s, p)
		}
		if err != nil && chat.CodeOf(err) != chat.Unauthenticated {
			t.Fatalf("%q: %v", s, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	l, err := NewLocal(b.Context(), Config{Store: &keysOnly{}})
	if err != nil {
		b.Fatal(err)
	}
	token, err := l.sign(&chat.Account{User: chat.User{UserID: chat.NewID(time.Now())}}, newID(), AccessFor)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Verify(token); err != nil {
			b.Fatal(err)
		}
	}
}
