package pebble

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/store/table"
)

func once(n int) table.Op {
	return table.Op{Kind: table.Put, Table: "log", If: table.Cond{Kind: table.Once}, Item: table.Item{
		Key: table.Key{Part: "once", Sort: fmt.Sprintf("%08d", n)}, Expires: 1 << 40,
	}}
}

// TestLearnWhileWriting learns again and again what expires while others put it: nothing that is there may be excluded.
func TestLearnWhileWriting(t *testing.T) {
	db := openFS(t, vfs.NewMem())
	const writers, each = 4, 500
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				n := w*each + i
				if err := db.Write(t.Context(), once(n)); err != nil {
					t.Errorf("%d is new: %v", n, err)
				}
				if err := db.Write(t.Context(), once(n)); err == nil {
					t.Errorf("%d was put twice", n)
				}
			}
		})
	}
	stop := make(chan struct{})
	var learner sync.WaitGroup
	learner.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if err := db.learn(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
	})
	all.Wait()
	close(stop)
	learner.Wait()
	k := db.known.Load()
	if !k.ready.Load() {
		t.Fatal("it never learned all")
	}
	excluded := 0
	for n := range 2 * writers * each {
		row := appendRow(nil, db.tables["log"].id, once(n).Item.Key)
		switch out := k.excludes(row); {
		case out && n < writers*each:
			t.Fatalf("%d is there", n)
		case out:
			excluded++
		}
	}
	if excluded < writers*each*95/100 {
		t.Errorf("only %d of %d that are not there are known not to be", excluded, writers*each)
	}
}

// TestTooMuchToKnow asks the engine when there is more than the filter takes.
func TestTooMuchToKnow(t *testing.T) {
	db := openFS(t, vfs.NewMem())
	if err := db.Write(t.Context(), once(1)); err != nil {
		t.Fatal(err)
	}
	k := newKnown()
	k.rows.Store(maxKnown) // as if
	db.known.Store(k)
	if k.excludes([]byte("anything")) {
		t.Error("it excludes before it has learned")
	}
	k.ready.Store(true)
	k.add([]byte("one more"))
	if err := db.relearn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := db.known.Load(); again == k || !again.ready.Load() || again.rows.Load() != 1 {
		t.Errorf("it did not begin anew: %d rows", again.rows.Load())
	}
	if err := db.Write(t.Context(), once(1)); err == nil {
		t.Error("put twice")
	}
}

// TestExcludesAllocates counts what a look into the filter allocates: nothing.
func TestExcludesAllocates(t *testing.T) {
	k := newKnown()
	k.ready.Store(true)
	rows := [][]byte{[]byte("a"), []byte("b")}
	if n := testing.AllocsPerRun(100, func() {
		k.add(rows[0])
		if !slices.ContainsFunc(rows, func(r []byte) bool { return !k.excludes(r) }) {
			t.Error("what was added is excluded")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
