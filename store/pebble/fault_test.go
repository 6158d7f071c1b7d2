package pebble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"parley/store/table"
)

var testSchemas = []table.Schema{{Name: "log", Part: "room", Sort: "seq", Indexes: []table.Index{
	{Name: "by-user", Part: "user", Sort: "seq"},
}}}

func openFS(t *testing.T, fs vfs.FS, edit ...func(*Options)) *DB {
	t.Helper()
	db, err := openTest(fs, edit...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openTest(fs vfs.FS, edit ...func(*Options)) (*DB, error) {
	o := Options{Dir: "/data", Schemas: testSchemas, FS: fs, backoff: time.Millisecond}
	for _, f := range edit {
		f(&o)
	}
	return Open(o)
}

// smallMemtable makes the log rotate and tables flush every few writes.
func smallMemtable(o *Options) { o.MemtableBytes = 32 << 10 }

func message(n int) table.Op {
	return table.Op{Kind: table.Put, Table: "log", Item: table.Item{
		Key:   table.Key{Part: "room", Sort: fmt.Sprintf("%06d", n)},
		Attrs: []table.Attr{table.N("n", int64(n)), table.S("user", "u"), table.S("text", strings.Repeat("x", 1000))},
	}}
}

func write(t *testing.T, db *DB, n int) error {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := db.Write(ctx, message(n))
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("write %d hangs", n)
	}
	return err
}

// stored returns which messages are there.
func stored(t *testing.T, db *DB) map[int]bool {
	t.Helper()
	got := map[int]bool{}
	for after := ""; ; {
		page, err := db.Query(t.Context(), table.Query{Table: "log", Part: "room", After: after})
		if err != nil {
			t.Fatalf("query: %v", err)
		}
		for _, it := range page.Items {
			got[int(it.Num("n"))] = true
		}
		if after = page.Next; after == "" {
			return got
		}
	}
}

// onFile fails operations of some kinds on files whose names contain a word, while it is switched on.
func onFile(fs vfs.FS, err error, word string, kinds ...errorfs.OpKind) (vfs.FS, *errorfs.Toggle) {
	sw := &errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		for _, k := range kinds {
			if op.Kind == k && strings.Contains(op.Path, word) {
				return err
			}
		}
		return nil
	})}
	return errorfs.Wrap(fs, sw), sw
}

func TestReserve(t *testing.T) {
	mem := vfs.NewMem()
	db := openFS(t, mem)
	if err := write(t, db, 1); err != nil {
		t.Fatal(err)
	}
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: reserveBytes - 1, TotalBytes: 1 << 40, UsedBytes: 1 << 39})
	if err := write(t, db, 2); !errors.Is(err, table.ErrFull) {
		t.Fatalf("got %v, want ErrFull", err)
	}
	if got := stored(t, db); len(got) != 1 || !got[1] {
		t.Fatalf("stored: %v", got)
	}
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: reserveBytes, TotalBytes: 1 << 40, UsedBytes: 1 << 39})
	if err := write(t, db, 3); err != nil {
		t.Fatalf("with space again: %v", err)
	}
	if got := stored(t, db); len(got) != 2 || got[2] {
		t.Fatalf("stored: %v", got)
	}
}

// TestLogFails lets the log fail in each way it can. The store must refuse from then on, still be read, tell Run, and
// after a power failure have all that was acknowledged and nothing that was refused.
func TestLogFails(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		op   errorfs.OpKind
		full bool
	}{
		{"no space", syscall.ENOSPC, errorfs.OpFileWrite, true},
		{"write error", syscall.EIO, errorfs.OpFileWrite, false},
		{"sync error", syscall.EIO, errorfs.OpFileSyncData, false},
		{"sync without space", syscall.ENOSPC, errorfs.OpFileSyncData, false}, // outcome unknown is not "nothing was written"
	} {
		t.Run(c.name, func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			fs, sw := onFile(mem, c.err, ".log", c.op)
			db := openFS(t, fs)
			if err := write(t, db, 1); err != nil {
				t.Fatal(err)
			}
			run := make(chan error, 1)
			go func() { run <- db.Run(t.Context()) }()
			sw.On()
			if err := write(t, db, 2); err == nil || errors.Is(err, table.ErrFull) != c.full {
				t.Fatalf("failing write: got %v", err)
			}
			sw.Off()
			if err := write(t, db, 3); err == nil {
				t.Fatal("a write was acknowledged after the failure")
			}
			if err := <-run; err == nil {
				t.Error("Run did not tell")
			}
			if err := db.Checkpoint("/copy"); err == nil {
				t.Error("a checkpoint was made of a frozen store")
			}
			if got := stored(t, db); len(got) != 1 || !got[1] {
				t.Fatalf("stored: %v", got)
			}
			if err := db.Close(); err != nil {
				t.Fatalf("close: %v", err)
			}
			again := openFS(t, mem.CrashClone(vfs.CrashCloneCfg{}))
			if got := stored(t, again); len(got) != 1 || !got[1] {
				t.Fatalf("after restart: %v", got)
			}
			if err := write(t, again, 4); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestFrozen holds guard to leaving the folder alone after a failure: old files may be all that is left of what was
// acknowledged.
func TestFrozen(t *testing.T) {
	mem := vfs.NewMem()
	if err := mem.MkdirAll("/data", 0o700); err != nil {
		t.Fatal(err)
	}
	g := newGuard(mem, "/data", slog.New(slog.DiscardHandler))
	old, err := g.Create("/data/000001.log", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Write([]byte("acknowledged")); err != nil {
		t.Fatal(err)
	}
	g.fail("test", syscall.EIO, false)
	late, err := g.Create("/data/000002.log", "")
	if err != nil {
		t.Fatal(err)
	}
	reused, err := g.ReuseForWrite("/data/000001.log", "/data/000003.log", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []vfs.File{old, late, reused} { // Pebble is told that all is well
		if n, err := f.Write([]byte("lost")); n != 4 || err != nil {
			t.Fatal(n, err)
		}
		if err := errors.Join(f.Sync(), f.SyncData(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Remove("/data/000001.log"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Create("/data/000004.sst", ""); err == nil {
		t.Error("a table file was made")
	}
	ls, err := mem.List("/data")
	if err != nil || len(ls) != 1 || ls[0] != "000001.log" {
		t.Fatalf("folder: %q, %v", ls, err)
	}
	if info, err := mem.Stat("/data/000001.log"); err != nil || info.Size() != int64(len("acknowledged")) {
		t.Fatalf("log: %v, %v", info, err)
	}
}

// TestFlushFails lets table files fail for want of space and recover: writes are refused meanwhile, and go on after.
func TestFlushFails(t *testing.T) {
	fs, sw := onFile(vfs.NewMem(), syscall.ENOSPC, ".sst", errorfs.OpFileWrite)
	db := openFS(t, fs, smallMemtable)
	sw.On()
	acked := map[int]bool{}
	var err error
	n := 0
	for ; err == nil && n < 500; n++ {
		if err = write(t, db, n); err == nil {
			acked[n] = true
		}
		time.Sleep(time.Millisecond)
	}
	if !errors.Is(err, table.ErrFull) {
		t.Fatalf("got %v after %d writes, want ErrFull", err, n)
	}
	sw.Off()
	for deadline := time.Now().Add(20 * time.Second); write(t, db, n) != nil; {
		if time.Now().After(deadline) {
			t.Fatal("writes do not go on when there is space again")
		}
		time.Sleep(time.Millisecond)
	}
	acked[n] = true
	got := stored(t, db)
	if len(got) != len(acked) {
		t.Fatalf("%d stored, %d acknowledged", len(got), len(acked))
	}
}

// TestEveryFault fails each single file operation in turn, once and for good, and then cuts the power. Whatever
// the store answered must be true, and nothing may panic, end the process, or hang.
func TestEveryFault(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 7
	}
	for _, kind := range []struct {
		name string
		err  error
		once bool
	}{
		{"once, EIO", syscall.EIO, true}, {"for good, EIO", syscall.EIO, false}, {"for good, ENOSPC", syscall.ENOSPC, false},
	} {
		t.Run(kind.name, func(t *testing.T) {
			for at := int64(0); ; at += int64(step) {
				if !oneFault(t, at, kind.err, kind.once) {
					if at < 100 {
						t.Fatalf("only %d operations: the workload is too small", at)
					}
					return
				}
			}
		})
	}
}

// oneFault runs a workload whose file operation number at fails, and tells whether there was such an operation.
func oneFault(t *testing.T, at int64, fault error, once bool) bool {
	mem := vfs.NewCrashableMem()
	var count atomic.Int64
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		// Close is left out: Pebble panics when closing a file that it has only read fails.
		if op.Kind.ReadOrWrite() == errorfs.OpIsRead || op.Kind == errorfs.OpFileClose {
			return nil
		}
		if n := count.Add(1) - 1; n == at || n > at && !once {
			return fault
		}
		return nil
	}))
	acked, full, seen := map[int]bool{}, map[int]bool{}, map[int]bool{}
	if db, err := openTest(fs, smallMemtable); err == nil {
		var mu sync.Mutex
		var writers sync.WaitGroup
		for w := range 3 {
			writers.Go(func() {
				for i := range 40 {
					n := i*3 + w
					err := write(t, db, n)
					mu.Lock()
					acked[n], full[n] = err == nil, errors.Is(err, table.ErrFull)
					mu.Unlock()
				}
			})
		}
		writers.Wait()
		seen = stored(t, db)
		crashed := mem.CrashClone(vfs.CrashCloneCfg{})
		if err := db.Close(); err != nil && strings.Contains(err.Error(), "waits") {
			t.Fatalf("operation %d: %v", at, err)
		}
		mem = crashed
	}
	db, err := openTest(mem)
	if err != nil {
		t.Fatalf("operation %d: opening after it: %v", at, err)
	}
	defer db.Close()
	got := stored(t, db)
	for n := range 120 {
		switch {
		case acked[n] && !got[n]:
			t.Fatalf("operation %d: acknowledged message %d is lost", at, n)
		case acked[n] && !seen[n]:
			t.Fatalf("operation %d: acknowledged message %d could not be read", at, n)
		case seen[n] && !acked[n]:
			t.Fatalf("operation %d: message %d was read though not acknowledged", at, n)
		case full[n] && got[n]:
			t.Fatalf("operation %d: message %d is there though it was refused for want of space", at, n)
		}
	}
	return count.Load() > at
}
