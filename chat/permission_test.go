package chat_test

import (
	"fmt"
	"testing"

	"parley/chat"
)

// scene is a room with people of every rank in it and messages of some.
type scene struct {
	*house
	room   string
	by     string       // who acts
	theirs chat.Message // by another member
	own    chat.Message // by who acts, if they are a member
}

const (
	ok  = chat.Code("")
	frb = chat.Forbidden
	nof = chat.NotFound
)

// TestPermissions lets everybody try everything. What is refused must change nothing and be told to nobody.
func TestPermissions(t *testing.T) {
	// Columns: owner, moderator, member, stranger; then, in a direct room, a member and a stranger.
	tests := []struct {
		name   string
		do     func(s *scene) error
		group  [4]chat.Code
		direct [2]chat.Code
	}{
		{"send", func(s *scene) error {
			_, err := s.svc.Send(s.ctx, s.by, chat.NewMessage{RoomID: s.room, Content: "hi", ClientMessageID: "hi"})
			return err
		}, [4]chat.Code{ok, ok, ok, frb}, [2]chat.Code{ok, nof}},
		{"edit own", func(s *scene) error {
			_, err := s.svc.Edit(s.ctx, s.by, s.room, s.own.MessageID, "changed")
			return err
		}, [4]chat.Code{ok, ok, ok, frb}, [2]chat.Code{ok, nof}},
		{"edit another's", func(s *scene) error {
			_, err := s.svc.Edit(s.ctx, s.by, s.room, s.theirs.MessageID, "changed")
			return err
		}, [4]chat.Code{frb, frb, frb, frb}, [2]chat.Code{frb, nof}},
		{"delete own", func(s *scene) error {
			_, err := s.svc.Delete(s.ctx, s.by, s.room, s.own.MessageID)
			return err
		}, [4]chat.Code{ok, ok, ok, frb}, [2]chat.Code{ok, nof}},
		{"delete another's", func(s *scene) error {
			_, err := s.svc.Delete(s.ctx, s.by, s.room, s.theirs.MessageID)
			return err
		}, [4]chat.Code{ok, ok, frb, frb}, [2]chat.Code{frb, nof}},
		{"react", func(s *scene) error {
			_, err := s.svc.React(s.ctx, s.by, s.room, s.theirs.MessageID, "👍")
			return err
		}, [4]chat.Code{ok, ok, ok, frb}, [2]chat.Code{ok, nof}},
		{"take a reaction back", func(s *scene) error {
			_, err := s.svc.Unreact(s.ctx, s.by, s.room, s.theirs.MessageID, "👍")
			return err
		}, [4]chat.Code{ok, ok, ok, frb}, [2]chat.Code{ok, nof}},
		{"rename", func(s *scene) error {
			name := "Kitchen"
			_, err := s.svc.UpdateRoom(s.ctx, s.by, s.room, chat.RoomChange{Name: &name})
			return err
		}, [4]chat.Code{ok, ok, frb, frb}, [2]chat.Code{frb, nof}},
		{"delete room", func(s *scene) error { return s.svc.DeleteRoom(s.ctx, s.by, s.room) },
			[4]chat.Code{ok, frb, frb, frb}, [2]chat.Code{frb, nof}},
		{"add", setMember("u-new", ""), [4]chat.Code{ok, ok, frb, frb}, [2]chat.Code{frb, nof}},
		{"add a moderator", setMember("u-new", chat.Moderator), [4]chat.Code{ok, ok, frb, frb}, [2]chat.Code{frb, nof}},
		{"add an owner", setMember("u-new", chat.Owner), [4]chat.Code{ok, frb, frb, frb}, [2]chat.Code{frb, nof}},
		{"promote", setMember("u-mem2", chat.Moderator), [4]chat.Code{ok, frb, frb, frb}, [2]chat.Code{frb, nof}},
		{"demote", setMember("u-mod2", chat.Member), [4]chat.Code{ok, frb, frb, frb}, [2]chat.Code{frb, nof}},
		{"promote oneself", func(s *scene) error {
			_, err := s.svc.SetMember(s.ctx, s.by, s.room, s.by, chat.Owner)
			return err
		}, [4]chat.Code{ok, frb, frb, frb}, [2]chat.Code{frb, nof}},
		{"remove a member", remove("u-mem2"), [4]chat.Code{ok, ok, frb, frb}, [2]chat.Code{frb, nof}},
		{"remove a moderator", remove("u-mod2"), [4]chat.Code{ok, frb, frb, frb}, [2]chat.Code{frb, nof}},
		{"remove an owner", remove("u-own2"), [4]chat.Code{frb, frb, frb, frb}, [2]chat.Code{frb, nof}},
		{"remove nobody", remove("u-new"), [4]chat.Code{nof, nof, frb, frb}, [2]chat.Code{frb, nof}},
		{"leave", func(s *scene) error { return s.svc.Leave(s.ctx, s.by, s.room) },
			[4]chat.Code{ok, ok, ok, frb}, [2]chat.Code{frb, nof}},
		{"history", func(s *scene) error {
			_, err := s.svc.Messages(s.ctx, s.by, s.room, chat.PageQuery{})
			return err
		}, [4]chat.Code{ok, ok, ok, frb}, [2]chat.Code{ok, nof}},
		{"members", func(s *scene) error {
			_, _, err := s.svc.Members(s.ctx, s.by, s.room, "", 0)
			return err
		}, [4]chat.Code{ok, ok, ok, frb}, [2]chat.Code{ok, nof}},
		{"members by name", func(s *scene) error {
			_, err := s.svc.SearchMembers(s.ctx, s.by, s.room, "u", 0)
			return err
		}, [4]chat.Code{ok, ok, ok, frb}, [2]chat.Code{ok, nof}},
		{"member", func(s *scene) error {
			_, err := s.svc.Member(s.ctx, s.by, s.room, "u-own")
			return err
		}, [4]chat.Code{ok, ok, ok, frb}, [2]chat.Code{ok, nof}},
		{"mark read", func(s *scene) error { return s.svc.MarkRead(s.ctx, s.by, s.room, 1) },
			[4]chat.Code{ok, ok, ok, frb}, [2]chat.Code{ok, nof}},
		{"typing", func(s *scene) error { return s.svc.Typing(s.ctx, s.by, s.room) },
			[4]chat.Code{ok, ok, ok, frb}, [2]chat.Code{ok, nof}},
		{"clients", func(s *scene) error {
			_, err := s.svc.Clients(s.ctx, s.by, s.room)
			return err
		}, [4]chat.Code{ok, ok, ok, frb}, [2]chat.Code{ok, nof}},
	}
	h := newHouse(t, "own", "own2", "mod", "mod2", "mem", "mem2", "out", "new")
	for _, tt := range tests {
		for _, kind := range []chat.Kind{chat.Public, chat.Private, chat.Direct} {
			actors := []string{"u-own", "u-mod", "u-mem", "u-out"}
			want := tt.group[:]
			if kind == chat.Public && tt.name == "add" { // whom a member brings could come by themselves
				want = []chat.Code{ok, ok, ok, frb}
			}
			if kind == chat.Direct {
				actors, want = []string{"u-mem", "u-out"}, tt.direct[:]
			}
			for i, by := range actors {
				t.Run(fmt.Sprintf("%s/%s/%s", tt.name, kind, by), func(t *testing.T) {
					s := newScene(h, kind, by)
					s.attempt(t, tt.do, want[i])
				})
			}
		}
	}
}

func setMember(userID string, role chat.Role) func(s *scene) error {
	return func(s *scene) error {
		_, err := s.svc.SetMember(s.ctx, s.by, s.room, userID, role)
		return err
	}
}

func remove(userID string) func(s *scene) error {
	return func(s *scene) error { return s.svc.RemoveMember(s.ctx, s.by, s.room, userID) }
}

func newScene(h *house, kind chat.Kind, by string) *scene {
	s := &scene{house: h, by: by}
	people := []string{"u-own", "u-own2", "u-mod", "u-mod2", "u-mem", "u-mem2"}
	s.room = h.room(kind, people...)
	if kind != chat.Direct {
		for userID, role := range map[string]chat.Role{"u-own2": chat.Owner, "u-mod": chat.Moderator, "u-mod2": chat.Moderator} {
			_, err := h.svc.SetMember(h.ctx, "u-own", s.room, userID, role)
			h.ok(err)
		}
	}
	s.theirs = h.say("u-mem2", s.room, "theirs")
	if by == "u-out" {
		s.own = s.theirs
	} else {
		s.own = h.say(by, s.room, "own")
	}
	return s
}

// attempt does it, and ends the test unless the outcome has the code. A refusal leaves no trace.
func (s *scene) attempt(t *testing.T, do func(s *scene) error, want chat.Code) {
	t.Helper()
	head := s.head(s.room)
	s.ears.Forget()
	err := do(s)
	if chat.CodeOf(err) != want {
		t.Fatalf("got %v, want code %q", err, want)
	}
	if err == nil {
		return
	}
	equal(t, "head after a refusal", s.head(s.room), head)
	for _, p := range []string{"own", "own2", "mod", "mod2", "mem", "mem2", "out", "new"} {
		if heard := s.ears.Heard("u-" + p); len(heard) > 0 {
			t.Errorf("u-%s hears of what was refused: %s", p, tell(heard[0].Event))
		}
	}
}

// TestFinding: public rooms are open to all, private ones to those invited, and whether people talk directly is
// nobody's business.
func TestFinding(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid")
	for _, tt := range []struct {
		kind                   chat.Kind
		see, join, admit, sync chat.Code
	}{
		{chat.Public, ok, ok, ok, ok},
		{chat.Private, frb, frb, ok, ok},
		{chat.Direct, nof, nof, nof, ok},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			room := h.room(tt.kind, "u-ann", "u-bob")
			h.say("u-ann", room, "secret of "+string(tt.kind))
			v, err := h.svc.Room(h.ctx, "u-cid", room)
			h.code(err, tt.see)
			if v.LastMessage != nil || v.Joined || v.Membership != nil || v.Members != nil {
				t.Fatalf("a stranger sees %+v", v)
			}
			missed, err := h.svc.Sync(h.ctx, "u-cid", map[string]int64{room: 0}, 1<<20)
			h.code(err, tt.sync)
			if missed[0].Complete || missed[0].HeadSeq != 0 || len(missed[0].Events) > 0 {
				t.Fatalf("a stranger is told %+v", missed[0])
			}
			found, _, err := h.svc.PublicRooms(h.ctx, "u-cid", "lob", "", 0)
			h.ok(err)
			equal(t, "rooms listed", len(found), 1) // that of the first round
			_, err = h.svc.Join(h.ctx, "u-cid", room)
			h.code(err, tt.join)
			if tt.join != ok {
				_, err = h.svc.Admit(h.ctx, "u-cid", room)
				h.code(err, tt.admit)
			}
			_, err = h.svc.Messages(h.ctx, "u-cid", room, chat.PageQuery{})
			h.code(err, tt.admit)
		})
	}
	for _, err := range []error{
		errOf(h.svc.Join(h.ctx, "u-cid", "nowhere")), errOf(h.svc.Admit(h.ctx, "u-cid", "nowhere")), errOf(h.svc.Room(h.ctx, "u-cid", "nowhere")),
		h.svc.Leave(h.ctx, "u-cid", "nowhere"), h.svc.DeleteRoom(h.ctx, "u-cid", "nowhere"), h.svc.Typing(h.ctx, "u-cid", "nowhere"),
		errOf(h.svc.Send(h.ctx, "u-cid", chat.NewMessage{RoomID: "nowhere", Content: "x", ClientMessageID: "x"})),
		errOf(h.svc.SetMember(h.ctx, "u-cid", "nowhere", "u-bob", "")), errOf(h.svc.Messages(h.ctx, "u-cid", "nowhere", chat.PageQuery{})),
	} {
		h.code(err, nof)
	}
}

func errOf[T any](_ T, err error) error { return err }
