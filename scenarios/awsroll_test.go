package scenarios

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley/awsdev"
	"parley/chat"
)

// roller hears a room by one socket after another, as the web client does: the next one opens while there is time left.
type roller struct {
	*person
	h    *house
	room string

	mu      sync.Mutex // guards what follows
	heard   map[int64]int
	wrong   []string
	reading sync.WaitGroup
}

// open opens a socket with a ticket, and returns when it is to be followed and when it is gone.
func (r *roller) open(t *testing.T) (followed <-chan time.Time, gone <-chan time.Duration) {
	t.Helper()
	began := time.Now()
	var ticket struct {
		Ticket, URL   string
		MaxAgeSeconds int
	}
	_, _, answer := ask(t, r.h, r.person, http.MethodPost, "/api/v1/ws-tickets", "{}")
	if err := json.Unmarshal([]byte(answer), &ticket); err != nil || ticket.MaxAgeSeconds == 0 {
		t.Fatalf("ticket: %s, %v", answer, err)
	}
	conn, resp, err := websocket.Dial(t.Context(), ticket.URL+"?ticket="+ticket.Ticket, &websocket.DialOptions{Subprotocols: []string{"parley.v1"}})
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	ended := make(chan time.Duration, 1)
	r.reading.Go(func() {
		defer func() { _ = conn.CloseNow() }()
		last := int64(0)
		for {
			_, text, err := conn.Read(context.Background())
			if err != nil {
				ended <- time.Since(began)
				return
			}
			last = r.note(text, last)
		}
	})
	return time.After(time.Duration(ticket.MaxAgeSeconds) * time.Second / 2), ended
}

// note notes a frame; each socket tells each number once, and in order.
func (r *roller) note(text []byte, last int64) int64 {
	var f struct {
		Type string
		Data struct{ Message chat.Message }
	}
	err := json.Unmarshal(text, &f)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || f.Type == "error" {
		r.wrong = append(r.wrong, string(text))
	}
	m := f.Data.Message
	if f.Type != "newMessage" || m.RoomID != r.room {
		return last
	}
	if m.Seq <= last {
		r.wrong = append(r.wrong, "out of order: "+string(text))
	}
	r.heard[m.Seq]++
	return m.Seq
}

// TestOnAWSRollover: a socket is announced to live as long as it does, and who opens the next one before its end hears
// everything live, by one or both, without asking for anything.
func TestOnAWSRollover(t *testing.T) {
	const life = 8 * time.Second
	h, _ := bootAWS(t, func(c *awsdev.Config) { c.Limits.Life = life })
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	garden := public(t, "garden", ann, bob)
	r := &roller{person: bob, h: h, room: garden, heard: map[int64]int{}}
	followed, gone := r.open(t)
	first := ann.say(t, garden, "the first").Seq
	last, lives, rolled := first, []time.Duration(nil), 0
	for end := time.Now().Add(2 * life); time.Now().Before(end); {
		select {
		case <-followed:
			before := gone
			followed, gone = r.open(t)
			rolled++
			r.reading.Go(func() {
				lived := <-before
				r.mu.Lock()
				defer r.mu.Unlock()
				lives = append(lives, lived)
			})
		default:
		}
		last = ann.say(t, garden, "and another").Seq
		time.Sleep(100 * time.Millisecond)
	}
	_ = h.stop()
	r.reading.Wait()
	if rolled < 3 || len(lives) < 3 {
		t.Errorf("rolled over %d times; lives %v", rolled, lives)
	}
	for _, lived := range lives[:min(len(lives), 2)] {
		if lived < life-time.Second || lived > life+2*time.Second {
			t.Errorf("a socket lived %v, announced were %v", lived, life)
		}
	}
	twice := 0
	for seq := first; seq <= last; seq++ {
		switch n := r.heard[seq]; {
		case n == 0:
			t.Errorf("number %d was missed", seq)
		case n == 2:
			twice++
		case n > 2:
			t.Errorf("number %d was told %d times by two sockets", seq, n)
		}
	}
	if len(r.wrong) > 0 || twice == 0 {
		t.Errorf("%d told by both sockets; wrong: %q", twice, r.wrong)
	}
}
