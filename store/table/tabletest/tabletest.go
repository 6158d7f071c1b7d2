// Package tabletest is the conformance suite of the table port: what every engine must do, asked only through table.DB.
// An engine's tests call Run.
package tabletest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"parley/store/table"
)

// Harness makes databases of one engine.
type Harness struct {
	// Open makes a fresh, empty database with the given tables and clock. The suite closes it.
	Open func(t *testing.T, schemas []table.Schema, now func() time.Time) table.DB
	// Reopen closes db and opens the same data again. Nil: the engine keeps its data elsewhere, skip.
	Reopen func(t *testing.T, db table.DB) table.DB
	// Lag is how long an index may take to show a write. Zero: index reads are immediate, and the suite holds the
	// engine to it.
	Lag time.Duration
	// TornTies: reading an index on the table's own sort key by pages may end too early among items that have the sort key
	// at which the range ends. DynamoDB Local has this fault; the suite then does not ask for such pages.
	TornTies bool
	// Rounds is how often properties are tried on a fresh database; 0 means 20. Slow engines set less.
	Rounds int
}

// Names of the tables and attributes the suite uses. Items have one partition, one sort key, and two indexes: one on
// two attributes, one on an attribute and the table's own sort key.
const (
	items  = "items"
	single = "single" // has no sort key
	byTag  = "tag-index"
	byUser = "user-index"
)

func schemas() []table.Schema {
	return []table.Schema{
		{Name: items, Part: "room", Sort: "at", Indexes: []table.Index{
			{Name: byTag, Part: "tag", Sort: "rank"},
			{Name: byUser, Part: "user", Sort: "at"},
		}},
		{Name: single, Part: "id"},
	}
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	if h.Rounds == 0 {
		h.Rounds = 20
	}
	for _, c := range []struct {
		name string
		test func(*testing.T, *env)
	}{
		{"RoundTrip", testRoundTrip},
		{"GetOrder", testGetOrder},
		{"Replace", testReplace},
		{"Delete", testDelete},
		{"Unshared", testUnshared},
		{"Conditions", testConditions},
		{"ConditionOnExpired", testConditionOnExpired},
		{"Once", testOnce},
		{"Atomic", testAtomic},
		{"FailedOps", testFailedOps},
		{"Transaction", testTransaction},
		{"Order", testOrder},
		{"Bounds", testBounds},
		{"Partitions", testPartitions},
		{"Pages", testPages},
		{"PageBytes", testPageBytes},
		{"IndexMoves", testIndexMoves},
		{"IndexOrder", testIndexOrder},
		{"Expiry", testExpiry},
		{"ExpiryMoves", testExpiryMoves},
		{"Limits", testLimits},
		{"InvalidReads", testInvalidReads},
		{"Scan", testScan},
		{"Counter", testCounter},
		{"NoHalfTransaction", testNoHalfTransaction},
		{"Contention", testContention},
		{"Context", testContext},
		{"Closed", testClosed},
		{"Reopen", testReopen},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, newEnv(t, h)) })
	}
	t.Run("Model", func(t *testing.T) { testModel(t, h) })
}

// env is a fresh database with a clock that stands still until it is moved.
type env struct {
	t   *testing.T
	h   Harness
	db  table.DB
	ctx context.Context
	sec *atomic.Int64
}

const epoch = 1_800_000_000 // when the clock starts

func newEnv(t *testing.T, h Harness) *env {
	e := &env{t: t, h: h, ctx: t.Context(), sec: new(atomic.Int64)}
	e.sec.Store(epoch)
	e.db = h.Open(t, schemas(), e.now)
	t.Cleanup(func() {
		if err := e.db.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return e
}

func (e *env) now() time.Time { return time.Unix(e.sec.Load(), 0) }

// key is a key of the table items.
func key(part, sort string) table.Key { return table.Key{Part: part, Sort: sort} }

func item(part, sort string, attrs ...table.Attr) table.Item {
	return table.Item{Key: key(part, sort), Attrs: attrs}
}

func put(it table.Item) table.Op { return table.Op{Kind: table.Put, Table: items, Item: it} }
func del(k table.Key) table.Op {
	return table.Op{Kind: table.Delete, Table: items, Item: table.Item{Key: k}}
}
func check(k table.Key) table.Op {
	return table.Op{Kind: table.Check, Table: items, Item: table.Item{Key: k}}
}
func when(op table.Op, c table.Cond) table.Op { op.If = c; return op }

func equal(attr string, v table.Attr) table.Cond {
	return table.Cond{Kind: table.Equal, Attr: attr, Value: v.Value}
}

func less(attr string, n int64) table.Cond {
	return table.Cond{Kind: table.LessOrNew, Attr: attr, Value: table.N("", n).Value}
}

func (e *env) write(ops ...table.Op) {
	e.t.Helper()
	if err := e.db.Write(e.ctx, ops...); err != nil {
		e.t.Fatalf("write: %v", err)
	}
}

// refused asserts that a write fails on exactly the conditions at want.
func (e *env) refused(want []int, ops ...table.Op) {
	e.t.Helper()
	err := e.db.Write(e.ctx, ops...)
	var failed *table.Failed
	if !errors.As(err, &failed) {
		e.t.Fatalf("write: got %v, want a failed condition", err)
	}
	if !slices.Equal(failed.Ops, want) {
		e.t.Fatalf("failed operations: got %v, want %v", failed.Ops, want)
	}
}

func (e *env) get(k table.Key) table.Item {
	e.t.Helper()
	got, err := e.db.Get(e.ctx, items, k)
	if err != nil || len(got) != 1 {
		e.t.Fatalf("get %q: %d items, %v", k, len(got), err)
	}
	return got[0]
}

func (e *env) want(want table.Item) {
	e.t.Helper()
	if diff := differ(e.get(want.Key), want); diff != "" {
		e.t.Fatal(diff)
	}
}

func (e *env) absent(k table.Key) {
	e.t.Helper()
	if got := e.get(k); !reflect.DeepEqual(got, table.Item{}) {
		e.t.Fatalf("item %q: got %v, want none", k, got)
	}
}

// pages reads a query from q.After to its end and returns all items.
func (e *env) pages(q table.Query) []table.Item {
	e.t.Helper()
	all, err := drain(q.After, q.Limit, func(after string) (table.Page, error) {
		q.After = after
		return e.db.Query(e.ctx, q)
	})
	if err != nil {
		e.t.Fatalf("query %+v: %v", q, err)
	}
	return all
}

// drain reads page after page. limit is the most a page may hold, 0 for the port's.
func drain(after string, limit int, read func(after string) (table.Page, error)) (all []table.Item, err error) {
	if limit == 0 {
		limit = table.MaxLimit
	}
	for {
		page, err := read(after)
		if err != nil {
			return nil, err
		}
		if len(page.Items) > limit {
			return nil, fmt.Errorf("a page of %d items, limit %d", len(page.Items), limit)
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		if page.Next == after {
			return nil, fmt.Errorf("page token %q leads to itself", after)
		}
		after = page.Next
	}
}

// eventually asserts a query's sort keys; of an index it allows the engine its lag.
func (e *env) eventually(q table.Query, want ...string) {
	e.t.Helper()
	deadline := time.Now()
	if q.Index != "" {
		deadline = deadline.Add(e.h.Lag)
	}
	for {
		got := sorts(e.pages(q))
		if slices.Equal(got, want) {
			return
		}
		if !time.Now().Before(deadline) {
			e.t.Fatalf("query %+v: got %q, want %q", q, got, want)
		}
		time.Sleep(min(e.h.Lag/20+time.Millisecond, 100*time.Millisecond))
	}
}

func sorts(all []table.Item) []string {
	var s []string
	for _, it := range all {
		s = append(s, it.Key.Sort)
	}
	return s
}

// differ says how two items differ, or "". The order of attributes does not count, nor does nil against empty bytes.
func differ(got, want table.Item) string {
	norm := func(it table.Item) table.Item {
		it.Attrs = slices.Clone(it.Attrs)
		for i := range it.Attrs {
			if len(it.Attrs[i].Value.Data) == 0 {
				it.Attrs[i].Value.Data = nil
			}
		}
		slices.SortFunc(it.Attrs, func(a, b table.Attr) int { return compare(a.Name, b.Name) })
		if len(it.Attrs) == 0 {
			it.Attrs = nil
		}
		return it
	}
	if g, w := norm(got), norm(want); !reflect.DeepEqual(g, w) {
		return fmt.Sprintf("item:\n got %+v\nwant %+v", g, w)
	}
	return ""
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
