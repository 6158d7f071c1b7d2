package limit

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"parley/chat"
)

// Shared keeps some rules in tallies that several processes share, and leaves the others to a Limiter of its own
// process. A shared rule costs a read and a write each time: it is for what is rare and worth guarding, such as failed
// log-ins. It implements chat.Limiter, and is safe for concurrent use.
type Shared struct {
	local   *Limiter
	tallies chat.Tallies
	rules   map[chat.Rule]Rate
	now     func() time.Time
	log     *slog.Logger
}

// NewShared makes a Shared that keeps rules in tallies.
func NewShared(local *Limiter, tallies chat.Tallies, rules []chat.Rule, log *slog.Logger) *Shared {
	s := &Shared{local: local, tallies: tallies, rules: map[chat.Rule]Rate{}, now: local.now, log: log}
	for _, rule := range rules {
		if b := local.rules[rule]; b != nil {
			s.rules[rule] = b.rate
		}
	}
	return s
}

// busy is how long to wait when the tallies could not be read: what they guard is refused rather than left open.
const busy = time.Second

// Allow implements chat.Limiter. A tally is the moment, in milliseconds, at which the bucket is full again (GCRA).
func (s *Shared) Allow(ctx context.Context, rule chat.Rule, key string) time.Duration {
	r, ok := s.rules[rule]
	if !ok {
		return s.local.Allow(ctx, rule, key)
	}
	var wait time.Duration
	s.move(ctx, rule, key, func(full, now int64) (int64, bool) {
		full = max(full, now) + r.Per.Milliseconds()/int64(r.Burst)
		wait = max(0, time.Duration(full-now)*time.Millisecond-r.Per)
		return full, wait == 0
	}, func() { wait = busy })
	return wait
}

// Refund gives back one that Allow took.
func (s *Shared) Refund(ctx context.Context, rule chat.Rule, key string) {
	r, ok := s.rules[rule]
	if !ok {
		s.local.Refund(ctx, rule, key)
		return
	}
	s.move(ctx, rule, key, func(full, now int64) (int64, bool) {
		back := full - r.Per.Milliseconds()/int64(r.Burst)
		return back, full > now
	}, func() {})
}

// move changes a tally until nobody came in between; to says to what, or that it is to stay.
func (s *Shared) move(ctx context.Context, rule chat.Rule, key string, to func(full, now int64) (int64, bool), failed func()) {
	id := string(rule) + "#" + key
	var err error
	for attempt := range 8 {
		if attempt > 0 {
			time.Sleep(rand.N(time.Duration(attempt) * 5 * time.Millisecond))
		}
		var full int64
		if full, err = s.tallies.Tally(ctx, id); err != nil {
			break
		}
		next, ok := to(full, s.now().UnixMilli())
		if !ok {
			return
		}
		if err = s.tallies.SetTally(ctx, id, full, next, next+1000); !errors.Is(err, chat.ErrMoved) {
			break
		}
	}
	if err != nil {
		s.log.WarnContext(ctx, "a shared rate limit could not be kept", "rule", rule, "error", err)
		failed()
	}
}
