package chat

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"slices"
)

// searchCursor is where a search goes on: for each room of which some was searched, down to which number. It gives no
// right to anything. On the wire each room takes about eleven bytes, so that the five hundred that one can be in fit into
// an address, beside the longest query: CloudFront takes addresses of 8,192 bytes, API Gateway 10,240 with all headers.
type searchCursor struct {
	at    Millis // no message that is not searched is newer, but for those that came since
	salt  byte   // under which the rooms' hashes differ
	rooms []searchPlace
}

// searchPlace is how far one room was searched.
type searchPlace struct {
	room uint32 // hash of its id
	next int64  // the highest number that is not; zero: none
	at   Millis // of the newest message up to there; or less than a second later, if that is long before the others
}

// exactLag is within which time of a cursor its rooms' moments are exact: if not, a page could end before it knows which of
// hundreds of rooms comes first, and so could the next.
const exactLag = 60_000

// writeLag turns a time between two moments into a number, and readLag back.
func writeLag(lag Millis) uint64 {
	if lag = max(0, lag); lag < exactLag {
		return uint64(lag) << 1
	}
	return uint64(lag/1000)<<1 | 1
}

func readLag(n int64) Millis {
	if n&1 == 0 {
		return n >> 1
	}
	return n >> 1 * 1000
}

// roomHash stands for a room in a cursor, in 28 bits: the difference of two neighbours of hundreds takes three bytes.
func roomHash(roomID string, salt byte) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte{salt}) // never fails
	_, _ = h.Write([]byte(roomID))
	return h.Sum32() >> 4
}

// place returns how far a room was searched; false if it was not.
func (c *searchCursor) place(roomID string) (searchPlace, bool) {
	h := roomHash(roomID, c.salt)
	i, ok := slices.BinarySearchFunc(c.rooms, h, func(p searchPlace, h uint32) int { return cmp.Compare(p.room, h) })
	if !ok {
		return searchPlace{}, false
	}
	return c.rooms[i], true
}

// String writes a cursor; its rooms are in the order of their hashes.
func (c *searchCursor) String() string {
	b := binary.AppendUvarint([]byte{c.salt}, uint64(c.at))
	last := uint32(0)
	for _, p := range c.rooms {
		b = binary.AppendUvarint(b, uint64(p.room-last))
		b = binary.AppendUvarint(b, uint64(p.next))
		if p.next > 0 {
			b = binary.AppendUvarint(b, writeLag(c.at-p.at))
		}
		last = p.room
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseSearchCursor reads what String wrote; nil for an empty one.
func parseSearchCursor(s string) (*searchCursor, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // the beginning is an answer
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < 2 || len(b) > 32*MaxRoomsOf {
		return nil, badCursor()
	}
	c := &searchCursor{salt: b[0]}
	b = b[1:]
	number := func(most uint64) int64 {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > most {
			b, err = nil, badCursor()
			return 0
		}
		b = b[n:]
		return int64(v)
	}
	c.at = number(maxMillis)
	last := int64(0)
	for len(b) > 0 {
		last += number(1<<32 - 1)
		p := searchPlace{room: uint32(last), next: number(maxSeq)}
		if p.next > 0 {
			p.at = c.at - readLag(number(2*maxMillis/1000))
		}
		if last >= 1<<32 || len(c.rooms) > 0 && c.rooms[len(c.rooms)-1].room == p.room {
			return nil, badCursor()
		}
		c.rooms = append(c.rooms, p)
	}
	return c, err
}

func badCursor() error { return invalid("cursor", "The cursor is not one of ours.") }
