package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"parley/chat"
	"parley/store/table"
)

// Store implements the storage ports of package chat.
type Store struct {
	db      table.DB
	now     func() time.Time
	batches sync.Pool
}

var (
	_ chat.Log      = (*Store)(nil)
	_ chat.Rooms    = (*Store)(nil)
	_ chat.Markers  = (*Store)(nil)
	_ chat.Notices  = (*Store)(nil)
	_ chat.Erasures = (*Store)(nil)
	_ chat.Digests  = (*Store)(nil)
	_ chat.Users    = (*Store)(nil)
	_ chat.Seen     = (*Store)(nil)
	_ chat.Sessions = (*Store)(nil)
	_ chat.Once     = (*Store)(nil)
	_ chat.Keys     = (*Store)(nil)
	_ chat.Invites  = (*Store)(nil)
	_ chat.Settings = (*Store)(nil)

	_ chat.Connections       = (*Store)(nil)
	_ chat.Audiences         = (*Store)(nil)
	_ chat.Tallies           = (*Store)(nil)
	_ chat.PushKey           = (*Store)(nil)
	_ chat.PushSubscriptions = (*Store)(nil)
	_ chat.Uploads           = (*Store)(nil)
	_ chat.Secrets           = (*Store)(nil)
	_ chat.Outbox            = (*Store)(nil)
	_ chat.Reached           = (*Store)(nil)
)

// New makes a Store over db, which must have been opened with Schemas. A nil now is time.Now.
func New(db table.DB, now func() time.Time) *Store {
	if now == nil {
		now = time.Now
	}
	return &Store{db: db, now: now, batches: sync.Pool{New: func() any { return new(batch) }}}
}

// expiry is the epoch second d from now, at which an item counts as gone.
func (s *Store) expiry(d time.Duration) int64 { return s.now().Add(d).Unix() }

// wrap says what was being done, and gives a driver's error the code that people and programs can act on.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, table.ErrBusy), errors.Is(err, table.ErrClosed):
		return &chat.Error{Code: chat.Unavailable, Message: "The server is busy. Please try again.", RetryAfter: time.Second,
			Cause: fmt.Errorf("%s: %w", doing, err)}
	case errors.Is(err, table.ErrFull):
		return &chat.Error{Code: chat.Unavailable, Message: "The server's disk is full. Nothing was stored.", RetryAfter: time.Minute,
			Cause: fmt.Errorf("%s: %w", doing, err)}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// failed returns which operations of a write failed their condition, if that is what err says.
func failed(err error) ([]int, bool) {
	if f, ok := errors.AsType[*table.Failed](err); ok {
		return f.Ops, true
	}
	return nil, false
}

// get returns one item of the chat table; found is false if there is none.
func (s *Store) get(ctx context.Context, k table.Key) (it table.Item, found bool, err error) {
	items, err := s.db.Get(ctx, tChat, k)
	if err != nil {
		return table.Item{}, false, err
	}
	return items[0], items[0].Key.Part != "", nil
}

// getMany returns the items of the chat table that exist under keys, in their order, however many keys there are.
func (s *Store) getMany(ctx context.Context, keys []table.Key) ([]table.Item, error) {
	return s.getFrom(ctx, tChat, keys)
}

func (s *Store) getFrom(ctx context.Context, name string, keys []table.Key) ([]table.Item, error) {
	var out []table.Item
	for len(keys) > 0 {
		n := min(len(keys), table.MaxKeys)
		items, err := s.db.Get(ctx, name, keys[:n]...)
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			if it.Key.Part != "" {
				out = append(out, it)
			}
		}
		keys = keys[n:]
	}
	return out, nil
}

// all calls fn for every item of a range, page by page, until fn returns false.
func (s *Store) all(ctx context.Context, q table.Query, fn func(*table.Item) bool) error {
	for {
		page, err := s.db.Query(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Items {
			if !fn(&page.Items[i]) {
				return nil
			}
		}
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
	}
}

// page collects up to limit items that keep accepts, from an opaque cursor on, and returns the cursor for more.
func (s *Store) page(ctx context.Context, q table.Query, cursor string, limit int) ([]table.Item, string, error) {
	q.After, q.Limit = cursor, limit
	var items []table.Item
	for {
		p, err := s.db.Query(ctx, q)
		if errors.Is(err, table.ErrInvalid) && cursor != "" {
			return nil, "", &chat.Error{Code: chat.InvalidRequest, Field: "cursor", Message: "The cursor is not one of ours.", Cause: err}
		}
		if err != nil {
			return nil, "", err
		}
		items = append(items, p.Items...)
		if p.Next == "" || len(items) >= limit {
			return items, p.Next, nil
		}
		q.After, q.Limit = p.Next, limit-len(items)
	}
}

// inPrefix is the query for the sort keys of a partition that begin with prefix.
func inPrefix(part, prefix string) table.Query {
	return table.Query{Table: tChat, Part: part, From: prefix, To: prefixEnd(prefix)}
}
