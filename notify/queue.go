package notify

import (
	"sync"
	"sync/atomic"
	"time"
)

// Queue says which rooms the Notifier has to see to, and when. The core fills it; what it forgets when the process ends
// stands in the outbox.
type Queue struct {
	// wanted is true once anybody has subscribed: until then nothing has to be noted of any message.
	wanted atomic.Bool

	mu    sync.Mutex // guards what follows, but for the progress of rooms that are taken: that is whose who took them
	rooms map[string]*room
}

type room struct {
	due   time.Time
	woken bool // due was set since the room was taken
	taken bool
	progress
}

// progress is how far a room of the outbox is.
type progress struct {
	next  int64 // from where on nothing was looked at; zero: where the outbox says
	again []span
}

// span is a part of a room's log of which somebody could not be told yet.
type span struct {
	from, to int64
	due      time.Time
}

// NewQueue makes a Queue.
func NewQueue() *Queue { return &Queue{rooms: map[string]*room{}} }

// Wanted implements chat.Away.
func (q *Queue) Wanted() bool { return q.wanted.Load() }

// Stored implements chat.Away.
func (q *Queue) Stored(roomID string, at time.Time) { q.add(roomID, at.Add(Grace)) }

func (q *Queue) add(roomID string, due time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.rooms[roomID]
	if r == nil {
		r = &room{due: due}
		q.rooms[roomID] = r
	}
	if r.taken && !r.woken || due.Before(r.due) {
		r.due = due
	}
	r.woken = true
}

// take returns up to limit rooms that are due, for the caller alone until they are put back or dropped.
func (q *Queue) take(now time.Time, limit int) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var ids []string
	for id, r := range q.rooms {
		if len(ids) < limit && !r.taken && !r.due.After(now) {
			r.taken, r.woken = true, false
			ids = append(ids, id)
		}
	}
	return ids
}

// of returns the progress of a room that the caller took.
func (q *Queue) of(roomID string) *progress {
	q.mu.Lock()
	defer q.mu.Unlock()
	return &q.rooms[roomID].progress
}

// putBack ends the taking of a room that is due again.
func (q *Queue) putBack(roomID string, due time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.rooms[roomID]
	if !r.woken || due.Before(r.due) {
		r.due = due
	}
	r.taken = false
}

// drop ends the taking of a room that was taken out of the outbox. If it came in again meanwhile, it stays.
func (q *Queue) drop(roomID string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.rooms[roomID]
	r.taken, r.progress = false, progress{}
	if !r.woken {
		delete(q.rooms, roomID)
	}
}
