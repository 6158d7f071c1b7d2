package dynamo_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"parley/store/pebble"
	"parley/store/table"
	"parley/store/transfer"
)

func exported(t *testing.T, s transfer.Store, schemas []table.Schema) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := transfer.Export(t.Context(), transfer.House{Store: s, Tables: schemas, Layout: 1}, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func imported(t *testing.T, s transfer.Store, schemas []table.Schema, data []byte) {
	t.Helper()
	if _, err := transfer.Import(t.Context(), transfer.House{Store: s, Tables: schemas, Layout: 1}, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
}

// TestTransfer moves everything from the embedded engine to DynamoDB and back: both ways nothing changes.
func TestTransfer(t *testing.T) {
	schemas := []table.Schema{
		{Name: "messages", Part: "roomId", Sort: "entry", Indexes: []table.Index{{Name: "userId-index", Part: "userId", Sort: "messageId"}}},
		{Name: "alone", Part: "id"},
	}
	embedded := func() *pebble.DB {
		db, err := pebble.Open(pebble.Options{Dir: t.TempDir(), Schemas: schemas})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	one := embedded()
	for i := range 300 {
		err := one.Write(t.Context(), table.Op{Kind: table.Put, Table: "messages", Item: table.Item{
			Key: table.Key{Part: fmt.Sprint("room", i%7), Sort: fmt.Sprintf("m#%04d", i)},
			Attrs: []table.Attr{table.S("userId", "u"), table.S("messageId", fmt.Sprintf("%04d", i)), table.S("content", "a\"\\\x00\n😀<&>"),
				table.N("least", math.MinInt64), table.N("most", math.MaxInt64), table.B("bytes", []byte{0, 255}), table.B("none", nil), table.S("empty", "")}}},
			table.Op{Kind: table.Put, Table: "alone", Item: table.Item{Key: table.Key{Part: fmt.Sprint(i)}, Expires: 1 << 40}})
		if err != nil {
			t.Fatal(err)
		}
	}
	first := exported(t, one, schemas)

	cloud, cloud2, two := open(t, schemas, nil), open(t, schemas, nil), embedded()
	imported(t, cloud, schemas, first)
	second := exported(t, cloud, schemas)
	lines := func(b []byte) [][]byte { // without the last, which has the sum over all in their order
		all := bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
		all = all[:len(all)-1]
		slices.SortFunc(all, bytes.Compare)
		return all
	}
	if !slices.EqualFunc(lines(first), lines(second), bytes.Equal) {
		t.Error("an item changed on the way to DynamoDB")
	}
	imported(t, cloud2, schemas, second)
	if !bytes.Equal(second, exported(t, cloud2, schemas)) {
		t.Error("an export, an import and an export of DynamoDB differ")
	}
	imported(t, two, schemas, second)
	if !bytes.Equal(first, exported(t, two, schemas)) {
		t.Error("the export after the way to DynamoDB and back differs")
	}
}
