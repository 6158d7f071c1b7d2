package scenarios

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley/awsdev"
	"parley/chat"
)

// TestOnAWSFaults switches on what AWS warns of: everything said is still told, in order, once.
func TestOnAWSFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault func(*awsdev.Faults)
		crowd int // connections of two more people, so many that telling them goes through the queue
	}{
		"workers killed between storing and telling": {func(f *awsdev.Faults) { f.KillBeforePush.Store(3) }, 0},
		"stream records delivered twice":             {func(f *awsdev.Faults) { f.ReplayStream.Store(true) }, 0},
		"pushes throttled":                           {func(f *awsdev.Faults) { f.ThrottlePushes.Store(20) }, 0},
		"jobs delivered twice":                       {func(f *awsdev.Faults) { f.DuplicateJobs.Store(true) }, 55},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, aws := bootAWS(t)
			ann, bob := h.join(t, "ann"), h.join(t, "bob")
			cid, dan := h.join(t, "cid"), h.join(t, "dan")
			garden := public(t, "garden", ann, bob, cid, dan)
			cid.crowd(t, h, c.crowd)
			dan.crowd(t, h, c.crowd)
			annHears, bobHears := ann.listen(t), bob.listen(t)
			c.fault(&aws.Faults)
			var first, last chat.Message
			for i := range 12 {
				m, err := annHears.Send(t.Context(), chat.NewMessage{RoomID: garden, Content: fmt.Sprint("message ", i), ClientMessageID: fmt.Sprint(i)})
				if err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
				if i == 0 {
					first = m
				}
				last = m
			}
			if last.Seq != first.Seq+11 {
				t.Errorf("twelve messages took the numbers %d to %d", first.Seq, last.Seq)
			}
			bobHears.orderly(t, garden, first.Seq, last.Seq)
			annHears.orderly(t, garden, first.Seq, last.Seq)
			if s := aws.Stats(awsdev.Fanout); len(s.First) == 0 && c.crowd > 0 {
				t.Error("nothing went through the queue")
			}
			if s := aws.Stats(awsdev.Socket); s.Failed == 0 && strings.HasPrefix(name, "workers killed") {
				t.Error("no worker was killed")
			}
			if dead := aws.Dead("fanout"); len(dead) > 0 {
				t.Errorf("jobs were given up: %v", dead)
			}
		})
	}
}

func (h *house) dial(t testing.TB, header http.Header) (*websocket.Conn, *http.Response, error) {
	return websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(h.url, "http")+"/ws", &websocket.DialOptions{HTTPHeader: header})
}

// socket opens a bare socket.
func (p *person) socket(t testing.TB, h *house) *websocket.Conn {
	t.Helper()
	conn, _, err := h.dial(t, http.Header{"Authorization": {"Bearer " + p.Session().AccessToken}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// crowd opens n sockets that listen and do no more.
func (p *person) crowd(t testing.TB, h *house, n int) {
	t.Helper()
	var readers sync.WaitGroup
	t.Cleanup(readers.Wait) // after the sockets have ended
	for range n {
		conn := p.socket(t, h)
		readers.Go(func() { ending(conn) })
	}
}

// ending reads until the connection ends, and returns with which code and how soon.
func ending(conn *websocket.Conn) (websocket.StatusCode, time.Duration) {
	began := time.Now()
	for {
		_, r, err := conn.Reader(context.Background())
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err != nil {
			return websocket.CloseStatus(err), time.Since(began)
		}
	}
}

// TestOnAWSLostDisconnect: somebody whose end nobody told of is found gone by the next push, and nobody waits for them.
func TestOnAWSLostDisconnect(t *testing.T) {
	t.Parallel()
	h, aws := bootAWS(t)
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	garden := public(t, "garden", ann, bob)
	annHears, bobHears := ann.listen(t), bob.listen(t)
	bobHears.awaitMessage(t, ann.say(t, garden, "bob is here"))
	aws.Faults.LoseDisconnects.Store(true)
	_ = bobHears.stop()
	limit := time.Now().Add(patience)
	for i := 0; slices.Contains(online(t, ann, garden), "bob"); i++ {
		if time.Now().After(limit) {
			t.Fatal("bob is online for ever")
		}
		annHears.awaitMessage(t, ann.say(t, garden, "is bob here? %d", i))
		time.Sleep(time.Second) // a connection heard of in the last seconds is not forgotten yet
	}
}

// TestOnAWSLimits: the emulation keeps the limits of API Gateway, so that clients and functions learn to.
func TestOnAWSLimits(t *testing.T) {
	t.Parallel()
	h, _ := bootAWS(t, func(c *awsdev.Config) { c.Limits.Idle, c.Limits.Life = 1500*time.Millisecond, 4*time.Second })
	ann := h.join(t, "ann")
	if _, resp, err := h.dial(t, nil); err == nil || resp == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a ticket: %v, %v", resp, err)
	}
	open := func() *websocket.Conn { return ann.socket(t, h) }
	big := open()
	_ = big.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat("x", 40<<10))) // it may be refused before it is over
	if code, _ := ending(big); code != websocket.StatusMessageTooBig {
		t.Errorf("a frame of 40 KB: closed with %d", code)
	}
	if code, after := ending(open()); code != websocket.StatusGoingAway || after > 3500*time.Millisecond {
		t.Errorf("idle: closed with %d after %v", code, after)
	}
	busy := open()
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for busy.Write(t.Context(), websocket.MessageText, []byte(`{"action":"ping"}`)) == nil {
			time.Sleep(300 * time.Millisecond)
		}
	}()
	if code, after := ending(busy); code != websocket.StatusGoingAway || after < 3*time.Second {
		t.Errorf("at the end of its life: closed with %d after %v", code, after)
	}
	_ = busy.CloseNow()
	<-stop
}

// TestOnAWSCutEveryFewSeconds: sockets that end again and again neither lose nor double anything.
func TestOnAWSCutEveryFewSeconds(t *testing.T) {
	t.Parallel()
	h, _ := bootAWS(t, func(c *awsdev.Config) { c.Limits.Life = 1200 * time.Millisecond })
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	garden := public(t, "garden", ann, bob)
	bobHears := bob.listen(t)
	var first, last chat.Message
	for i := range 20 {
		last = ann.say(t, garden, "message %d", i)
		if i == 0 {
			first = last
		}
		time.Sleep(150 * time.Millisecond)
	}
	bobHears.orderly(t, garden, first.Seq, last.Seq)
}
