// Package pebble is the embedded engine of package table: ordered tables in one folder on one machine, kept by the
// Pebble key-value store. A Write is atomic, isolated, and on the disk (fsynced) when it returns; concurrent
// writers share the fsync. It knows nothing of chat.
package pebble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/store/table"
)

// How many files a DB may be told to keep open: what a store of some gigabytes is fast with, and what Pebble cannot do without.
const (
	ManyFiles = 500
	FewFiles  = 74
)

// Options says where and how to open a DB. Dir and Schemas are required.
type Options struct {
	Dir     string           // data folder, made if missing; one process at a time
	Schemas []table.Schema   // an index that is new or changed is built by Open
	Now     func() time.Time // clock for expiry; nil means time.Now
	Logger  *slog.Logger     // nil means none
	FS      vfs.FS           // nil means the disk

	CacheBytes    int64         // cache of blocks read from disk; 0 means 32 MiB
	MemtableBytes uint64        // writes kept in memory before they are flushed to a table file; 0 means 8 MiB
	OpenFiles     int           // files kept open at once, as far as those being read let it; 0 means ManyFiles, and fewer than FewFiles are as many
	PurgeEvery    time.Duration // how often Run removes expired items; 0 means a minute

	// Bulk is for filling a folder that nobody is served from: writes are durable, together, only when Close returns nil
	// (a crash before that may take back the latest of them), and the defaults of the two sizes above are 512 and 64 MiB.
	Bulk bool

	backoff time.Duration // tests wait less than guard would
}

// DB is an open store. It implements table.DB and table.Scanner, and is safe for concurrent use.
type DB struct {
	db      *lsm.DB
	lock    *lsm.Lock
	guard   *guard
	catalog table.Catalog
	tables  map[string]*tableInfo // by name; not changed after Open
	ids     map[uint16]*tableInfo
	now     func() time.Time
	log     *slog.Logger
	every   time.Duration

	requests chan *request
	spare    sync.Pool // requests that were answered
	known    atomic.Pointer[known]
	quit     chan struct{} // closed by Close: no more requests
	stopped  chan struct{} // closed when the committer has ended

	// mu guards the current view and whether there is one (none after Close). Held for a few instructions.
	mu      sync.Mutex
	view    *view
	readers sync.WaitGroup // one for each acquired view

	closeOnce sync.Once
	closeErr  error
}

var (
	_ table.DB      = (*DB)(nil)
	_ table.Scanner = (*DB)(nil)
)

// Open opens or makes the store in opt.Dir. The errors are table.ErrLocked, ErrNewer, ErrCorrupt, ErrFull and ErrInvalid
// (a bad or incompatible schema), or one of the file system.
func Open(opt Options) (*DB, error) {
	catalog, err := table.NewCatalog(opt.Schemas)
	if err != nil {
		return nil, err
	}
	opt = opt.withDefaults()
	d, err := open(opt, catalog)
	if err != nil {
		return nil, fmt.Errorf("opening the store in %q: %w", opt.Dir, classify(err))
	}
	return d, nil
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	cache, memtable := int64(32<<20), uint64(8<<20)
	if o.Bulk { // half of the work is to sort and merge what is in memory, the other half to look up what is not there
		cache, memtable = 512<<20, 64<<20
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = cache
	}
	if o.MemtableBytes == 0 {
		o.MemtableBytes = memtable
	}
	if o.OpenFiles == 0 {
		o.OpenFiles = ManyFiles
	}
	if o.PurgeEvery == 0 {
		o.PurgeEvery = time.Minute
	}
	return o
}

func open(opt Options, catalog table.Catalog) (_ *DB, err error) {
	dir := opt.FS.PathJoin(opt.Dir)
	if dir == "" {
		return nil, table.Invalid("no data folder given")
	}
	if err := opt.FS.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lsm.LockDirectory(dir, opt.FS)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			return nil, err // the lock file itself could not be opened
		}
		return nil, fmt.Errorf("%w: %w", table.ErrLocked, err)
	}
	defer func() {
		if err != nil {
			_ = lock.Close()
		}
	}()
	if err := checkEngineFormat(opt.FS, dir); err != nil {
		return nil, err
	}
	g := newGuard(newGentle(opt.FS), dir, opt.Logger)
	if opt.backoff != 0 {
		g.backoff = opt.backoff
	}
	db, err := lsm.Open(dir, engineOptions(opt, g, lock))
	if err != nil {
		return nil, err
	}
	d := &DB{
		db: db, lock: lock, guard: g, catalog: catalog, now: opt.Now, log: opt.Logger, every: opt.PurgeEvery,
		requests: make(chan *request, maxGroup), spare: sync.Pool{New: newRequest},
		quit: make(chan struct{}), stopped: make(chan struct{}),
	}
	if err = d.loadCatalog(opt.Schemas); err == nil {
		err = g.err()
	}
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	g.armed.Store(true)
	d.publish()
	go func() {
		defer close(d.stopped)
		c := &committer{d: d, written: map[string]record{}, memtable: int(opt.MemtableBytes), sync: lsm.Sync}
		if opt.Bulk {
			c.sync = lsm.NoSync
		}
		c.run()
	}()
	return d, nil
}

// engineOptions are chosen for a small server: some ten megabytes of memory, few open files. A key that is not there (the
// usual case of "put if absent") costs no disk read thanks to the bloom filters.
func engineOptions(opt Options, g *guard, lock *lsm.Lock) *lsm.Options {
	o := &lsm.Options{
		FS: g, Lock: lock, Logger: g, EventListener: g.listener(),
		FormatMajorVersion: engineFormat,
		CacheSize:          opt.CacheBytes,
		MemTableSize:       opt.MemtableBytes,
		MaxOpenFiles:       opt.OpenFiles,
		// Half of this is how many layers of new files wait until they are merged into the old ones, which rewrites much of
		// those: with Pebble's 4, a tenth of a message's cost; with 16, a thirtieth.
		L0CompactionThreshold: 16,
		// Never reached: the committer itself waits before (see committer.room), as a writer that Pebble stalls could
		// not be told that the disk has failed.
		MemTableStopWritesThreshold: 64,
		L0StopWritesThreshold:       1000,
	}
	o.Experimental.FileCacheShards = 4
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return o
}

// view is a snapshot of the database after a durable commit.
//
// Pebble lets readers see a batch before its fsync is done, so a reader of the live database could act on a write that
// a power failure then takes back. Readers therefore use the snapshot that the committer takes after each sync: two
// short critical sections in Pebble for a group, against the milliseconds of its fsync. A view is closed by its last user.
type view struct {
	snap *lsm.Snapshot
	refs atomic.Int32
}

// publish makes the state after the last commit visible. Only the committer and Open call it.
func (d *DB) publish() {
	v := &view{snap: d.db.NewSnapshot()}
	v.refs.Store(1)
	d.mu.Lock()
	old := d.view
	d.view = v
	d.mu.Unlock()
	old.release()
}

// acquire returns the current view, to be given back by done.
func (d *DB) acquire() (*view, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.view == nil {
		return nil, table.ErrClosed
	}
	d.readers.Add(1)
	d.view.refs.Add(1)
	return d.view, nil
}

func (d *DB) done(v *view) {
	v.release()
	d.readers.Done()
}

func (v *view) release() {
	if v != nil && v.refs.Add(-1) == 0 {
		_ = v.snap.Close() // always nil
	}
}

// Close ends the use of the store: waiting writes fail with table.ErrClosed, reads that have begun end first. It returns
// what went wrong in closing the files; nothing acknowledged depends on it.
func (d *DB) Close() error {
	d.closeOnce.Do(func() {
		close(d.quit)
		close(d.guard.released)
		<-d.stopped
		d.mu.Lock()
		last := d.view
		d.view = nil
		d.mu.Unlock()
		last.release()
		d.readers.Wait()
		d.closeErr = errors.Join(d.db.Close(), d.lock.Close()) // syncs what was not (Bulk)
	})
	return d.closeErr
}

// Run learns which items expire, and removes them when they have, until ctx ends (then it returns nil). It returns an error if the store has stopped writing
// for good, because the disk failed: the process should end and be started again. One Run at a time.
func (d *DB) Run(ctx context.Context) error {
	tick := time.NewTicker(d.every)
	defer tick.Stop()
	for {
		if err := errors.Join(d.relearn(ctx), d.Purge(ctx)); err != nil && ctx.Err() == nil {
			if errors.Is(err, table.ErrClosed) {
				return nil
			}
			d.log.Error("looking after items that expire", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.quit:
			return nil
		case <-d.guard.failed:
			return d.guard.err()
		case <-tick.C:
		}
	}
}

// Checkpoint writes a consistent copy of the running store into dir, which must not exist and becomes a data folder
// that Open accepts. On one file system it costs little space at first, since table files are hard-linked. Everything
// acknowledged before the call is in it (the log is synced at every write and is part of the copy).
func (d *DB) Checkpoint(dir string) error {
	v, err := d.acquire() // keeps Close waiting
	if err != nil {
		return err
	}
	defer d.done(v)
	if err := d.guard.err(); err != nil {
		return err
	}
	if err := d.db.Checkpoint(dir); err != nil {
		return fmt.Errorf("copying the store to %q: %w", dir, classify(err))
	}
	return nil
}
