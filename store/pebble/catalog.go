package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"

	"parley/store/table"
)

// formatVersion is the version of everything this package writes: keys, records and catalog.
const formatVersion = 1

// engineFormat is the version of Pebble's own files.
const engineFormat = lsm.FormatNewest

// Names in the meta space. The catalog gives each table and index a number that never changes and is never used again,
// so schemas may be listed in any order, and a table that is left out keeps its data.
const (
	metaFormat = "format" // → formatVersion
	metaNext   = "next"   // → the next free id
	metaTable  = "table"  // 0x00 table → id(2) hasSort(1)
	metaIndex  = "index"  // 0x00 table 0x00 index → id(2) part attribute 0x00 sort attribute
)

func metaKey(names ...string) []byte {
	return append([]byte{spaceMeta}, strings.Join(names, "\x00")...)
}

// tableInfo is a schema with its ids.
type tableInfo struct {
	table.Schema
	id      uint16
	indexes []indexInfo
}

type indexInfo struct {
	table.Index
	id uint16
}

// index returns the named index, which the schema has.
func (t *tableInfo) index(name string) *indexInfo {
	for i := range t.indexes {
		if t.indexes[i].Name == name {
			return &t.indexes[i]
		}
	}
	return nil
}

// appendKey appends the key under which the item with key k and record r stands in the index, or nothing if it does
// not. Entries hold no copy of the item: a read follows them to the row, in the same snapshot, so it is never stale. That costs
// a point read an item, and saves writing every item once more an index at each change of it.
func (ix *indexInfo) appendKey(b []byte, t *tableInfo, k table.Key, r record) ([]byte, error) {
	if r == nil {
		return b, nil
	}
	part, err := t.text(ix.Part, k, r)
	if err != nil || part == "" {
		return b, err
	}
	sort, err := t.text(ix.Sort, k, r)
	if err != nil || sort == "" {
		return b, err
	}
	b = appendHead(b, spaceIndex, ix.id)
	b = appendEscaped(b, part)
	b = appendEscaped(b, sort)
	return appendTail(b, k), nil
}

// text returns a text by attribute name, which may be that of a key, or "".
func (t *tableInfo) text(name string, k table.Key, r record) (string, error) {
	switch name {
	case t.Part:
		return k.Part, nil
	case t.Sort:
		return k.Sort, nil
	}
	f, ok, err := r.find(name)
	if err != nil || !ok || f.kind != table.Text {
		return "", err
	}
	return string(r[f.data:f.end]), nil
}

// checkEngineFormat refuses files of a Pebble that this program does not know, before Pebble touches them.
func checkEngineFormat(fs vfs.FS, dir string) error {
	s, err := atomicfs.ReadMarker(fs, dir, "format-version")
	if err != nil || s == "" {
		return err
	}
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: engine format %q", table.ErrCorrupt, s)
	}
	if v > uint64(engineFormat) {
		return fmt.Errorf("%w: engine format %d, this program knows up to %d", table.ErrNewer, v, engineFormat)
	}
	return nil
}

// loadCatalog checks the format, finds or gives the ids of all schemas, and builds the indexes that are new.
func (d *DB) loadCatalog(schemas []table.Schema) error {
	if err := d.loadFormat(); err != nil {
		return err
	}
	d.tables, d.ids = map[string]*tableInfo{}, map[uint16]*tableInfo{}
	for _, s := range schemas {
		t := &tableInfo{Schema: s}
		if err := d.loadTable(t); err != nil {
			return err
		}
		d.tables[s.Name], d.ids[t.id] = t, t
	}
	// One sync for all of it. What is lost before it is lost from the end, so no entry outlives what it stands for.
	return d.db.LogData(nil, lsm.Sync)
}

func (d *DB) loadFormat() error {
	v, err := d.meta(metaKey(metaFormat))
	if err != nil {
		return err
	}
	if v == nil {
		b := d.db.NewBatch()
		_ = b.Set(metaKey(metaFormat), binary.AppendUvarint(nil, formatVersion), nil)
		_ = b.Set(metaKey(metaNext), []byte{0, 1}, nil)
		return d.db.Apply(b, lsm.NoSync)
	}
	got, n := binary.Uvarint(v)
	switch {
	case n <= 0 || got == 0:
		return fmt.Errorf("%w: format version", table.ErrCorrupt)
	case got > formatVersion:
		return fmt.Errorf("%w: format %d, this program knows up to %d", table.ErrNewer, got, formatVersion)
	}
	return nil
}

// meta returns a value of the meta space, or nil.
func (d *DB) meta(key []byte) ([]byte, error) {
	v, closer, err := d.db.Get(key)
	if errors.Is(err, lsm.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return append([]byte{}, v...), closer.Close()
}

// newID takes the next free id, as part of batch b.
func (d *DB) newID(b *lsm.Batch) (uint16, error) {
	v, err := d.meta(metaKey(metaNext))
	if err != nil {
		return 0, err
	}
	if len(v) != 2 {
		return 0, fmt.Errorf("%w: catalog", table.ErrCorrupt)
	}
	id := binary.BigEndian.Uint16(v)
	if id == 1<<16-1 {
		return 0, errors.New("no ids left for tables and indexes")
	}
	return id, b.Set(metaKey(metaNext), binary.BigEndian.AppendUint16(nil, id+1), nil)
}

func (d *DB) loadTable(t *tableInfo) error {
	key := metaKey(metaTable, t.Name)
	v, err := d.meta(key)
	if err != nil {
		return err
	}
	var hasSort byte
	if t.Sort != "" {
		hasSort = 1
	}
	switch {
	case v == nil:
		b := d.db.NewBatch()
		if t.id, err = d.newID(b); err != nil {
			return err
		}
		_ = b.Set(key, append(binary.BigEndian.AppendUint16(nil, t.id), hasSort), nil)
		if err := d.db.Apply(b, lsm.NoSync); err != nil {
			return err
		}
	case len(v) != 3:
		return fmt.Errorf("%w: catalog entry of table %q", table.ErrCorrupt, t.Name)
	case v[2] != hasSort:
		return table.Invalid("table %q was made with another key", t.Name)
	default:
		t.id = binary.BigEndian.Uint16(v)
	}
	t.indexes = make([]indexInfo, len(t.Indexes))
	for i, ix := range t.Indexes {
		t.indexes[i].Index = ix
		if err := d.loadIndex(t, &t.indexes[i]); err != nil {
			return fmt.Errorf("index %q of table %q: %w", ix.Name, t.Name, err)
		}
	}
	return nil
}

// loadIndex finds the id of an index, or builds it if it is new or stands on other attributes than before.
func (d *DB) loadIndex(t *tableInfo, ix *indexInfo) error {
	key, on := metaKey(metaIndex, t.Name, ix.Name), ix.Part+"\x00"+ix.Sort
	v, err := d.meta(key)
	if err != nil {
		return err
	}
	if len(v) > 2 && string(v[2:]) == on {
		ix.id = binary.BigEndian.Uint16(v)
		return nil
	}
	// The id is taken first and the entry written last: after a crash between the two the half-built entries stand
	// under an id that nothing uses.
	b := d.db.NewBatch()
	if ix.id, err = d.newID(b); err != nil {
		return err
	}
	if err := d.db.Apply(b, lsm.NoSync); err != nil {
		return err
	}
	if err := d.buildIndex(t, ix); err != nil {
		return err
	}
	b = d.db.NewBatch()
	if len(v) > 2 {
		old := binary.BigEndian.Uint16(v)
		_ = b.DeleteRange(appendHead(nil, spaceIndex, old), appendHead(nil, spaceIndex, old+1), nil)
	}
	_ = b.Set(key, append(binary.BigEndian.AppendUint16(nil, ix.id), on...), nil)
	return d.db.Apply(b, lsm.NoSync)
}

// buildIndex writes the entries of all items of a table.
func (d *DB) buildIndex(t *tableInfo, ix *indexInfo) error {
	it, err := d.db.NewIter(&lsm.IterOptions{
		LowerBound: appendHead(nil, spaceRow, t.id), UpperBound: appendHead(nil, spaceRow, t.id+1),
	})
	if err != nil {
		return err
	}
	defer func() { _ = it.Close() }() // its error is that of Error
	b := d.db.NewBatch()
	for ok := it.First(); ok; ok = it.Next() {
		k, err := readTail(it.Key()[headBytes:])
		if err != nil {
			return err
		}
		entry, err := ix.appendKey(nil, t, k, it.Value())
		if err != nil {
			return err
		}
		if len(entry) == 0 {
			continue
		}
		_ = b.Set(entry, nil, nil)
		if b.Len() > maxGroupBytes {
			if err := d.db.Apply(b, lsm.NoSync); err != nil {
				return err
			}
			b = d.db.NewBatch()
		}
	}
	if err := it.Error(); err != nil {
		return err
	}
	return d.db.Apply(b, lsm.NoSync)
}
