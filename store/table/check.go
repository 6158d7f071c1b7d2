package table

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// TTL is the attribute name that Item.Expires takes on engines that store it by name.
const TTL = "ttl"

// Catalog is the set of tables an engine was opened with, by name. Engines refuse by it, before they touch anything, what
// the port does not allow, so that all of them accept the same. All its errors are ErrInvalid.
type Catalog map[string]*Schema

// NewCatalog refuses schemas that no engine could open.
func NewCatalog(schemas []Schema) (Catalog, error) {
	name := func(s string) bool { return s != "" && utf8.ValidString(s) && !strings.Contains(s, "\x00") }
	c := make(Catalog, len(schemas))
	for i := range schemas {
		s := schemas[i]
		if !name(s.Name) || !name(s.Part) || s.Part == s.Sort || c[s.Name] != nil {
			return nil, Invalid("schema of table %q", s.Name)
		}
		c[s.Name] = &s
		indexes := map[string]bool{}
		for _, ix := range s.Indexes {
			if !name(ix.Name) || !name(ix.Part) || !name(ix.Sort) || ix.Part == ix.Sort || indexes[ix.Name] {
				return nil, Invalid("schema of index %q of table %q", ix.Name, s.Name)
			}
			indexes[ix.Name] = true
		}
	}
	return c, nil
}

// Invalid makes an ErrInvalid.
func Invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// Table returns the named table.
func (c Catalog) Table(name string) (*Schema, error) {
	if s := c[name]; s != nil {
		return s, nil
	}
	return nil, Invalid("unknown table %q", name)
}

// Index returns the named index.
func (s *Schema) Index(name string) (*Index, error) {
	for i := range s.Indexes {
		if s.Indexes[i].Name == name {
			return &s.Indexes[i], nil
		}
	}
	return nil, Invalid("unknown index %q of table %q", name, s.Name)
}

// Get checks what DB.Get was asked.
func (c Catalog) Get(name string, keys []Key) error {
	s, err := c.Table(name)
	if err != nil {
		return err
	}
	if len(keys) > MaxKeys {
		return Invalid("%d keys in one read, at most %d", len(keys), MaxKeys)
	}
	for _, k := range keys {
		if err := s.checkKey(k); err != nil {
			return err
		}
	}
	return nil
}

// Query checks what DB.Query was asked, but for the page token, and sets its Limit if it has none.
func (c Catalog) Query(q *Query) error {
	s, err := c.Table(q.Table)
	if err != nil {
		return err
	}
	if q.Index != "" {
		if _, err := s.Index(q.Index); err != nil {
			return err
		}
	}
	if q.Part == "" || len(q.Part) > MaxPartBytes || !utf8.ValidString(q.Part) {
		return Invalid("query of a partition key of %d bytes", len(q.Part))
	}
	if len(q.From) > MaxSortBytes || len(q.To) > MaxSortBytes || !utf8.ValidString(q.From) || !utf8.ValidString(q.To) {
		return Invalid("query with bad bounds")
	}
	q.Limit, err = limit(q.Limit)
	return err
}

// Scan checks what Scanner.Scan was asked, but for the page token, and returns the limit to use.
func (c Catalog) Scan(name string, n int) (int, error) {
	if _, err := c.Table(name); err != nil {
		return 0, err
	}
	return limit(n)
}

func limit(n int) (int, error) {
	if n < 0 || n > MaxLimit {
		return 0, Invalid("limit %d, 1 to %d", n, MaxLimit)
	}
	if n == 0 {
		return MaxLimit, nil
	}
	return n, nil
}

// Write checks what DB.Write was asked: each operation, that no two are on one item, and their number and size.
func (c Catalog) Write(ops []Op) error {
	if len(ops) > MaxOps {
		return Invalid("%d operations in one write, at most %d", len(ops), MaxOps)
	}
	total := 0
	for i := range ops {
		size, err := c.op(&ops[i])
		if err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
		for j := range i {
			if ops[i].Item.Key == ops[j].Item.Key && ops[i].Table == ops[j].Table {
				return Invalid("operations %d and %d are on the same item", j, i)
			}
		}
		total += size
	}
	if total > MaxWriteBytes {
		return Invalid("%d bytes in one write, at most %d", total, MaxWriteBytes)
	}
	return nil
}

// op returns the size of a good operation.
func (c Catalog) op(op *Op) (size int, err error) {
	s, err := c.Table(op.Table)
	if err != nil {
		return 0, err
	}
	if err := s.checkKey(op.Item.Key); err != nil {
		return 0, err
	}
	switch op.Kind {
	case Put:
		if size, err = s.checkItem(&op.Item); err != nil {
			return 0, err
		}
	case Delete, Check:
		size = s.keyBytes(op.Item.Key)
	default:
		return 0, Invalid("unknown operation %d", op.Kind)
	}
	switch op.If.Kind {
	case Always, Absent, Present:
		return size, nil
	case Fresh:
		if op.Kind != Put {
			return 0, Invalid("only what is put can be fresh")
		}
		return size, nil
	case Once:
		if op.Kind != Put || op.Item.Expires == 0 {
			return 0, Invalid("only what is put and expires can be put once")
		}
		return size, nil
	case Equal:
	case LessOrNew:
		if op.If.Value.Kind != Number {
			return 0, Invalid("condition compares %q with what is not a number", op.If.Attr)
		}
	default:
		return 0, Invalid("unknown condition %d", op.If.Kind)
	}
	if err := s.checkName(op.If.Attr); err != nil {
		return 0, err
	}
	return size, checkValue(op.If.Attr, op.If.Value)
}

func (s *Schema) checkKey(k Key) error {
	switch {
	case k.Part == "" || len(k.Part) > MaxPartBytes:
		return Invalid("partition key of %d bytes in table %q, 1 to %d", len(k.Part), s.Name, MaxPartBytes)
	case (k.Sort == "") != (s.Sort == ""):
		return Invalid("sort key %q in table %q", k.Sort, s.Name)
	case len(k.Sort) > MaxSortBytes:
		return Invalid("sort key of %d bytes, at most %d", len(k.Sort), MaxSortBytes)
	case !utf8.ValidString(k.Part) || !utf8.ValidString(k.Sort):
		return Invalid("key is not UTF-8 in table %q", s.Name)
	}
	return nil
}

// checkName refuses names that would collide with the key or the expiry on engines that store them by name.
func (s *Schema) checkName(name string) error {
	if name == "" || name == s.Part || name == s.Sort || name == TTL || !utf8.ValidString(name) {
		return Invalid("attribute name %q in table %q", name, s.Name)
	}
	return nil
}

func checkValue(name string, v Value) error {
	switch v.Kind {
	case Number, Bytes:
		return nil
	case Text:
		if !utf8.ValidString(v.Text) {
			return Invalid("attribute %q is not UTF-8", name)
		}
		return nil
	}
	return Invalid("attribute %q has no kind", name)
}

// numberBytes is the most that DynamoDB counts for a number.
const numberBytes = 21

func (s *Schema) keyBytes(k Key) int { return len(s.Part) + len(k.Part) + len(s.Sort) + len(k.Sort) }

// Size is how many bytes the item counts: names and values, the key's and the expiry's too.
func (s *Schema) Size(it *Item) int {
	size := s.keyBytes(it.Key)
	if it.Expires != 0 {
		size += len(TTL) + numberBytes
	}
	for i := range it.Attrs {
		a := &it.Attrs[i]
		size += len(a.Name) + len(a.Value.Text) + len(a.Value.Data)
		if a.Value.Kind == Number {
			size += numberBytes
		}
	}
	return size
}

// checkItem returns the size of a good item.
func (s *Schema) checkItem(it *Item) (int, error) {
	if it.Expires < 0 {
		return 0, Invalid("item expires at %d", it.Expires)
	}
	for i := range it.Attrs {
		a := &it.Attrs[i]
		if err := s.checkName(a.Name); err != nil {
			return 0, err
		}
		if err := checkValue(a.Name, a.Value); err != nil {
			return 0, err
		}
		for j := range i {
			if it.Attrs[j].Name == a.Name {
				return 0, Invalid("attribute %q stands twice", a.Name)
			}
		}
	}
	size := s.Size(it)
	if size > MaxItemBytes {
		return 0, Invalid("item of %d bytes, at most %d", size, MaxItemBytes)
	}
	return size, s.checkIndexed(it)
}

// checkIndexed refuses what could not be the key of an index: an indexed attribute, where it is there, is a key.
func (s *Schema) checkIndexed(it *Item) error {
	for i := range s.Indexes {
		ix := &s.Indexes[i]
		if err := ix.checkKey(it, ix.Part, MaxPartBytes); err != nil {
			return err
		}
		if err := ix.checkKey(it, ix.Sort, MaxSortBytes); err != nil {
			return err
		}
	}
	return nil
}

func (ix *Index) checkKey(it *Item, name string, most int) error {
	v := it.Get(name)
	if v.Kind != 0 && (v.Kind != Text || v.Text == "" || len(v.Text) > most) {
		return Invalid("attribute %q is in index %q and must be text of 1 to %d bytes", name, ix.Name, most)
	}
	return nil
}
