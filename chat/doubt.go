package chat

import (
	"context"
	"maps"
	"sync"
	"time"
)

// doubts are the rooms of which a commit failed but may be stored all the same, perhaps only when a slow disk comes to
// it. Their members must hear of it, though nobody may touch the room again; so Run looks, after pauses that grow with
// the time that the disk may need. What the look finds, its sequencer tells.
//
// Only a Service that alone writes to its rooms does: elsewhere what is stored is told by whoever sees it in the log (on
// AWS the function that reads the table's stream, which knows from the room's row how far was told).
type doubts struct {
	mu   sync.Mutex
	news map[string]struct{} // rooms that Run does not know of yet
	wake chan struct{}       // holds one when there are any
}

const (
	firstLook = time.Second
	lastLook  = 10 * time.Minute // the longest pause: it doubles after each look
)

// add has a room looked at.
func (d *doubts) add(roomID string) {
	d.mu.Lock()
	d.news[roomID] = struct{}{}
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *doubts) take() map[string]struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := maps.Clone(d.news)
	clear(d.news)
	return out
}

// runDoubts looks at rooms, one after another, until it is known of each what became of the commit.
func (s *Service) runDoubts(ctx context.Context) {
	type look struct {
		at    time.Time
		pause time.Duration
	}
	due := make(map[string]look)
	timer := time.NewTimer(lastLook)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.doubts.wake:
			for roomID := range s.doubts.take() {
				due[roomID] = look{time.Now().Add(firstLook), firstLook}
			}
		case <-timer.C:
		}
		next := lastLook
		for roomID, l := range due {
			if !time.Now().Before(l.at) {
				if !s.inDoubt(ctx, roomID) {
					delete(due, roomID)
					continue
				}
				l.pause = min(2*l.pause, lastLook)
				l.at = time.Now().Add(l.pause)
				due[roomID] = l
			}
			next = min(next, time.Until(l.at))
		}
		timer.Reset(next)
	}
}

// inDoubt looks at a room, and tells whether it must be looked at again.
func (s *Service) inDoubt(ctx context.Context, roomID string) bool {
	var unsure bool
	err := s.do(ctx, "", roomID, func(_ context.Context, v *view) (Commit, error) {
		unsure = v.q.unsure // after what was stored was told
		return v.begin(), nil
	})
	return err != nil || unsure
}
