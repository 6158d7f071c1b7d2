package chat_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"parley/chat"
	"parley/names"
)

// searchPlay is a random history of some rooms, in which people search.
type searchPlay struct {
	*house
	rooms []string
	scan  *chat.Service // the same without digests
	sent  int
	back  bool // the clock was set back
}

var vocabulary = []string{"ab", "ba", "abab", "Straße", "STRASSE", "Ü", "東京", "明日東京へ", "が", "👩‍👩‍👧", "x y"} //nolint:gochecknoglobals // what is said

func (p *searchPlay) say(t *rapid.T, by, room, text string) {
	p.sent++
	p.clock.Advance(time.Duration(p.sent%3) * time.Millisecond)
	if _, err := p.svc.Send(p.ctx, by, chat.NewMessage{RoomID: room, Content: text, ClientMessageID: fmt.Sprint(p.sent)}); err != nil && chat.CodeOf(err) != chat.Forbidden {
		t.Fatal(err)
	}
}

// text is mostly what nobody looks for.
func (p *searchPlay) text(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(vocabulary), 1, 3).Draw(t, "text"), " ")
}

func (p *searchPlay) fill(t *rapid.T, by, room string, n int) {
	some := rapid.IntRange(0, 40).Draw(t, "every")
	for i := range n {
		if some > 0 && i%some == 3 {
			p.say(t, by, room, vocabulary[i%len(vocabulary)])
		} else {
			p.say(t, by, room, "nothing of note")
		}
	}
}

func (p *searchPlay) step(t *rapid.T) {
	by := rapid.SampledFrom([]string{"u-ann", "u-bob", "u-cid"}).Draw(t, "by") // and never Dee, who owns the rooms
	room := rapid.SampledFrom(p.rooms).Draw(t, "room")
	var err error
	switch do := rapid.SampledFrom([]string{"fill", "fill", "say", "say", "edit", "edit", "delete", "react", "join", "leave", "back", "race", "search", "search", "search"}).Draw(t, "do"); do {
	case "fill":
		p.fill(t, by, room, rapid.IntRange(1, 400).Draw(t, "messages"))
	case "say":
		p.say(t, by, room, p.text(t))
	case "edit", "delete", "react":
		msgs := p.history(room)
		if len(msgs) == 0 {
			return
		}
		m := msgs[rapid.IntRange(0, len(msgs)-1).Draw(t, "which")]
		switch do {
		case "edit":
			_, err = p.svc.Edit(p.ctx, m.UserID, room, m.MessageID, p.text(t))
		case "delete":
			_, err = p.svc.Delete(p.ctx, m.UserID, room, m.MessageID)
		case "react":
			_, err = p.svc.React(p.ctx, by, room, m.MessageID, "👍")
		}
	case "join":
		_, err = p.svc.Join(p.ctx, by, room)
	case "leave":
		err = p.svc.Leave(p.ctx, by, room)
	case "back":
		p.back = true
		p.clock.Advance(-time.Duration(rapid.IntRange(0, 60).Draw(t, "ms back")) * time.Millisecond)
	case "race":
		p.race(t, by)
	case "search":
		p.search(t, by)
	}
	if code := chat.CodeOf(err); err != nil && code != chat.Forbidden && code != chat.Conflict {
		t.Fatal(err)
	}
}

// everything is all messages of a room, however many there are.
func (p *searchPlay) everything(t *rapid.T, room string) (all []chat.Message) {
	for from := int64(1); ; from = all[len(all)-1].Seq + 1 {
		msgs, err := p.store.Messages(p.ctx, room, from, math.MaxInt64, 1000, false)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, msgs...); len(msgs) < 1000 {
			return all
		}
	}
}

func (p *searchPlay) query(t *rapid.T, by string) chat.SearchQuery {
	q := chat.SearchQuery{Text: rapid.SampledFrom(append([]string{"strasse", "u", "京", "nothing", "note ing", `"東京 x"`, "none such"}, vocabulary...)).Draw(t, "query"),
		Limit: rapid.SampledFrom([]int{7, 30, 100}).Draw(t, "limit"), UserID: rapid.SampledFrom([]string{"", "", "u-bob"}).Draw(t, "of")}
	if mine, err := p.svc.RoomIDs(p.ctx, by); err == nil && len(mine) > 0 && rapid.Bool().Draw(t, "one room") {
		q.RoomID = rapid.SampledFrom(mine).Draw(t, "in")
	}
	return q
}

// naive is what a search finds, by looking at everything.
func (p *searchPlay) naive(t *rapid.T, by string, q chat.SearchQuery) map[string]chat.Message {
	ids, err := p.svc.RoomIDs(p.ctx, by)
	if err != nil {
		t.Fatal(err)
	}
	if q.RoomID != "" {
		ids = []string{q.RoomID}
	}
	words := strings.Fields(q.Text)
	if strings.HasPrefix(q.Text, `"`) {
		words = []string{strings.Trim(q.Text, `"`)}
	}
	want := map[string]chat.Message{}
	for _, id := range ids {
		for _, m := range p.everything(t, id) {
			found := m.DeletedAt == 0 && (q.UserID == "" || q.UserID == m.UserID)
			for _, w := range words {
				found = found && strings.Contains(names.Precis{}.SearchKey(m.Content), names.Precis{}.SearchKey(w))
			}
			if found {
				want[m.MessageID] = m
			}
		}
	}
	return want
}

// search compares all pages of a search, with digests or without, with what is to be found, while others go on talking.
func (p *searchPlay) search(t *rapid.T, by string) {
	q := p.query(t, by)
	svc := p.svc
	if rapid.IntRange(0, 3).Draw(t, "by scan") == 0 {
		svc = p.scan
	}
	talk := rapid.Bool().Draw(t, "talk")
	want := p.naive(t, by, q)
	var got []chat.Message
	for page := 0; ; page++ {
		r, err := svc.Search(p.ctx, by, q)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Messages) > q.Limit || page > 500 {
			t.Fatalf("page %d has %d messages of at most %d", page, len(r.Messages), q.Limit)
		}
		if got = append(got, r.Messages...); r.Cursor == "" {
			break
		}
		if q.Cursor = r.Cursor; talk && !p.back && page < 5 {
			p.clock.Advance(time.Millisecond)
			p.say(t, "u-ann", p.rooms[page%len(p.rooms)], q.Text)
		}
	}
	last := map[string]int64{}
	for i := range got {
		m := &got[i]
		w, ok := want[m.MessageID]
		if !ok || w.Content != m.Content || w.UpdatedSeq != m.UpdatedSeq {
			t.Fatalf("%s finds by %+v %q, number %d of %s, which it must not, or twice", by, q, m.Content, m.Seq, m.RoomID)
		}
		delete(want, m.MessageID)
		if before, ok := last[m.RoomID]; ok && m.Seq >= before || !p.back && i > 0 && m.CreatedAt > got[i-1].CreatedAt {
			t.Fatalf("%s finds by %+v number %d of %s too late", by, q, m.Seq, m.RoomID)
		}
		last[m.RoomID] = m.Seq
	}
	for _, m := range want {
		t.Fatalf("%s does not find by %+v %q, number %d of %s; but %d others", by, q, m.Content, m.Seq, m.RoomID, len(got))
	}
}

// racing changes a text in a block after a search read it, and before it leaves its digest.
type racing struct {
	store  chat.Digests
	mu     sync.Mutex
	change func(d *chat.Digest) bool
	wrong  error
}

func (r *racing) Digests(ctx context.Context, roomID string, from, to int64) ([]chat.Digest, error) {
	return r.store.Digests(ctx, roomID, from, to)
}

func (r *racing) PutDigest(ctx context.Context, by string, d, was chat.Digest) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := r.change(&d)
	err := r.store.PutDigest(ctx, by, d, was)
	if changed && !errors.Is(err, chat.ErrMoved) {
		r.wrong = errors.Join(errors.New("a digest of what has changed since was stored"), err)
	}
	return err
}

func (p *searchPlay) race(t *rapid.T, by string) {
	dice := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	r := &racing{store: p.store, change: func(d *chat.Digest) bool {
		msgs, err := p.store.Messages(p.ctx, d.RoomID, d.Block<<8, d.Block<<8+255, 256, false)
		if err != nil || len(msgs) == 0 || dice.IntN(2) == 0 {
			return false
		}
		m := msgs[dice.IntN(len(msgs))]
		if dice.IntN(2) == 0 {
			_, err = p.svc.Edit(p.ctx, m.UserID, d.RoomID, m.MessageID, fmt.Sprint("ab new ", dice.IntN(1e6)))
		} else {
			_, err = p.svc.Delete(p.ctx, m.UserID, d.RoomID, m.MessageID)
		}
		return err == nil && m.DeletedAt == 0
	}}
	svc := p.searcher(r)
	for q := p.query(t, by); ; {
		page, err := svc.Search(p.ctx, by, q)
		if err != nil {
			t.Fatal(err)
		}
		if q.Cursor = page.Cursor; q.Cursor == "" {
			break
		}
	}
	if r.wrong != nil {
		t.Fatal(r.wrong)
	}
}

// searcher is another process over the same store.
func (h *house) searcher(d chat.Digests) *chat.Service {
	return chat.New(chat.Config{Log: h.store, Rooms: h.store, Markers: h.store, Notices: h.store, Digests: d, Users: h.store, Seen: h.store,
		Deliverer: deaf{}, Limiter: limiter(nil), Names: names.Precis{}, Now: h.clock.Now})
}

// digestsAreTrue: every digest is what it would be if it were made now, no more and no less.
func (p *searchPlay) digestsAreTrue(t *rapid.T) {
	for _, room := range p.rooms {
		got, err := p.store.Digests(p.ctx, room, 0, math.MaxInt32)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			d := &got[i]
			if d.Form == 0 {
				continue
			}
			msgs, err := p.store.Messages(p.ctx, room, max(1, d.Block<<8), d.Block<<8+255, 256, true)
			if err != nil {
				t.Fatal(err)
			}
			if fresh := chat.MakeDigest(p.svc, room, d.Block, msgs); !bytes.Equal(fresh.Grams, d.Grams) || fresh.Oldest != d.Oldest || fresh.Newest != d.Newest {
				t.Fatalf("the digest of block %d of %s is not that of its messages", d.Block, room)
			}
		}
	}
}

// TestSearchPlay: whatever is said, edited, deleted, joined and left, and whoever leaves digests behind meanwhile, a search
// finds exactly what is to be found, once over its pages, the newest first; and no digest tells of what was taken back.
func TestSearchPlay(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid", "dee")
	digests := 0
	rapid.Check(t, func(t *rapid.T) {
		p := &searchPlay{house: h, scan: h.searcher(nil)}
		for range 3 {
			p.rooms = append(p.rooms, h.room(chat.Public, "u-dee", "u-ann", "u-bob"))
		}
		defer func() { // one can be in so many rooms only
			for _, room := range p.rooms {
				got, err := h.store.Digests(h.ctx, room, 0, math.MaxInt32)
				h.ok(err)
				digests += len(got)
				h.ok(h.svc.DeleteRoom(h.ctx, "u-dee", room))
			}
			h.ok(h.store.Purge(h.ctx))
		}()
		p.fill(t, "u-bob", p.rooms[0], rapid.SampledFrom([]int{10, 400, 700}).Draw(t, "messages"))
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			p.step(t)
		}
		p.digestsAreTrue(t)
	})
	if digests < 10 {
		t.Errorf("only %d digests were left behind in all plays", digests)
	}
}

// TestSearchManyRooms: in as many rooms as one can be in, found by pages of any size, in order.
func TestSearchManyRooms(t *testing.T) {
	h := newHouse(t, "ann")
	var want []chat.Message
	var rooms []string
	for range 450 {
		rooms = append(rooms, h.room(chat.Private, "u-ann"))
	}
	for i := range 1350 {
		h.clock.Advance(time.Duration(i%2) * time.Millisecond)
		text := "other"
		if i%450 < 440 { // so that in nearly every room the next message is found, all within a second
			text = "wanted"
		}
		m, err := h.svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: rooms[i*7%len(rooms)], Content: text, ClientMessageID: fmt.Sprint(i)})
		h.ok(err)
		if text == "wanted" {
			want = append(want, m)
		}
	}
	slices.SortStableFunc(want, func(a, b chat.Message) int {
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), strings.Compare(a.RoomID, b.RoomID), cmp.Compare(b.Seq, a.Seq))
	})
	for _, limit := range []int{7, 100} {
		q := chat.SearchQuery{Text: "wanted", Limit: limit}
		var got []chat.Message
		for {
			if len(got) > len(want) {
				t.Fatal("found twice")
			}
			p, err := h.svc.Search(h.ctx, "u-ann", q)
			h.ok(err)
			got = append(got, p.Messages...)
			if len(p.Cursor) > 6000 {
				t.Fatalf("a cursor of %d bytes", len(p.Cursor))
			}
			if q.Cursor = p.Cursor; q.Cursor == "" {
				break
			}
		}
		equal(t, "messages found", len(got), len(want))
		for i := range got {
			if got[i].MessageID != want[i].MessageID {
				t.Fatalf("by pages of %d: message %d is number %d of %s at %d, want %d of %s at %d", limit, i, got[i].Seq, got[i].RoomID, got[i].CreatedAt, want[i].Seq, want[i].RoomID, want[i].CreatedAt)
			}
		}
	}
}
