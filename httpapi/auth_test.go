package httpapi_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"context"

	"parley/chat"
	"parley/httpapi"
)

// browser is what a browser sends along from the server's own page.
func browser(more ...string) map[string]string {
	h := map[string]string{"Origin": "http://chat.test", "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}

func cookieOf(t *testing.T, a *answer) *http.Cookie {
	t.Helper()
	cookies := (&http.Response{Header: a.Header}).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies, want 1: %v", len(cookies), a.Header)
	}
	return cookies[0]
}

func TestBrowsersGetACookie(t *testing.T) {
	s := newServer(t)
	s.join("ada")
	login := obj{"username": "ada", "password": password}
	in := s.do(call{method: "POST", path: "/api/v1/auth/login", body: login, header: browser()})
	if in.Status != 200 || bytes.Contains(in.Body, []byte("refreshToken")) {
		t.Fatalf("log-in of a browser: %d %s", in.Status, in.Body)
	}
	c := cookieOf(t, in)
	if c.Name != "parley_refresh" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/api/v1/auth" || c.Secure || c.MaxAge <= 0 || c.Value == "" {
		t.Errorf("cookie: %+v", c)
	}
	with := func(c *http.Cookie) string { return c.Name + "=" + c.Value }
	refreshed := s.do(call{method: "POST", path: "/api/v1/auth/refresh", body: "{}", header: browser("Cookie", "other=1; "+with(c))})
	if refreshed.Status != 200 || bytes.Contains(refreshed.Body, []byte("refreshToken")) {
		t.Fatalf("refresh of a browser: %d %s", refreshed.Status, refreshed.Body)
	}
	next := cookieOf(t, refreshed)
	if next.Value == c.Value {
		t.Error("the refresh token was not replaced")
	}
	for name, header := range map[string]map[string]string{
		"another site":   {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site", "Cookie": with(next)},
		"another origin": {"Origin": "https://evil.test", "Cookie": with(next)},
		"sister site":    {"Origin": "http://other.chat.test", "Sec-Fetch-Site": "same-site", "Cookie": with(next)},
		"no origin":      {"Origin": "null", "Cookie": with(next)},
	} {
		for _, path := range []string{"refresh", "logout", "login"} {
			header["Content-Type"] = "application/json"
			a := s.do(call{method: "POST", path: "/api/v1/auth/" + path, body: login, header: header})
			if a.Status != 403 || a.problem().Code != chat.Forbidden || a.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s from %s: %d %s", path, name, a.Status, a.Body)
			}
		}
	}
	out := s.do(call{method: "POST", path: "/api/v1/auth/logout", body: "{}", header: browser("Cookie", with(next))})
	if gone := cookieOf(t, out); out.Status != 204 || gone.Value != "" || gone.MaxAge >= 0 || gone.Path != c.Path {
		t.Errorf("log-out: %d %+v", out.Status, gone)
	}
	over := s.do(call{method: "POST", path: "/api/v1/auth/refresh", body: "{}", header: browser("Cookie", with(next))})
	if over.Status != 401 || over.problem().Code != chat.Unauthenticated {
		t.Errorf("refresh after log-out: %d %s", over.Status, over.Body)
	}
}

func TestCookieOverTLS(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.PublicURL = mustURL("https://chat.test") })
	s.join("ada")
	in := s.do(call{method: "POST", path: "/api/v1/auth/login", body: obj{"username": "ada", "password": password}, header: browser("Origin", "https://chat.test")})
	if c := cookieOf(t, in); c.Name != "__Secure-parley_refresh" || !c.Secure {
		t.Errorf("cookie: %+v", c)
	}
	if in.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security")
	}
	var ticket struct{ URL string }
	s.api(s.login("ada"), "POST", "/ws-tickets", nil, 200).json(&ticket)
	if ticket.URL != "wss://chat.test/ws" {
		t.Errorf("socket at %s", ticket.URL)
	}
}

func TestProgramsGetTheTokenInTheBody(t *testing.T) {
	s := newServer(t)
	ada := s.join("ada")
	if ada.refresh == "" {
		t.Fatal("no refresh token")
	}
	var g struct{ AccessToken, RefreshToken string }
	a := s.api(nil, "POST", "/auth/refresh", obj{"refreshToken": ada.refresh}, 200)
	a.json(&g)
	if g.RefreshToken == "" || g.RefreshToken == ada.refresh || a.Header.Get("Set-Cookie") != "" {
		t.Errorf("refreshed: %s", a.Body)
	}
	for _, body := range []any{nil, "", "{}", obj{"refreshToken": ""}, obj{"refreshToken": "nonsense"}, obj{"refreshToken": strings.Repeat("x", 5000)}} {
		if a := s.do(call{method: "POST", path: "/api/v1/auth/refresh", body: body}); a.Status != 401 {
			t.Errorf("refresh with %v: %d %s", body, a.Status, a.Body)
		}
	}
	s.api(nil, "POST", "/auth/logout", nil, 204)
	s.api(&person{token: g.AccessToken}, "GET", "/me", nil, 200)
	s.api(&person{token: g.AccessToken}, "POST", "/auth/logout", nil, 204)
	s.api(&person{token: g.AccessToken}, "GET", "/me", nil, 401)
	s.api(nil, "POST", "/auth/refresh", obj{"refreshToken": g.RefreshToken}, 401)
}

func TestSessionsAndPassword(t *testing.T) {
	s := newServer(t)
	ada := s.join("ada")
	second, third := s.login("ada"), s.login("ada")
	var list struct {
		Sessions []struct {
			SessionID, Address string
			Current            bool
		}
	}
	s.api(ada, "GET", "/sessions", nil, 200).json(&list)
	if len(list.Sessions) != 3 {
		t.Fatalf("sessions: %+v", list)
	}
	current := 0
	for _, l := range list.Sessions {
		if l.Current {
			current++
		}
		if l.Address != "192.0.2.1" {
			t.Errorf("address %q", l.Address)
		}
	}
	if current != 1 {
		t.Errorf("%d sessions are the current one", current)
	}
	s.api(second, "GET", "/sessions", nil, 200).json(&list)
	for _, l := range list.Sessions {
		if l.Current {
			s.api(ada, "DELETE", "/sessions/"+l.SessionID, nil, 204)
		}
	}
	s.api(second, "GET", "/me", nil, 401)
	s.api(ada, "PUT", "/me/password", obj{"currentPassword": "wrong", "newPassword": "orbit-walnut-93-lantern"}, 400)
	s.api(ada, "PUT", "/me/password", obj{"currentPassword": password, "newPassword": "password"}, 400)
	s.api(ada, "PUT", "/me/password", obj{"currentPassword": password, "newPassword": "orbit-walnut-93-lantern"}, 204)
	s.api(third, "GET", "/me", nil, 401)
	s.api(ada, "DELETE", "/sessions", nil, 204)
	s.api(ada, "GET", "/me", nil, 401)
	s.api(nil, "POST", "/auth/login", obj{"username": "ada", "password": password}, 401)
}

func TestWhoIsAsking(t *testing.T) {
	s := newServer(t)
	ada := s.join("ada")
	for name, header := range map[string]string{
		"nothing": "", "another scheme": "Basic YWRhOmFkYQ==", "no token": "Bearer", "nonsense": "Bearer x", "no scheme": ada.token,
		"cut off": "Bearer " + ada.token[:len(ada.token)-4], "no signature": "Bearer " + ada.token[:strings.LastIndex(ada.token, ".")+1],
	} {
		a := s.do(call{method: "GET", path: "/api/v1/me", header: map[string]string{"Authorization": header}})
		if a.Status != 401 || a.problem().Code != chat.Unauthenticated || a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if a := s.do(call{method: "GET", path: "/api/v1/me", header: map[string]string{"Authorization": "bearer " + ada.token}}); a.Status != 200 {
		t.Errorf("scheme in small letters: %d", a.Status)
	}
	// The body of somebody unknown is not even read.
	if a := s.do(call{method: "POST", path: "/api/v1/rooms", body: "{broken"}); a.Status != 401 {
		t.Errorf("broken body of nobody: %d", a.Status)
	}
	wrong := s.api(nil, "POST", "/auth/login", obj{"username": "ada", "password": "x"}, 401)
	unknown := s.api(nil, "POST", "/auth/login", obj{"username": "bob", "password": "x"}, 401)
	if wrong.problem().Detail != unknown.problem().Detail {
		t.Errorf("log-in tells which accounts exist: %q, %q", wrong.problem().Detail, unknown.problem().Detail)
	}
	for _, route := range []string{"confirm", "forgot", "reset"} {
		s.api(nil, "POST", "/auth/"+route, obj{"username": "ada", "code": "1", "password": password}, 404)
	}
}

// onlyOnce allows one request of each person.
type onlyOnce struct{ seen map[string]bool }

func (l onlyOnce) Allow(_ context.Context, rule chat.Rule, key string) time.Duration {
	if rule != chat.LimitRequests || !l.seen[key] {
		l.seen[key] = true
		return 0
	}
	return 1500 * time.Millisecond
}

func TestTooManyRequests(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.Limiter = onlyOnce{map[string]bool{}} })
	ada, bob := s.join("ada"), s.join("bob")
	s.api(ada, "GET", "/unread", nil, 200)
	a := s.api(ada, "GET", "/unread", nil, 429)
	if p := a.problem(); p.Code != chat.RateLimited || p.RetryAfterMs != 1500 || a.Header.Get("Retry-After") != "2" {
		t.Errorf("refusal %+v, Retry-After %q", p, a.Header.Get("Retry-After"))
	}
	s.api(bob, "GET", "/unread", nil, 200)
	s.api(nil, "GET", "/server", nil, 200)
}
