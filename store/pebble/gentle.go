package pebble

import (
	"runtime"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Bounds of how long the engine keeps a processor while it flushes and merges.
const (
	leastSlice = 300 * time.Microsecond // before it lets others go first
	busyShare  = 2                      // of the time that others took, it has one part of so many at least
)

// gentle is a file system that makes who writes table files let others go first, again and again. Flushing and merging
// keep a processor for as long as the runtime lets them, which is 10 ms; where there is only one, each of the five or so
// steps of a message waited for that. However busy it is, a third of the time is left for them: what is not flushed
// makes all writes wait in the end, with a fifth for a second beside ten loud rooms.
type gentle struct {
	vfs.FS
	yield func()           // lets others go first
	now   func() time.Time // not of the wall
}

func newGentle(fs vfs.FS) gentle { return gentle{fs, runtime.Gosched, time.Now} }

// Create implements vfs.FS.
func (g gentle) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := g.FS.Create(name, c)
	if err != nil || !strings.HasSuffix(name, ".sst") {
		return f, err
	}
	return &gentleFile{File: f, g: g, began: g.now(), slice: leastSlice}, nil
}

// Unwrap implements vfs.FS.
func (g gentle) Unwrap() vfs.FS { return g.FS }

// gentleFile is a table file being written, by one goroutine.
type gentleFile struct {
	vfs.File
	g     gentle
	began time.Time     // of the slice under way
	slice time.Duration // how long it may be
}

func (f *gentleFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if worked := f.g.now(); worked.Sub(f.began) > f.slice {
		f.g.yield()
		f.began = f.g.now()
		f.slice = max(leastSlice, f.began.Sub(worked)/busyShare)
	}
	return n, err
}
