package chat

import (
	"context"
	"slices"
	"unicode/utf8"
)

// DigestForm is the form of the digests that this version makes: it changes with what Names.SearchKey returns, and with the
// filter. Digests of another form are read as none, and replaced.
const DigestForm = 1

// Digest is what a search leaves behind of one block of a room's log, 256 numbers of which all are taken for good: what
// need not be searched for there. Or it is a mark in its place, that texts of the block have changed.
type Digest struct {
	RoomID string
	Block  int64  // its numbers are Block<<8 to Block<<8 + 255
	Form   int    // DigestForm; zero in a mark
	Oldest Millis // when the first of its messages was sent; zero if it has none
	Newest Millis
	// Grams is a Bloom filter of all that is one, two or three characters long in the folded texts of the block.
	Grams []byte
	// Of a mark: how many messages of the block were changed by the commit that was planned on the head After.
	After   int64
	Changed int
}

// Digests keeps what searches leave behind. All of it may be lost at any time, but for the marks of Commit.Stale: they
// replace digests in the commit that changes a text, so that no trace of what was said before stays. They go with their room.
type Digests interface {
	// Digests returns what there is of blocks from one to another of a room, those included, descending.
	Digests(ctx context.Context, roomID string, from, to int64) ([]Digest, error)
	// PutDigest stores d for by, who reads the room, in the place of was: what Digests returned of the block before its
	// messages were read, or a zero Digest for nothing. ErrMoved if something else stands there, or by is not in the room
	// (any more).
	PutDigest(ctx context.Context, by string, d, was Digest) error
}

const (
	blockBits = 8 // a block is 256 numbers of a log
	blockSize = 1 << blockBits

	// sealAfter is how far the head must be beyond a block: no commit takes so many numbers. So all that is in the block
	// was there before the head moved to where it is, also where a store shows a commit piece by piece.
	sealAfter = 100

	gramBits    = 6        // of the filter for each gram
	gramHashes  = 4        // of these are set
	maxGramData = 32 << 10 // bytes of a filter; one of much text is less sharp
)

func blockEnd(block int64) int64 { return (block+1)<<blockBits - 1 }

// sealed tells whether a block may have a digest.
func sealed(block, head int64) bool { return head >= blockEnd(block)+sealAfter }

// current tells whether d is a digest that this version reads.
func (d *Digest) current() bool { return d.Form == DigestForm }

// mayHold tells whether a message of the block may have all of grams; false is certain.
func (d *Digest) mayHold(grams []uint64) bool {
	bits := uint64(len(d.Grams)) * 8
	if bits == 0 {
		return false
	}
	for _, g := range grams {
		at, by := gramHash(g)
		for range gramHashes {
			if bit := at % bits; d.Grams[bit/8]&(1<<(bit%8)) == 0 {
				return false
			}
			at += by
		}
	}
	return true
}

// newDigest is the digest of a block with these messages, newest first, and their folded texts.
func newDigest(roomID string, block int64, msgs []Message, texts []string) Digest {
	d := Digest{RoomID: roomID, Block: block, Form: DigestForm}
	if len(msgs) > 0 {
		d.Oldest, d.Newest = msgs[len(msgs)-1].CreatedAt, msgs[0].CreatedAt
	}
	seen := make(map[uint64]struct{}, 4096)
	for _, text := range texts {
		eachGram(text, func(g uint64) { seen[g] = struct{}{} })
	}
	d.Grams = make([]byte, min((len(seen)*gramBits+7)/8, maxGramData))
	bits := uint64(len(d.Grams)) * 8
	for g := range seen {
		at, by := gramHash(g)
		for range gramHashes {
			bit := at % bits
			d.Grams[bit/8] |= 1 << (bit % 8)
			at += by
		}
	}
	return d
}

// shows tells whether messages of the block, as they were read, have all the changes that the mark d stands for: some
// stores show a commit piece by piece. Later changes of the block are later marks, or reactions, which come after it.
func (d *Digest) shows(msgs []Message) bool {
	n := 0
	for i := range msgs {
		if msgs[i].UpdatedSeq > d.After {
			n++
		}
	}
	return n >= d.Changed
}

const runeBits = 21 // a gram is its characters side by side

// eachGram calls f with every part of a text that is one, two or three characters long and on one line.
func eachGram(text string, f func(uint64)) {
	var one, two uint64 // the characters before
	for _, r := range text {
		if r == '\n' {
			one, two = 0, 0
			continue
		}
		c := uint64(r)
		f(c)
		if one != 0 {
			f(one<<runeBits | c)
			if two != 0 {
				f(two<<(2*runeBits) | one<<runeBits | c)
			}
		}
		one, two = c, one
	}
}

// gramsOf are the grams that a text must have to have all of words: for each, the longest that it has.
func gramsOf(words []string) []uint64 {
	var out []uint64
	for _, w := range words {
		least := uint64(1) << (runeBits * (min(3, utf8.RuneCountInString(w)) - 1))
		eachGram(w, func(g uint64) {
			if g >= least && !slices.Contains(out, g) {
				out = append(out, g)
			}
		})
	}
	return out
}

// gramHash spreads a gram (the finalizer of splitmix64) to the place of its first bit, and the way to the next ones.
func gramHash(g uint64) (at, by uint64) {
	g ^= g >> 30
	g *= 0xbf58476d1ce4e5b9
	g ^= g >> 27
	g *= 0x94d049bb133111eb
	g ^= g >> 31
	return g >> 32, g&0xffffffff | 1
}

// stale notes that a message of the commit has another text than before, if its block may have a digest. It comes after
// every change, so that a mark counts all of them.
func (c *Commit) stale(m *Message) {
	block := m.Seq >> blockBits
	if c.Room.HeadSeq < blockEnd(block) {
		return
	}
	for i := range c.Stale {
		if c.Stale[i].Block == block {
			c.Stale[i].Changed++
			return
		}
	}
	c.Stale = append(c.Stale, Digest{RoomID: m.RoomID, Block: block, After: c.After, Changed: 1})
}

// saysAsMuch tells whether a search takes two forms of a message for the same.
func (m *Message) saysAsMuch(other *Message) bool {
	return m.Content == other.Content && slices.Equal(m.Attachments, other.Attachments)
}
