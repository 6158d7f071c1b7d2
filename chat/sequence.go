package chat

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// The log of a room is a state machine: every durable change takes the next number, on the condition that nobody else
// took it. Within one process a sequencer gives the changes of one room their order, so that the condition fails only
// when another process wrote to the same room (on AWS); then the step is planned again on the new head. What a plan has
// read (memberships, messages) is still true when it is committed, since any change of it would have moved the head.

const (
	maxSequencers = 8192                  // rooms whose heads are kept in memory
	maxAttempts   = 30                    // plans of one step before it is refused as busy
	firstPause    = 10 * time.Millisecond // the longest pause before a plan made again; it doubles each time, up to maxPause
	maxPause      = time.Second
	commitTimeout = 15 * time.Second // for one commit at least, however many steps it holds; a second more at most
)

// step is one change on its way into a log.
type step struct {
	by     string
	origin Origin
	at     time.Duration // when it was queued, on the Service's clock

	msg  *Message   // a new message without its number,
	said *mentioned // what it mentions, nil for nothing; or
	plan func(ctx context.Context, v *view) (Commit, error)

	files []string // that msg takes along

	// done is called once; repeat tells that the message was there before.
	done func(m Message, repeat bool, err error)

	// What done will be called with, after the step is counted off: set by run.
	stored *Message
	repeat bool
	err    error
}

func (st *step) refuse(err error) { st.err = err }

// answer tells who asked.
func (st *step) answer() {
	if st.stored == nil {
		st.done(Message{}, false, st.err)
		return
	}
	st.done(*st.stored, st.repeat, nil)
}

// sequencer orders the changes of one room.
//
// mu guards what stands under it. Everything else belongs to the goroutine that drains the queue; there is one while
// busy, none otherwise.
type sequencer struct {
	s      *Service
	roomID string

	mu      sync.Mutex
	queue   []*step
	waiting int              // steps in the queue or being run
	oldest  time.Duration    // when the first of them was queued
	took    [2]time.Duration // by the last runs
	busy    bool
	dead    bool // no longer in the service's map

	untold *untold // of the last commit; told once who asked has their answers

	told   int64 // the number up to which the Deliverer was told, by whomever
	unsure bool  // whether a commit was stored after it is not known

	queued  bool // the room is in the outbox
	known   bool // room and members are those of the stored head
	room    Room // HeadSeq zero: there is no such room
	members map[string]*author
}

// author is a member as far as writing needs to know; nil means not a member.
type author struct {
	Membership
	username string
}

// enqueue hands a step to its room's sequencer, or refuses it. Steps enqueued one after another keep their order.
func (s *Service) enqueue(roomID string, st *step) {
	st.at = s.elapsed()
	for {
		q := s.sequencer(roomID)
		q.mu.Lock()
		if q.dead {
			q.mu.Unlock()
			continue
		}
		if err := q.admit(st); err != nil {
			q.mu.Unlock()
			st.done(Message{}, false, err)
			return
		}
		q.queue = append(q.queue, st)
		if q.waiting++; q.waiting == 1 {
			q.oldest = st.at
		}
		s.admission.add(st.at, st.size())
		start := !q.busy
		q.busy = true
		q.mu.Unlock()
		if start {
			s.drain(q)
		}
		return
	}
}

func (s *Service) sequencer(roomID string) *sequencer {
	s.seqMu.Lock()
	defer s.seqMu.Unlock()
	q := s.sequencers[roomID]
	if q == nil {
		q = &sequencer{s: s, roomID: roomID}
		s.sequencers[roomID] = q
	}
	return q
}

// do runs a planned step and waits for it.
func (s *Service) do(ctx context.Context, by, roomID string, plan func(ctx context.Context, v *view) (Commit, error)) error {
	result := make(chan error, 1)
	var drop []Upload // of the plan that was committed; read when the result is there
	last := func(ctx context.Context, v *view) (Commit, error) {
		c, err := plan(ctx, v)
		drop = c.Drop
		return c, err
	}
	s.enqueue(roomID, &step{by: by, plan: last, done: func(_ Message, _ bool, err error) { result <- err }})
	select {
	case err := <-result:
		if err == nil {
			s.empty(ctx, drop)
		}
		return err
	case <-ctx.Done():
		return &Error{Code: Unavailable, Message: "The server is busy. Please try again.", Cause: ctx.Err()}
	}
}

// drain commits what is queued until nothing is.
func (q *sequencer) drain() {
	for {
		q.mu.Lock()
		steps := q.queue
		q.queue = nil
		if len(steps) == 0 {
			q.busy = false
			q.retire()
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		for len(steps) > 0 {
			n := 1
			if steps[0].msg != nil {
				n = messageRun(steps)
			}
			began := q.s.elapsed()
			q.run(steps[:n])
			q.settle(steps[:n], steps[n:], q.s.elapsed()-began)
			if q.untold != nil && q.s.shared { // such a process may stand still as soon as it has answered
				q.tell()
			}
			for _, st := range steps[:n] {
				st.answer()
			}
			if q.untold != nil {
				q.tell()
			}
			steps = steps[n:]
		}
	}
}

// settle counts off steps that took a while; rest were taken from the queue with them.
func (q *sequencer) settle(done, rest []*step, took time.Duration) {
	var size int64
	for _, st := range done {
		size += st.size()
	}
	q.s.admission.bytes.Add(-size)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting -= len(done)
	q.took = [2]time.Duration{took, q.took[0]}
	if len(rest) == 0 {
		rest = q.queue
	}
	if len(rest) > 0 {
		q.oldest = rest[0].at
	}
}

// retire forgets the room when many are kept in memory, or others write to it, unless somebody has still to be told of it.
// The caller holds mu.
func (q *sequencer) retire() {
	if q.unsure {
		return
	}
	q.s.seqMu.Lock()
	defer q.s.seqMu.Unlock()
	if q.s.shared || len(q.s.sequencers) > maxSequencers || !q.known || q.room.HeadSeq == 0 {
		q.dead = true
		delete(q.s.sequencers, q.roomID)
	}
}

// rows is at most how many rows the store writes for a new message.
func (st *step) rows() int {
	n := 3 + 2*len(st.files)
	if st.said != nil {
		n += st.said.rows()
	}
	if st.msg.ReplyTo != "" {
		n++
	}
	return n
}

// messageRun is how many steps from the first on can share a commit: new messages with different keys.
func messageRun(steps []*step) int {
	n, files, rows := 1, len(steps[0].files), steps[0].rows()
	for n < len(steps) && n < MaxCommitMessages && steps[n].msg != nil {
		files += len(steps[n].files)
		if rows += steps[n].rows(); files > MaxCommitAttachments || rows > MaxCommitRows {
			return n
		}
		for _, st := range steps[:n] {
			if st.msg.UserID == steps[n].msg.UserID && st.msg.ClientMessageID == steps[n].msg.ClientMessageID {
				return n
			}
		}
		n++
	}
	return n
}

// run brings steps to their end, and sets their answers: one planned step, or some new messages in one commit.
func (q *sequencer) run(steps []*step) {
	ctx := q.s.commitContext()
	for attempt := range maxAttempts {
		if attempt > 1 { // others are writing to this room: let them finish, the longer the more there seem to be
			time.Sleep(rand.N(min(firstPause<<min(attempt-2, 10), maxPause)))
		}
		read := !q.known || q.room.HeadSeq == 0
		if err := q.load(ctx); err != nil {
			q.refuseAll(steps, err)
			return
		}
		var c Commit
		var err error
		if steps[0].plan != nil {
			c, err = steps[0].plan(ctx, &view{q: q, Room: q.room})
			if err != nil || c.Room.HeadSeq == q.room.HeadSeq { // refused, or nothing to change
				if !read { // no commit will tell whether what was known is still so
					q.known = false
					continue
				}
				steps[0].refuse(err)
				return
			}
		} else if c, steps = q.planMessages(ctx, steps); len(steps) == 0 {
			return
		}
		since := q.s.now()
		began, together := q.s.elapsed(), q.s.admission.commits.Add(1)
		err = q.s.log.Commit(ctx, c)
		q.s.admission.answered(together, began, q.s.elapsed())
		duplicate, isDuplicate := errors.AsType[*DuplicateError](err)
		_, isClaim := errors.AsType[*ClaimError](err)
		switch {
		case err == nil:
			q.committed(ctx, &c, steps, since)
			return
		case isDuplicate:
			if steps = q.repeated(ctx, duplicate, steps); len(steps) == 0 {
				return
			}
		case errors.Is(err, ErrMoved):
			q.known = false
		case isClaim: // the next plan finds out why
		default: // it may or may not have been stored
			q.known = false
			if !q.s.shared {
				q.unsure = true
				q.s.doubts.add(q.roomID)
			}
			q.refuseAll(steps, err)
			return
		}
	}
	q.refuseAll(steps, &Error{Code: Unavailable, Message: "This room is too busy. Please try again.", RetryAfter: time.Second})
}

func (q *sequencer) refuseAll(steps []*step, err error) {
	for _, st := range steps {
		st.refuse(err)
	}
}

// load reads the room unless it is known. Members stay known while the head is the same: any change of them moves it.
func (q *sequencer) load(ctx context.Context) error {
	if q.known && q.room.HeadSeq != 0 {
		return nil
	}
	rooms, err := q.s.rooms.Rooms(ctx, q.roomID)
	if err != nil {
		return err
	}
	if err := q.readOutbox(ctx); err != nil {
		return err
	}
	room := Room{RoomID: q.roomID}
	if len(rooms) == 1 {
		room = rooms[0]
	}
	if q.members == nil || room.HeadSeq != q.room.HeadSeq {
		q.members = make(map[string]*author)
	}
	if !q.unsure {
		q.told = room.HeadSeq
	} else if room.HeadSeq != q.told { // it was stored; or cannot be any more, on a head that is another now
		if err := q.tellMissed(ctx, room.HeadSeq); err != nil {
			return err
		}
		q.unsure = false
	}
	q.room, q.known = room, true
	return nil
}

// tellMissed tells what was stored up to head though its commit had failed, which until now nobody was: who sends it again
// is answered that it is there already.
func (q *sequencer) tellMissed(ctx context.Context, head int64) error {
	for q.told != head { // that of a room that is gone is never reached
		events, err := LogEvents(ctx, q.s.log, q.roomID, q.told+1, q.told+syncPage)
		if err != nil || len(events) == 0 {
			return err
		}
		now := q.s.now()
		if q.queued {
			q.s.away.Stored(q.roomID, now)
		}
		q.s.deliverer.Deliver(ctx, Delivery{RoomID: q.roomID, Events: events, Since: now})
		q.told = events[len(events)-1].Seq
	}
	return nil
}

// member returns somebody as a member of the room, nil if they are none. What is asked twice at one head is read once.
func (q *sequencer) member(ctx context.Context, userID string) (*author, error) {
	if q.room.HeadSeq == 0 { // memberships of a room that is gone may still be there
		return nil, nil //nolint:nilnil // nobody is an answer
	}
	if m, ok := q.members[userID]; ok {
		return m, nil
	}
	m, err := q.s.rooms.Member(ctx, q.roomID, userID)
	if CodeOf(err) == NotFound {
		return nil, nil //nolint:nilnil // nobody is an answer
	}
	if err != nil {
		return nil, err
	}
	users, err := q.s.users.Users(ctx, userID)
	if err != nil || len(users) == 0 {
		return nil, err
	}
	a := &author{Membership: m, username: users[0].Username}
	q.members[userID] = a
	return a, nil
}

// planMessages makes the commit of new messages and returns the steps in it; the others have their answers.
func (q *sequencer) planMessages(ctx context.Context, steps []*step) (Commit, []*step) {
	c := Commit{After: q.room.HeadSeq, Room: q.room, New: make([]Message, 0, len(steps))}
	kept := make([]*step, 0, len(steps))
	at := q.s.now().UnixMilli()
	for _, st := range steps {
		m, notices, err := q.planMessage(ctx, st, &c, at)
		if err != nil {
			q.refuseMessage(ctx, st, err)
			continue
		}
		c.addNotices(notices)
		c.Room.HeadSeq, c.Room.MessageCount, c.Room.LastSeq = m.Seq, m.Ordinal, m.Seq
		c.New = append(c.New, m)
		if q.s.shared {
			c.Origins = append(c.Origins, st.origin)
		}
		kept = append(kept, st)
	}
	c.Outbox = len(c.New) > 0 && q.toOutbox()
	return c, kept
}

// planMessage is the next message of a commit, and the notices that it leaves; what it takes along is in the commit if
// there is no error.
func (q *sequencer) planMessage(ctx context.Context, st *step, c *Commit, at Millis) (m Message, notices []Notice, err error) {
	from, answered, err := q.author(ctx, st)
	if err != nil {
		return m, nil, err
	}
	m = *st.msg
	m.Seq, m.Ordinal, m.CreatedAt, m.Username = c.Room.HeadSeq+1, c.Room.MessageCount+1, at, from.username
	m.MessageID = NewMessageID(at, m.Seq)
	if st.said != nil || answered != nil {
		if notices, err = q.address(ctx, &m, from, answered, st.said); err != nil {
			return m, nil, err
		}
	}
	if len(st.files) > 0 {
		err = q.attach(ctx, st, c)
		m.Attachments = st.msg.Attachments
	}
	return m, notices, err
}

// refuseMessage refuses a new message, unless it was sent before: then its first result counts, whatever has changed since.
func (q *sequencer) refuseMessage(ctx context.Context, st *step, reason error) {
	if q.room.HeadSeq == 0 {
		st.refuse(reason)
		return
	}
	m, err := q.s.log.Duplicate(ctx, q.roomID, Sent{UserID: st.msg.UserID, ClientMessageID: st.msg.ClientMessageID})
	switch CodeOf(err) {
	case "":
		st.stored, st.repeat = &m, true
	case NotFound:
		st.refuse(reason)
	default:
		st.refuse(err)
	}
}

// author checks that the sender of a new message may send it, and returns them and the message that it answers, if any.
func (q *sequencer) author(ctx context.Context, st *step) (from *author, answered *Message, err error) {
	if from, err = q.member(ctx, st.by); err != nil {
		return nil, nil, err
	}
	if from == nil {
		return nil, nil, q.s.notAMember(&q.room)
	}
	if st.msg.ReplyTo == "" {
		return from, nil, nil
	}
	to, err := (&view{q: q, Room: q.room}).message(ctx, st.msg.ReplyTo)
	if err != nil {
		return nil, nil, invalid("replyTo", "The message to reply to is not in this room.")
	}
	if to.DeletedAt != 0 {
		return nil, nil, invalid("replyTo", "The message to reply to was deleted.")
	}
	return from, &to, nil
}

// committed makes a commit known to the members that are connected, in log order. Those who asked are told next.
func (q *sequencer) committed(ctx context.Context, c *Commit, steps []*step, since time.Time) {
	q.room = c.Room
	if c.Gone {
		q.room = Room{RoomID: q.roomID}
	}
	q.told, q.unsure = q.room.HeadSeq, false
	for i := range c.Join {
		delete(q.members, c.Join[i].UserID)
	}
	for i := range c.Leave {
		delete(q.members, c.Leave[i].UserID)
	}
	if len(c.Drop) > 0 {
		q.s.wakeSweep()
	}
	if c.Outbox {
		q.queued = true
		q.s.away.Stored(q.roomID, time.UnixMilli(c.New[0].CreatedAt))
	}
	q.s.deliverer.Deliver(ctx, Delivery{RoomID: q.roomID, Events: commitEvents(c, steps), Since: since})
	for i := range c.New {
		steps[i].stored = &c.New[i]
	}
	if len(c.New) > 0 && (len(c.Notices) > 0 || c.Room.Kind == Direct) {
		q.untold = &untold{messages: c.New, notices: c.Notices}
	}
}

// commitEvents are the events of a commit, in log order. A commit has new messages or changes, not both; changed
// messages stand in the order of their changes.
func commitEvents(c *Commit, steps []*step) []Event {
	events := make([]Event, 0, len(c.New)+len(c.Changes))
	for i := range c.New {
		events = append(events, Event{Seq: c.New[i].Seq, NewMessage: &c.New[i], Origin: steps[i].origin})
	}
	changed := c.Changed
	for i := range c.Changes {
		var msg *Message
		if c.Changes[i].Kind == MessageChanged {
			msg, changed = &changed[0], changed[1:]
		}
		events = append(events, c.Changes[i].event(msg))
	}
	return events
}

// repeated answers the steps whose message was there before with that message, and returns the others.
func (q *sequencer) repeated(ctx context.Context, d *DuplicateError, steps []*step) []*step {
	var rest []*step
	for _, st := range steps {
		again := false
		for _, k := range d.Sent {
			again = again || k.UserID == st.msg.UserID && k.ClientMessageID == st.msg.ClientMessageID
		}
		if !again {
			rest = append(rest, st)
			continue
		}
		m, err := q.s.log.Duplicate(ctx, q.roomID, Sent{UserID: st.msg.UserID, ClientMessageID: st.msg.ClientMessageID})
		if st.err = err; err == nil {
			st.stored, st.repeat = &m, true
		}
	}
	if len(rest) == len(steps) { // the store's answer does not concern us: never loop on it
		q.refuseAll(steps, Errorf(Internal, "The message could not be stored."))
		return nil
	}
	return rest
}

// view is a room at its head, as a plan sees it.
type view struct {
	q *sequencer
	Room
}

// mustExist refuses when there is no such room.
func (v *view) mustExist() error {
	if v.HeadSeq == 0 {
		return noRoom()
	}
	return nil
}

// actor returns the membership of who asks, with at least the given role.
func (v *view) actor(ctx context.Context, userID string, least Role) (*author, error) {
	a, err := v.q.member(ctx, userID)
	if err != nil {
		return nil, err
	}
	if a == nil {
		return nil, v.q.s.notAMember(&v.Room)
	}
	if a.Role.rank() < least.rank() {
		return nil, Errorf(Forbidden, "This needs the role of a room's %s.", least)
	}
	return a, nil
}

// message returns a message of the room by its id.
func (v *view) message(ctx context.Context, messageID string) (Message, error) {
	return v.q.s.messageByID(ctx, v.RoomID, messageID)
}

// begin starts the commit of a plan.
func (v *view) begin() Commit { return Commit{After: v.HeadSeq, Room: v.Room} }

// add appends a change to the commit under the next number. The room in it is the room as the commit leaves it so far.
func (c *Commit) add(kind ChangeKind, by string, at Millis, m *Membership) {
	c.Room.HeadSeq++
	r := c.Room
	c.Changes = append(c.Changes, Change{RoomID: c.Room.RoomID, Seq: c.Room.HeadSeq, Kind: kind, By: by, At: at, Room: &r, Member: m})
}

func noRoom() error { return Errorf(NotFound, "There is no such room.") }

// notAMember tells somebody that they cannot act in a room. Ids of rooms cannot be guessed, but that of a direct room
// follows from its people: whether they talk is nobody's business.
func (s *Service) notAMember(r *Room) error {
	if r.HeadSeq == 0 || r.Kind == Direct {
		return noRoom()
	}
	return Errorf(Forbidden, "You are not a member of this room.")
}
