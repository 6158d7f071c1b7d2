package chat

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

const searchWidth = 16 // blocks that one search reads at once

// budget of one page of a search: what is spent ends it.
type searchCost struct {
	reads    int // of parts of logs
	messages int // read
	digests  int // read
}

func searchBudget() searchCost {
	return searchCost{reads: 256, messages: 64 * blockSize, digests: 2048}
}

func (c *searchCost) spent() bool { return c.reads <= 0 || c.messages <= 0 || c.digests <= 0 }

func (c *searchCost) less(d searchCost) {
	c.reads -= d.reads
	c.messages -= d.messages
	c.digests -= d.digests
}

// finder merges what is found in rooms into one list, the newest first. Which message comes next is decided by the times
// of messages; where a search goes on, by their numbers alone: so clocks that were set back disturb the order, and
// nothing else. It belongs to the goroutine of its search; a walk, during a round, to the one that takes its steps.
type finder struct {
	s      *Service
	by     string
	words  []string
	grams  []uint64 // of words
	userID string
	walks  []*walk
	left   searchCost
}

// walk is one room on its way down through its log.
type walk struct {
	room  Room
	next  int64     // the highest number that was not searched; zero: all was
	at    Millis    // of the newest message up to next, or later
	upTo  Millis    // what is newer has come since the search began, and is left out
	hits  []Message // found and not shown yet, the newest first
	begun bool      // some of it was searched
	used  searchCost

	digests map[int64]Digest // those that there are
	lowest  int64            // of blocks down to this one
	batch   int64            // how many were read at once
}

// begin sets out in every room, where a cursor says or from the newest message.
func (f *finder) begin(ctx context.Context, rooms []Room, from *searchCursor) error {
	var fresh []Place
	for i := range rooms {
		w := &walk{room: rooms[i], next: rooms[i].LastSeq, at: f.s.now().UnixMilli(), upTo: maxMillis, lowest: maxSeq}
		if from != nil {
			if p, ok := from.place(w.room.RoomID); ok {
				w.next, w.at, w.begun = min(p.next, w.next), p.at, true
			}
		}
		if !w.begun && w.next > 0 {
			fresh = append(fresh, Place{w.room.RoomID, w.next})
		}
		f.walks = append(f.walks, w)
	}
	newest, err := f.s.log.MessagesAt(ctx, fresh...)
	if err != nil {
		return err
	}
	at := make(map[string]Millis, len(newest))
	for i := range newest {
		at[newest[i].RoomID] = newest[i].CreatedAt
	}
	for _, w := range f.walks {
		if t, ok := at[w.room.RoomID]; ok {
			w.at = t
		}
		if from != nil && !w.begun && w.at > from.at {
			w.at, w.upTo = from.at, from.at
		}
	}
	return nil
}

// order says which of two rooms goes on first: that with the later message, found or to come.
func (w *walk) order(other *walk) int {
	return cmp.Or(cmp.Compare(other.head(), w.head()), cmp.Compare(w.room.RoomID, other.room.RoomID))
}

func (w *walk) head() Millis {
	if len(w.hits) > 0 {
		return w.hits[0].CreatedAt
	}
	return w.at
}

func (w *walk) over() bool { return w.next <= 0 && len(w.hits) == 0 }

// top is the room that goes on first, nil if all are over.
func (f *finder) top() *walk {
	var top *walk
	for _, w := range f.walks {
		if !w.over() && (top == nil || w.order(top) < 0) {
			top = w
		}
	}
	return top
}

// page returns the next messages, at most limit, as far as the budget goes.
func (f *finder) page(ctx context.Context, limit int) ([]Message, error) {
	out := []Message{}
	for width := 1; ; width = min(2*width, searchWidth) {
		top := f.top()
		for ; top != nil && len(top.hits) > 0 && len(out) < limit; top = f.top() {
			out = append(out, top.hits[0])
			top.hits = top.hits[1:]
		}
		if top == nil || len(out) == limit || f.left.spent() {
			return out, nil
		}
		if err := f.round(ctx, width); err != nil {
			return nil, err
		}
	}
}

// round goes on in the rooms that come first, at once, with width blocks in all.
func (f *finder) round(ctx context.Context, width int) error {
	var some []*walk
	for _, w := range f.walks {
		if len(w.hits) == 0 && w.next > 0 {
			some = append(some, w)
		}
	}
	slices.SortFunc(some, (*walk).order)
	some = some[:min(len(some), width)]
	errs := make([]error, len(some))
	var all sync.WaitGroup
	for i, w := range some {
		all.Go(func() { errs[i] = f.step(ctx, w, width/len(some), f.left.digests/len(some)) })
	}
	all.Wait()
	for i, w := range some {
		if errs[i] != nil {
			return errs[i]
		}
		f.left.less(w.used)
		w.used = searchCost{}
	}
	return nil
}

// cursor is where the next page goes on, and the moment down to which all was searched; nothing when all was.
func (f *finder) cursor() (string, Millis) {
	top := f.top()
	if top == nil {
		return "", 0
	}
	c := searchCursor{at: top.head()}
	for !f.places(&c) {
		c.salt++
	}
	return c.String(), c.at
}

// places notes in a cursor how far the rooms were searched; false if two have one hash.
func (f *finder) places(c *searchCursor) bool {
	c.rooms = c.rooms[:0]
	for _, w := range f.walks {
		if !w.begun {
			continue
		}
		p := searchPlace{roomHash(w.room.RoomID, c.salt), max(0, w.next), w.head()}
		if len(w.hits) > 0 {
			p.next = w.hits[0].Seq
		}
		c.rooms = append(c.rooms, p)
	}
	slices.SortFunc(c.rooms, func(a, b searchPlace) int { return cmp.Compare(a.room, b.room) })
	for i := 1; i < len(c.rooms); i++ {
		if c.rooms[i].room == c.rooms[i-1].room {
			return false
		}
	}
	return true
}
