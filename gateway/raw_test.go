package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"parley/chat"
	"parley/protocol"
)

// raw is a peer that can do what no library lets it.
type raw struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func (h *house) raw(t testing.TB, user string, early ...byte) *raw {
	t.Helper()
	nc, err := net.Dial("tcp", h.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	r := &raw{t, nc, bufio.NewReader(nc)}
	r.write(append([]byte("GET /ws?ticket=ok-"+user+" HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"), early...))
	resp, err := http.ReadResponse(r.r, nil) //nolint:bodyclose // it has none
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", resp, err)
	}
	return r
}

func (r *raw) write(b []byte) {
	r.t.Helper()
	if _, err := r.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// clientFrame makes a frame as clients must.
func clientFrame(fin bool, op ws.OpCode, payload string) []byte {
	f := ws.NewFrame(op, fin, []byte(payload))
	return ws.MustCompileFrame(ws.MaskFrameInPlaceWith(f, [4]byte{1, 2, byte(len(payload)), 255}))
}

func (r *raw) next() (ws.OpCode, []byte, error) {
	h, payload, err := readFrame(r.r)
	return h.OpCode, payload, err
}

func readFrame(r io.Reader) (ws.Header, []byte, error) {
	h, err := ws.ReadHeader(r)
	if err != nil {
		return h, nil, err
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(r, payload)
	return h, payload, err
}

func (r *raw) expect(op ws.OpCode, contains string) {
	r.t.Helper()
	got, payload, err := r.next()
	if err != nil || got != op || !strings.Contains(string(payload), contains) {
		r.t.Fatalf("got %x %.100q %v, want %x %q", got, payload, err, op, contains)
	}
}

// closeCode reads up to the close frame, then the end.
func (r *raw) closeCode() int {
	r.t.Helper()
	for {
		op, payload, err := r.next()
		if err != nil {
			r.t.Errorf("no close frame: %v", err)
			return 0
		}
		if op == ws.OpClose {
			if len(payload) < 2 {
				return 1005
			}
			return int(binary.BigEndian.Uint16(payload))
		}
	}
}

const ping = `{"action":"ping","requestId":"p"}`

func eachPlain(t *testing.T, l Limits, test func(t *testing.T, h *house)) {
	t.Helper()
	t.Run("polled", func(t *testing.T) { test(t, newHouse(t, Config{Limits: l}, false)) })
	t.Run("goroutines", func(t *testing.T) { test(t, newHouse(t, Config{Limits: l, Goroutines: true}, false)) })
}

func TestFramesInPieces(t *testing.T) {
	eachPlain(t, Limits{}, func(t *testing.T, h *house) {
		r := h.raw(t, "ada", clientFrame(true, ws.OpText, ping)[:9]...) // some of it with the handshake
		r.write(clientFrame(true, ws.OpText, ping)[9:])
		r.expect(ws.OpText, `"pong"`)
		long := ping[:len(ping)-1] + `,"x":"` + strings.Repeat("y", 3000) + `"}`
		for _, b := range clientFrame(true, ws.OpText, long) {
			r.write([]byte{b})
		}
		r.expect(ws.OpText, `"pong"`)
		// A fragmented message, with control frames between its parts.
		r.write(clientFrame(false, ws.OpText, ping[:5]))
		r.write(clientFrame(true, ws.OpPing, "hello"))
		r.expect(ws.OpPong, "hello")
		r.write(clientFrame(false, ws.OpContinuation, ""))
		r.write(clientFrame(true, ws.OpPong, ""))
		r.write(clientFrame(true, ws.OpContinuation, ping[5:]))
		r.expect(ws.OpText, `"pong"`)
		// Many frames at once, the largest that may be among them.
		var many []byte
		large := ping[:len(ping)-1] + `,"x":"` + strings.Repeat("y", protocol.MaxFrame-len(ping)-len(`,"x":""`)) + `"}`
		for range 40 {
			many = append(many, clientFrame(true, ws.OpText, ping)...)
			many = append(many, clientFrame(true, ws.OpText, large)...)
		}
		go r.Write(many)
		for range 80 {
			r.expect(ws.OpText, `"pong"`)
		}
	})
}

// A client that sends garbage loses its own connection, with the right code, and nobody else notices.
func TestGarbage(t *testing.T) {
	unmasked := ws.MustCompileFrame(ws.NewTextFrame([]byte(ping)))
	reserved := clientFrame(true, ws.OpText, ping)
	reserved[0] |= 0x40
	for name, c := range map[string]struct {
		bytes []byte
		code  int
	}{
		"binary":            {clientFrame(true, ws.OpBinary, "x"), 4400},
		"too large":         {clientFrame(true, ws.OpText, strings.Repeat("x", protocol.MaxFrame+1)), 4400},
		"too large by far":  {[]byte{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 4400},
		"too large, parts":  {append(clientFrame(false, ws.OpText, strings.Repeat("x", 30000)), clientFrame(true, ws.OpContinuation, strings.Repeat("x", 3000))...), 4400},
		"unmasked":          {unmasked, 4400},
		"reserved bit":      {reserved, 4400},
		"reserved opcode":   {clientFrame(true, 3, "x"), 4400},
		"long ping":         {clientFrame(true, ws.OpPing, strings.Repeat("x", 126)), 4400},
		"ping in parts":     {clientFrame(false, ws.OpPing, "x"), 4400},
		"stray part":        {clientFrame(true, ws.OpContinuation, "x"), 4400},
		"text within text":  {append(clientFrame(false, ws.OpText, "x"), clientFrame(true, ws.OpText, "x")...), 4400},
		"short close":       {clientFrame(true, ws.OpClose, "x"), 4400},
		"http":              {[]byte("GET / HTTP/1.1\r\n\r\n"), 4400},
		"close":             {clientFrame(true, ws.OpClose, "\x03\xe8bye"), 1000},
		"close, no code":    {clientFrame(true, ws.OpClose, ""), 1005},
		"close, wrong code": {clientFrame(true, ws.OpClose, "\x00\x01"), 1005},
	} {
		t.Run(name, func(t *testing.T) {
			eachPlain(t, Limits{}, func(t *testing.T, h *house) {
				h.join("r1", "ada", "bob")
				bob := h.dial(t, "bob")
				r := h.raw(t, "ada")
				r.write(c.bytes)
				if code := r.closeCode(); code != c.code {
					t.Errorf("closed with %d, want %d", code, c.code)
				}
				h.say("r1", "after")
				r.write(clientFrame(true, ws.OpClose, "\x03\xe8"))
				rest, _ := io.ReadAll(r.r)
				if len(rest) > 0 {
					t.Errorf("%q after the close frame", rest)
				}
				bob.hears("newMessage 1 after")
			})
		})
	}
}

func TestRandomBytes(t *testing.T) {
	eachPlain(t, Limits{}, func(t *testing.T, h *house) {
		h.join("r1", "bob")
		bob := h.dial(t, "bob")
		for range 60 {
			r := h.raw(t, "ada")
			b := make([]byte, 1+rand.IntN(3000))
			for i := range b {
				b[i] = byte(rand.Uint32())
			}
			_, _ = r.Write(b) // may be cut already
			r.Close()
		}
		h.say("r1", "still here")
		bob.hears("newMessage 1 still here")
		eventually(t, "only bob is left", func() bool { return h.g.Stats().Connections == 1 })
	})
}

func TestFlood(t *testing.T) {
	eachPlain(t, Limits{FramesPerSecond: 10}, func(t *testing.T, h *house) {
		r, bob := h.raw(t, "ada"), h.dial(t, "bob")
		go func() {
			for range 300 {
				if _, err := r.Write(clientFrame(true, ws.OpPong, "")); err != nil {
					return
				}
			}
		}()
		if code := r.closeCode(); code != 4429 {
			t.Errorf("closed with %d", code)
		}
		bob.hears()
	})
}

// What one step of a room tells comes in one write, the acknowledgement in its place.
func TestJoinedFrames(t *testing.T) {
	h := newHouse(t, Config{}, false)
	h.join("r1", "ada", "bob")
	ada, bob := h.raw(t, "ada"), h.raw(t, "bob")
	own := newMessage("r1", "ada", 2, "b")
	own.Origin = chat.Origin{ConnectionID: h.hub.user("ada").connections()[0].id, RequestID: "q"}
	h.hub.Deliver(context.Background(), chat.Delivery{RoomID: "r1", Events: []chat.Event{newMessage("r1", "bob", 1, "a"), own, newMessage("r1", "bob", 3, "c")}})
	for name, c := range map[string]struct {
		r    *raw
		want []string
	}{
		"ada": {ada, []string{`"newMessage"`, `"ack","requestId":"q"`, `"newMessage"`}},
		"bob": {bob, []string{`"newMessage"`, `"newMessage"`, `"newMessage"`}},
	} {
		buf := make([]byte, 1<<16)
		n, err := c.r.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got := &raw{t: t, r: bufio.NewReader(bytes.NewReader(buf[:n]))}
		for _, want := range c.want {
			got.expect(ws.OpText, want)
		}
		if got.r.Buffered() > 0 {
			t.Errorf("%s got more", name)
		}
	}
}

// A reader that takes nothing is closed with 4408, holds bounded memory, and slows nobody down. What it got is whole
// frames without a hole.
func TestSlowReader(t *testing.T) {
	const limit = 256 << 10
	eachPlain(t, Limits{QueueBytes: limit, SendBuffer: 32 << 10}, func(t *testing.T, h *house) {
		h.join("r1", "ada", "bob")
		slow, bob := h.raw(t, "ada"), h.dial(t, "bob")
		c := h.hub.user("ada").connections()[0]
		text := strings.Repeat("z", 8000)
		for i := range 1000 {
			h.say("r1", text)
			if r := bob.next(); r.Data.Message.Seq != int64(i+1) {
				t.Fatalf("bob heard %v", r)
			}
			c.mu.Lock()
			size := c.out.size
			c.mu.Unlock()
			if size > limit {
				t.Fatalf("%d bytes wait for the slow reader", size)
			}
			if h.g.Stats().Slow > 0 {
				break
			}
		}
		if online, _ := h.hub.Online(context.Background(), "ada"); online["ada"] {
			t.Fatal("ada is still there")
		}
		for seq := 1; ; seq++ {
			op, payload, err := slow.next()
			if err != nil {
				t.Fatal(err)
			}
			if op == ws.OpClose {
				if code := binary.BigEndian.Uint16(payload); code != 4408 {
					t.Errorf("closed with %d", code)
				}
				break
			}
			if want := fmt.Sprintf(`"seq":%d,`, seq); !bytes.Contains(payload, []byte(want)) {
				t.Fatalf("%.80s, want %s", payload, want)
			}
		}
		bob.hears()
	})
}

// Many slow readers together hold bounded memory too, though none is over its own bound; who reads is not affected, and
// what may be lost is dropped before anybody is closed.
func TestSlowReadersTogether(t *testing.T) {
	const total, frame = 2 << 20, 8000
	eachPlain(t, Limits{QueueTotal: total, SendBuffer: 16 << 10}, func(t *testing.T, h *house) {
		var names []string
		for i := range 8 {
			names = append(names, fmt.Sprint("slow", i))
			h.join("r1", names[i])
			h.raw(t, names[i])
		}
		h.join("r1", "bob")
		bob := h.dial(t, "bob")
		typed := false
		for i := 0; h.g.Stats().Slow < 4; i++ {
			if i > 5000 {
				t.Fatalf("%d bytes wait, and nobody is closed", h.g.Stats().Queued)
			}
			h.say("r1", strings.Repeat("z", frame))
			if r := bob.next(); r.Data.Message.Seq != int64(i+1) {
				t.Fatalf("bob heard %v", r)
			}
			n := h.g.Stats().Queued
			if n > total+9*(frame+500) {
				t.Fatalf("%d bytes wait", n)
			}
			if n > total/2+100<<10 && !typed {
				typed = true
				for range 1000 {
					h.hub.Signal(context.Background(), "r1", "bob", chat.Event{Typing: &chat.Typing{RoomID: "r1", UserID: "bob"}})
				}
				if more := h.g.Stats(); more.Queued > n || more.Slow > 0 {
					t.Errorf("after typing %d bytes wait, before it %d; %d closed", more.Queued, n, more.Slow)
				}
			}
		}
		if !typed {
			t.Error("there was never much waiting")
		}
		bob.hears()
	})
}

// A reader that is behind loses what may be lost first, and nothing else.
func TestVolatileIsDroppedFirst(t *testing.T) {
	eachPlain(t, Limits{QueueBytes: 1 << 20, SendBuffer: 16 << 10}, func(t *testing.T, h *house) {
		h.join("r1", "ada")
		slow := h.raw(t, "ada")
		c := h.hub.user("ada").connections()[0]
		waiting := func() int {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.out.size
		}
		messages, before := 0, 0
		for before = -1; waiting() != before; { // until the kernel takes no more of what waits
			for ; waiting() <= 700<<10; messages++ {
				h.say("r1", strings.Repeat("z", 8000))
			}
			before = waiting()
			time.Sleep(50 * time.Millisecond)
		}
		for range 1000 {
			h.hub.Signal(context.Background(), "r1", "bob", chat.Event{Typing: &chat.Typing{RoomID: "r1", UserID: "bob"}})
		}
		if waiting() > before {
			t.Error("typing was queued")
		}
		h.say("r1", "last")
		for range messages {
			slow.expect(ws.OpText, `"zzz`)
		}
		slow.expect(ws.OpText, `"last"`)
		eventually(t, "nothing waits", func() bool { return waiting() == 0 })
		h.hub.Signal(context.Background(), "r1", "bob", chat.Event{Typing: &chat.Typing{RoomID: "r1", UserID: "bob"}})
		slow.expect(ws.OpText, `"typing"`)
	})
}

// Every size of frame has the header that another implementation reads.
func TestServerFrames(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 127, 65535, 65536, 70000} {
		payload := bytes.Repeat([]byte("x"), size)
		b := closeFrame(append(openFrame([]byte("before")), payload...), len("before"), ws.OpText)
		h, got, err := readFrame(bytes.NewReader(b[len("before"):]))
		if err != nil || !h.Fin || h.OpCode != ws.OpText || h.Masked || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: %+v, %v", size, h, err)
		}
	}
}
