package pebble

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"parley/store/table"
)

func drawItem(r *rapid.T) table.Item {
	it := table.Item{Key: table.Key{Part: "p", Sort: "s"}, Expires: rapid.Int64Min(0).Draw(r, "expires"), Attrs: []table.Attr{}}
	for _, name := range rapid.SliceOfDistinct(rapid.String(), func(s string) string { return s }).Draw(r, "names") {
		switch rapid.IntRange(0, 2).Draw(r, "kind") {
		case 0:
			it.Attrs = append(it.Attrs, table.S(name, rapid.String().Draw(r, "text")))
		case 1:
			it.Attrs = append(it.Attrs, table.N(name, rapid.Int64().Draw(r, "number")))
		default:
			it.Attrs = append(it.Attrs, table.B(name, rapid.SliceOf(rapid.Byte()).Draw(r, "bytes")))
		}
	}
	return it
}

func TestRecord(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		it := drawItem(r)
		rec := record(appendRecord(nil, &it))
		got, err := rec.item(it.Key)
		if err != nil || !reflect.DeepEqual(got, it) {
			r.Fatalf("got %+v, %v, want %+v", got, err, it)
		}
		for _, a := range it.Attrs {
			f, ok, err := rec.find(a.Name)
			if err != nil || !ok || !bytes.Equal(rec[f.value-1:f.end], appendValue(nil, a.Value)) {
				r.Fatalf("find %q: %v, %v", a.Name, ok, err)
			}
		}
		for n := range len(rec) { // a record cut short is never a record
			if _, err := rec[:n].item(it.Key); !errors.Is(err, table.ErrCorrupt) {
				r.Fatalf("first %d of %d bytes: got %v, want ErrCorrupt", n, len(rec), err)
			}
		}
	})
}

// FuzzRecord feeds any bytes to the decoder: an item or ErrCorrupt, and never much more memory than the bytes take.
func FuzzRecord(f *testing.F) {
	it := table.Item{Expires: 1, Attrs: []table.Attr{table.S("a", "b"), table.N("n", -1), table.B("c", []byte{0})}}
	f.Add(appendRecord(nil, &it))
	f.Add([]byte{recordVersion, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01})
	f.Add([]byte{recordVersion, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 'x'})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := record(b).item(table.Key{Part: "p"})
		if check := record(b).check(); (check == nil) != (err == nil) {
			t.Fatalf("item says %v, check says %v", err, check)
		}
		if err != nil {
			if !errors.Is(err, table.ErrCorrupt) {
				t.Fatalf("got %v", err)
			}
			return
		}
		if cap(got.Attrs) > len(b) {
			t.Fatalf("%d attributes allocated for %d bytes", cap(got.Attrs), len(b))
		}
		again, err := record(appendRecord(nil, &got)).item(table.Key{Part: "p"})
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Fatalf("got %+v, then %+v, %v", got, again, err)
		}
	})
}

// TestKeys holds the key encoding to its promises: it is undone exactly, keeps the order of sort keys within a
// partition, and no key of one partition begins with the prefix of another.
func TestKeys(t *testing.T) {
	part := rapid.StringOfN(rapid.SampledFrom([]rune{0, 1, 2, 'a', 0xFF, 0x10FFFF}), 0, 4, -1)
	rapid.Check(t, func(r *rapid.T) {
		a := table.Key{Part: part.Draw(r, "a"), Sort: part.Draw(r, "asort")}
		b := table.Key{Part: part.Draw(r, "b"), Sort: part.Draw(r, "bsort")}
		ka, kb := appendRow(nil, 1, a), appendRow(nil, 1, b)
		if got, err := readTail(ka[headBytes:]); err != nil || got != a {
			r.Fatalf("%q came back as %q, %v", a, got, err)
		}
		if rest, err := skipEscaped(ka[headBytes:]); err != nil || string(rest) != a.Sort {
			r.Fatalf("%q: past the partition stands %q, %v", a, rest, err)
		}
		if (a == b) != bytes.Equal(ka, kb) {
			r.Fatalf("%q and %q have keys %x and %x", a, b, ka, kb)
		}
		want := strings.Compare(a.Part, b.Part)
		if want == 0 {
			want = strings.Compare(a.Sort, b.Sort)
		}
		if got := bytes.Compare(ka, kb); got != want {
			r.Fatalf("%q against %q: keys order %d, want %d", a, b, got, want)
		}
		prefix := appendEscaped(appendHead(nil, spaceRow, 1), b.Part)
		if bytes.HasPrefix(ka, prefix) != (a.Part == b.Part) {
			r.Fatalf("%q and the partition of %q", a, b)
		}
		if in := bytes.Compare(ka, prefix) >= 0 && bytes.Compare(ka, past(slices.Clone(prefix))) < 0; in != (a.Part == b.Part) {
			r.Fatalf("%q in the range of the partition of %q: %v", a, b, in)
		}
	})
}

// FuzzKey feeds any bytes to the key decoder.
func FuzzKey(f *testing.F) {
	f.Add(appendTail(nil, table.Key{Part: "a\x00b", Sort: "c"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := readTail(b)
		if err != nil {
			if !errors.Is(err, table.ErrCorrupt) {
				t.Fatalf("got %v", err)
			}
			return
		}
		if got := appendTail(nil, k); !bytes.Equal(got, b) {
			t.Fatalf("%x came back as %x", b, got)
		}
	})
}
