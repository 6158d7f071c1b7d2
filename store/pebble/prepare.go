package pebble

import "parley/store/table"

// op is a table.Op made ready by its caller's goroutine: validated, copied and encoded, so that the committer only
// compares and appends, and nothing is shared with the caller.
type op struct {
	kind table.OpKind
	tab  *tableInfo
	key  table.Key
	row  []byte // row key
	rec  record // Put only
	cond table.CondKind
	attr string
	want []byte // encoded value, for Equal
	num  int64  // for LessOrNew
	due  int64  // purge only: delete quietly if the item still expires at this second
}

// prepare checks ops and encodes them.
func (d *DB) prepare(in []table.Op) ([]op, error) {
	if err := d.catalog.Write(in); err != nil {
		return nil, err
	}
	ops := make([]op, len(in))
	for i := range in {
		d.prepareOp(&ops[i], &in[i])
	}
	return ops, nil
}

func (d *DB) prepareOp(o *op, in *table.Op) {
	tab := d.tables[in.Table]
	*o = op{kind: in.Kind, tab: tab, key: in.Item.Key, row: rowKey(tab.id, in.Item.Key), cond: in.If.Kind, attr: in.If.Attr, num: in.If.Value.Num}
	if in.Kind == table.Put {
		const framing = 16 // lengths, kinds and the head
		size := tab.Size(&in.Item) + framing + 4*len(in.Item.Attrs)
		o.rec = appendRecord(make([]byte, 0, size), &in.Item)
	}
	if in.If.Kind == table.Equal {
		o.want = appendValue(nil, in.If.Value)
	}
}
