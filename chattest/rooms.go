package chattest

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"parley/chat"
)

// roomsMemberships: a membership stands on both sides, and changes and goes on both.
func roomsMemberships(e *env) {
	s := e.begin("r1", chat.Private, "Team", "u-ann", "u-bob")
	e.begin("r2", chat.Public, "Lobby", "u-bob")
	want := func(userID string, roles map[string]chat.Role) {
		e.Helper()
		mine, err := e.RoomsOf(e.ctx, userID)
		e.ok(err)
		same(e, "rooms of "+userID, len(mine), len(roles))
		for _, m := range mine {
			other, err := e.Member(e.ctx, m.RoomID, userID)
			e.ok(err)
			if m != other || m.Role != roles[m.RoomID] || m.UserID != userID || m.JoinedAt == 0 || m.ReadSeq != 0 {
				e.Fatalf("membership: %+v on the person's side, %+v on the room's, want role %q", m, other, roles[m.RoomID])
			}
		}
	}
	want("u-ann", map[string]chat.Role{"r1": chat.Owner})
	want("u-bob", map[string]chat.Role{"r1": chat.Member, "r2": chat.Owner})
	e.commit(s.Role("u-bob", chat.Moderator))
	want("u-bob", map[string]chat.Role{"r1": chat.Moderator, "r2": chat.Owner})
	e.commit(s.Leave("u-bob"))
	want("u-bob", map[string]chat.Role{"r2": chat.Owner})
	_, err := e.Member(e.ctx, "r1", "u-bob")
	e.code(err, chat.NotFound)
	e.commit(s.Join("u-bob"))
	want("u-bob", map[string]chat.Role{"r1": chat.Member, "r2": chat.Owner})
	want("u-bo", nil)
	_, err = e.Member(e.ctx, "nowhere", "u-bob")
	e.code(err, chat.NotFound)
}

func roomsMembersPaging(e *env) {
	people := ids("u-", 45)
	s := e.begin("r1", chat.Public, "Lobby", people[0])
	e.begin("r10", chat.Public, "Other", "u-stranger")
	for c := range slices.Chunk(people[1:], 20) {
		e.commit(s.Join(c...))
	}
	for _, limit := range []int{1, 7, 45, 1000} {
		var got []string
		for _, m := range pages(e, limit, func(cursor string) ([]chat.Membership, string, error) {
			return e.Members(e.ctx, "r1", cursor, limit)
		}) {
			got = append(got, m.UserID)
		}
		if !slices.Equal(got, people) {
			e.Fatalf("members in pages of %d: got %v", limit, got)
		}
	}
}

// roomsMany: rooms and people are found in the order asked for, however many; those missing are left out.
func roomsMany(e *env) {
	var ask, want []string
	for i, id := range ids("r", 130) {
		ask = append(ask, id)
		if i%3 != 0 {
			e.begin(id, chat.Private, "Team", "u-ann")
			want = append(want, id)
		}
	}
	slices.Reverse(ask)
	slices.Reverse(want)
	rooms, err := e.Rooms(e.ctx, ask...)
	e.ok(err)
	got := make([]string, len(rooms))
	for i := range rooms {
		got[i] = rooms[i].RoomID
	}
	if !slices.Equal(got, want) {
		e.Fatalf("rooms: got %v, want %v", got, want)
	}
	none, err := e.Rooms(e.ctx)
	e.ok(err)
	same(e, "rooms for no ids", len(none), 0)
	mine, err := e.RoomsOf(e.ctx, "u-ann")
	e.ok(err)
	same(e, "rooms of a person", len(mine), len(want))
}

// roomsPublic: the list of public rooms follows names and ends.
func roomsPublic(e *env) {
	lobby := e.begin("r1", chat.Public, "Lobby", "u-ann")
	e.begin("r2", chat.Public, "lobby", "u-ann") // names need not be unique
	e.begin("r3", chat.Private, "Lobby secret", "u-ann")
	e.begin("r4", chat.Public, "Ära #1 a", "u-ann")
	e.begin("d1", chat.Direct, "", "u-ann", "u-bob")
	want := func(prefix string, want ...string) {
		e.Helper()
		rooms, next, err := e.PublicRooms(e.ctx, prefix, "", 100)
		e.ok(err)
		got := []string{}
		for _, r := range rooms {
			got = append(got, r.RoomID)
		}
		slices.Sort(got)
		if next != "" || !slices.Equal(got, want) {
			e.Fatalf("public rooms %q: got %v, want %v", prefix, got, want)
		}
	}
	want("", "r1", "r2", "r4")
	want("lob", "r1", "r2")
	want("lobby ")
	want("ära #1", "r4")
	want("x")
	e.commit(lobby.Rename("Kitchen"))
	want("lob", "r2")
	want("kit", "r1")
	want("", "r1", "r2", "r4")
	e.commit(lobby.Rename("KITCHEN")) // the same name, folded
	want("kit", "r1")
	e.commit(lobby.End())
	want("kit")
	want("", "r2", "r4")
}

func roomsPublicPaging(e *env) {
	want := make([]string, 25)
	order := rand.Perm(len(want))
	for _, i := range order {
		want[i] = fmt.Sprintf("room %02d", i)
		e.begin(fmt.Sprintf("r%d", 50-i), chat.Public, want[i], "u-ann")
	}
	e.begin("x", chat.Public, "soon", "u-ann")
	for _, limit := range []int{1, 4, 25, 100} {
		var got []string
		for _, r := range pages(e, limit, func(cursor string) ([]chat.Room, string, error) {
			return e.PublicRooms(e.ctx, "room", cursor, limit)
		}) {
			got = append(got, r.Name)
		}
		if !slices.Equal(got, want) {
			e.Fatalf("public rooms in pages of %d: got %v, want %v", limit, got, want)
		}
	}
}

// badCursors: what is not a cursor is refused, and one of another list never leads out of the list it is given to.
func badCursors(e *env) {
	for _, name := range []string{"anna", "anton", "berta", "bruno"} {
		e.ok(e.CreateUser(e.ctx, NewAccount(name), false))
	}
	s := e.begin("r1", chat.Public, "alpha", ids("u-a", 8)...)
	e.commit(s.Say(Said{"u-anna", "1", "one"}, Said{"u-anna", "2", "two"}, Said{"u-berta", "3", "three"}))
	e.begin("r2", chat.Private, "beta", ids("u-b", 8)...)
	lists := map[string]func(cursor string) (items []string, next string, err error){
		"MessagesOf": func(cursor string) (items []string, next string, err error) {
			list, next, err := e.MessagesOf(e.ctx, "u-anna", cursor, 1)
			for _, m := range list {
				items = append(items, "anna:"+m.UserID)
			}
			return items, next, err
		},
		"PublicRooms": func(cursor string) (items []string, next string, err error) {
			list, next, err := e.PublicRooms(e.ctx, "a", cursor, 1)
			for _, r := range list {
				items = append(items, "room:"+r.RoomID)
			}
			return items, next, err
		},
		"Members": func(cursor string) (items []string, next string, err error) {
			list, next, err := e.Members(e.ctx, "r1", cursor, 1)
			for _, m := range list {
				items = append(items, "member:"+m.RoomID)
			}
			return items, next, err
		},
		"SearchUsers": func(cursor string) (items []string, next string, err error) {
			list, next, err := e.SearchUsers(e.ctx, "an", cursor, 1)
			for _, u := range list {
				items = append(items, "user:"+u.Username)
			}
			return items, next, err
		},
	}
	allowed := []string{"anna:u-anna", "room:r1", "member:r1", "user:anna", "user:anton"}
	cursors := []string{"!", "\x00", "ä", "not a cursor", base64.RawURLEncoding.EncodeToString([]byte("\x00\xff\xfe")),
		base64.RawURLEncoding.EncodeToString([]byte{0xff}), base64.RawURLEncoding.EncodeToString([]byte("zzzz#zzzz"))}
	for _, list := range lists {
		if _, next, err := list(""); err == nil && next != "" {
			cursors = append(cursors, next)
		}
	}
	for name, list := range lists {
		for i, cursor := range cursors {
			items, _, err := list(cursor)
			if err != nil || i < 4 {
				if chat.CodeOf(err) != chat.InvalidRequest {
					e.Errorf("%s with cursor %q: got %v, want an invalid request", name, cursor, err)
				}
			}
			for _, it := range items {
				if !slices.Contains(allowed, it) {
					e.Errorf("%s with cursor %q shows %s", name, cursor, it)
				}
			}
		}
	}
}

// marker returns a person's marker in a room, zero if they have none.
func (e *env) marker(userID, roomID string) chat.Marker {
	e.Helper()
	marks, err := e.MarkersOf(e.ctx, userID)
	e.ok(err)
	var found chat.Marker
	for _, m := range marks {
		if m.RoomID == roomID {
			if found.RoomID != "" {
				e.Fatalf("%s has two markers in %s", userID, roomID)
			}
			found = m
		}
	}
	return found
}

func markersForward(e *env) {
	steps := []struct {
		seq, ordinal int64
		moved        bool
	}{{5, 3, true}, {5, 3, false}, {4, 2, false}, {6, 4, true}, {1 << 39, 1 << 38, true}, {7, 5, false}}
	want := chat.Marker{}
	for _, s := range steps {
		m := chat.Marker{RoomID: "r1", Seq: s.seq, Ordinal: s.ordinal}
		moved, err := e.Mark(e.ctx, "u-ann", m)
		e.ok(err)
		same(e, fmt.Sprintf("moved to %d", s.seq), moved, s.moved)
		if moved {
			want = m
		}
		same(e, "marker", e.marker("u-ann", "r1"), want)
	}
	same(e, "marker of another room", e.marker("u-ann", "r"), chat.Marker{})
	same(e, "marker of another person", e.marker("u-an", "r1"), chat.Marker{})
}

func markersAtOnce(e *env) {
	var all sync.WaitGroup
	const top = 60
	for _, i := range rand.Perm(top) {
		all.Go(func() {
			n := int64(i) + 1
			if _, err := e.Mark(e.ctx, "u-ann", chat.Marker{RoomID: "r1", Seq: 2 * n, Ordinal: n}); err != nil && chat.CodeOf(err) != chat.Unavailable {
				e.Error(err)
			}
		})
	}
	all.Wait()
	if _, err := e.Mark(e.ctx, "u-ann", chat.Marker{RoomID: "r1", Seq: 2 * top, Ordinal: top}); err != nil {
		e.Fatal(err)
	}
	same(e, "marker", e.marker("u-ann", "r1"), chat.Marker{RoomID: "r1", Seq: 2 * top, Ordinal: top})
}

// markersCommit: a message moves its sender's own marker and nobody else's; a commit may set others.
func markersCommit(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann", "u-bob") // 1 to 3
	e.commit(s.Say(Said{"u-ann", "1", "one"}, Said{"u-bob", "1", "two"}, Said{"u-ann", "2", "three"}))
	same(e, "marker of ann", e.marker("u-ann", "r1"), chat.Marker{RoomID: "r1", Seq: 6, Ordinal: 3})
	same(e, "marker of bob", e.marker("u-bob", "r1"), chat.Marker{RoomID: "r1", Seq: 5, Ordinal: 2})
	c := s.Join("u-cid")
	c.Marks = map[string]chat.Marker{"u-cid": {RoomID: "r1", Seq: 7, Ordinal: 3}}
	e.commit(c)
	same(e, "marker of cid", e.marker("u-cid", "r1"), chat.Marker{RoomID: "r1", Seq: 7, Ordinal: 3})
	same(e, "marker of ann", e.marker("u-ann", "r1"), chat.Marker{RoomID: "r1", Seq: 6, Ordinal: 3})
	same(e, "marker of somebody else", e.marker("u-dan", "r1"), chat.Marker{})
	e.commit(s.Leave("u-cid"))
	same(e, "marker of who left", e.marker("u-cid", "r1"), chat.Marker{})
}
