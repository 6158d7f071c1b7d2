package notify

import (
	"context"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"

	"parley/chat"
)

// keyPair is by which the server is known to push services (VAPID): ECDSA on P-256.
type keyPair struct {
	public  string // base64url of the uncompressed point
	private string // base64url of the scalar
	secret  []byte // the scalar
}

// loadKey returns the key of the server. The first who needs it makes it.
func loadKey(ctx context.Context, keys chat.PushKey) (keyPair, error) {
	for range 3 {
		private, err := keys.PushKey(ctx)
		if err == nil {
			return parseKey(private)
		}
		if chat.CodeOf(err) != chat.NotFound {
			return keyPair{}, fmt.Errorf("read the push key: %w", err)
		}
		made, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			return keyPair{}, fmt.Errorf("make a push key: %w", err)
		}
		if err := keys.CreatePushKey(ctx, made.Bytes()); err != nil && !errors.Is(err, chat.ErrExists) {
			return keyPair{}, fmt.Errorf("store a push key: %w", err)
		}
	}
	return keyPair{}, errors.New("the push key that was stored cannot be read")
}

func parseKey(private []byte) (keyPair, error) {
	k, err := ecdh.P256().NewPrivateKey(private)
	if err != nil {
		return keyPair{}, errors.New("the stored push key is not a key") // err might tell of it
	}
	b64 := base64.RawURLEncoding
	return keyPair{b64.EncodeToString(k.PublicKey().Bytes()), b64.EncodeToString(private), private}, nil
}

// topic names, for a push service, what a later push replaces that was not delivered yet: of one room to one browser.
// It tells the push service neither the room nor whether two browsers are told of the same one.
func (k *keyPair) topic(subscriptionID, roomID string) string {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte("topic#" + subscriptionID + "#" + roomID))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:24]) // 32 characters, the most that RFC 8030 allows
}

// unknownSubject stands where nobody said how to reach the operator. Some push services refuse it.
const unknownSubject = "https://parley.invalid"

// CheckSubject checks a VAPID subject: a mailto: or https: URL that leads to somebody. Push services refuse, some of
// them silently, what leads to localhost.
func CheckSubject(s string) error {
	u, err := url.Parse(s)
	if err != nil || len(s) > 256 || strings.ContainsAny(s, " \t\r\n") {
		return fmt.Errorf("%q is neither a mailto: nor an https: URL", s)
	}
	host := u.Hostname()
	switch u.Scheme {
	case "mailto":
		address, err := mail.ParseAddress(u.Opaque)
		if err != nil || address.Address != u.Opaque {
			return fmt.Errorf("%q is not like mailto:admin@example.org", s)
		}
		host = u.Opaque[strings.LastIndexByte(u.Opaque, '@')+1:]
	case "https":
		if host == "" || u.User != nil {
			return fmt.Errorf("%q is not like https://chat.example.org", s)
		}
	default:
		return fmt.Errorf("%q is neither a mailto: nor an https: URL", s)
	}
	if local(host) {
		return fmt.Errorf("%q leads to this machine only; push services refuse it", s)
	}
	return nil
}

// local tells names and addresses that mean something else, or nothing, to a push service.
func local(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if address, err := netip.ParseAddr(host); err == nil {
		return !public(address)
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || !strings.Contains(host, ".") || endsInNumber(host)
}

// endsInNumber tells a host that some programs take for an IPv4 address, in octal, hexadecimal or with parts left out: no
// domain ends so.
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// subject is the subject of a push to s.
func (n *Notifier) subject(s *chat.PushSubscription) string {
	if n.cfg.Subject != "" {
		return n.cfg.Subject
	}
	if u := n.origin(s); CheckSubject(u) == nil {
		return u
	}
	return unknownSubject
}

// origin is where the app is for who gets a push to s.
func (n *Notifier) origin(s *chat.PushSubscription) string {
	if n.cfg.PublicURL != nil {
		return n.cfg.PublicURL.Scheme + "://" + n.cfg.PublicURL.Host
	}
	return s.Origin
}
