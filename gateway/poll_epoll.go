//go:build linux && (amd64 || arm64)

package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller reads many sockets with one goroutine and one buffer. Its epoll instance is itself polled by the runtime: the
// goroutine parks as any other, and no thread is blocked.
//
// Who holds serving owns the sockets, and alone reads and closes them: the poller's goroutine, or for one look whoever is
// about to keep the processor busy (see pacer). Others write to a socket, and change what it
// waits for, with the connection's mu held, under which gone marks it dead before it is closed.
type poller struct {
	g    *Gateway
	file *os.File // the epoll instance
	raw  syscall.RawConn
	fd   int

	mu    sync.Mutex // guards conns
	conns []*socket  // by file descriptor

	serving sync.Mutex // guards what follows

	ended  bool   // file is closed
	buf    []byte // for reads and joined writes
	batch  []*socket
	events []unix.EpollEvent
}

// socket is the transport of a polled connection, of which it is a part.
type socket struct {
	fd      int
	armed   uint32 // what epoll waits for; guarded by c.mu
	counted bool   // it has one of the gateway's places
	c       *conn
	p       *poller
}

const (
	pollBuffer = 64 << 10
	pollEvents = 256
)

func newPoller(g *Gateway) (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making a poller: %w", err)
	}
	makeRoom(fd)
	if err := unix.SetNonblock(fd, true); err != nil { // tells os.NewFile to let the runtime poll it
		unix.Close(fd) //nolint:errcheck // nothing is in it
		return nil, fmt.Errorf("making a poller: %w", err)
	}
	p := &poller{g: g, fd: fd, file: os.NewFile(uintptr(fd), "epoll"), buf: make([]byte, pollBuffer), events: make([]unix.EpollEvent, pollEvents)}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return nil, fmt.Errorf("making a poller: %w", err)
	}
	return p, nil
}

// makeRoom lets the kernel make its table of this process's open files as large as the limit on them, or for 65,536 (half
// a MiB). By itself it doubles the table when that is full, and each time stops who opens a file for 10 ms or more: with
// one processor that is the whole process, six times while very many come.
func makeRoom(fd int) {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return // then it grows by itself
	}
	if last, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, int(min(limit.Cur, 1<<16))-1); err == nil { //nolint:gosec // at most 65,536
		unix.Close(last) //nolint:errcheck // it is a second name of fd
	}
}

// attach takes the socket out of the runtime's hands; counted says that it has one of the gateway's places.
func (p *poller) attach(c *conn, tcp *net.TCPConn, counted bool) (transport, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("taking a socket: %w", err)
	}
	s := &c.polled
	s.p, s.c, s.counted = p, c, counted
	var dupErr error
	if err := raw.Control(func(fd uintptr) { s.fd, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return nil, fmt.Errorf("taking a socket: %w", err)
	}
	if dupErr != nil {
		return nil, fmt.Errorf("taking a socket: %w", dupErr)
	}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, s.fd, &unix.EpollEvent{Fd: int32(s.fd)}); err != nil {
		unix.Close(s.fd) //nolint:errcheck // nothing was written
		return nil, fmt.Errorf("polling a socket: %w", err)
	}
	p.mu.Lock()
	for len(p.conns) <= s.fd {
		p.conns = append(p.conns, nil)
	}
	p.conns[s.fd] = s
	p.mu.Unlock()
	tcp.Close()
	return s, nil
}

// run serves the sockets until ctx ends; by then there are none.
func (p *poller) run(ctx context.Context) error {
	defer func() {
		p.serving.Lock()
		defer p.serving.Unlock()
		p.ended = true
		p.file.Close()
	}()
	defer context.AfterFunc(ctx, func() { _ = p.file.SetReadDeadline(time.Now()) })()
	var failed error
	err := p.raw.Read(func(uintptr) bool {
		crowded := false
		for ctx.Err() == nil {
			p.serving.Lock()
			n, err := p.serve()
			p.serving.Unlock()
			if failed = err; err != nil {
				return true
			}
			if n == 0 && !crowded {
				return false
			}
			crowded = letOthers()
		}
		return true
	})
	if failed == nil && ctx.Err() == nil {
		return err
	}
	return failed
}

// look serves what is ready, unless that is being done.
func (p *poller) look() {
	if p.serving.TryLock() {
		defer p.serving.Unlock()
		if !p.ended {
			_, _ = p.serve() // the poller's own look fails too
		}
	}
}

// serve serves what is ready, and tells of how many sockets something was heard.
func (p *poller) serve() (int, error) {
	n, err := unix.EpollWait(p.fd, p.events, 0)
	switch {
	case errors.Is(err, unix.EINTR):
		return 1, nil // it must be looked again
	case err != nil:
		return 0, fmt.Errorf("waiting for sockets: %w", err)
	case n > 0:
		p.turn(p.events[:n])
	}
	return n, nil
}

// letOthers lets what came be served, so that it is answered together, and tells whether others keep this processor busy
// for so long that it is better to look again oneself: the runtime looks for what has come only when nothing else is to
// be done, or every 10 ms.
func letOthers() bool {
	const long = 200 * time.Microsecond
	began := time.Now()
	runtime.Gosched()
	return time.Since(began) > long
}

// turn serves sockets that are ready, and closes at last those that have ended, so that no event is taken for that of
// another socket with the same number.
func (p *poller) turn(events []unix.EpollEvent) {
	p.batch = p.batch[:0]
	p.mu.Lock()
	for i := range events {
		p.batch = append(p.batch, p.conns[events[i].Fd])
	}
	p.mu.Unlock()
	now := p.g.now()
	for i, s := range p.batch {
		if s != nil && s.ready(events[i].Events, now) {
			p.batch[i] = nil
		}
	}
	for _, s := range p.batch {
		if s != nil {
			s.close()
		}
	}
	clear(p.batch)
}

// ready serves one socket; false if it has ended.
func (s *socket) ready(events uint32, now int64) bool {
	c := s.c
	if events&unix.EPOLLOUT != 0 {
		if err := c.flush(s.p.buf, s.write); err != nil {
			return false
		}
		if len(c.in.buf) > 0 { // frames that waited while reading was paused
			if err := c.feed(nil); err != nil {
				return false
			}
		}
	}
	c.mu.Lock()
	reads := c.reads()
	c.mu.Unlock()
	if events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 && !reads {
		return false
	}
	if reads && events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		switch n, errno := s.transfer(syscall.SYS_RECVFROM, s.p.buf); {
		case errno == syscall.EAGAIN || errno == syscall.EINTR:
		case errno != 0 || n == 0:
			return false
		default:
			c.heard.Store(now)
			if err := c.feed(s.p.buf[:n]); err != nil {
				return false
			}
		}
	}
	c.mu.Lock()
	reads = c.reads()
	s.arm(reads, !c.out.empty() || reads && c.in.whole) // it may have gone on while frames were put aside
	c.mu.Unlock()
	return true
}

func (s *socket) close() {
	s.c.gone()
	s.p.mu.Lock()
	s.p.conns[s.fd] = nil
	s.p.mu.Unlock()
	unix.Close(s.fd) //nolint:errcheck // there is nobody to tell
	if s.counted {
		<-s.p.g.places
	}
}

// write is one non-blocking send(2).
func (s *socket) write(b []byte) (int, error) {
	for {
		switch n, errno := s.transfer(syscall.SYS_SENDTO, b); errno {
		case 0:
			return n, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, errno
		}
	}
}

// transfer is one send(2) or recv(2) that does not wait. It goes around the scheduler's bookkeeping for system calls that
// may block, which these do not.
func (s *socket) transfer(call uintptr, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(call, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

func (s *socket) arm(read, write bool) {
	var want uint32
	if read {
		want |= unix.EPOLLIN
	}
	if write {
		want |= unix.EPOLLOUT
	}
	if want == s.armed {
		return
	}
	if unix.EpollCtl(s.p.fd, unix.EPOLL_CTL_MOD, s.fd, &unix.EpollEvent{Events: want, Fd: int32(s.fd)}) != nil {
		s.kill()
		return
	}
	s.armed = want
}

func (s *socket) end() { _ = unix.Shutdown(s.fd, unix.SHUT_WR) }

// kill lets epoll report the end: shutting both ways down is an event that is always waited for.
func (s *socket) kill() { _ = unix.Shutdown(s.fd, unix.SHUT_RDWR) }
