package store_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/chattest"
	"parley/store"
	"parley/store/pebble"
	"parley/store/table"
)

func TestPortsOverPebble(t *testing.T) {
	chattest.Run(t, func(t *testing.T, now func() time.Time) chattest.Ports { return store.New(open(t, now), now) })
}

// TestPortsOverSlowTable gives others time to write between what a method reads and what it writes, as a network does.
func TestPortsOverSlowTable(t *testing.T) {
	chattest.Run(t, func(t *testing.T, now func() time.Time) chattest.Ports { return store.New(slow{open(t, now)}, now) })
}

func TestConnectionsOverPebble(t *testing.T) {
	chattest.RunConnections(t, func(t *testing.T, now func() time.Time) chattest.ConnectionPorts { return store.New(open(t, now), now) })
}

func TestConnectionsOverSlowTable(t *testing.T) {
	chattest.RunConnections(t, func(t *testing.T, now func() time.Time) chattest.ConnectionPorts {
		return store.New(slow{open(t, now)}, now)
	})
}

func open(t *testing.T, now func() time.Time) table.DB {
	t.Helper()
	db, err := pebble.Open(pebble.Options{Dir: "data", FS: vfs.NewMem(), Schemas: store.Schemas(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

type slow struct{ table.DB }

func (s slow) Get(ctx context.Context, name string, keys ...table.Key) ([]table.Item, error) {
	items, err := s.DB.Get(ctx, name, keys...)
	time.Sleep(rand.N(500 * time.Microsecond))
	return items, err
}
