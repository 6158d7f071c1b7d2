package scenarios

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// wire is the network between people and a server: it can be cut, and lead to another server.
type wire struct {
	url string
	l   net.Listener

	mu     sync.Mutex
	target string // empty: nobody is there
	conns  map[net.Conn]bool
	tasks  sync.WaitGroup
}

// newWire lays a wire to the server at url.
func newWire(t *testing.T, url string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{url: "http://" + l.Addr().String(), l: l, conns: map[net.Conn]bool{}}
	w.lead(url)
	w.tasks.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.cut()
		w.tasks.Wait()
	})
	return w
}

// lead lets new connections reach the server at url, or nobody.
func (w *wire) lead(url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = strings.TrimPrefix(url, "http://")
}

// cut breaks all connections.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
	}
	clear(w.conns)
}

func (w *wire) accept() {
	for {
		near, err := w.l.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		target := w.target
		w.mu.Unlock()
		far, err := net.Dial("tcp", target)
		if err != nil {
			_ = near.Close()
			continue
		}
		w.mu.Lock()
		w.conns[near], w.conns[far] = true, true
		w.mu.Unlock()
		for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
			w.tasks.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				_ = pair[0].Close()
				_ = pair[1].Close()
			})
		}
	}
}
