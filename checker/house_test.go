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
	"parley/gateway"
	"parley/identity"
	"parley/store"
	"parley/store/pebble"
	"parley/wiring/server"
)

// childData, childAddress and childQueue are the environment variables by which the test binary becomes a server of its own.
const (
	childData    = "PARLEY_CHECKER_DATA"
	childAddress = "PARLEY_CHECKER_ADDRESS"
	childQueue   = "PARLEY_CHECKER_QUEUE"
)

func TestMain(m *testing.M) {
	if data := os.Getenv(childData); data != "" {
		queue, _ := strconv.Atoi(os.Getenv(childQueue))
		os.Exit(serveChild(data, os.Getenv(childAddress), queue))
	}
	os.Exit(m.Run())
}

// serveChild is what `parley serve --limits off` does, on a disk and by a clock that obey the lines on standard input. No
// more than queue bytes wait for a slow reader.
func serveChild(data, address string, queue int) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	d := newDisk()
	var ahead atomic.Int64
	go obey(os.Stdin, d, &ahead)
	s, err := server.New(ctx, server.Config{
		Data: data, Listen: address, Registration: identity.Open, LimitsOff: true, DrainFor: 5 * time.Second, FS: d,
		Sockets: gateway.Limits{QueueBytes: queue, SendBuffer: queue / 2},
		Now:     func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		Logger:  slog.New(slog.NewJSONHandler(os.Stderr, nil)),
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

// house is what people use, the nemesis strikes, and the judge reads in the end.
type house interface {
	// where it is reached: host:port.
	where() string
	pace() pace
	// strikes are the faults of the house itself; those of the network are the same everywhere.
	strikes(n *nemesis) []strike
	// heal ends all faults of the house.
	heal()
	// forgives tells whether internal errors are expected now.
	forgives() bool
	// retells tells whether a connection may be told a number again, in its place, since who told it may have died over it.
	retells() bool
	// stop ends the house; an error says that it did not end as it should.
	stop() error
	// stored reads all of some rooms, after stop.
	stored(rooms []string) []Log
	// complained is what a healthy house never logs.
	complained() []string
}

// machine is a server in a process of its own, which can be ended and begun again on the same data and port. It has one
// owner.
type machine struct {
	t             *testing.T
	data, address string
	queue         int // bytes that wait for a slow reader at most; 0: as always
	cmd           *exec.Cmd
	commands      io.Writer
	end           func() error // waits until it has ended
	forgiving     atomic.Bool  // errors in the log are expected: a disk fault is on

	mu         sync.Mutex
	complaints []string // what a healthy server never logs
}

// smallQueue is what may wait for a reader where readers are to be too slow: the default takes more than people say here.
const smallQueue = 16 << 10

// openMachine makes a house on a new data folder.
func openMachine(t *testing.T) *machine {
	t.Helper()
	h := &machine{t: t, data: t.TempDir(), address: freeAddress(t)}
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
func (h *machine) start() {
	h.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childData+"="+h.data, childAddress+"="+h.address, childQueue+"="+strconv.Itoa(h.queue))
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
func (h *machine) listen(output io.Reader, listening chan<- struct{}) {
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

func (h *machine) complained() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.complaints
}

// tell gives the server's disk or clock a command.
func (h *machine) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(h.commands, format+"\n", args...)
}

// kill ends the server without warning.
func (h *machine) kill() {
	_ = h.cmd.Process.Kill()
	_ = h.end()
}

// stop ends the server by SIGTERM; an error says that it did not exit with 0.
func (h *machine) stop() error {
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	return h.ended()
}

// ended waits until the server has ended by itself.
func (h *machine) ended() error {
	late := time.AfterFunc(patience, func() {
		h.t.Error("the server does not end")
		_ = h.cmd.Process.Kill()
	})
	defer late.Stop()
	return h.end()
}

// stored reads all of a room out of the data folder. The server must have been stopped.
func (h *machine) stored(rooms []string) []Log {
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
	return logs(h.t, store.New(db, nil), rooms)
}

// pace is how fast a house can be expected to be.
type pace struct {
	silence time.Duration // for which clients of an unsteady network wait
	within  time.Duration // for one attempt
	rest    time.Duration // at most between two things that somebody does
}

func (h *machine) pace() pace {
	return pace{silence: silence, within: 3 * time.Second, rest: 60 * time.Millisecond}
}

func (h *machine) where() string  { return h.address }
func (h *machine) forgives() bool { return h.forgiving.Load() }
func (h *machine) heal()          {}
func (h *machine) retells() bool  { return false }

// logs reads all of some rooms.
func logs(t *testing.T, s *store.Store, rooms []string) (out []Log) {
	t.Helper()
	ctx := context.Background()
	for _, id := range rooms {
		found, err := s.Rooms(ctx, id)
		if err != nil || len(found) != 1 {
			t.Fatalf("room %s is stored as %v, %v", id, found, err)
		}
		l := Log{Room: found[0]}
		for from := int64(1); ; from = l.Messages[len(l.Messages)-1].Seq + 1 {
			page, err := s.Messages(ctx, id, from, 1<<39, 1000, false)
			if err != nil {
				t.Fatal(err)
			}
			if l.Messages = append(l.Messages, page...); len(page) < 1000 {
				break
			}
		}
		for from := int64(1); ; from = l.Changes[len(l.Changes)-1].Seq + 1 {
			page, err := s.Changes(ctx, id, from, 1<<39, 1000)
			if err != nil {
				t.Fatal(err)
			}
			if l.Changes = append(l.Changes, page...); len(page) < 1000 {
				break
			}
		}
		out = append(out, l)
	}
	return out
}

var _ chat.Log = (*store.Store)(nil)
