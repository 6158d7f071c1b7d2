package pebble

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	lsm "github.com/cockroachdb/pebble/v2"

	"parley/store/table"
)

const (
	maxPageBytes = 1 << 20            // stored bytes in one page; an item larger than that is a page alone
	maxPageRows  = 4 * table.MaxLimit // rows looked at for one page, expired ones included
	purgeBatch   = table.MaxOps       // items removed in one write
)

// Get implements table.DB.
func (d *DB) Get(ctx context.Context, name string, keys ...table.Key) ([]table.Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := d.catalog.Get(name, keys); err != nil {
		return nil, err
	}
	t := d.tables[name]
	v, err := d.acquire()
	if err != nil {
		return nil, err
	}
	defer d.done(v)
	now := d.now().Unix()
	items := make([]table.Item, len(keys))
	var row []byte
	for i, k := range keys {
		row = appendRow(row[:0], t.id, k)
		if items[i], err = v.item(row, k, now); err != nil {
			return nil, fmt.Errorf("reading table %q: %w", name, err)
		}
	}
	return items, nil
}

// item returns the item stored under a row key, or a zero Item if there is none alive.
func (v *view) item(row []byte, k table.Key, now int64) (table.Item, error) {
	val, closer, err := v.snap.Get(row)
	if errors.Is(err, lsm.ErrNotFound) {
		return table.Item{}, nil
	}
	if err != nil {
		return table.Item{}, classify(err)
	}
	it, err := record(val).itemAlive(k, now)
	return it, errors.Join(err, closer.Close())
}

// itemAlive decodes a record unless it is expired.
func (r record) itemAlive(k table.Key, now int64) (table.Item, error) {
	if live, err := r.live(now); err != nil || !live {
		return table.Item{}, err
	}
	return r.item(k)
}

// Query implements table.DB.
func (d *DB) Query(ctx context.Context, q table.Query) (table.Page, error) {
	if err := ctx.Err(); err != nil {
		return table.Page{}, err
	}
	if err := d.catalog.Query(&q); err != nil {
		return table.Page{}, err
	}
	s := scan{db: d, tab: d.tables[q.Table], reverse: q.Reverse, limit: q.Limit}
	if err := s.bound(&q); err != nil {
		return table.Page{}, err
	}
	page, err := s.page(ctx)
	if err != nil && !errors.Is(err, table.ErrClosed) && ctx.Err() == nil {
		err = fmt.Errorf("querying table %q: %w", q.Table, err)
	}
	return page, err
}

// scan is one page being read from a range of keys.
type scan struct {
	db           *DB
	tab          *tableInfo
	prefix       []byte // what all keys of the range begin with
	index        bool   // entries lead to rows: past prefix stands the index sort key, then the tail
	wholeTable   bool   // past prefix stands the whole tail
	part         string // otherwise the partition of all rows
	lower, upper []byte // range of keys, upper excluded
	reverse      bool
	limit        int
}

// bound sets the range that a query asks for.
func (s *scan) bound(q *table.Query) error {
	s.part = q.Part
	if q.Index == "" {
		s.prefix = appendEscaped(appendHead(nil, spaceRow, s.tab.id), q.Part)
		s.lower = append(clip(s.prefix), q.From...)
		if q.To != "" {
			s.upper = append(append(clip(s.prefix), q.To...), 0)
		}
	} else {
		s.index = true
		s.prefix = appendEscaped(appendHead(nil, spaceIndex, s.tab.index(q.Index).id), q.Part)
		s.lower = clip(s.prefix)
		if q.From != "" {
			s.lower = appendEscaped(s.lower, q.From)
		}
		if q.To != "" {
			s.upper = past(appendEscaped(clip(s.prefix), q.To))
		}
	}
	if s.upper == nil {
		s.upper = past(append([]byte{}, s.prefix...))
	}
	return s.after(q.After)
}

// clip lets the next append copy.
func clip(b []byte) []byte { return b[:len(b):len(b)] }

// after narrows the range to what follows a page. A token is the last key without the prefix of the range; as the prefix is
// put back by the query, a forged one can only move within what may be read anyway.
func (s *scan) after(token string) error {
	if token == "" {
		return nil
	}
	rest, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return table.Invalid("page token")
	}
	last := append(clip(s.prefix), rest...)
	switch {
	case s.reverse && string(last) < string(s.upper):
		s.upper = last
	case !s.reverse && string(last) >= string(s.lower):
		s.lower = append(last, 0)
	}
	return nil
}

// page reads one page of the range.
func (s *scan) page(ctx context.Context) (p table.Page, err error) {
	v, err := s.db.acquire()
	if err != nil {
		return p, err
	}
	defer s.db.done(v)
	if string(s.lower) >= string(s.upper) {
		return p, nil
	}
	it, err := v.snap.NewIter(&lsm.IterOptions{LowerBound: s.lower, UpperBound: s.upper})
	if err != nil {
		return p, classify(err)
	}
	defer func() { err = errors.Join(err, classify(it.Close())) }()
	first, next := it.First, it.Next
	if s.reverse {
		first, next = it.Last, it.Prev
	}
	now, size := s.db.now().Unix(), 0
	for ok, rows := first(), 0; ok; rows++ {
		item, n, err := s.item(v, it, now)
		if err != nil {
			return table.Page{}, err
		}
		if size += n; item.Key.Part != "" {
			p.Items = append(p.Items, item)
		}
		end := len(p.Items) == s.limit || size >= maxPageBytes || rows == maxPageRows
		var last string
		if end {
			last = base64.RawURLEncoding.EncodeToString(it.Key()[len(s.prefix):])
		}
		if ok = next(); ok && end {
			p.Next = last
			return p, nil
		}
		if rows%256 == 255 && ctx.Err() != nil {
			return table.Page{}, ctx.Err()
		}
	}
	return p, classify(it.Error())
}

// item returns the item at the iterator, zero if expired, and how many bytes it has.
func (s *scan) item(v *view, it *lsm.Iterator, now int64) (table.Item, int, error) {
	rest := it.Key()[len(s.prefix):]
	if s.index {
		tail, err := skipEscaped(rest)
		if err != nil {
			return table.Item{}, 0, err
		}
		k, err := readTail(tail)
		if err != nil {
			return table.Item{}, 0, err
		}
		item, err := v.item(append(appendHead(nil, spaceRow, s.tab.id), tail...), k, now)
		return item, len(rest) + sizeOf(&item), err
	}
	k := table.Key{Part: s.part, Sort: string(rest)}
	if s.wholeTable {
		var err error
		if k, err = readTail(rest); err != nil {
			return table.Item{}, 0, err
		}
	}
	val, err := it.ValueAndErr()
	if err != nil {
		return table.Item{}, 0, classify(err)
	}
	item, err := record(val).itemAlive(k, now)
	return item, len(rest) + len(val), err
}

// sizeOf is about how many bytes an item has.
func sizeOf(it *table.Item) (n int) {
	for i := range it.Attrs {
		n += len(it.Attrs[i].Name) + len(it.Attrs[i].Value.Text) + len(it.Attrs[i].Value.Data) + 8
	}
	return n
}

// Scan implements table.Scanner. Partitions come in the order of their bytes.
func (d *DB) Scan(ctx context.Context, name, after string, limit int) (table.Page, error) {
	if err := ctx.Err(); err != nil {
		return table.Page{}, err
	}
	limit, err := d.catalog.Scan(name, limit)
	if err != nil {
		return table.Page{}, err
	}
	t := d.tables[name]
	s := scan{db: d, tab: t, wholeTable: true, prefix: appendHead(nil, spaceRow, t.id), limit: limit}
	s.lower, s.upper = s.prefix, appendHead(nil, spaceRow, t.id+1)
	if err := s.after(after); err != nil {
		return table.Page{}, err
	}
	return s.page(ctx)
}

// Purge removes the items that have expired by now, oldest first, in small writes between those of others. Run calls it;
// what it removes was absent for every reader already.
func (d *DB) Purge(ctx context.Context) error {
	from := []byte{spaceExpiry}
	for {
		ops, next, err := d.expired(from)
		if err != nil || next == nil {
			return err
		}
		from = next
		if len(ops) == 0 {
			continue
		}
		if err := d.remove(ctx, ops); err != nil {
			return err
		}
	}
}

// remove does deletions that expired found.
func (d *DB) remove(ctx context.Context, ops []op) error {
	r := d.spare.Get().(*request) //nolint:forcetypeassert // nothing else is in it
	r.ops = append(r.ops, ops...)
	r.address()
	return d.submit(ctx, r)
}

// expired returns deletions of items whose time has come, and where to go on, nil at the end.
func (d *DB) expired(from []byte) (ops []op, next []byte, err error) {
	v, err := d.acquire()
	if err != nil {
		return nil, nil, err
	}
	defer d.done(v)
	until := binary.BigEndian.AppendUint64([]byte{spaceExpiry}, uint64(max(d.now().Unix(), 0))+1)
	it, err := v.snap.NewIter(&lsm.IterOptions{LowerBound: from, UpperBound: until})
	if err != nil {
		return nil, nil, classify(err)
	}
	defer func() { err = errors.Join(err, classify(it.Close())) }()
	rows := 0
	for ok := it.First(); ok && rows < purgeBatch; ok, rows = it.Next(), rows+1 {
		next = append(append(next[:0], it.Key()...), 0)
		k := it.Key()
		if len(k) < expiryHead {
			return nil, nil, fmt.Errorf("%w: expiry entry", table.ErrCorrupt)
		}
		tab := d.ids[binary.BigEndian.Uint16(k[expiryBytes:])]
		if tab == nil {
			continue // of a table that is not in the schemas: left alone
		}
		key, err := readTail(k[expiryHead:])
		if err != nil {
			return nil, nil, err
		}
		due := int64(binary.BigEndian.Uint64(k[1:]))
		ops = append(ops, op{kind: table.Delete, tab: tab, key: key, due: due})
	}
	return ops, next, nil
}
