package checker

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"parley/chat"
	"parley/identity"
	"parley/store"
	"parley/store/pebble"
	"parley/wiring/server"
)

// childData and childAddress are the environment variables by which the test binary becomes a server of its own.
const (
	childData    = "PARLEY_CHECKER_DATA"
	childAddress = "PARLEY_CHECKER_ADDRESS"
)

func TestMain(m *testing.M) {
	if data := os.Getenv(childData); data != "" {
		os.Exit(serveChild(data, os.Getenv(childAddress)))
	}
	os.Exit(m.Run())
}

// serveChild is what `parley serve --limits off` does, on a disk and by a clock that obey the lines on standard input.
func serveChild(data, address string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	d := newDisk()
	var ahead atomic.Int64
	go obey(os.Stdin, d, &ahead)
	s, err := server.New(ctx, server.Config{
		Data: data, Listen: address, Registration: identity.Open, LimitsOff: true, DrainFor: 5 * time.Second, FS: d,
		Now:    func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	})
	if err == nil {
		err = s.Run(ctx)
	}
	if err != nil {
		slog.New(slog.NewJSONHandler(os.Stderr, nil)).Warn("ended", "error", err)
		return 1
	}
	return 0
}

// obey does what the parent says; it ends the process when the parent is gone.
func obey(commands io.Reader, d *disk, ahead *atomic.Int64) {
	for lines := bufio.NewScanner(commands); lines.Scan(); {
		word, value, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "full":
			d.full.Store(value == "on")
		case "nospace":
			d.fault.Store(&fault{syscall.ENOSPC, errorfs.OpFileWrite})
		case "nosync":
			d.fault.Store(&fault{syscall.EIO, errorfs.OpFileSyncData})
		case "ahead":
			seconds, _ := strconv.Atoi(value)
			ahead.Store(int64(seconds) * int64(time.Second))
		}
	}
	os.Exit(3)
}

// disk is the real one, until it is told to fail.
type disk struct {
	vfs.FS
	full  atomic.Bool           // it says that nothing is free
	fault atomic.Pointer[fault] // of the log, from now on
}

type fault struct {
	err error
	op  errorfs.OpKind
}

func newDisk() *disk {
	d := &disk{}
	d.FS = errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if f := d.fault.Load(); f != nil && f.op == op.Kind && strings.HasSuffix(op.Path, ".log") {
			return f.err
		}
		return nil
	}))
	return d
}

// GetDiskUsage implements vfs.FS.
func (d *disk) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	use, err := d.FS.GetDiskUsage(path)
	if d.full.Load() {
		use.AvailBytes = 1 << 20
	}
	return use, err
}

// house is a server in a process of its own, which can be ended and begun again on the same data and port. It has one
// owner.
type house struct {
	t             *testing.T
	data, address string
	cmd           *exec.Cmd
	commands      io.Writer
	end           func() error // waits until it has ended
	forgiving     atomic.Bool  // errors in the log are expected: a disk fault is on

	mu         sync.Mutex
	complaints []string // what a healthy server never logs
}

// openHouse starts a server on a new data folder.
func openHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, data: t.TempDir(), address: freeAddress(t)}
	t.Cleanup(func() {
		if h.cmd != nil {
			_ = h.cmd.Process.Kill()
			_ = h.end()
		}
	})
	return h
}

// freeAddress finds a port below those that the system gives to outgoing connections, so that it is still free after a
// restart.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.N(12000)))
		if err == nil {
			_ = l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// start starts the server and waits until it listens.
func (h *house) start() {
	h.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childData+"="+h.data, childAddress+"="+h.address)
	commands, err := cmd.StdinPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	output, err := cmd.StderrPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	listening, drained := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(drained)
		h.listen(output, listening)
	}()
	h.cmd, h.commands = cmd, commands
	h.end = sync.OnceValue(func() error {
		<-drained
		return cmd.Wait()
	})
	select {
	case <-listening:
	case <-drained:
		h.t.Fatalf("the server ended: %v; %v", h.end(), h.complained())
	case <-time.After(patience):
		h.t.Fatal("the server does not listen")
	}
}

// listen reads the log of one process.
func (h *house) listen(output io.Reader, listening chan<- struct{}) {
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Level, Msg string }
		if os.Getenv("TESTLOG") != "" {
			_, _ = fmt.Fprintln(os.Stderr, lines.Text())
		}
		switch err := json.Unmarshal(lines.Bytes(), &line); {
		case err == nil && line.Msg == "listening":
			close(listening)
		case err == nil && line.Level != "ERROR" && !strings.HasPrefix(line.Msg, "numbers are missing"):
		case h.forgiving.Load() && err == nil:
		default:
			h.mu.Lock()
			h.complaints = append(h.complaints, lines.Text())
			h.mu.Unlock()
		}
	}
}

func (h *house) complained() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.complaints
}

// tell gives the server's disk or clock a command.
func (h *house) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(h.commands, format+"\n", args...)
}

// kill ends the server without warning.
func (h *house) kill() {
	_ = h.cmd.Process.Kill()
	_ = h.end()
}

// stop ends the server by SIGTERM; an error says that it did not exit with 0.
func (h *house) stop() error {
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	return h.ended()
}

// ended waits until the server has ended by itself.
func (h *house) ended() error {
	late := time.AfterFunc(patience, func() {
		h.t.Error("the server does not end")
		_ = h.cmd.Process.Kill()
	})
	defer late.Stop()
	return h.end()
}

// stored reads all of a room out of the data folder. The server must have been stopped.
func (h *house) stored(rooms []string) []Log {
	h.t.Helper()
	db, err := pebble.Open(pebble.Options{Dir: filepath.Join(h.data, "store"), Schemas: store.Schemas()})
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			h.t.Error(err)
		}
	}()
	s, ctx := store.New(db, nil), context.Background()
	var logs []Log
	for _, id := range rooms {
		found, err := s.Rooms(ctx, id)
		if err != nil || len(found) != 1 {
			h.t.Fatalf("room %s is stored as %v, %v", id, found, err)
		}
		l := Log{Room: found[0]}
		for from := int64(1); ; from = l.Messages[len(l.Messages)-1].Seq + 1 {
			page, err := s.Messages(ctx, id, from, 1<<39, 1000, false)
			if err != nil {
				h.t.Fatal(err)
			}
			if l.Messages = append(l.Messages, page...); len(page) < 1000 {
				break
			}
		}
		for from := int64(1); ; from = l.Changes[len(l.Changes)-1].Seq + 1 {
			page, err := s.Changes(ctx, id, from, 1<<39, 1000)
			if err != nil {
				h.t.Fatal(err)
			}
			if l.Changes = append(l.Changes, page...); len(page) < 1000 {
				break
			}
		}
		logs = append(logs, l)
	}
	return logs
}

var _ chat.Log = (*store.Store)(nil)
