package pebble

import (
	"context"
	"hash/maphash"
	"sync/atomic"

	lsm "github.com/cockroachdb/pebble/v2"

	"parley/store/table"
)

// known is a Bloom filter (B. H. Bloom, Space/Time Trade-offs in Hash Coding with Allowable Errors, CACM 13(7), 1970) of
// the rows that expire. Whether a message was sent before is asked for each, and the answer is nearly always no: to ask the
// engine, which has such filters only for its files, was half of what the committer did.
//
// The committer adds what it puts, learn adds what was there before. Nothing is taken out.
type known struct {
	seed  maphash.Seed
	bits  []atomic.Uint64
	rows  atomic.Int64 // added, some more than once
	ready atomic.Bool  // all that is there was added
}

const (
	knownBits   = 1 << 24 // 2 MiB
	knownHashes = 4
	maxKnown    = 2 << 20 // rows, at which one of forty others is taken for known
)

func newKnown() *known {
	return &known{seed: maphash.MakeSeed(), bits: make([]atomic.Uint64, knownBits/64)}
}

// places are the bits of a row, from two hashes (Kirsch and Mitzenmacher, Less Hashing, Same Performance, 2006).
func (k *known) places(row []byte) (at [knownHashes]uint32) {
	h := maphash.Bytes(k.seed, row)
	for i := range at {
		at[i] = (uint32(h) + uint32(i)*uint32(h>>32|1)) % knownBits
	}
	return at
}

func (k *known) add(row []byte) {
	for _, at := range k.places(row) {
		k.bits[at/64].Or(1 << (at % 64))
	}
	k.rows.Add(1)
}

// excludes tells that a row is certainly not there.
func (k *known) excludes(row []byte) bool {
	if !k.ready.Load() {
		return false
	}
	for _, at := range k.places(row) {
		if k.bits[at/64].Load()&(1<<(at%64)) == 0 {
			return true
		}
	}
	return false
}

// learn makes known what is there, unless that is too much. Then, as before, the engine is asked.
func (d *DB) learn(ctx context.Context) (err error) {
	k := newKnown()
	d.known.Store(k)
	defer func() {
		if err != nil {
			d.known.Store(nil) // the next one begins anew
		}
	}()
	if err := d.barrier(ctx); err != nil { // what was put without k is in the view that follows
		return err
	}
	v, err := d.acquire()
	if err != nil {
		return err
	}
	defer d.done(v)
	it, err := v.snap.NewIter(&lsm.IterOptions{LowerBound: []byte{spaceExpiry}, UpperBound: []byte{spaceExpiry + 1}})
	if err != nil {
		return classify(err)
	}
	row := []byte{spaceRow}
	for ok := it.First(); ok && k.rows.Load() < maxKnown && ctx.Err() == nil; ok = it.Next() {
		if e := it.Key(); len(e) >= expiryHead {
			row = append(row[:1], e[expiryBytes:]...)
			k.add(row)
		}
	}
	k.ready.Store(!it.Valid() && it.Error() == nil)
	return classify(it.Close())
}

// relearn begins anew when much of what is known has gone since.
func (d *DB) relearn(ctx context.Context) error {
	if k := d.known.Load(); k == nil || k.ready.Load() && k.rows.Load() > maxKnown {
		return d.learn(ctx)
	}
	return nil
}

// barrier returns when every write that was submitted before is done.
func (d *DB) barrier(ctx context.Context) error {
	r := d.spare.Get().(*request) //nolint:forcetypeassert // nothing else is in it
	for _, tab := range d.tables {
		r.ops = append(r.ops, op{kind: table.Check, tab: tab, key: table.Key{Part: "-"}}) // any row
	}
	r.address()
	return d.submit(ctx, r)
}
