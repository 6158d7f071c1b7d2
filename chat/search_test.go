package chat_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat"
)

// find returns the texts that a search finds, page by page, and how many pages there were.
func (h *house) find(by string, q chat.SearchQuery) (texts []string, pages int) {
	h.t.Helper()
	for pages = 1; ; pages++ {
		p, err := h.svc.Search(h.ctx, by, q)
		h.ok(err)
		for _, m := range p.Messages {
			texts = append(texts, m.Content)
		}
		if (p.Cursor == "") != (p.SearchedTo == 0) {
			h.t.Fatalf("cursor %q, but searched to %d", p.Cursor, p.SearchedTo)
		}
		if q.Cursor = p.Cursor; q.Cursor == "" {
			return texts, pages
		}
		if pages > 1000 {
			h.t.Fatal("the search has no end")
		}
	}
}

func (h *house) finds(by string, q chat.SearchQuery, want ...string) {
	h.t.Helper()
	if got, _ := h.find(by, q); !slices.Equal(got, want) {
		h.t.Errorf("%s finds by %+v: %q, want %q", by, q, got, want)
	}
}

func TestSearchFindsWhatOneMayRead(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid")
	one, two, other := h.room(chat.Private, "u-ann", "u-bob"), h.room(chat.Public, "u-bob", "u-ann"), h.room(chat.Private, "u-cid", "u-bob")
	say := func(by, room, text string) chat.Message {
		h.clock.Advance(time.Second)
		return h.say(by, room, text)
	}
	say("u-ann", one, "Die Straße nach Süden")
	say("u-bob", two, "明日東京へ行きます")
	gone := say("u-ann", one, "strasse, deleted")
	edited := say("u-bob", one, "strasse, edited")
	say("u-cid", other, "a strasse that Ann must not see")
	say("u-bob", two, "Eine STRASSE im Osten")
	say("u-bob", one, "nothing")

	h.finds("u-ann", chat.SearchQuery{Text: "strasse"}, "Eine STRASSE im Osten", "strasse, edited", "strasse, deleted", "Die Straße nach Süden")
	_, err := h.svc.Delete(h.ctx, "u-ann", one, gone.MessageID)
	h.ok(err)
	_, err = h.svc.Edit(h.ctx, "u-bob", one, edited.MessageID, "a way")
	h.ok(err)
	for _, limit := range []int{0, 1} {
		h.finds("u-ann", chat.SearchQuery{Text: "strasse", Limit: limit}, "Eine STRASSE im Osten", "Die Straße nach Süden")
		h.finds("u-ann", chat.SearchQuery{Text: "Strasse", RoomID: one, Limit: limit}, "Die Straße nach Süden")
		h.finds("u-ann", chat.SearchQuery{Text: "strasse", UserID: "u-bob", Limit: limit}, "Eine STRASSE im Osten")
		h.finds("u-ann", chat.SearchQuery{Text: "sud strasse", Limit: limit}, "Die Straße nach Süden")
		h.finds("u-ann", chat.SearchQuery{Text: `"nach sud"`, Limit: limit}, "Die Straße nach Süden")
		h.finds("u-ann", chat.SearchQuery{Text: `“die nach”`, Limit: limit})
		h.finds("u-ann", chat.SearchQuery{Text: "東京", Limit: limit}, "明日東京へ行きます")
		h.finds("u-cid", chat.SearchQuery{Text: "strasse", Limit: limit}, "a strasse that Ann must not see")
	}
	_, err = h.svc.Search(h.ctx, "u-ann", chat.SearchQuery{Text: "strasse", RoomID: other})
	h.code(err, chat.Forbidden)
	_, err = h.svc.Search(h.ctx, "u-ann", chat.SearchQuery{Text: "strasse", RoomID: "nowhere"})
	h.code(err, chat.NotFound)
	h.ok(h.svc.Leave(h.ctx, "u-ann", two))
	h.finds("u-ann", chat.SearchQuery{Text: "strasse"}, "Die Straße nach Süden")
}

func TestSearchRefuses(t *testing.T) {
	h := newHouse(t, "ann")
	h.room(chat.Private, "u-ann")
	for field, q := range map[string][]chat.SearchQuery{
		"query":  {{}, {Text: " \t\n"}, {Text: `""`}, {Text: "\u0301"}, {Text: strings.Repeat("é", chat.MaxSearchText+1)}, {Text: "a b c d e f g h i"}, {Text: "a\xff"}, {Text: "a\x00"}},
		"limit":  {{Text: "a", Limit: -1}, {Text: "a", Limit: chat.MaxPage + 1}},
		"userId": {{Text: "a", UserID: "u#1"}, {Text: "a", UserID: strings.Repeat("u", 65)}},
		"roomId": {{Text: "a", RoomID: "r#1"}},
		"cursor": {{Text: "a", Cursor: "?"}, {Text: "a", Cursor: "AA"}, {Text: "a", Cursor: "AP__________AQ"}, {Text: "a", Cursor: strings.Repeat("A", 30000)}},
	} {
		for _, q := range q {
			_, err := h.svc.Search(h.ctx, "u-ann", q)
			if e := chat.AsError(err); e == nil || e.Code != chat.InvalidRequest || e.Field != field {
				t.Errorf("%+v: %v, want one about %s", q, err, field)
			}
		}
	}
	h.finds("u-ann", chat.SearchQuery{Text: strings.Repeat("é", chat.MaxSearchText)})
	h.finds("u-ann", chat.SearchQuery{Text: "a A á b c d e f g h"})
}

// TestSearchIsBounded: a page of a long log ends, the next goes on, and nothing is lost or repeated.
func TestSearchIsBounded(t *testing.T) {
	h := newHouse(t, "ann")
	room := h.room(chat.Private, "u-ann")
	var want []string
	for i := range 1000 {
		text := fmt.Sprint("message ", i)
		if i%300 == 7 {
			text = fmt.Sprint("rare ", i)
			want = append([]string{text}, want...)
		}
		h.say("u-ann", room, text)
	}
	h.finds("u-ann", chat.SearchQuery{Text: "rare"}, want...)
	got, pages := h.find("u-ann", chat.SearchQuery{Text: "message", Limit: 100})
	if len(got) != 1000-len(want) || pages != 10 || slices.Compact(slices.Sorted(slices.Values(got)))[0] == "" {
		t.Errorf("%d messages on %d pages", len(got), pages)
	}
}

// readings is a Log that counts how often messages are read, and does something else before.
type readings struct {
	chat.Log
	n      atomic.Int64
	before func()
}

func (r *readings) Messages(ctx context.Context, roomID string, from, to int64, limit int, reverse bool) ([]chat.Message, error) {
	r.n.Add(1)
	if r.before != nil {
		r.before()
	}
	return r.Log.Messages(ctx, roomID, from, to, limit, reverse)
}

// digests are those of a room, and how many marks.
func (h *house) digests(room string) (of map[int64]chat.Digest, marks int) {
	h.t.Helper()
	got, err := h.store.Digests(h.ctx, room, 0, 1<<32)
	h.ok(err)
	of = map[int64]chat.Digest{}
	for _, d := range got {
		of[d.Block] = d
		if d.Form == 0 {
			marks++
		}
	}
	return of, marks
}

// TestSearchAgain: what was read once for a search is not read again, but where it may be found, or has changed.
func TestSearchAgain(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Private, "u-ann", "u-bob")
	var old chat.Message
	for i := range 5000 {
		text := fmt.Sprint("message number ", i%1000)
		switch i {
		case 700:
			text = "a rareword, 東京, ж"
		case 900:
			text = "to be edited"
		}
		if m := h.say("u-ann", room, fmt.Sprint(text, " ", i)); i == 900 {
			old = m
		}
	}
	log := &readings{Log: h.store}
	svc := h.service(h.ears, log, nil)
	reads := func(text string, most int64, want int) {
		t.Helper()
		log.n.Store(0)
		n := 0
		for q := (chat.SearchQuery{Text: text, RoomID: room}); ; {
			p, err := svc.Search(h.ctx, "u-bob", q)
			h.ok(err)
			n += len(p.Messages)
			if q.Cursor = p.Cursor; q.Cursor == "" {
				break
			}
		}
		if got := log.n.Load(); n != want || got > most {
			t.Errorf("%q: %d messages by reading %d times, want %d by at most %d", text, n, got, want, most)
		}
	}
	const blocks, open = 5000/256 + 1, 1 // open: not sealed yet
	reads("nowhere to be found", blocks, 0)
	all, marks := h.digests(room)
	equal(t, "digests", len(all), blocks-open)
	equal(t, "marks", marks, 0)
	for _, text := range []string{"rareword", "rare", "東京", "ж", "RAREWORD ж"} {
		reads(text, open+5, 1) // a filter says "perhaps" of one in eighteen that are not there
	}
	reads("nowhere to be found", open+1, 0)
	reads(`"number 999"`, blocks, 5)

	_, err := h.svc.Edit(h.ctx, "u-ann", room, old.MessageID, "new text")
	h.ok(err)
	_, err = h.svc.React(h.ctx, "u-bob", room, h.history(room)[5].MessageID, "👍")
	h.ok(err)
	all, marks = h.digests(room)
	equal(t, "marks after an edit and a reaction", marks, 1)
	equal(t, "form of the digest of what was edited", all[old.Seq>>8].Form, 0)
	reads("to be edited", open+2, 0)
	_, marks = h.digests(room)
	equal(t, "marks after a search", marks, 0)
	reads("new text", open+2, 1)

	h.ok(h.svc.BeginErase(h.ctx, "u-ann"))
	_, err = h.svc.Erase(h.ctx, "u-ann")
	h.ok(err)
	all, marks = h.digests(room)
	equal(t, "digests that are left of what was erased", len(all)-marks, 0)
	reads("rareword", blocks, 0)
	reads("message", open, 0)
}

// TestSearchWhileLeaving: who leaves a room while it is searched is shown nothing of it, and leaves nothing behind.
func TestSearchWhileLeaving(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Private, "u-ann", "u-bob")
	for i := range 600 {
		h.say("u-ann", room, fmt.Sprint("wanted ", i))
	}
	for _, in := range []string{"", room} {
		var once sync.Once
		log := &readings{Log: h.store, before: func() { once.Do(func() { h.ok(h.svc.Leave(h.ctx, "u-bob", room)) }) }}
		p, err := h.service(h.ears, log, nil).Search(h.ctx, "u-bob", chat.SearchQuery{Text: "wanted", RoomID: in})
		if len(p.Messages) > 0 || (in != "") != (chat.CodeOf(err) == chat.Forbidden) {
			t.Errorf("in room %q: %d messages, %v", in, len(p.Messages), err)
		}
		_, err = h.svc.SetMember(h.ctx, "u-ann", room, "u-bob", "")
		h.ok(err)
	}
	all, _ := h.digests(room)
	equal(t, "digests", len(all), 0)
}

// TestSearchWaits: of many searches at once some wait, no longer than whoever asks.
func TestSearchWaits(t *testing.T) {
	h := newHouse(t, "ann")
	room := h.room(chat.Private, "u-ann")
	h.say("u-ann", room, "wanted")
	begun, hold := make(chan struct{}, 100), make(chan struct{})
	log := &readings{Log: h.store, before: func() { begun <- struct{}{}; <-hold }}
	svc := h.service(h.ears, log, nil)
	var all sync.WaitGroup
	for range chat.SearchesAtOnce {
		all.Go(func() {
			if p, err := svc.Search(h.ctx, "u-ann", chat.SearchQuery{Text: "wanted"}); err != nil || len(p.Messages) != 1 {
				t.Errorf("%d messages, %v", len(p.Messages), err)
			}
		})
	}
	for range chat.SearchesAtOnce {
		<-begun
	}
	ctx, cancel := context.WithCancel(h.ctx)
	cancel()
	_, err := svc.Search(ctx, "u-ann", chat.SearchQuery{Text: "wanted"})
	h.code(err, chat.Unavailable)
	close(hold)
	all.Wait()
	refusing := h.service(h.ears, nil, func(rule chat.Rule, key string) time.Duration {
		if rule == chat.LimitSearch && key == "u-ann" {
			return time.Second
		}
		return 0
	})
	_, err = refusing.Search(h.ctx, "u-ann", chat.SearchQuery{Text: "wanted"})
	h.code(err, chat.RateLimited)
}
