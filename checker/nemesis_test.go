package checker

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// nemesis strikes the house, its disk and clock, and the network, in an order that its seed gives.
type nemesis struct {
	rec   *record
	house house
	proxy *proxy
	dice  *rand.Rand // for the order of strikes and what lies between them: the same for the same seed, whatever happens
	rng   *rand.Rand // of one strike: how often it is asked depends on how many connections there are
	order []string   // of the strikes that were made
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
			for n.proxy.strike(n.rng, share, do) == 0 && ctx.Err() == nil { // after a cut nobody may be there yet
				pause(ctx, 10*time.Millisecond)
			}
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
		{"slow readers", func(ctx context.Context) {
			network(0.4, 2000*ms, func(k *link) { k.down.trickle.Store(true) })(ctx)
			for _, k := range n.proxy.all() { // else they would take seconds to hear that they were too slow
				k.down.trickle.Store(false)
			}
		}},
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
		n.dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, s := range all {
			if pass > 0 && ctx.Err() != nil || always.Err() != nil {
				return
			}
			n.rng = rand.New(rand.NewPCG(n.dice.Uint64(), 0))
			s.do(always)
			n.order = append(n.order, s.name)
			pause(always, 100*time.Millisecond+time.Duration(n.dice.Int64N(int64(300*time.Millisecond))))
			if n.dice.IntN(3) == 0 { // otherwise faults add up
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

// upTo is a random time of a strike.
func (n *nemesis) upTo(d time.Duration) time.Duration { return time.Duration(n.rng.Int64N(int64(d))) }

// way is a random direction.
func (n *nemesis) way(k *link) *way {
	if n.rng.IntN(2) == 0 {
		return &k.up
	}
	return &k.down
}

// faults are how often each kind struck.
type faults map[string]int

func (n *nemesis) struck() faults {
	times := faults{}
	for _, name := range n.order {
		times[name]++
	}
	return times
}

func (f faults) String() string {
	var each []string
	total := 0
	for _, name := range slices.Sorted(maps.Keys(f)) {
		each = append(each, fmt.Sprintf("%s %d", name, f[name]))
		total += f[name]
	}
	return fmt.Sprintf("%d (%s)", total, strings.Join(each, ", "))
}

// restless is a house with faults whose choices are more or fewer from run to run.
type restless struct {
	house
	choices int
}

func (h restless) strikes(n *nemesis) (all []strike) {
	for i := range 5 {
		all = append(all, strike{fmt.Sprint("of the house ", i), func(ctx context.Context) {
			for range h.choices {
				pause(ctx, n.upTo(time.Second))
			}
		}})
	}
	return all
}

func (h restless) heal() {}

// TestSeedRepeats: a seed gives the same faults in the same order, however many connections they meet and however long they
// take; another seed gives another.
func TestSeedRepeats(t *testing.T) {
	order := func(seed uint64, links, choices int) (made []string) {
		synctest.Test(t, func(t *testing.T) {
			p := &proxy{links: map[*link]bool{}}
			for range links {
				p.links[&link{near: &net.TCPConn{}, far: &net.TCPConn{}, gone: make(chan struct{})}] = true
			}
			r := round{seed: seed}
			n := &nemesis{house: restless{choices: choices}, proxy: p, dice: r.dice(0)}
			ctx, end := context.WithTimeout(t.Context(), time.Minute)
			defer end()
			n.run(ctx, t.Context())
			made = n.order
		})
		return made
	}
	one, other := order(1, 3, 1), order(1, 40, 7)
	both := min(len(one), len(other))
	const kinds = 13
	if both < 2*kinds {
		t.Fatalf("%d and %d strikes in a minute", len(one), len(other))
	}
	if !slices.Equal(one[:both], other[:both]) {
		t.Errorf("the same seed struck by %q and by %q", one[:both], other[:both])
	}
	if third := order(2, 3, 1); slices.Equal(one[:kinds], third[:kinds]) {
		t.Error("two seeds strike in one order")
	}
}
