package chat

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Admission keeps the time that messages wait bounded by refusing new ones, with the time after which to come again,
// instead of letting all wait longer and longer. What is refused is not lost: its sender has it and repeats it.
//
//   - A room refuses messages when those that wait would take longer than maxWait at the pace of its last commits, or its
//     oldest one waits longer. So a room that gets more than it can take refuses by itself, and the others do not notice:
//     each has a queue of its own and one commit under way, and the store takes those in turn.
//   - The process refuses when so many rooms commit at once that the store would take longer than maxWait for one more, at
//     the pace it shows; or when for maxWait no commit was swift, but for one message from time to time, which finds out
//     whether the store is as slow for other rooms.
//   - What waits is bounded also in number for a room, and in bytes for the process.
//
// What is not stored, and read markers, give way at half of these times. Changes other than messages (joining, editing)
// have no bound of time, only of number: each is a request that somebody waits for, and there are few.
const (
	maxQueued = 2048        // steps that wait in one room
	maxBytes  = 64 << 20    // of all steps that wait; from half of it on, only rooms without any may add one
	stepBytes = 1 << 10     // of a step besides its texts
	maxWait   = time.Second // from taking a message to its acknowledgement, as foreseen
	swift     = maxWait / 2 // for a commit
	crowd     = 256         // commits at once, fewer than which say nothing about the pace of the store
)

const (
	roomBusy   = "This room is too busy. Please try again."
	serverBusy = "The server is too busy. Please try again."
)

// admission is how busy the process is. Times are on the Service's clock. There is no lock: the figures are approximate
// by what is going on at the moment.
type admission struct {
	bytes   atomic.Int64 // of steps queued and not done
	commits atomic.Int64 // under way
	pace    atomic.Int64 // nanoseconds that the store takes for one of a crowd of commits, smoothed
	good    atomic.Int64 // when a commit was swift, or nothing waited, for the last time
	tried   atomic.Int64 // when a message was let through to find out whether one is
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

// foreseen is how long one more commit would take.
func (a *admission) foreseen() time.Duration {
	n := a.commits.Load()
	if n < crowd {
		return 0
	}
	return time.Duration(n * a.pace.Load())
}

// add counts a step that is queued.
func (a *admission) add(now time.Duration, n int64) {
	if a.bytes.Add(n) == n { // nothing waited until now
		a.good.Store(int64(now))
	}
}

// answered notes what a commit took that began when n were under way.
func (a *admission) answered(n int64, began, now time.Duration) {
	a.commits.Add(-1)
	took := now - began
	if took < swift {
		a.good.Store(int64(now))
	}
	if n >= crowd {
		a.pace.Store((7*a.pace.Load() + int64(took)/n) / 8)
	}
}

// try says whether it is time to find out.
func (a *admission) try(now time.Duration) bool {
	last := a.tried.Load()
	return now-time.Duration(last) > maxWait && a.tried.CompareAndSwap(last, int64(now))
}

// admit says whether a step may wait in the room: nil, or a refusal. q.mu is held.
func (q *sequencer) admit(st *step) error {
	a := &q.s.admission
	bytes := a.bytes.Load()
	switch {
	case q.waiting >= maxQueued:
		return busy(roomBusy, q.wait(st.at))
	case bytes > maxBytes || bytes > maxBytes/2 && q.waiting > 0:
		return busy(serverBusy, a.lag(st.at))
	case st.msg == nil:
		return nil
	}
	if wait := q.wait(st.at); wait > maxWait {
		return busy(roomBusy, wait)
	}
	if wait := a.foreseen(); wait > maxWait {
		return busy(serverBusy, wait)
	}
	if wait := a.lag(st.at); wait > maxWait && !a.try(st.at) {
		return busy(serverBusy, wait)
	}
	return nil
}

// wait is how long the room's queue takes: its oldest step until now, or all of it from now on. q.mu is held.
func (q *sequencer) wait(now time.Duration) time.Duration {
	if q.waiting == 0 {
		return 0
	}
	runs := (q.waiting + MaxCommitMessages - 1) / MaxCommitMessages
	return max(now-q.oldest, time.Duration(runs)*max(q.took[0], q.took[1]))
}

// busy is the refusal of what would wait too long: the time it would have to wait is when to come again, and then some,
// so that not all come at once.
func busy(message string, wait time.Duration) error {
	wait = min(max(wait, maxWait), 5*time.Second)
	return &Error{Code: RateLimited, Message: message, RetryAfter: wait + rand.N(wait)}
}

// shed says whether signals and markers, of one room or with an empty roomID of all, have to give way to messages now.
func (s *Service) shed(roomID string) bool {
	now := s.elapsed()
	if max(s.admission.lag(now), s.admission.foreseen()) > maxWait/2 {
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
	return q.wait(now) > maxWait/2
}
