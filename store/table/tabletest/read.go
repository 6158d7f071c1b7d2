package tabletest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley/store/table"
)

// awkward are sort keys in the order of their bytes, chosen to trip an encoding.
func awkward() []string {
	return []string{"\x00", "\x00\x00", "\x00\x01", "\x01", " ", "a", "a\x00", "a\x00\x00", "a\x00\x01", "a\x00b", "a\x01",
		"a!", "aa", "ab", "b", "z", "~", "\x7f", "é", "…", "\ufffd", "𝄞", "\U0010ffff"}
}

// fill puts an item a sort key, in an order that is not theirs.
func (e *env) fill(part string, keys []string) {
	e.t.Helper()
	for i := range keys {
		e.write(put(item(part, keys[(i*7+3)%len(keys)])))
	}
}

func testOrder(t *testing.T, e *env) {
	keys := awkward()
	if !slices.IsSorted(keys) || len(keys)%7 == 0 {
		t.Fatal("the keys of this test are wrong")
	}
	e.fill("p", keys)
	e.eventually(table.Query{Table: items, Part: "p"}, keys...)
	back := slices.Clone(keys)
	slices.Reverse(back)
	e.eventually(table.Query{Table: items, Part: "p", Reverse: true}, back...)
}

// testBounds asks for every range between two keys, and between bounds that are no keys.
func testBounds(t *testing.T, e *env) {
	keys := awkward()
	e.fill("p", keys)
	bounds := append([]string{""}, keys...)
	bounds = append(bounds, "a\x00a", "c", "A")
	for _, from := range bounds {
		for _, to := range bounds {
			var want []string
			for _, k := range keys {
				if k >= from && (to == "" || k <= to) {
					want = append(want, k)
				}
			}
			if got := sorts(e.pages(table.Query{Table: items, Part: "p", From: from, To: to})); !slices.Equal(got, want) {
				t.Fatalf("from %q to %q: got %q, want %q", from, to, got, want)
			}
			slices.Reverse(want)
			got := sorts(e.pages(table.Query{Table: items, Part: "p", From: from, To: to, Reverse: true, Limit: 4}))
			if !slices.Equal(got, want) {
				t.Fatalf("from %q to %q reversed: got %q, want %q", from, to, got, want)
			}
		}
	}
}

// testPartitions has partitions that are prefixes of each other and differ in zero bytes: a query must not leak.
func testPartitions(t *testing.T, e *env) {
	parts := awkward()
	for _, p := range parts {
		e.write(put(item(p, "\x00")), put(item(p, "m", table.S("tag", p), table.S("rank", "r"))), put(item(p, "\U0010ffff")))
	}
	for _, p := range parts {
		for _, reverse := range []bool{false, true} {
			all := e.pages(table.Query{Table: items, Part: p, Reverse: reverse, Limit: 2})
			if len(all) != 3 {
				t.Fatalf("partition %q: %d items", p, len(all))
			}
			for _, it := range all {
				if it.Key.Part != p {
					t.Fatalf("query of %q gave an item of %q", p, it.Key.Part)
				}
			}
			e.eventually(table.Query{Table: items, Index: byTag, Part: p, Reverse: reverse}, "m")
		}
	}
	if all := e.pages(table.Query{Table: items, Part: "nobody"}); len(all) != 0 {
		t.Fatalf("empty partition: %v", all)
	}
}

// testPages reads with every page size, and checks that items put or removed behind or before a reader do not
// make it repeat or skip others.
func testPages(t *testing.T, e *env) {
	var want []string
	for i := range 25 {
		want = append(want, fmt.Sprintf("%02d", i))
	}
	e.fill("p", want)
	back := slices.Clone(want)
	slices.Reverse(back)
	for limit := 1; limit <= 26; limit++ {
		e.eventually(table.Query{Table: items, Part: "p", Limit: limit}, want...)
		e.eventually(table.Query{Table: items, Part: "p", Limit: limit, Reverse: true}, back...)
		e.eventually(table.Query{Table: items, Part: "p", Limit: limit, From: "05", To: "20"}, want[5:21]...)
		e.eventually(table.Query{Table: items, Part: "p", Limit: limit, From: "05", To: "20", Reverse: true}, back[4:20]...)
	}

	q := table.Query{Table: items, Part: "p", Limit: 10}
	page, err := e.db.Query(e.ctx, q)
	if err != nil || page.Next == "" || len(page.Items) == 0 {
		t.Fatalf("first page: %d items, next %q, %v", len(page.Items), page.Next, err)
	}
	last := page.Items[len(page.Items)-1].Key
	e.write(del(last), put(item("p", "000")), put(item("p", "240"))) // where the token points, behind, ahead
	got := sorts(page.Items)
	q.After = page.Next
	rest := sorts(e.pages(q))
	if all := append(got, rest...); !slices.Equal(all, append(slices.Clone(want), "240")) {
		t.Fatalf("reading while it changes: %q", all)
	}
}

// testPageBytes reads a partition of large items: pages may be short, but nothing may be missing.
func testPageBytes(t *testing.T, e *env) {
	text := strings.Repeat("x", 300*1024)
	var want []string
	for i := range 8 {
		want = append(want, fmt.Sprint(i))
		e.write(put(item("p", fmt.Sprint(i), table.S("text", text), table.S("tag", "t"), table.S("rank", fmt.Sprint(i)))))
	}
	e.eventually(table.Query{Table: items, Part: "p"}, want...)
	e.eventually(table.Query{Table: items, Index: byTag, Part: "t"}, want...)
	slices.Reverse(want)
	e.eventually(table.Query{Table: items, Part: "p", Reverse: true}, want...)
}

func testIndexMoves(t *testing.T, e *env) {
	q := func(tag string) table.Query { return table.Query{Table: items, Index: byTag, Part: tag} }
	tagged := func(sort, tag, rank string) table.Op {
		var a []table.Attr
		if tag != "" {
			a = append(a, table.S("tag", tag))
		}
		if rank != "" {
			a = append(a, table.S("rank", rank))
		}
		return put(item("p", sort, append(a, table.S("payload", "all of it"))...))
	}
	e.write(tagged("1", "red", "b"), tagged("2", "red", "a"), tagged("3", "blue", "a"), tagged("4", "red", ""), tagged("5", "", "a"))
	e.eventually(q("red"), "2", "1")
	e.eventually(q("blue"), "3")
	for _, it := range e.pages(q("red")) { // entries carry the whole item
		if it.Text("payload") != "all of it" || it.Text("tag") != "red" || it.Key.Part != "p" {
			t.Fatalf("index entry: %v", it)
		}
	}
	e.write(tagged("1", "blue", "b")) // to another partition of the index
	e.eventually(q("red"), "2")
	e.eventually(q("blue"), "3", "1")
	e.write(tagged("3", "blue", "c")) // to another place in its partition
	e.eventually(q("blue"), "1", "3")
	e.write(tagged("3", "blue", "")) // out of the index
	e.eventually(q("blue"), "1")
	e.write(tagged("3", "blue", "a")) // and back
	e.eventually(q("blue"), "3", "1")
	e.write(del(key("p", "3")), del(key("p", "2")))
	e.eventually(q("blue"), "1")
	e.eventually(q("red"))
	e.refused([]int{0}, when(tagged("1", "red", "b"), table.Cond{Kind: table.Absent}))
	e.eventually(q("red"))
	e.eventually(q("blue"), "1")
}

// testIndexOrder has items with equal index keys, and the index on the table's own sort key.
func testIndexOrder(t *testing.T, e *env) {
	var ranks []string
	for i, r := range awkward() {
		for j := range 2 { // two items with the same tag and rank
			e.write(put(item(fmt.Sprint("p", j), fmt.Sprintf("%03d", i), table.S("tag", "t"), table.S("rank", r), table.S("user", "u"))))
			ranks = append(ranks, r)
		}
	}
	read := func(reverse bool, from, to string) []string {
		var got []string
		for _, it := range e.pages(table.Query{Table: items, Index: byTag, Part: "t", Reverse: reverse, From: from, To: to, Limit: 3}) {
			got = append(got, it.Text("rank"))
		}
		return got
	}
	back := slices.Clone(ranks)
	slices.Reverse(back)
	e.eventually(table.Query{Table: items, Index: byTag, Part: "t", From: "\U0010ffff"}, "022", "022") // wait for the last
	if got := read(false, "", ""); !slices.Equal(got, ranks) {
		t.Fatalf("index order: %q", got)
	}
	if got := read(true, "", ""); !slices.Equal(got, back) {
		t.Fatalf("index order reversed: %q", got)
	}
	if got := read(false, "a\x00", "aa"); !slices.Equal(got, ranks[12:26]) {
		t.Fatalf("index range: %q, want %q", got, ranks[12:26])
	}
	e.eventually(table.Query{Table: items, Index: byUser, Part: "u", From: "003", To: "004"}, "003", "003", "004", "004")
	last := table.Query{Table: items, Index: byUser, Part: "u", From: "021", Reverse: true}
	e.eventually(last, "022", "022", "021", "021")
	if last.Limit = 1; !e.h.TornTies {
		e.eventually(last, "022", "022", "021", "021")
	}
}

func testExpiry(t *testing.T, e *env) {
	for i := range 6 {
		it := item("p", fmt.Sprint(i), table.S("tag", "t"), table.S("rank", fmt.Sprint(i)))
		if i%2 == 0 {
			it.Expires = epoch + int64(i)
		}
		e.write(put(it))
	}
	index := table.Query{Table: items, Index: byTag, Part: "t"}
	e.absent(key("p", "6"))
	e.absent(key("p", "0")) // expired when it was put
	e.eventually(table.Query{Table: items, Part: "p"}, "1", "2", "3", "4", "5")
	e.sec.Store(epoch + 1)
	e.eventually(table.Query{Table: items, Part: "p"}, "1", "2", "3", "4", "5")
	e.eventually(index, "1", "2", "3", "4", "5")
	e.sec.Store(epoch + 2) // expires from this second on
	e.absent(key("p", "2"))
	e.eventually(table.Query{Table: items, Part: "p"}, "1", "3", "4", "5")
	e.eventually(index, "1", "3", "4", "5")
	e.sec.Store(epoch + 1_000_000_000)
	e.eventually(table.Query{Table: items, Part: "p", Limit: 1}, "1", "3", "5")
	e.eventually(table.Query{Table: items, Part: "p", Limit: 1, Reverse: true}, "5", "3", "1")
	e.eventually(index, "1", "3", "5")
	if s, ok := e.db.(table.Scanner); ok {
		if page, err := s.Scan(e.ctx, items, "", 0); err != nil || len(page.Items) > 3 {
			t.Fatalf("scan shows what expired: %v, %v", sorts(page.Items), err)
		}
	}
}

// testExpiryMoves prolongs, shortens and lifts an expiry; only the last one counts.
func testExpiryMoves(t *testing.T, e *env) {
	at := func(sort string, sec int64) table.Op {
		it := item("p", sort)
		it.Expires = sec
		return put(it)
	}
	e.write(at("longer", epoch+10), at("shorter", epoch+100), at("lifted", epoch+10), at("set", 0))
	e.write(at("longer", epoch+100), at("shorter", epoch+10), at("lifted", 0), at("set", epoch+10))
	e.sec.Store(epoch + 50)
	e.eventually(table.Query{Table: items, Part: "p"}, "lifted", "longer")
	e.sec.Store(epoch + 500)
	e.eventually(table.Query{Table: items, Part: "p"}, "lifted")
	e.write(at("longer", epoch+1000)) // a new item under the key of an expired one
	e.eventually(table.Query{Table: items, Part: "p"}, "lifted", "longer")
}

func testInvalidReads(t *testing.T, e *env) {
	e.write(put(item("p", "1")), put(item("p", "2")))
	long := strings.Repeat("k", table.MaxPartBytes+1)
	for name, q := range map[string]table.Query{
		"unknown table":      {Table: "none", Part: "p"},
		"unknown index":      {Table: items, Index: "none", Part: "p"},
		"no partition":       {Table: items},
		"long partition":     {Table: items, Part: long},
		"partition no UTF-8": {Table: items, Part: "\xff"},
		"long bound":         {Table: items, Part: "p", From: long},
		"bound no UTF-8":     {Table: items, Part: "p", To: "\xff"},
		"limit below":        {Table: items, Part: "p", Limit: -1},
		"limit above":        {Table: items, Part: "p", Limit: table.MaxLimit + 1},
		"bad token":          {Table: items, Part: "p", After: "%%%"},
	} {
		if page, err := e.db.Query(e.ctx, q); !errors.Is(err, table.ErrInvalid) {
			t.Errorf("query, %s: got %v, %v, want ErrInvalid", name, page, err)
		}
	}
	for name, keys := range map[string][]table.Key{
		"empty partition": {key("p", "1"), key("", "1")},
		"no sort key":     {key("p", "")},
		"long key":        {key(long, "1")},
		"not UTF-8":       {key("p", "\xff")},
		"too many":        make([]table.Key, table.MaxKeys+1),
	} {
		if got, err := e.db.Get(e.ctx, items, keys...); !errors.Is(err, table.ErrInvalid) {
			t.Errorf("get, %s: got %v, %v, want ErrInvalid", name, got, err)
		}
	}
	if _, err := e.db.Get(e.ctx, "none", key("p", "1")); !errors.Is(err, table.ErrInvalid) {
		t.Errorf("get of an unknown table: got %v", err)
	}
}

func testScan(t *testing.T, e *env) {
	s, ok := e.db.(table.Scanner)
	if !ok {
		t.Skip("this engine does not scan")
	}
	want := map[string][]string{}
	for i, p := range []string{"q", "p", "p\x00", "r"} {
		for j := range 10 + i {
			sort := fmt.Sprintf("%02d", j)
			want[p] = append(want[p], sort)
			e.write(put(item(p, sort, table.N("n", int64(j)))))
		}
	}
	e.write(table.Op{Kind: table.Put, Table: single, Item: table.Item{Key: table.Key{Part: "other table"}}})
	for _, limit := range []int{1, 7, 0} {
		all, err := drain("", limit, func(after string) (table.Page, error) { return s.Scan(e.ctx, items, after, limit) })
		if err != nil {
			t.Fatal(err)
		}
		got, last := map[string][]string{}, ""
		for _, it := range all {
			if p := it.Key.Part; p != last && got[p] != nil {
				t.Fatalf("partition %q is torn apart", p)
			}
			last = it.Key.Part
			got[last] = append(got[last], it.Key.Sort)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("limit %d: got %v, want %v", limit, got, want)
		}
	}
	if _, err := s.Scan(e.ctx, "none", "", 0); !errors.Is(err, table.ErrInvalid) {
		t.Errorf("unknown table: got %v", err)
	}
	if _, err := s.Scan(e.ctx, items, "", table.MaxLimit+1); !errors.Is(err, table.ErrInvalid) {
		t.Errorf("limit: got %v", err)
	}
}
