package gateway

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Who connects and says nothing keeps nobody out.
func TestSilentCrowd(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, h *house) {
		for range 2 * maxUnread {
			c, err := net.Dial("tcp", h.server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		eventually(t, "a crowd", h.arrivals.crowded)
		h.dial(t, "ada").hears()
	})
}

// While as many sockets are opened as may be, who comes waits outside, and who is here is served.
func TestCrowdWaitsOutside(t *testing.T) {
	h := newHouse(t, Config{}, false)
	h.join("r1", "ada")
	ada := h.dial(t, "ada")
	before := h.taken.Load()
	loads := make(chan chan error)
	h.mu.Lock()
	h.loading = loads
	h.mu.Unlock()
	const crowd = 3 * maxCalm
	opened := make(chan *client, crowd)
	var opening []chan error
	for i := range crowd {
		go func() { opened <- h.dial(t, fmt.Sprint("user", i)) }()
		if i < maxCalm {
			opening = append(opening, <-loads)
		}
	}
	h.say("r1", "hello")
	if got := ada.next().String(); got != "newMessage 1 hello" {
		t.Errorf("heard %q", got)
	}
	time.Sleep(50 * time.Millisecond) // what must not happen needs time to happen
	if n := h.taken.Load() - before; n > maxCalm+1 {
		t.Errorf("%d connections were taken, %d can be opened", n, maxCalm)
	}
	go func() {
		for _, turn := range opening {
			turn <- nil
		}
		for range crowd - maxCalm {
			turn := <-loads
			turn <- nil
		}
	}()
	for range crowd {
		<-opened
	}
}

// Turns that are never given back keep nobody out for ever.
func TestStalledTurns(t *testing.T) {
	h := newHouse(t, Config{}, false)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := h.g.Listener(inner)
	l.stalled = time.Millisecond
	for range maxCalm {
		h.g.calm.enter()
		defer h.g.calm.leave()
	}
	defer l.Close()
	peer, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	taken, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	taken.Close()
}

// narrow makes the kernel keep only one connection that is not accepted yet.
func narrow(t *testing.T, l net.Listener) {
	t.Helper()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			if err := syscall.Listen(int(fd), 1); err != nil { // a second call only changes the bound
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// However many come while nobody can be served, nobody is cut off or left to try again: all are taken out of the
// kernel's short queue, wait as long as they have to, and are served in their turn.
func TestNobodyIsCutOffWaiting(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	narrow(t, inner)
	h := newHouse(t, Config{}, false)
	l := h.g.Listener(inner)
	var served atomic.Int32
	server := &http.Server{ConnState: l.ConnState, ReadHeaderTimeout: 100 * time.Millisecond, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		served.Add(1)
	})}
	for range maxCalm {
		h.g.calm.enter()
	}
	l.stalled = time.Hour
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	var peers []net.Conn
	for range 3 * takeStep {
		peer, err := net.DialTimeout("tcp", inner.Addr().String(), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		fmt.Fprintf(peer, "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
		peers = append(peers, peer)
	}
	time.Sleep(2 * server.ReadHeaderTimeout) // it runs from the turn on
	if n := served.Load(); n != 0 {
		t.Fatalf("%d were served without a turn", n)
	}
	for range maxCalm {
		h.g.calm.leave()
	}
	for i, peer := range peers {
		_ = peer.SetDeadline(time.Now().Add(10 * time.Second))
		res, err := http.ReadResponse(bufio.NewReader(peer), nil)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		res.Body.Close()
	}
	server.Close()
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

// Close ends who waits, and Accept.
func TestCloseEndsWhoWaits(t *testing.T) {
	h := newHouse(t, Config{}, false)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := h.g.Listener(inner)
	peer, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	eventually(t, "a connection that waits", func() bool { return len(l.waiting) == 1 })
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	_ = peer.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := peer.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
}

// full is a listener for which the system has no room three times.
type full struct {
	net.Listener
	left atomic.Int32
}

func (f *full) Accept() (net.Conn, error) {
	if f.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

// That no file can be opened ends nothing: it is tried again.
func TestNoRoomForConnections(t *testing.T) {
	h := newHouse(t, Config{}, false)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &full{Listener: inner}
	f.left.Store(3)
	l := h.g.Listener(f)
	defer l.Close()
	peer, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	taken, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	taken.Close()
}

// Who gives up before their turn is not brought in: nothing is read for them, and nobody is told that they came.
func TestWhoGaveUp(t *testing.T) {
	h := newHouse(t, Config{}, false)
	for range maxCalm {
		h.g.calm.enter()
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := h.g.Listener(inner)
	l.stalled = time.Millisecond // lets them ask
	server := &http.Server{ConnState: l.ConnState, Handler: h.server.Config.Handler}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	peer, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(peer, "GET /ws HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: parley.v1\r\nAuthorization: Bearer ok-eve\r\n\r\n")
	eventually(t, "a request", func() bool { return h.asking.Load() == 1 })
	peer.Close()
	eventually(t, "an end", func() bool { return h.gaveUp.Load() == 1 })
	for range maxCalm {
		h.g.calm.leave()
	}
	h.dial(t, "ada").hears()
	if told := h.told(); told != "+ada" {
		t.Errorf("the service was told %s", told)
	}
	server.Close()
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
