package apigateway

import (
	"context"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"

	"parley/chat"
	"parley/protocol"
)

// Bounds of what is told but not stored: each hearer costs a message of the gateway.
const (
	signalPeople  = 100 // of a room that is told typing, read markers and presence
	presenceRooms = 20  // in which a coming or going is told
)

// Signal implements chat.Deliverer: in rooms that many people hear nobody is told.
func (d *Deliverer) Signal(ctx context.Context, roomID, userID string, e chat.Event) {
	people := map[string]bool{}
	if roomID != "" {
		for _, id := range d.few(ctx, roomID) {
			people[id] = id != userID
		}
	} else {
		people = d.neighbours(ctx, userID)
	}
	d.volatile(ctx, &e, people)
}

// few are those who hear a room, unless they are many.
func (d *Deliverer) few(ctx context.Context, roomID string) []string {
	_, people, more, err := d.store.Audience(ctx, roomID, "", signalPeople)
	if err != nil {
		d.logger.WarnContext(ctx, "a signal was not told", "roomId", roomID, "error", err)
	}
	if more {
		return nil
	}
	return people
}

// neighbours are a person and those who hear some of the small rooms that they are in.
func (d *Deliverer) neighbours(ctx context.Context, userID string) map[string]bool {
	people := map[string]bool{userID: true}
	rooms, err := d.store.RoomsOf(ctx, userID)
	if err != nil {
		d.logger.WarnContext(ctx, "presence was not told", "user", userID, "error", err)
	}
	var mu sync.Mutex // guards people
	var all sync.WaitGroup
	for _, m := range rooms[:min(len(rooms), presenceRooms)] {
		all.Go(func() {
			few := d.few(ctx, m.RoomID)
			mu.Lock()
			defer mu.Unlock()
			for _, id := range few {
				people[id] = true
			}
		})
	}
	all.Wait()
	return people
}

// volatile tells people an event that may be lost.
func (d *Deliverer) volatile(ctx context.Context, e *chat.Event, people map[string]bool) {
	ids := make([]string, 0, len(people))
	for id, tell := range people {
		if tell {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	r, err := d.reach(ctx, ids)
	if err != nil {
		d.logger.WarnContext(ctx, "a signal was not told", "error", err)
		return
	}
	if len(r.polls) > 0 {
		frame, until := protocol.AppendEvent(nil, e), d.now().Add(chat.PollFor).UnixMilli()
		each(ctx, r.polls, func(to target) {
			if err := d.store.PutSignal(ctx, to.id, frame, until); err != nil {
				d.logger.WarnContext(ctx, "a signal was not kept", "connection", to.id, "error", err)
			}
		})
	}
	out, err := d.push(ctx, pack([]chat.Event{*e}, r.open))
	if err != nil {
		return
	}
	out.deaf, out.gone = nil, append(out.gone, r.silent...) // the deaf miss nothing that they could not ask for
	d.settle(ctx, out)
}

// ToUsers implements chat.Deliverer.
func (d *Deliverer) ToUsers(ctx context.Context, e chat.Event, userIDs ...string) {
	people := make(map[string]bool, len(userIDs))
	for _, id := range userIDs {
		people[id] = true
	}
	d.volatile(ctx, &e, people)
}

// Online implements chat.Deliverer: who has a connection that was heard of lately.
func (d *Deliverer) Online(ctx context.Context, userIDs ...string) (map[string]bool, error) {
	found, err := d.store.ConnectionsOf(ctx, userIDs...)
	if err != nil {
		return nil, err
	}
	online := make(map[string]bool, len(found))
	for id, connections := range found {
		if slices.ContainsFunc(connections, d.alive) {
			online[id] = true
		}
	}
	return online, nil
}

func (d *Deliverer) alive(c chat.Connection) bool {
	return c.Alive(d.now().UnixMilli())
}

// Disconnect implements chat.Deliverer. API Gateway knows no close codes of ours: an error frame says why before the end.
func (d *Deliverer) Disconnect(ctx context.Context, userID, sessionID string) {
	found, err := d.store.ConnectionsOf(ctx, userID)
	if err != nil {
		d.logger.ErrorContext(ctx, "could not end connections", "user", userID, "error", err)
		return
	}
	why := string(protocol.AppendError(nil, "", chat.Errorf(chat.Unauthenticated, "The session has ended.")))
	for _, c := range found[userID] {
		if sessionID == "" || c.SessionID == sessionID {
			to := target{c.ConnectionID, userID, c.LastSeen}
			if c.Polls {
				d.forget(ctx, to)
				continue
			}
			_, _ = d.post(ctx, &parcel{to: to, frames: []string{why}}) // the end says it as well
			d.end(ctx, to)
		}
	}
}

// Heal looks after people of whom connections are noted: those that were not heard of for long are asked of the gateway,
// and forgotten if they are gone; those that could not be closed are closed. A function calls it from time to time, since $disconnect is told at best.
func (d *Deliverer) Heal(ctx context.Context) error {
	for cursor := ""; ; {
		ids, next, err := d.store.Connected(ctx, cursor, 100)
		if err != nil {
			return err
		}
		found, err := d.store.ConnectionsOf(ctx, ids...)
		if err != nil {
			return err
		}
		var silent []chat.Connection
		for _, id := range ids {
			if len(found[id]) == 0 { // all expired
				d.forget(ctx, target{userID: id})
			}
			for _, c := range found[id] {
				if !d.alive(c) {
					silent = append(silent, c)
				}
			}
		}
		each(ctx, silent, func(c chat.Connection) { d.ask(ctx, c) })
		if next == "" {
			return nil
		}
		cursor = next
	}
}

// ask finds out whether a silent connection is still there, and closes one that is to end.
func (d *Deliverer) ask(ctx context.Context, c chat.Connection) {
	if c.Polls {
		d.forget(ctx, target{id: c.ConnectionID, userID: c.UserID})
		return
	}
	if c.Ending {
		d.end(ctx, target{c.ConnectionID, c.UserID, c.LastSeen})
		return
	}
	_, err := d.client.GetConnection(ctx, &apigatewaymanagementapi.GetConnectionInput{ConnectionId: &c.ConnectionID})
	switch {
	case err != nil && isGone(err):
		d.forget(ctx, target{id: c.ConnectionID, userID: c.UserID})
	case err != nil:
		d.logger.WarnContext(ctx, "could not ask for a connection", "connection", c.ConnectionID, "error", err)
	default:
		full, err := d.store.Connection(ctx, c.ConnectionID)
		if err == nil {
			err = d.store.Alive(ctx, full, d.now().UnixMilli())
		}
		if err != nil {
			d.logger.WarnContext(ctx, "could not keep a connection", "connection", c.ConnectionID, "error", err)
		}
	}
}
