package gateway

import (
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"
)

// Bounds of how fast connections are taken.
const (
	maxUnread = 64               // connections that have not sent a request yet
	patience  = time.Millisecond // of one more beyond those
	stalled   = time.Second      // of one more while no turn is free
)

// Listener takes connections no faster than sockets can be opened. When very many come at once, all but a few wait in the
// kernel, where they cost nothing, and who is here already is served meanwhile.
type Listener struct {
	net.Listener
	g       *Gateway
	news    chan struct{} // holds a token when a connection has sent a request, or ended
	stalled time.Duration

	mu     sync.Mutex // guards unread
	unread map[net.Conn]struct{}
}

// Listener makes a Listener of l, for one http.Server, which must tell its ConnState.
func (g *Gateway) Listener(l net.Listener) *Listener {
	return &Listener{Listener: l, g: g, news: make(chan struct{}, 1), stalled: stalled, unread: make(map[net.Conn]struct{})}
}

// Accept waits for its turn among those who open a socket or ask for something.
func (l *Listener) Accept() (net.Conn, error) {
	runtime.Gosched() // the one accepted last asks first
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
	return l.Listener.Accept()
}

// turn waits for a turn and gives it back. Where what has the turns makes no way, as on a disk that stands still, it does
// not wait for ever: who asks whether the server lives must hear.
func (l *Listener) turn() {
	over := time.NewTimer(l.stalled)
	defer over.Stop()
	select {
	case l.g.calm.slots <- struct{}{}:
		l.g.calm.pause(l.g.now)
		l.g.calm.leave()
	case <-over.C:
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
	if s == http.StateNew {
		l.unread[c] = struct{}{}
		return
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
