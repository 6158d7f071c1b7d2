package notify

import (
	"cmp"
	"context"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"parley/chat"
)

// Bounds of subscriptions.
const (
	MaxEndpoint      = 1024 // bytes of an endpoint's URL
	MaxDevice        = 64   // characters of a device's name
	MaxSubscriptions = 20   // of one person; a new one takes the place of the one that was of use the longest ago
)

const (
	pointBytes  = 65 // of an uncompressed point on P-256
	authBytes   = 16
	maxKeyChars = 128 // as text, in the request
)

// Subscribe keeps where a browser is reached. It takes the place of what the same session had.
func (n *Notifier) Subscribe(ctx context.Context, as chat.NewPushSubscription) (chat.PushSubscription, error) {
	s, err := parse(as, n.cfg.AllowPrivate)
	if err != nil {
		return chat.PushSubscription{}, err
	}
	if n.cfg.Sessions != nil { // an access token may outlive its session, and nothing would end what is subscribed then
		if _, err := n.cfg.Sessions.Session(ctx, s.UserID, s.SessionID); chat.CodeOf(err) == chat.NotFound {
			return chat.PushSubscription{}, chat.Errorf(chat.Unauthenticated, "The session is over. Please sign in again.")
		} else if err != nil {
			return chat.PushSubscription{}, err
		}
	}
	s.CreatedAt = n.cfg.Now().UnixMilli()
	n.subscribing.Lock()
	defer n.subscribing.Unlock()
	all, err := n.cfg.Subscriptions.PushSubscriptionsOf(ctx, s.UserID)
	if err != nil {
		return chat.PushSubscription{}, err
	}
	slices.SortFunc(all, func(a, b chat.PushSubscription) int {
		return cmp.Compare(max(b.LastUsedAt, b.CreatedAt), max(a.LastUsedAt, a.CreatedAt))
	})
	var drop []string
	kept := 1
	for _, old := range all {
		switch {
		case old.SubscriptionID == s.SubscriptionID:
		case old.SessionID == s.SessionID || kept == MaxSubscriptions:
			drop = append(drop, old.SubscriptionID)
		default:
			kept++
		}
	}
	n.cfg.Queue.wanted.Store(true) // before it is stored: a message between the two costs a note too many, not one too few
	if err := n.cfg.Subscriptions.PutPushSubscription(ctx, s, drop...); err != nil {
		return chat.PushSubscription{}, err
	}
	return s, nil
}

// Subscriptions returns what a person has subscribed, the newest first.
func (n *Notifier) Subscriptions(ctx context.Context, userID string) ([]chat.PushSubscription, error) {
	all, err := n.cfg.Subscriptions.PushSubscriptionsOf(ctx, userID)
	slices.SortFunc(all, func(a, b chat.PushSubscription) int {
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(a.SubscriptionID, b.SubscriptionID))
	})
	return all, err
}

// Unsubscribe removes a person's subscription at an endpoint; one that is not there is no error.
func (n *Notifier) Unsubscribe(ctx context.Context, userID, endpoint string) error {
	return n.cfg.Subscriptions.DeletePushSubscriptions(ctx, userID, subscriptionID(endpoint))
}

func subscriptionID(endpoint string) string {
	sum := sha256.Sum256([]byte(endpoint))
	return hex.EncodeToString(sum[:16])
}

// parse checks a subscription as a browser, or somebody else, gave it.
func parse(n chat.NewPushSubscription, allowLoopback bool) (chat.PushSubscription, error) {
	if err := checkEndpoint(n.Endpoint, allowLoopback); err != nil {
		return chat.PushSubscription{}, err
	}
	s := chat.PushSubscription{SubscriptionID: subscriptionID(n.Endpoint), UserID: n.UserID, SessionID: n.SessionID, Endpoint: n.Endpoint,
		Language: language(n.Language), Origin: n.Origin}
	var err error
	if s.P256dh, err = decodeKey("keys.p256dh", n.P256dh, pointBytes); err != nil {
		return chat.PushSubscription{}, err
	}
	if _, err := ecdh.P256().NewPublicKey(s.P256dh); err != nil {
		return chat.PushSubscription{}, refuse("keys.p256dh", "p256dh is not a point on the curve P-256.")
	}
	if s.Auth, err = decodeKey("keys.auth", n.Auth, authBytes); err != nil {
		return chat.PushSubscription{}, err
	}
	if s.Device, err = parseDevice(n.Device); err != nil {
		return chat.PushSubscription{}, err
	}
	return s, nil
}

func checkEndpoint(endpoint string, allowLoopback bool) error {
	const field = "endpoint"
	if endpoint == "" || len(endpoint) > MaxEndpoint {
		return refuse(field, "The endpoint must have 1 to 1024 bytes.")
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || !validPort(u.Port()) || strings.ContainsFunc(endpoint, notURL) {
		return refuse(field, "The endpoint is not the URL of a push service.")
	}
	loopback := local(u.Hostname())
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		loopback = a.Unmap().IsLoopback()
	}
	switch {
	case allowLoopback && loopback && (u.Scheme == "http" || u.Scheme == "https"):
	case u.Scheme != "https":
		return refuse(field, "The endpoint must be an https URL.")
	case local(u.Hostname()):
		return refuse(field, "The endpoint must be on the public internet.")
	case u.Port() != "" && u.Port() != pushPort:
		return refuse(field, "The endpoint must be at port 443.")
	}
	return nil
}

func validPort(s string) bool {
	port, err := strconv.ParseUint(s, 10, 16)
	return s == "" || err == nil && port > 0
}

// notURL tells characters that cannot stand in a URL as it is sent.
func notURL(r rune) bool { return r <= ' ' || r >= 0x7f }

// decodeKey reads base64url, with or without padding.
func decodeKey(field, s string, size int) ([]byte, error) {
	if len(s) > maxKeyChars {
		return nil, refuse(field, "The key is too long.")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(s, "="))
	if err != nil || len(raw) != size || strings.ContainsAny(s, "\r\n") {
		return nil, refuse(field, "The key is not %d bytes in base64url.", size)
	}
	return raw, nil
}

func parseDevice(s string) (string, error) {
	s = strings.TrimSpace(s)
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > MaxDevice || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", refuse("device", "The name of a device is one line of at most %d characters.", MaxDevice)
	}
	return s, nil
}

func refuse(field, format string, args ...any) error {
	e := chat.Errorf(chat.InvalidRequest, format, args...)
	e.Field = field
	return e
}

// encodeKeys writes the keys of s as browsers do.
func encodeKeys(s *chat.PushSubscription) (p256dh, auth string) {
	return base64.RawURLEncoding.EncodeToString(s.P256dh), base64.RawURLEncoding.EncodeToString(s.Auth)
}
