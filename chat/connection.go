package chat

import (
	"context"
	"time"
)

// Connection is one open socket of one person, or somebody who asks again and again in place of having one, as an edge
// notes it that keeps nothing in memory.
type Connection struct {
	ConnectionID string
	UserID       string
	Username     string
	SessionID    string // of the sign-in that opened it
	ConnectedAt  Millis
	LastSeen     Millis // when it was last heard of, give or take a few minutes
	Ending       bool   // it was to be closed, which did not succeed yet: it is told nothing, and counts as gone
	Polls        bool   // it has no socket: what it is told is kept until it asks (Signals)
}

// Alive tells whether a connection was heard of lately enough to count as there.
func (c *Connection) Alive(now Millis) bool {
	life := AliveFor
	if c.Polls {
		life = PollFor
	}
	return !c.Ending && now-c.LastSeen <= life.Milliseconds()
}

// Lives of what is noted of connections.
const (
	// AliveFor is how long a connection that is not heard of counts as there.
	AliveFor = 15 * time.Minute
	// PollFor is the same for one that polls.
	PollFor = 75 * time.Second
	// ConnectionFor is how long it is remembered at all.
	ConnectionFor = 24 * time.Hour
)

// Connections keeps who is connected, for edges of many processes. A person is connected while one of their connections
// is Alive.
type Connections interface {
	// Connect notes a new connection; first says that its person was not connected before. With limit others or more
	// alive it is RateLimited and nothing is noted.
	Connect(ctx context.Context, c Connection, limit int) (first bool, err error)
	// Connection returns one connection, or NotFound.
	Connection(ctx context.Context, connectionID string) (Connection, error)
	// Alive notes that a connection was heard of at a moment. One that is forgotten stays forgotten.
	Alive(ctx context.Context, c Connection, at Millis) error
	// Forget removes a connection; last says that its person was connected by it and is not any more. Of several who
	// forget the last one at once, one is told so. A connection that is forgotten already is no error; an empty id forgets
	// a person all of whose connections have expired.
	Forget(ctx context.Context, userID, connectionID string) (last bool, err error)
	// End takes everything from a connection that is to be closed but the memory that it is: Connection does not find it,
	// ConnectionsOf tells that it is Ending, until it is forgotten. last is as of Forget, which does not say it again.
	// One that is forgotten already is no error.
	End(ctx context.Context, userID, connectionID string) (last bool, err error)
	// ConnectionsOf returns all connections that are noted of people, those included that are not Alive.
	// Username and ConnectedAt are left out.
	ConnectionsOf(ctx context.Context, userIDs ...string) (map[string][]Connection, error)
	// Connected returns people of whom connections are noted, by user id, and a cursor for more.
	Connected(ctx context.Context, cursor string, limit int) ([]string, string, error)
}

// Signals keeps what is told to connections that poll, and is in no log.
type Signals interface {
	// PutSignal keeps a frame for a connection, until a moment.
	PutSignal(ctx context.Context, connectionID string, frame []byte, until Millis) error
	// TakeSignals returns the oldest frames kept for a connection, at most 100, and keeps them no longer.
	TakeSignals(ctx context.Context, connectionID string) ([][]byte, error)
}

// Told is how far the members of a room were told its log, by edges of many processes. Version grows with every change,
// and is zero before the first.
type Told struct {
	Seq     int64
	Version int64
	// Queued is when the room was last told by way of a queue, zero if never or not lately.
	Queued Millis
}

// Audiences keeps who hears which room, and how far it was told them. A person hears rooms until a moment after which
// nobody notes for them any more.
type Audiences interface {
	// Subscribed returns until when the rooms of a person are noted; zero if they are not.
	Subscribed(ctx context.Context, userID string) (until Millis, err error)
	// Subscribe begins to note for a person, until a moment: whoever tells of memberships sees it from here on.
	Subscribe(ctx context.Context, userID string, until Millis) error
	// Hear and Unhear note that a person hears rooms until a moment, and that they do not.
	Hear(ctx context.Context, userID string, until Millis, roomIDs ...string) error
	Unhear(ctx context.Context, userID string, roomIDs ...string) error
	// Audience returns how far a room was told, and those who hear it, at most limit (≤ 1000); more, if there are more,
	// by the last user id.
	Audience(ctx context.Context, roomID, after string, limit int) (told Told, userIDs []string, more bool, err error)
	// Told returns how far a room was told; zero if nothing is noted.
	Told(ctx context.Context, roomID string) (Told, error)
	// Tell replaces t, if its Version is still stored, by one with Version+1: ErrMoved otherwise.
	Tell(ctx context.Context, roomID string, t Told) error
	// Origins returns where messages came from, in their order; zero for those of which it is not known.
	Origins(ctx context.Context, roomID string, sent ...Sent) ([]Origin, error)
}

// Tallies keeps small numbers that processes share, for package limit. Each is zero until it is set, and again from its
// expiry on.
type Tallies interface {
	Tally(ctx context.Context, key string) (int64, error)
	// SetTally sets a number if it is still from: ErrMoved otherwise.
	SetTally(ctx context.Context, key string, from, to int64, expires Millis) error
}

// Job is something that another process is to do a moment later.
type Job struct {
	// Group orders: jobs of one group are done one after another, in the order in which they were enqueued.
	Group string
	// ID makes a repetition of the same job, within minutes, none.
	ID   string
	Body []byte
	// After is how long the job waits before it is done, at most 15 minutes. Queues that keep groups in order may do it
	// at once.
	After time.Duration
}

// Jobs takes jobs that are done at least once.
type Jobs interface {
	// Enqueue returns when all jobs are taken; with an error some may have been.
	Enqueue(ctx context.Context, jobs ...Job) error
}
