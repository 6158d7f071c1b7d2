package tabletest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"parley/store/table"
)

// testCounter lets goroutines compare and increment one counter: no increment may be lost or done twice.
func testCounter(t *testing.T, e *env) {
	const workers, each = 8, 25
	k := key("p", "counter")
	increment := func() error {
		for {
			got, err := e.db.Get(e.ctx, items, k)
			if err != nil {
				return err
			}
			n := got[0].Num("n")
			cond := equal("n", table.N("", n))
			if got[0].Key.Part == "" {
				cond = table.Cond{Kind: table.Absent}
			}
			err = e.db.Write(e.ctx, when(put(item("p", "counter", table.N("n", n+1))), cond))
			var failed *table.Failed
			if err == nil || !errors.As(err, &failed) && !errors.Is(err, table.ErrBusy) {
				return err
			}
		}
	}
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				if err := increment(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if got := e.get(k); got.Num("n") != workers*each {
		t.Fatalf("counter: got %d, want %d", got.Num("n"), workers*each)
	}
}

// testNoHalfTransaction moves an amount between two items while readers look: the sum is always the same, what a
// reader has seen it never sees undone, and a writer reads its own write.
func testNoHalfTransaction(t *testing.T, e *env) {
	const rounds = 100
	write := func(i int64) error {
		return e.db.Write(e.ctx,
			put(item("p", "a", table.N("n", i), table.S("tag", "t"), table.S("rank", fmt.Sprint(i%2)))),
			put(item("p", "b", table.N("n", -i))),
			put(item("p", fmt.Sprintf("log-%04d", i))))
	}
	if err := write(0); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for seen := int64(0); !stop.Load(); {
				page, err := e.db.Query(e.ctx, table.Query{Table: items, Part: "p", To: "b"})
				if err != nil || len(page.Items) != 2 {
					t.Errorf("reader: %d items, %v", len(page.Items), err)
					return
				}
				a, b := page.Items[0].Num("n"), page.Items[1].Num("n")
				if a+b != 0 || a < seen {
					t.Errorf("reader saw %d and %d after %d", a, b, seen)
					return
				}
				seen = a
			}
		})
	}
	for i := int64(1); i <= rounds && !t.Failed(); i++ {
		if err := write(i); err != nil {
			t.Error(err)
			break
		}
		if got := e.get(key("p", "a")); got.Num("n") != i {
			t.Errorf("own write %d not read: %d", i, got.Num("n"))
		}
	}
	stop.Store(true)
	readers.Wait()
}

// testContention lets goroutines fight for the same names, several in one transaction each: each name has one owner, and a
// transaction owns all of its names or none.
func testContention(t *testing.T, e *env) {
	const workers, names = 8, 30
	var won [workers][]int
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range names {
				n := (i*(w+1) + w) % names
				var ops []table.Op
				for j := range 3 {
					it := item("names", fmt.Sprintf("%02d-%d", n, j), table.N("owner", int64(w)))
					ops = append(ops, when(put(it), table.Cond{Kind: table.Absent}))
				}
				err := e.db.Write(e.ctx, ops...)
				var failed *table.Failed
				switch {
				case err == nil:
					won[w] = append(won[w], n)
				case errors.As(err, &failed) && len(failed.Ops) == 3, errors.Is(err, table.ErrBusy):
				default:
					t.Errorf("claim: %v", err)
				}
			}
		})
	}
	all.Wait()
	owned := 0
	for w := range won {
		for _, n := range won[w] {
			owned++
			for j := range 3 {
				if got := e.get(key("names", fmt.Sprintf("%02d-%d", n, j))); got.Num("owner") != int64(w) {
					t.Errorf("name %d is of %d, though %d was told it won", n, got.Num("owner"), w)
				}
			}
		}
	}
	if stored := len(e.pages(table.Query{Table: items, Part: "names"})); stored != owned*3 {
		t.Errorf("%d items stored, %d claims won", stored, owned)
	}
}
