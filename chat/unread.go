package chat

import (
	"context"
	"sync"
)

// Counts of mentions are derived from notices and read markers each time, and never kept: nothing can drift.
const (
	MaxMentionCount = 100 // larger counts are told as this
	countedNotices  = 500 // of a person, the newest, are looked at
)

// UnreadCounts returns the counts of all rooms of by.
func (s *Service) UnreadCounts(ctx context.Context, by string) ([]Unread, error) {
	_, rooms, err := s.myRooms(ctx, by)
	if err != nil {
		return nil, err
	}
	markers, err := s.markersOf(ctx, by)
	if err != nil {
		return nil, err
	}
	mentions, err := s.mentions(ctx, by, rooms, markers)
	if err != nil {
		return nil, err
	}
	out := make([]Unread, len(rooms))
	for i := range rooms {
		r, m := &rooms[i], markers[rooms[i].RoomID]
		out[i] = Unread{RoomID: r.RoomID, HeadSeq: r.HeadSeq, ReadSeq: m.Seq, Unread: r.unread(m), Mentions: mentions[r.RoomID]}
	}
	return out, nil
}

// unread counts the messages after a marker.
func (r *Room) unread(m Marker) int64 { return max(0, r.MessageCount-m.Ordinal) }

// mentions counts the unread notices of by in each of these rooms, which must be theirs.
func (s *Service) mentions(ctx context.Context, by string, rooms []Room, markers map[string]Marker) (map[string]int64, error) {
	unread := make(map[string]int64) // the marker's number, of rooms with unread messages
	var wide []Room
	for i := range rooms {
		r := &rooms[i]
		read := markers[r.RoomID].Seq
		if r.LastSeq > read {
			unread[r.RoomID] = read
		}
		if r.WideSeq > read {
			wide = append(wide, *r)
		}
	}
	counts := make(map[string]int64)
	if len(unread) == 0 {
		return counts, nil
	}
	notices, err := s.notices.NoticesOf(ctx, by, "", countedNotices)
	if err != nil {
		return nil, err
	}
	for i := range notices {
		if read, ok := unread[notices[i].RoomID]; ok && notices[i].Seq > read {
			counts[notices[i].RoomID]++
		}
	}
	found := make([]int64, len(wide))
	err = each(len(wide), func(i int) error {
		notices, err := s.notices.RoomNotices(ctx, wide[i].RoomID, markers[wide[i].RoomID].Seq+1, wide[i].WideSeq, MaxMentionCount)
		for j := range notices {
			if notices[j].concerns(by) {
				found[i]++
			}
		}
		return err
	})
	for i := range wide {
		counts[wide[i].RoomID] += found[i]
	}
	for id, n := range counts {
		counts[id] = min(n, MaxMentionCount)
	}
	return counts, err
}

// each calls fn with 0 to n-1, some at once, and returns the first error.
func each(n int, fn func(i int) error) error {
	const atOnce = 16
	var (
		mu    sync.Mutex // guards next and first
		next  int
		first error
		tasks sync.WaitGroup
	)
	for range min(n, atOnce) {
		tasks.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := first != nil || i >= n
				mu.Unlock()
				if stop {
					return
				}
				if err := fn(i); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	tasks.Wait()
	return first
}
