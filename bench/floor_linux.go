package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Floor is the least that a server can do that stores before it acknowledges, until ctx ends: one thread and one epoll;
// the texts of a turn are appended to a file, synced together, and then passed on as they came, those of a room in one
// write to each member. It knows no people and no rules, and waits for a slow reader. It listens on a free port of
// loopback and tells the address to ready.
func Floor(ctx context.Context, file string, ready func(address string)) error {
	f := floor{rooms: map[string]*floorRoom{}, peers: map[int32]*floorPeer{}, buf: make([]byte, 1<<16)}
	var err error
	if f.log, err = os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	defer f.log.Close()
	if err := f.listen(ready); err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	events := make([]unix.EpollEvent, 1024)
	for ctx.Err() == nil {
		n, err := unix.EpollWait(f.epoll, events, 500)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("floor: %w", err)
		}
		for _, e := range events[:max(n, 0)] {
			if int(e.Fd) == f.listener {
				f.accept()
			} else {
				f.read(f.peers[e.Fd])
			}
		}
		if err := f.turn(); err != nil {
			return fmt.Errorf("floor: %w", err)
		}
	}
	return nil
}

// floor is owned by the goroutine of Floor.
type floor struct {
	log             *os.File
	epoll, listener int
	peers           map[int32]*floorPeer
	rooms           map[string]*floorRoom
	said            []*floorRoom // those with texts in this turn
	buf, record     []byte
}

type floorRoom struct {
	peers []*floorPeer
	texts []floorText // of this turn
}

type floorText struct {
	from  *floorPeer
	frame []byte
}

type floorPeer struct {
	fd    int
	room  *floorRoom // nil before the handshake
	in    []byte
	spoke bool // in this turn
}

func (f *floor) listen(ready func(string)) (err error) {
	if f.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if f.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	loopback := [4]byte{127, 0, 0, 1}
	if err := unix.Bind(f.listener, &unix.SockaddrInet4{Addr: loopback}); err != nil {
		return err
	}
	if err := unix.Listen(f.listener, 4096); err != nil {
		return err
	}
	name, err := unix.Getsockname(f.listener)
	if err != nil {
		return err
	}
	ready(netip.AddrPortFrom(netip.AddrFrom4(loopback), uint16(name.(*unix.SockaddrInet4).Port)).String())
	return f.watch(f.listener)
}

func (f *floor) watch(fd int) error {
	return unix.EpollCtl(f.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

func (f *floor) accept() {
	for {
		fd, _, err := unix.Accept4(f.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if f.watch(fd) == nil {
			f.peers[int32(fd)] = &floorPeer{fd: fd}
		}
	}
}

func (f *floor) read(p *floorPeer) {
	kept := copy(f.buf, p.in)
	n, err := unix.Read(p.fd, f.buf[kept:])
	if errors.Is(err, unix.EAGAIN) {
		return
	}
	if err != nil || n == 0 {
		if p.room != nil {
			p.room.peers = slices.DeleteFunc(p.room.peers, func(o *floorPeer) bool { return o == p })
		}
		delete(f.peers, int32(p.fd))
		_ = unix.Close(p.fd)
		return
	}
	b := f.buf[:kept+n]
	if end := bytes.Index(b, []byte("\r\n\r\n")); p.room == nil && end >= 0 {
		f.join(p, string(b[:end]))
		b = b[end+4:]
	}
	for p.room != nil {
		_, payload, size := parseFrame(b)
		if size == 0 || len(b) < size+4 { // the mask, which is zero, is not in size
			break
		}
		payload = b[size-len(payload)+4 : size+4]
		b = b[size+4:]
		f.say(p, payload)
	}
	p.in = append(p.in[:0], b...)
	if len(p.in) == 0 {
		p.in = nil
	}
}

func (f *floor) join(p *floorPeer, request string) {
	name := strings.Fields(request)[1]
	if f.rooms[name] == nil {
		f.rooms[name] = &floorRoom{}
	}
	p.room = f.rooms[name]
	p.room.peers = append(p.room.peers, p)
	f.write(p.fd, []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"))
}

func (f *floor) say(p *floorPeer, payload []byte) {
	frame := append([]byte{0x80 | opText, byte(len(payload))}, payload...) // all are short
	if len(payload) < textHead {
		f.write(p.fd, frame) // a greeting is its own answer
		return
	}
	if len(p.room.texts) == 0 {
		f.said = append(f.said, p.room)
	}
	p.spoke = true
	p.room.texts = append(p.room.texts, floorText{p, frame})
	f.record = append(append(f.record, payload...), '\n')
}

// turn stores what was said and passes it on.
func (f *floor) turn() error {
	if len(f.said) == 0 {
		return nil
	}
	if _, err := f.log.Write(f.record); err != nil {
		return err
	}
	if err := unix.Fdatasync(int(f.log.Fd())); err != nil {
		return err
	}
	var out, own []byte
	for _, r := range f.said {
		out = out[:0]
		for _, t := range r.texts {
			out = append(out, t.frame...)
			f.write(t.from.fd, append([]byte("\x81\x0aok"), t.frame[2+seqAt:2+runAt]...))
		}
		for _, p := range r.peers {
			mine := out
			if p.spoke { // all but their own
				p.spoke = false
				own = own[:0]
				for _, t := range r.texts {
					if t.from != p {
						own = append(own, t.frame...)
					}
				}
				mine = own
			}
			f.write(p.fd, mine)
		}
		r.texts = r.texts[:0]
	}
	f.said, f.record = f.said[:0], f.record[:0]
	return nil
}

// write writes all of b, waiting if it must.
func (f *floor) write(fd int, b []byte) {
	for len(b) > 0 {
		n, _, e := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch e {
		case 0:
			b = b[n:]
		case syscall.EAGAIN:
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 1000)
		default:
			return
		}
	}
}
