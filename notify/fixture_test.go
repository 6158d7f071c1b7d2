package notify

import (
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/chat"
	"parley/chattest"
	"parley/notify/pushtest"
	"parley/store"
	"parley/store/pebble"
)

// house is a notifier over a real store, and a push service.
type house struct {
	*Notifier
	t       *testing.T
	store   *store.Store
	clock   *chattest.Clock
	service *pushtest.Service
}

func newStore(t testing.TB, clock *chattest.Clock) *store.Store {
	t.Helper()
	db, err := pebble.Open(pebble.Options{Dir: "data", FS: vfs.NewMem(), Schemas: store.Schemas(), Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return store.New(db, clock.Now)
}

func newHouse(t *testing.T, change ...func(*Config)) *house {
	t.Helper()
	h := &house{t: t, clock: chattest.NewClock(), service: pushtest.New(t)}
	h.store = newStore(t, h.clock)
	c := Config{Key: h.store, Subscriptions: h.store, Subject: "mailto:admin@example.org", AllowPrivate: true, Now: h.clock.Now,
		Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&c)
	}
	var err error
	if h.Notifier, err = New(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// subscribe makes a browser and subscribes it for somebody.
func (h *house) subscribe(userID, sessionID string) *pushtest.Browser {
	h.t.Helper()
	b := h.service.Subscribe()
	if _, err := h.Subscribe(h.t.Context(), request(b, userID, sessionID)); err != nil {
		h.t.Fatal(err)
	}
	return b
}

func request(b *pushtest.Browser, userID, sessionID string) chat.NewPushSubscription {
	return chat.NewPushSubscription{UserID: userID, SessionID: sessionID, Endpoint: b.Endpoint, P256dh: b.P256dh, Auth: b.Auth,
		Device: "device of " + sessionID, Origin: "https://chat.example.org"}
}

// test pushes a test to somebody and returns the results.
func (h *house) test(userID string) []chat.PushResult {
	h.t.Helper()
	results, err := h.Test(h.t.Context(), userID)
	if err != nil {
		h.t.Fatal(err)
	}
	return results
}

// devices returns what somebody has subscribed.
func (h *house) devices(userID string) []chat.PushSubscription {
	h.t.Helper()
	all, err := h.Subscriptions(h.t.Context(), userID)
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}
