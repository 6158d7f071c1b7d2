package gateway

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"parley/chat"
	"parley/protocol"
)

// sink is the transport of a peer that takes everything: all of a connection but the kernel's part.
type sink struct {
	c      *conn
	frames int // guarded by c.mu
	killed sync.Once
}

func (s *sink) write(b []byte) (int, error) {
	s.frames++
	return len(b), nil
}
func (s *sink) arm(bool, bool) {}
func (s *sink) end()           {}
func (s *sink) kill()          { s.killed.Do(func() { s.c.g.tasks.Go(s.c.gone) }) }

// TestFiftyThousand holds 50,000 connections, 100 to a room: more than a process may have sockets on many a machine, so
// they have none. What the gateway keeps of each is far below the 8 KiB that it may be with all else, a message is given
// to the 100 and to nobody besides, and when they have gone nothing is left.
func TestFiftyThousand(t *testing.T) {
	const count, perRoom = 50_000, 100
	h := newHouse(t, Config{}, false)
	runtime.GC()
	before := inUse()
	sinks := make([]*sink, count)
	for i := range sinks {
		user, room := fmt.Sprint("u", i), fmt.Sprint("r", i/perRoom)
		c := h.g.newConn("")
		if !h.g.hub.register(c, user, 1) || h.g.add(c) != nil {
			t.Fatal("not taken in")
		}
		c.user.mu.Lock()
		h.g.hub.subscribe(c.user, room, 0)
		c.user.loaded = true
		c.user.mu.Unlock()
		c.user.tell(h.g.service)
		sinks[i] = &sink{c: c}
		if err := c.start(nil, func(*conn) (transport, error) { return sinks[i], nil }); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	each := (inUse() - before) / count
	t.Logf("%d bytes a connection", each)
	if most := int64(1 << 10); each > most {
		t.Errorf("a connection takes %d bytes, at most %d", each, most)
	}
	if n := h.g.Stats().Connections; n != count {
		t.Errorf("%d connections", n)
	}
	h.g.hub.Deliver(t.Context(), chat.Delivery{RoomID: "r7", Events: []chat.Event{newMessage("r7", "u700", 1, "hello")}})
	for i, s := range sinks {
		s.c.mu.Lock()
		frames, want := s.frames, 0
		s.c.mu.Unlock()
		if i/perRoom == 7 {
			want = 1
		}
		if frames != want {
			t.Errorf("%s was told %d messages, not %d", s.c.user.id, frames, want)
		}
	}
	for _, s := range sinks {
		s.c.close(protocol.CloseRestarting)
		s.c.kill()
	}
	eventually(t, "all have gone", func() bool { return h.g.Stats().Connections == 0 })
}
