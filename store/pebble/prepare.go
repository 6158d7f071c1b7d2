package pebble

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"parley/store/table"
)

// ttlAttr is the attribute name that Item.Expires takes on engines that store it by name.
const ttlAttr = "ttl"

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

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", table.ErrInvalid, fmt.Sprintf(format, args...))
}

// prepare checks ops and encodes them.
func (d *DB) prepare(in []table.Op) ([]op, error) {
	if len(in) > table.MaxOps {
		return nil, invalid("%d operations in one write, at most %d", len(in), table.MaxOps)
	}
	ops := make([]op, len(in))
	for i := range in {
		if err := d.prepareOp(&ops[i], &in[i]); err != nil {
			return nil, fmt.Errorf("operation %d: %w", i, err)
		}
		for j := range i {
			if bytes.Equal(ops[i].row, ops[j].row) {
				return nil, invalid("operations %d and %d are on the same item", j, i)
			}
		}
	}
	return ops, nil
}

func (d *DB) prepareOp(o *op, in *table.Op) error {
	tab, err := d.table(in.Table)
	if err != nil {
		return err
	}
	if err := tab.checkKey(in.Item.Key); err != nil {
		return err
	}
	*o = op{kind: in.Kind, tab: tab, key: in.Item.Key, row: rowKey(tab.id, in.Item.Key), cond: in.If.Kind}
	switch in.Kind {
	case table.Put:
		size, err := tab.checkItem(&in.Item)
		if err != nil {
			return err
		}
		o.rec = appendRecord(make([]byte, 0, size), &in.Item)
	case table.Delete, table.Check:
	default:
		return invalid("unknown operation %d", in.Kind)
	}
	switch in.If.Kind {
	case table.Always, table.Absent, table.Present:
		return nil
	case table.Equal:
		o.want = appendValue(nil, in.If.Value)
	case table.LessOrNew:
		if in.If.Value.Kind != table.Number {
			return invalid("condition compares %q with what is not a number", in.If.Attr)
		}
		o.num = in.If.Value.Num
	default:
		return invalid("unknown condition %d", in.If.Kind)
	}
	o.attr = in.If.Attr
	if err := tab.checkName(in.If.Attr); err != nil {
		return err
	}
	return checkValue(in.If.Attr, in.If.Value)
}

func (t *tableInfo) checkKey(k table.Key) error {
	switch {
	case k.Part == "" || len(k.Part) > table.MaxPartBytes:
		return invalid("partition key of %d bytes in table %q, 1 to %d", len(k.Part), t.Name, table.MaxPartBytes)
	case (k.Sort == "") != (t.Sort == ""):
		return invalid("sort key %q in table %q", k.Sort, t.Name)
	case len(k.Sort) > table.MaxSortBytes:
		return invalid("sort key of %d bytes, at most %d", len(k.Sort), table.MaxSortBytes)
	case !utf8.ValidString(k.Part) || !utf8.ValidString(k.Sort):
		return invalid("key is not UTF-8 in table %q", t.Name)
	}
	return nil
}

// checkName refuses names that would collide with the key or the expiry on engines that store them by name.
func (t *tableInfo) checkName(name string) error {
	if name == "" || name == t.Part || name == t.Sort || name == ttlAttr || !utf8.ValidString(name) {
		return invalid("attribute name %q in table %q", name, t.Name)
	}
	return nil
}

func checkValue(name string, v table.Value) error {
	switch v.Kind {
	case table.Number, table.Bytes:
		return nil
	case table.Text:
		if !utf8.ValidString(v.Text) {
			return invalid("attribute %q is not UTF-8", name)
		}
		return nil
	}
	return invalid("attribute %q has no kind", name)
}

// checkItem returns about how many bytes the record of a good item takes.
func (t *tableInfo) checkItem(it *table.Item) (int, error) {
	if it.Expires < 0 {
		return 0, invalid("item expires at %d", it.Expires)
	}
	size := len(t.Part) + len(it.Key.Part) + len(t.Sort) + len(it.Key.Sort)
	for i := range it.Attrs {
		a := &it.Attrs[i]
		if err := t.checkName(a.Name); err != nil {
			return 0, err
		}
		if err := checkValue(a.Name, a.Value); err != nil {
			return 0, err
		}
		for j := range i {
			if it.Attrs[j].Name == a.Name {
				return 0, invalid("attribute %q stands twice", a.Name)
			}
		}
		const number = 21 // the most that another engine counts for one
		size += len(a.Name) + len(a.Value.Text) + len(a.Value.Data) + number
		if a.Value.Kind != table.Number {
			size -= number
		}
	}
	if size > table.MaxItemBytes {
		return 0, invalid("item of %d bytes, at most %d", size, table.MaxItemBytes)
	}
	const framing = 16 // lengths, kinds and the head
	return size + framing + 4*len(it.Attrs), t.checkIndexed(it)
}

// checkIndexed refuses what could not be the key of an index: an indexed attribute, where it is there, is a key.
func (t *tableInfo) checkIndexed(it *table.Item) error {
	for _, ix := range t.indexes {
		for _, name := range []string{ix.Part, ix.Sort} {
			v := it.Get(name)
			if v.Kind == 0 {
				continue
			}
			limit := table.MaxSortBytes
			if name == ix.Part {
				limit = table.MaxPartBytes
			}
			if v.Kind != table.Text || v.Text == "" || len(v.Text) > limit {
				return invalid("attribute %q is in index %q and must be text of 1 to %d bytes", name, ix.Name, limit)
			}
		}
	}
	return nil
}

// checkSchemas refuses schemas that cannot be opened.
func checkSchemas(schemas []table.Schema) error {
	name := func(s string) bool { return s != "" && utf8.ValidString(s) && !strings.Contains(s, "\x00") }
	seen := map[string]bool{}
	for _, s := range schemas {
		if !name(s.Name) || !name(s.Part) || s.Part == s.Sort || seen[s.Name] {
			return invalid("schema of table %q", s.Name)
		}
		seen[s.Name] = true
		indexes := map[string]bool{}
		for _, ix := range s.Indexes {
			if !name(ix.Name) || !name(ix.Part) || !name(ix.Sort) || ix.Part == ix.Sort || indexes[ix.Name] {
				return invalid("schema of index %q of table %q", ix.Name, s.Name)
			}
			indexes[ix.Name] = true
		}
	}
	return nil
}
