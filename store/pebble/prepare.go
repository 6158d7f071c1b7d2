package pebble

import (
	"slices"

	"parley/store/table"
)

// request is one Write on its way through the committer: its operations validated, copied and encoded by the caller's
// goroutine, so that the committer only compares and appends, and nothing is shared with the caller. It is the
// committer's from submit until done has a token.
type request struct {
	ops  []op
	err  error
	done chan struct{} // holds the token that says that err is the answer

	buf []byte // backs the row keys and records of ops
}

type op struct {
	kind table.OpKind
	tab  *tableInfo
	key  table.Key
	row  []byte // row key
	name string // the same
	rec  record // Put only
	cond table.CondKind
	attr string
	want []byte // encoded value, for Equal
	num  int64  // for LessOrNew
	due  int64  // purge only: delete quietly if the item still expires at this second
}

func newRequest() any { return &request{done: make(chan struct{}, 1)} }

// prepare checks ops and encodes them into a request.
func (d *DB) prepare(in []table.Op) (*request, error) {
	if err := d.catalog.Write(in); err != nil {
		return nil, err
	}
	r := d.spare.Get().(*request) //nolint:forcetypeassert // nothing else is in it
	r.ops = slices.Grow(r.ops, len(in))[:len(in)]
	for i := range in {
		o := &in[i]
		r.ops[i] = op{kind: o.Kind, tab: d.tables[o.Table], key: o.Item.Key, cond: o.If.Kind, attr: o.If.Attr, num: o.If.Value.Num}
	}
	r.address()
	for i := range in {
		if in[i].Kind == table.Put {
			from := len(r.buf)
			r.buf = appendRecord(r.buf, &in[i].Item)
			r.ops[i].rec = r.buf[from:len(r.buf):len(r.buf)]
		}
		if in[i].If.Kind == table.Equal {
			r.ops[i].want = appendValue(nil, in[i].If.Value)
		}
	}
	return r, nil
}

// address sets the row keys of the ops.
func (r *request) address() {
	r.buf = r.buf[:0]
	for i := range r.ops {
		o := &r.ops[i]
		r.buf = appendRow(r.buf, o.tab.id, o.key)
	}
	names, from := string(r.buf), 0
	for i := range r.ops {
		o := &r.ops[i]
		to := from + rowBytes(o.key)
		o.row, o.name = r.buf[from:to:to], names[from:to]
		from = to
	}
}

// bytes is the size of the records.
func (r *request) bytes() (n int) {
	for i := range r.ops {
		n += len(r.ops[i].rec)
	}
	return n
}

// recycle keeps an answered request for another Write.
func (d *DB) recycle(r *request) {
	const most = 64 << 10 // bytes, and ops of a few hundred bytes
	if cap(r.buf) > most || len(r.ops) > table.MaxOps {
		return
	}
	clear(r.ops)
	r.ops, r.buf, r.err = r.ops[:0], r.buf[:0], nil
	d.spare.Put(r)
}
