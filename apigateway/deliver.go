// Package apigateway is the edge behind Amazon API Gateway: it turns the events of a WebSocket API into commands of the
// core (Socket), those of an HTTP API into HTTP requests (HTTP), and tells connected people what happens by posting to
// their connections (Deliverer). It keeps nothing in memory that a second process could not know: who is connected, who
// hears a room and how far it was told stand in the store.
//
// Several functions may write to one room at once, and any may die at any point. How members are still told the log in
// its order is said at Deliverer.tell and in docs/decisions/0008-aws-edge.md.
package apigateway

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"parley/chat"
	"parley/protocol"
)

// Store is what the edge keeps and reads; package store implements it.
type Store interface {
	chat.Connections
	chat.Signals
	chat.Audiences
	chat.Log
	RoomsOf(ctx context.Context, userID string) ([]chat.Membership, error)
}

// Config is what a Deliverer is made of. Store, Client and Offline are required.
type Config struct {
	Store  Store
	Client Management
	// Jobs takes the pushing to rooms that more than Direct connections hear, for Deliverer.Work; nil: all is pushed at once.
	Jobs chat.Jobs
	// Offline is told when the last connection of a person was found to be gone.
	Offline func(ctx context.Context, userID string)

	Direct   int           // connections pushed to by the function that wrote; default 100
	PushFor  time.Duration // what a function may push for after it began to write; default 2 s
	TakeOver time.Duration // after which another tells in its place, well over PushFor; default 3 s

	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default
}

// Deliverer implements chat.Deliverer over @connections. It is safe for concurrent use.
type Deliverer struct {
	store    Store
	client   Management
	jobs     chat.Jobs
	offline  func(ctx context.Context, userID string)
	direct   int
	perJob   int // connections in one job
	pushFor  time.Duration
	takeOver time.Duration
	now      func() time.Time
	logger   *slog.Logger
}

var _ chat.Deliverer = (*Deliverer)(nil)

// NewDeliverer makes a Deliverer.
func NewDeliverer(c Config) *Deliverer {
	d := &Deliverer{store: c.Store, client: c.Client, jobs: c.Jobs, offline: c.Offline, direct: c.Direct,
		perJob: jobTargets, pushFor: c.PushFor, takeOver: c.TakeOver, now: c.Now, logger: c.Logger}
	if d.direct == 0 {
		d.direct = 100
	}
	if d.pushFor == 0 {
		d.pushFor = 2 * time.Second
	}
	if d.takeOver == 0 {
		d.takeOver = 3 * time.Second
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.logger == nil {
		d.logger = slog.Default()
	}
	return d
}

// Deliver implements chat.Deliverer. What it could not tell is told by whoever writes to the room next, or by Repair.
func (d *Deliverer) Deliver(ctx context.Context, delivery chat.Delivery) {
	if len(delivery.Events) == 0 {
		return
	}
	if err := d.tell(ctx, delivery.RoomID, delivery.Events, delivery.Since); err != nil {
		d.logger.WarnContext(ctx, "a room was not told; it will be a moment later", "roomId", delivery.RoomID, "seq", delivery.Events[0].Seq, "error", err)
	}
}

// Repair tells what a room was not told up to a number, unless somebody is about to. It returns when all is told.
func (d *Deliverer) Repair(ctx context.Context, roomID string, first, last int64) error {
	told, err := d.store.Told(ctx, roomID)
	if err != nil {
		return err
	}
	return d.await(ctx, roomID, first, last, told, time.Time{})
}

// tell tells a room the events of one step, which began to be written at since.
//
// How far a room was told (Told.Seq) moves by conditional writes only, and says whose turn it is: who wrote the number
// after it. Whoever wrote later waits; when their turn comes they tell all that is there by then, so a crowd is told in
// batches. The right to tell ends PushFor after the writing began, with nothing written down. If Told has not moved for
// TakeOver, which is longer, whoever wrote the number after it is past that end (a waiter has written later than they),
// so one of those who wait claims by a write, and tells in their place.
func (d *Deliverer) tell(ctx context.Context, roomID string, events []chat.Event, since time.Time) error {
	first, last := events[0].Seq, events[len(events)-1].Seq
	told, people, more, err := d.store.Audience(ctx, roomID, "", d.direct)
	if err != nil {
		return err
	}
	until := since.Add(d.pushFor)
	if turn(told, first) && d.now().Before(until) {
		err := d.announce(ctx, roomID, told, events, &audience{people: people, more: more}, until)
		if !errors.Is(err, chat.ErrMoved) {
			return err
		}
		if told, err = d.store.Told(ctx, roomID); err != nil {
			return err
		}
	}
	return d.await(ctx, roomID, first, last, told, until)
}

// turn tells whether who wrote first is next.
func turn(told chat.Told, first int64) bool {
	return told.Seq == first-1 && (told.Version > 0 || first == 1)
}

// await waits for the turn of who wrote first to last, until when they have the right to it, or to take the turn of
// somebody who does not do it.
func (d *Deliverer) await(ctx context.Context, roomID string, first, last int64, told chat.Told, until time.Time) error {
	seen := d.now() // when told.Version was first seen
	for pause := 10 * time.Millisecond; told.Seq < last; pause = min(2*pause, 80*time.Millisecond) {
		switch {
		case turn(told, first) && d.now().Before(until):
			if err := d.catchUp(ctx, roomID, told, until); err != nil && !errors.Is(err, chat.ErrMoved) {
				return err
			}
		case d.now().Sub(seen) >= d.takeOver:
			if err := d.claim(ctx, roomID, first, last, told); err != nil && !errors.Is(err, chat.ErrMoved) {
				return err
			}
		default:
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause):
			}
		}
		now, err := d.store.Told(ctx, roomID)
		if err != nil {
			return err
		}
		if now.Version != told.Version {
			seen, pause = d.now(), 5*time.Millisecond
		}
		told = now
	}
	return nil
}

// claim takes the turn of somebody who does not do it, and tells in their place.
func (d *Deliverer) claim(ctx context.Context, roomID string, first, last int64, told chat.Told) error {
	if told.Version == 0 { // nobody ever told this room here: what came before is not for us to tell
		told.Seq = first - 1
	}
	if last-told.Seq > maxBehind { // the gap shows, and clients sync
		told.Seq = last - maxPending
	}
	until := d.now().Add(d.pushFor)
	if err := d.store.Tell(ctx, roomID, told); err != nil {
		return err
	}
	told.Version++
	d.logger.WarnContext(ctx, "telling a room in the place of another", "roomId", roomID, "after", told.Seq)
	return d.catchUp(ctx, roomID, told, until)
}

// catchUp tells what the log has after told.Seq, or the beginning of it.
func (d *Deliverer) catchUp(ctx context.Context, roomID string, told chat.Told, until time.Time) error {
	events, err := d.pending(ctx, roomID, told.Seq)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return chat.Errorf(chat.NotFound, "the log of the room has ended")
	}
	_, people, more, err := d.store.Audience(ctx, roomID, "", d.direct)
	if err != nil {
		return err
	}
	return d.announce(ctx, roomID, told, events, &audience{people: people, more: more}, until)
}

// Bounds of what is told in the place of others.
const (
	maxPending = 100 // numbers at once
	maxBehind  = 500 // numbers that a room may be behind
)

// pending reads the events after a number, and where they came from.
func (d *Deliverer) pending(ctx context.Context, roomID string, after int64) ([]chat.Event, error) {
	events, err := chat.LogEvents(ctx, d.store, roomID, after+1, after+maxPending)
	if err != nil {
		return nil, err
	}
	var sent []chat.Sent
	for i := range events {
		if m := events[i].NewMessage; m != nil {
			sent = append(sent, chat.Sent{UserID: m.UserID, ClientMessageID: m.ClientMessageID})
		}
	}
	origins, err := d.store.Origins(ctx, roomID, sent...)
	if err != nil {
		return nil, err
	}
	for i, n := 0, 0; i < len(events); i++ {
		if events[i].NewMessage != nil {
			events[i].Origin = origins[n]
			n++
		}
	}
	return events, nil
}

// audience is who hears a room, at a point of its log.
type audience struct {
	people []string
	more   bool // people are only the first of them
}

// announce tells events that follow told.Seq, and notes that they were told. It does not go on after until.
func (d *Deliverer) announce(ctx context.Context, roomID string, told chat.Told, events []chat.Event, a *audience, until time.Time) error {
	pushing, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if err := a.readAll(pushing, d.store, roomID); err != nil {
		return err
	}
	now := d.now()
	queued := d.jobs != nil && now.UnixMilli()-told.Queued < stayQueued.Milliseconds()
	var out outcome
	from := 0
	flush := func(to int) error {
		if from == to {
			return nil
		}
		part := events[from:to]
		from = to
		o, byQueue, err := d.fanOut(pushing, roomID, told.Version, part, a, queued)
		queued = queued || byQueue
		out.gone, out.deaf = append(out.gone, o.gone...), append(out.deaf, o.deaf...)
		return err
	}
	a.without(joining(events))
	for i := range events {
		e := events[i].Room
		if e == nil || e.Membership == nil {
			continue
		}
		switch userID := e.Membership.UserID; e.Change {
		case chat.MemberJoined:
			if err := flush(i); err != nil {
				return err
			}
			if err := d.joined(pushing, roomID, userID, a); err != nil {
				return err
			}
		case chat.MemberLeft, chat.MemberRemoved:
			if err := flush(i + 1); err != nil {
				return err
			}
			if err := d.left(pushing, roomID, userID, a); err != nil {
				return err
			}
		}
	}
	if err := flush(len(events)); err != nil {
		return err
	}
	told.Seq = events[len(events)-1].Seq
	if told.Queued = 0; queued {
		told.Queued = now.UnixMilli()
	}
	d.endDeaf(ctx, out) // before others go on: what comes next would be told over a gap
	err := d.store.Tell(ctx, roomID, told)
	d.forgetGone(ctx, out)
	return err
}

// joining are those who were not in the room before events: the first that happens to them is that they join. They may be
// noted as hearing it all the same, by somebody who told a part of events and died, or by a connection of theirs.
func joining(events []chat.Event) (userIDs []string) {
	var seen []string
	for i := range events {
		e := events[i].Room
		if e == nil || e.Membership == nil || slices.Contains(seen, e.Membership.UserID) {
			continue
		}
		seen = append(seen, e.Membership.UserID)
		if e.Change == chat.MemberJoined {
			userIDs = append(userIDs, e.Membership.UserID)
		}
	}
	return userIDs
}

// without leaves out people who do not hear the room yet.
func (a *audience) without(userIDs []string) {
	a.people = slices.DeleteFunc(a.people, func(id string) bool { return slices.Contains(userIDs, id) })
}

// joined makes a person hear a room from here on, if rooms are noted for them.
func (d *Deliverer) joined(ctx context.Context, roomID, userID string, a *audience) error {
	until, err := d.store.Subscribed(ctx, userID)
	if err != nil || until <= d.now().UnixMilli() {
		return err
	}
	if err := d.store.Hear(ctx, userID, until, roomID); err != nil {
		return err
	}
	if !slices.Contains(a.people, userID) {
		a.people = append(a.people, userID)
	}
	return nil
}

// left ends that a person hears a room.
func (d *Deliverer) left(ctx context.Context, roomID, userID string, a *audience) error {
	a.without([]string{userID})
	return d.store.Unhear(ctx, userID, roomID)
}

// fanOut tells events to all who hear the room now: at once, or if they are many by the queue. turn is the version of
// chat.Told with which this telling began; another who tells the same has another.
func (d *Deliverer) fanOut(ctx context.Context, roomID string, turn int64, events []chat.Event, a *audience, queued bool) (outcome, bool, error) {
	r, err := d.reach(ctx, a.people)
	if err != nil {
		return outcome{}, false, err
	}
	if d.jobs != nil && (queued || len(r.open) > d.direct) {
		return outcome{deaf: r.ending, gone: r.silent}, true, d.enqueue(ctx, roomID, turn, events, r.open)
	}
	out, err := d.push(ctx, pack(events, r.open))
	out.deaf, out.gone = append(out.deaf, r.ending...), append(out.gone, r.silent...)
	return out, false, err
}

// readAll reads the rest of the people.
func (a *audience) readAll(ctx context.Context, store Store, roomID string) error {
	for a.more {
		_, people, more, err := store.Audience(ctx, roomID, a.people[len(a.people)-1], 1000)
		if err != nil {
			return err
		}
		a.people, a.more = append(a.people, people...), more
	}
	return nil
}

// pack encodes events once, and addresses them: the connection that sent a message gets an acknowledgement in its place.
func pack(events []chat.Event, to []target) []parcel {
	frames := make([]string, len(events))
	acks := map[string]map[int]string{} // by connection and event
	for i := range events {
		e := &events[i]
		frames[i] = string(protocol.AppendEvent(nil, e))
		if id := e.Origin.ConnectionID; id != "" && e.NewMessage != nil {
			if acks[id] == nil {
				acks[id] = map[int]string{}
			}
			acks[id][i] = string(protocol.AppendAck(nil, e.Origin.RequestID, e.NewMessage))
		}
	}
	parcels := make([]parcel, 0, len(to)+len(acks))
	for _, t := range to {
		parcels = append(parcels, parcel{to: t, frames: frames, own: acks[t.id]})
		delete(acks, t.id)
	}
	for id, own := range acks { // connections that do not hear the room (any more)
		parcels = append(parcels, parcel{to: target{id: id}, frames: frames, own: own, only: true})
	}
	return parcels
}
