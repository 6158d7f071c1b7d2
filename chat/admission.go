package chat

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Admission keeps the time that messages wait bounded by refusing new ones, with the time after which to come again,
// instead of letting all wait longer and longer. What is refused is not lost: its sender has it and repeats it.
//
//   - A room refuses messages while its oldest one waits for more than maxWait. So a room that gets more than it can take
//     refuses by itself, and the others do not notice: each has a queue of its own, and one commit under way.
//   - The process refuses when for maxWait no commit, of any room, was swift: then the store is what all wait for.
//     Rooms in which something waits are refused at once, those in which nothing does a moment later.
//   - What waits is bounded also in number for a room, and in bytes for the process.
//
// What is not stored, and read markers, give way at half of these times. Changes other than messages (joining, editing)
// have no bound of time, only of number: each is a request that somebody waits for, and there are few.
const (
	maxQueued  = 2048                   // steps that wait in one room
	maxBytes   = 64 << 20               // of all steps that wait; from half of it on, only rooms without any may add one
	stepBytes  = 1 << 10                // of a step besides its texts
	maxWait    = 500 * time.Millisecond // of the oldest message of a room
	swift      = maxWait / 2            // for a commit
	shedAfter  = maxWait / 2            // when signals and markers give way
	busyForAll = 2 * maxWait            // without a swift commit, until rooms without anything waiting are refused too
)

// admission is how busy the process is. Times are on the Service's clock. There is no lock: the figures are approximate
// by what is going on at the moment.
type admission struct {
	bytes atomic.Int64 // of steps queued and not done
	good  atomic.Int64 // when a commit was swift, or nothing waited, for the last time
}

// size is about how much memory a step takes while it waits.
func (st *step) size() int64 {
	n := stepBytes + len(st.origin.RequestID)
	if st.msg != nil {
		n += len(st.msg.Content) + len(st.msg.ClientMessageID)
	}
	return int64(n)
}

// elapsed is the Service's clock: with time.Now it does not jump.
func (s *Service) elapsed() time.Duration { return s.now().Sub(s.began) }

// lag is for how long nothing was stored swiftly though something waited.
func (a *admission) lag(now time.Duration) time.Duration {
	if a.bytes.Load() == 0 {
		return 0
	}
	return now - time.Duration(a.good.Load())
}

// add counts a step that is queued.
func (a *admission) add(now time.Duration, n int64) {
	if a.bytes.Add(n) == n { // nothing waited until now
		a.good.Store(int64(now))
	}
}

// answered notes that the store has answered a commit.
func (a *admission) answered(began, now time.Duration) {
	if now-began < swift {
		a.good.Store(int64(now))
	}
}

// admit says whether a step may wait in the room; q.mu is held. nil, or a refusal.
func (q *sequencer) admit(st *step) error {
	const room, server = "This room is too busy. Please try again.", "The server is too busy. Please try again."
	a := &q.s.admission
	bytes, lag, wait := a.bytes.Load(), a.lag(st.at), q.wait(st.at)
	switch {
	case q.waiting >= maxQueued:
		return busy(room, wait)
	case bytes > maxBytes || bytes > maxBytes/2 && q.waiting > 0:
		return busy(server, lag)
	case st.msg == nil:
		return nil
	case wait > maxWait:
		return busy(room, wait)
	case lag > busyForAll || lag > maxWait && q.waiting > 0:
		return busy(server, lag)
	}
	return nil
}

// wait is for how long the oldest step of the room waits; q.mu is held.
func (q *sequencer) wait(now time.Duration) time.Duration {
	if q.waiting == 0 {
		return 0
	}
	return now - q.oldest
}

// busy is the refusal of what would wait too long. What waited so far tells how long the others take; not all come again
// at the same moment.
func busy(message string, wait time.Duration) error {
	wait = min(max(wait, maxWait), 5*time.Second)
	return &Error{Code: RateLimited, Message: message, RetryAfter: wait + rand.N(wait)}
}

// shed says whether signals and markers, of one room or with an empty roomID of all, have to give way to messages now.
func (s *Service) shed(roomID string) bool {
	now := s.elapsed()
	if s.admission.lag(now) > shedAfter {
		return true
	}
	s.seqMu.Lock()
	q := s.sequencers[roomID]
	s.seqMu.Unlock()
	if q == nil {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.wait(now) > shedAfter
}
