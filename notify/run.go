package notify

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	tick        = 250 * time.Millisecond // how exactly rooms come at their time
	spacing     = 10 * time.Second       // between two rounds of one room that goes on talking
	afterError  = 5 * time.Second
	roomsAtOnce = 8
)

// Outbox keeps, over the end of the process, which rooms must be seen to; *chat.Service implements it.
type Outbox interface {
	// Outbox returns all rooms in it, and from which number on; Outstanding that of one, or zero.
	Outbox(ctx context.Context) (map[string]int64, error)
	Outstanding(ctx context.Context, roomID string) (int64, error)
	// Settle takes a room out that has no messages after upTo. Otherwise it stays, from the next one on, which is told.
	Settle(ctx context.Context, roomID string, upTo int64) (stays bool, err error)
}

// Run sees to the rooms of the outbox, those that an earlier process left too, until ctx ends.
func (n *Notifier) Run(ctx context.Context) error {
	defer n.Close()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var all sync.WaitGroup
	defer all.Wait()
	resumed := false
	slots := make(chan struct{}, roomsAtOnce)
	for {
		if !resumed {
			resumed = n.resume(ctx)
		}
		n.round(ctx, slots, &all)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// resume queues what an earlier process left.
func (n *Notifier) resume(ctx context.Context) bool {
	left, err := n.cfg.Outbox.Outbox(ctx)
	if err != nil {
		n.complain(ctx, "could not read the outbox; trying again", "", err)
		return false
	}
	for roomID := range left {
		n.cfg.Queue.add(roomID, n.cfg.Now())
	}
	return true
}

// round starts to see to rooms that are due, as many as there are slots.
func (n *Notifier) round(ctx context.Context, slots chan struct{}, all *sync.WaitGroup) {
	for _, roomID := range n.cfg.Queue.take(n.cfg.Now(), cap(slots)-len(slots)) {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			n.room(ctx, roomID)
		})
	}
}

func (n *Notifier) complain(ctx context.Context, what, roomID string, err error) {
	if ctx.Err() == nil {
		n.log.WarnContext(ctx, what, slog.String("roomId", roomID), slog.Any("error", err))
	}
}

// room sees to a room that was taken from the queue.
func (n *Notifier) room(ctx context.Context, roomID string) {
	p := n.cfg.Queue.of(roomID)
	wait, err := n.advance(ctx, roomID, p)
	switch {
	case err != nil:
		n.complain(ctx, "could not tell absent people of a room; trying again", roomID, err)
		n.cfg.Queue.putBack(roomID, n.cfg.Now().Add(afterError))
	case wait == 0:
		n.cfg.Queue.drop(roomID)
	default:
		n.cfg.Queue.putBack(roomID, n.cfg.Now().Add(wait))
	}
}

// advance tells people of what is new in a room, and again of what they could not be told. It returns in how long to come
// again, zero if the room was taken out of the outbox.
func (n *Notifier) advance(ctx context.Context, roomID string, p *progress) (time.Duration, error) {
	if p.next == 0 {
		from, err := n.cfg.Outbox.Outstanding(ctx, roomID)
		if err != nil || from == 0 {
			return 0, err
		}
		p.next = from
	}
	if err := n.repeat(ctx, roomID, p); err != nil {
		return 0, err
	}
	h, err := n.Handle(ctx, roomID, p.next, 0)
	if err != nil {
		return 0, err
	}
	if h.Retry > 0 {
		p.again = append(p.again, span{p.next, h.UpTo, n.cfg.Now().Add(h.Retry)})
	}
	wait := spacing
	if h.UpTo > 0 {
		p.next = h.UpTo + 1
	}
	if h.More {
		wait = tick
	} else if h.UpTo == 0 && h.Next > 0 { // a first message, which is not old enough
		wait = h.Next
	}
	if len(p.again) > 0 || h.UpTo == 0 { // the outbox stays as it is: so much is to be done again if this process ends
		return wait, nil
	}
	stays, err := n.cfg.Outbox.Settle(ctx, roomID, h.UpTo)
	if err != nil {
		return 0, fmt.Errorf("settle a room of the outbox: %w", err)
	}
	if !stays {
		wait = 0
	}
	return wait, nil
}

// repeat tries those parts of a room's log again that are due.
func (n *Notifier) repeat(ctx context.Context, roomID string, p *progress) error {
	var left []span
	for i, s := range p.again {
		if s.due.After(n.cfg.Now()) {
			left = append(left, s)
			continue
		}
		h, err := n.Handle(ctx, roomID, s.from, s.to)
		if err != nil {
			p.again = append(left, p.again[i:]...)
			return err
		}
		if h.Retry > 0 {
			s.due = n.cfg.Now().Add(h.Retry)
			left = append(left, s)
		}
	}
	p.again = left
	return nil
}
