package checker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// TestNetwork: the network fails as it is told to, else a house that withstands it would have withstood nothing.
func TestNetwork(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = echo.Close() })
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c) }()
		}
	}()
	// ask sends text over a new connection whose link was told to fail, and returns what comes back until it is all or the
	// connection ends, and after how long.
	ask := func(t *testing.T, text string, fail func(p *proxy, k *link)) (string, time.Duration) {
		p := newProxy(t, echo.Addr().String())
		c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		hello := make([]byte, len("GET /xy"))
		if _, err := c.Write([]byte("GET /xy")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, hello); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		fail(p, p.all()[0])
		_, _ = c.Write([]byte(text)) // may be cut already
		_ = c.SetReadDeadline(begun.Add(patience))
		back := make([]byte, len(text))
		n, _ := io.ReadFull(c, back)
		return string(back[:n]), time.Since(begun)
	}
	healed := func(p *proxy, do func()) {
		do()
		time.AfterFunc(50*time.Millisecond, func() { p.all()[0].heal() })
	}
	text := strings.Repeat("a fault", 400)
	for name, c := range map[string]struct {
		fail  func(p *proxy, k *link)
		most  int           // bytes that come back
		least time.Duration // after which all of them do
	}{
		"none":             {func(*proxy, *link) {}, len(text), 0},
		"cut":              {func(_ *proxy, k *link) { k.cut() }, 0, 0},
		"cut at byte 100":  {func(_ *proxy, k *link) { k.up.budget.Store(100) }, 100, 0},
		"cut on the way":   {func(_ *proxy, k *link) { k.down.budget.Store(100) }, 100, 0},
		"swallowed":        {func(p *proxy, k *link) { healed(p, func() { k.up.swallow.Store(true) }) }, 0, 0},
		"swallowed answer": {func(p *proxy, k *link) { healed(p, func() { k.down.swallow.Store(true) }) }, 0, 0},
		"stalled":          {func(_ *proxy, k *link) { k.down.stalled.Store(time.Now().Add(150 * time.Millisecond).UnixNano()) }, len(text), 150 * time.Millisecond},
		"delayed":          {func(_ *proxy, k *link) { k.up.delay.Store(int64(40 * time.Millisecond)) }, len(text), 40 * time.Millisecond},
		"a slow reader":    {func(_ *proxy, k *link) { k.down.trickle.Store(true) }, len(text), 200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			back, took := ask(t, text, c.fail)
			switch {
			case !strings.HasPrefix(text, back):
				t.Errorf("another text came back: %q", back)
			case len(back) > c.most || c.most == len(text) && len(back) < c.most:
				t.Errorf("%d bytes came back, of %d at most", len(back), c.most)
			case took < c.least || took >= patience:
				t.Errorf("all was over after %s, of %s at least", took, c.least)
			}
		})
	}
}

// TestNetworkDoublesFrames: copies of frames follow later, and the frames themselves stay whole and in order.
func TestNetworkDoublesFrames(t *testing.T) {
	var in, out bytes.Buffer
	const frames = 200
	for i := range frames {
		if err := ws.WriteFrame(&in, ws.MaskFrame(ws.NewTextFrame(fmt.Appendf(nil, "%03d", i)))); err != nil {
			t.Fatal(err)
		}
	}
	k := &link{gone: make(chan struct{})}
	k.up.double.Store(40)
	k.frames(&k.up, &in, &out)
	seen, again, apart := []string{}, 0, 0
	for {
		h, err := ws.ReadHeader(&out)
		if err != nil {
			break
		}
		payload := out.Next(int(h.Length))
		ws.Cipher(payload, h.Mask, 0)
		text := string(payload)
		if slices.Contains(seen, text) {
			if again++; seen[len(seen)-1] != text {
				apart++
			}
			continue
		}
		if want := fmt.Sprintf("%03d", len(seen)); text != want {
			t.Fatalf("%q stands where %q comes", text, want)
		}
		seen = append(seen, text)
	}
	if len(seen) != frames || again < frames/10 || apart == 0 {
		t.Errorf("of %d frames %d came, %d again, %d of them after others", frames, len(seen), again, apart)
	}
}

// TestTooSlow: somebody who reads too slowly is closed by 4408 and, once the network is better, has everything.
func TestTooSlow(t *testing.T) {
	h := openMachine(t)
	h.queue = smallQueue
	h.start()
	network := newProxy(t, h.address)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	ann, room := gardener(ctx, t, h, network.url)
	ann.raw.silence = patience
	listening := make(chan error, 1)
	go func() { listening <- ann.raw.run(ctx) }()
	ann.raw.reaches(t, room, ann.word(t, room).Seq)

	for _, k := range network.all() {
		k.down.trickle.Store(true)
	}
	for range 100 { // 400 kB, of which the kernels and the proxy hold less than half
		ann.words(t, room, 4000)
	}
	for _, k := range network.all() {
		k.heal()
	}
	ann.raw.reaches(t, room, ann.word(t, room).Seq)
	end()
	if err := <-listening; err != nil {
		t.Error(err)
	}
	if ann.rec.closes[4408] != 1 {
		t.Errorf("connections were closed by code %v, want 4408 once", ann.rec.closes)
	}
	judge(t, h, ann, room)
}
