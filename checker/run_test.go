package checker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/client"
)

// TestDelivery is the short run: a house under every kind of fault while people talk, and then the judgement. SEED repeats
// the order of a run's faults.
func TestDelivery(t *testing.T) {
	last := 20 * time.Second
	if testing.Short() {
		last = 0 // every kind of fault once
	}
	h := openMachine(t)
	h.queue = smallQueue
	h.start()
	deliver(t, h, chance(t), 0, last)
}

// TestSoak runs such rounds for SOAK, such as 1h, on one data folder.
func TestSoak(t *testing.T) {
	h := openMachine(t)
	h.queue = smallQueue
	soak(t, func(*testing.T, uint64) house {
		h.start()
		return h
	})
}

// soak runs rounds until the time is over or one has failed.
func soak(t *testing.T, open func(t *testing.T, seed uint64) house) {
	t.Helper()
	last, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil {
		t.Skip("SOAK says how long, such as 1h")
	}
	first, begun := chance(t), time.Now()
	all := tally{faults: faults{}}
	rounds := 0
	for ; time.Since(begun) < last && !t.Failed(); rounds++ {
		t.Run(fmt.Sprint("round ", rounds), func(t *testing.T) {
			seed := first + uint64(rounds)
			one := deliver(t, open(t, seed), seed, rounds, 45*time.Second)
			all.acknowledged, all.told, all.violations = all.acknowledged+one.acknowledged, all.told+one.told, all.violations+one.violations
			for name, times := range one.faults {
				all.faults[name] += times
			}
		})
	}
	t.Logf("soak: seeds from %d, %d rounds in %s, %d operations acknowledged, %d told, faults %s, violations %d",
		first, rounds, time.Since(begun).Round(time.Second), all.acknowledged, all.told, all.faults, all.violations)
}

// tally is what a round comes to.
type tally struct {
	acknowledged, told, violations int
	faults                         faults
}

// chance is what a run's choices follow from.
func chance(t *testing.T) uint64 {
	if text := os.Getenv("SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return rand.Uint64N(1 << 32)
}

// round is one run: people in rooms, a nemesis, a record.
type round struct {
	t      *testing.T
	seed   uint64
	rec    *record
	house  house
	pace   pace
	proxy  *proxy
	people []*person // the first makes the rooms and stays in all
	rooms  []string
	duel   string // a room for few operations, small enough to search all orders
}

const (
	crowd  = 6 // people
	duels  = 3 // of them in the duel
	bouts  = 30
	newest = 6 // messages that a duelist reads
)

// deliver runs one round for at least a time and judges it. The house is stopped in the end.
func deliver(t *testing.T, h house, seed uint64, number int, last time.Duration) tally {
	t.Helper()
	begun := time.Now()
	t.Logf("SEED=%d", seed)
	r := &round{t: t, seed: seed, rec: newRecord(t), house: h, pace: h.pace(), proxy: newProxy(t, h.where())}
	defer r.proxy.close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.settle(ctx, number)

	var devices sync.WaitGroup
	for _, p := range r.people {
		devices.Go(func() { r.must(p.stream.run(ctx)) })
		devices.Go(func() { r.must(p.raw.run(ctx)) })
	}
	r.await("everybody is connected", r.current)
	n := &nemesis{rec: r.rec, house: h, proxy: r.proxy, dice: r.dice(0)}
	storm, calm := context.WithTimeout(ctx, last)
	defer calm()
	talk, hush := context.WithCancel(ctx)
	var talkers sync.WaitGroup
	r.talk(talk, &talkers)
	n.run(storm, ctx)
	n.heal()
	pause(ctx, 200*time.Millisecond)
	hush()
	r.wait("everybody is answered", &talkers)
	n.heal()
	r.await("everybody has caught up", r.current)
	for _, k := range r.proxy.all() { // what the network still holds, copies of frames too, never arrives
		k.cut()
	}
	var history *History
	r.await("nothing happens while all is read", func() (missing string) {
		if missing = r.current(); missing != "" {
			return missing
		}
		before := r.heads()
		history = r.history(ctx)
		if after := r.heads(); !maps.Equal(before, after) {
			return fmt.Sprintf("rooms went from %v to %v", before, after)
		}
		return ""
	})
	if history == nil {
		history = r.history(ctx)
	}
	cancel()
	devices.Wait()
	if err := h.stop(); err != nil {
		t.Errorf("the house ended with %v", err)
	}
	return r.judge(history, n, begun)
}

// dice are random choices for one part of the round.
func (r *round) dice(part int) *rand.Rand { return rand.New(rand.NewPCG(r.seed, uint64(part))) }

func (r *round) must(err error) {
	if err != nil {
		r.t.Error(err)
	}
}

// settle makes the people and their rooms, before any fault.
func (r *round) settle(ctx context.Context, number int) {
	var joining sync.WaitGroup
	for i := range crowd {
		calls := caller(r.t)
		calls.Timeout = r.pace.within + 2*time.Second
		p := newPerson(r.rec, fmt.Sprintf("p%d.%d", number, i), r.proxy.url, calls, client.Session{})
		p.forgiving, p.within = r.house.forgives, r.pace.within
		r.people = append(r.people, p)
		if i == 0 { // alone: the first account is given the first room
			p.join(ctx)
			continue
		}
		joining.Go(func() { p.join(ctx) })
	}
	joining.Wait()
	for i, kind := range []chat.Kind{chat.Public, chat.Public, chat.Private, chat.Public} {
		v, err := r.people[0].CreateRoom(ctx, kind, fmt.Sprintf("room %d of %d", i, number), "")
		if err != nil {
			r.t.Fatal(err)
		}
		r.rooms = append(r.rooms, v.RoomID)
	}
	r.duel = r.rooms[3]
	for i, p := range r.people {
		p.stream, p.raw = newSteady(ctx, r.rec, p, i%2 == 1), newRaw(ctx, r.rec, p, "raw", r.proxy.url)
		p.stream.silence, p.raw.silence = r.pace.silence, r.pace.silence
		p.raw.early = r.house.retells()
		for j, room := range r.rooms {
			if room == r.duel && i >= duels || j == 1 && i == crowd-1 { // the last enters that one later
				continue
			}
			if i > 0 {
				if _, err := r.people[0].SetMember(ctx, room, p.id, ""); err != nil {
					r.t.Fatal(err)
				}
			}
			if room != r.duel {
				p.enters(room)
			}
		}
	}
}

// talk lets people talk, read, come and go until ctx ends; what is under way then is brought to its end.
func (r *round) talk(ctx context.Context, tasks *sync.WaitGroup) {
	end := r.t.Context()
	for i, p := range r.people {
		for j := range 2 {
			rng := r.dice(100 + 10*i + j)
			tasks.Go(func() {
				for ctx.Err() == nil {
					r.speak(end, p, rng)
					pause(ctx, time.Duration(rng.Int64N(int64(r.pace.rest))))
				}
			})
		}
		rng := r.dice(200 + i)
		tasks.Go(func() {
			for ctx.Err() == nil {
				r.browse(ctx, p, rng)
				pause(ctx, r.pace.rest+time.Duration(rng.Int64N(int64(2*r.pace.rest))))
			}
		})
	}
	for i, p := range r.people[:duels] {
		rng := r.dice(300 + i)
		tasks.Go(func() { r.fence(ctx, p, rng) })
	}
	tasks.Go(func() { r.wander(ctx, r.people[1], r.rooms[0], r.dice(400)) })
	tasks.Go(func() { r.wander(ctx, r.people[2], r.rooms[1], r.dice(401)) })
	tasks.Go(func() { // the last but one is removed for good, and the last comes late
		pause(ctx, 3*time.Second)
		owner, removed, late := r.people[0], r.people[crowd-2], r.people[crowd-1]
		owner.until(end, func() error { return owner.RemoveMember(end, r.rooms[2], removed.id) })
		r.rec.absent(removed, r.rooms[2], r.rec.now(), math.MaxInt64)
		pause(ctx, time.Second)
		r.rec.absent(late, r.rooms[1], 0, r.rec.now())
		late.until(end, func() error { _, err := late.Join(end, r.rooms[1]); return err })
		late.enters(r.rooms[1])
	})
}

// speak does one thing that changes a room.
func (r *round) speak(ctx context.Context, p *person, rng *rand.Rand) {
	outside := func(room string) bool { return room != r.duel }
	switch n := rng.IntN(20); {
	case n < 3:
		if m, ok := p.take(rng, outside); ok {
			p.edit(ctx, m, rng)
		}
	case n == 3:
		by := p
		if rng.IntN(2) == 0 {
			by = r.people[0] // who may delete anything
		}
		if m, ok := p.take(rng, outside); ok {
			by.remove(ctx, m)
		}
	default:
		p.say(ctx, p.room(rng), rng)
	}
}

// browse reads a page anywhere, now and then also of a room to which the person may never have belonged.
func (r *round) browse(ctx context.Context, p *person, rng *rand.Rand) {
	q := chat.PageQuery{Limit: 1 + rng.IntN(40)}
	at := rng.Int64N(1000)
	switch rng.IntN(4) {
	case 0:
		q.Before = &at
	case 1:
		q.After = &at
	case 2:
		q.Around = &at
	}
	room := p.room(rng)
	if rng.IntN(4) == 0 {
		room = r.rooms[rng.IntN(len(r.rooms))]
	}
	p.read(ctx, room, q)
}

// fence is a bounded run of operations and reads in the duel.
func (r *round) fence(ctx context.Context, p *person, rng *rand.Rand) {
	inside := func(room string) bool { return room == r.duel }
	for range bouts {
		if pause(ctx, time.Duration(rng.IntN(500))*time.Millisecond); ctx.Err() != nil {
			return
		}
		switch n := rng.IntN(10); {
		case n < 4:
			p.say(r.t.Context(), r.duel, rng)
		case n < 6:
			if m, ok := p.take(rng, inside); ok && n == 4 {
				p.edit(r.t.Context(), m, rng)
			} else if ok {
				p.remove(r.t.Context(), m)
			}
		default:
			p.read(ctx, r.duel, chat.PageQuery{Limit: newest})
		}
	}
}

// wander leaves a room and comes back, over and over. When a joining had to be repeated, its first attempt may arrive at any
// time after: from then on nobody can tell when the person was away.
func (r *round) wander(ctx context.Context, p *person, room string, rng *rand.Rand) {
	end := r.t.Context()
	for certain := true; ctx.Err() == nil; {
		pause(ctx, time.Duration(500+rng.IntN(1500))*time.Millisecond)
		p.until(end, func() error { return p.Leave(end, room) })
		left := r.rec.now()
		pause(ctx, time.Duration(rng.IntN(800))*time.Millisecond)
		if certain {
			r.rec.absent(p, room, left, r.rec.now())
		}
		if p.until(end, func() error { _, err := p.Join(end, room); return err }) > 1 {
			certain = false
		}
	}
}

// current tells whether every device has got as far as the rooms of its person have, or what is missing.
func (r *round) current() (missing string) {
	for _, p := range r.people {
		rooms, err := p.Rooms(r.t.Context())
		if err != nil {
			return fmt.Sprintf("%s asks for the rooms: %v", p.name, err)
		}
		want := map[string]int64{}
		for _, v := range rooms {
			want[v.RoomID] = v.HeadSeq
		}
		for room, seq := range want {
			if heard := p.raw.heard(room); heard != seq {
				return fmt.Sprintf("%s was told live up to %d of %d in %s", p.raw.name, heard, seq, room)
			}
		}
		for _, d := range []*device{p.stream.device, p.raw.device} {
			if got, whole := d.at(); !maps.Equal(got, want) || !whole {
				return fmt.Sprintf("%s is at %v (whole: %v) of %v", d.name, got, whole, want)
			}
		}
	}
	return ""
}

// heads are how far the rooms have got; the first of the people stays in all of them.
func (r *round) heads() map[string]int64 {
	rooms, err := r.people[0].Rooms(r.t.Context())
	r.must(err)
	out := map[string]int64{}
	for _, v := range rooms {
		out[v.RoomID] = v.HeadSeq
	}
	return out
}

// await waits for something. If it does not come, the judgement says what is wrong.
func (r *round) await(what string, missing func() string) {
	r.t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		m := missing()
		if m == "" {
			return
		}
		if time.Now().After(limit) {
			r.t.Errorf("not so after %s: %s: %s", patience, what, m)
			return
		}
	}
}

func (r *round) wait(what string, tasks *sync.WaitGroup) {
	r.t.Helper()
	done := make(chan struct{})
	go func() {
		tasks.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(2 * patience):
		r.t.Fatalf("not so after %s: %s", 2*patience, what)
	}
}

// history collects what everybody saw, and what the server serves of every room, page by page.
func (r *round) history(ctx context.Context) *History {
	h := &History{Retells: r.house.retells()}
	served := map[string][]json.RawMessage{}
	for i, p := range r.people {
		p.stream.device.report(h)
		p.raw.device.report(h)
		mine, _ := p.raw.at()
		for _, room := range slices.Sorted(maps.Keys(mine)) {
			messages := r.all(ctx, p, room)
			if i == 0 {
				served[room] = messages
				continue
			}
			v := View{Observer: p.name + "/history", User: p.id, Room: room, Position: mine[room], Messages: map[string]string{}}
			for _, text := range messages {
				var id struct{ MessageID string }
				r.must(json.Unmarshal(text, &id))
				v.Messages[id.MessageID] = r.rec.canonical(text)
			}
			h.Views = append(h.Views, v)
		}
	}
	r.rec.mu.Lock()
	defer r.rec.mu.Unlock()
	h.Ops, h.Pages, h.Away = r.rec.ops, r.rec.pages, r.rec.away
	for _, room := range r.rooms {
		h.Logs = append(h.Logs, Log{Room: chat.Room{RoomID: room}, Served: served[room]})
	}
	return h
}

// all pages through the history of a room.
func (r *round) all(ctx context.Context, p *person, room string) (out []json.RawMessage) {
	for after := int64(0); ; {
		page, err := p.History(ctx, room, chat.PageQuery{After: &after, Limit: 100})
		if err != nil {
			r.t.Fatalf("%s reads the history: %v", p.name, err)
		}
		for i := range page.Messages {
			out = append(out, marshal(&page.Messages[i]))
			after = page.Messages[i].Seq
		}
		if !page.HasMoreAfter {
			return out
		}
	}
}

// missing names what a run must have had for its silence to mean anything.
func (r *round) missing(h *History, n *nemesis) (out []string) {
	done, told, duel := map[OpKind]int{}, map[How]int{}, 0
	for _, op := range h.Ops {
		if op.Outcome == Acknowledged {
			done[op.Kind]++
		}
		if op.Room == r.duel {
			duel++
		}
	}
	for i := range h.Told {
		told[h.Told[i].How]++
	}
	for what, enough := range map[string]bool{
		"messages": done[Send] >= 50, "edits": done[Edit] > 0, "deletions": done[Delete] > 0, "pages": len(h.Pages) > 20, "absences": len(h.Away) > 2, "bouts": duel > 10,
		"live": told[Live] > 200, "synced": told[Synced] > 0, "merged": told[Merged] > 200,
	} {
		if !enough {
			out = append(out, "too few "+what)
		}
	}
	struck := n.struck()
	for _, s := range n.strikes() {
		if struck[s.name] == 0 {
			out = append(out, "never struck: "+s.name)
		}
	}
	return out
}

// judge checks the record against what is stored, and sums up.
func (r *round) judge(h *History, n *nemesis, begun time.Time) tally {
	for i, l := range r.house.stored(r.rooms) {
		l.Served = h.Logs[i].Served
		h.Logs[i] = l
	}
	checked := time.Now()
	found := append(r.rec.wrong, Check(h)...)
	found = append(found, Linear(h, r.duel, time.Minute)...)
	for i, v := range found {
		if i < 20 {
			r.t.Error(v)
		}
	}
	for _, line := range r.house.complained() {
		r.t.Errorf("the server complained: %s", line)
	}
	outcomes := map[Outcome]int{}
	for _, op := range h.Ops {
		outcomes[op.Outcome]++
	}
	for _, what := range r.missing(h, n) {
		r.t.Errorf("the run proves too little: %s", what)
	}
	if r.t.Failed() {
		r.t.Logf("struck, in order: %q", n.order)
	}
	r.t.Logf("seed %d: %s (checked in %s), %d clients of %d people in %d rooms, %d operations acknowledged, %d refused, %d unknown, %d told (%d again), %d pages, connections closed by code %v, faults %s, violations %d",
		r.seed, time.Since(begun).Round(time.Second), time.Since(checked).Round(time.Millisecond), 2*len(r.people), len(r.people), len(r.rooms),
		outcomes[Acknowledged], outcomes[Refused], outcomes[Unknown], len(h.Told), Retold(h), len(h.Pages), r.rec.closes, n.struck(), len(found))
	return tally{acknowledged: outcomes[Acknowledged], told: len(h.Told), violations: len(found), faults: n.struck()}
}
