package notify

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// An endpoint is chosen by whoever subscribes, and this server sends requests to it. So that nobody reaches by it what
// only this server can reach, each connection is checked when its address is known, after DNS and right before it is
// made; redirects are not followed, and no proxy is asked.

const (
	pushTimeout = 20 * time.Second // for one push, all of it
	dialTimeout = 10 * time.Second
	maxConns    = 16 // to one push service
	pushPort    = "443"
)

// errPrivate says that an endpoint leads to an address that is not on the public internet.
var errPrivate = errors.New("the address is not public, or not that of HTTPS")

// newClient makes the one HTTP client for all push services.
func newClient(allowLoopback bool) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !reachable(to, allowLoopback) {
			return errPrivate
		}
		return nil
	}}
	return &http.Client{
		Timeout:       pushTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: dialTimeout, DisableCompression: true,
			MaxConnsPerHost: maxConns, MaxIdleConnsPerHost: maxConns, MaxIdleConns: 64, IdleConnTimeout: 90 * time.Second,
			MaxResponseHeaderBytes: 16 << 10,
		},
	}
}

// reachable tells whether an endpoint may be at an address: by HTTPS alone, so that nobody makes this server speak to
// what listens elsewhere.
func reachable(to netip.AddrPort, allowLoopback bool) bool {
	return public(to.Addr()) && strconv.Itoa(int(to.Port())) == pushPort || allowLoopback && to.Addr().Unmap().IsLoopback()
}

// public tells addresses of the public internet from all others: private, shared, local, multicast and reserved ones,
// and those that stand for an IPv4 address by NAT64, 6to4 or Teredo.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	if a.Is4() {
		return !within(a, "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
			"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4")
	}
	return within(a, "2000::/3") && !within(a, "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
}

func within(a netip.Addr, networks ...string) bool {
	for _, network := range networks {
		if netip.MustParsePrefix(network).Contains(a) {
			return true
		}
	}
	return false
}
