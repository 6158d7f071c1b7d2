package notify

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/notify/pushtest"
)

// good is a subscription as a browser gives it.
func good() chat.NewPushSubscription {
	return chat.NewPushSubscription{UserID: "u-ann", SessionID: "s1", Endpoint: "https://push.example.org/v2/abc?x=1",
		P256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", Auth: "BTBZMqHH6r4Tts7J_aSIgg",
		Device: "Firefox"}
}

func TestParse(t *testing.T) {
	s, err := parse(good(), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.P256dh) != 65 || len(s.Auth) != 16 || len(s.SubscriptionID) != 32 || s.UserID != "u-ann" || s.SessionID != "s1" || s.Device != "Firefox" {
		t.Errorf("subscription: %+v", s)
	}
	padded := good()
	padded.P256dh, padded.Auth = padded.P256dh+"=", padded.Auth+"=="
	if _, err := parse(padded, false); err != nil {
		t.Errorf("with padding: %v", err)
	}
}

// TestHostile: each subscription that could harm, or cannot work, is refused for the field that is wrong.
func TestHostile(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	tests := map[string][]string{
		"endpoint": {
			"", "http://push.example.org/x", "ftp://push.example.org/", "file:///etc/passwd", "javascript:alert(1)", "//push.example.org/", "push.example.org", "https://",
			"https:///x", "https://user:secret@push.example.org/", "https://push.example.org/#x", "https://push.example.org/a b", "https://push.example.org/\r\nX: y",
			"https://push.example.org:99999999/", "https://[::1/", "https://pä.example.org/", "https://push.example.org/" + strings.Repeat("x", MaxEndpoint),
			"https://localhost/", "https://LOCALHOST./", "https://x.localhost/", "https://intranet/", "https://127.0.0.1/", "https://10.1.2.3/", "https://169.254.169.254/latest",
			"https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[fe80::1]/", "https://[fe80::1%25lo]/",
			"https://0.0.0.0/", "https://[::]/", "https://2130706433/", "https://0x7f000001/", "https://224.0.0.1/", "https://:443/",
			"https://0x7f.1/", "https://0X7F.0x0.0.1/", "https://0177.0.0.1/", "https://127.1/", "https://8.8.8.8.0x/", "https://1.2.3.4.5/", "https://127.0.0.1./", "https://0x7f.1./",
			"https://push.example.org:25/", "https://push.example.org:80/", "https://push.example.org:8443/", "https://8.8.8.8:6379/",
		},
		"keys.p256dh": {
			"", "!", strings.Repeat("A", 200), b64(make([]byte, 65)), b64(append([]byte{4}, make([]byte, 64)...)), good().P256dh[:80], good().P256dh + "AA",
			b64(append([]byte{2}, make([]byte, 32)...)),                   // compressed
			b64(append([]byte{4}, make([]byte, 96)...)),                   // as long as a point on P-384
			strings.Replace(good().P256dh, "_", "/", 1),                   // not base64url
			b64(append([]byte{4}, []byte(strings.Repeat("\x11", 64))...)), // not on the curve
			good().P256dh[:40] + "\n" + good().P256dh[40:], good().P256dh + "==========================================",
		},
		"keys.auth": {"", "AAAA", b64(make([]byte, 15)), b64(make([]byte, 17)), strings.Repeat("A", 5000), "BTBZMqHH6r4Tts7J aSIgg"},
		"device":    {strings.Repeat("x", MaxDevice+1), "a\nb", "a\x00", "\xff", "\u202eevil"},
	}
	for field, values := range tests {
		for _, v := range values {
			n := good()
			switch field {
			case "endpoint":
				n.Endpoint = v
			case "keys.p256dh":
				n.P256dh = v
			case "keys.auth":
				n.Auth = v
			case "device":
				n.Device = v
			}
			_, err := parse(n, false)
			if e := chat.AsError(err); err == nil || e.Code != chat.InvalidRequest || e.Field != field {
				t.Errorf("%s %.60q: %v", field, v, err)
			}
		}
	}
}

// TestNames: hosts that only look a little like numbers are names.
func TestNames(t *testing.T) {
	for _, endpoint := range []string{"https://push.example.org:443/x", "https://8.8.8.8/x", "https://1.2.3.example/x", "https://0xab.cafe/x", "https://a.0xyz/x", "https://push.example.org./x"} {
		if err := checkEndpoint(endpoint, false); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

// TestReachable: what is asked when the address is known.
func TestReachable(t *testing.T) {
	for address, want := range map[string][2]bool{ // without and with loopback allowed
		"8.8.8.8:443": {true, true}, "8.8.8.8:25": {false, false}, "[2606:4700::1]:443": {true, true}, "[2606:4700::1]:80": {false, false},
		"127.0.0.1:443": {false, true}, "127.0.0.1:8090": {false, true}, "[::1]:80": {false, true}, "10.0.0.1:443": {false, false},
	} {
		to := netip.MustParseAddrPort(address)
		if got := [2]bool{reachable(to, false), reachable(to, true)}; got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
}

// TestLoopback: tests may push to this machine, and nowhere else that is not public.
func TestLoopback(t *testing.T) {
	for endpoint, ok := range map[string]bool{
		"http://127.0.0.1:8090/x": true, "http://localhost:8090/x": true, "https://[::1]/x": true, "https://push.example.org/": true,
		"http://push.example.org/": false, "http://10.0.0.1/": false, "https://10.0.0.1/": false, "https://169.254.169.254/": false, "ftp://127.0.0.1/": false,
	} {
		if err := checkEndpoint(endpoint, true); (err == nil) != ok {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestPublic(t *testing.T) {
	for _, s := range []string{"8.8.8.8", "142.250.1.1", "172.32.0.1", "2a00:1450:4001::5e", "2606:4700::1", "::ffff:8.8.8.8"} {
		if !public(netip.MustParseAddr(s)) {
			t.Errorf("%s is refused", s)
		}
	}
	for _, s := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.168.1.1",
		"198.18.0.1", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
		"fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::1", "2002:a00:1::", "2001::1",
		"2001:db8::1", "100::1", "5f00::1", "3fff::1",
	} {
		if public(netip.MustParseAddr(s)) {
			t.Errorf("%s is reached", s)
		}
	}
}

// TestReplace: a session has one subscription, a browser one person, a person a bounded number.
func TestReplace(t *testing.T) {
	h := newHouse(t)
	first := h.subscribe("u-ann", "s1")
	h.clock.Advance(time.Second)
	second := h.subscribe("u-ann", "s1")
	if d := h.devices("u-ann"); len(d) != 1 || d[0].Endpoint != second.Endpoint {
		t.Errorf("after a new subscription of one session: %+v", d)
	}
	h.test("u-ann")
	if n, _ := first.Attempts(); n != 0 {
		t.Error("a replaced subscription is pushed to")
	}
	if _, err := h.Subscribe(t.Context(), request(second, "u-bob", "s9")); err != nil {
		t.Fatal(err)
	}
	if len(h.devices("u-ann")) != 0 || len(h.devices("u-bob")) != 1 {
		t.Error("a browser stays with who was signed in before")
	}
	var all []*pushtest.Browser
	for i := range MaxSubscriptions + 3 {
		h.clock.Advance(time.Second)
		all = append(all, h.subscribe("u-ann", fmt.Sprint("s", i)))
		if i == 0 {
			h.clock.Advance(time.Hour)
			h.test("u-ann") // of use, so that the next ones are older
		}
		if i == 2 {
			h.clock.Advance(-time.Hour)
		}
	}
	got := map[string]bool{}
	for _, d := range h.devices("u-ann") {
		got[d.Endpoint] = true
	}
	if len(got) != MaxSubscriptions || !got[all[len(all)-1].Endpoint] {
		t.Errorf("%d subscriptions", len(got))
	}
	if err := h.Unsubscribe(t.Context(), "u-bob", all[5].Endpoint); err != nil {
		t.Fatal(err)
	}
	if len(h.devices("u-ann")) != MaxSubscriptions || len(h.devices("u-bob")) != 1 {
		t.Error("somebody ends what is another's")
	}
	if err := h.Unsubscribe(t.Context(), "u-bob", second.Endpoint); err != nil || len(h.devices("u-bob")) != 0 {
		t.Error("a subscription stays", err)
	}
}

func FuzzParse(f *testing.F) {
	n := good()
	f.Add(n.Endpoint, n.P256dh, n.Auth, n.Device)
	f.Add("https://[::ffff:127.0.0.1%25x]:443/", "BA==", "", "\u202e")
	f.Fuzz(func(t *testing.T, endpoint, p256dh, auth, device string) {
		s, err := parse(chat.NewPushSubscription{UserID: "u", Endpoint: endpoint, P256dh: p256dh, Auth: auth, Device: device}, false)
		if err != nil {
			if chat.CodeOf(err) != chat.InvalidRequest || s.Endpoint != "" {
				t.Errorf("refused as %v, %+v", err, s)
			}
			return
		}
		if !strings.HasPrefix(strings.ToLower(s.Endpoint), "https:") || len(s.Endpoint) > MaxEndpoint || len(s.P256dh) != 65 || s.P256dh[0] != 4 || len(s.Auth) != 16 {
			t.Errorf("accepted: %+v", s)
		}
	})
}
