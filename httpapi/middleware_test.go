package httpapi

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestClientAddress(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, test := range map[string]struct {
		remote, forwarded string
		proxies           []netip.Prefix
		want              string
		trusted           bool
	}{
		"no proxy":             {"203.0.113.9:1234", "", nil, "203.0.113.9", false},
		"header of a stranger": {"203.0.113.9:1234", "198.51.100.1", proxies, "203.0.113.9", false},
		"header, no proxies":   {"10.0.0.1:1", "198.51.100.1", nil, "10.0.0.1", false},
		"one proxy":            {"10.0.0.1:1", "198.51.100.1", proxies, "198.51.100.1", true},
		"two proxies":          {"10.0.0.1:1", "198.51.100.1, 10.0.0.2", proxies, "198.51.100.1", true},
		"a lie in front":       {"10.0.0.1:1", "1.2.3.4, 198.51.100.1", proxies, "198.51.100.1", true},
		"all are proxies":      {"10.0.0.1:1", "10.0.0.3,10.0.0.2", proxies, "10.0.0.3", true},
		"no header":            {"10.0.0.1:1", "", proxies, "10.0.0.1", true},
		"nonsense":             {"10.0.0.1:1", "unknown", proxies, "10.0.0.1", true},
		"six":                  {"[fd00::1]:1", "2001:db8::7", proxies, "2001:db8::7", true},
		"four in six":          {"[::ffff:10.0.0.1]:1", "::ffff:198.51.100.1", proxies, "198.51.100.1", true},
		"no address":           {"@", "198.51.100.1", proxies, "@", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", strings.NewReader(""))
			r.RemoteAddr = test.remote
			if test.forwarded != "" {
				r.Header.Set("X-Forwarded-For", test.forwarded)
			}
			a := &api{Config: Config{TrustedProxies: test.proxies}}
			got, trusted := a.clientAddress(r)
			if got != test.want || trusted != test.trusted {
				t.Errorf("got %s, %v; want %s, %v", got, trusted, test.want, test.trusted)
			}
		})
	}
}
