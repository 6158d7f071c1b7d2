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

// backoff is how long a flush or compaction waits after one that failed. Pebble itself would try again at once.
const backoff = time.Second

// guard stands between Pebble and the file system and keeps its failures from ending the process.
//
// Pebble takes a failed write or sync of its log as fatal: it calls Logger.Fatalf, or panics with its locks held. After
// a failed fsync nobody knows what is on the disk, so trying again would be a lie as well. Therefore the first failure
// of the log, of a directory sync or of the manifest freezes the store: guard remembers it, tells Pebble that all is
// well, and from then on drops everything sent to the log, deletes nothing, and holds back new table files. The
// committer asks err after each commit and acknowledges nothing that came after the failure; reads go on. The folder
// stays as it was at the failure, and opening it again recovers all that was acknowledged.
type guard struct {
	vfs.FS
	dir string
	log *slog.Logger

	armed    atomic.Bool   // Open is done: background work may be held back
	failed   chan struct{} // closed with the first failure
	released chan struct{} // closed by Close: whoever is held back goes on, to an error
	trouble  atomic.Int64  // when a flush or compaction last failed, in nanoseconds of the epoch

	mu     sync.Mutex // held to set the two below; they may be read once failed is closed
	reason error
	lost   bool // the log itself could not be written: what was being committed is certainly not on the disk
}

func newGuard(fs vfs.FS, dir string, log *slog.Logger) *guard {
	return &guard{FS: fs, dir: dir, log: log, failed: make(chan struct{}), released: make(chan struct{})}
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
	return fmt.Errorf("the outcome of this write is unknown until the next start: %v", err) // hides ErrFull, which promises "nothing"
}

// full tells that the reserve is touched. A file system that cannot tell has no reserve.
func (g *guard) full() bool {
	use, err := g.FS.GetDiskUsage(g.dir)
	return err == nil && use.AvailBytes < reserveBytes
}

// mine tells whether a file is in the data folder (a checkpoint writes the same kinds of files elsewhere).
func (g *guard) mine(name string) bool { return g.PathDir(name) == g.dir }

func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

// Create implements vfs.FS.
func (g *guard) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if !g.mine(name) {
		return g.FS.Create(name, c)
	}
	if isLog(name) {
		return g.openLog(func() (vfs.File, error) { return g.FS.Create(name, c) })
	}
	if err := g.hold(); err != nil {
		return nil, err
	}
	return g.FS.Create(name, c)
}

// ReuseForWrite implements vfs.FS; Pebble recycles log files by it.
func (g *guard) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if !g.mine(to) || !isLog(to) {
		return g.FS.ReuseForWrite(from, to, c)
	}
	return g.openLog(func() (vfs.File, error) { return g.FS.ReuseForWrite(from, to, c) })
}

// openLog opens a log file, or one that swallows everything once the store is frozen.
func (g *guard) openLog(open func() (vfs.File, error)) (vfs.File, error) {
	if g.err() == nil {
		f, err := open()
		if err == nil {
			return &guardedFile{f, g}, nil
		}
		g.fail("opening a log", err, true)
	}
	return &guardedFile{vfs.NewMemFile(nil), g}, nil
}

// hold makes background work wait: a while after trouble, and for ever (until Close) when the store is frozen.
func (g *guard) hold() error {
	if !g.armed.Load() {
		return g.err()
	}
	wait := time.Until(time.Unix(0, g.trouble.Load()).Add(backoff))
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-g.released:
		}
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
	return &guardedFile{f, g}, nil
}

// Remove implements vfs.FS. In a frozen store it does nothing: what was acknowledged may be in an old file only.
func (g *guard) Remove(name string) error {
	if g.mine(name) && g.armed.Load() && g.err() != nil {
		return nil
	}
	return g.FS.Remove(name)
}

// Unwrap implements vfs.FS.
func (g *guard) Unwrap() vfs.FS { return g.FS }

// guardedFile is a log or directory whose failures freeze the store instead of reaching Pebble.
type guardedFile struct {
	vfs.File
	g *guard
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
		f.g.fail("writing the log", err, true)
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

// Fatalf is called for a failed manifest write and for broken invariants. Pebble returns the error to its caller when
// Fatalf returns, so freezing the store is enough.
func (g *guard) Fatalf(format string, args ...any) {
	cause := fmt.Errorf(format, args...)
	for _, a := range args {
		if err, ok := a.(error); ok {
			cause = err
		}
	}
	g.fail("engine", cause, false)
}

// listener hears of background failures and damaged files.
func (g *guard) listener() *lsm.EventListener {
	return &lsm.EventListener{
		BackgroundError: func(err error) {
			g.trouble.Store(time.Now().UnixNano())
			g.log.Error("store background work failed", "error", err)
		},
		DataCorruption: func(info lsm.DataCorruptionInfo) {
			g.log.Error("stored data is damaged", "file", info.Path, "error", info.Details)
		},
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
