package notify

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"parley/chat"
	"parley/chattest"
	"parley/notify/pushtest"
)

// TestPush pushes to real HTTP, where all that the standards ask for is checked and the text decrypted by other code.
func TestPush(t *testing.T) {
	h := newHouse(t)
	ann, other := h.subscribe("u-ann", "s1"), h.subscribe("u-bob", "s2")
	if r := h.test("u-ann"); len(r) != 1 || !r[0].OK || r[0].Reason != "" || r[0].Device != "device of s1" {
		t.Fatalf("results: %+v", r)
	}
	pushes := ann.Pushes()
	if len(pushes) != 1 {
		t.Fatalf("%d pushes", len(pushes))
	}
	p := pushes[0]
	if p.TTL != 24*time.Hour || p.Urgency != "high" || len(p.Topic) != 32 || p.Subject != "mailto:admin@example.org" || p.Key != h.PublicKey() {
		t.Errorf("push: %+v", p)
	}
	want := `{"web_push":8030,"notification":{"title":"Parley","body":"Notifications reach this device.","navigate":"https://chat.example.org/",` +
		`"tag":"test"},"kind":"test"}`
	if p.Payload != want {
		t.Errorf("payload: %s", p.Payload)
	}
	if _, sizes := ann.Attempts(); !slices.Equal(sizes, []int{4096}) {
		t.Errorf("bodies of %v bytes: a length tells of the text", sizes)
	}
	if n, _ := other.Attempts(); n != 0 {
		t.Error("somebody else's browser is pushed to")
	}
	if d := h.devices("u-ann"); d[0].LastUsedAt != h.clock.Now().UnixMilli() || d[0].Failure != "" {
		t.Errorf("noted: %+v", d[0])
	}
}

// TestKeyStays: the key is made once, and the next start has the same.
func TestKeyStays(t *testing.T) {
	h := newHouse(t)
	raw, err := base64.RawURLEncoding.DecodeString(h.PublicKey())
	if err != nil || len(raw) != 65 || raw[0] != 4 {
		t.Fatalf("public key %q", h.PublicKey())
	}
	again, err := New(t.Context(), Config{Key: h.store, Subscriptions: h.store})
	if err != nil {
		t.Fatal(err)
	}
	if again.PublicKey() != h.PublicKey() {
		t.Error("another key after a restart")
	}
	if newHouse(t).PublicKey() == h.PublicKey() {
		t.Error("two servers have one key")
	}
}

// TestAnswers: what a push service may say, what the person is told of it, and what becomes of the subscription.
func TestAnswers(t *testing.T) {
	tests := []struct {
		answer   pushtest.Answer
		verdict  verdict
		after    time.Duration
		attempts int
		says     string
	}{
		{pushtest.Answer{Status: 200}, sent, 0, 1, ""},
		{pushtest.Answer{Status: 404}, gone, 0, 1, "has ended"},
		{pushtest.Answer{Status: 410}, gone, 0, 1, "has ended"},
		{pushtest.Answer{Status: 413}, refused, 0, 2, "smaller"},
		{pushtest.Answer{Status: 429, RetryAfter: "120"}, later, 2 * time.Minute, 1, "fewer"},
		{pushtest.Answer{Status: 429, RetryAfter: "999999"}, later, maxRetry, 1, "fewer"},
		{pushtest.Answer{Status: 429, RetryAfter: "-3"}, later, minRetry, 1, "fewer"},
		{pushtest.Answer{Status: 429, RetryAfter: chattest.NewClock().Now().Add(time.Minute).Format(http.TimeFormat)}, later, time.Minute, 1, "fewer"},
		{pushtest.Answer{Status: 429, RetryAfter: "soon"}, later, 0, 1, "fewer"},
		{pushtest.Answer{Status: 500}, later, 0, 1, "fault (status 500)"},
		{pushtest.Answer{Status: 503, RetryAfter: "7"}, later, 7 * time.Second, 1, "fault (status 503)"},
		{pushtest.Answer{Status: 301, Location: "http://127.0.0.1:1/"}, refused, 0, 1, "leads elsewhere"},
		{pushtest.Answer{Status: 400}, refused, 0, 1, "status 400"},
		{pushtest.Answer{Status: 401}, refused, 0, 1, "status 401"},
		{pushtest.Answer{Status: 403, Body: `{"reason":"BadJwtToken"}`}, refused, 0, 1, "status 403): reason BadJwtToken."},
		{pushtest.Answer{Status: 403, Body: "<script>\x00\xff" + strings.Repeat("x", 5000)}, refused, 0, 1, "status 403): script xxx"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.answer.Status, tt.answer.RetryAfter), func(t *testing.T) {
			h := newHouse(t)
			b := h.subscribe("u-ann", "s1")
			h.service.Answer(func(*pushtest.Browser, int) pushtest.Answer { return tt.answer })
			s := h.devices("u-ann")[0]
			a := h.push(t.Context(), &s, message{payload: payload{Notification: notification{Body: strings.Repeat("x", 5000)}}})
			if a.verdict != tt.verdict || a.after != tt.after || !strings.Contains(a.reason, tt.says) || (a.reason == "") != (tt.says == "") || len(a.reason) > 250 {
				t.Errorf("answer: %+v", a)
			}
			if strings.ContainsAny(a.reason, "<\x00") || !utf8.ValidString(a.reason) || strings.Contains(a.reason, "/push/") {
				t.Errorf("the reason tells too much: %q", a.reason)
			}
			if n, _ := b.Attempts(); n != tt.attempts {
				t.Errorf("%d attempts", n)
			}
			left := h.devices("u-ann")
			if (len(left) == 0) != (tt.verdict == gone) {
				t.Fatalf("subscriptions left: %+v", left)
			}
			if len(left) == 1 && left[0].Failure != a.reason {
				t.Errorf("noted failure %q", left[0].Failure)
			}
		})
	}
}

// TestSmaller: what is too large for a push service is cut further, and taken then.
func TestSmaller(t *testing.T) {
	h := newHouse(t)
	b := h.subscribe("u-ann", "s1")
	h.service.Answer(func(_ *pushtest.Browser, attempt int) pushtest.Answer {
		return pushtest.Answer{Status: []int{413, 201}[attempt-1]}
	})
	s := h.devices("u-ann")[0]
	if a := h.push(t.Context(), &s, message{payload: payload{Notification: notification{Body: strings.Repeat("ä", 5000)}}}); a.verdict != sent {
		t.Fatalf("answer: %+v", a)
	}
	if _, sizes := b.Attempts(); !slices.Equal(sizes, []int{4096, 2048}) {
		t.Errorf("bodies of %v bytes", sizes)
	}
	var p payload
	if err := json.Unmarshal([]byte(b.Pushes()[0].Payload), &p); err != nil || !strings.HasSuffix(p.Notification.Body, "ä…") || len(b.Pushes()[0].Payload) > 1945 {
		t.Errorf("payload: %v, %s", err, b.Pushes()[0].Payload)
	}
}

// TestFailureHeals: a failure is forgotten with the next success.
func TestFailureHeals(t *testing.T) {
	h := newHouse(t)
	h.subscribe("u-ann", "s1")
	h.service.Answer(func(_ *pushtest.Browser, attempt int) pushtest.Answer {
		return pushtest.Answer{Status: []int{403, 201}[attempt-1]}
	})
	if r := h.test("u-ann"); r[0].OK || r[0].Reason == "" || h.devices("u-ann")[0].Failure != r[0].Reason {
		t.Errorf("results: %+v", r)
	}
	if r := h.test("u-ann"); !r[0].OK || h.devices("u-ann")[0].Failure != "" {
		t.Errorf("results: %+v", r)
	}
	if got := h.Stats(); got != (Stats{Sent: 1, Failed: 1}) {
		t.Errorf("stats: %+v", got)
	}
}

// TestNotFollowed: a push service that leads to an address of our own network is not followed, and one whose name leads
// there is not connected to, though nothing of that can be seen when it is subscribed.
func TestNotFollowed(t *testing.T) {
	var reached atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer inside.Close()
	h := newHouse(t)
	h.subscribe("u-ann", "s1")
	h.service.Answer(func(*pushtest.Browser, int) pushtest.Answer {
		return pushtest.Answer{Status: 307, Location: inside.URL}
	})
	if r := h.test("u-ann"); r[0].OK {
		t.Errorf("results: %+v", r)
	}
	strict, err := New(t.Context(), Config{Key: h.store, Subscriptions: h.store, Now: h.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	s := h.devices("u-ann")[0]
	for _, endpoint := range []string{inside.URL, strings.Replace(inside.URL, "127.0.0.1", "localhost", 1)} {
		s.Endpoint = endpoint // as if a name had led elsewhere when it was subscribed
		if a := strict.push(t.Context(), &s, message{}); a.verdict != refused || !strings.Contains(a.reason, "not on the public internet") {
			t.Errorf("%s: %+v", endpoint, a)
		}
	}
	if reached.Load() != 0 {
		t.Error("a server inside was reached")
	}
}

func TestSubject(t *testing.T) {
	for _, s := range []string{"mailto:admin@example.org", "https://chat.example.org", "https://example.org/contact?x=1"} {
		if err := CheckSubject(s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{"", "admin@example.org", "mailto:", "mailto:admin", "mailto:admin@localhost", "mailto:Ann <a@example.org>", "http://example.org",
		"https://localhost", "https://127.0.0.1", "https://10.0.0.1", "https://intranet", "https://", "ftp://example.org", "mailto:a@b.c\r\nX: y",
		"https://u:p@example.org", "https://" + strings.Repeat("x", 300) + ".org"} {
		if CheckSubject(s) == nil {
			t.Errorf("%q is accepted", s)
		}
	}
	if _, err := New(t.Context(), Config{Key: newHouse(t).store, Subscriptions: newHouse(t).store, Subject: "mailto:a@localhost"}); err == nil {
		t.Error("a notifier takes a bad subject")
	}
	n := newHouse(t, func(c *Config) { c.Subject = "" })
	for origin, want := range map[string]string{"https://chat.example.org": "https://chat.example.org", "http://localhost:8080": unknownSubject, "": unknownSubject} {
		if got := n.subject(&chat.PushSubscription{Origin: origin}); got != want {
			t.Errorf("subject for %q: %q", origin, got)
		}
	}
}
