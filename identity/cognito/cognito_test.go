package cognito_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"parley/chat"
	"parley/identity"
	"parley/identity/cognito"
	"parley/identity/cognito/cognitotest"
	"parley/identity/identitytest"
)

func wantCode(t *testing.T, err error, code chat.Code, what string) {
	t.Helper()
	if chat.CodeOf(err) != code {
		t.Errorf("%s: got %v, want code %q", what, err, code)
	}
}

func TestCognito(t *testing.T) {
	g := openGate(t)
	t.Run("conformance", func(t *testing.T) {
		identitytest.Run(t, func(t *testing.T, mode identity.Mode) identitytest.House {
			_, h := g.house(t, mode)
			return h
		})
	})
	t.Run("a code that was lost is sent again", g.lostCode)
	t.Run("who the pool has from elsewhere", g.fromElsewhere)
	t.Run("what the pool ended is over", g.endedByPool)
	t.Run("log out ends it at the pool", g.logOutAtPool)
	t.Run("a token of the pool opens nothing at rest", g.atRest)
	t.Run("administrators are a group", g.adminGroup)
	t.Run("first sign-ins at once", g.firstSignInsAtOnce)
	t.Run("tokens", g.tokens)
	t.Run("the client's secret is read once", g.secretOnce)
}

// gate is a Cognito that these tests speak to.
type gate struct{ *cognitotest.Server }

func openGate(t *testing.T) *gate {
	t.Helper()
	server, err := cognitotest.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return &gate{server}
}

// pool makes a pool, and what speaks to it.
func (g *gate) pool(t *testing.T) (*cognito.Pool, cognito.Config) {
	t.Helper()
	id, client, err := g.NewPool(t.Context(), cognito.AdminGroup)
	if err != nil {
		t.Fatal(err)
	}
	c := cognito.Config{Client: cognitotest.Client(g.URL), UserPoolID: id, ClientID: client}
	p, err := cognito.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

func (g *gate) house(t *testing.T, mode identity.Mode) (*cognito.Pool, identitytest.House) {
	t.Helper()
	l, h := identitytest.NewLocal(t, mode)
	pool, _ := g.pool(t)
	h.Keeper = identity.NewPooled(l, pool)
	h.Code = func(*testing.T, string) string { return cognitotest.Code }
	return pool, h
}

func join(t *testing.T, h identitytest.House, username string) identity.Grant {
	t.Helper()
	_, confirm, err := h.Register(t.Context(), identity.Registration{Username: username, Email: username + "@example.org", Password: identitytest.Password})
	if err != nil || !confirm {
		t.Fatal(confirm, err)
	}
	if err := h.Confirm(t.Context(), username, cognitotest.Code); err != nil {
		t.Fatal(err)
	}
	return logIn(t, h, username)
}

func logIn(t *testing.T, h identitytest.House, username string) identity.Grant {
	t.Helper()
	grant, err := h.Login(t.Context(), identity.Credentials{Username: username, Password: identitytest.Password}, identity.Device{})
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

func (g *gate) lostCode(t *testing.T) {
	_, h := g.house(t, identity.Open)
	if _, _, err := h.Register(t.Context(), identity.Registration{Username: "lost", Email: "lost@example.org", Password: identitytest.Password}); err != nil {
		t.Fatal(err)
	}
	if err := h.Forgot(t.Context(), "lost"); err != nil {
		t.Fatal(err)
	}
	if err := h.Confirm(t.Context(), "lost", cognitotest.Code); err != nil {
		t.Fatal(err)
	}
	if err := h.Forgot(t.Context(), "lost"); err != nil {
		t.Fatal(err)
	}
	if got := g.Resent(); !slices.Equal(got, []string{"lost"}) {
		t.Errorf("first codes were sent again to %q", got)
	}
}

func (g *gate) fromElsewhere(t *testing.T) {
	for mode, want := range map[identity.Mode]chat.Code{identity.Open: "", identity.InviteOnly: chat.Forbidden, identity.Closed: chat.Forbidden} {
		pool, h := g.house(t, mode)
		if _, _, err := pool.SignUp(t.Context(), "anna", "anna@example.org", identitytest.Password); err != nil {
			t.Fatal(err)
		}
		if err := pool.Confirm(t.Context(), "anna", cognitotest.Code); err != nil {
			t.Fatal(err)
		}
		grant, err := h.Login(t.Context(), identity.Credentials{Username: "anna", Password: identitytest.Password}, identity.Device{})
		if chat.CodeOf(err) != want || (err == nil) != (grant.AccessToken != "") {
			t.Errorf("%s: %v", mode, err)
		}
		if _, err := h.Store.AccountByName(t.Context(), "anna"); (err == nil) != (mode == identity.Open) {
			t.Errorf("%s: the account: %v", mode, err)
		}
	}
}

// credential signs in at the pool behind the house's back and returns what renews.
func credential(t *testing.T, pool *cognito.Pool, username string) string {
	t.Helper()
	tokens, err := pool.SignIn(t.Context(), username, identitytest.Password)
	if err != nil {
		t.Fatal(err)
	}
	return tokens.Credential
}

func (g *gate) endedByPool(t *testing.T) {
	pool, h := g.house(t, identity.Open)
	grant := join(t, h, "anna")
	who, _ := h.Verify(grant.AccessToken)
	if err := pool.Delete(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	if err := pool.Delete(t.Context(), "anna"); err != nil {
		t.Errorf("twice: %v", err)
	}
	_, err := h.Refresh(t.Context(), grant.RefreshToken, identity.Device{})
	wantCode(t, err, chat.Unauthenticated, "refresh")
	if _, err := h.CheckSession(t.Context(), who); chat.CodeOf(err) != chat.Unauthenticated {
		t.Errorf("the session is there still: %v", err)
	}
}

func (g *gate) logOutAtPool(t *testing.T) {
	pool, h := g.house(t, identity.Open)
	grant := join(t, h, "anna")
	before := g.Calls("RevokeToken")
	if err := h.Logout(t.Context(), grant.RefreshToken); err != nil {
		t.Fatal(err)
	}
	if g.Calls("RevokeToken") != before+1 {
		t.Error("the pool was not told")
	}
	c := credential(t, pool, "anna")
	if _, err := pool.Renew(t.Context(), "anna", c); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := pool.Revoke(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	_, err := pool.Renew(t.Context(), "anna", c)
	wantCode(t, err, chat.Unauthenticated, "renew what was revoked")
}

func (g *gate) atRest(t *testing.T) {
	pool, h := g.house(t, identity.Open)
	grant := join(t, h, "anna")
	who, _ := h.Verify(grant.AccessToken)
	s, err := h.Store.Session(t.Context(), who.UserID, who.SessionID)
	if err != nil || len(s.Sealed) == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	if strings.Contains(string(s.Sealed), ".") && strings.Contains(string(s.Sealed), "eyJ") {
		t.Error("the pool's token is stored as it is")
	}
	if _, err := pool.Renew(t.Context(), "anna", grant.RefreshToken); err == nil {
		t.Error("our refresh token is the pool's")
	}
	next, err := h.Refresh(t.Context(), grant.RefreshToken, identity.Device{})
	if err != nil {
		t.Fatal(err)
	}
	after, err := h.Store.Session(t.Context(), who.UserID, who.SessionID)
	if err != nil || string(after.Sealed) == string(s.Sealed) || next.RefreshToken == grant.RefreshToken {
		t.Errorf("not encrypted anew: %v", err)
	}
}

func (g *gate) adminGroup(t *testing.T) {
	pool, h := g.house(t, identity.Open)
	join(t, h, "anna")
	if berta := join(t, h, "berta"); mustVerify(t, h, berta).Admin {
		t.Fatal("berta is an administrator already")
	}
	if err := pool.MakeAdmin(t.Context(), "berta"); err != nil {
		t.Fatal(err)
	}
	berta := logIn(t, h, "berta")
	a, err := h.Store.Account(t.Context(), berta.User.UserID)
	if !mustVerify(t, h, berta).Admin || err != nil || !a.Admin {
		t.Errorf("%+v, %v", a, err)
	}
}

func mustVerify(t *testing.T, h identitytest.House, grant identity.Grant) identity.Principal {
	t.Helper()
	p, err := h.Verify(grant.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (g *gate) firstSignInsAtOnce(t *testing.T) {
	_, h := g.house(t, identity.InviteOnly)
	join(t, h, "anna")
	admin := mustVerify(t, h, logIn(t, h, "anna"))
	i, err := h.CreateInvite(t.Context(), admin, identity.NewInvite{MaxUses: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := identity.Registration{Username: "berta", Email: "berta@example.org", Password: identitytest.Password, DisplayName: "Berta B.", InviteToken: i.Token}
	if _, _, err := h.Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := h.Confirm(t.Context(), "berta", cognitotest.Code); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var in atomic.Int32
	for range 4 {
		wg.Go(func() {
			if _, err := h.Login(context.WithoutCancel(t.Context()), identity.Credentials{Username: "berta", Password: identitytest.Password}, identity.Device{}); err == nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() == 0 {
		t.Error("nobody came in")
	}
	grant := logIn(t, h, "berta") // whoever was refused comes in now
	if grant.User.DisplayName != "Berta B." {
		t.Errorf("%+v", grant.User)
	}
}

func (g *gate) tokens(t *testing.T) {
	pool, c := g.pool(t)
	if _, _, err := pool.SignUp(t.Context(), "anna", "anna@example.org", identitytest.Password); err != nil {
		t.Fatal(err)
	}
	if err := pool.Confirm(t.Context(), "anna", cognitotest.Code); err != nil {
		t.Fatal(err)
	}
	tokens, err := pool.SignIn(t.Context(), "anna", identitytest.Password)
	if err != nil {
		t.Fatal(err)
	}
	sound := cognitotest.ClaimsOf(tokens.Access)
	if _, err := pool.Verify(g.Sign(sound)); err != nil {
		t.Fatalf("the sound one: %v", err)
	}
	changed := func(change func(map[string]any)) string {
		c := maps.Clone(sound)
		change(c)
		return g.Sign(c)
	}
	theirs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	for what, token := range map[string]string{
		"an ID token":       changed(func(c map[string]any) { c["token_use"] = "id" }),
		"another client":    changed(func(c map[string]any) { c["client_id"] = "other" }),
		"another pool":      changed(func(c map[string]any) { c["iss"] = g.URL + "/local_other" }),
		"over":              changed(func(c map[string]any) { c["exp"] = now - 60 }),
		"no end":            changed(func(c map[string]any) { delete(c, "exp") }),
		"from the future":   changed(func(c map[string]any) { c["iat"] = now + 3600 }),
		"nobody":            changed(func(c map[string]any) { delete(c, "sub") }),
		"a key in the id":   changed(func(c map[string]any) { c["sub"] = "a#b" }),
		"no session":        changed(func(c map[string]any) { delete(c, "origin_jti") }),
		"another key":       cognitotest.Signed(jose.RS256, jose.JSONWebKey{Key: theirs, KeyID: g.Key.KeyID}, sound),
		"an unknown key":    cognitotest.Signed(jose.RS256, jose.JSONWebKey{Key: theirs, KeyID: "other"}, sound),
		"no key id":         cognitotest.Signed(jose.RS256, theirs, sound),
		"another algorithm": cognitotest.Signed(jose.PS256, g.Key, sound),
		"HMAC":              cognitotest.Signed(jose.HS256, jose.JSONWebKey{Key: []byte(strings.Repeat("k", 32)), KeyID: g.Key.KeyID}, sound),
	} {
		if p, err := pool.Verify(token); chat.CodeOf(err) != chat.Unauthenticated || p != (identity.Principal{}) {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
	}
	c.Now = func() time.Time { return time.Now().Add(time.Hour) }
	later, err := cognito.New(c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = later.Verify(tokens.Access)
	wantCode(t, err, chat.Unauthenticated, "an hour later")
}

func (g *gate) secretOnce(t *testing.T) {
	pool, _ := g.pool(t)
	before := g.Calls("DescribeUserPoolClient")
	for range 3 {
		if err := pool.Forgot(t.Context(), "nobody"); err != nil {
			t.Fatal(err)
		}
	}
	if n := g.Calls("DescribeUserPoolClient") - before; n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// A pool that cannot be reached, or is not there, is a moment's trouble and not a wrong password.
func TestNoPool(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	pool, err := cognito.New(cognito.Config{Client: cognitotest.Client(gone.URL), UserPoolID: "local_x", ClientID: "y"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = pool.SignIn(t.Context(), "anna", identitytest.Password)
	wantCode(t, err, chat.Unavailable, "sign in")
	_, err = pool.Verify(cognitotest.Signed(jose.HS256, jose.JSONWebKey{Key: []byte(strings.Repeat("k", 32)), KeyID: "k"}, map[string]any{}))
	wantCode(t, err, chat.Unauthenticated, "a token of another kind, for which no key is fetched")
	if got := string(pool.JWKS()); got != `{"keys":[]}` {
		t.Errorf("keys %s", got)
	}
	if _, err := cognito.New(cognito.Config{}); err == nil {
		t.Error("a pool out of nothing")
	}
}
