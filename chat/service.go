package chat

import (
	"context"
	"log/slog"
	"time"
)

// Config is what a Service is made of. All fields but Logger and Now are required.
type Config struct {
	Log       Log
	Rooms     Rooms
	Markers   Markers
	Users     Users
	Seen      Seen
	Deliverer Deliverer
	Limiter   Limiter
	Names     Names
	Now       func() time.Time // default time.Now
	Logger    *slog.Logger     // default slog.Default
}

// NewMessage is a message to send.
type NewMessage struct {
	RoomID          string       `json:"roomId"`
	Content         string       `json:"content"`
	ClientMessageID string       `json:"clientMessageId"`
	ReplyTo         string       `json:"replyTo,omitempty"`
	Attachments     []Attachment `json:"attachments,omitempty"`
}

// PageQuery asks for messages: those before, after or around a log number, or the newest. At most one bound may be set.
type PageQuery struct {
	Before, After, Around *int64
	Limit                 int // 1 to MaxPage, zero means DefaultPage
	// MaxBytes bounds the size of the answer's contents; zero is no bound. At least one message is returned.
	MaxBytes int
}

// Sizes of pages.
const (
	DefaultPage = 50
	MaxPage     = 100
)

// MessagePage is a part of a room's history, ascending by Seq.
type MessagePage struct {
	Messages      []Message `json:"messages"`
	HasMoreBefore bool      `json:"hasMoreBefore"`
	HasMoreAfter  bool      `json:"hasMoreAfter"`
}

// RoomSync is what a member of one room missed.
type RoomSync struct {
	RoomID  string
	HeadSeq int64
	Events  []Event
	// Complete is false when the asker is too far behind, or is not a member (any more): drop what is held of the room.
	Complete bool
	// More says that the answer was cut short: sync again from the last event.
	More bool
}

// RoomView is a room as one person sees it.
type RoomView struct {
	Room
	MemberCount int         `json:"memberCount"`
	Joined      bool        `json:"joined"`
	Membership  *Membership `json:"membership,omitempty"`
	Unread      int64       `json:"unread"`
	Mentions    int64       `json:"mentions"`
	LastMessage *Message    `json:"lastMessage,omitempty"`
	Members     []User      `json:"members,omitempty"` // of a direct room
}

// Unread tells how much of a room a person has not read.
type Unread struct {
	RoomID   string `json:"roomId"`
	HeadSeq  int64  `json:"headSeq"`
	ReadSeq  int64  `json:"readSeq"`
	Unread   int64  `json:"unread"`
	Mentions int64  `json:"mentions"`
}

// Client is a person with their presence.
type Client struct {
	UserID   string `json:"userId"`
	Username string `json:"username"`
	Online   bool   `json:"online"`
	LastSeen Millis `json:"lastSeen"`
}

// MemberView is a member with who they are.
type MemberView struct {
	User
	Role     Role   `json:"role"`
	JoinedAt Millis `json:"joinedAt"`
	Online   bool   `json:"online"`
	LastSeen Millis `json:"lastSeen"`
}

// NewRoom is a room to make.
type NewRoom struct {
	Kind  Kind // Public or Private; direct rooms are opened by OpenDirect
	Name  string
	Topic string
}

// RoomChange changes what is not nil.
type RoomChange struct{ Name, Topic *string }

func todo() { panic("not yet") }

// New makes a Service.
func New(c Config) *Service { todo(); return nil }

// Service applies every rule of Parley; nothing else does. Its methods are safe for concurrent use. The argument by is
// the user id of who asks, already authenticated.
type Service struct{}

// Run keeps presence until ctx ends, then finishes what is in flight.
func (s *Service) Run(ctx context.Context) error { todo(); return nil }

// Submit sends a message without waiting: messages submitted one after another for a room take numbers in that order.
// done is called exactly once, from another goroutine, when the message is durable or refused; it must not block.
// If origin is set, its connection is told by the Deliverer with an acknowledgement, in log order, before done.
// A repeat of an earlier message does not reach the Deliverer: done gets the first result and the edge acknowledges.
func (s *Service) Submit(ctx context.Context, by string, m NewMessage, origin Origin, done func(m Message, repeat bool, err error)) {
	todo()
}

// Send sends a message and waits until it is durable.
func (s *Service) Send(ctx context.Context, by string, m NewMessage) (Message, error) {
	todo()
	return Message{}, nil
}

// Edit replaces the text of one's own message.
func (s *Service) Edit(ctx context.Context, by, roomID, messageID, content string) (Message, error) {
	todo()
	return Message{}, nil
}

// Delete empties a message: one's own, or as a moderator anybody's.
func (s *Service) Delete(ctx context.Context, by, roomID, messageID string) (Message, error) {
	todo()
	return Message{}, nil
}

// Messages returns a part of a room's history to a member.
func (s *Service) Messages(ctx context.Context, by, roomID string, q PageQuery) (MessagePage, error) {
	todo()
	return MessagePage{}, nil
}

// UserMessages returns messages of userID, newest first, out of the rooms that by may read, and a cursor for more.
func (s *Service) UserMessages(ctx context.Context, by, userID, cursor string, limit int) ([]Message, string, error) {
	todo()
	return nil, "", nil
}

// Sync returns for each room what came after the number given, in the order of room ids; maxBytes bounds the contents.
func (s *Service) Sync(ctx context.Context, by string, rooms map[string]int64, maxBytes int) ([]RoomSync, error) {
	todo()
	return nil, nil
}

// CreateRoom makes a public or private room whose owner is by.
func (s *Service) CreateRoom(ctx context.Context, by string, r NewRoom) (RoomView, error) {
	todo()
	return RoomView{}, nil
}

// OpenDirect finds or makes the direct room of by and the others; created tells which.
func (s *Service) OpenDirect(ctx context.Context, by string, userIDs []string) (v RoomView, created bool, err error) {
	todo()
	return
}

// Room returns a room to a member, or a public one to anybody.
func (s *Service) Room(ctx context.Context, by, roomID string) (RoomView, error) {
	todo()
	return RoomView{}, nil
}

// MyRooms returns all rooms of by.
func (s *Service) MyRooms(ctx context.Context, by string) ([]RoomView, error) {
	todo()
	return nil, nil
}

// PublicRooms returns public rooms whose name begins with query.
func (s *Service) PublicRooms(ctx context.Context, by, query, cursor string, limit int) ([]RoomView, string, error) {
	todo()
	return nil, "", nil
}

// UpdateRoom changes name or topic (moderators).
func (s *Service) UpdateRoom(ctx context.Context, by, roomID string, c RoomChange) (RoomView, error) {
	todo()
	return RoomView{}, nil
}

// DeleteRoom ends a room for all (owners).
func (s *Service) DeleteRoom(ctx context.Context, by, roomID string) error { todo(); return nil }

// Join enters a public room; being in already is no error.
func (s *Service) Join(ctx context.Context, by, roomID string) (RoomView, error) {
	todo()
	return RoomView{}, nil
}

// Admit enters a room of any kind but direct on the strength of an invitation that identity has checked.
func (s *Service) Admit(ctx context.Context, userID, roomID string) (RoomView, error) {
	todo()
	return RoomView{}, nil
}

// Leave ends one's membership; the last owner hands over to the longest-standing member of highest role.
func (s *Service) Leave(ctx context.Context, by, roomID string) error { todo(); return nil }

// SetMember adds a person to a room (moderators), or gives a member another role (owners). An empty role means Member
// for a new member and no change for others.
func (s *Service) SetMember(ctx context.Context, by, roomID, userID string, role Role) (Membership, error) {
	todo()
	return Membership{}, nil
}

// RemoveMember removes somebody of lower rank (moderators), or oneself.
func (s *Service) RemoveMember(ctx context.Context, by, roomID, userID string) error {
	todo()
	return nil
}

// Member returns one membership to a member of the room.
func (s *Service) Member(ctx context.Context, by, roomID, userID string) (Membership, error) {
	todo()
	return Membership{}, nil
}

// Members returns the members of a room to a member, and a cursor.
func (s *Service) Members(ctx context.Context, by, roomID, cursor string, limit int) ([]MemberView, string, error) {
	todo()
	return nil, "", nil
}

// MarkRead moves one's read marker forward, at most to the head.
func (s *Service) MarkRead(ctx context.Context, by, roomID string, seq int64) error {
	todo()
	return nil
}

// UnreadCounts returns the counts of all rooms of by.
func (s *Service) UnreadCounts(ctx context.Context, by string) ([]Unread, error) {
	todo()
	return nil, nil
}

// Clients returns who is there: the members of one room, or with an empty roomID all who share a room with by (at most MaxClients).
func (s *Service) Clients(ctx context.Context, by, roomID string) ([]Client, error) {
	todo()
	return nil, nil
}

// Typing tells the others of a room that by is writing.
func (s *Service) Typing(ctx context.Context, by, roomID string) error { todo(); return nil }

// Heads returns the newest number of each room of by.
func (s *Service) Heads(ctx context.Context, by string) (map[string]int64, error) {
	todo()
	return nil, nil
}

// RoomIDs returns the rooms of a person, to subscribe a new connection to.
func (s *Service) RoomIDs(ctx context.Context, userID string) ([]string, error) {
	todo()
	return nil, nil
}

// User returns one person.
func (s *Service) User(ctx context.Context, userID string) (User, error) { todo(); return User{}, nil }

// SearchUsers returns people one of whose names has a word that begins with query.
func (s *Service) SearchUsers(ctx context.Context, query, cursor string, limit int) ([]User, string, error) {
	todo()
	return nil, "", nil
}

// SetDisplayName and SetAvatar change one's own profile.
func (s *Service) SetDisplayName(ctx context.Context, by, name string) (User, error) {
	todo()
	return User{}, nil
}

// SetAvatar sets the path of one's picture; empty removes it.
func (s *Service) SetAvatar(ctx context.Context, by, url string) (User, error) {
	todo()
	return User{}, nil
}

// Connected and Disconnected are called by the edge when the first connection of a person opens and when the last one
// ends. Presence follows, debounced.
func (s *Service) Connected(userID string) { todo() }

// Disconnected is the opposite of Connected.
func (s *Service) Disconnected(userID string) { todo() }
