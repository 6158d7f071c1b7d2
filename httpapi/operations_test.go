package httpapi_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"parley/chat"
	"parley/httpapi"
)

func TestEveryAnswerIsHardened(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/", "/assets/app-1234.js", "/api/v1/server", "/api/v1/me", "/api/nothing", "/healthz", "/docs", "/openapi.json", "/files/avatars/x", "/missing.png"} {
		a := s.do(call{method: "GET", path: path})
		h := a.Header
		policy := h.Get("Content-Security-Policy")
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cross-Origin-Opener-Policy") != "same-origin" ||
			h.Get("Permissions-Policy") == "" || h.Get("X-Request-Id") == "" || h.Get("Access-Control-Allow-Origin") != "" ||
			!strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: %v", path, h)
		}
		if strings.HasPrefix(path, "/api/") && h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be cached: %q", path, h.Get("Cache-Control"))
		}
	}
}

func TestWebApp(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("console.log(1) // much longer when it is not compressed, or so they say"))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, func(c *httpapi.Config) {
		c.Web = fstest.MapFS{
			"index.html":            {Data: []byte("<!doctype html>the app")},
			"favicon.svg":           {Data: []byte("<svg/>")},
			"assets/big-5678.css":   {Data: bytes.Repeat([]byte("body{color:red}"), 500)},
			"assets/tiny-9.css":     {Data: []byte("a{}")},
			"assets/app-1234.js":    {Data: bytes.Repeat([]byte("x"), 500)},
			"assets/app-1234.js.gz": {Data: zipped.Bytes()},
			"assets/app-1234.js.br": {Data: []byte("br")},
		}
	})
	for _, test := range []struct {
		path, accept   string
		status         int
		body, encoding string
		immutable      bool
	}{
		{"/", "", 200, "the app", "", false},
		{"/index.html", "", 200, "the app", "", false},
		{"/rooms/01ABC", "", 200, "the app", "", false},
		{"/invite/abc_DEF-1", "", 200, "the app", "", false},
		{"/favicon.svg", "", 200, "<svg/>", "", false},
		{"/assets/app-1234.js", "", 200, "xxx", "", true},
		{"/assets/app-1234.js", "gzip, deflate", 200, "", "gzip", true},
		{"/assets/app-1234.js", "gzip, br;q=1", 200, "br", "br", true},
		{"/assets/app-1234.js", "br;q=0, gzip;q=0", 200, "xxx", "", true},
		{"/assets/app-1234.js", "br;q=0.0, gzip;q=0.5", 200, "", "gzip", true},
		{"/assets/big-5678.css", "gzip", 200, "\x1f\x8b", "gzip", true},
		{"/assets/big-5678.css", "", 200, "color", "", true},
		{"/assets/tiny-9.css", "gzip", 200, "a{}", "", true},
		{"/assets/gone-1.js", "", 404, "no such file", "", false},
		{"/assets/", "", 404, "no such file", "", false},
		{"/robots.txt", "", 404, "no such file", "", false},
		{"/..%2f..%2fetc/passwd", "", 200, "the app", "", false},
		{"/assets/..%2f..%2f..%2fgo.mod", "", 404, "no such file", "", false},
	} {
		a := s.do(call{method: "GET", path: test.path, header: map[string]string{"Accept-Encoding": test.accept}})
		if a.Status != test.status || !strings.Contains(string(a.Body), test.body) || a.Header.Get("Content-Encoding") != test.encoding ||
			strings.Contains(a.Header.Get("Cache-Control"), "immutable") != test.immutable {
			t.Errorf("%s (%s): %d %v %.60q", test.path, test.accept, a.Status, a.Header, a.Body)
		}
		if tag := a.Header.Get("ETag"); test.status == 200 {
			again := s.do(call{method: "GET", path: test.path, header: map[string]string{"Accept-Encoding": test.accept, "If-None-Match": tag}})
			if tag == "" || again.Status != 304 || len(again.Body) > 0 {
				t.Errorf("%s again: %q %d", test.path, tag, again.Status)
			}
			head := s.do(call{method: "HEAD", path: test.path, header: map[string]string{"Accept-Encoding": test.accept}})
			if head.Status != 200 || len(head.Body) > 0 || head.Header.Get("Content-Length") != fmt.Sprint(len(a.Body)) {
				t.Errorf("HEAD %s: %d %v", test.path, head.Status, head.Header)
			}
		}
	}
	if a := s.do(call{method: "POST", path: "/", body: "x"}); a.Status != 405 {
		t.Errorf("POST /: %d", a.Status)
	}
	if page := s.do(call{method: "GET", path: "/"}); strings.Contains(page.Header.Get("Content-Security-Policy"), "sandbox") || !strings.Contains(page.Header.Get("Content-Security-Policy"), "script-src 'self'") {
		t.Errorf("policy of the app: %s", page.Header.Get("Content-Security-Policy"))
	}
	none := newServer(t, func(c *httpapi.Config) { c.Web = nil })
	if a := none.do(call{method: "GET", path: "/"}); a.Status != 404 {
		t.Errorf("no web app: %d", a.Status)
	}
}

func TestOperations(t *testing.T) {
	var down error
	registry := prometheus.NewRegistry()
	s := newServer(t, func(c *httpapi.Config) {
		c.Ready = func(context.Context) error { return down }
		c.Registerer, c.Metrics = registry, promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	})
	get := func(path string) *answer { return s.do(call{method: "GET", path: path}) }
	if a := get("/healthz"); a.Status != 200 {
		t.Error("healthz", a.Status)
	}
	if a := get("/readyz"); a.Status != 200 {
		t.Error("readyz", a.Status)
	}
	down = errors.New("the disk is full")
	if a := get("/readyz"); a.Status != 503 || strings.Contains(string(a.Body), "disk") || !strings.Contains(s.log.String(), "the disk is full") {
		t.Error("readyz while down", a.Status, string(a.Body))
	}
	if a := get("/.well-known/jwks.json"); a.Status != 200 || !strings.Contains(string(a.Body), `"keys"`) || strings.Contains(string(a.Body), `"d"`) {
		t.Errorf("keys: %d %s", a.Status, a.Body)
	}
	ada := s.join("ada")
	s.api(ada, "GET", "/users/"+ada.user.UserID, nil, 200)
	get("/nothing/at/all.txt")
	text := string(get("/metrics").Body)
	for _, want := range []string{
		`parley_http_requests_total{route="GET /api/v1/users/{userId}",status="200"} 1`,
		`parley_http_requests_total{route="POST /api/v1/auth/login",status="200"} 1`,
		`parley_http_request_duration_seconds_count{route="/"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(text, ada.user.UserID) || strings.Contains(text, "at/all") {
		t.Error("metrics have paths of requests")
	}
}

// broken is an Avatars that fails in all ways.
type broken struct{ httpapi.Avatars }

func (broken) Put(context.Context, string, []byte) (string, error) {
	return "", errors.New("open /var/secret/path: permission denied")
}

func (broken) Open(_ context.Context, name string) ([]byte, string, error) {
	panic("the picture " + name + " hurts")
}

func (broken) Delete(context.Context, string) error { return nil }
func (broken) MaxBytes() int64                      { return 1000 }

func TestFaultsAreLoggedAndNotTold(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.Avatars = broken{} })
	ada := s.join("ada")
	for _, c := range []call{
		{method: "PUT", path: "/api/v1/me/avatar", body: []byte("x"), as: ada},
		{method: "GET", path: "/files/avatars/x.png"},
	} {
		a := s.do(c)
		p := a.problem()
		if a.Status != 500 || p.Code != chat.Internal || strings.Contains(string(a.Body), "secret") || strings.Contains(string(a.Body), "hurts") {
			t.Errorf("%s: %d %s", c.path, a.Status, a.Body)
		}
		if !strings.Contains(s.log.String(), p.RequestID) {
			t.Errorf("%s: nothing in the log about %s", c.path, p.RequestID)
		}
	}
	for _, want := range []string{"permission denied", "hurts", "goroutine"} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

func TestNoSecretsInTheLog(t *testing.T) {
	s := newServer(t)
	ada := s.join("ada")
	s.api(ada, "GET", "/users?query=treasure", nil, 200)
	s.api(nil, "POST", "/auth/refresh", obj{"refreshToken": ada.refresh}, 200)
	s.api(nil, "POST", "/auth/login", obj{"username": "ada", "password": "a wrong guess"}, 401)
	s.do(call{method: "GET", path: "/ws?ticket=abracadabra"})
	s.do(call{method: "GET", path: "/invite/opensesame"})
	text := s.log.String()
	for _, secret := range []string{ada.token, ada.refresh, password, "a wrong guess", "treasure", "abracadabra", "opensesame"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	if !strings.Contains(text, `"route":"POST /api/v1/auth/refresh","status":200`) {
		t.Errorf("no access log: %s", text)
	}
}

// opening is a socket that is opened by calling it.
type opening func(w http.ResponseWriter, r *http.Request) error

func (o opening) Open(w http.ResponseWriter, r *http.Request) error { return o(w, r) }

// A socket takes the connection over, so it must get the writer as the server made it.
func TestSocketGetsTheConnection(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) {
		c.Socket = opening(func(w http.ResponseWriter, r *http.Request) error {
			conn, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return nil
			}
			_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\n\r\nticket " + r.URL.Query().Get("ticket"))
			_ = rw.Flush()
			_ = conn.Close()
			return nil
		})
	})
	web := httptest.NewServer(s.handler)
	defer web.Close()
	conn, err := net.Dial("tcp", web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /ws?ticket=t1 HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\n\r\n")
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "101") {
		t.Errorf("%q, %v", line, err)
	}
}

// What is not upgraded is answered by a whole problem, as everywhere; why a socket could not be opened is for the log alone.
func TestSocketThatIsNotOpened(t *testing.T) {
	var refusal error
	s := newServer(t, func(c *httpapi.Config) {
		c.Socket = opening(func(http.ResponseWriter, *http.Request) error { return refusal })
	})
	for name, test := range map[string]struct {
		upgrade string
		refusal error
		status  int
		code    chat.Code
	}{
		"no upgrade":      {"", nil, http.StatusUpgradeRequired, chat.InvalidRequest},
		"another upgrade": {"h2c", nil, http.StatusUpgradeRequired, chat.InvalidRequest},
		"foreign origin":  {"websocket", chat.Errorf(chat.Forbidden, "Not from there."), http.StatusForbidden, chat.Forbidden},
		"store fails": {"websocket", &chat.Error{Code: chat.Unavailable, Message: "Not now.", RetryAfter: time.Second, Cause: errors.New("the cause")},
			http.StatusServiceUnavailable, chat.Unavailable},
	} {
		refusal = test.refusal
		answer := s.do(call{method: "GET", path: "/ws?ticket=the-ticket", header: map[string]string{"Upgrade": test.upgrade}})
		var p httpapi.Problem
		if err := json.Unmarshal(answer.Body, &p); err != nil {
			t.Fatalf("%s: %s: %v", name, answer.Body, err)
		}
		if answer.Status != test.status || p.Status != test.status || p.Code != test.code || p.Type != "about:blank" || p.Title != http.StatusText(test.status) ||
			p.Detail == "" || p.RequestID == "" || p.RequestID != answer.Header.Get("X-Request-Id") || bytes.Contains(answer.Body, []byte("cause")) {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
		}
		if got := answer.Header.Get("Upgrade"); (got == "websocket") != (test.status == http.StatusUpgradeRequired) {
			t.Errorf("%s: Upgrade %q", name, got)
		}
		if got := answer.Header.Get("Retry-After"); (got == "1") != (test.code == chat.Unavailable) {
			t.Errorf("%s: Retry-After %q", name, got)
		}
	}
	if text := s.log.String(); !strings.Contains(text, "the cause") || strings.Contains(text, "the-ticket") {
		t.Errorf("the log: %s", text)
	}
}

// A body that comes too slowly or too long ends its own connection, and no other.
func TestBodiesOverARealConnection(t *testing.T) {
	s := newServer(t)
	ada := s.join("ada")
	web := httptest.NewServer(s.handler)
	defer web.Close()
	send := func(body string, length int) string {
		conn, err := net.Dial("tcp", web.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		fmt.Fprintf(conn, "POST /api/v1/rooms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", ada.token, length, body)
		if len(body) < length {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
		line, _ := bufio.NewReader(conn).ReadString('\n')
		return strings.TrimSpace(line)
	}
	if got := send(`{"kind":"public"`, 1000); got != "HTTP/1.1 400 Bad Request" {
		t.Errorf("broken off: %q", got)
	}
	if got := send(strings.Repeat("x", 200<<10), 200<<10); got != "HTTP/1.1 413 Request Entity Too Large" {
		t.Errorf("too long: %q", got)
	}
	if got := send(`{"kind":"public","name":"Shed"}`, 31); got != "HTTP/1.1 201 Created" {
		t.Errorf("as it should be: %q", got)
	}
}
