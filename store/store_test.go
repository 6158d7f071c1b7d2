package store_test

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/chattest"
	"parley/store"
	"parley/store/pebble"
)

func TestPortsOverPebble(t *testing.T) {
	chattest.Run(t, func(t *testing.T, now func() time.Time) chattest.Ports {
		db, err := pebble.Open(pebble.Options{Dir: "data", FS: vfs.NewMem(), Schemas: store.Schemas(), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return store.New(db, now)
	})
}
