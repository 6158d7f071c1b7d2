package pebble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/store/table"
)

// reserveBytes of the disk are left free: below it writes are refused with ErrFull while there is still room for
// Pebble's own flushes and compactions. Writes go on by themselves when space is free again.
const reserveBytes = 64 << 20

const (
	backoff  = time.Second // how long a flush or compaction waits after one that failed; Pebble would try again at once
	patience = 5           // how many may fail in a row, other than for want of space, before the store is frozen
)

// guard stands between Pebble and the file system and keeps its failures from ending the process.
//
// Pebble takes a failed write or sync of its log or manifest as fatal: it calls Logger.Fatalf, or panics, with its
// locks held and its memory half changed. After a failed fsync nobody knows what is on the disk, so trying again would
// be a lie as well. Therefore the first such failure freezes the store: guard remembers it, tells Pebble that all is well, and
// from then on drops everything sent to logs and manifests, deletes nothing, and holds back new table files. The committer
// asks after each commit and acknowledges nothing that came after the failure; reads go on. The folder stays as it was
// at the failure, and opening it again recovers all that was acknowledged. Failures to write a table file are none of
// this: Pebble survives them and tries again.
type guard struct {
	vfs.FS
	dir string
	log *slog.Logger

	backoff  time.Duration
	armed    atomic.Bool   // Open is done: background work may be held back
	failed   chan struct{} // closed with the first failure
	released chan struct{} // closed by Close: whoever is held back goes on, to an error

	flushEnd atomic.Pointer[error] // how the last flush ended
	flush    atomic.Pointer[error] // why it failed, if it did
	failures atomic.Int32          // flushes and compactions failed in a row

	mu     sync.Mutex // held to set the two below; they may be read once failed is closed
	reason error
	lost   bool // the log itself could not be written: what was being committed is certainly not on the disk
}

func newGuard(fs vfs.FS, dir string, log *slog.Logger) *guard {
	return &guard{
		FS: fs, dir: dir, log: log, backoff: backoff,
		failed: make(chan struct{}), released: make(chan struct{}),
	}
}

// fail freezes the store. Only the first reason counts.
func (g *guard) fail(doing string, err error, lost bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reason != nil {
		return
	}
	g.reason = fmt.Errorf("store stopped writing until it is opened again: %s: %w", doing, classify(err))
	g.lost = lost
	g.log.Error("store stopped writing", "doing", doing, "error", err)
	close(g.failed)
}

// err returns why the store is frozen, or nil.
func (g *guard) err() error {
	select {
	case <-g.failed:
		return g.reason
	default:
		return nil
	}
}

// outcome returns what became of the commit that has just returned: nil if it is durable.
func (g *guard) outcome() error {
	err := g.err()
	if err == nil || g.lost {
		return err
	}
	return fmt.Errorf("the outcome of this write is unknown until the next start: %v", err) //nolint:errorlint // hides ErrFull, which promises "nothing"
}

// refuse returns why nothing may be written now, or nil.
func (g *guard) refuse() error {
	if err := g.err(); err != nil {
		return err
	}
	if err := g.flush.Load(); err != nil {
		return fmt.Errorf("memory cannot be flushed to the disk: %w", classify(*err))
	}
	// A file system that cannot tell how much is free has no reserve.
	if use, err := g.FS.GetDiskUsage(g.dir); err == nil && use.AvailBytes < reserveBytes {
		return fmt.Errorf("%w: less than %d MiB left", table.ErrFull, reserveBytes>>20)
	}
	return nil
}

// mine tells whether a file is in the data folder (a checkpoint writes the same kinds of files elsewhere).
func (g *guard) mine(name string) bool { return g.PathDir(name) == g.dir }

// vital tells the files whose failure Pebble does not survive: logs, manifests, and the markers that name the latest.
func (g *guard) vital(name string) bool {
	base := g.PathBase(name)
	return strings.HasSuffix(base, ".log") || strings.HasPrefix(base, "MANIFEST-") || strings.HasPrefix(base, "marker.")
}

// Create implements vfs.FS.
func (g *guard) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if !g.mine(name) {
		return g.FS.Create(name, c)
	}
	if g.vital(name) {
		return g.open(name, func() (vfs.File, error) { return g.FS.Create(name, c) })
	}
	if err := g.hold(); err != nil {
		return nil, err
	}
	return g.FS.Create(name, c)
}

// ReuseForWrite implements vfs.FS; Pebble recycles log files by it.
func (g *guard) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if !g.mine(to) || !g.vital(to) {
		return g.FS.ReuseForWrite(from, to, c)
	}
	return g.open(to, func() (vfs.File, error) { return g.FS.ReuseForWrite(from, to, c) })
}

// open opens a vital file, or one that swallows everything once the store is frozen.
func (g *guard) open(name string, open func() (vfs.File, error)) (vfs.File, error) {
	log := strings.HasSuffix(name, ".log")
	if g.err() == nil {
		f, err := open()
		if err == nil {
			return &guardedFile{f, g, log}, nil
		}
		g.fail("opening "+g.PathBase(name), err, log)
	}
	return &guardedFile{vfs.NewMemFile(nil), g, log}, nil
}

// hold makes background work wait: a moment after a failure, and until Close when the store is frozen.
func (g *guard) hold() error {
	if !g.armed.Load() {
		return g.err()
	}
	if g.failures.Load() > 0 {
		time.Sleep(g.backoff)
	}
	if g.err() != nil {
		<-g.released
	}
	return g.err()
}

// OpenDir implements vfs.FS. A directory of the store is opened only to sync it.
func (g *guard) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil || name != g.dir {
		return f, err
	}
	return &guardedFile{f, g, false}, nil
}

// Remove implements vfs.FS. In a frozen store it does nothing: what was acknowledged may be in an old file only.
func (g *guard) Remove(name string) error {
	if g.mine(name) && g.err() != nil {
		return nil
	}
	return g.FS.Remove(name)
}

// Unwrap implements vfs.FS.
func (g *guard) Unwrap() vfs.FS { return g.FS }

// guardedFile is a vital file or directory. Its failures freeze the store instead of reaching Pebble.
type guardedFile struct {
	vfs.File
	g   *guard
	log bool
}

func (f *guardedFile) Write(p []byte) (int, error) {
	if f.g.err() != nil {
		return len(p), nil
	}
	n, err := f.File.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		f.g.fail("writing the log or manifest", err, f.log)
	}
	return len(p), nil
}

func (f *guardedFile) Sync() error     { return f.sync(f.File.Sync) }
func (f *guardedFile) SyncData() error { return f.sync(f.File.SyncData) }

func (f *guardedFile) SyncTo(n int64) (full bool, _ error) {
	return full, f.sync(func() (err error) { full, err = f.File.SyncTo(n); return err })
}

func (f *guardedFile) sync(do func() error) error {
	if f.g.err() != nil {
		return nil
	}
	if err := do(); err != nil {
		f.g.fail("syncing", err, false)
	}
	return nil
}

func (f *guardedFile) Close() error {
	if err := f.File.Close(); err != nil {
		f.g.fail("closing", err, false)
	}
	return nil
}

// The methods below are guard's as Pebble's Logger.

// Infof reports Pebble's routine, which only a developer wants to read.
func (g *guard) Infof(format string, args ...any) {
	if g.log.Enabled(context.Background(), slog.LevelDebug) {
		g.log.Debug(fmt.Sprintf(format, args...))
	}
}

// Errorf reports a failure that Pebble survived.
func (g *guard) Errorf(format string, args ...any) { g.log.Error(fmt.Sprintf(format, args...)) }

// Fatalf is called for broken invariants. Pebble goes on as well as it can; nothing more is written.
func (g *guard) Fatalf(format string, args ...any) {
	cause := fmt.Errorf(format, args...)
	for _, a := range args {
		if err, ok := a.(error); ok {
			cause = err
		}
	}
	g.fail("engine", cause, false)
}

// listener hears of background work and damaged files.
func (g *guard) listener() *lsm.EventListener {
	return &lsm.EventListener{
		// A flush that had nothing to write ends with an error too, but only one that failed is reported again, as a
		// background error.
		FlushEnd: func(info lsm.FlushInfo) {
			g.flushEnd.Store(&info.Err)
			g.flush.Store(nil)
			if info.Err == nil {
				g.failures.Store(0)
			}
		},
		BackgroundError: func(err error) {
			if end := g.flushEnd.Load(); end != nil && *end != nil && errors.Is(err, *end) {
				g.flush.Store(&err)
				g.failure("flush", err)
			}
		},
		CompactionEnd: func(info lsm.CompactionInfo) {
			switch {
			case info.Err == nil:
				g.failures.Store(0)
			case !errors.Is(info.Err, lsm.ErrCancelledCompaction):
				g.failure("compaction", info.Err)
			}
		},
		DataCorruption: func(info lsm.DataCorruptionInfo) {
			g.log.Error("stored data is damaged", "file", info.Path, "error", info.Details)
		},
	}
}

// failure counts failures of background work. Pebble tries again for ever, and in the end stalls its writers; a clear
// end is better, except for a full disk, which may be emptied.
func (g *guard) failure(what string, err error) {
	g.log.Error("store background work failed", "work", what, "error", err)
	if n := g.failures.Add(1); n >= patience && !errors.Is(classify(err), table.ErrFull) {
		g.fail(what, err, false)
	}
}

// classify wraps an error of Pebble or the file system with the port's error for it, if there is one.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", table.ErrFull, err)
	case lsm.IsCorruptionError(err):
		return fmt.Errorf("%w: %w", table.ErrCorrupt, err)
	}
	return err
}
