package chattest

import (
	"strings"
	"testing"
	"time"

	"parley/chat"
)

// NewAccount is the account of somebody with a display name of two words, whose user id is "u-" and the username.
func NewAccount(username string) chat.Account {
	display := strings.ToUpper(username[:1]) + username[1:] + " Tester"
	return chat.Account{
		User:         chat.User{UserID: "u-" + username, Username: username, DisplayName: display, CreatedAt: NewClock().Now().UnixMilli()},
		Email:        username + "@example.org",
		PasswordHash: "$argon2id$hash-of-" + username,
		Words:        []string{username, "tester"},
	}
}

// AddUser stores the account that NewAccount makes.
func AddUser(t testing.TB, users chat.Users, username string) chat.User {
	t.Helper()
	a := NewAccount(username)
	if err := users.CreateUser(t.Context(), a, false); err != nil {
		t.Fatal(err)
	}
	return a.User
}

// Script makes the commits of one room, each planned on the one before, as the core makes them.
type Script struct {
	Room chat.Room
	At   time.Time // moves a millisecond with each entry
}

// NewScript plans a room and its first commit, in which the members join; the first one is its owner.
func NewScript(roomID string, kind chat.Kind, name string, members ...string) (*Script, chat.Commit) {
	s := &Script{At: NewClock().Now(), Room: chat.Room{RoomID: roomID, Kind: kind, Name: name, NameKey: strings.ToLower(name),
		CreatedBy: members[0], CreatedAt: NewClock().Now().UnixMilli()}}
	c := s.begin()
	s.change(&c, chat.RoomCreated, members[0], nil)
	for i, m := range members {
		role := chat.Member
		if i == 0 {
			role = chat.Owner
		}
		s.join(&c, m, role)
	}
	return s, s.end(c)
}

func (s *Script) begin() chat.Commit { return chat.Commit{After: s.Room.HeadSeq} }

func (s *Script) end(c chat.Commit) chat.Commit {
	c.Room = s.Room
	return c
}

func (s *Script) next() (int64, chat.Millis) {
	s.At = s.At.Add(time.Millisecond)
	s.Room.HeadSeq++
	return s.Room.HeadSeq, s.At.UnixMilli()
}

func (s *Script) change(c *chat.Commit, kind chat.ChangeKind, by string, m *chat.Membership) {
	seq, at := s.next()
	room := s.Room
	c.Changes = append(c.Changes, chat.Change{RoomID: room.RoomID, Seq: seq, Kind: kind, By: by, At: at, Room: &room, Member: m})
}

func (s *Script) join(c *chat.Commit, userID string, role chat.Role) {
	s.Room.MemberCount++
	m := chat.Membership{RoomID: s.Room.RoomID, UserID: userID, Role: role, JoinedAt: s.At.UnixMilli()}
	s.change(c, chat.MemberJoined, userID, &m)
	c.Join = append(c.Join, m)
}

// Said is one message to say: who, under which clientMessageId, what.
type Said struct{ UserID, ClientMessageID, Content string }

// Say plans new messages.
func (s *Script) Say(said ...Said) chat.Commit {
	c := s.begin()
	for _, m := range said {
		seq, at := s.next()
		s.Room.MessageCount++
		s.Room.LastSeq = seq
		c.New = append(c.New, chat.Message{RoomID: s.Room.RoomID, Seq: seq, MessageID: chat.NewID(s.At), UserID: m.UserID,
			Username: strings.TrimPrefix(m.UserID, "u-"), Content: m.Content, CreatedAt: at, ClientMessageID: m.ClientMessageID,
			Ordinal: s.Room.MessageCount})
	}
	return s.end(c)
}

// Join plans that people enter.
func (s *Script) Join(userIDs ...string) chat.Commit {
	c := s.begin()
	for _, id := range userIDs {
		s.join(&c, id, chat.Member)
	}
	return s.end(c)
}

// Role plans that a member takes a role.
func (s *Script) Role(userID string, role chat.Role) chat.Commit {
	c := s.begin()
	m := chat.Membership{RoomID: s.Room.RoomID, UserID: userID, Role: role, JoinedAt: s.At.UnixMilli()}
	s.change(&c, chat.MemberRole, userID, &m)
	c.Join = []chat.Membership{m}
	return s.end(c)
}

// Leave plans that a member goes.
func (s *Script) Leave(userID string) chat.Commit {
	c := s.begin()
	s.Room.MemberCount--
	m := chat.Membership{RoomID: s.Room.RoomID, UserID: userID, Role: chat.Member}
	s.change(&c, chat.MemberLeft, userID, &m)
	c.Leave = []chat.Membership{m}
	return s.end(c)
}

// Rename plans another name.
func (s *Script) Rename(name string) chat.Commit {
	c := s.begin()
	if key := strings.ToLower(name); key != s.Room.NameKey {
		c.OldNameKey, s.Room.NameKey = s.Room.NameKey, key
	}
	s.Room.Name = name
	s.change(&c, chat.RoomUpdated, s.Room.CreatedBy, nil)
	return s.end(c)
}

// Change plans that a message takes the form that edit gives it.
func (s *Script) Change(m chat.Message, edit func(*chat.Message)) chat.Commit {
	c := s.begin()
	seq, at := s.next()
	edit(&m)
	m.UpdatedSeq = seq
	c.Changed = []chat.Message{m}
	c.Changes = []chat.Change{{RoomID: s.Room.RoomID, Seq: seq, Kind: chat.MessageChanged, By: m.UserID, At: at, MessageSeq: m.Seq}}
	return s.end(c)
}

// End plans the end of the room.
func (s *Script) End() chat.Commit {
	c := s.begin()
	s.change(&c, chat.RoomDeleted, s.Room.CreatedBy, nil)
	c.Gone = true
	return s.end(c)
}
