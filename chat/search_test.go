package chat_test

import (
	"fmt"
	"slices"
	"strings"
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
