package seed_test

import (
	"testing"

	"parley/chat"
	"parley/names"
	"parley/seed"
	"parley/store"
	"parley/store/pebble"
)

// What Fill makes must read like what people made: logs without holes, members on both sides, each message once.
func TestFillMakesWholeRooms(t *testing.T) {
	db, err := pebble.Open(pebble.Options{Dir: t.TempDir(), Schemas: store.Schemas()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := store.New(db, nil)
	ctx := t.Context()

	const users, rooms, members, messages = 40, 3, 30, 61
	people, err := seed.Fill(ctx, s, seed.Options{Users: users, Rooms: rooms, Members: members, Messages: messages, Names: names.Precis{}})
	if err != nil {
		t.Fatal(err)
	}
	if len(people) != rooms*members {
		t.Fatalf("%d people in rooms, want %d", len(people), rooms*members)
	}
	for i := range rooms {
		roomID := people[i*members].RoomID
		found, err := s.Rooms(ctx, roomID)
		if err != nil || len(found) != 1 {
			t.Fatalf("room %d: %v, %v", i, found, err)
		}
		if r := found[0]; r.HeadSeq != 1+members+messages || r.MessageCount != messages || r.MemberCount != members || r.LastSeq != r.HeadSeq {
			t.Errorf("room %d is %+v", i, r)
		}
		msgs, err := s.Messages(ctx, roomID, 1, found[0].HeadSeq, 1000, false)
		if err != nil || len(msgs) != messages {
			t.Fatalf("room %d: %d messages, %v", i, len(msgs), err)
		}
		for j, m := range msgs {
			if m.Seq != int64(2+members+j) || m.Ordinal != int64(j+1) || m.UserID != people[i*members+j%members].UserID {
				t.Fatalf("message %d of room %d is %+v", j, i, m)
			}
		}
		changes, err := s.Changes(ctx, roomID, 1, found[0].HeadSeq, 1000)
		if err != nil || len(changes) != 1+members || changes[0].Kind != chat.RoomCreated {
			t.Fatalf("room %d: changes %v, %v", i, changes, err)
		}
		if _, err := s.Member(ctx, roomID, people[i*members].UserID); err != nil {
			t.Errorf("the first member: %v", err)
		}
	}
	if _, err := seed.Fill(ctx, s, seed.Options{Users: 1, Rooms: 1, Members: 2, Names: names.Precis{}}); err == nil {
		t.Error("more members than users: no error")
	}
}

func BenchmarkFillMessages(b *testing.B) {
	db, err := pebble.Open(pebble.Options{Dir: b.TempDir(), Schemas: store.Schemas()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if _, err := seed.Fill(b.Context(), store.New(db, nil), seed.Options{Users: 10, Rooms: 10, Members: 10, Messages: b.N, Names: names.Precis{}}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(10*b.N)/b.Elapsed().Seconds(), "messages/s")
}
