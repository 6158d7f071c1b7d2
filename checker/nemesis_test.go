package checker

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// nemesis strikes the house, its disk and clock, and the network, in an order that its seed gives.
type nemesis struct {
	rec    *record
	house  house
	proxy  *proxy
	rng    *rand.Rand
	struck map[string]int
}

// strike is one kind of fault. It lasts until do returns.
type strike struct {
	name string
	do   func(ctx context.Context)
}

// strikes are all faults: those of the house, and those of the network.
func (n *nemesis) strikes() []strike {
	network := func(share float64, last time.Duration, do func(k *link)) func(ctx context.Context) {
		return func(ctx context.Context) {
			n.proxy.strike(n.rng, share, do)
			pause(ctx, last)
		}
	}
	ms := time.Millisecond
	return append(n.house.strikes(n), []strike{
		{"all cut", network(1, 0, (*link).cut)},
		{"cut at a random byte", network(0.7, 300*ms, func(k *link) {
			n.way(k).budget.Store(1 + n.rng.Int64N(3000))
		})},
		{"half-open", network(0.4, 900*ms, func(k *link) { k.up.swallow.Store(true); k.down.swallow.Store(true) })},
		{"swallowed one way", network(0.3, 900*ms, func(k *link) { n.way(k).swallow.Store(true) })},
		{"stalled one way", network(0.5, 700*ms, func(k *link) {
			n.way(k).stalled.Store(time.Now().Add(200*ms + n.upTo(900*ms)).UnixNano())
		})},
		{"delayed", network(0.5, 600*ms, func(k *link) { n.way(k).delay.Store(int64(n.upTo(40 * ms))) })},
		{"doubled and late frames", network(0.8, 900*ms, func(k *link) { k.up.double.Store(40) })},
		{"slow readers", network(0.4, 900*ms, func(k *link) { k.down.trickle.Store(true) })},
	}...)
}

// stall stops the way of half the connections for a moment.
func (n *nemesis) stall() {
	n.proxy.strike(n.rng, 0.5, func(k *link) { n.way(k).stalled.Store(time.Now().Add(n.upTo(600 * time.Millisecond)).UnixNano()) })
}

// run strikes until ctx ends, and every kind once at least.
func (n *nemesis) run(ctx context.Context, always context.Context) {
	for pass := 0; ; pass++ {
		all := n.strikes()
		n.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, s := range all {
			if pass > 0 && ctx.Err() != nil || always.Err() != nil {
				return
			}
			s.do(always)
			n.struck[s.name]++
			pause(always, 100*time.Millisecond+n.upTo(300*time.Millisecond))
			if n.rng.IntN(3) == 0 { // otherwise faults add up
				n.heal()
			}
		}
	}
}

func (n *nemesis) heal() {
	n.house.heal()
	for _, k := range n.proxy.all() {
		k.heal()
	}
}

// upTo is a random time; the nemesis is the only user of its rng.
func (n *nemesis) upTo(d time.Duration) time.Duration { return time.Duration(n.rng.Int64N(int64(d))) }

// way is a random direction.
func (n *nemesis) way(k *link) *way {
	if n.rng.IntN(2) == 0 {
		return &k.up
	}
	return &k.down
}

// count is how often it struck.
func (n *nemesis) count() (total int) {
	for _, times := range n.struck {
		total += times
	}
	return total
}

func (n *nemesis) String() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(n.struck)) {
		all = append(all, fmt.Sprintf("%s %d", name, n.struck[name]))
	}
	return fmt.Sprintf("%d (%s)", n.count(), strings.Join(all, ", "))
}
