package pebble

import (
	"encoding/binary"
	"fmt"
	"strings"

	"parley/store/table"
)

// The keyspace. A key begins with the space it belongs to; ids are those of the catalog.
//
//	meta    spaceMeta    name
//	row     spaceRow     id(2) escaped(part) sort             → record
//	index   spaceIndex   id(2) escaped(ipart) escaped(isort) escaped(part) sort → nothing
//	expiry  spaceExpiry  epoch second(8) id(2) escaped(part) sort → nothing
//
// The tail "escaped(part) sort" is the same in all three, so one leads to the other without decoding. escaped keeps the
// order of bytes and marks its own end (0x00 becomes 0x00 0xFF, the end is 0x00 0x01), so neither a zero byte in a
// key nor one key that begins with another can mix two partitions. The sort key stands last and needs no escaping.
const (
	spaceMeta   = 0x00
	spaceRow    = 0x01
	spaceIndex  = 0x02
	spaceExpiry = 0x03

	headBytes   = 3               // space and id
	expiryBytes = 1 + 8           // space and second; id and tail follow
	expiryHead  = expiryBytes + 2 // where the tail begins
)

const (
	escape     = 0x00
	escapedNul = 0xFF
	escapeEnd  = 0x01
	escapePast = 0x02 // in place of escapeEnd: the first key past everything with that component
)

// appendHead begins a key of the row or index space.
func appendHead(b []byte, space byte, id uint16) []byte {
	return append(b, space, byte(id>>8), byte(id))
}

func appendEscaped(b []byte, s string) []byte {
	if strings.IndexByte(s, escape) < 0 {
		return append(append(b, s...), escape, escapeEnd)
	}
	for i := 0; i < len(s); i++ {
		b = append(b, s[i])
		if s[i] == escape {
			b = append(b, escapedNul)
		}
	}
	return append(b, escape, escapeEnd)
}

// readEscaped undoes appendEscaped and returns what follows.
func readEscaped(b []byte) (s string, rest []byte, err error) {
	out := make([]byte, 0, len(b))
	for i := 0; i+1 < len(b); i++ {
		if b[i] != escape {
			out = append(out, b[i])
			continue
		}
		i++
		switch b[i] {
		case escapedNul:
			out = append(out, escape)
		case escapeEnd:
			return string(out), b[i+1:], nil
		default:
			return "", nil, fmt.Errorf("%w: key with a bad escape", table.ErrCorrupt)
		}
	}
	return "", nil, fmt.Errorf("%w: key without an end", table.ErrCorrupt)
}

// skipEscaped returns what follows an escaped component.
func skipEscaped(b []byte) ([]byte, error) {
	for i := 0; i+1 < len(b); i++ {
		if b[i] != escape {
			continue
		}
		i++
		if b[i] == escapeEnd {
			return b[i+1:], nil
		}
	}
	return nil, fmt.Errorf("%w: key without an end", table.ErrCorrupt)
}

// appendTail appends the part of a key that names an item within its table.
func appendTail(b []byte, k table.Key) []byte {
	return append(appendEscaped(b, k.Part), k.Sort...)
}

// readTail undoes appendTail.
func readTail(b []byte) (table.Key, error) {
	part, rest, err := readEscaped(b)
	if err != nil {
		return table.Key{}, err
	}
	return table.Key{Part: part, Sort: string(rest)}, nil
}

// appendRow appends the row key of an item.
func appendRow(b []byte, id uint16, k table.Key) []byte {
	return appendTail(appendHead(b, spaceRow, id), k)
}

// rowBytes is the length of a row key.
func rowBytes(k table.Key) int {
	return headBytes + len(k.Part) + strings.Count(k.Part, "\x00") + 2 + len(k.Sort)
}

// appendExpiry appends the expiry key of the row with the given key.
func appendExpiry(b []byte, expires int64, row []byte) []byte {
	b = append(b, spaceExpiry)
	b = binary.BigEndian.AppendUint64(b, uint64(expires))
	return append(b, row[1:]...)
}

// past returns the first key after all keys that begin with an escaped component which ends b.
func past(b []byte) []byte {
	b[len(b)-1] = escapePast
	return b
}
