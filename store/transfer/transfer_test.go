package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"

	"parley/store/pebble"
	"parley/store/table"
	"parley/store/transfer"
)

func schemas() []table.Schema {
	return []table.Schema{
		{Name: "messages", Part: "roomId", Sort: "entry", Indexes: []table.Index{{Name: "userId-index", Part: "userId", Sort: "messageId"}}},
		{Name: "chat", Part: "pk", Sort: "sk"},
		{Name: "alone", Part: "id"},
	}
}

// newHouse opens an empty store and bucket on the disk.
func newHouse(t *testing.T) transfer.House {
	t.Helper()
	db, err := pebble.Open(pebble.Options{Dir: t.TempDir(), Schemas: schemas()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	bucket, err := fileblob.OpenBucket(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bucket.Close() })
	return transfer.House{Store: db, Tables: schemas(), Layout: 3, Files: bucket}
}

// fill puts in more items than a page or a batch has, every kind of value and its extremes, and files of awkward sizes.
func fill(t *testing.T, h transfer.House) (want transfer.Counts) {
	t.Helper()
	ctx := t.Context()
	put := func(name, part, sort string, expires int64, attrs ...table.Attr) {
		t.Helper()
		op := table.Op{Kind: table.Put, Table: name, Item: table.Item{Key: table.Key{Part: part, Sort: sort}, Attrs: attrs, Expires: expires}}
		if err := h.Store.Write(ctx, op); err != nil {
			t.Fatal(err)
		}
		want.Items++
	}
	var ops []table.Op
	for i := range 1500 {
		ops = append(ops, table.Op{Kind: table.Put, Table: "messages", Item: table.Item{
			Key: table.Key{Part: fmt.Sprintf("r%d", i%3), Sort: fmt.Sprintf("m#%04d", i)},
			Attrs: []table.Attr{table.S("userId", "u1"), table.S("messageId", fmt.Sprintf("%04d", i)), table.S("content", "hello <b>&amp; \u2028 😀"),
				table.N("seq", int64(i))},
		}})
		if len(ops) == table.MaxOps {
			if err := h.Store.Write(ctx, ops...); err != nil {
				t.Fatal(err)
			}
			want.Items += int64(len(ops))
			ops = nil
		}
	}
	put("chat", "user#u1", "account", 0, table.B("key", []byte{0, 1, 255}), table.N("max", math.MaxInt64), table.N("min", math.MinInt64))
	put("chat", "user#u1", "session#1", 1<<40, table.S("empty", ""), table.B("none", []byte{}))
	put("chat", "p\x00art", "s\x01ort\n", 0, table.S("text", "a\"\\\x00\t\n"), table.S("number", "12"), table.S("bytes", `{"base64":"AA=="}`))
	put("chat", "large", "escapes", 0, table.S("text", strings.Repeat("\x01", 380*1024)))
	put("alone", "x", "", 0)
	expired := table.Op{Kind: table.Put, Table: "alone", Item: table.Item{Key: table.Key{Part: "gone"}, Expires: 1}}
	if err := h.Store.Write(ctx, expired); err != nil {
		t.Fatal(err)
	}
	for i, size := range []int{0, 1, 48 << 10, 48<<10 + 1, 200_000} {
		data := bytes.Repeat([]byte{byte(i), 0xff}, size/2+1)[:size]
		opts := &blob.WriterOptions{ContentType: "image/jpeg", CacheControl: "immutable"}
		if err := h.Files.WriteAll(ctx, fmt.Sprintf("avatars/%d.jpg", i), data, opts); err != nil {
			t.Fatal(err)
		}
		want.Files++
	}
	return want
}

func export(t *testing.T, h transfer.House) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := transfer.Export(t.Context(), h, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTripIsByteEqual(t *testing.T) {
	from, to := newHouse(t), newHouse(t)
	want := fill(t, from)
	first := export(t, from)

	counts, err := transfer.Import(t.Context(), to, bytes.NewReader(first))
	if err != nil || counts != want {
		t.Fatalf("Import = %+v, %v; want %+v", counts, err, want)
	}
	if second := export(t, to); !bytes.Equal(first, second) {
		t.Error("the second export differs from the first")
	}
	page, err := to.Store.Query(t.Context(), table.Query{Table: "messages", Index: "userId-index", Part: "u1", Reverse: true, Limit: 1})
	if err != nil || len(page.Items) != 1 || page.Items[0].Text("messageId") != "1499" {
		t.Errorf("the index after the import gives %+v, %v", page.Items, err)
	}
	attrs, err := to.Files.Attributes(t.Context(), "avatars/4.jpg")
	if err != nil || attrs.ContentType != "image/jpeg" || attrs.CacheControl != "immutable" || attrs.Size != 200_000 {
		t.Errorf("the file after the import has %+v, %v", attrs, err)
	}
	if bytes.Contains(first, []byte(`"gone"`)) {
		t.Error("an expired item was exported")
	}
}

func TestImportRefusesWhatIsNotEmpty(t *testing.T) {
	from := newHouse(t)
	fill(t, from)
	text := export(t, from)
	if _, err := transfer.Import(t.Context(), from, bytes.NewReader(text)); !errors.Is(err, transfer.ErrNotEmpty) {
		t.Errorf("into a full store: %v", err)
	}
	onlyFile := newHouse(t)
	if err := onlyFile.Files.WriteAll(t.Context(), "x", []byte("x"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := transfer.Import(t.Context(), onlyFile, bytes.NewReader(text)); !errors.Is(err, transfer.ErrNotEmpty) {
		t.Errorf("into a bucket with a file: %v", err)
	}
}

// small is an export of two items and one file, with the lines numbered from 1.
const small = `{"parley":"export","format":1,"layout":3}
{"table":"alone","part":"x","attrs":{}}
{"table":"chat","part":"p","sort":"s","attrs":{"a":"t","n":-5}}
{"file":"f","type":"text/plain","size":3}
{"chunk":"YWJj"}
{"end":{"items":2,"files":1,"sha256":"` + smallSum + `"}}
`

const smallSum = "07059d77978e7775b2dddacc593e182639c6c089337a56e722a1b1094810bccf"

func TestImportRefusesDamage(t *testing.T) {
	lines := strings.SplitAfter(strings.TrimSuffix(small, "\n"), "\n")
	replace := func(n int, with string) string {
		l := slices.Clone(lines)
		l[n-1] = with + "\n"
		return strings.Join(l, "")
	}
	cases := []struct {
		name, text, want string
		err              error
	}{
		{"nothing", "", "after line 0", transfer.ErrDamaged},
		{"something else", "hello\n", "not an export", transfer.ErrDamaged},
		{"newer format", replace(1, `{"parley":"export","format":2,"layout":3}`), "format 2", table.ErrNewer},
		{"newer layout", replace(1, `{"parley":"export","format":1,"layout":4}`), "layout 4", table.ErrNewer},
		{"cut in a line", small[:150], "line 4", transfer.ErrDamaged},
		{"cut between lines", strings.Join(lines[:3], ""), "after line 3", transfer.ErrDamaged},
		{"line left out", strings.Join(slices.Delete(slices.Clone(lines), 1, 2), ""), "1 items", transfer.ErrDamaged},
		{"text changed", strings.Replace(small, `"a":"t"`, `"a":"u"`, 1), "line 6: the sum", transfer.ErrDamaged},
		{"unknown table", replace(2, `{"table":"other","part":"x","attrs":{}}`), "line 2", transfer.ErrDamaged},
		{"unknown kind", replace(2, `{"other":1}`), "line 2", transfer.ErrDamaged},
		{"unknown field", replace(2, `{"table":"alone","part":"x","attrs":{},"more":1}`), "line 2", transfer.ErrDamaged},
		{"repeated field", replace(3, `{"table":"chat","part":"p","sort":"s","attrs":{"a":"t","a":"t","n":-5}}`), "line 3", transfer.ErrDamaged},
		{"fraction", replace(3, `{"table":"chat","part":"p","sort":"s","attrs":{"n":1.5}}`), "line 3", transfer.ErrDamaged},
		{"too large a number", replace(3, `{"table":"chat","part":"p","sort":"s","attrs":{"n":9223372036854775808}}`), "line 3", transfer.ErrDamaged},
		{"bad base64", replace(3, `{"table":"chat","part":"p","sort":"s","attrs":{"n":{"base64":"?"}}}`), "line 3", transfer.ErrDamaged},
		{"invalid UTF-8", replace(3, "{\"table\":\"chat\",\"part\":\"p\",\"sort\":\"s\",\"attrs\":{\"a\":\"\xff\"}}"), "line 3", transfer.ErrDamaged},
		{"key missing", replace(3, `{"table":"chat","part":"","sort":"s","attrs":{}}`), "line 3", transfer.ErrDamaged},
		{"sort key where none is", replace(2, `{"table":"alone","part":"x","sort":"y","attrs":{}}`), "line 2", transfer.ErrDamaged},
		{"item twice", strings.Join(slices.Insert(slices.Clone(lines), 2, lines[1]), ""), "line 3: the item was there", transfer.ErrDamaged},
		{"file cut off", strings.Join(slices.Delete(slices.Clone(lines), 4, 5), ""), "line 5: a file lacks 3", transfer.ErrDamaged},
		{"part without file", strings.Join(slices.Delete(slices.Clone(lines), 3, 4), ""), "line 4", transfer.ErrDamaged},
		{"part too long", replace(5, `{"chunk":"YWJjZA=="}`), "line 5", transfer.ErrDamaged},
		{"file twice", strings.Join(slices.Insert(slices.Clone(lines), 5, lines[3:5]...), ""), "line 6", transfer.ErrDamaged},
		{"line after the end", small + lines[1], "line 7", transfer.ErrDamaged},
		{"endless line", lines[0] + strings.Repeat("x", 5<<20), "line 2", transfer.ErrDamaged},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := transfer.Import(t.Context(), newHouse(t), strings.NewReader(c.text))
			if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Import = %v; want %v with %q", err, c.err, c.want)
			}
		})
	}
	if _, err := transfer.Import(t.Context(), newHouse(t), strings.NewReader(small)); err != nil {
		t.Errorf("undamaged: %v", err)
	}
}

func TestImportStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := transfer.Import(ctx, newHouse(t), strings.NewReader(small)); !errors.Is(err, context.Canceled) {
		t.Errorf("Import = %v", err)
	}
}

// memory is a Store that keeps what is written in order, quick enough for the fuzzer.
type memory struct {
	table.DB
	mu    sync.Mutex
	items map[string][]table.Item
}

func (m *memory) Write(_ context.Context, ops ...table.Op) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, op := range ops {
		m.items[op.Table] = append(m.items[op.Table], op.Item)
	}
	return nil
}

func (m *memory) Scan(_ context.Context, name, _ string, _ int) (table.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return table.Page{Items: slices.Clone(m.items[name])}, nil
}

// FuzzImport asserts that garbage gives an error and no panic, and that what is taken comes out the same ever after.
func FuzzImport(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(small[:200]))
	f.Add([]byte(`{"parley":"export","format":1,"layout":3}` + "\n" + `{"end":{"items":0,"files":0,"sha256":""}}`))
	house := func() transfer.House {
		return transfer.House{Store: &memory{items: map[string][]table.Item{}}, Tables: schemas(), Layout: 3, Files: memblob.OpenBucket(nil)}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		first := house()
		if _, err := transfer.Import(t.Context(), first, bytes.NewReader(text)); err != nil {
			return
		}
		once, second := export(t, first), house()
		if _, err := transfer.Import(t.Context(), second, bytes.NewReader(once)); err != nil {
			t.Fatalf("an export is refused: %v\n%s", err, once)
		}
		if twice := export(t, second); !bytes.Equal(once, twice) {
			t.Fatalf("exports differ:\n%s\n%s", once, twice)
		}
	})
}

// TestDerived: what comes back by itself stays out of an export, and nothing else does.
func TestDerived(t *testing.T) {
	h := newHouse(t)
	all := fill(t, h)
	h.Derived = func(name string, k table.Key) bool { return name == "chat" && k.Part == "derived" }
	for _, part := range []string{"derived", "derived#not"} {
		op := table.Op{Kind: table.Put, Table: "chat", Item: table.Item{Key: table.Key{Part: part, Sort: "x"}, Attrs: []table.Attr{table.S("a", "of "+part)}}}
		if err := h.Store.Write(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	counts, err := transfer.Export(t.Context(), h, &out)
	if err != nil || counts.Items != all.Items+1 {
		t.Fatalf("%+v, %v; want %d items", counts, err, all.Items+1)
	}
	if s := out.String(); strings.Contains(s, `"of derived"`) || !strings.Contains(s, `"of derived#not"`) {
		t.Error("the export has what is derived, or lacks what is not")
	}
}
