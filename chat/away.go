package chat

import (
	"context"
	"sync/atomic"
	"time"
)

// Call is what one person who is away is told of one room: all its new messages that concern them, together.
type Call struct {
	UserID string
	Kind   NoticeKind
	// Message is the newest of those that concern them most.
	Message Message
	Count   int // of all that concern them
	// HideContent says that they do not want it shown who wrote, and what.
	HideContent bool
}

// Calls are whom to tell of a part of a room's log, by the rules.
type Calls struct {
	Room  Room // its name and kind
	Calls []Call
	// UpTo is the number up to which messages were looked at; zero: none is there, or old enough.
	UpTo int64
	// Next is when there is more to look at; zero: nothing is known.
	Next Millis
}

// Away is told in which rooms messages stand that people who are away must be told of. It never waits.
type Away interface {
	// Wanted tells whether anybody could be told: until then nothing is put into the outbox.
	Wanted() bool
	// Stored says that a room came into the outbox.
	Stored(roomID string, at time.Time)
}

// readOutbox learns whether the room is in the outbox. From then on it is known: only this goroutine puts it there, and
// takes it out.
func (q *sequencer) readOutbox(ctx context.Context) error {
	if q.s.away == nil || !q.s.away.Wanted() {
		return nil
	}
	seq, err := q.s.outbox.OutboxOf(ctx, q.roomID)
	q.queued = seq != 0
	return err
}

// toOutbox tells whether the commit of a new message must put the room into the outbox. A room that goes on talking is in it
// already: that costs it one row a round, however many messages.
func (q *sequencer) toOutbox() bool { return q.s.away != nil && !q.queued && q.s.away.Wanted() }

// Outbox returns the rooms of whose messages absent people were not told yet, with the number of the first one.
func (s *Service) Outbox(ctx context.Context) (map[string]int64, error) { return s.outbox.Outbox(ctx) }

// Outstanding returns that number of one room, or zero.
func (s *Service) Outstanding(ctx context.Context, roomID string) (int64, error) {
	return s.outbox.OutboxOf(ctx, roomID)
}

// Settle says that absent people were told of a room up to a number: it goes out of the outbox, unless it has newer messages.
// Then it stays, from the next one on.
func (s *Service) Settle(ctx context.Context, roomID string, upTo int64) (stays bool, err error) {
	var left, settled atomic.Bool
	err = s.do(ctx, "", roomID, func(ctx context.Context, v *view) (Commit, error) {
		next := upTo + 1
		if v.LastSeq <= upTo {
			next = 0
		}
		if settled.Load() && left.Load() == (next > 0) { // planned again, on the same head
			v.q.queued = next > 0
			return v.begin(), nil
		}
		if err := s.outbox.SetOutbox(ctx, roomID, next); err != nil {
			return v.begin(), err
		}
		v.q.queued = next > 0
		left.Store(next > 0)
		settled.Store(true)
		return v.begin(), nil
	})
	return left.Load(), err
}
