package chat_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"parley/chat"
	"parley/chattest"
	"parley/names"
	"parley/store"
	"parley/store/pebble"
)

// deaf is a Deliverer for nobody.
type deaf struct{ chat.Deliverer }

func (deaf) Deliver(context.Context, chat.Delivery) {}

// BenchmarkSubmit sends durable messages through the core and the embedded engine on the disk, 500 at a time.
func BenchmarkSubmit(b *testing.B) {
	for _, rooms := range []int{1, 10, 200} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) { benchmarkSubmit(b, rooms) })
	}
}

func benchmarkSubmit(b *testing.B, rooms int) {
	db, err := pebble.Open(pebble.Options{Dir: b.TempDir(), Schemas: store.Schemas()})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	s := store.New(db, nil)
	svc := chat.New(chat.Config{Log: s, Rooms: s, Markers: s, Notices: s, Erasures: s, Digests: s, Users: s, Seen: s, Deliverer: deaf{}, Limiter: limiter(nil), Names: names.Precis{}})
	var people []string
	for i := range chat.MaxDirect {
		people = append(people, chattest.AddUser(b, s, fmt.Sprint("person", i)).UserID)
	}
	ids := make([]string, rooms)
	for i := range ids {
		_, c := chattest.NewScript(fmt.Sprint("room-", i), chat.Private, "Team", people...)
		if err := s.Commit(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		ids[i] = c.Room.RoomID
	}
	keys := make([]string, b.N)
	for i := range keys {
		keys[i] = fmt.Sprintf("%08d-0000-4000-8000-000000000000", i)
	}
	content := strings.Repeat("a message of usual length ", 4)
	slots := make(chan struct{}, 500)
	var failed sync.Once
	var refused atomic.Int64
	done := func(_ chat.Message, _ bool, err error) {
		switch {
		case chat.CodeOf(err) == chat.RateLimited: // on a slow disk
			refused.Add(1)
		case err != nil:
			failed.Do(func() { b.Error(err) })
		}
		<-slots
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i, key := range keys {
		slots <- struct{}{}
		svc.Submit(b.Context(), people[i%len(people)], chat.NewMessage{RoomID: ids[i%rooms], Content: content, ClientMessageID: key}, chat.Origin{}, done)
	}
	for range cap(slots) {
		slots <- struct{}{}
	}
	b.ReportMetric(float64(refused.Load())/float64(b.N), "refused")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
