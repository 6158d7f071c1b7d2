package chat

// ChangeKind says what happened to a room other than a new message.
type ChangeKind string

// The kinds of changes, as they stand on the wire (but MessageChanged, which is a frame of its own).
const (
	RoomCreated    ChangeKind = "created"
	RoomUpdated    ChangeKind = "updated" // name or topic
	RoomDeleted    ChangeKind = "deleted" // the last number of a log
	MemberJoined   ChangeKind = "joined"
	MemberLeft     ChangeKind = "left"    // by themselves
	MemberRemoved  ChangeKind = "removed" // by somebody else
	MemberRole     ChangeKind = "role"
	MessageChanged ChangeKind = "message" // edited, deleted or reacted to
)

// Change is the log entry of everything but a new message.
type Change struct {
	RoomID string
	Seq    int64
	Kind   ChangeKind
	By     string // who did it
	At     Millis

	MessageSeq int64       // with MessageChanged: the message's Seq
	Room       *Room       // the room as it was then, otherwise
	Member     *Membership // with joined, left, removed and role
}

// Event is one thing that members are told. Exactly one of the pointers is set.
type Event struct {
	// Seq is the log number, zero for what is told but never stored.
	Seq int64

	NewMessage *Message
	Updated    *Message // its UpdatedSeq is Seq
	Room       *RoomEvent
	Presence   *Presence
	Typing     *Typing
	Read       *Read
	Notified   *Notification

	// Origin is the connection that asked for it: it is told by an acknowledgement in place of the event.
	Origin Origin
}

// Origin names a request of a connection; both are opaque here. The zero Origin is nobody.
type Origin struct{ ConnectionID, RequestID string }

// RoomEvent tells of a change of a room or its members.
type RoomEvent struct {
	Seq        int64       `json:"seq"`
	Change     ChangeKind  `json:"change"`
	By         string      `json:"by,omitempty"` // who did it
	At         Millis      `json:"at,omitempty"`
	Room       *Room       `json:"room"`
	Membership *Membership `json:"membership,omitempty"`
}

// Presence tells whether a person is there. LastSeen is when their last connection ended, or now.
type Presence struct {
	UserID   string `json:"userId"`
	Online   bool   `json:"online"`
	LastSeen Millis `json:"lastSeen"`
}

// Typing tells that a person is writing in a room; it is over after TypingFor without another.
type Typing struct {
	RoomID string `json:"roomId"`
	UserID string `json:"userId"`
}

// Read tells how far a person has read.
type Read struct {
	RoomID string `json:"roomId"`
	UserID string `json:"userId"`
	Seq    int64  `json:"seq"`
}

// Notification tells a person of a message that concerns them, as far as their level for the room lets it.
type Notification struct {
	Kind    NoticeKind `json:"kind"`
	Message *Message   `json:"message"`
}

// event is the frame of a change. For MessageChanged msg is the message as it is now: its contents may be newer than
// the change (an edit that a later deletion took back must not come out again), so UpdatedSeq is set to the change's.
func (c *Change) event(msg *Message) Event {
	if c.Kind == MessageChanged {
		m := *msg
		m.UpdatedSeq = c.Seq
		return Event{Seq: c.Seq, Updated: &m}
	}
	return Event{Seq: c.Seq, Room: &RoomEvent{Seq: c.Seq, Change: c.Kind, By: c.By, At: c.At, Room: c.Room, Membership: c.Member}}
}
