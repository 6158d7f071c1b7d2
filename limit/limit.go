// Package limit keeps rate limits in memory: a token bucket for each rule and key. It implements chat.Limiter.
package limit

import (
	"container/list"
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"parley/chat"
)

// Rate allows Burst at once, and Burst more for each Per that passes, evenly spread. The zero Rate allows everything.
type Rate struct {
	Burst int
	Per   time.Duration
}

// Defaults are the limits of a server on which nothing was set.
func Defaults() map[chat.Rule]Rate {
	return map[chat.Rule]Rate{
		chat.LimitSend:            {100, 5 * time.Second}, // 20 a second
		chat.LimitTyping:          {40, 10 * time.Second},
		chat.LimitTypingRoom:      {40, 2 * time.Second},
		chat.LimitUpload:          {100, 10 * time.Minute},
		chat.LimitRequests:        {200, 10 * time.Second},
		chat.LimitSearch:          {20, 10 * time.Second}, // 2 a second: as one types
		chat.LimitPushTest:        {5, time.Minute},
		chat.LimitRegister:        {30, time.Hour},
		chat.LimitFailuresAddress: {30, 15 * time.Minute},
		chat.LimitFailuresAccount: {10, 15 * time.Minute},
	}
}

// MaxKeys is the default of Config.MaxKeys: about 20 MB for a rule at its fullest.
const MaxKeys = 100_000

// Config is what a Limiter is made of; the zero value gives the defaults.
type Config struct {
	Rules   map[chat.Rule]Rate // nil means Defaults; a rule that is not in it allows everything
	Off     bool               // everything is allowed, for load tests
	MaxKeys int                // keys remembered for each rule, zero means MaxKeys; then the longest unused is forgotten
	Now     func() time.Time   // default time.Now
}

// New makes a Limiter.
func New(c Config) *Limiter {
	if c.Rules == nil {
		c.Rules = Defaults()
	}
	if c.MaxKeys == 0 {
		c.MaxKeys = MaxKeys
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	l := &Limiter{now: c.Now, rules: map[chat.Rule]*buckets{}}
	if c.Off {
		return l
	}
	for rule, r := range c.Rules {
		if r.Burst > 0 && r.Per > 0 {
			l.rules[rule] = &buckets{rate: r, max: c.MaxKeys, keys: map[string]*list.Element{}}
		}
	}
	return l
}

// Limiter implements chat.Limiter. It is safe for concurrent use; each rule has its own lock.
type Limiter struct {
	now   func() time.Time
	rules map[chat.Rule]*buckets // never changes after New
}

// Allow implements chat.Limiter.
func (l *Limiter) Allow(_ context.Context, rule chat.Rule, key string) time.Duration {
	b := l.rules[rule]
	if b == nil {
		return 0
	}
	return b.take(l.now(), key)
}

// Refund gives back one that Allow took: what it was taken for did not count after all.
func (l *Limiter) Refund(_ context.Context, rule chat.Rule, key string) {
	if b := l.rules[rule]; b != nil {
		b.refund(l.now(), key)
	}
}

// buckets are the buckets of one rule, the last used in front. One that was unused for rate.Per is full again, hence the
// same as none, and is dropped from the back as others are used.
type buckets struct {
	rate Rate
	max  int

	mu   sync.Mutex
	keys map[string]*list.Element // of bucket
	used list.List
}

type bucket struct {
	key    string
	used   time.Time
	tokens *rate.Limiter
}

func (b *buckets) take(now time.Time, key string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.keys[key]
	if !ok {
		b.makeRoom(now)
		e = b.used.PushFront(&bucket{key: key, tokens: rate.NewLimiter(rate.Every(b.rate.Per/time.Duration(b.rate.Burst)), b.rate.Burst)})
		b.keys[key] = e
	}
	b.used.MoveToFront(e)
	k := e.Value.(*bucket)
	k.used = now
	r := k.tokens.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

func (b *buckets) refund(now time.Time, key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.keys[key]; ok {
		e.Value.(*bucket).tokens.ReserveN(now, -1) // a bucket never holds more than its burst
	}
}

// makeRoom drops buckets that are full again, and the longest unused one if there is no room for another. Two at a
// time are enough to shrink, as one is added for each call.
func (b *buckets) makeRoom(now time.Time) {
	for range 2 {
		e := b.used.Back()
		if e == nil {
			return
		}
		k := e.Value.(*bucket)
		if now.Sub(k.used) < b.rate.Per && len(b.keys) < b.max {
			return
		}
		b.used.Remove(e)
		delete(b.keys, k.key)
	}
}
