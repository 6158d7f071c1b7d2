package limit_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/limit"
)

// tallies are chat.Tallies in memory, which can be out of order.
type tallies struct {
	mu     sync.Mutex
	values map[string]int64
	broken error
}

func (s *tallies) Tally(_ context.Context, key string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[key], s.broken
}

func (s *tallies) SetTally(_ context.Context, key string, from, to int64, _ chat.Millis) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values[key] != from {
		return chat.ErrMoved
	}
	s.values[key] = to
	return s.broken
}

// TestShared: two processes count together, a refund gives back, time does too; other rules stay with each process.
func TestShared(t *testing.T) {
	now := time.UnixMilli(1_000_000_000_000)
	kept := &tallies{values: map[string]int64{}}
	process := func() *limit.Shared {
		local := limit.New(limit.Config{Rules: map[chat.Rule]limit.Rate{"shared": {Burst: 3, Per: 30 * time.Second}, "own": {Burst: 1, Per: time.Minute}},
			Now: func() time.Time { return now }})
		return limit.NewShared(local, kept, []chat.Rule{"shared", "not limited"}, slog.New(slog.DiscardHandler))
	}
	a, b := process(), process()
	allow := func(s *limit.Shared, rule chat.Rule, want time.Duration) {
		t.Helper()
		if got := s.Allow(t.Context(), rule, "key"); got != want {
			t.Errorf("%s: wait %s, want %s", rule, got, want)
		}
	}
	allow(a, "shared", 0)
	allow(b, "shared", 0)
	allow(a, "shared", 0)
	allow(b, "shared", 10*time.Second)
	allow(a, "shared", 10*time.Second) // what was refused took nothing
	a.Refund(t.Context(), "shared", "key")
	allow(b, "shared", 0)
	now = now.Add(10 * time.Second)
	allow(b, "shared", 0)
	allow(a, "shared", 10*time.Second)
	for range 9 {
		a.Refund(t.Context(), "shared", "key") // never more than the burst
	}
	now = now.Add(time.Hour)
	for range 3 {
		allow(a, "shared", 0)
	}
	allow(a, "shared", 10*time.Second)
	if got := b.Allow(t.Context(), "shared", "another"); got != 0 {
		t.Errorf("another key: wait %s", got)
	}
	allow(a, "own", 0)
	allow(b, "own", 0)
	allow(a, "own", time.Minute)
	allow(a, "not limited", 0)
	kept.broken = errors.New("out of order")
	if got := a.Allow(t.Context(), "shared", "third"); got <= 0 {
		t.Error("what cannot be counted is open")
	}
}
