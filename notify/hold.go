package notify

import (
	"net/url"
	"sync"
	"time"

	"parley/chat"
)

// maxHolds is how much is remembered of devices and push services that must wait; beyond it all are tried again.
const maxHolds = 10_000

// holds remember whom to leave in peace for a while: a device whose push service said so, or a push service that fails.
// And which device has what another one of the same person still lacks. All of it may be lost.
type holds struct {
	mu   sync.Mutex // guards what follows
	by   map[string]hold
	have map[listener]map[string]int64 // up to which number, by subscription
}

type hold struct {
	until time.Time
	wait  time.Duration // that led to until; the next one is twice as long
}

// listener is one person in one room.
type listener struct{ roomID, userID string }

func newHolds() *holds { return &holds{by: map[string]hold{}, have: map[listener]map[string]int64{}} }

// ready tells whether to push a message to s now; if not, in how long, zero if s has it.
func (h *holds) ready(s *chat.PushSubscription, roomID string, seq int64, now time.Time) (bool, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.have[listener{roomID, s.UserID}][s.SubscriptionID] >= seq {
		return false, 0
	}
	wait := max(h.by[s.SubscriptionID].until.Sub(now), h.by[service(s.Endpoint)].until.Sub(now))
	return wait <= 0, max(wait, 0)
}

// put holds back s, or its whole push service, after an answer, and returns for how long.
func (h *holds) put(s *chat.PushSubscription, a answer, now time.Time) time.Duration {
	key := s.SubscriptionID
	if a.service {
		key = service(s.Endpoint)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.by) > maxHolds {
		clear(h.by)
	}
	old := h.by[key]
	if left := old.until.Sub(now); left > 0 { // several at once found the same
		return left
	}
	wait := max(a.after, min(max(2*old.wait, minRetry), maxRetry))
	h.by[key] = hold{now.Add(wait), wait}
	return wait
}

// settle notes that s needs nothing more up to seq; heard says that its push service took it.
func (h *holds) settle(s *chat.PushSubscription, roomID string, seq int64, heard bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if heard {
		delete(h.by, s.SubscriptionID)
		delete(h.by, service(s.Endpoint))
	}
	if len(h.have) > maxHolds {
		clear(h.have)
	}
	l := listener{roomID, s.UserID}
	if h.have[l] == nil {
		h.have[l] = map[string]int64{}
	}
	h.have[l][s.SubscriptionID] = seq
}

// forget drops what devices have of a room once that is stored for their people.
func (h *holds) forget(roomID string, userIDs []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range userIDs {
		delete(h.have, listener{roomID, id})
	}
}

// service names the push service of an endpoint.
func service(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint
	}
	return u.Host
}
