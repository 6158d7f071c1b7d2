package gateway

import (
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// stream is the transport of a connection that cannot be polled, such as one with TLS: a goroutine reads, and another
// writes while something waits to be written.
type stream struct {
	c        *conn
	nc       net.Conn
	resumed  chan struct{} // holds one token when reading may go on
	killed   chan struct{} // closed by kill
	once     sync.Once     // of kill
	started  bool          // the reader runs; guarded by c.mu, as flushing
	flushing bool
}

const (
	streamBuffer = 4 << 10
	writeWait    = 30 * time.Second // for a peer to take anything at all
)

func newStream(c *conn, nc net.Conn) *stream {
	return &stream{c: c, nc: nc, resumed: make(chan struct{}, 1), killed: make(chan struct{})}
}

func (s *stream) write([]byte) (int, error) { return 0, nil }

func (s *stream) arm(read, write bool) {
	if write && !s.flushing && !s.c.out.empty() {
		s.flushing = true
		s.c.g.tasks.Go(s.flush)
	}
	if !s.started {
		s.started = true
		s.c.g.tasks.Go(s.read)
		return
	}
	if read {
		select {
		case s.resumed <- struct{}{}:
		default:
		}
	}
}

func (s *stream) end() {
	if _, secured := s.nc.(*tls.Conn); secured { // it would have to wait
		return
	}
	if w, ok := s.nc.(interface{ CloseWrite() error }); ok {
		_ = w.CloseWrite()
	}
}

func (s *stream) kill() {
	s.once.Do(func() {
		close(s.killed)
		cut(s.nc)
	})
}

func (s *stream) read() {
	c := s.c
	defer func() {
		c.gone()
		s.kill()
	}()
	buf := make([]byte, streamBuffer)
	err := c.feed(nil) // what came with the handshake
	for err == nil {
		c.mu.Lock()
		reads := c.reads()
		c.mu.Unlock()
		if !reads {
			select {
			case <-s.resumed:
				err = c.feed(nil)
			case <-s.killed:
				return
			}
			continue
		}
		if c.in.whole { // reading has gone on while frames were put aside
			err = c.feed(nil)
			continue
		}
		var n int
		if n, err = s.nc.Read(buf); n > 0 {
			c.heard.Store(c.g.now())
			err = c.feed(buf[:n])
		}
	}
}

func (s *stream) flush() {
	scratch := s.c.g.scratch.Get().(*[]byte) //nolint:forcetypeassert // nothing else is in it
	defer s.c.g.scratch.Put(scratch)
	for {
		err := s.c.flush(*scratch, s.send)
		s.c.mu.Lock()
		if err != nil || s.c.out.empty() {
			s.flushing = false
			if err != nil {
				s.kill()
			}
			s.c.mu.Unlock()
			return
		}
		s.c.mu.Unlock()
	}
}

func (s *stream) send(b []byte) (int, error) {
	if err := s.nc.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return 0, err
	}
	return s.nc.Write(b)
}
