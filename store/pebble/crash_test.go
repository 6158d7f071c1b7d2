package pebble

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/store/table"
)

// childDir names the folder in which a re-executed test binary is the victim of TestKill.
const childDir = "PARLEY_PEBBLE_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := victim(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// victim writes messages from many goroutines for ever and prints the number of each one that was acknowledged.
func victim(dir string) error {
	db, err := Open(Options{Dir: dir, Schemas: testSchemas, MemtableBytes: 256 << 10})
	if err != nil {
		return err
	}
	var next atomic.Int64
	failed := make(chan error)
	for range 16 {
		go func() {
			for {
				n := int(next.Add(1))
				if err := db.Write(context.Background(), message(n)); err != nil {
					failed <- err
					return
				}
				fmt.Println(n) // one write system call: whole, or not at all
			}
		}()
	}
	return <-failed
}

// TestKill kills a process in the middle of concurrent writes, again and again on the same folder. What it was told is
// stored must be.
func TestKill(t *testing.T) {
	dir, acked := t.TempDir(), map[int]bool{}
	for round := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for got := 0; lines.Scan(); got++ {
			if got == 400*(round+1) {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatal(err)
			}
			acked[n] = true
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("child: %v", err)
		}
		db, err := Open(Options{Dir: dir, Schemas: testSchemas})
		if err != nil {
			t.Fatalf("opening after the kill: %v", err)
		}
		got := stored(t, db)
		for n := range acked {
			if !got[n] {
				t.Errorf("round %d: acknowledged message %d is lost", round, n)
			}
		}
		checkIndex(t, db, got)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// checkIndex asserts that the index shows the items of the table, no more and no less.
func checkIndex(t *testing.T, db *DB, want map[int]bool) {
	t.Helper()
	got := map[int]bool{}
	for after := ""; ; {
		page, err := db.Query(t.Context(), table.Query{Table: "log", Index: "by-user", Part: "u", After: after})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			got[int(it.Num("n"))] = true
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("index shows %d items, table %d", len(got), len(want))
	}
}

// TestPowerLoss cuts the power at random moments of concurrent writing and reading. The disk then has what was synced
// and a random part of what was not. All that was acknowledged must be there, and all that a reader saw.
func TestPowerLoss(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	rounds := 30
	if testing.Short() {
		rounds = 6
	}
	for round := range rounds {
		mem := vfs.NewCrashableMem()
		db := openFS(t, mem, smallMemtable)
		var mu sync.Mutex // guards known
		known := map[int]bool{}
		learn := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			known[n] = true
		}
		var stop atomic.Bool
		var all sync.WaitGroup
		var next atomic.Int64
		cut, now := 20+rng.Int64N(200), make(chan struct{})
		for range 4 {
			all.Go(func() {
				for !stop.Load() {
					n := next.Add(1)
					if n == cut {
						close(now)
					}
					if err := db.Write(t.Context(), message(int(n))); err != nil {
						t.Error(err)
						return
					}
					learn(int(n))
				}
			})
		}
		for range 2 {
			all.Go(func() {
				for !stop.Load() {
					page, err := db.Query(t.Context(), table.Query{Table: "log", Part: "room", Reverse: true, Limit: 20})
					if err != nil {
						t.Error(err)
						return
					}
					for i := range page.Items {
						learn(int(page.Items[i].Num("n")))
					}
				}
			})
		}
		select {
		case <-now:
		case <-time.After(20 * time.Second):
			t.Fatal("the writers do not get on")
		}
		mu.Lock()
		must := maps.Clone(known)
		mu.Unlock()
		crashed := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 90}[round%3], RNG: rng})
		stop.Store(true)
		all.Wait()

		again, err := openTest(crashed)
		if err != nil {
			t.Fatalf("round %d: opening after the power loss: %v", round, err)
		}
		got := stored(t, again)
		for _, n := range slices.Sorted(maps.Keys(must)) {
			if !got[n] {
				t.Errorf("round %d: message %d was acknowledged or read, and is lost", round, n)
			}
		}
		checkIndex(t, again, got)
		if err := again.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestBulk cuts the power while a folder is filled, and after: before Close returned the latest may be gone, but nothing
// in between; after it, nothing.
func TestBulk(t *testing.T) {
	const last = 400
	mem := vfs.NewCrashableMem()
	db := openFS(t, mem, smallMemtable, func(o *Options) { o.Bulk = true })
	for n := 1; n <= last/2; n++ {
		if err := write(t, db, n); err != nil {
			t.Fatal(err)
		}
	}
	for _, unsynced := range []int{0, 50, 100} {
		again := openFS(t, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rand.New(rand.NewPCG(1, uint64(unsynced)))}))
		got := stored(t, again)
		for n := range got {
			if n > 1 && !got[n-1] {
				t.Errorf("with %d %% of what was not synced: %d is there without the one before", unsynced, n)
			}
		}
		checkIndex(t, again, got)
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
	for n := last/2 + 1; n <= last; n++ {
		if err := write(t, db, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again := openFS(t, mem.CrashClone(vfs.CrashCloneCfg{}))
	if got := stored(t, again); len(got) != last {
		t.Errorf("after Close and a power loss %d of %d are there", len(got), last)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
