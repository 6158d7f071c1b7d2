package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// state is how far a client is.
type state int

const (
	closed state = iota
	dialing
	upgrading
	greeting
	ready
)

// dialRate is how many connect in a second. A connection over loopback is made by the CPU of who connects, and faster than
// this that CPU would do nothing else, not even tell the server that its disk is done.
const dialRate = 10_000

// turn is how many sockets are served before it is looked again what is due to be sent.
const turn = 64

// client is one connection of one person.
type client struct {
	person
	index  int
	room   *room
	fd     int
	state  state
	in     []byte // of a frame that is not whole
	out    []byte // what the socket did not take
	answer func(*client, []byte)

	dialed   time.Duration
	failures int // to connect, in a row

	seen    []uint64 // the texts that arrived here, by number
	highest int
}

// text is one text that was sent.
type text struct {
	from    *client
	due     time.Duration // on the clock of clients
	got     int           // by so many others
	acked   bool
	refused bool
}

// attempt is another try to connect.
type attempt struct {
	one *client
	due time.Duration
}

// room is one room and all that was said in it.
type room struct {
	index   int
	members []*client
	texts   []text
	turn    int
	loud    bool // counted apart
}

// tally is what is counted of a stretch of time.
type tally struct {
	sent, acked, delivered, refused int

	delivery, ack hist
}

// clients are many connections in one loop. Everything runs on the goroutine that calls poll.
type clients struct {
	wire     wire
	server   netip.AddrPort
	session  uint32 // tells these texts from those of an earlier run
	began    time.Time
	all      []*client
	rooms    []*room
	epoll    int
	events   []unix.EpollEvent
	buf      []byte
	scratch  []byte
	text     []byte
	stamp    time.Duration // of the turn under way
	pending  []*client     // to be dialed
	atOnce   int           // that may be opening
	opening  int           // under way
	dialNext time.Duration
	patient  bool          // who cannot connect tries again after a pause, as the app does
	again    []attempt     // of those who do
	retries  int           // ever
	looked   time.Duration // when it was last looked who waits for too long

	count, loud                tally
	done                       func(*room) // a text is acknowledged and with every other member
	doubled, disordered, stray int
	dropped                    int   // connections that the server ended
	failed                     error // the first reason to give up
}

func newClients(w wire, server netip.AddrPort, people [][]person) (*clients, error) {
	if !server.Addr().IsLoopback() || !server.Addr().Is4() {
		return nil, fmt.Errorf("%s is not a loopback address: load is for this machine only", server)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if far, err := unix.FcntlInt(uintptr(epoll), unix.F_DUPFD_CLOEXEC, 1<<14); err == nil { // lets the table of open files grow now, which takes a while
		_ = unix.Close(far)
	}
	c := &clients{wire: w, server: server, began: time.Now(), session: uint32(time.Now().UnixNano()), epoll: epoll,
		events: make([]unix.EpollEvent, turn), buf: make([]byte, 1<<20), text: newText()}
	for i, members := range people {
		r := &room{index: i}
		for _, p := range members {
			one := &client{person: p, index: len(c.all), room: r, highest: -1}
			c.all, r.members = append(c.all, one), append(r.members, one)
		}
		c.rooms = append(c.rooms, r)
	}
	return c, nil
}

func (c *clients) now() time.Duration { return time.Since(c.began) }

// close ends all connections by a reset, so that nothing lingers for the next run.
func (c *clients) close() {
	for _, one := range c.all {
		c.drop(one)
	}
	_ = unix.Close(c.epoll)
}

func (c *clients) drop(one *client) {
	if one.state == closed {
		return
	}
	one.state, one.in, one.out = closed, nil, nil
	_ = unix.SetsockoptLinger(one.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	_ = unix.Close(one.fd)
}

// open connects these clients, so many at a time, and returns when all are ready.
func (c *clients) open(ctx context.Context, these []*client, atOnce int) error {
	c.dial(these, atOnce)
	for end := c.now() + 2*time.Minute; c.opening+len(c.pending) > 0; {
		if err := c.poll(ctx, 50*time.Millisecond); err != nil {
			return err
		}
		if c.now() > end {
			return fmt.Errorf("connect: %d of %d are still waiting", c.opening+len(c.pending), len(these))
		}
	}
	return nil
}

// dial begins to connect, and goes on by itself in poll.
func (c *clients) dial(these []*client, atOnce int) {
	c.pending, c.atOnce = these, atOnce
	c.dialMore()
}

// dialMore dials as many as may be opening, but not faster than dialRate; true if more may soon.
func (c *clients) dialMore() bool {
	for len(c.pending) > 0 && c.opening < c.atOnce {
		if wait := c.dialNext - c.now(); wait > 0 {
			return true
		}
		c.dialNext = max(c.dialNext, c.now()-time.Millisecond) + time.Second/dialRate
		one := c.pending[0]
		c.pending = c.pending[1:]
		c.dialOne(one)
	}
	return false
}

func (c *clients) dialOne(one *client) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		c.fail(fmt.Errorf("open a socket: %w", err))
		return
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	err = unix.Connect(fd, &unix.SockaddrInet4{Addr: c.server.Addr().As4(), Port: int(c.server.Port())})
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		c.fail(fmt.Errorf("connect: %w", err))
		return
	}
	one.fd, one.state, one.dialed = fd, dialing, c.now()
	c.opening++
	c.watch(one, unix.EPOLL_CTL_ADD, unix.EPOLLOUT)
}

func (c *clients) fail(err error) {
	if c.failed == nil {
		c.failed = err
	}
}

func (c *clients) watch(one *client, op int, events uint32) {
	if err := unix.EpollCtl(c.epoll, op, one.fd, &unix.EpollEvent{Events: events, Fd: int32(one.index)}); err != nil {
		c.fail(fmt.Errorf("watch a socket: %w", err))
	}
}

// send writes, and keeps what the socket does not take.
func (c *clients) send(one *client, b []byte) {
	if one.state == closed {
		return
	}
	if len(one.out) == 0 {
		n, err := unix.Write(one.fd, b)
		b = b[max(n, 0):]
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			c.lose(one)
			return
		}
		if len(b) > 0 {
			c.watch(one, unix.EPOLL_CTL_MOD, unix.EPOLLIN|unix.EPOLLOUT)
		}
	}
	one.out = append(one.out, b...)
}

// lose notes a connection that the server ended.
func (c *clients) lose(one *client) {
	opened := one.state == ready
	c.drop(one)
	switch {
	case opened:
		c.dropped++
	case c.patient:
		c.opening--
		c.retries++
		one.failures++
		c.again = append(c.again, attempt{one, c.now() + backoff(one.failures)})
	default:
		c.fail(errors.New("the server ended a connection that was being opened"))
	}
}

// backoff is how long the app waits before it connects again: web/src/api/backoff.ts.
func backoff(failures int) time.Duration {
	const first, most = 500 * time.Millisecond, 15 * time.Second
	return first + rand.N(min(most, first<<min(failures, 16))-first)
}

// retry dials those whose pause is over, and lets those give up who wait for as long as the app would.
func (c *clients) retry() {
	const openWithin, every = 10 * time.Second, 20 * time.Millisecond
	now := c.now()
	if !c.patient || now-c.looked < every {
		return
	}
	c.looked = now
	for _, one := range c.all {
		if one.state != closed && one.state != ready && now-one.dialed > openWithin {
			c.lose(one)
		}
	}
	left := c.again[:0]
	for _, a := range c.again {
		if a.due > now {
			left = append(left, a)
			continue
		}
		c.dialOne(a.one)
	}
	c.again = left
}

// poll waits at most so long for input, and handles what there is.
func (c *clients) poll(ctx context.Context, wait time.Duration) error {
	if c.dialMore() {
		wait = min(wait, time.Millisecond)
	}
	n, err := unix.EpollWait(c.epoll, c.events, 0)
	if err == nil && n == 0 && wait > 0 {
		n, err = unix.EpollWait(c.epoll, c.events, int(wait.Milliseconds()))
	}
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("epoll: %w", err)
	}
	c.retry()
	for _, e := range c.events[:max(n, 0)] {
		c.serve(e)
	}
	return errors.Join(c.failed, ctx.Err())
}

func (c *clients) serve(e unix.EpollEvent) {
	one := c.all[e.Fd]
	if one.state != closed && e.Events&unix.EPOLLOUT != 0 {
		c.writable(one)
	}
	if one.state != closed && e.Events&^unix.EPOLLOUT != 0 {
		c.readable(one)
	}
}

func (c *clients) writable(one *client) {
	c.watch(one, unix.EPOLL_CTL_MOD, unix.EPOLLIN)
	if one.state == dialing {
		one.state = upgrading
		path, header := c.wire.path(one.person)
		c.send(one, fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", path, c.server, header))
		return
	}
	out := one.out
	one.out = nil
	c.send(one, out)
}

func (c *clients) readable(one *client) {
	kept := copy(c.buf, one.in)
	r, _, e := syscall.RawSyscall(syscall.SYS_READ, uintptr(one.fd), uintptr(unsafe.Pointer(&c.buf[kept])), uintptr(len(c.buf)-kept))
	if e == syscall.EAGAIN || e == syscall.EINTR {
		return
	}
	if e != 0 || r == 0 {
		c.lose(one)
		return
	}
	c.stamp = c.now()
	b := c.buf[:kept+int(r)]
	if one.state == upgrading {
		end := bytes.Index(b, []byte("\r\n\r\n"))
		if end >= 0 && !bytes.HasPrefix(b, []byte("HTTP/1.1 101")) {
			if c.patient {
				c.lose(one)
			} else {
				c.fail(fmt.Errorf("the server refused a connection: %.60q", b))
			}
			return
		}
		if end >= 0 {
			b = b[end+4:]
			one.state = greeting
			c.send(one, c.wire.hello(nil))
		}
	}
	for one.state >= greeting {
		op, payload, size := parseFrame(b)
		if size == 0 {
			break
		}
		b = b[size:]
		switch op {
		case opPing:
			c.send(one, appendFrame(nil, opPong, payload))
		case opText:
			c.message(one, payload)
		case opClose:
			c.lose(one)
		}
	}
	if one.state != closed && (len(b) > 0 || len(one.in) > 0) {
		one.in = append(one.in[:0], b...)
	}
}

func (c *clients) message(one *client, m []byte) {
	kind, seq := c.wire.read(m)
	switch kind {
	case kindText:
		c.delivered(one, m)
	case kindAck, kindRefused:
		if one.state == ready {
			c.answered(one, kind, seq)
		} else {
			c.fail(fmt.Errorf("the server refused a greeting: %.200q", m))
		}
	case kindReady:
		if one.state == greeting {
			one.state, one.failures = ready, 0
			c.opening--
		}
	}
	if one.answer != nil && kind >= kindReady && kind != kindText {
		one.answer(one, m)
	}
}
