package chattest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"parley/chat"
)

// begin stores a new room with these members and returns its script.
func (e *env) begin(roomID string, kind chat.Kind, name string, members ...string) *Script {
	e.Helper()
	s, c := NewScript(roomID, kind, name, members...)
	e.ok(e.Commit(e.ctx, c))
	return s
}

// commit stores a step that must succeed.
func (e *env) commit(c chat.Commit) {
	e.Helper()
	e.ok(e.Commit(e.ctx, c))
}

// room returns a room that must exist.
func (e *env) room(id string) chat.Room {
	e.Helper()
	rooms, err := e.Rooms(e.ctx, id)
	e.ok(err)
	if len(rooms) != 1 {
		e.Fatalf("room %s: got %d rooms", id, len(rooms))
	}
	return rooms[0]
}

// all returns all messages of a room, ascending.
func (e *env) all(roomID string) []chat.Message {
	e.Helper()
	msgs, err := e.Messages(e.ctx, roomID, 1, math.MaxInt64, 1000, false)
	e.ok(err)
	return msgs
}

func (e *env) changes(roomID string) []chat.Change {
	e.Helper()
	changes, err := e.Changes(e.ctx, roomID, 1, math.MaxInt64, 1000)
	e.ok(err)
	return changes
}

func seqs(msgs []chat.Message) []int64 {
	out := make([]int64, len(msgs))
	for i := range msgs {
		out[i] = msgs[i].Seq
	}
	return out
}

// equalMessage compares all of two messages; nil and empty lists are the same.
func (e *env) equalMessage(got, want *chat.Message) {
	e.Helper()
	if g, w := plain(got), plain(want); g != w {
		e.Fatalf("message:\n got %s\nwant %s", g, w)
	}
}

func plain(m *chat.Message) string {
	c := *m
	c.Attachments, c.Reactions, c.Mentions = nil, nil, nil
	return fmt.Sprintf("%+v %+v %q %q", c, m.Attachments, m.Reactions, m.Mentions)
}

func logRoundTrip(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann", "u-bob")
	c := s.Say(Said{"u-ann", "first", "full"}, Said{"u-bob", "a \"quoted\" id ü", "line\nline\t\u2028 \U0001f980 <b>&"})
	m := &c.New[0]
	m.EditedAt, m.ReplyTo, m.ThreadID = 5, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAW"
	m.Attachments = []chat.Attachment{{FileID: "f1", Filename: "a\"b.png", ContentType: "image/png", Size: 1 << 40, Width: 640, Height: 480, Thumbnail: true}}
	m.Reactions = chat.Reactions{ // in an order that nothing sorts them into
		{Emoji: "👍", UserIDs: []string{"u-bob", "u-ann"}}, {Emoji: "🎉", UserIDs: []string{"u-cid", "u-ann"}}, {Emoji: "🚀", UserIDs: []string{"u-ann"}}, {Emoji: "1️⃣", UserIDs: []string{"u-ann"}}}
	m.Mentions = []string{"u-bob", "u-cid"}
	e.commit(c)

	got := e.all("r1")
	same(e, "messages", len(got), 2)
	for i := range got {
		e.equalMessage(&got[i], &c.New[i])
	}
	same(e, "room", e.room("r1"), s.Room)
	got[0].Reactions[0].UserIDs[0], got[0].Content = "changed by the caller", "changed by the caller"
	again := e.all("r1")
	e.equalMessage(&again[0], &c.New[0])

	e.commit(s.Rename("Other"))
	changes := e.changes("r1")
	kinds := []chat.ChangeKind{chat.RoomCreated, chat.MemberJoined, chat.MemberJoined, chat.RoomUpdated}
	numbers := []int64{1, 2, 3, 6}
	same(e, "changes", len(changes), len(kinds))
	for i, ch := range changes {
		if ch.RoomID != "r1" || ch.Kind != kinds[i] || ch.Seq != numbers[i] || ch.By != "u-ann" && ch.By != "u-bob" || ch.At == 0 || ch.Room == nil || ch.Room.HeadSeq != ch.Seq {
			e.Fatalf("change %d: got %+v", i, ch)
		}
	}
	if m := changes[2].Member; m == nil || m.UserID != "u-bob" || m.Role != chat.Member || m.JoinedAt == 0 {
		e.Fatalf("membership of a joining: got %+v", m)
	}
	same(e, "name before", changes[2].Room.Name, "Lobby")
	same(e, "name after", changes[3].Room.Name, "Other")
}

func logMoved(e *env) {
	s, first := NewScript("r1", chat.Public, "Lobby", "u-ann")
	early := first
	early.After = 7
	e.is(e.Commit(e.ctx, early), chat.ErrMoved) // there is no such room yet
	e.commit(first)
	e.is(e.Commit(e.ctx, first), chat.ErrMoved) // the room is there already
	before := s.Room
	c := s.Say(Said{"u-bob", "x", "hello"})
	c.Join = []chat.Membership{{RoomID: "r1", UserID: "u-bob", Role: chat.Member}}
	c.Marks = map[string]chat.Marker{"u-cid": {RoomID: "r1", Seq: 3, Ordinal: 1}}
	for _, after := range []int64{before.HeadSeq - 1, before.HeadSeq + 1, 1 << 39} {
		c.After = after
		e.is(e.Commit(e.ctx, c), chat.ErrMoved)
	}
	same(e, "room", e.room("r1"), before)
	same(e, "messages", len(e.all("r1")), 0)
	_, err := e.Duplicate(e.ctx, "r1", chat.Sent{UserID: "u-bob", ClientMessageID: "x"})
	e.code(err, chat.NotFound)
	_, err = e.Member(e.ctx, "r1", "u-bob")
	e.code(err, chat.NotFound)
	for _, user := range []string{"u-bob", "u-cid"} {
		marks, err := e.MarkersOf(e.ctx, user)
		e.ok(err)
		same(e, "markers of "+user, len(marks), 0)
	}
	c.After = before.HeadSeq
	e.commit(c)
	same(e, "messages", len(e.all("r1")), 1)
}

func logDuplicates(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann", "u-bob")
	first := s.Say(Said{"u-ann", "1", "one"}, Said{"u-bob", "2", "two"})
	e.commit(first)
	before := s.Room
	again := s.Say(Said{"u-cid", "3", "new"}, Said{"u-bob", "2", "two again"}, Said{"u-ann", "4", "new"}, Said{"u-ann", "1", "one again"})
	err := e.Commit(e.ctx, again)
	duplicate, ok := errors.AsType[*chat.DuplicateError](err)
	if !ok {
		e.Fatalf("error: got %v, want a DuplicateError", err)
	}
	want := []chat.Sent{{UserID: "u-ann", ClientMessageID: "1"}, {UserID: "u-bob", ClientMessageID: "2"}}
	slices.SortFunc(duplicate.Sent, func(a, b chat.Sent) int { return strings.Compare(a.ClientMessageID, b.ClientMessageID) })
	if !slices.Equal(duplicate.Sent, want) {
		e.Fatalf("repeated messages: got %v, want exactly %v", duplicate.Sent, want)
	}
	same(e, "room", e.room("r1"), before)
	same(e, "messages", len(e.all("r1")), 2)
	for i, sent := range want {
		m, err := e.Duplicate(e.ctx, "r1", sent)
		e.ok(err)
		e.equalMessage(&m, &first.New[i])
	}
	marks, err := e.MarkersOf(e.ctx, "u-cid")
	e.ok(err)
	same(e, "markers", len(marks), 0)
	s.Room = before
	e.commit(s.Say(Said{"u-cid", "3", "new"}, Said{"u-ann", "4", "new"}))
	same(e, "messages", len(e.all("r1")), 4)
}

// logDuplicateScope: a clientMessageId belongs to one person in one room.
func logDuplicateScope(e *env) {
	s1 := e.begin("r1", chat.Public, "Lobby", "u-ann")
	s2 := e.begin("r2", chat.Public, "Other", "u-ann")
	e.commit(s1.Say(Said{"u-ann", "k", "one"}, Said{"u-bob", "k", "two"}, Said{"u-ann", "K", "three"}))
	e.commit(s2.Say(Said{"u-ann", "k", "four"}))
	for _, tt := range []struct{ room, user, key, want string }{
		{"r1", "u-ann", "k", "one"}, {"r1", "u-bob", "k", "two"}, {"r1", "u-ann", "K", "three"}, {"r2", "u-ann", "k", "four"},
	} {
		m, err := e.Duplicate(e.ctx, tt.room, chat.Sent{UserID: tt.user, ClientMessageID: tt.key})
		e.ok(err)
		same(e, "message", m.Content, tt.want)
	}
	for _, sent := range []chat.Sent{{UserID: "u-bob", ClientMessageID: "K"}, {UserID: "u-ann", ClientMessageID: "k2"}, {UserID: "u-an", ClientMessageID: "k"}} {
		_, err := e.Duplicate(e.ctx, "r1", sent)
		e.code(err, chat.NotFound)
	}
	_, err := e.Duplicate(e.ctx, "r3", chat.Sent{UserID: "u-ann", ClientMessageID: "k"})
	e.code(err, chat.NotFound)
}

func logRemembered(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann")
	e.commit(s.Say(Said{"u-ann", "k", "one"}))
	e.clock.Advance(remembered)
	before := s.Room
	err := e.Commit(e.ctx, s.Say(Said{"u-ann", "k", "again"}))
	if _, ok := errors.AsType[*chat.DuplicateError](err); !ok {
		e.Fatalf("repeat after %v: got %v, want a DuplicateError", remembered, err)
	}
	same(e, "room", e.room("r1"), before)
}

func logChanged(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann")
	c := s.Say(Said{"u-ann", "1", "secret"}, Said{"u-ann", "2", "other"})
	e.commit(c)
	edit := s.Change(c.New[0], func(m *chat.Message) { m.Content, m.EditedAt = "public", 9 })
	e.commit(edit)
	got := e.all("r1")
	same(e, "messages", len(got), 2)
	e.equalMessage(&got[0], &edit.Changed[0])
	e.equalMessage(&got[1], &c.New[1])
	gone := s.Change(edit.Changed[0], func(m *chat.Message) { m.Content, m.DeletedAt, m.Reactions = "", 10, nil })
	e.commit(gone)
	got = e.all("r1")
	e.equalMessage(&got[0], &gone.Changed[0])
	m, err := e.Duplicate(e.ctx, "r1", chat.Sent{UserID: "u-ann", ClientMessageID: "1"})
	e.ok(err)
	e.equalMessage(&m, &gone.Changed[0])
	changes := e.changes("r1")
	last := changes[len(changes)-1]
	if last.Kind != chat.MessageChanged || last.MessageSeq != c.New[0].Seq || last.Seq != s.Room.HeadSeq || last.Room != nil {
		e.Fatalf("change: got %+v", last)
	}
	same(e, "room", e.room("r1"), s.Room)
}

// logOneWinner lets many writers commit on the head they see: the numbers have no holes, and everybody who is told ok
// has exactly the number they planned.
func logOneWinner(e *env) {
	first := e.begin("r1", chat.Public, "Lobby", "u-ann")
	const writers, each = 8, 12
	var moved atomic.Int64
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				for {
					s := &Script{Room: e.room("r1"), At: first.At}
					c := s.Say(Said{fmt.Sprintf("u-%d", w), fmt.Sprint(i), fmt.Sprintf("%d of %d", i, w)})
					err := e.Commit(e.ctx, c)
					if err == nil {
						break
					}
					if !errors.Is(err, chat.ErrMoved) && chat.CodeOf(err) != chat.Unavailable {
						e.Error(err)
						return
					}
					moved.Add(1)
				}
			}
		})
	}
	all.Wait()
	got := e.all("r1")
	same(e, "messages", len(got), writers*each)
	next := make([]int, writers)
	for i, m := range got {
		if m.Seq != first.Room.HeadSeq+int64(i)+1 || m.Ordinal != int64(i)+1 {
			e.Fatalf("message %d has number %d and ordinal %d", i, m.Seq, m.Ordinal)
		}
		var n, w int
		if _, err := fmt.Sscanf(m.Content, "%d of %d", &n, &w); err != nil || next[w] != n {
			e.Fatalf("message %q stands where number %d of its writer should", m.Content, next[w])
		}
		next[w]++
	}
	r := e.room("r1")
	same(e, "head", r.HeadSeq, got[len(got)-1].Seq)
	same(e, "count", r.MessageCount, int64(writers*each))
	e.Logf("%d commits, %d found the head moved", writers*each, moved.Load())
}

// logSameMessage lets many send one and the same message: it is stored once.
func logSameMessage(e *env) {
	first := e.begin("r1", chat.Public, "Lobby", "u-ann")
	var stored atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				s := &Script{Room: e.room("r1"), At: first.At}
				err := e.Commit(e.ctx, s.Say(Said{"u-ann", "same", "text"}))
				_, duplicate := errors.AsType[*chat.DuplicateError](err)
				switch {
				case err == nil:
					stored.Add(1)
					return
				case duplicate:
					return
				case !errors.Is(err, chat.ErrMoved) && chat.CodeOf(err) != chat.Unavailable:
					e.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	same(e, "successes", stored.Load(), 1)
	same(e, "messages", len(e.all("r1")), 1)
}

// logAtomic reads while somebody writes: who sees a head sees all up to it.
func logAtomic(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann")
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r := e.room("r1")
				msgs := e.all("r1")
				if int64(len(msgs)) < r.MessageCount {
					e.Errorf("a room with %d messages has a log with %d", r.MessageCount, len(msgs))
					return
				}
				for i := range msgs[:r.MessageCount] {
					if msgs[i].Ordinal != int64(i)+1 {
						e.Errorf("message %d of a room stands where %d should", msgs[i].Ordinal, i+1)
						return
					}
				}
			}
		})
	}
	for i := range 40 {
		k := fmt.Sprint(i)
		e.commit(s.Say(Said{"u-ann", k, k}, Said{"u-bob", k, k}, Said{"u-cid", k, k}))
	}
	close(stop)
	readers.Wait()
}
