package chat_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/chattest"
	"parley/names"
	"parley/store"
	"parley/store/pebble"
)

const searchedMessages = 100_000 // in the room of BenchmarkSearch

// BenchmarkSearch looks for words in one long room on the disk, whose messages are 3 to 20 words of this project's papers: the
// first search, which leaves digests behind, and later ones.
func BenchmarkSearch(b *testing.B) {
	db, err := pebble.Open(pebble.Options{Dir: b.TempDir(), Schemas: store.Schemas()})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	s := store.New(db, nil)
	chattest.AddUser(b, s, "ann")
	fillPapers(b, s, searchedMessages)
	svc := chat.New(chat.Config{Log: s, Rooms: s, Markers: s, Notices: s, Digests: s, Users: s, Seen: s, Deliverer: deaf{}, Limiter: limiter(nil), Names: names.Precis{}})
	search := func(text string, most int) (found, pages int) {
		for q := (chat.SearchQuery{Text: text, RoomID: "hall"}); ; {
			p, err := svc.Search(b.Context(), "u-ann", q)
			if err != nil {
				b.Fatal(err)
			}
			pages++
			if found += len(p.Messages); p.Cursor == "" || found >= most {
				return found, pages
			}
			q.Cursor = p.Cursor
		}
	}
	began := time.Now()
	_, pages := search("nowhere-to-be-found", 1)
	first := time.Since(began)
	digests, err := s.Digests(b.Context(), "hall", 0, searchedMessages)
	if err != nil {
		b.Fatal(err)
	}
	bytes := 0
	for i := range digests {
		bytes += len(digests[i].Grams)
	}
	b.Logf("the first search of all: %v on %d pages, %.1f bytes of digests for each message", first.Round(time.Millisecond), pages, float64(bytes)/searchedMessages)
	for _, c := range []struct {
		name, text string
		most       int
	}{{"nowhere", "nowhere-to-be-found", 1}, {"once", "zanzibar", 2}, {"two letters", "zq", 2}, {"everywhere", "the", 1}} {
		b.Run(c.name, func(b *testing.B) {
			var pages, found int
			for b.Loop() {
				found, pages = search(c.text, c.most)
			}
			b.ReportMetric(float64(pages), "pages")
			b.ReportMetric(float64(found), "found")
		})
	}
}

// fillPapers fills a room with messages, one of which has a word that no other has.
func fillPapers(b *testing.B, s *store.Store, n int) {
	b.Helper()
	papers, err := filepath.Glob("../docs/*.md")
	if err != nil || len(papers) == 0 {
		b.Fatal("no papers", err)
	}
	var words []string
	for _, p := range papers {
		text, err := os.ReadFile(p)
		if err != nil {
			b.Fatal(err)
		}
		words = append(words, strings.Fields(string(text))...)
	}
	script, c := chattest.NewScript("hall", chat.Private, "Hall", "u-ann")
	dice := rand.New(rand.NewPCG(1, 2))
	for i := 0; ; {
		if err := s.Commit(context.Background(), c); err != nil {
			b.Fatal(err)
		}
		if i == n {
			return
		}
		said := make([]chattest.Said, min(chat.MaxCommitMessages, n-i))
		for j := range said {
			size := 3 + dice.IntN(18)
			at := dice.IntN(len(words) - size)
			text := strings.Join(words[at:at+size], " ")
			if i == n/2 {
				text += " Zanzibar"
			}
			said[j] = chattest.Said{UserID: "u-ann", ClientMessageID: fmt.Sprint(i), Content: text}
			i++
		}
		c = script.Say(said...)
	}
}
