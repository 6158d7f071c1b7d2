//go:build linux

package bench

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/seed"
	"parley/wiring/server"
)

func TestHist(t *testing.T) {
	var h hist
	for i := range 10_000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	for p, want := range map[float64]time.Duration{.5: 5 * time.Second, .99: 9900 * time.Millisecond} {
		if got := h.quantile(p); got < want*98/100 || got > want*102/100 {
			t.Errorf("quantile %v: %v, want %v", p, got, want)
		}
	}
	if h.max != 10*time.Second || h.quantile(1) != h.max {
		t.Error(h.max, h.quantile(1))
	}
	h.add(-time.Second) // a clock that jumped
	h.add(1<<63 - 1)
}

func TestFrames(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 1000, 65535} {
		payload := strings.Repeat("x", n)
		masked := appendFrame(nil, opText, []byte(payload))
		head := len(masked) - n - 4
		frame := append(append([]byte(nil), masked[:head]...), payload...) // as a server sends it
		frame[1] &= 0x7f
		for _, short := range []int{0, 1, head, len(frame) - 1} {
			if _, _, size := parseFrame(frame[:min(short, len(frame)-1)]); size != 0 {
				t.Errorf("%d bytes: %d of them are a frame", n, short)
			}
		}
		if op, got, size := parseFrame(append(frame, 'y')); op != opText || string(got) != payload || size != len(frame) {
			t.Errorf("%d bytes: op %d, %d bytes, size %d", n, op, len(got), size)
		}
	}
}

// The accounting finds each kind of fault that is planted.
func TestAccounting(t *testing.T) {
	people := [][]person{{{Room: "a"}, {Room: "a"}, {Room: "a"}}, {{Room: "b"}, {Room: "b"}}}
	c, err := newClients(floorWire{}, netip.MustParseAddrPort("127.0.0.1:1"), people)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	speaker, ann, bob, stranger := c.all[0], c.all[1], c.all[2], c.all[3]
	var texts [][]byte
	for range 3 {
		c.publish(speaker, 0)
		texts = append(texts, append([]byte(nil), c.text...))
	}
	var done int
	c.done = func(*room) { done++ }
	check := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	for i, text := range texts {
		c.delivered(ann, text)
		c.answered(speaker, kindAck, i)
		c.delivered(bob, text)
	}
	lost, unanswered := c.missing()
	check("faults of a clean run", lost+unanswered+c.doubled+c.disordered+c.stray, 0)
	check("done", done, 3)
	c.delivered(ann, texts[1])
	check("doubled", c.doubled, 1)
	c.delivered(stranger, texts[0])
	c.delivered(speaker, texts[0])
	c.answered(speaker, kindAck, 0)
	c.answered(ann, kindAck, 0)
	c.answered(speaker, kindAck, 99)
	check("stray", c.stray, 5)
	for range 2 {
		c.publish(speaker, 0)
		texts = append(texts, append([]byte(nil), c.text...))
	}
	c.answered(speaker, kindAck, 3)
	c.delivered(ann, texts[4])
	c.delivered(ann, texts[3])
	check("disordered", c.disordered, 1)
	lost, unanswered = c.missing()
	check("lost", lost, 1) // bob has not got the acknowledged one
	check("unanswered", unanswered, 1)
	c.answered(speaker, kindRefused, 4)
	_, unanswered = c.missing()
	check("unanswered after a refusal", unanswered, 0)
	c.session++
	c.delivered(bob, texts[3]) // of another run
	check("delivered", c.count.delivered, 8)
}

func TestLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"192.0.2.1:80", "0.0.0.0:80", "[::1]:80"} {
		if _, err := newClients(floorWire{}, netip.MustParseAddrPort(addr), nil); err == nil {
			t.Errorf("%s was accepted", addr)
		}
	}
}

func TestReadPeople(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.json")
	for text, rooms := range map[string]int{
		`[{"token":"a","userId":"1","roomId":"x"},{"token":"b","userId":"2","roomId":"x"},{"token":"a","userId":"1","roomId":"y"}]`: 2,
		`[]`: 0, `{}`: 0, `[{}]`: 0, `[{"token":"a"`: 0, `[{"token":"a","userId":"1"}]`: 0,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		people, err := readPeople(file)
		if len(people) != rooms || (err == nil) != (rooms > 0) || err != nil && !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v, %v", text, people, err)
		}
	}
}

// serving runs f beside a server and ends that.
func serving(t *testing.T, serve func(ctx context.Context) error, f func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- serve(ctx) }()
	f()
	stop()
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// checkLoad sends texts in each way that there is; everything arrives once, in order.
func checkLoad(t *testing.T, w wire, addr netip.AddrPort, people [][]person) {
	t.Helper()
	for _, l := range []load{{window: 1}, {window: 8}, {window: 1, turns: true}, {rate: 200}} {
		t.Run(fmt.Sprintf("%+v", l), func(t *testing.T) {
			c, err := newClients(w, addr, people)
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			if err := c.open(t.Context(), c.all, 4); err != nil {
				t.Fatal(err)
			}
			r, err := c.run(t.Context(), &target{pid: os.Getpid()}, places{}, l, 10*time.Millisecond, 200*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if r.faults() > 0 || r.refused > 0 || r.acked == 0 || r.delivered == 0 || r.seconds <= 0 || r.resident == 0 {
				t.Errorf("%s; refused %d, acked %d, delivered %d, in %f s, %d bytes resident", r.fault(), r.refused, r.acked, r.delivered, r.seconds, r.resident)
			}
		})
	}
}

func TestFloor(t *testing.T) {
	people := [][]person{{{Room: "0"}, {Room: "0"}, {Room: "0"}}, {{Room: "1"}, {Room: "1"}}}
	file, address := filepath.Join(t.TempDir(), "log"), make(chan string, 1)
	serving(t, func(ctx context.Context) error { return Floor(ctx, file, func(a string) { address <- a }) }, func() {
		checkLoad(t, floorWire{}, netip.MustParseAddrPort(<-address), people)
	})
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		t.Error("the floor stored nothing", err)
	}
}

func TestParley(t *testing.T) {
	s, err := server.New(t.Context(), server.Config{Data: t.TempDir(), Listen: "127.0.0.1:0", LimitsOff: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.Seed(t.Context(), seed.Options{Users: 8, Rooms: 2, Members: 4, Messages: 60}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	people := make([][]person, 2)
	for i, p := range in {
		people[i/4] = append(people[i/4], person{p.Token, p.RoomID})
	}
	addr := netip.MustParseAddrPort(s.Addr().String())
	serving(t, s.Run, func() {
		checkLoad(t, parleyWire{}, addr, people)
		c, err := newClients(parleyWire{}, addr, people)
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		if err := c.open(t.Context(), c.all, 8); err != nil {
			t.Fatal(err)
		}
		if _, err := c.ask(t.Context(), c.all[0], pageFrame(c.all[0].Room, 3)); err != nil {
			t.Error(err)
		}
		if _, err := c.ask(t.Context(), c.all[0], pageFrame("nowhere", 3)); err == nil {
			t.Error("a refused page counts as one")
		}
	})
}
