package chattest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"parley/chat"
)

// digestsOf are all digests of a room, in short.
func (e *env) digestsOf(roomID string, from, to int64) string {
	e.Helper()
	got, err := e.Digests(e.ctx, roomID, from, to)
	e.ok(err)
	var out []string
	for i := range got {
		d := &got[i]
		same(e, "room of a digest", d.RoomID, roomID)
		if d.Form == 0 {
			out = append(out, fmt.Sprintf("%d: %d after %d", d.Block, d.Changed, d.After))
		} else {
			out = append(out, fmt.Sprintf("%d: %s in %d, %d to %d", d.Block, d.Grams, d.Form, d.Oldest, d.Newest))
		}
	}
	return strings.Join(out, "; ")
}

func testDigest(roomID string, block int64, grams string) chat.Digest {
	return chat.Digest{RoomID: roomID, Block: block, Form: chat.DigestForm, Oldest: 5, Newest: 7, Grams: []byte(grams)}
}

// digests are kept by block, each in the place of what its maker had read.
func digests(e *env) {
	e.begin("r1", chat.Private, "One", "u-ann")
	e.begin("r2", chat.Private, "Two", "u-ann")
	const last = 1 << 32
	for _, block := range []int64{2, 0, last, 10} {
		e.ok(e.PutDigest(e.ctx, "u-ann", testDigest("r1", block, fmt.Sprint("g", block)), chat.Digest{}))
	}
	e.ok(e.PutDigest(e.ctx, "u-ann", chat.Digest{RoomID: "r2", Block: 3, Form: 9}, chat.Digest{}))
	for _, tt := range []struct {
		room     string
		from, to int64
		want     string
	}{
		{"r1", 0, last, fmt.Sprintf("%d: g%[1]d in 1, 5 to 7; 10: g10 in 1, 5 to 7; 2: g2 in 1, 5 to 7; 0: g0 in 1, 5 to 7", int64(last))},
		{"r1", 1, 10, "10: g10 in 1, 5 to 7; 2: g2 in 1, 5 to 7"}, {"r1", 2, 2, "2: g2 in 1, 5 to 7"},
		{"r1", 3, 9, ""}, {"r1", 2, 1, ""}, {"r2", 0, last, "3:  in 9, 0 to 0"}, {"r", 0, last, ""},
	} {
		same(e, fmt.Sprint("digests of ", tt.room), e.digestsOf(tt.room, tt.from, tt.to), tt.want)
	}

	e.is(e.PutDigest(e.ctx, "u-ann", testDigest("r1", 2, "late"), chat.Digest{}), chat.ErrMoved)
	other := testDigest("r1", 2, "")
	other.Form++
	e.is(e.PutDigest(e.ctx, "u-ann", testDigest("r1", 2, "late"), other), chat.ErrMoved)
	e.is(e.PutDigest(e.ctx, "u-ann", testDigest("r1", 1, "late"), testDigest("r1", 1, "")), chat.ErrMoved)
	e.is(e.PutDigest(e.ctx, "u-bob", testDigest("r1", 1, "of nobody here"), chat.Digest{}), chat.ErrMoved)
	e.is(e.PutDigest(e.ctx, "u-ann", testDigest("r3", 1, "of no room"), chat.Digest{}), chat.ErrMoved)
	same(e, "digests after refusals", e.digestsOf("r1", 1, 10), "10: g10 in 1, 5 to 7; 2: g2 in 1, 5 to 7")
	e.ok(e.PutDigest(e.ctx, "u-ann", other, testDigest("r1", 2, "")))
	same(e, "a digest of another form", e.digestsOf("r1", 2, 2), "2:  in 2, 5 to 7")

	large := testDigest("r2", 1, "")
	large.Grams = bytes.Repeat([]byte{0, 0xff}, 16<<10)
	e.ok(e.PutDigest(e.ctx, "u-ann", large, chat.Digest{}))
	got, err := e.Digests(e.ctx, "r2", 1, 1)
	e.ok(err)
	if len(got) != 1 || !bytes.Equal(got[0].Grams, large.Grams) {
		e.Fatalf("a large digest: got %d", len(got))
	}
}

// digestsStale: a commit that changes texts leaves marks in the place of digests, and what was read before it is refused.
func digestsStale(e *env) {
	s := e.begin("r1", chat.Private, "One", "u-ann")
	c := s.Say(Said{"u-ann", "1", "secret"}, Said{"u-ann", "2", "other"})
	e.commit(c)
	was := testDigest("r1", 0, "secret")
	e.ok(e.PutDigest(e.ctx, "u-ann", was, chat.Digest{}))
	e.ok(e.PutDigest(e.ctx, "u-ann", testDigest("r1", 1, "kept"), chat.Digest{}))
	change := func(stale ...chat.Digest) chat.Commit {
		c := s.Change(c.New[0], func(m *chat.Message) { m.Content = "public" })
		for i := range stale {
			stale[i].RoomID, stale[i].After, stale[i].Changed = "r1", c.After, 1
		}
		c.Stale = stale
		return c
	}
	before := *s
	moved := change(chat.Digest{Block: 0})
	moved.After--
	e.is(e.Commit(e.ctx, moved), chat.ErrMoved)
	*s = before
	same(e, "digests after a commit that failed", e.digestsOf("r1", 0, 9), "1: kept in 1, 5 to 7; 0: secret in 1, 5 to 7")
	first := change(chat.Digest{Block: 0}, chat.Digest{Block: 2})
	e.commit(first)
	after := first.After
	same(e, "digests after a change", e.digestsOf("r1", 0, 9), fmt.Sprintf("2: 1 after %d; 1: kept in 1, 5 to 7; 0: 1 after %[1]d", after))
	for _, stale := range []chat.Digest{{}, was, {After: after - 1, Changed: 1}, {After: after + 1, Changed: 1}} {
		e.is(e.PutDigest(e.ctx, "u-ann", was, stale), chat.ErrMoved)
	}
	second := change(chat.Digest{Block: 0})
	e.commit(second)
	e.is(e.PutDigest(e.ctx, "u-ann", was, first.Stale[0]), chat.ErrMoved)
	e.ok(e.PutDigest(e.ctx, "u-ann", testDigest("r1", 0, "public"), second.Stale[0]))
	e.is(e.PutDigest(e.ctx, "u-ann", was, second.Stale[0]), chat.ErrMoved)
	same(e, "digests in the end", e.digestsOf("r1", 0, 1), "1: kept in 1, 5 to 7; 0: public in 1, 5 to 7")
}

// digestsAtOnce: of many who read the same, one leaves a digest; and none stays from before a change.
func digestsAtOnce(e *env) {
	s := e.begin("r1", chat.Private, "One", "u-ann")
	c := s.Say(Said{"u-ann", "1", "secret"})
	e.commit(c)
	var stored atomic.Int64
	var all sync.WaitGroup
	put := func(block int64) {
		err := e.PutDigest(e.ctx, "u-ann", testDigest("r1", block, "secret"), chat.Digest{})
		switch {
		case err == nil:
			stored.Add(1)
		case !errors.Is(err, chat.ErrMoved) && chat.CodeOf(err) != chat.Unavailable:
			e.Error(err)
		}
	}
	for range 6 {
		all.Go(func() { put(0) })
	}
	all.Wait()
	same(e, "digests stored", stored.Load(), 1)
	for block := range int64(8) {
		change := s.Change(c.New[0], func(m *chat.Message) { m.Content = "public" })
		change.Stale = []chat.Digest{{RoomID: "r1", Block: block + 1, After: change.After, Changed: 1}}
		all.Go(func() { put(block + 1) })
		all.Go(func() { put(block + 1) })
		e.commit(change)
		all.Wait()
		same(e, "what stands after a change", e.digestsOf("r1", block+1, block+1), fmt.Sprintf("%d: 1 after %d", block+1, change.After))
	}
}

// digestsOfRooms go with their room, and none comes after.
func digestsOfRooms(e *env) {
	s, other := e.begin("r1", chat.Private, "One", "u-ann", "u-bob"), e.begin("r2", chat.Private, "Two", "u-ann")
	for block := range int64(130) { // more than one transaction can remove
		e.ok(e.PutDigest(e.ctx, "u-bob", testDigest("r1", block, "secret"), chat.Digest{}))
	}
	e.ok(e.PutDigest(e.ctx, "u-ann", testDigest(other.Room.RoomID, 1, "stays"), chat.Digest{}))
	e.commit(s.Leave("u-bob"))
	e.is(e.PutDigest(e.ctx, "u-bob", testDigest("r1", 500, "secret"), chat.Digest{}), chat.ErrMoved)
	e.commit(s.End())
	for range 2 {
		e.ok(e.Purge(e.ctx))
		same(e, "digests of a room that is gone", e.digestsOf("r1", 0, 1<<32), "")
		for _, u := range []string{"u-ann", "u-bob"} {
			e.is(e.PutDigest(e.ctx, u, testDigest("r1", 1, "secret"), chat.Digest{}), chat.ErrMoved)
		}
	}
	same(e, "digests of another room", e.digestsOf("r2", 0, 9), "1: stays in 1, 5 to 7")
}
