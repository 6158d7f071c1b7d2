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

	"parley/chat"
)

// listen listens on a port of its own.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// knock connects for the time of a test and says nothing.
func knock(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", l.Addr().String(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// takes accepts one connection, and ends it.
func takes(t *testing.T, l net.Listener) {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// Who connects and says nothing keeps nobody out.
func TestSilentCrowd(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, h *house) {
		for range 2 * maxUnread {
			knock(t, h.server.Listener)
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
	inner := listen(t)
	l := h.g.Listener(inner)
	l.stalled = time.Millisecond
	for range maxCalm {
		h.g.calm.enter()
		defer h.g.calm.leave()
	}
	defer l.Close()
	knock(t, inner)
	takes(t, l)
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
	inner := listen(t)
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
		peer := knock(t, inner)
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
	inner := listen(t)
	l := h.g.Listener(inner)
	peer := knock(t, inner)
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
	inner := listen(t)
	f := &full{Listener: inner}
	f.left.Store(3)
	l := h.g.Listener(f)
	defer l.Close()
	knock(t, inner)
	takes(t, l)
}

// Who gives up before their turn is not brought in: nothing is read for them, and nobody is told that they came.
func TestWhoGaveUp(t *testing.T) {
	h := newHouse(t, Config{}, false)
	for range maxCalm {
		h.g.calm.enter()
	}
	inner := listen(t)
	l := h.g.Listener(inner)
	l.stalled = time.Millisecond // lets them ask
	server := &http.Server{ConnState: l.ConnState, Handler: h.server.Config.Handler}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	peer := knock(t, inner)
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

// When there is no room for one more socket, who comes is told when to come again, at no cost to their ticket; requests
// are served all the same, since who is silent between them makes room; and all goes on for who is here.
func TestFull(t *testing.T) {
	each(t, Limits{Files: 16}, func(t *testing.T, h *house) {
		h.join("r1", "user0")
		first := h.dial(t, "user0")
		for i := range 13 {
			h.dial(t, fmt.Sprint("user", i+1))
		}
		for i := range 20 {
			tr := h.server.Client().Transport.(*http.Transport).Clone() // each stays connected
			defer tr.CloseIdleConnections()
			if _, res, err := h.try(&http.Client{Transport: tr, Timeout: 10 * time.Second}, fmt.Sprint("late", i)); res == nil || res.StatusCode != http.StatusServiceUnavailable {
				t.Fatalf("one more socket: %v", err)
			}
		}
		if _, _, err := h.g.Await(t.Context(), Identity{UserID: "late"}, "", time.Second, nil); chat.CodeOf(err) != chat.Unavailable || chat.AsError(err).RetryAfter != fullAgain {
			t.Errorf("one more without a socket: %v", err)
		}
		if n := h.g.Stats(); n.Connections != 14 || n.Refused != 21 {
			t.Errorf("%d sockets, %d were refused", n.Connections, n.Refused)
		}
		h.say("r1", "hello")
		first.hears("newMessage 1 hello")
		first.ws.CloseNow()
		eventually(t, "room", func() bool { return h.g.room() == nil })
		h.dial(t, "late").hears()
	})
}

// The listener can be closed while somebody waits for a place.
func TestCloseWhenFull(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{Files: 1}}, false)
	inner := listen(t)
	l := h.g.Listener(inner)
	knock(t, inner)
	knock(t, inner)
	eventually(t, "one too many", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.full
	})
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if n := len(h.g.places); n != 0 {
		t.Errorf("%d places are taken", n)
	}
}
