package checker

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// proxy is the network between clients and a house. Each of its connections can be made to fail in its own way.
type proxy struct {
	url    string
	target string
	l      net.Listener
	tasks  sync.WaitGroup

	mu    sync.Mutex // guards what follows
	links map[*link]bool
	done  bool
}

// newProxy lays a network to the server at an address.
func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{url: "http://" + l.Addr().String(), target: target, l: l, links: map[*link]bool{}}
	p.tasks.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) close() {
	p.mu.Lock()
	p.done = true
	p.mu.Unlock()
	_ = p.l.Close()
	for _, k := range p.all() {
		k.cut()
	}
	p.tasks.Wait()
}

func (p *proxy) accept() {
	for {
		near, err := p.l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		k := &link{near: near.(*net.TCPConn), far: far.(*net.TCPConn), gone: make(chan struct{})}
		p.mu.Lock()
		if p.done {
			k.cut()
		}
		p.links[k] = true
		p.mu.Unlock()
		var both sync.WaitGroup
		both.Go(func() { k.carry(&k.up, k.near, k.far, true) })
		both.Go(func() { k.carry(&k.down, k.far, k.near, false) })
		p.tasks.Go(func() {
			both.Wait()
			p.mu.Lock()
			delete(p.links, k)
			p.mu.Unlock()
		})
	}
}

func (p *proxy) all() []*link {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*link
	for k := range p.links {
		out = append(out, k)
	}
	return out
}

// strike does something to a share of the connections, and tells to how many.
func (p *proxy) strike(rng *rand.Rand, share float64, do func(k *link)) (struck int) {
	for _, k := range p.all() {
		if rng.Float64() < share {
			do(k)
			struck++
		}
	}
	return struck
}

// link is one connection through the proxy.
type link struct {
	near, far *net.TCPConn
	up, down  way
	once      sync.Once
	gone      chan struct{} // closed with the connection
}

// way is one direction of a link, and how it fails.
type way struct {
	swallow atomic.Bool
	budget  atomic.Int64 // bytes until the connection is cut; zero: none
	stalled atomic.Int64 // until when nothing moves, in Unix nanoseconds
	delay   atomic.Int64 // before each piece, in nanoseconds
	trickle atomic.Bool  // a reader who takes 512 bytes every 50 ms
	double  atomic.Int64 // of that many frames in 100, a copy follows later
}

// cut resets both sides.
func (k *link) cut() {
	k.once.Do(func() {
		close(k.gone)
		for _, c := range []*net.TCPConn{k.near, k.far} {
			_ = c.SetLinger(0)
			_ = c.Close()
		}
	})
}

// pause waits, or says that the link is gone.
func (k *link) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-k.gone:
		return false
	}
}

// carry moves bytes one way until the connection ends; socket frames of the client one at a time, so that they can be
// doubled.
func (k *link) carry(w *way, from, to *net.TCPConn, up bool) {
	defer k.cut()
	if !up {
		_, _ = io.CopyBuffer(writer{k, w, to}, struct{ io.Reader }{from}, make([]byte, 4096))
		return
	}
	in := bufio.NewReader(from)
	head, err := in.Peek(len("GET /ws"))
	if err != nil {
		return
	}
	if string(head) != "GET /ws" {
		_, _ = io.CopyBuffer(writer{k, w, to}, struct{ io.Reader }{in}, make([]byte, 4096))
		return
	}
	_ = to.SetReadBuffer(32 << 10) // else the kernel would read on for a slow reader; with less it would itself be slow
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		if _, err := (writer{k, w, to}).Write(line); err != nil {
			return
		}
		if string(line) == "\r\n" {
			break
		}
	}
	k.frames(w, in, writer{k, w, to})
}

// frames carries socket frames; a copy of a text frame may follow up to three frames later.
func (k *link) frames(w *way, in io.Reader, out io.Writer) {
	var later [][]byte
	for {
		h, err := ws.ReadHeader(in)
		if err != nil {
			return
		}
		var frame bytes.Buffer
		_ = ws.WriteHeader(&frame, h)
		if _, err := io.CopyN(&frame, in, h.Length); err != nil {
			return
		}
		if _, err := out.Write(frame.Bytes()); err != nil {
			return
		}
		if n := w.double.Load(); h.OpCode == ws.OpText && h.Fin && rand.Int64N(100) < n {
			later = append(later, frame.Bytes())
		}
		if len(later) > 0 && rand.IntN(2) == 0 {
			if _, err := out.Write(later[0]); err != nil {
				return
			}
			later = later[1:]
		}
	}
}

var errCut = errors.New("the connection is cut")

// writer is where a way ends: here it fails.
type writer struct {
	k  *link
	w  *way
	to *net.TCPConn
}

func (o writer) Write(b []byte) (int, error) {
	n := len(b)
	if wait := time.Duration(o.w.stalled.Load() - time.Now().UnixNano()); wait > 0 && !o.k.pause(wait) {
		return 0, errCut
	}
	if d := time.Duration(o.w.delay.Load()); d > 0 && !o.k.pause(d) {
		return 0, errCut
	}
	if o.w.swallow.Load() {
		return n, nil
	}
	if left := o.w.budget.Load(); left > 0 {
		if int64(n) >= left {
			_, _ = o.to.Write(b[:left])
			return 0, errCut
		}
		o.w.budget.Add(-int64(n))
	}
	for o.w.trickle.Load() && len(b) > 512 {
		if _, err := o.to.Write(b[:512]); err != nil {
			return 0, err
		}
		if b = b[512:]; !o.k.pause(50 * time.Millisecond) {
			return 0, errCut
		}
	}
	if _, err := o.to.Write(b); err != nil {
		return 0, err
	}
	return n, nil
}

// heal takes all faults back; what swallowed bytes is cut, since it cannot go on.
func (k *link) heal() {
	for _, w := range []*way{&k.up, &k.down} {
		if w.swallow.Load() {
			k.cut()
		}
		w.budget.Store(0)
		w.stalled.Store(0)
		w.delay.Store(0)
		w.trickle.Store(false)
		w.double.Store(0)
	}
}
