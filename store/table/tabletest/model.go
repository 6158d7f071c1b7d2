package tabletest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"parley/store/table"
)

// model is the port in its simplest form: a map, and sorting at every question.
type model struct {
	items map[table.Key]table.Item
	now   int64
}

func (m *model) alive(k table.Key) (table.Item, bool) {
	it, ok := m.items[k]
	return it, ok && (it.Expires == 0 || it.Expires > m.now)
}

func (m *model) holds(op table.Op) bool {
	it, ok := m.alive(op.Item.Key)
	v := it.Get(op.If.Attr)
	switch op.If.Kind {
	case table.Absent:
		return !ok
	case table.Present:
		return ok
	case table.Equal:
		w := op.If.Value
		return ok && v.Kind == w.Kind && v.Text == w.Text && v.Num == w.Num && string(v.Data) == string(w.Data)
	case table.LessOrNew:
		return !ok || v.Kind == 0 || v.Kind == table.Number && v.Num < op.If.Value.Num
	}
	return true
}

// write does ops and returns the positions that failed.
func (m *model) write(ops []table.Op) (failed []int) {
	for i, op := range ops {
		if !m.holds(op) {
			failed = append(failed, i)
		}
	}
	for _, op := range ops {
		switch {
		case failed != nil:
		case op.Kind == table.Put:
			m.items[op.Item.Key] = op.Item
		case op.Kind == table.Delete:
			delete(m.items, op.Item.Key)
		}
	}
	return failed
}

// query returns keys of a whole range. Items with equal index keys have no order between them.
func (m *model) query(q table.Query) []table.Key {
	var keys []table.Key
	place := func(k table.Key) (string, string) {
		it := m.items[k]
		switch q.Index {
		case byTag:
			return it.Text("tag"), it.Text("rank")
		case byUser:
			return it.Text("user"), k.Sort
		}
		return k.Part, k.Sort
	}
	for k := range m.items {
		part, sort := place(k)
		if _, ok := m.alive(k); ok && part == q.Part && sort != "" && sort >= q.From && (q.To == "" || sort <= q.To) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b table.Key) int {
		_, x := place(a)
		_, y := place(b)
		if q.Reverse {
			x, y = y, x
		}
		if c := compare(x, y); c != 0 {
			return c
		}
		return compare(a.Part+"\x00"+a.Sort, b.Part+"\x00"+b.Sort)
	})
	return keys
}

// Few values, so that operations meet.
func drawPart(r *rapid.T) string {
	return rapid.SampledFrom([]string{"p", "p\x00", "q"}).Draw(r, "part")
}

func drawSort(r *rapid.T, label string) string {
	return rapid.SampledFrom([]string{"\x00", "a", "a\x00", "a\x00b", "ab", "b", "é"}).Draw(r, label)
}

func drawOp(r *rapid.T, k table.Key, now int64) table.Op {
	op := table.Op{
		Kind: rapid.SampledFrom([]table.OpKind{table.Put, table.Put, table.Put, table.Delete, table.Check}).Draw(r, "op"), Table: items,
		Item: table.Item{Key: k},
	}
	if op.Kind == table.Put {
		add := func(name string, v ...string) {
			if s := rapid.SampledFrom(append(v, "")).Draw(r, name); s != "" {
				op.Item.Attrs = append(op.Item.Attrs, table.S(name, s))
			}
		}
		add("tag", "t", "t\x00")
		add("rank", "a", "a\x00", "b")
		add("user", "u")
		op.Item.Attrs = append(op.Item.Attrs, table.N("n", rapid.Int64Range(0, 3).Draw(r, "n")))
		if rapid.IntRange(0, 4).Draw(r, "expires") == 0 {
			op.Item.Expires = now + rapid.Int64Range(0, 3).Draw(r, "in")
		}
	}
	op.If.Kind = rapid.SampledFrom([]table.CondKind{
		table.Always, table.Always, table.Always, table.Always, table.Absent, table.Present, table.Equal, table.LessOrNew,
	}).Draw(r, "if")
	if op.If.Kind == table.Equal || op.If.Kind == table.LessOrNew {
		op.If.Attr, op.If.Value = "n", table.N("", rapid.Int64Range(0, 3).Draw(r, "v")).Value
	}
	return op
}

// testModel does random writes and clock steps, and compares every read with the model. The rounds share a
// database; each has its own partitions of it by a prefix.
func testModel(t *testing.T, h Harness) {
	e := newEnv(t, h)
	round := 0
	rapid.Check(t, func(r *rapid.T) {
		if round++; round > h.Rounds {
			return
		}
		m := &model{items: map[table.Key]table.Item{}, now: e.sec.Load()}
		prefix := fmt.Sprintf("%d-", round)
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			if rapid.IntRange(0, 5).Draw(r, "tick") == 0 {
				m.now++
				e.sec.Store(m.now)
			}
			var ops []table.Op
			used := map[table.Key]bool{}
			for range rapid.IntRange(1, 5).Draw(r, "ops") {
				k := key(prefix+drawPart(r), drawSort(r, "sort"))
				if op := drawOp(r, k, m.now); !used[k] {
					used[k] = true
					for i := range op.Item.Attrs { // index partitions of this round only
						if a := &op.Item.Attrs[i]; a.Name == "tag" || a.Name == "user" {
							a.Value.Text = prefix + a.Value.Text
						}
					}
					ops = append(ops, op)
				}
			}
			want := m.write(ops)
			var failed *table.Failed
			switch err := e.db.Write(e.ctx, ops...); {
			case want == nil && err == nil:
			case errors.As(err, &failed) && slices.Equal(failed.Ops, want):
			default:
				r.Fatalf("write %+v: got %v, want failed %v", ops, err, want)
			}
		}
		e.compare(r, m, prefix)
	})
}

// compare asks random questions of both.
func (e *env) compare(r *rapid.T, m *model, prefix string) {
	for range 12 {
		q := table.Query{Table: items, Part: prefix + drawPart(r),
			Limit: rapid.IntRange(0, 4).Draw(r, "limit"), Reverse: rapid.Bool().Draw(r, "reverse")}
		switch rapid.IntRange(0, 3).Draw(r, "index") {
		case 0:
			q.Index, q.Part = byTag, prefix+rapid.SampledFrom([]string{"t", "t\x00"}).Draw(r, "tag")
		case 1:
			q.Index, q.Part = byUser, prefix+"u"
			if e.h.TornTies {
				q.Limit = 0
			}
		}
		if rapid.Bool().Draw(r, "from?") {
			q.From = drawSort(r, "from")
		}
		if rapid.Bool().Draw(r, "to?") {
			q.To = drawSort(r, "to")
		}
		if err := e.sameRange(r.Context(), m, q); err != nil {
			r.Fatalf("query %+v: %v", q, err)
		}
	}
}

// sameRange compares one range; of an index it allows the engine its lag.
func (e *env) sameRange(ctx context.Context, m *model, q table.Query) error {
	deadline := time.Now()
	if q.Index != "" {
		deadline = deadline.Add(e.h.Lag)
	}
	for {
		err := e.sameOnce(ctx, m, q)
		if err == nil || !time.Now().Before(deadline) {
			return err
		}
		time.Sleep(min(e.h.Lag/20+time.Millisecond, 100*time.Millisecond))
	}
}

func (e *env) sameOnce(ctx context.Context, m *model, q table.Query) error {
	got, err := drain("", q.Limit, func(after string) (table.Page, error) {
		q.After = after
		return e.db.Query(ctx, q)
	})
	if err != nil {
		return err
	}
	want := m.query(q)
	if len(got) != len(want) {
		return fmt.Errorf("got %d items, want %d", len(got), len(want))
	}
	seen := map[table.Key]bool{}
	place := func(it table.Item) string {
		if q.Index == byTag {
			return it.Text("rank")
		}
		return it.Key.Sort
	}
	for i := range got {
		if diff := differ(got[i], m.items[got[i].Key]); diff != "" || seen[got[i].Key] {
			return fmt.Errorf("item %d is wrong or stands twice: %v %s", i, got[i], diff)
		}
		seen[got[i].Key] = true
		if p, w := place(got[i]), place(m.items[want[i]]); p != w {
			return fmt.Errorf("place %d: got %q, want %q", i, p, w)
		}
	}
	return nil
}
