package pebble

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"parley/store/table"
)

// recordVersion is the first byte of every stored value.
const recordVersion = 1

// record is the stored form of an item without its key:
//
//	version(1) expires(uvarint) count(uvarint) { len(uvarint) name  kind(1) value }*
//
// where a text or bytes value is len(uvarint) and its bytes, a number a zigzag varint. It is read in place: a
// condition or an index needs one attribute, not the whole item.
type record []byte

// field is one attribute of a record, as positions in it.
type field struct {
	name, nameEnd int
	kind          table.Kind
	value         int // where the encoded value begins, its kind not included
	data, end     int // the bytes of a text or bytes value; of a number only end counts
	num           int64
}

func damaged(what string) error {
	return fmt.Errorf("%w: record with a bad %s", table.ErrCorrupt, what)
}

// uvarint reads an unsigned number at pos and returns the position after it.
func (r record) uvarint(pos int) (v uint64, next int, ok bool) {
	if pos > len(r) {
		return 0, 0, false
	}
	v, n := binary.Uvarint(r[pos:])
	return v, pos + n, n > 0
}

// run reads a length and returns the bounds of the bytes that follow it.
func (r record) run(pos int) (from, to int, ok bool) {
	n, from, ok := r.uvarint(pos)
	if !ok || n > uint64(len(r)-from) {
		return 0, 0, false
	}
	return from, from + int(n), true
}

// head reads what stands before the attributes.
func (r record) head() (expires int64, count, pos int, err error) {
	if len(r) == 0 || r[0] != recordVersion {
		return 0, 0, 0, damaged("version")
	}
	e, pos, ok := r.uvarint(1)
	if !ok || e > 1<<63-1 {
		return 0, 0, 0, damaged("expiry")
	}
	n, pos, ok := r.uvarint(pos)
	const least = 3 // bytes of the smallest attribute: an empty name, a kind, a value
	if !ok || n > uint64(len(r)-pos)/least {
		return 0, 0, 0, damaged("count")
	}
	return int64(e), int(n), pos, nil
}

// field reads the attribute at pos; f.end is where the next one begins.
func (r record) field(pos int) (f field, err error) {
	var ok bool
	if f.name, f.nameEnd, ok = r.run(pos); !ok || f.nameEnd >= len(r) {
		return f, damaged("name")
	}
	f.kind, f.value = table.Kind(r[f.nameEnd]), f.nameEnd+1
	switch f.kind {
	case table.Text, table.Bytes:
		if f.data, f.end, ok = r.run(f.value); !ok {
			return f, damaged("value")
		}
	case table.Number:
		v, n := binary.Varint(r[f.value:])
		if n <= 0 {
			return f, damaged("number")
		}
		f.num, f.end = v, f.value+n
	default:
		return f, damaged("kind")
	}
	return f, nil
}

// find returns the named attribute; ok is false if there is none.
func (r record) find(name string) (f field, ok bool, err error) {
	_, count, pos, err := r.head()
	for ; err == nil && count > 0; count-- {
		if f, err = r.field(pos); err == nil && string(r[f.name:f.nameEnd]) == name {
			return f, true, nil
		}
		pos = f.end
	}
	return field{}, false, err
}

// check tells whether a stored record can be read to its end.
func (r record) check() error {
	if r == nil {
		return nil
	}
	_, count, pos, err := r.head()
	for ; err == nil && count > 0; count-- {
		var f field
		f, err = r.field(pos)
		pos = f.end
	}
	if err == nil && pos != len(r) {
		err = damaged("end")
	}
	return err
}

// live tells whether the record is there and not expired at the epoch second now.
func (r record) live(now int64) (bool, error) {
	if r == nil {
		return false, nil
	}
	expires, _, _, err := r.head()
	return err == nil && (expires == 0 || expires > now), err
}

// item decodes the whole record. All texts of the item share one copy of it.
func (r record) item(key table.Key) (table.Item, error) {
	expires, count, pos, err := r.head()
	if err != nil {
		return table.Item{}, err
	}
	s := string(r)
	it := table.Item{Key: key, Expires: expires, Attrs: make([]table.Attr, 0, count)}
	for ; count > 0; count-- {
		f, err := r.field(pos)
		if err != nil {
			return table.Item{}, err
		}
		v := table.Value{Kind: f.kind, Num: f.num}
		switch f.kind {
		case table.Text:
			v.Text = s[f.data:f.end]
		case table.Bytes:
			v.Data = bytes.Clone(r[f.data:f.end])
		}
		it.Attrs = append(it.Attrs, table.Attr{Name: s[f.name:f.nameEnd], Value: v})
		pos = f.end
	}
	if pos != len(r) {
		return table.Item{}, damaged("end")
	}
	return it, nil
}

// appendValue encodes a kind and its value; equal values have equal encodings.
func appendValue(b []byte, v table.Value) []byte {
	b = append(b, byte(v.Kind))
	switch v.Kind {
	case table.Text:
		b = binary.AppendUvarint(b, uint64(len(v.Text)))
		return append(b, v.Text...)
	case table.Bytes:
		b = binary.AppendUvarint(b, uint64(len(v.Data)))
		return append(b, v.Data...)
	default:
		return binary.AppendVarint(b, v.Num)
	}
}

// appendRecord encodes an item, which has been validated.
func appendRecord(b []byte, it *table.Item) []byte {
	b = append(b, recordVersion)
	b = binary.AppendUvarint(b, uint64(it.Expires))
	b = binary.AppendUvarint(b, uint64(len(it.Attrs)))
	for i := range it.Attrs {
		a := &it.Attrs[i]
		b = binary.AppendUvarint(b, uint64(len(a.Name)))
		b = append(b, a.Name...)
		b = appendValue(b, a.Value)
	}
	return b
}
