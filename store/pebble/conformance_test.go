package pebble_test

import (
	"testing"
	"time"

	"parley/store/pebble"
	"parley/store/table"
	"parley/store/table/tabletest"
)

func TestConformance(t *testing.T) {
	options := map[table.DB]pebble.Options{}
	open := func(t *testing.T, o pebble.Options) table.DB {
		t.Helper()
		db, err := pebble.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Learn(); err != nil {
			t.Fatal(err)
		}
		options[db] = o
		return db
	}
	tabletest.Run(t, tabletest.Harness{
		Open: func(t *testing.T, schemas []table.Schema, now func() time.Time) table.DB {
			return open(t, pebble.Options{Dir: t.TempDir(), Schemas: schemas, Now: now})
		},
		Reopen: func(t *testing.T, db table.DB) table.DB {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, options[db])
		},
		Rounds: 100,
	})
}
