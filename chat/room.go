package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Kind says who may find and enter a room.
type Kind string

// The kinds of rooms.
const (
	Public  Kind = "public"  // any user may find it and join
	Private Kind = "private" // by invitation of an owner or moderator
	Direct  Kind = "direct"  // a fixed set of 2 to MaxDirect people
)

// Role is what a member may do in a room.
type Role string

// The roles, each with the powers of the one before: moderators delete messages and invite and remove members,
// owners also give roles and end the room.
const (
	Member    Role = "member"
	Moderator Role = "moderator"
	Owner     Role = "owner"
)

// rank orders roles; zero is no role.
func (r Role) rank() int { return 1 + slices.Index([]Role{Member, Moderator, Owner}, r) }

// Limits of rooms.
const (
	MaxRoomName = 64  // characters
	MaxTopic    = 250 // characters
	MaxDirect   = 9   // people in a direct room
	MaxRoomsOf  = 500 // rooms one person can be in
)

// Room is one conversation and the head of its log.
type Room struct {
	RoomID    string `json:"roomId"`
	Kind      Kind   `json:"kind"`
	Name      string `json:"name"`
	Topic     string `json:"topic"`
	CreatedBy string `json:"createdBy"`
	CreatedAt Millis `json:"createdAt"`
	HeadSeq   int64  `json:"headSeq"` // newest number of its log

	NameKey string `json:"-"` // Names.NicknameKey of Name, by which public rooms are found
	// MessageCount is how many messages were ever sent; the newest one has it as its Ordinal.
	MessageCount int64 `json:"-"`
	MemberCount  int   `json:"-"`
	// LastSeq is the number that created the newest message, zero before the first.
	LastSeq int64 `json:"-"`
	// WideSeq is the newest message that left a notice for the whole room, zero before the first. It may be gone since.
	WideSeq int64 `json:"-"`
}

// Membership is one person in one room. ReadSeq is filled in where a person asks for their own.
type Membership struct {
	RoomID   string `json:"roomId"`
	UserID   string `json:"userId"`
	Role     Role   `json:"role"`
	JoinedAt Millis `json:"joinedAt"`
	ReadSeq  int64  `json:"readSeq"`
}

// DirectID is the id of the direct room of a set of people: the same for the same set in any order.
func DirectID(userIDs []string) string {
	ids := slices.Clone(userIDs)
	slices.Sort(ids)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(ids), "\x00")))
	return "d" + hex.EncodeToString(sum[:16])
}

func parseTopic(s string) (string, error) {
	s = strings.TrimSpace(s)
	if len([]rune(s)) > MaxTopic {
		return "", invalid("topic", "A topic has at most %d characters.", MaxTopic)
	}
	if err := checkText("topic", s); err != nil {
		return "", err
	}
	return s, nil
}
