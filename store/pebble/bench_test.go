package pebble

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"parley/store/table"
)

func openBench(b *testing.B) *DB {
	b.Helper()
	db, err := Open(Options{Dir: b.TempDir(), Schemas: append(testSchemas, table.Schema{Name: "kv", Part: "k"})})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	b.ReportAllocs()
	return db
}

// chatMessage is what sending a message writes: a counter, the message with an index, and an idempotency record.
func chatMessage(room, n int) []table.Op {
	r := fmt.Sprint("room-", room)
	return []table.Op{
		{Kind: table.Put, Table: "kv", Item: table.Item{Key: table.Key{Part: r}, Attrs: []table.Attr{table.N("seq", int64(n))}}},
		{Kind: table.Put, Table: "log", If: table.Cond{Kind: table.Absent}, Item: table.Item{
			Key: table.Key{Part: r, Sort: fmt.Sprintf("%016d", n)}, Attrs: []table.Attr{
				table.S("id", "01J0000000000000000000000"), table.S("user", fmt.Sprint("user-", n%100)), table.N("created", 1_800_000_000_000),
				table.S("text", "Hello, this is a message of an ordinary length, as people send them all day long."),
			}}},
		{Kind: table.Put, Table: "kv", If: table.Cond{Kind: table.Absent}, Item: table.Item{
			Key: table.Key{Part: fmt.Sprint("once-", room, "-", n)}, Expires: 1_900_000_000, Attrs: []table.Attr{table.N("seq", int64(n))}}},
	}
}

func BenchmarkWrite(b *testing.B) {
	db := openBench(b)
	for n := 0; b.Loop(); n++ {
		if err := db.Write(b.Context(), chatMessage(0, n)...); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite100Writers(b *testing.B) {
	db := openBench(b)
	var next atomic.Int64
	var all sync.WaitGroup
	for w := range 100 {
		all.Go(func() {
			for n := int(next.Add(1)); n <= b.N; n = int(next.Add(1)) {
				if err := db.Write(b.Context(), chatMessage(w, n)...); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// full is a store with a long room, most of it in table files.
func full(b *testing.B, rows int) *DB {
	db := openBench(b)
	for n := 0; n < rows; n += 100 {
		var ops []table.Op
		for i := range 100 {
			ops = append(ops, chatMessage(0, n+i)[1])
		}
		if err := db.Write(b.Context(), ops...); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.db.Flush(); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	return db
}

func BenchmarkGet(b *testing.B) {
	db := full(b, 20_000)
	for n := 0; b.Loop(); n++ {
		got, err := db.Get(b.Context(), "log", table.Key{Part: "room-0", Sort: fmt.Sprintf("%016d", n*7919%20_000)})
		if err != nil || got[0].Key.Part == "" {
			b.Fatal(got, err)
		}
	}
}

func BenchmarkGetAbsent(b *testing.B) {
	db := full(b, 20_000)
	for n := 0; b.Loop(); n++ {
		got, err := db.Get(b.Context(), "log", table.Key{Part: "room-0", Sort: fmt.Sprintf("%016d-none", n*7919%20_000)})
		if err != nil || got[0].Key.Part != "" {
			b.Fatal(got, err)
		}
	}
}

func benchmarkQuery(b *testing.B, q table.Query) {
	db := full(b, 20_000)
	q.Table, q.Limit = "log", 50
	for b.Loop() {
		page, err := db.Query(b.Context(), q)
		if err != nil || len(page.Items) != 50 {
			b.Fatal(len(page.Items), err)
		}
	}
}

func BenchmarkQuery50(b *testing.B) {
	benchmarkQuery(b, table.Query{Part: "room-0", To: fmt.Sprintf("%016d", 15_000), Reverse: true})
}

func BenchmarkQuery50Index(b *testing.B) {
	benchmarkQuery(b, table.Query{Index: "by-user", Part: "user-7", To: fmt.Sprintf("%016d", 15_000), Reverse: true})
}

func BenchmarkOpenEmpty(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		db, err := Open(Options{Dir: b.TempDir(), Schemas: testSchemas})
		if err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
