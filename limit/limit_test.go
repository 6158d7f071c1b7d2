package limit

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat"
)

var _ chat.Limiter = (*Limiter)(nil)

// clock is a clock that tests move.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time          { return time.UnixMilli(c.ms.Load()) }
func (c *clock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

func newLimiter(c Config) (*Limiter, *clock) {
	k := &clock{}
	k.advance(time.Hour)
	c.Now = k.now
	return New(c), k
}

// drain takes until refused and returns how often it was allowed.
func drain(t *testing.T, l *Limiter, rule chat.Rule, key string) int {
	for n := range 1000 {
		if l.Allow(t.Context(), rule, key) > 0 {
			return n
		}
	}
	t.Fatalf("%s is not limited", rule)
	return 0
}

func TestDefaultsAreThePublishedOnes(t *testing.T) {
	l, k := newLimiter(Config{})
	for rule, want := range map[chat.Rule]int{chat.LimitSend: 100, chat.LimitRegister: 30, chat.LimitFailuresAddress: 30, chat.LimitFailuresAccount: 10} {
		if got := drain(t, l, rule, "a"); got != want {
			t.Errorf("%s allows %d at once, want %d", rule, got, want)
		}
		if wait := l.Allow(t.Context(), rule, "b"); wait != 0 {
			t.Errorf("%s: another key has to wait %v", rule, wait)
		}
	}
	k.advance(time.Second)
	if got := drain(t, l, chat.LimitSend, "a"); got != 20 {
		t.Errorf("%d sends after a second, want 20", got)
	}
	if got := drain(t, l, chat.LimitRegister, "a"); got != 0 {
		t.Errorf("%d registrations after a second, want none", got)
	}
}

func TestRefusalTakesNothingAndSaysHowLong(t *testing.T) {
	l, k := newLimiter(Config{})
	drain(t, l, chat.LimitRegister, "a")
	var wait time.Duration
	for range 50 {
		wait = l.Allow(t.Context(), chat.LimitRegister, "a")
	}
	if wait <= 0 || wait > 2*time.Minute {
		t.Fatalf("wait is %v, want at most 2m", wait)
	}
	k.advance(wait + time.Millisecond)
	if got := drain(t, l, chat.LimitRegister, "a"); got != 1 {
		t.Fatalf("%d allowed after the wait, want 1", got)
	}
}

func TestRefund(t *testing.T) {
	l, _ := newLimiter(Config{})
	for range 100 {
		if wait := l.Allow(t.Context(), chat.LimitFailuresAccount, "a"); wait > 0 {
			t.Fatalf("refused for %v though all was given back", wait)
		}
		l.Refund(t.Context(), chat.LimitFailuresAccount, "a")
	}
	l.Refund(t.Context(), chat.LimitFailuresAccount, "a") // more than was taken
	l.Refund(t.Context(), chat.LimitFailuresAccount, "never seen")
	if got := drain(t, l, chat.LimitFailuresAccount, "a"); got != 10 {
		t.Fatalf("%d allowed, want 10: a refund must not lift the burst", got)
	}
}

func TestKeysAreBoundedAndExpire(t *testing.T) {
	l, k := newLimiter(Config{MaxKeys: 10})
	b := l.rules[chat.LimitFailuresAccount]
	drain(t, l, chat.LimitFailuresAccount, "victim")
	for i := range 9 {
		l.Allow(t.Context(), chat.LimitFailuresAccount, fmt.Sprint(i))
	}
	if l.Allow(t.Context(), chat.LimitFailuresAccount, "victim") == 0 {
		t.Fatal("forgotten although there was room")
	}
	for i := range 1000 {
		l.Allow(t.Context(), chat.LimitFailuresAccount, fmt.Sprint("x", i))
		if len(b.keys) > 10 || b.used.Len() != len(b.keys) {
			t.Fatalf("%d keys, %d in the list", len(b.keys), b.used.Len())
		}
	}
	k.advance(15 * time.Minute)
	for i := range 9 {
		l.Allow(t.Context(), chat.LimitFailuresAccount, fmt.Sprint("y", i))
	}
	if len(b.keys) != 9 {
		t.Fatalf("%d keys, want 9: the expired ones are still there", len(b.keys))
	}
}

func TestOffAndUnknownRules(t *testing.T) {
	for name, l := range map[string]*Limiter{"off": New(Config{Off: true}), "no such rule": New(Config{Rules: map[chat.Rule]Rate{chat.LimitSend: {}}})} {
		for range 1000 {
			if wait := l.Allow(t.Context(), chat.LimitSend, "a"); wait != 0 {
				t.Fatalf("%s: wait %v", name, wait)
			}
		}
		l.Refund(t.Context(), chat.LimitSend, "a")
	}
}

func TestConcurrentTakersGetExactlyTheBurst(t *testing.T) {
	l, _ := newLimiter(Config{})
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if l.Allow(t.Context(), chat.LimitSend, "a") == 0 {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if allowed.Load() != 100 {
		t.Fatalf("%d allowed, want 100", allowed.Load())
	}
}

func BenchmarkAllow(b *testing.B) {
	l := New(Config{})
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			l.Allow(b.Context(), chat.LimitSend, "someone")
		}
	})
}
