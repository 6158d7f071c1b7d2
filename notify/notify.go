// Package notify tells people who are away that somebody wrote to them, by Web Push (RFC 8030, 8291, 8292): straight
// from this server to the push service of their browser, encrypted for that browser alone.
//
// A Notifier has three parts. Subscriptions are checked and kept: who may be reached, and where. Sending pushes a
// payload to one browser and judges the answer. Handling decides, for the new messages of one room, who must still be
// told, and tells them; it can be repeated at any time, and says when to come again for what could not be sent yet.
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"parley/chat"
)

// Config is what a Notifier is made of. Key and Subscriptions are required.
type Config struct {
	Key           chat.PushKey
	Subscriptions chat.PushSubscriptions

	// Rules, Users and, on one machine, Outbox and Queue are needed for people who are away. Without them one can only test
	// one's notifications.
	Rules  Rules
	Users  Users
	Outbox Outbox
	Queue  *Queue
	// Sessions, if set, says which sign-ins still are: a subscription ends with its own.
	Sessions Sessions

	// Subject is how push services reach the operator: a mailto: or https: URL. Empty: PublicURL if it is https, or
	// else where the app was reached by who is told.
	Subject string
	// PublicURL is where people reach the server; nil: where each of them did.
	PublicURL *url.URL
	// ServerName is what a notification is from that hides who wrote; default "Parley".
	ServerName string
	// AllowPrivate permits endpoints on this very machine, without TLS too. It is for tests.
	AllowPrivate bool

	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default
}

// Users says what people are called.
type Users interface {
	Users(ctx context.Context, userIDs ...string) ([]chat.User, error)
}

// Sessions says which sign-ins there are: NotFound for one that is over.
type Sessions interface {
	Session(ctx context.Context, userID, sessionID string) (chat.Session, error)
}

// Notifier reaches people who are away. Its methods are safe for concurrent use.
type Notifier struct {
	cfg    Config
	log    *slog.Logger
	key    keyPair
	client *http.Client

	holds *holds

	// subscribing is held while somebody subscribes, so that the bound on subscriptions holds.
	subscribing sync.Mutex

	sent, failed, removed atomic.Int64
}

// Stats are the counts of a Notifier since it was made.
type Stats struct {
	Sent    int64 // pushes that a push service took
	Failed  int64 // attempts that it did not take
	Removed int64 // subscriptions that it said had ended
}

// New makes a Notifier, and the key pair of the server if it has none yet.
func New(ctx context.Context, c Config) (*Notifier, error) {
	if c.Key == nil || c.Subscriptions == nil {
		return nil, errors.New("a notifier needs a key and subscriptions")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.ServerName == "" {
		c.ServerName = "Parley"
	}
	if c.Subject != "" {
		if err := CheckSubject(c.Subject); err != nil {
			return nil, err
		}
	}
	key, err := loadKey(ctx, c.Key)
	if err != nil {
		return nil, err
	}
	wanted, err := c.Subscriptions.AnyPushSubscription(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for push subscriptions: %w", err)
	}
	if c.Queue == nil {
		c.Queue = NewQueue()
	}
	c.Queue.wanted.Store(wanted)
	return &Notifier{cfg: c, log: c.Logger, key: key, client: newClient(c.AllowPrivate), holds: newHolds()}, nil
}

// PublicKey is the server's public key in base64url, for applicationServerKey of a browser's subscribe.
func (n *Notifier) PublicKey() string { return n.key.public }

// Stats returns the counts.
func (n *Notifier) Stats() Stats {
	return Stats{Sent: n.sent.Load(), Failed: n.failed.Load(), Removed: n.removed.Load()}
}

// Close ends connections that are kept open.
func (n *Notifier) Close() { n.client.CloseIdleConnections() }
