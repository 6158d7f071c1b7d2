package chat

import (
	"context"
	"errors"
	"time"
)

// The ports are what the core needs of the world. Package store implements all that keep something; the edges implement
// Deliverer. Every method is safe for concurrent use. Errors that a caller acts on are named in the comments; a thing
// that is not there is an *Error with code NotFound unless said otherwise. What a read returns is the caller's to keep.

// Errors between the core and its ports.
var (
	// ErrMoved says that somebody else wrote to the room's log since the step was planned: load again, plan again.
	ErrMoved = errors.New("the room's log has moved on")
	// ErrExists says that what should be made is already there.
	ErrExists = errors.New("already exists")
)

// Sent marks a new message in a Commit with the key under which its sender may repeat it.
type Sent struct{ UserID, ClientMessageID string }

// DuplicateError says that messages of a Commit were sent before. Nothing was written.
type DuplicateError struct{ Sent []Sent }

func (*DuplicateError) Error() string { return "a message was already sent" }

// Commit is one atomic step of one room's log.
type Commit struct {
	// After is the head on which the step was planned: if the stored one differs, ErrMoved. Zero: the room is new
	// (ErrMoved if it exists).
	After int64
	// Room is the room as it will be; its HeadSeq is the last number that the step takes.
	Room Room
	// New are new messages, in order; each leaves an idempotency record for at least 24 hours and moves the sender's
	// own read marker to itself.
	New []Message
	// Origins are those of New, kept with their idempotency records (Audiences.Origins), where another process may be the
	// one that tells of the step; nil elsewhere.
	Origins []Origin
	// Changed are messages in their new form, replacing the old one.
	Changed []Message
	// Changes are the other log entries.
	Changes []Change
	// Join and Leave are memberships to store (new or with another role) and to remove, the read marker with them.
	Join  []Membership
	Leave []Membership
	// Marks are read markers to set, by user.
	Marks map[string]Marker
	// Notices are notices of New or Changed messages to store, and Obsolete those of Changed messages to remove, if they
	// are there.
	Notices  []Notice
	Obsolete []Notice
	// Stale are marks to put in the place of the digests of blocks in which Changed have another text; no two are of one
	// block.
	Stale []Digest
	// Outbox puts the room into the Outbox, from the first of New on, in the place of what stands there of it.
	Outbox bool
	// OldNameKey is the room's NameKey before, when the step changes it.
	OldNameKey string
	// Attach are the files that New take along, as they were read: ready. They are attached with it, or the error is a
	// *ClaimError. At most MaxCommitAttachments.
	Attach []Upload
	// Drop are files that Changed have no more: their records go, and their contents are due now.
	Drop []Upload
	// Gone ends the room: it is found no more, and its log and members are removed soon after (Log.Purge).
	Gone bool
}

// Limits of one Commit.
const (
	MaxCommitMessages = 24 // new messages
	// MaxCommitRows bounds three for each new message, two for each attachment and one for each notice together: stores
	// write at most a hundred rows at once.
	MaxCommitRows = 92
)

// Log keeps rooms, their members and their logs.
type Log interface {
	// Commit does the whole step durably, or nothing. ErrMoved, *DuplicateError, *ClaimError, in this order if several hold.
	Commit(ctx context.Context, c Commit) error
	// Duplicate returns the message that Sent made in a room, or NotFound.
	Duplicate(ctx context.Context, roomID string, s Sent) (Message, error)
	// Messages returns messages with from ≤ Seq ≤ to, ascending, or descending with reverse, at most limit (≤ 1000).
	// Fewer than limit means that there are no more.
	Messages(ctx context.Context, roomID string, from, to int64, limit int, reverse bool) ([]Message, error)
	// MessagesAt returns the messages that are there out of those asked for, in their order.
	MessagesAt(ctx context.Context, at ...Place) ([]Message, error)
	// Changes returns changes with from ≤ Seq ≤ to, ascending, at most limit (≤ 1000).
	Changes(ctx context.Context, roomID string, from, to int64, limit int) ([]Change, error)
	// Purge removes what is left of rooms that are gone; the contents of their files are due then. It may be repeated, and by several processes.
	Purge(ctx context.Context) error
	// MessagesOf returns messages of one person over all rooms, newest first, and a cursor for more (empty at the end).
	MessagesOf(ctx context.Context, userID, cursor string, limit int) ([]Message, string, error)
}

// Place is where a message stands.
type Place struct {
	RoomID string
	Seq    int64
}

// Rooms finds rooms and members.
type Rooms interface {
	// Rooms returns the rooms that exist out of those asked for, in their order.
	Rooms(ctx context.Context, roomIDs ...string) ([]Room, error)
	// PublicRooms returns public rooms by folded name, those whose name begins with prefix (folded), and a cursor.
	PublicRooms(ctx context.Context, prefix, cursor string, limit int) ([]Room, string, error)
	// RoomsOf returns a person's memberships, without ReadSeq, all of them (at most MaxRoomsOf).
	RoomsOf(ctx context.Context, userID string) ([]Membership, error)
	// Member returns one membership, or NotFound.
	Member(ctx context.Context, roomID, userID string) (Membership, error)
	// MembersAmong returns those memberships that there are, in the order of userIDs.
	MembersAmong(ctx context.Context, roomID string, userIDs ...string) ([]Membership, error)
	// Members returns members by user id, and a cursor.
	Members(ctx context.Context, roomID, cursor string, limit int) ([]Membership, string, error)
}

// Marker is how far a person has read a room.
type Marker struct {
	RoomID  string
	Seq     int64
	Ordinal int64 // of the newest message at or before Seq
}

// Markers keeps read markers. They only move forward.
type Markers interface {
	// Mark moves a person's marker to m; false if it was there or further already.
	Mark(ctx context.Context, userID string, m Marker) (bool, error)
	// MarkersOf returns all markers of a person.
	MarkersOf(ctx context.Context, userID string) ([]Marker, error)
	// MarkersIn returns the markers of people in one room, of those who have one.
	MarkersIn(ctx context.Context, roomID string, userIDs ...string) (map[string]Marker, error)
}

// Notices keeps what concerns people more than other messages (Commit.Notices), and how they want to be told.
type Notices interface {
	// NoticesOf returns the notices of one person by the ids of their messages, the newest first, only those before the
	// message id given (empty: all), at most limit (≤ 1000). Fewer than limit means that there are no more.
	NoticesOf(ctx context.Context, userID, before string, limit int) ([]Notice, error)
	// RoomNotices returns the notices for a whole room with from ≤ Seq ≤ to, descending, at most limit (≤ 1000).
	RoomNotices(ctx context.Context, roomID string, from, to int64, limit int) ([]Notice, error)
	// SetLevel stores the level that a person chose for a room. It goes when they leave.
	SetLevel(ctx context.Context, userID, roomID string, l Level) error
	// LevelsOf returns the levels of a person by room, where they chose one.
	LevelsOf(ctx context.Context, userID string) (map[string]Level, error)
	// Levels returns the levels of people in one room, of those who chose one.
	Levels(ctx context.Context, roomID string, userIDs ...string) (map[string]Level, error)
	// Loud returns those who chose LevelAll for a room, by user id, and a cursor.
	Loud(ctx context.Context, roomID, cursor string, limit int) ([]string, string, error)
	// SetRules stores a person's rules.
	SetRules(ctx context.Context, userID string, r NotifyRules) error
	// Rules returns the rules of people, of those who chose some.
	Rules(ctx context.Context, userIDs ...string) (map[string]NotifyRules, error)
}

// Users keeps people and what they sign in with.
type Users interface {
	// CreateUser stores a new account under its unique username; ErrExists if the name is taken.
	// With first it also fails with ErrExists if any account was ever made with first.
	CreateUser(ctx context.Context, a Account, first bool) error
	// UpdateUser replaces the account if the stored Version is still a.Version; stores it with Version+1.
	// ErrMoved otherwise.
	UpdateUser(ctx context.Context, a Account) error
	// Account and AccountByName return one account, or NotFound.
	Account(ctx context.Context, userID string) (Account, error)
	AccountByName(ctx context.Context, username string) (Account, error)
	// UserIDs returns who has these usernames, where somebody has.
	UserIDs(ctx context.Context, usernames ...string) (map[string]string, error)
	// Users returns those who exist out of those asked for, in their order.
	Users(ctx context.Context, userIDs ...string) ([]User, error)
	// SearchUsers returns people one of whose names has a word that begins with prefix (folded, as Names.NicknameKey),
	// all people for an empty prefix, and a cursor.
	SearchUsers(ctx context.Context, prefix, cursor string, limit int) ([]User, string, error)
}

// Seen keeps when people were last connected.
type Seen interface {
	// SetSeen notes that these people were connected until now.
	SetSeen(ctx context.Context, at Millis, userIDs ...string) error
	// Seen returns the moments of those who were ever seen.
	Seen(ctx context.Context, userIDs ...string) (map[string]Millis, error)
}

// Sessions keeps sign-ins, for package identity.
type Sessions interface {
	// PutSession stores s; with previous it replaces the session only if its TokenHash is still previous (ErrMoved).
	PutSession(ctx context.Context, s Session, previous []byte) error
	Session(ctx context.Context, userID, sessionID string) (Session, error)
	SessionsOf(ctx context.Context, userID string) ([]Session, error)
	// DeleteSessions ends sessions, and the push subscriptions made in them; those already gone are no error.
	DeleteSessions(ctx context.Context, userID string, sessionIDs ...string) error
}

// Once keeps small secrets that work a single time, such as socket tickets, for package identity.
type Once interface {
	// PutOnce stores value under key until expires.
	PutOnce(ctx context.Context, key, value string, expires Millis) error
	// TakeOnce returns the value and removes it: of several takers exactly one gets it, the others NotFound.
	TakeOnce(ctx context.Context, key string) (string, error)
}

// Keys keeps the keys that sign access tokens, for package identity.
type Keys interface {
	Keys(ctx context.Context) ([]SigningKey, error)
	// AddKey stores a new key and removes those in drop.
	AddKey(ctx context.Context, k SigningKey, drop ...string) error
}

// Secrets keeps what a server made up for itself once, such as the key of its links.
type Secrets interface {
	// Secret returns the secret of a name: fresh, which is stored, if there is none yet.
	Secret(ctx context.Context, name string, fresh []byte) ([]byte, error)
}

// Invites keeps invitations, for package identity.
type Invites interface {
	CreateInvite(ctx context.Context, i Invite) error
	Invite(ctx context.Context, tokenHash string) (Invite, error)
	InvitesBy(ctx context.Context, userID string) ([]Invite, error)
	// UseInvite counts one use: Conflict when it is used up.
	UseInvite(ctx context.Context, tokenHash string) error
	DeleteInvite(ctx context.Context, tokenHash string) error
}

// Settings keeps the operator's choices.
type Settings interface {
	// Server returns what was set, or a zero Server.
	Server(ctx context.Context) (Server, error)
	SetServer(ctx context.Context, s Server) error
}

// PushKey keeps the key pair by which this server is known to push services, for package notify.
type PushKey interface {
	// PushKey returns the private key: the 32 bytes of a P-256 scalar. NotFound if none was made.
	PushKey(ctx context.Context) ([]byte, error)
	// CreatePushKey stores the first key; ErrExists if there is one.
	CreatePushKey(ctx context.Context, private []byte) error
}

// PushSubscriptions keeps where people are reached by Web Push, for package notify. They end with their session
// (Sessions.DeleteSessions).
type PushSubscriptions interface {
	// PutPushSubscription stores s in the place of any with its id, and removes those of the same person in drop. Who else
	// had a subscription with this id loses it: a browser belongs to who is signed in there.
	PutPushSubscription(ctx context.Context, s PushSubscription, drop ...string) error
	// NotePush stores what s says of its last push. Nothing happens if s is gone or was subscribed anew.
	NotePush(ctx context.Context, s PushSubscription) error
	// PushSubscriptionsOf returns all subscriptions of a person.
	PushSubscriptionsOf(ctx context.Context, userID string) ([]PushSubscription, error)
	// DeletePushSubscriptions removes subscriptions; those already gone are no error.
	DeletePushSubscriptions(ctx context.Context, userID string, subscriptionIDs ...string) error
	// AnyPushSubscription tells whether anybody has one.
	AnyPushSubscription(ctx context.Context) (bool, error)
}

// Outbox keeps in which rooms messages stand of which people who are away were not told yet; Commit.Outbox fills it. It
// is for houses of one process: in others a stream of the store's changes does the same.
type Outbox interface {
	// Outbox returns all rooms in it, each with the number of the first such message.
	Outbox(ctx context.Context) (map[string]int64, error)
	// OutboxOf returns that number of one room; zero if the room is not in it.
	OutboxOf(ctx context.Context, roomID string) (int64, error)
	// SetOutbox sets that number; zero takes the room out.
	SetOutbox(ctx context.Context, roomID string, seq int64) error
}

// Reached keeps up to which message of a room people were told while they were away, so that nobody is told twice. It
// may forget after a week.
type Reached interface {
	// Reached returns the number of those who were ever told.
	Reached(ctx context.Context, roomID string, userIDs ...string) (map[string]int64, error)
	// SetReached moves it forward to seq.
	SetReached(ctx context.Context, roomID string, seq int64, userIDs ...string) error
}

// Delivery is what a step of a room's log tells its members, in order.
type Delivery struct {
	RoomID string
	Events []Event
	// Since is when the write of the step began.
	Since time.Time
}

// Deliverer tells connected people. It never waits for a reader.
type Deliverer interface {
	// Deliver tells all members of a room that are connected. Calls for one room come one after another, in log order.
	// Membership events in it change who hears what follows: somebody who joins hears their own joining and all after
	// it, somebody who leaves hears up to their own leaving.
	Deliver(ctx context.Context, d Delivery)
	// Signal tells what is not stored, and may be dropped under load: to the members of a room but one person
	// (Typing, Read), or if roomID is empty to everybody who shares a small room with userID and to themselves (Presence).
	Signal(ctx context.Context, roomID, userID string, e Event)
	// ToUsers tells all connections of people.
	ToUsers(ctx context.Context, e Event, userIDs ...string)
	// Online says which of these people have a connection now.
	Online(ctx context.Context, userIDs ...string) (map[string]bool, error)
	// Disconnect ends the connections of a person, or only those of one session, with close code 4401.
	Disconnect(ctx context.Context, userID, sessionID string)
}

// Limiter says whether one more of something is allowed now.
type Limiter interface {
	// Allow takes one of what key may do by rule; a positive duration says to wait that long, and takes nothing.
	Allow(ctx context.Context, rule Rule, key string) time.Duration
}

// Rule names a rate limit; what it allows is a setting.
type Rule string

// The rules.
const (
	LimitSend            Rule = "send"             // messages and changes, by user
	LimitTyping          Rule = "typing"           // typing, read and presence requests, by user
	LimitTypingRoom      Rule = "typing-room"      // told by all members of one room together
	LimitUpload          Rule = "upload"           // announced files, by user
	LimitRequests        Rule = "requests"         // any other request, by user
	LimitSearch          Rule = "search"           // pages of messages found, by user
	LimitPushTest        Rule = "push-test"        // notifications to test oneself, by user
	LimitRegister        Rule = "register"         // accounts, by address
	LimitFailuresAddress Rule = "failures-address" // failed log-ins, by address
	LimitFailuresAccount Rule = "failures-account" // failed log-ins, by account
)
