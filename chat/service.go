package chat

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Service is made of. All fields but Digests, Files, Logger and Now are required.
type Config struct {
	Log      Log
	Rooms    Rooms
	Markers  Markers
	Notices  Notices
	Erasures Erasures
	Digests  Digests // nil: every search reads all messages
	// Forget removes what others keep of an account that is being erased: sign-ins, invitations, the password, the picture.
	// It may be called again. Nil: nobody keeps anything.
	Forget    func(ctx context.Context, e Erasure) error
	Users     Users
	Seen      Seen
	Deliverer Deliverer
	Limiter   Limiter
	Names     Names
	// Shared says that other processes write to the same rooms: a room is read anew when somebody writes to it after a
	// pause, and what another process needs to tell of a step is stored with it.
	Shared bool
	// Outbox and Away, if set, keep and tell which rooms have messages that people who are away must be told of.
	Outbox Outbox
	Away   Away
	// Reached keeps who was told; see Calls.
	Reached Reached
	Files   Files            // zero: no attachments
	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // default slog.Default
}

// NewMessage is a message to send.
type NewMessage struct {
	RoomID          string    `json:"roomId"`
	Content         string    `json:"content"` // may be empty with attachments
	ClientMessageID string    `json:"clientMessageId"`
	ReplyTo         string    `json:"replyTo,omitempty"`
	Attachments     []FileRef `json:"attachments,omitempty"`
}

// PageQuery asks for messages: those before, after or around a log number, those around a moment, or the newest. At most
// one bound may be set.
type PageQuery struct {
	Before, After, Around *int64
	// At asks for those around the first message at or after a moment, or else around the newest. Where the clock was set
	// back it is one of those at which the moment was passed.
	At    *Millis
	Limit int // 1 to MaxPage, zero means DefaultPage
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
	Mentions    int64       `json:"mentions"`         // unread messages that name one or answer one, at most MaxMentionCount
	Notify      Level       `json:"notify,omitempty"` // of one's own rooms
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

// Service applies every rule of Parley; nothing else does. Its methods are safe for concurrent use. The argument by is
// the user id of who asks, already authenticated.
type Service struct {
	log       Log
	rooms     Rooms
	markers   Markers
	notices   Notices
	erasures  Erasures
	digests   Digests
	forget    func(ctx context.Context, e Erasure) error
	users     Users
	seen      Seen
	deliverer Deliverer
	limiter   Limiter
	names     Names
	shared    bool
	outbox    Outbox
	away      Away
	reached   Reached
	now       func() time.Time
	logger    *slog.Logger
	files     Files
	sweep     chan struct{} // something is due; holds one
	searches  chan struct{} // one for each search under way

	seqMu      sync.Mutex // guards sequencers; held for a look-up only
	sequencers map[string]*sequencer
	draining   sync.WaitGroup // one for each goroutine that drains sequencers, and for each upload being taken in
	crew       crew
	doubts     doubts
	patience   atomic.Pointer[patience]

	presence  presence
	pages     pages
	admission admission
	began     time.Time // zero of the clock of admission
}

// New makes a Service.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Service{
		log: c.Log, rooms: c.Rooms, markers: c.Markers, notices: c.Notices, erasures: c.Erasures, digests: c.Digests, forget: c.Forget, users: c.Users, seen: c.Seen, deliverer: c.Deliverer, limiter: c.Limiter,
		names: c.Names, shared: c.Shared, outbox: c.Outbox, away: c.Away, reached: c.Reached,
		now: c.Now, logger: c.Logger, files: c.Files, sweep: make(chan struct{}, 1), searches: make(chan struct{}, searchesAtOnce),
		sequencers: make(map[string]*sequencer), crew: newCrew(), began: c.Now(),
		doubts:   doubts{news: make(map[string]struct{}), wake: make(chan struct{}, 1)},
		presence: presence{pending: make(map[string]pendingPresence), announced: make(map[string]bool)},
	}
}

// Run keeps presence, removes what is left of rooms and files that are gone, and finds what was stored though it failed, until ctx ends; then it waits for the steps that
// are under way and notes when the people still connected were last seen.
func (s *Service) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	s.crew.stay(maxIdle)
	tasks.Go(func() { s.runPurge(ctx) })
	tasks.Go(func() { s.runErase(ctx) })
	tasks.Go(func() { s.runSweep(ctx) })
	tasks.Go(func() { s.runDoubts(ctx) })
	s.runPresence(ctx)
	tasks.Wait()
	close(s.crew.over)
	s.draining.Wait()
	return s.forgetPresence()
}

// runPurge purges at the start, for what an earlier process left, and then from time to time.
func (s *Service) runPurge(ctx context.Context) {
	ticker := time.NewTicker(purgeEvery)
	defer ticker.Stop()
	for {
		if err := s.log.Purge(ctx); err != nil && ctx.Err() == nil {
			s.logger.Error("could not remove deleted rooms; trying again later", "error", err)
		}
		s.wakeSweep() // their files are due
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

const purgeEvery = 10 * time.Minute

// allow asks the limiter for one of rule.
func (s *Service) allow(ctx context.Context, rule Rule, key string) error {
	if wait := s.limiter.Allow(ctx, rule, key); wait > 0 {
		return &Error{Code: RateLimited, Message: "Too many requests. Please slow down.", RetryAfter: wait}
	}
	return nil
}

// member returns a room to a member who wants to see it, and refuses everybody else.
func (s *Service) member(ctx context.Context, roomID, userID string) (Room, error) {
	if err := checkID("roomId", roomID, maxID); err != nil {
		return Room{}, err
	}
	rooms, err := s.rooms.Rooms(ctx, roomID)
	if err != nil {
		return Room{}, err
	}
	if len(rooms) == 0 {
		return Room{}, noRoom()
	}
	_, err = s.rooms.Member(ctx, roomID, userID)
	if CodeOf(err) == NotFound {
		return Room{}, s.notAMember(&rooms[0])
	}
	return rooms[0], err
}

const maxID = 64 // bytes of an id that Parley makes

// AskedLimit is the limit of a list as somebody wrote it: to the methods of Service zero means the default, so who writes a
// zero must be told that it is none.
func AskedLimit(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// clampLimit turns the limit of a list as asked into one that is served.
func clampLimit(limit int) (int, error) {
	switch {
	case limit == 0:
		return DefaultPage, nil
	case limit < 1 || limit > MaxPage:
		return 0, invalid("limit", "limit must be 1 to %d.", MaxPage)
	}
	return limit, nil
}
