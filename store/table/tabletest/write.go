package tabletest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"parley/store/table"
)

func testRoundTrip(t *testing.T, e *env) {
	full := item("r\x00é", "s\x00\x01", // bytes that an encoding must not trip over
		table.S("text", "héllo \x00 ✓"), table.S("empty", ""),
		table.N("zero", 0), table.N("least", math.MinInt64), table.N("most", math.MaxInt64),
		table.B("bytes", []byte{0, 1, 0xFF, 0}), table.B("none", nil))
	full.Expires = epoch + 1000
	bare := item("r", "s")
	e.write(put(full), put(bare))
	e.want(full)
	e.want(bare)
	one := table.Item{Key: table.Key{Part: "x"}, Attrs: []table.Attr{table.S("a", "b")}}
	e.write(table.Op{Kind: table.Put, Table: single, Item: one})
	got, err := e.db.Get(e.ctx, single, one.Key)
	if err != nil || len(got) != 1 {
		t.Fatalf("get: %v, %v", got, err)
	}
	if diff := differ(got[0], one); diff != "" {
		t.Fatal(diff)
	}
	if all := e.pages(table.Query{Table: single, Part: "x"}); len(all) != 1 || differ(all[0], one) != "" {
		t.Fatalf("query of a table without sort key: %v", all)
	}
}

func testGetOrder(t *testing.T, e *env) {
	var ops []table.Op
	for i := range table.MaxKeys {
		if i%3 != 0 {
			ops = append(ops, put(item(fmt.Sprint("p", i%7), fmt.Sprintf("%03d", i), table.N("n", int64(i)))))
		}
	}
	e.write(ops...)
	var keys []table.Key
	for i := table.MaxKeys - 1; i >= 0; i-- {
		keys = append(keys, key(fmt.Sprint("p", i%7), fmt.Sprintf("%03d", i)))
	}
	got, err := e.db.Get(e.ctx, items, keys...)
	if err != nil || len(got) != len(keys) {
		t.Fatalf("get: %d items, %v", len(got), err)
	}
	for j := range got {
		i := table.MaxKeys - 1 - j
		if missing := got[j].Key.Part == ""; missing != (i%3 == 0) {
			t.Fatalf("item %d: missing is %v", i, missing)
		} else if !missing && (got[j].Key != keys[j] || got[j].Num("n") != int64(i)) {
			t.Fatalf("item %d: got %v", i, got[j])
		}
	}
	if got, err := e.db.Get(e.ctx, items); err != nil || len(got) != 0 {
		t.Fatalf("get of nothing: %v, %v", got, err)
	}
}

func testReplace(t *testing.T, e *env) {
	e.write(put(item("p", "s", table.S("a", "1"), table.S("b", "2"))))
	e.write(put(item("p", "s", table.S("b", "3"))))
	e.want(item("p", "s", table.S("b", "3"))) // a Put replaces, it does not merge
}

func testDelete(t *testing.T, e *env) {
	e.write(put(item("p", "1")), put(item("p", "2")))
	e.write(del(key("p", "1")), del(key("p", "none")))
	e.absent(key("p", "1"))
	e.eventually(table.Query{Table: items, Part: "p"}, "2")
}

// testUnshared changes what was handed over and what was returned; neither may reach the stored item.
func testUnshared(t *testing.T, e *env) {
	data := []byte("before")
	e.write(put(item("p", "s", table.B("b", data))))
	copy(data, "AFTER!")
	got := e.get(key("p", "s"))
	copy(got.Data("b"), "AFTER!")
	e.want(item("p", "s", table.B("b", []byte("before"))))
}

func testConditions(t *testing.T, e *env) {
	there, none := key("p", "there"), key("p", "none")
	stored := item("p", "there", table.S("s", "v"), table.N("n", 5), table.B("b", []byte{0, 1}), table.S("e", ""))
	e.write(put(stored))
	for _, c := range []struct {
		name string
		key  table.Key
		cond table.Cond
		ok   bool
	}{
		{"always, there", there, table.Cond{}, true},
		{"always, none", none, table.Cond{}, true},
		{"absent, there", there, table.Cond{Kind: table.Absent}, false},
		{"absent, none", none, table.Cond{Kind: table.Absent}, true},
		{"present, there", there, table.Cond{Kind: table.Present}, true},
		{"present, none", none, table.Cond{Kind: table.Present}, false},
		{"equal text", there, equal("s", table.S("", "v")), true},
		{"other text", there, equal("s", table.S("", "V")), false},
		{"longer text", there, equal("s", table.S("", "v ")), false},
		{"empty text", there, equal("e", table.S("", "")), true},
		{"equal number", there, equal("n", table.N("", 5)), true},
		{"other number", there, equal("n", table.N("", -5)), false},
		{"equal bytes", there, equal("b", table.B("", []byte{0, 1})), true},
		{"other bytes", there, equal("b", table.B("", []byte{0})), false},
		{"other kind", there, equal("n", table.S("", "5")), false},
		{"no such attribute", there, equal("x", table.S("", "")), false},
		{"equal, none", none, equal("s", table.S("", "v")), false},
		{"less", there, less("n", 6), true},
		{"not less, equal", there, less("n", 5), false},
		{"not less, greater", there, less("n", 4), false},
		{"less, new item", none, less("n", math.MinInt64), true},
		{"less, new attribute", there, less("x", math.MinInt64), true},
		{"less, not a number", there, less("s", 9), false},
	} {
		for kind, op := range map[string]table.Op{
			"check": check(c.key), "delete": del(c.key), "put": put(item(c.key.Part, c.key.Sort, table.S("new", "1"))),
		} {
			t.Run(c.name+", "+kind, func(t *testing.T) {
				e := *e
				e.t = t
				if c.ok {
					e.write(when(op, c.cond))
				} else {
					e.refused([]int{0}, when(op, c.cond))
				}
				switch {
				case !c.ok || kind == "check":
					e.want(stored)
					e.absent(none)
				case kind == "delete":
					e.absent(c.key)
				default:
					e.want(op.Item)
				}
				e.write(put(stored), del(none)) // as it was
			})
		}
	}
}

func testConditionOnExpired(t *testing.T, e *env) {
	k := key("p", "s")
	gone := item("p", "s", table.N("n", 5))
	gone.Expires = epoch + 10
	e.write(put(gone))
	e.refused([]int{0}, when(check(k), table.Cond{Kind: table.Absent}))
	e.refused([]int{0}, when(check(k), less("n", 5)))
	e.sec.Store(epoch + 10) // from this second on
	e.refused([]int{0}, when(check(k), table.Cond{Kind: table.Present}))
	e.refused([]int{0}, when(check(k), equal("n", table.N("", 5))))
	e.write(when(check(k), less("n", 5)))
	again := item("p", "s", table.N("n", 1))
	e.write(when(put(again), table.Cond{Kind: table.Absent}))
	e.want(again)
}

// testOnce puts records that something was done: again and again in vain, until they have expired or are deleted.
func testOnce(t *testing.T, e *env) {
	once := func(sort string, expires int64) table.Op {
		op := when(put(item("once", sort, table.N("n", expires))), table.Cond{Kind: table.Once})
		op.Item.Expires = expires
		return op
	}
	for i := range 50 {
		e.write(once(fmt.Sprint("a", i), epoch+10))
	}
	if e.h.Reopen != nil {
		e.db = e.h.Reopen(t, e.db)
	}
	for i := range 50 {
		e.write(once(fmt.Sprint("b", i), epoch+20))
	}
	for i := range 50 {
		e.refused([]int{0}, once(fmt.Sprint("a", i), epoch+30))
		e.refused([]int{0}, once(fmt.Sprint("b", i), epoch+30))
	}
	e.refused([]int{1}, once("c", epoch+30), once("a1", epoch+30))
	e.absent(key("once", "c"))
	e.write(del(key("once", "b1")))
	e.write(once("b1", epoch+40))
	e.sec.Store(epoch + 10)
	e.write(once("a1", epoch+50))
	e.refused([]int{0}, once("a1", epoch+50))
	e.want(once("a1", epoch+50).Item)
	e.want(once("b1", epoch+40).Item)
}

// testAtomic writes many operations of which one fails, at every position: nothing may be written.
func testAtomic(t *testing.T, e *env) {
	e.write(put(item("p", "kept", table.S("v", "old"))), put(item("p", "doomed")))
	base := []table.Op{
		put(item("p", "new", table.S("tag", "t"), table.S("rank", "1"))),
		put(item("p", "kept", table.S("v", "new"))),
		del(key("p", "doomed")),
		{Kind: table.Put, Table: single, Item: table.Item{Key: table.Key{Part: "one"}}},
	}
	for at := range len(base) + 1 {
		ops := append([]table.Op{}, base[:at]...)
		ops = append(ops, when(check(key("q", "missing")), table.Cond{Kind: table.Present}))
		ops = append(ops, base[at:]...)
		e.refused([]int{at}, ops...)
		e.absent(key("p", "new"))
		e.want(item("p", "kept", table.S("v", "old")))
		e.want(item("p", "doomed"))
		if got, err := e.db.Get(e.ctx, single, table.Key{Part: "one"}); err != nil || got[0].Key.Part != "" {
			t.Fatalf("other table: %v, %v", got, err)
		}
		e.eventually(table.Query{Table: items, Index: byTag, Part: "t"})
	}
	e.write(base...)
	e.want(item("p", "kept", table.S("v", "new")))
}

func testFailedOps(t *testing.T, e *env) {
	e.write(put(item("p", "a")), put(item("p", "b")))
	absent := table.Cond{Kind: table.Absent}
	e.refused([]int{0, 2, 3},
		when(put(item("p", "a")), absent),
		when(put(item("p", "c")), absent),
		when(del(key("p", "b")), equal("x", table.N("", 1))),
		when(check(key("p", "z")), table.Cond{Kind: table.Present}),
		check(key("p", "y")))
	var failed *table.Failed
	err := fmt.Errorf("wrapped: %w", e.db.Write(e.ctx, when(put(item("p", "a")), absent)))
	if !errors.As(err, &failed) || strings.Contains(err.Error(), "%!") {
		t.Fatalf("got %v", err)
	}
}

// testTransaction does what sending a message does: count, append, remember, in one write over several tables.
func testTransaction(t *testing.T, e *env) {
	send := func(seq int64, id string) []table.Op {
		head := table.Item{Key: table.Key{Part: "room"}, Attrs: []table.Attr{table.N("seq", seq)}}
		return []table.Op{
			{Kind: table.Put, Table: single, Item: head, If: less("seq", seq)},
			when(put(item("room", fmt.Sprintf("%08d", seq), table.S("id", id))), table.Cond{Kind: table.Fresh}),
			when(put(item("ids", id)), table.Cond{Kind: table.Absent}),
		}
	}
	e.write(send(1, "a")...)
	e.write(send(2, "b")...)
	e.refused([]int{0, 2}, send(2, "b")...)
	e.refused([]int{2}, send(3, "a")...)
	e.refused([]int{0}, send(1, "c")...)
	e.eventually(table.Query{Table: items, Part: "room"}, "00000001", "00000002")
	e.absent(key("ids", "c"))
}

func testLimits(t *testing.T, e *env) {
	big := strings.Repeat("x", table.MaxItemBytes)
	long := strings.Repeat("k", table.MaxPartBytes+1)
	attr := func(a ...table.Attr) []table.Op { return []table.Op{put(item("p", "s", a...))} }
	early := item("p", "s")
	early.Expires = -1
	var many []table.Op
	for i := range table.MaxOps + 1 {
		many = append(many, put(item("many", fmt.Sprint(i))))
	}
	for name, ops := range map[string][]table.Op{
		"unknown table":            {{Kind: table.Put, Table: "none", Item: item("p", "s")}},
		"no kind":                  {{Table: items, Item: item("p", "s")}},
		"unknown kind":             {{Kind: 9, Table: items, Item: item("p", "s")}},
		"unknown condition":        {when(check(key("p", "s")), table.Cond{Kind: 99})},
		"compare with a text":      {when(check(key("p", "s")), table.Cond{Kind: table.LessOrNew, Attr: "n", Value: table.S("", "1").Value})},
		"equal to nothing":         {when(check(key("p", "s")), table.Cond{Kind: table.Equal, Attr: "n"})},
		"condition on nothing":     {when(check(key("p", "s")), equal("", table.N("", 1)))},
		"empty partition":          {put(item("", "s"))},
		"no sort key":              {put(item("p", ""))},
		"sort key where none is":   {{Kind: table.Put, Table: single, Item: item("p", "s")}},
		"long partition key":       {put(item(long, "s"))},
		"long sort key":            {put(item("p", long[:table.MaxSortBytes+1]))},
		"partition key not UTF-8":  {put(item("\xff", "s"))},
		"sort key not UTF-8":       {del(key("p", "\xff"))},
		"text not UTF-8":           attr(table.S("a", "\xff")),
		"big text":                 attr(table.S("a", big)),
		"big bytes":                attr(table.B("a", []byte(big))),
		"big in sum":               attr(table.S("a", big[:len(big)/2]), table.S("b", big[:len(big)/2])),
		"attribute twice":          attr(table.S("a", "1"), table.S("a", "2")),
		"attribute without a name": attr(table.S("", "1")),
		"attribute without a kind": attr(table.Attr{Name: "a"}),
		"attribute named as key":   attr(table.S("room", "1")),
		"attribute named as sort":  attr(table.S("at", "1")),
		"attribute named ttl":      attr(table.N("ttl", 1)),
		"number in an index":       attr(table.N("tag", 1)),
		"empty text in an index":   attr(table.S("tag", "")),
		"long text in an index":    attr(table.S("rank", long[:table.MaxSortBytes+1])),
		"expires before time":      {put(early)},
		"same item twice":          {put(item("p", "s")), del(key("p", "s"))},
		"fresh and deleted":        {when(del(key("p", "s")), table.Cond{Kind: table.Fresh})},
		"once and for ever":        {when(put(item("p", "s")), table.Cond{Kind: table.Once})},
		"too many":                 many,
		"too many bytes":           filled("o", table.MaxWriteBytes+1),
	} {
		// A good operation beside the bad one must not be done either.
		if !strings.HasPrefix(name, "too many") {
			ops = append([]table.Op{put(item("p", "good"))}, ops...)
		}
		if err := e.db.Write(e.ctx, ops...); !errors.Is(err, table.ErrInvalid) {
			t.Errorf("%s: got %.200v, want ErrInvalid", name, err)
		}
	}
	e.absent(key("p", "good"))
	e.absent(key("p", "s"))
	e.absent(key("many", "0"))
	e.absent(key("o", "00"))

	e.write(many[:table.MaxOps]...)
	e.write(put(item(long[:table.MaxPartBytes], long[:table.MaxSortBytes], table.S("a", big[:table.MaxItemBytes-8*1024]))))
	if got := e.get(key(long[:table.MaxPartBytes], long[:table.MaxSortBytes])); len(got.Text("a")) != table.MaxItemBytes-8*1024 {
		t.Errorf("large item came back with %d bytes", len(got.Text("a")))
	}
	for _, op := range filled("f", table.MaxWriteBytes) { // each alone is as large as one may be
		e.write(op)
		e.want(op.Item)
	}
	e.write(filled("f", table.MaxWriteBytes)...)
	e.write(put(item("p", "i", table.S("tag", long[:table.MaxPartBytes]), table.S("rank", long[:table.MaxSortBytes]))))
	e.eventually(table.Query{Table: items, Index: byTag, Part: long[:table.MaxPartBytes]}, "i")
}

// filled puts items of size bytes together, each but the last as large as an item may be.
func filled(part string, size int) (ops []table.Op) {
	for ; size > 0; size -= table.MaxItemBytes {
		sort := fmt.Sprintf("%02d", len(ops))
		rest := min(size, table.MaxItemBytes) - len("room"+part+"at"+sort+"a")
		ops = append(ops, put(item(part, sort, table.S("a", strings.Repeat("x", max(rest, 0))))))
	}
	return ops
}

func testContext(t *testing.T, e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	if err := e.db.Write(ctx, put(item("p", "s"))); !errors.Is(err, context.Canceled) {
		t.Errorf("write: got %v", err)
	}
	if _, err := e.db.Get(ctx, items, key("p", "s")); !errors.Is(err, context.Canceled) {
		t.Errorf("get: got %v", err)
	}
	if _, err := e.db.Query(ctx, table.Query{Table: items, Part: "p"}); !errors.Is(err, context.Canceled) {
		t.Errorf("query: got %v", err)
	}
	e.absent(key("p", "s"))
}

func testClosed(t *testing.T, e *env) {
	e.write(put(item("p", "s")))
	if err := e.db.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := e.db.Write(e.ctx, put(item("p", "s"))); !errors.Is(err, table.ErrClosed) {
		t.Errorf("write: got %v", err)
	}
	if _, err := e.db.Get(e.ctx, items, key("p", "s")); !errors.Is(err, table.ErrClosed) {
		t.Errorf("get: got %v", err)
	}
	if _, err := e.db.Query(e.ctx, table.Query{Table: items, Part: "p"}); !errors.Is(err, table.ErrClosed) {
		t.Errorf("query: got %v", err)
	}
	if s, ok := e.db.(table.Scanner); ok {
		if _, err := s.Scan(e.ctx, items, "", 0); !errors.Is(err, table.ErrClosed) {
			t.Errorf("scan: got %v", err)
		}
	}
}

func testReopen(t *testing.T, e *env) {
	if e.h.Reopen == nil {
		t.Skip("this engine does not reopen")
	}
	kept := item("p", "1", table.S("tag", "t"), table.S("rank", "1"), table.B("b", []byte{0}))
	dying := item("p", "2")
	dying.Expires = epoch + 5
	e.write(put(kept), put(dying), put(item("p", "3")))
	e.write(del(key("p", "3")))
	e.db = e.h.Reopen(t, e.db)
	e.want(kept)
	e.want(dying)
	e.absent(key("p", "3"))
	e.eventually(table.Query{Table: items, Index: byTag, Part: "t"}, "1")
	e.sec.Store(epoch + 5)
	e.absent(dying.Key)
	e.refused([]int{0}, when(put(kept), table.Cond{Kind: table.Absent}))
	e.write(put(item("p", "4")))
	e.eventually(table.Query{Table: items, Part: "p"}, "1", "4")
}
