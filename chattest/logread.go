package chattest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/chat"
)

// remembered is a little less than the 24 hours for which an idempotency record must stay.
const remembered = 24*time.Hour - 2*time.Second

// logRanges: messages and changes by number, from both sides, in pages of all sizes.
func logRanges(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann") // 1 and 2
	e.begin("r0", chat.Public, "Lobby", "u-ann")
	e.begin("r10", chat.Public, "Lobby", "u-ann")
	var want, changed []int64
	changed = append(changed, 1, 2)
	for i := range 60 {
		if i%5 == 4 {
			e.commit(s.Rename(fmt.Sprint("Lobby ", i)))
			changed = append(changed, s.Room.HeadSeq)
			continue
		}
		e.commit(s.Say(Said{"u-ann", fmt.Sprint(i), "text"}))
		want = append(want, s.Room.HeadSeq)
	}
	head := s.Room.HeadSeq
	within := func(all []int64, from, to int64) []int64 {
		return slices.DeleteFunc(slices.Clone(all), func(n int64) bool { return n < from || n > to })
	}
	for _, from := range []int64{0, 1, 3, 7, 8, 20, head, head + 1, 1 << 40} {
		for _, to := range []int64{0, 2, 7, 30, head - 1, head, 1 << 40, math.MaxInt64} {
			for _, limit := range []int{1, 7, 1000} {
				full := within(want, from, to)
				up, err := e.Messages(e.ctx, "r1", from, to, limit, false)
				e.ok(err)
				if n := min(limit, len(full)); !slices.Equal(seqs(up), full[:n]) {
					e.Fatalf("messages %d to %d, at most %d: got %v, want %v", from, to, limit, seqs(up), full[:n])
				}
				slices.Reverse(full)
				down, err := e.Messages(e.ctx, "r1", from, to, limit, true)
				e.ok(err)
				if n := min(limit, len(full)); !slices.Equal(seqs(down), full[:n]) {
					e.Fatalf("messages %d to %d, at most %d, descending: got %v, want %v", from, to, limit, seqs(down), full[:n])
				}
				other := within(changed, from, to)
				changes, err := e.Changes(e.ctx, "r1", from, to, limit)
				e.ok(err)
				got := make([]int64, len(changes))
				for i := range changes {
					got[i] = changes[i].Seq
				}
				if n := min(limit, len(other)); !slices.Equal(got, other[:n]) {
					e.Fatalf("changes %d to %d, at most %d: got %v, want %v", from, to, limit, got, other[:n])
				}
			}
		}
	}
	none, err := e.Messages(e.ctx, "nowhere", 1, math.MaxInt64, 10, false)
	e.ok(err)
	same(e, "messages of no room", len(none), 0)
}

// logLarge: fewer than limit means the end, however large the contents are.
func logLarge(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann")
	content := strings.Repeat("\U0001f980", chat.MaxContent/4)
	const commits = 16
	for i := range commits {
		said := make([]Said, chat.MaxCommitMessages)
		for j := range said {
			said[j] = Said{"u-ann", fmt.Sprintf("%d.%d", i, j), content}
		}
		e.commit(s.Say(said...))
	}
	got := e.all("r1")
	same(e, "messages", len(got), commits*chat.MaxCommitMessages)
	for i := range got {
		if got[i].Content != content || got[i].Ordinal != int64(i)+1 {
			e.Fatalf("message %d is another", i)
		}
	}
	down, err := e.Messages(e.ctx, "r1", 1, math.MaxInt64, 300, true)
	e.ok(err)
	same(e, "messages descending", len(down), 300)
	same(e, "the newest", down[0].Ordinal, int64(commits*chat.MaxCommitMessages))
}

// logLargest: the largest commits that the core makes fit into a transaction.
func logLargest(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann")
	said := make([]Said, chat.MaxCommitMessages)
	for i := range said {
		said[i] = Said{fmt.Sprintf("u-%d", i), strings.Repeat("k", chat.MaxClientMessageID), strings.Repeat("x", chat.MaxContent)}
	}
	e.commit(s.Say(said...))
	same(e, "messages", len(e.all("r1")), chat.MaxCommitMessages)
	for i := range said {
		marks, err := e.MarkersOf(e.ctx, fmt.Sprintf("u-%d", i))
		e.ok(err)
		same(e, "markers of a sender", len(marks), 1)
	}
	e.begin("d1", chat.Direct, "", ids("u-", chat.MaxDirect)...)
	same(e, "members", e.room("d1").MemberCount, chat.MaxDirect)
}

func logMessagesOf(e *env) {
	rooms := []*Script{e.begin("r1", chat.Public, "One", "u-ann"), e.begin("r2", chat.Private, "Two", "u-ann")}
	start := rooms[0].At
	var want []string
	var edited chat.Message
	for i := range 30 {
		s := rooms[i%2]
		s.At = start.Add(time.Duration(i+1) * time.Second)
		c := s.Say(Said{"u-ann", fmt.Sprint(i), fmt.Sprint("text ", i)}, Said{"u-bob", fmt.Sprint(i), "not hers"})
		e.commit(c)
		want, edited = append(want, c.New[0].MessageID), c.New[0]
	}
	e.commit(rooms[1].Change(edited, func(m *chat.Message) { m.Content = "edited" }))
	slices.Reverse(want)
	e.eventually(func() error {
		var got []string
		for _, m := range pages(e, 7, func(cursor string) ([]chat.Message, string, error) {
			return e.MessagesOf(e.ctx, "u-ann", cursor, 7)
		}) {
			got = append(got, m.MessageID)
			if m.UserID != "u-ann" || (m.MessageID == edited.MessageID) != (m.Content == "edited") {
				return fmt.Errorf("message of %s: %q", m.UserID, m.Content)
			}
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("messages of a person: got %v, want %v", got, want)
		}
		return nil
	})
	none, next, err := e.MessagesOf(e.ctx, "u-an", "", 10)
	e.ok(err)
	if len(none) != 0 || next != "" {
		e.Fatalf("messages of nobody: got %v, cursor %q", none, next)
	}
}

// logGone: a room that has ended is found no more, and after Purge nothing of it is.
func logGone(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann", "u-bob")
	for some := range slices.Chunk(ids("u-", 40), 20) {
		e.commit(s.Join(some...))
	}
	for i := range 8 { // more than one transaction can remove
		said := make([]Said, chat.MaxCommitMessages)
		for j := range said {
			said[j] = Said{"u-ann", fmt.Sprintf("%d.%d", i, j), "secret"}
		}
		e.commit(s.Say(said...))
	}
	_, err := e.Mark(e.ctx, "u-bob", chat.Marker{RoomID: "r1", Seq: 5, Ordinal: 2})
	e.ok(err)
	e.commit(s.Say(Said{"u-005", "x", "secret"}))
	e.commit(s.Leave("u-005"))
	other := e.begin("r2", chat.Public, "Lobby", "u-ann", "u-bob")
	e.commit(other.Say(Said{"u-ann", "0.0", "stays"}))
	e.commit(s.End())

	rooms, err := e.Rooms(e.ctx, "r1", "r2")
	e.ok(err)
	if len(rooms) != 1 || rooms[0].RoomID != "r2" {
		e.Fatalf("rooms: got %v, want r2 only", rooms)
	}
	listed, _, err := e.PublicRooms(e.ctx, "lob", "", 10)
	e.ok(err)
	same(e, "public rooms", len(listed), 1)
	for range 2 {
		e.ok(e.Purge(e.ctx))
		e.nothingOf("r1", append(ids("u-", 40), "u-ann", "u-bob"))
	}
	c := other.Say(Said{"u-ann", "1", "still here"})
	e.commit(c)
	same(e, "messages of the other room", len(e.all("r2")), 2)
	mine, err := e.RoomsOf(e.ctx, "u-bob")
	e.ok(err)
	same(e, "rooms of a member", len(mine), 1)
}

// nothingOf ends the test if any port still shows something of a room.
func (e *env) nothingOf(roomID string, users []string) {
	e.Helper()
	rooms, err := e.Rooms(e.ctx, roomID)
	e.ok(err)
	same(e, "rooms", len(rooms), 0)
	same(e, "messages", len(e.all(roomID)), 0)
	same(e, "changes", len(e.changes(roomID)), 0)
	members, next, err := e.Members(e.ctx, roomID, "", 1000)
	e.ok(err)
	if len(members) != 0 || next != "" {
		e.Fatalf("members: got %v", members)
	}
	for _, u := range users {
		mine, err := e.RoomsOf(e.ctx, u)
		e.ok(err)
		if slices.ContainsFunc(mine, func(m chat.Membership) bool { return m.RoomID == roomID }) {
			e.Fatalf("%s is still in %s", u, roomID)
		}
		marks, err := e.MarkersOf(e.ctx, u)
		e.ok(err)
		if slices.ContainsFunc(marks, func(m chat.Marker) bool { return m.RoomID == roomID }) {
			e.Fatalf("%s still has a marker in %s", u, roomID)
		}
		_, err = e.Member(e.ctx, roomID, u)
		e.code(err, chat.NotFound)
	}
	_, err = e.Duplicate(e.ctx, roomID, chat.Sent{UserID: "u-ann", ClientMessageID: "0.0"})
	e.code(err, chat.NotFound)
	e.eventually(func() error {
		for _, m := range pages(e, 100, func(cursor string) ([]chat.Message, string, error) {
			return e.MessagesOf(e.ctx, "u-ann", cursor, 100)
		}) {
			if m.RoomID == roomID {
				return fmt.Errorf("message %d of %s is still found by its author", m.Seq, roomID)
			}
		}
		return nil
	})
}

// logPurgeTogether: several processes purge several rooms at once.
func logPurgeTogether(e *env) {
	for _, id := range ids("r", 5) {
		s := e.begin(id, chat.Private, "Team", "u-ann", "u-bob")
		e.commit(s.Say(Said{"u-ann", "0.0", "secret"}))
		e.commit(s.End())
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := e.Purge(e.ctx); err != nil && chat.CodeOf(err) != chat.Unavailable {
				e.Error(err)
			}
		})
	}
	all.Wait()
	e.ok(e.Purge(e.ctx))
	for _, id := range ids("r", 5) {
		e.nothingOf(id, []string{"u-ann", "u-bob"})
	}
}
