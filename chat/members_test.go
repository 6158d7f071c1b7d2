package chat_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat"
	"parley/chattest"
)

func (h *house) role(roomID, userID string) chat.Role {
	h.t.Helper()
	m, err := h.store.Member(h.ctx, roomID, userID)
	if chat.CodeOf(err) == chat.NotFound {
		return ""
	}
	h.ok(err)
	return m.Role
}

// TestLeaving: a room keeps an owner as long as it has members: the highest role, and among those who came first.
func TestLeaving(t *testing.T) {
	for _, tt := range []struct {
		name  string
		roles []chat.Role // of ann, bob, cid, dan, in the order in which they came
		heir  string
	}{
		{"the longest member", []chat.Role{chat.Owner, chat.Member, chat.Member, chat.Member}, "u-dan"},
		{"a moderator", []chat.Role{chat.Owner, chat.Member, chat.Moderator, chat.Member}, "u-cid"},
		{"the longest moderator", []chat.Role{chat.Owner, chat.Moderator, chat.Moderator, chat.Member}, "u-cid"},
		{"nobody while there is an owner", []chat.Role{chat.Owner, chat.Moderator, chat.Owner, chat.Member}, ""},
		{"nobody when a member goes", []chat.Role{chat.Member, chat.Owner, chat.Moderator, chat.Member}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, "ann", "bob", "cid", "dan", "eva")
			room := h.room(chat.Private, "u-eva")
			people := []string{"u-ann", "u-bob", "u-cid", "u-dan"}
			for _, i := range []int{0, 3, 2, 1} { // dan is there longer than cid, cid longer than bob
				h.clock.Advance(time.Second)
				_, err := h.svc.SetMember(h.ctx, "u-eva", room, people[i], tt.roles[i])
				h.ok(err)
			}
			h.ok(h.svc.Leave(h.ctx, "u-eva", room))
			h.ears.Forget()
			h.ok(h.svc.Leave(h.ctx, "u-ann", room))
			for i, p := range people[1:] {
				want := tt.roles[i+1]
				if p == tt.heir {
					want = chat.Owner
				}
				equal(t, "role of "+p, h.role(room, p), want)
			}
			head := h.head(room)
			if tt.heir == "" {
				h.hears("u-bob", fmt.Sprintf("%d left u-ann", head))
				h.hears("u-ann", fmt.Sprintf("%d left u-ann", head))
				return
			}
			h.hears("u-bob", fmt.Sprintf("%d left u-ann", head-1), fmt.Sprintf("%d role %s", head, tt.heir))
			h.hears("u-ann", fmt.Sprintf("%d left u-ann", head-1)) // what comes after is none of hers
			rooms, err := h.store.Rooms(h.ctx, room)
			h.ok(err)
			equal(t, "members", rooms[0].MemberCount, 3)
		})
	}
}

// TestLastToLeave: a private room that nobody is left in ends; a public one waits for somebody to look after it.
func TestLastToLeave(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	private, public := h.room(chat.Private, "u-ann"), h.room(chat.Public, "u-ann")
	h.say("u-ann", private, "secret")
	h.ok(h.svc.Leave(h.ctx, "u-ann", private))
	h.ok(h.svc.Leave(h.ctx, "u-ann", public))
	_, err := h.svc.Admit(h.ctx, "u-bob", private)
	h.code(err, chat.NotFound)
	v, err := h.svc.Join(h.ctx, "u-bob", public)
	h.ok(err)
	equal(t, "role", v.Membership.Role, chat.Owner)
	equal(t, "members", v.MemberCount, 1)
	v, err = h.svc.Join(h.ctx, "u-ann", public)
	h.ok(err)
	equal(t, "role", v.Membership.Role, chat.Member)
	head := h.head(public)
	v, err = h.svc.Join(h.ctx, "u-ann", public)
	h.ok(err)
	equal(t, "members", v.MemberCount, 2)
	equal(t, "head after joining again", h.head(public), head)
	_, err = h.svc.SetMember(h.ctx, "u-bob", public, "u-bob", chat.Member)
	h.code(err, chat.Conflict) // a room needs an owner
	_, err = h.svc.SetMember(h.ctx, "u-bob", public, "u-ann", chat.Owner)
	h.ok(err)
	_, err = h.svc.SetMember(h.ctx, "u-bob", public, "u-bob", chat.Member)
	h.ok(err)
}

// TestMembersAtOnce: joining, leaving and removing at once leaves a room whose count and roles are those of its members.
func TestMembersAtOnce(t *testing.T) {
	var people []string
	for i := range 8 {
		people = append(people, fmt.Sprint("p", i))
	}
	h := newHouse(t, people...)
	room := h.room(chat.Public, "u-p0")
	other := h.service(chattest.NewRecorder(), nil, nil)
	var all sync.WaitGroup
	for i, p := range people {
		all.Go(func() {
			for k := range 8 {
				svc := []*chat.Service{h.svc, other}[(i+k)%2]
				_, err := svc.Join(h.ctx, "u-"+p, room)
				if err == nil && k < 7 {
					err = svc.Leave(h.ctx, "u-"+p, room)
				}
				if code := chat.CodeOf(err); code != "" && code != chat.Forbidden && code != chat.Unavailable {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	members, _, err := h.store.Members(h.ctx, room, "", 100)
	h.ok(err)
	owners := 0
	for _, m := range members {
		if m.Role == chat.Owner {
			owners++
		}
	}
	rooms, err := h.store.Rooms(h.ctx, room)
	h.ok(err)
	equal(t, "members counted", rooms[0].MemberCount, len(members))
	if len(members) > 0 && owners == 0 {
		t.Fatalf("%d members without an owner", len(members))
	}
	changes, err := h.store.Changes(h.ctx, room, 1, 1<<40, 1000)
	h.ok(err)
	equal(t, "numbers in the log", int64(len(changes)), rooms[0].HeadSeq)
}

// TestDirect: a set of people has one direct room, whoever opens it, in whatever order, at once or again.
func TestDirect(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid")
	other := h.service(chattest.NewRecorder(), nil, nil)
	var created atomic.Int64
	var mu sync.Mutex
	ids := map[string]bool{}
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			svc, by, to := h.svc, "u-ann", "u-bob"
			if i%2 == 1 {
				svc = other
			}
			if i%4 > 1 {
				by, to = to, by
			}
			v, made, err := svc.OpenDirect(h.ctx, by, []string{to, by, to})
			if err != nil {
				t.Error(err)
				return
			}
			if made {
				created.Add(1)
			}
			if len(v.Members) != 2 || v.Membership == nil || v.Membership.UserID != by || v.Membership.Role != chat.Member || v.Kind != chat.Direct {
				t.Errorf("room: %+v", v)
			}
			mu.Lock()
			ids[v.RoomID] = true
			mu.Unlock()
		})
	}
	all.Wait()
	equal(t, "rooms", len(ids), 1)
	equal(t, "times created", created.Load(), 1)
	v, made, err := h.svc.OpenDirect(h.ctx, "u-cid", []string{"u-bob", "u-ann"})
	h.ok(err)
	if !made || ids[v.RoomID] || len(v.Members) != 3 {
		t.Fatalf("room of three: %+v", v)
	}
	mine, err := h.svc.MyRooms(h.ctx, "u-ann")
	h.ok(err)
	equal(t, "rooms of ann", len(mine), 2)
	for id := range ids {
		equal(t, "numbers", h.head(id), 3)
		h.code(h.svc.Leave(h.ctx, "u-ann", id), chat.Forbidden)
	}
}

// TestManyRooms: one can be in so many rooms, and no more; whoever is in already is in.
func TestManyRooms(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Public, "u-bob")
	_, err := h.svc.Join(h.ctx, "u-ann", room)
	h.ok(err)
	full := h.room(chat.Private, "u-ann", "u-bob")
	direct := h.room(chat.Direct, "u-ann", "u-bob")
	for i := range chat.MaxRoomsOf - 3 {
		_, c := chattest.NewScript(fmt.Sprint("r", i), chat.Private, "Team", "u-ann")
		h.ok(h.store.Commit(h.ctx, c))
	}
	another := h.room(chat.Public, "u-bob")
	h.code(errOf(h.svc.Join(h.ctx, "u-ann", another)), chat.Conflict)
	h.code(errOf(h.svc.Admit(h.ctx, "u-ann", another)), chat.Conflict)
	h.code(errOf(h.svc.SetMember(h.ctx, "u-bob", another, "u-ann", "")), chat.Conflict)
	h.code(errOf(h.svc.CreateRoom(h.ctx, "u-ann", chat.NewRoom{Kind: chat.Public, Name: "x"})), chat.Conflict)
	chattest.AddUser(t, h.store, "cid")
	_, _, err = h.svc.OpenDirect(h.ctx, "u-cid", []string{"u-ann"})
	h.code(err, chat.Conflict)

	h.code(errOf(h.svc.Join(h.ctx, "u-ann", room)), "")
	h.code(errOf(h.svc.SetMember(h.ctx, "u-bob", room, "u-ann", chat.Moderator)), "")
	v, made, err := h.svc.OpenDirect(h.ctx, "u-ann", []string{"u-bob"})
	h.ok(err)
	if made || v.RoomID != direct {
		t.Fatalf("direct room: %+v", v)
	}
	h.code(errOf(h.svc.SetMember(h.ctx, "u-cid", another, "u-ann", "")), chat.Forbidden) // not for a stranger to learn
	h.ok(h.svc.Leave(h.ctx, "u-ann", full))
	h.code(errOf(h.svc.Join(h.ctx, "u-ann", another)), "")
}

// TestDeletedRoom: what was in a room that ended comes out nowhere, before and after it is purged.
func TestDeletedRoom(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid")
	room, other := h.room(chat.Public, "u-ann", "u-bob"), h.room(chat.Public, "u-ann", "u-bob")
	m := h.say("u-ann", room, "secret")
	h.say("u-ann", other, "open")
	head := h.head(room)
	h.ears.Forget()
	h.ok(h.svc.DeleteRoom(h.ctx, "u-ann", room))
	h.hears("u-ann", fmt.Sprintf("%d deleted", head+1))
	h.hears("u-bob", fmt.Sprintf("%d deleted", head+1))
	h.hears("u-cid")
	for range 2 {
		for _, err := range []error{
			errOf(h.svc.Room(h.ctx, "u-ann", room)), errOf(h.svc.Join(h.ctx, "u-cid", room)), errOf(h.svc.Messages(h.ctx, "u-ann", room, chat.PageQuery{})),
			errOf(h.svc.Edit(h.ctx, "u-ann", room, m.MessageID, "x")), h.svc.DeleteRoom(h.ctx, "u-ann", room), h.svc.MarkRead(h.ctx, "u-ann", room, 3),
			errOf(h.svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: "x", ClientMessageID: "x"})),
			errOf(h.svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: "secret", ClientMessageID: "secret"})),
			h.svc.Leave(h.ctx, "u-bob", room), h.svc.Typing(h.ctx, "u-bob", room), errOf(h.svc.Clients(h.ctx, "u-bob", room)),
			errOf(h.svc.Member(h.ctx, "u-ann", room, "u-bob")),
		} {
			h.code(err, chat.NotFound)
		}
		missed, err := h.svc.Sync(h.ctx, "u-ann", map[string]int64{room: 1, other: 1}, 1<<20)
		h.ok(err)
		for _, r := range missed {
			equal(t, "complete", r.Complete, r.RoomID == other)
			equal(t, "told", len(r.Events) > 0, r.RoomID == other)
		}
		said, _, err := h.svc.UserMessages(h.ctx, "u-bob", "u-ann", "", 0)
		h.ok(err)
		equal(t, "messages of ann", len(said), 1)
		mine, err := h.svc.MyRooms(h.ctx, "u-ann")
		h.ok(err)
		equal(t, "rooms of ann", len(mine), 1)
		heads, err := h.svc.Heads(h.ctx, "u-ann")
		h.ok(err)
		equal(t, "heads", len(heads), 1)
		counts, err := h.svc.UnreadCounts(h.ctx, "u-ann")
		h.ok(err)
		equal(t, "counts", len(counts), 1)
		h.ok(h.store.Purge(h.ctx))
	}
}

// TestUserMessages shows somebody's messages to those who may read them, newest first, page by page.
func TestUserMessages(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid")
	shared, hidden := h.room(chat.Private, "u-ann", "u-bob"), h.room(chat.Private, "u-ann", "u-cid")
	var want []string
	for i := range 25 {
		h.clock.Advance(time.Second)
		if i%3 != 0 {
			h.say("u-ann", hidden, fmt.Sprint("hidden ", i))
		} else if m := h.say("u-ann", shared, fmt.Sprint("shared ", i)); i == 12 {
			_, err := h.svc.Delete(h.ctx, "u-ann", shared, m.MessageID)
			h.ok(err)
		} else {
			want = append(want, m.Content)
		}
	}
	slices.Reverse(want)
	for _, limit := range []int{1, 3, 100} {
		var got []string
		cursor := ""
		for range 100 {
			msgs, next, err := h.svc.UserMessages(h.ctx, "u-bob", "u-ann", cursor, limit)
			h.ok(err)
			for _, m := range msgs {
				got = append(got, m.Content)
			}
			if cursor = next; next == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("in pages of %d: got %v, want %v", limit, got, want)
		}
	}
	h.ok(h.svc.RemoveMember(h.ctx, "u-ann", shared, "u-bob"))
	msgs, _, err := h.svc.UserMessages(h.ctx, "u-bob", "u-ann", "", 0)
	h.ok(err)
	equal(t, "messages after leaving", len(msgs), 0)
}
