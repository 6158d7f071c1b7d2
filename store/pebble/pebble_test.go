package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"

	"parley/store/table"
)

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	db, err := Open(Options{Dir: dir, Schemas: testSchemas})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir, Schemas: testSchemas}); !errors.Is(err, table.ErrLocked) {
		t.Errorf("second open: got %v, want ErrLocked", err)
	}
	if err := write(t, db, 1); err != nil {
		t.Errorf("the first is disturbed: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(Options{Dir: dir, Schemas: testSchemas}); err != nil {
		t.Fatalf("open after close: %v", err)
	}
	_ = db.Close()
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: file, Schemas: testSchemas}); err == nil || errors.Is(err, table.ErrLocked) {
		t.Errorf("a file as folder: got %v", err)
	}
	if _, err := Open(Options{Schemas: testSchemas}); !errors.Is(err, table.ErrInvalid) {
		t.Errorf("no folder: got %v", err)
	}
	for name, schemas := range map[string][]table.Schema{
		"no name":     {{Part: "p"}},
		"no key":      {{Name: "t"}},
		"twice":       {{Name: "t", Part: "p"}, {Name: "t", Part: "p"}},
		"part = sort": {{Name: "t", Part: "p", Sort: "p"}},
		"bad index":   {{Name: "t", Part: "p", Indexes: []table.Index{{Name: "i", Part: "a"}}}},
	} {
		if _, err := Open(Options{Dir: t.TempDir(), Schemas: schemas}); !errors.Is(err, table.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}

func TestNewer(t *testing.T) {
	mem := vfs.NewMem()
	db := openFS(t, mem)
	if err := db.db.Set(metaKey(metaFormat), binary.AppendUvarint(nil, formatVersion+1), lsm.Sync); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := openTest(mem)
	if !errors.Is(err, table.ErrNewer) || !strings.Contains(err.Error(), fmt.Sprintf("format %d, this program knows up to %d", formatVersion+1, formatVersion)) {
		t.Errorf("our format: got %v", err)
	}

	mem = vfs.NewMem()
	if err := openFS(t, mem).Close(); err != nil {
		t.Fatal(err)
	}
	m, _, err := atomicfs.LocateMarker(mem, "/data", "format-version")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Move("999"), m.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := openTest(mem); !errors.Is(err, table.ErrNewer) || !strings.Contains(err.Error(), "999") {
		t.Errorf("engine's format: got %v", err)
	}
}

// TestSchemaChanges opens the same data with tables and indexes in other order, with an index that is new, with one
// that stands on other attributes, and without; and refuses another kind of key.
func TestSchemaChanges(t *testing.T) {
	mem := vfs.NewMem()
	db := openFS(t, mem)
	for n := range 3000 { // more than one batch of an index being built
		op := message(n)
		op.Item.Attrs = append(op.Item.Attrs, table.S("parity", fmt.Sprint(n%2)))
		if err := db.Write(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	}
	with := func(schemas ...table.Schema) *DB {
		t.Helper()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = openFS(t, mem, func(o *Options) { o.Schemas = schemas })
		return db
	}
	count := func(index, part string) (n int) {
		t.Helper()
		for after := ""; ; {
			page, err := db.Query(t.Context(), table.Query{Table: "log", Index: index, Part: part, After: after})
			if err != nil {
				t.Fatal(err)
			}
			if n, after = n+len(page.Items), page.Next; after == "" {
				return n
			}
		}
	}
	log, first := testSchemas[0], table.Schema{Name: "first", Part: "id"}
	log.Indexes = append([]table.Index{{Name: "by-parity", Part: "parity", Sort: "seq"}}, log.Indexes...)
	with(first, log)
	if a, b := count("by-parity", "1"), count("by-user", "u"); a != 1500 || b != 3000 {
		t.Fatalf("after adding an index: %d and %d", a, b)
	}
	log.Indexes = []table.Index{{Name: "by-parity", Part: "user", Sort: "parity"}}
	with(log)
	if a, b := count("by-parity", "1"), count("by-parity", "u"); a != 0 || b != 3000 {
		t.Fatalf("after changing an index: %d and %d", a, b)
	}
	with(first)
	with(log, first)
	if got := stored(t, db); len(got) != 3000 {
		t.Fatalf("a table that was left out for a while has %d items", len(got))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := openTest(mem, func(o *Options) { o.Schemas = []table.Schema{{Name: "log", Part: "room"}} }); !errors.Is(err, table.ErrInvalid) {
		t.Errorf("without its sort key: got %v, want ErrInvalid", err)
	}
}

// TestPurge removes what has expired, with its index and expiry entries, and nothing else.
func TestPurge(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	db := openFS(t, vfs.NewMem(), func(o *Options) { o.Now = func() time.Time { return now } })
	for n := range 1000 {
		op := message(n)
		if n%2 == 0 {
			op.Item.Expires = now.Unix() + int64(n)
		}
		if err := db.Write(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	}
	prolonged := message(10)
	prolonged.Item.Expires = now.Unix() + 5000
	if err := db.Write(t.Context(), prolonged); err != nil {
		t.Fatal(err)
	}
	keys := func(space byte) (n int) {
		t.Helper()
		it, err := db.db.NewIter(&lsm.IterOptions{LowerBound: []byte{space}, UpperBound: []byte{space + 1}})
		if err != nil {
			t.Fatal(err)
		}
		for ok := it.First(); ok; ok = it.Next() {
			n++
		}
		if err := it.Close(); err != nil {
			t.Fatal(err)
		}
		return n
	}
	expect := func(rows, expiries int) {
		t.Helper()
		if err := db.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a, b, c := keys(spaceRow), keys(spaceIndex), keys(spaceExpiry); a != rows || b != rows || c != expiries {
			t.Fatalf("%d rows, %d index entries, %d expiry entries; want %d, %d, %d", a, b, c, rows, rows, expiries)
		}
	}
	// Expired at 0 already.
	expect(999, 499)
	now = now.Add(500 * time.Second) // 2 to 500, but not 10
	expect(999-249, 499-249)
	now = now.Add(10_000 * time.Second)
	expect(500, 0)
	if got := stored(t, db); len(got) != 500 || !got[1] || got[2] {
		t.Fatalf("%d items left", len(got))
	}
}

// TestPurgeSpares prolongs an item after it was found to be expired and before it is removed.
func TestPurgeSpares(t *testing.T) {
	db := openFS(t, vfs.NewMem())
	op := message(1)
	op.Item.Expires = 1
	if err := db.Write(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	ops, _, err := db.expired([]byte{spaceExpiry})
	if err != nil || len(ops) != 1 {
		t.Fatalf("%d expired, %v", len(ops), err)
	}
	op.Item.Expires = time.Now().Unix() + 1000
	if err := db.Write(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	if err := db.remove(t.Context(), ops); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, db); !got[1] {
		t.Fatal("a prolonged item was removed")
	}
	checkIndex(t, db, map[int]bool{1: true})
}

// TestForeignToken uses the page token of one query in others: the answer stays within the bounds of the other.
func TestForeignToken(t *testing.T) {
	db := openFS(t, vfs.NewMem())
	for n := range 10 {
		if err := write(t, db, n); err != nil {
			t.Fatal(err)
		}
	}
	key := func(n int) string { return message(n).Item.Key.Sort }
	page, err := db.Query(t.Context(), table.Query{Table: "log", Part: "room", Limit: 9})
	if err != nil || page.Next == "" {
		t.Fatal(page.Next, err)
	}
	for _, q := range []table.Query{
		{From: key(2), To: key(4), Reverse: true}, {From: key(2), To: key(4)}, {Part: "other"}, {Part: "other", Reverse: true},
		{Index: "by-user", Part: "u", To: key(4), Reverse: true}, {Index: "by-user", Part: "other"},
	} {
		if q.Part == "" {
			q.Part = "room"
		}
		q.Table, q.After = "log", page.Next
		got, err := db.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range got.Items {
			if k := it.Key.Sort; q.Part == "other" || k < q.From || k > q.To {
				t.Errorf("query %+v gave %q", q, k)
			}
		}
	}
}

func TestRun(t *testing.T) {
	db := openFS(t, vfs.NewMem(), func(o *Options) { o.PurgeEvery = time.Millisecond })
	op := message(1)
	op.Item.Expires = 1
	if err := db.Write(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	run := make(chan error)
	go func() { run <- db.Run(t.Context()) }()
	for row := appendRow(nil, db.tables["log"].id, op.Item.Key); ; {
		_, closer, err := db.db.Get(row)
		if errors.Is(err, lsm.ErrNotFound) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = closer.Close()
		time.Sleep(time.Millisecond)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-run; err != nil {
		t.Fatalf("Run of a closed store: %v", err)
	}
}

// TestCheckpoint copies a running store; the copy opens, and has all that was acknowledged before and nothing half.
func TestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	db, err := Open(Options{Dir: filepath.Join(dir, "data"), Schemas: testSchemas, MemtableBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for n := range 200 {
		if err := write(t, db, n); err != nil {
			t.Fatal(err)
		}
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := 200; ; n += 2 {
			select {
			case <-stop:
				return
			default:
				if err := db.Write(t.Context(), message(n), message(n+1)); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	backup := filepath.Join(dir, "deep", "copy")
	if err := db.Checkpoint(backup); err != nil {
		t.Fatal(err)
	}
	close(stop)
	<-done
	if err := db.Checkpoint(backup); err == nil {
		t.Error("a checkpoint overwrote another")
	}
	copied, err := Open(Options{Dir: backup, Schemas: testSchemas})
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	got := stored(t, copied)
	for n := range 200 {
		if !got[n] {
			t.Fatalf("message %d is not in the copy", n)
		}
	}
	for n := range got {
		if !got[n^1] {
			t.Fatalf("message %d is in the copy without its other half", n)
		}
	}
	checkIndex(t, copied, got)
	want, err := db.Get(t.Context(), "log", message(7).Item.Key)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := copied.Get(t.Context(), "log", message(7).Item.Key); err != nil || !reflect.DeepEqual(want, same) {
		t.Fatalf("copy: %v, %v", same, err)
	}
}

// TestCorrupt damages a stored record and, apart from it, a table file: reads say ErrCorrupt, and other data is served.
func TestCorrupt(t *testing.T) {
	db := openFS(t, vfs.NewMem())
	if err := errors.Join(write(t, db, 1), write(t, db, 2)); err != nil {
		t.Fatal(err)
	}
	if err := db.db.Set(appendRow(nil, db.tables["log"].id, message(1).Item.Key), []byte{recordVersion, 0, 0xFF}, lsm.Sync); err != nil {
		t.Fatal(err)
	}
	db.publish()
	if _, err := db.Get(t.Context(), "log", message(1).Item.Key); !errors.Is(err, table.ErrCorrupt) {
		t.Errorf("get: got %v", err)
	}
	if _, err := db.Query(t.Context(), table.Query{Table: "log", Part: "room"}); !errors.Is(err, table.ErrCorrupt) {
		t.Errorf("query: got %v", err)
	}
	if err := write(t, db, 1); !errors.Is(err, table.ErrCorrupt) {
		t.Errorf("write over it: got %v", err)
	}
	if err := write(t, db, 2); err != nil {
		t.Errorf("write beside it: %v", err)
	}

	dir := t.TempDir()
	db, err := Open(Options{Dir: dir, Schemas: testSchemas})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(write(t, db, 1), db.db.Flush(), db.Close()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no table files: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(b) / 2 {
			b[i] ^= 0xFF
		}
		if err := os.WriteFile(f, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err = Open(Options{Dir: dir, Schemas: testSchemas})
	if err == nil {
		_, err = db.Get(t.Context(), "log", message(1).Item.Key)
		_ = db.Close()
	}
	if !errors.Is(err, table.ErrCorrupt) {
		t.Errorf("damaged file: got %v, want ErrCorrupt", err)
	}
}
