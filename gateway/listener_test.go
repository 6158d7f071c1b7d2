package gateway

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// Who connects and says nothing keeps nobody out.
func TestSilentCrowd(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, h *house) {
		for range 2 * maxUnread {
			c, err := net.Dial("tcp", h.server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		eventually(t, "a crowd", h.arrivals.crowded)
		h.dial(t, "ada").hears()
	})
}

// While as many sockets are opened as may be, who comes waits outside, and who is here is served.
func TestCrowdWaitsOutside(t *testing.T) {
	h := newHouse(t, Config{}, false)
	h.join("r1", "ada")
	ada := h.dial(t, "ada")
	before := h.taken.Load()
	loads := make(chan chan error)
	h.mu.Lock()
	h.loading = loads
	h.mu.Unlock()
	const crowd = 3 * maxCalm
	opened := make(chan *client, crowd)
	var opening []chan error
	for i := range crowd {
		go func() { opened <- h.dial(t, fmt.Sprint("user", i)) }()
		if i < maxCalm {
			opening = append(opening, <-loads)
		}
	}
	h.say("r1", "hello")
	if got := ada.next().String(); got != "newMessage 1 hello" {
		t.Errorf("heard %q", got)
	}
	time.Sleep(50 * time.Millisecond) // what must not happen needs time to happen
	if n := h.taken.Load() - before; n > maxCalm+1 {
		t.Errorf("%d connections were taken, %d can be opened", n, maxCalm)
	}
	go func() {
		for _, turn := range opening {
			turn <- nil
		}
		for range crowd - maxCalm {
			turn := <-loads
			turn <- nil
		}
	}()
	for range crowd {
		<-opened
	}
}

// Turns that are never given back keep nobody out for ever.
func TestStalledTurns(t *testing.T) {
	h := newHouse(t, Config{}, false)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	l := h.g.Listener(inner)
	l.stalled = time.Millisecond
	for range maxCalm {
		h.g.calm.slots <- struct{}{}
		defer h.g.calm.leave()
	}
	peer, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	taken, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	taken.Close()
}
