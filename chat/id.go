package chat

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
	"time"
)

// crockford is the alphabet of ULIDs.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewID makes a ULID (github.com/ulid/spec): 48 bits of time in milliseconds, 80 random bits.
func NewID(at time.Time) string {
	var entropy [10]byte
	_, _ = rand.Read(entropy[:]) // never fails (crypto/rand)
	return ulid(at.UnixMilli(), entropy)
}

// NewMessageID makes the ULID of a message: 40 of its 80 random bits are random, the other 40 are its log number. So
// a message is found by its id without an index, and no two messages of a room can share an id.
func NewMessageID(at Millis, seq int64) string {
	var entropy [10]byte
	_, _ = rand.Read(entropy[:5])
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(seq))
	copy(entropy[5:], n[3:])
	return ulid(at, entropy)
}

// messageSeq reads the log number off a message id; false if id is no ULID.
func messageSeq(id string) (int64, bool) {
	if len(id) != 26 {
		return 0, false
	}
	var seq uint64
	for i := range 26 {
		v := strings.IndexByte(crockford, id[i])
		if v < 0 {
			return 0, false
		}
		if i >= 18 { // the last eight characters carry the last 40 bits
			seq = seq<<5 | uint64(v)
		}
	}
	return int64(seq), true
}

// ulid encodes 128 bits as 26 characters of five bits each, the first of which has only three.
func ulid(at Millis, entropy [10]byte) string {
	hi := uint64(at)<<16 | uint64(entropy[0])<<8 | uint64(entropy[1])
	lo := binary.BigEndian.Uint64(entropy[2:])
	var out [26]byte
	for i := 25; i >= 0; i-- {
		out[i] = crockford[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:])
}
