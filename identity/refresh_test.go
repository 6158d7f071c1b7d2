package identity

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/chat"
)

func TestRefreshRotates(t *testing.T) {
	h := open(t)
	u := h.register("anna")
	g := h.login("anna")
	tokens := []string{g.RefreshToken}
	for range 5 {
		h.clock.advance(20 * 24 * time.Hour) // far longer in all than a session without use
		var err error
		g, err = h.Refresh(h.ctx, g.RefreshToken, Device{UserAgent: "new", Address: "192.0.2.7"})
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(tokens, g.RefreshToken) {
			t.Fatal("the refresh token did not change")
		}
		tokens = append(tokens, g.RefreshToken)
		if p := h.principal(g); p.UserID != u.UserID || g.User != u {
			t.Fatalf("%+v %+v", p, g)
		}
	}
	all, _ := h.Sessions(h.ctx, u.UserID)
	if len(all) != 1 || all[0].UserAgent != "new" || all[0].Address != "192.0.2.7" || all[0].LastUsedAt != h.now() {
		t.Fatalf("sessions: %+v", all)
	}
	if ended := h.edge.take(); len(ended) != 0 {
		t.Fatalf("sockets ended: %v", ended)
	}
	h.clock.advance(RefreshFor)
	_, err := h.Refresh(h.ctx, g.RefreshToken, Device{})
	wantCode(t, err, chat.Unauthenticated, "after 30 days without use")
}

func TestOnlyHashesAreStored(t *testing.T) {
	h := open(t)
	u := h.register("anna")
	g := h.login("anna")
	s, err := h.store.Session(h.ctx, u.UserID, h.principal(g).SessionID)
	if err != nil {
		t.Fatal(err)
	}
	r, ok := parseRefresh(g.RefreshToken)
	if !ok || len(s.TokenHash) != 32 || slices.Equal(s.TokenHash, r.secret) || !slices.Equal(s.TokenHash, hashSecret(r.secret)) {
		t.Fatalf("stored %x for %x", s.TokenHash, r.secret)
	}
}

// Two tabs, or one whose answer was lost: both get the same, and nothing ends.
func TestRepeatWithinGrace(t *testing.T) {
	h := open(t)
	h.register("anna")
	g0 := h.login("anna")
	var mu sync.Mutex
	got := map[string]int{}
	together(8, func(int) {
		g, err := h.Refresh(h.ctx, g0.RefreshToken, Device{Browser: true})
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := h.Verify(g.AccessToken); err != nil {
			t.Error(err)
		}
		mu.Lock()
		got[g.RefreshToken]++
		mu.Unlock()
	})
	if len(got) != 1 {
		t.Fatalf("%d different refresh tokens came of one", len(got))
	}
	h.clock.advance(10 * time.Second)
	again, err := h.Refresh(h.ctx, g0.RefreshToken, Device{Browser: true})
	if err != nil || got[again.RefreshToken] != 8 {
		t.Fatalf("at the end of the grace: %v", err)
	}
	if _, err := h.Refresh(h.ctx, again.RefreshToken, Device{Browser: true}); err != nil {
		t.Fatalf("the common successor: %v", err)
	}
	if ended := h.edge.take(); len(ended) != 0 {
		t.Fatalf("sockets ended: %v", ended)
	}
}

func TestReuseEndsTheSession(t *testing.T) {
	for name, prepare := range map[string]func(h *house, g0 Grant) (stale string, current Grant){
		"previous, at once, by a program": func(h *house, g0 Grant) (string, Grant) {
			g1, err := h.Refresh(h.ctx, g0.RefreshToken, Device{})
			if err != nil {
				t.Fatal(err)
			}
			return g0.RefreshToken, g1
		},
		"previous, after the grace": func(h *house, g0 Grant) (string, Grant) {
			g1, err := h.Refresh(h.ctx, g0.RefreshToken, Device{})
			if err != nil {
				t.Fatal(err)
			}
			h.clock.advance(10*time.Second + time.Millisecond)
			return g0.RefreshToken, g1
		},
		"older than the previous": func(h *house, g0 Grant) (string, Grant) {
			g1, _ := h.Refresh(h.ctx, g0.RefreshToken, Device{})
			g2, err := h.Refresh(h.ctx, g1.RefreshToken, Device{})
			if err != nil {
				t.Fatal(err)
			}
			return g0.RefreshToken, g2
		},
		"made up": func(h *house, g0 Grant) (string, Grant) {
			r, _ := parseRefresh(g0.RefreshToken)
			r.secret = newSecret()
			return r.String(), g0
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			u := h.register("anna")
			other := h.login("anna")
			g0 := h.login("anna")
			sid := h.principal(g0).SessionID
			stale, current := prepare(h, g0)
			h.edge.take()
			_, err := h.Refresh(h.ctx, stale, Device{Address: "203.0.113.5", Browser: !strings.Contains(name, "program")})
			wantCode(t, err, chat.Unauthenticated, "stale token")
			if got := h.edge.take(); !slices.Equal(got, []string{u.UserID + " " + sid}) {
				t.Fatalf("sockets ended: %v", got)
			}
			_, err = h.Refresh(h.ctx, current.RefreshToken, Device{})
			wantCode(t, err, chat.Unauthenticated, "the newest token of the family")
			_, err = h.Verify(current.AccessToken)
			wantCode(t, err, chat.Unauthenticated, "the newest access token")
			if _, err := h.Refresh(h.ctx, other.RefreshToken, Device{}); err != nil {
				t.Fatalf("another session of the same person: %v", err)
			}
			log := h.logged.String()
			if !strings.Contains(log, "refresh token used again") || !strings.Contains(log, "203.0.113.5") {
				t.Fatalf("not in the log: %s", log)
			}
			for _, secret := range []string{stale, current.RefreshToken} {
				if strings.Contains(log, secret[strings.LastIndexByte(secret, '.')+1:]) {
					t.Fatal("a secret is in the log")
				}
			}
		})
	}
}

func TestGraceCanBeNone(t *testing.T) {
	h := open(t, func(c *Config) { c.Grace = -1 })
	h.register("anna")
	g := h.login("anna")
	if _, err := h.Refresh(h.ctx, g.RefreshToken, Device{Browser: true}); err != nil {
		t.Fatal(err)
	}
	_, err := h.Refresh(h.ctx, g.RefreshToken, Device{Browser: true})
	wantCode(t, err, chat.Unauthenticated, "at once")
}

func TestLogout(t *testing.T) {
	h := open(t)
	u := h.register("anna")
	g, other := h.login("anna"), h.login("anna")
	for _, garbage := range []string{"", "x", "a.b.c", strings.Repeat("a", 10_000), g.AccessToken} {
		if err := h.Logout(h.ctx, garbage); err != nil {
			t.Fatalf("%.20q: %v", garbage, err)
		}
	}
	for range 2 { // a second time is no error
		if err := h.Logout(h.ctx, g.RefreshToken); err != nil {
			t.Fatal(err)
		}
	}
	_, err := h.Refresh(h.ctx, g.RefreshToken, Device{})
	wantCode(t, err, chat.Unauthenticated, "refresh after log-out")
	_, err = h.Verify(g.AccessToken)
	wantCode(t, err, chat.Unauthenticated, "access after log-out")
	if _, err := h.Verify(other.AccessToken); err != nil {
		t.Fatalf("the other session: %v", err)
	}
	if all, _ := h.Sessions(h.ctx, u.UserID); len(all) != 1 {
		t.Fatalf("%d sessions left", len(all))
	}
}

func TestDisabledPeopleRefreshNoMore(t *testing.T) {
	h := open(t)
	u := h.register("anna")
	g := h.login("anna")
	s, err := h.store.Session(h.ctx, u.UserID, h.principal(g).SessionID)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Disable(h.ctx, "anna"); err != nil {
		t.Fatal(err)
	}
	if err := h.store.PutSession(h.ctx, s, nil); err != nil { // even if one was left over
		t.Fatal(err)
	}
	_, err = h.Refresh(h.ctx, g.RefreshToken, Device{})
	wantCode(t, err, chat.Unauthenticated, "disabled")
}

func TestRepeatWithAKeyUnknownHereKeepsTheToken(t *testing.T) {
	h := open(t)
	h.register("anna")
	g := h.login("anna")
	if _, err := h.Refresh(h.ctx, g.RefreshToken, Device{}); err != nil {
		t.Fatal(err)
	}
	r := *h.ring.Load()
	r.refresh = [][]byte{newSecret()}
	h.ring.Store(&r)
	again, err := h.Refresh(h.ctx, g.RefreshToken, Device{Browser: true})
	if err != nil || again.RefreshToken != "" || again.AccessToken == "" {
		t.Fatalf("%+v, %v", again, err)
	}
}

func FuzzParseRefresh(f *testing.F) {
	valid := refreshToken{"01J", "S", newSecret()}.String()
	for _, s := range []string{valid, "", "..", "a.b.c", valid + "=", valid + "\n", strings.ToUpper(valid), "a#b.c." + valid[len(valid)-43:]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := parseRefresh(s)
		if !ok {
			return
		}
		if r.String() != s { // one token has one form
			t.Fatalf("%q was read as %q", s, r)
		}
		if strings.ContainsAny(r.userID+r.sessionID, "#./ ") || r.userID == "" || r.sessionID == "" || len(r.secret) != secretBytes {
			t.Fatalf("%q gave %+v", s, r)
		}
	})
}
