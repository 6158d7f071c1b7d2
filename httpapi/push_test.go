package httpapi_test

import (
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"

	"parley/chat"
	"parley/httpapi"
	"parley/limit"
	"parley/notify"
	"parley/notify/pushtest"
)

// pushing is a server that pushes, to browsers on this machine too if loopback says so.
func pushing(t *testing.T, loopback bool, change ...func(*httpapi.Config)) *server {
	var s *server
	later := &push{}
	s = newServer(t, append(change, func(c *httpapi.Config) { c.Push = later })...)
	n, err := notify.New(t.Context(), notify.Config{Key: s.store, Subscriptions: s.store, AllowPrivate: loopback, Logger: slog.New(slog.NewJSONHandler(s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	later.Push = n
	return s
}

// push is set when the store is there.
type push struct{ httpapi.Push }

func body(b *pushtest.Browser, device string) map[string]any {
	return map[string]any{"endpoint": b.Endpoint, "expirationTime": nil, "device": device, "keys": map[string]any{"p256dh": b.P256dh, "auth": b.Auth}}
}

type pushDevices struct {
	Subscriptions []struct {
		SubscriptionID, Device, Failure string
		CreatedAt                       int64
		Current                         bool
	}
}

type pushResults struct {
	Results []struct {
		SubscriptionID, Device, Reason string
		OK                             bool
	}
}

func TestPushSubscriptions(t *testing.T) {
	s, service := pushing(t, true), pushtest.New(t)
	ann, bob := s.join("ann"), s.join("bob")
	var info struct{ Features struct{ Push bool } }
	s.api(nil, "GET", "/server", nil, 200).json(&info)
	if !info.Features.Push {
		t.Error("the server does not say that it pushes")
	}
	var key struct{ PublicKey string }
	s.api(ann, "GET", "/push/key", nil, 200).json(&key)
	if raw, err := base64.RawURLEncoding.DecodeString(key.PublicKey); err != nil || len(raw) != 65 {
		t.Errorf("key %q: %v", key.PublicKey, err)
	}
	phone := s.login("ann")
	one, two := service.Subscribe(), service.Subscribe()
	var first, again struct{ SubscriptionID string }
	s.api(ann, "PUT", "/push/subscriptions", body(one, "Desktop"), 200).json(&first)
	s.api(ann, "PUT", "/push/subscriptions", body(one, "Desktop"), 200).json(&again)
	if first.SubscriptionID == "" || first != again {
		t.Errorf("subscribed as %v, then %v", first, again)
	}
	if a := s.do(call{method: "PUT", path: "/api/v1/push/subscriptions", body: body(two, "Phone"), as: phone,
		header: map[string]string{"Accept-Language": "de-DE,de;q=0.9"}}); a.Status != 200 {
		t.Fatalf("%d: %s", a.Status, a.Body)
	}
	service.Answer(func(b *pushtest.Browser, _ int) pushtest.Answer {
		if b == one {
			return pushtest.Answer{Status: 403, Body: "BadJwtToken"}
		}
		return pushtest.Answer{}
	})
	var tested pushResults
	s.api(ann, "POST", "/push/test", nil, 200).json(&tested)
	for _, r := range tested.Results {
		if r.OK != (r.Device == "Phone") || r.OK == strings.Contains(r.Reason, "BadJwtToken") {
			t.Errorf("result: %+v", r)
		}
	}
	if p := two.Pushes(); len(tested.Results) != 2 || len(p) != 1 || !strings.Contains(p[0].Payload, "Benachrichtigungen kommen") ||
		!strings.Contains(p[0].Payload, `"navigate":"http://chat.test/"`) || p[0].Key != key.PublicKey {
		t.Errorf("results %+v, pushes %+v", tested, p)
	}
	var mine pushDevices
	s.api(ann, "GET", "/push/subscriptions", nil, 200).json(&mine)
	for _, d := range mine.Subscriptions {
		if d.Current != (d.Device == "Desktop") || (d.Failure != "") != (d.Device == "Desktop") || d.CreatedAt == 0 {
			t.Errorf("device: %+v", d)
		}
	}
	if len(mine.Subscriptions) != 2 {
		t.Errorf("devices: %+v", mine)
	}
	var none pushDevices
	s.api(bob, "GET", "/push/subscriptions", nil, 200).json(&none)
	s.api(bob, "DELETE", "/push/subscriptions", map[string]any{"endpoint": one.Endpoint}, 204)
	if len(none.Subscriptions) != 0 {
		t.Errorf("of somebody else: %+v", none)
	}
	if log := s.log.String(); strings.Contains(log, one.Endpoint) || strings.Contains(log, one.Auth) || strings.Contains(log, one.P256dh) {
		t.Error("the log has a subscription")
	}
	// The end of a session ends what was subscribed in it, and nothing else.
	s.api(phone, "POST", "/auth/logout", map[string]any{"refreshToken": phone.refresh}, 204)
	s.api(ann, "GET", "/push/subscriptions", nil, 200).json(&mine)
	if len(mine.Subscriptions) != 1 || mine.Subscriptions[0].Device != "Desktop" {
		t.Errorf("devices after the phone signed out: %+v", mine)
	}
	s.api(ann, "DELETE", "/push/subscriptions", map[string]any{"endpoint": one.Endpoint}, 204)
	s.api(ann, "POST", "/push/test", nil, 200).json(&tested)
	if n, _ := two.Attempts(); n != 1 || len(tested.Results) != 0 {
		t.Errorf("%d pushes to a device that signed out; results %+v", n, tested)
	}
}

// TestHostileSubscriptions: what is not a subscription, or leads to where only the server gets, is refused for its field.
func TestHostileSubscriptions(t *testing.T) {
	s := pushing(t, false)
	ann := s.join("ann")
	with := func(member string, v any) map[string]any {
		m := body(pushtest.New(t).Subscribe(), "x")
		m["endpoint"] = "https://push.example.org/abc"
		if key, ok := strings.CutPrefix(member, "keys."); ok {
			m["keys"].(map[string]any)[key] = v
		} else {
			m[member] = v
		}
		return m
	}
	s.api(ann, "PUT", "/push/subscriptions", with("device", "fine"), 200)
	for _, tt := range []struct {
		member string
		value  any
	}{
		{"endpoint", "https://169.254.169.254/latest/meta-data"}, {"endpoint", "http://push.example.org/"}, {"endpoint", "https://localhost/"},
		{"endpoint", "https://" + strings.Repeat("x", 60_000)}, {"endpoint", 7}, {"endpoint", nil}, {"keys", "x"}, {"keys", nil}, {"keys.p256dh", "AAAA"},
		{"keys.p256dh", strings.Repeat("A", 60_000)}, {"keys.auth", "AAAA"}, {"keys.auth", []any{}}, {"device", strings.Repeat("x", 65)}, {"device", "a\nb"},
	} {
		p := s.api(ann, "PUT", "/push/subscriptions", with(tt.member, tt.value), 400).problem()
		if p.Code != chat.InvalidRequest || !strings.HasPrefix(tt.member, strings.Split(p.Field, ".")[0]) {
			t.Errorf("%s %.40v: %+v", tt.member, tt.value, p)
		}
	}
	s.api(ann, "PUT", "/push/subscriptions", `{"endpoint":"https://a.example/"`, 400)
	for _, path := range []string{"PUT /push/subscriptions", "GET /push/subscriptions", "DELETE /push/subscriptions", "POST /push/test", "GET /push/key"} {
		method, path, _ := strings.Cut(path, " ")
		s.api(nil, method, path, map[string]any{}, 401)
	}
	var mine pushDevices
	s.api(ann, "GET", "/push/subscriptions", nil, 200).json(&mine)
	if len(mine.Subscriptions) != 1 {
		t.Errorf("devices: %+v", mine)
	}
}

// TestPushTestIsLimited: tests send requests to strangers, so there are few.
func TestPushTestIsLimited(t *testing.T) {
	s := pushing(t, true, func(c *httpapi.Config) { c.Limiter = limit.New(limit.Config{}) })
	ann := s.join("ann")
	for range 5 {
		s.api(ann, "POST", "/push/test", nil, 200)
	}
	s.api(ann, "POST", "/push/test", nil, 429)
}

func TestNoPush(t *testing.T) {
	s := newServer(t)
	ann := s.join("ann")
	var info struct{ Features struct{ Push bool } }
	s.api(nil, "GET", "/server", nil, 200).json(&info)
	if info.Features.Push {
		t.Error("the server says that it pushes")
	}
	s.api(ann, "GET", "/push/key", nil, 404)
	s.api(ann, "POST", "/push/test", nil, 404)
}
