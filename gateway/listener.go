package gateway

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"
)

// Bounds of how connections are taken.
const (
	maxWaiting = 16 << 10               // connections that wait for their turn here; more wait in the kernel, which drops what its queue cannot hold
	takeStep   = 32                     // connections that are taken before others go first
	maxUnread  = 64                     // connections that have had their turn, but have not sent a request yet
	patience   = time.Millisecond       // of one more beyond those
	stalled    = time.Second            // of one more while no turn is free
	fullFor    = 100 * time.Millisecond // after the system had no room for one more connection
)

// Listener takes connections at once, and serves them no faster than sockets can be opened. When very many come at once,
// all but a few wait, where they cost an open file and no goroutine, and who is here already is served meanwhile. No time
// runs against those who wait but their own. They must not wait in the kernel: it keeps some thousand for a listener, and
// lets the others try again after 1, 3, 7 and 15 seconds, or cuts them off.
//
// When there are as many as Limits.Files lets in, one more waits, and those who wait for their next request to be made go:
// they come back when they make it.
type Listener struct {
	net.Listener
	g       *Gateway
	stalled time.Duration
	news    chan struct{} // holds a token when a connection has sent a request, or ended
	waiting chan net.Conn
	closing chan struct{} // closed by Close
	close   sync.Once
	ended   chan struct{} // closed when no more are taken, after failed was set
	failed  error

	mu     sync.Mutex // guards what follows
	unread map[net.Conn]struct{}
	idle   map[net.Conn]struct{} // answered, and not asking
	full   bool                  // somebody waits for a place
}

// counted is a connection that has one of the gateway's places until it is closed.
type counted struct {
	net.Conn
	g    *Gateway
	once sync.Once
}

func (c *counted) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.g.places })
	return err
}

// CloseWrite tells the peer that nothing more comes; net/http does so before it ends a connection.
func (c *counted) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

// cut closes a connection without waiting for the peer to hear of it.
func cut(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	c.Close()
}

// Listener makes a Listener of l, for one http.Server, which must tell its ConnState. Close ends it and those who wait.
func (g *Gateway) Listener(l net.Listener) *Listener {
	a := &Listener{
		Listener: l, g: g, stalled: stalled, news: make(chan struct{}, 1), waiting: make(chan net.Conn, maxWaiting),
		closing: make(chan struct{}), ended: make(chan struct{}), unread: make(map[net.Conn]struct{}), idle: make(map[net.Conn]struct{}),
	}
	go a.take()
	return a
}

// take takes connections until the listener is closed.
func (l *Listener) take() {
	defer close(l.ended)
	for n := 1; ; n++ {
		c, err := l.Listener.Accept()
		if err == nil {
			if n%takeStep == 0 {
				l.g.calm.yield()
			}
			if l.queue(c) {
				continue
			}
			err = net.ErrClosed
		}
		if temporary, ok := errors.AsType[interface {
			error
			Temporary() bool
		}](err); !ok || !temporary.Temporary() {
			l.failed = err
			return
		}
		l.g.logger.Warn("no connection can be taken", "error", err)
		select {
		case <-time.After(fullFor):
		case <-l.closing:
		}
	}
}

// queue gives a connection a place, and lets it wait for its turn; false if the listener is closed.
func (l *Listener) queue(c net.Conn) bool {
	select {
	case l.g.places <- struct{}{}:
	default:
		l.crowdOut(true)
		defer l.crowdOut(false)
		select {
		case l.g.places <- struct{}{}:
		case <-l.closing:
			c.Close()
			return false
		}
	}
	taken := &counted{Conn: c, g: l.g}
	select {
	case l.waiting <- taken:
		return true
	case <-l.closing:
		taken.Close()
		return false
	}
}

// crowdOut says whether somebody waits for a place. While they do, nobody who asks for nothing has one.
func (l *Listener) crowdOut(full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = full
	if full {
		for c := range l.idle {
			cut(c)
		}
	}
}

// Close ends the connections that wait, too.
func (l *Listener) Close() error {
	err := l.Listener.Close()
	l.close.Do(func() { close(l.closing) })
	<-l.ended
	for {
		select {
		case c := <-l.waiting:
			c.Close()
		default:
			return err
		}
	}
}

// Accept waits for its turn among those who open a socket or ask for something.
func (l *Listener) Accept() (net.Conn, error) {
	runtime.Gosched() // the one accepted last asks first
	var c net.Conn
	select {
	case c = <-l.waiting:
	case <-l.ended:
		return nil, l.failed
	}
	for over := (<-chan time.Time)(nil); l.crowded(); {
		if over == nil {
			over = time.After(patience) // who is silent does not keep others out
		}
		select {
		case <-l.news:
			continue
		case <-over:
		}
		break
	}
	l.turn()
	return c, nil
}

// turn waits for a turn and gives it back. Where what has the turns makes no way, as on a disk that stands still, it does
// not wait for ever: who asks whether the server lives must hear.
func (l *Listener) turn() {
	over := time.NewTimer(l.stalled)
	defer over.Stop()
	if l.g.calm.enterWithin(over.C) {
		l.g.calm.leave()
	}
}

func (l *Listener) crowded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.unread) >= maxUnread
}

// ConnState is told by the http.Server what becomes of a connection.
func (l *Listener) ConnState(c net.Conn, s http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.idle, c)
	switch s {
	case http.StateNew:
		l.unread[c] = struct{}{}
		return
	case http.StateIdle:
		l.idle[c] = struct{}{}
		if l.full {
			cut(c)
		}
	}
	if _, ok := l.unread[c]; !ok {
		return
	}
	delete(l.unread, c)
	select {
	case l.news <- struct{}{}:
	default:
	}
}
