package scenarios

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/chat"
	"parley/client"
	"parley/identity"
	"parley/wiring/server"
)

// childData is the environment variable by which the test binary becomes a server of its own, to be killed.
const childData = "PARLEY_SCENARIO_DATA"

func TestMain(m *testing.M) {
	if data := os.Getenv(childData); data != "" {
		os.Exit(serveChild(data))
	}
	goleak.VerifyTestMain(inTown{m}) // no goroutine outlives its owner
}

// serveChild is what `parley serve --limits off` does.
func serveChild(data string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s, err := server.New(ctx, server.Config{
		Data: data, Listen: "127.0.0.1:0", Registration: identity.Open, LimitsOff: true, Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	})
	if err == nil {
		err = s.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// child is a server in a process of its own.
type child struct {
	url string
	cmd *exec.Cmd
	end func() error // waits until it has ended
}

// spawn starts a server on data and waits until it listens.
func spawn(t *testing.T, data string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childData+"="+data)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, drained := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(drained)
		defer close(address)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
				address <- line.Address
			}
		}
	}()
	c := &child{cmd: cmd, end: sync.OnceValue(func() error {
		<-drained
		return cmd.Wait()
	})}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = c.end()
	})
	select {
	case a, ok := <-address:
		if !ok {
			t.Fatalf("the server ended: %v", c.end())
		}
		c.url = "http://" + a
	case <-time.After(patience):
		t.Fatal("the server does not listen")
	}
	return c
}

// terminate ends the server by SIGTERM.
func (c *child) terminate() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	return c.end()
}

func restartOnTheSameData(t *testing.T, in home) {
	h := in.boot(t)
	w := newWire(t, h.url)
	ann := at(t, w.url, "ann")
	if _, err := ann.Register(t.Context(), client.Registration{Username: "ann", Password: password}); err != nil {
		t.Fatal(err)
	}
	ann.login(t)
	room := public(t, "garden", ann)
	before := ann.say(t, room, "before")
	hears := ann.listen(t)
	w.lead(h.restart(t).url)
	after := ann.say(t, room, "after") // the session lives on, and so does the order
	if after.Seq != before.Seq+1 {
		t.Errorf("after the restart comes %d, before it was %d", after.Seq, before.Seq)
	}
	hears.awaitMessage(t, after)
	hears.orderly(t, room, after.Seq, after.Seq)
	page, err := ann.History(t.Context(), room, chat.PageQuery{})
	if err != nil || len(page.Messages) != 2 || page.Messages[0].Content != "before" {
		t.Errorf("history is %+v, %v", page.Messages, err)
	}
}

// killAmidSends kills what serves again and again, without warning, while people talk: whatever was acknowledged is
// there, once, at its number, and everybody is told the whole log in order.
func killAmidSends(t *testing.T, in home) {
	h := in.boot(t, func(o *settings) { o.apart = true })
	w := newWire(t, h.url)
	ann, bob := at(t, w.url, "ann"), at(t, w.url, "bob")
	for _, p := range []*person{ann, bob} {
		if _, err := p.Register(t.Context(), client.Registration{Username: p.Username, Password: password}); err != nil {
			t.Fatal(err)
		}
		p.login(t)
	}
	room := public(t, "battle", ann, bob)
	start, err := ann.Room(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	annHears, bobHears := ann.listen(t), bob.listen(t)

	const kills, each = 3, 80
	var mu sync.Mutex
	acked := map[string]chat.Message{}
	var talk sync.WaitGroup
	for name, send := range map[string]func(context.Context, chat.NewMessage) (chat.Message, error){"ann": annHears.Send, "bob": bob.Send} {
		for i := range 4 { // several at once, so that a kill meets writes under way
			talk.Go(func() {
				for j := range each {
					id := fmt.Sprintf("%s-%d-%d", name, i, j)
					m, err := send(t.Context(), chat.NewMessage{RoomID: room, Content: id, ClientMessageID: id})
					if err != nil {
						t.Errorf("%s: %v", id, err)
						return
					}
					mu.Lock()
					if was, ok := acked[id]; ok {
						t.Errorf("%s was acknowledged twice: %d and %d", id, was.Seq, m.Seq)
					}
					acked[id] = m
					mu.Unlock()
				}
			})
		}
	}
	for i := range kills {
		for limit := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			mu.Lock()
			n := len(acked)
			mu.Unlock()
			if n >= (i+1)*8*each/(kills+1) || time.Now().After(limit) {
				break
			}
		}
		h = h.kill(t)
		w.lead(h.url)
	}
	talk.Wait()
	head := start.HeadSeq + 8*each
	for _, e := range []*ear{annHears, bobHears} {
		e.orderly(t, room, start.HeadSeq+1, head)
	}
	stored := map[string]chat.Message{}
	for after := start.HeadSeq; ; {
		page, err := ann.History(t.Context(), room, chat.PageQuery{After: &after, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Messages {
			if _, twice := stored[m.ClientMessageID]; twice {
				t.Errorf("%s is stored twice", m.ClientMessageID)
			}
			stored[m.ClientMessageID], after = m, m.Seq
		}
		if !page.HasMoreAfter {
			break
		}
	}
	for id, m := range acked {
		if stored[id].Seq != m.Seq || stored[id].MessageID != m.MessageID || stored[id].Content != id {
			t.Errorf("%s was acknowledged at %d, stored is %+v", id, m.Seq, stored[id])
		}
	}
	if len(stored) != 8*each {
		t.Errorf("%d messages are stored, %d were sent", len(stored), 8*each)
	}
}

// drainLosesNothing stops a server by SIGTERM amid sends: it exits with 0, readers are told to come back with 1012,
// and what was acknowledged is there when it is started again.
func drainLosesNothing(t *testing.T, in home) {
	h := in.boot(t, func(o *settings) { o.apart = true })
	w := newWire(t, h.url)
	ann := at(t, w.url, "ann")
	if _, err := ann.Register(t.Context(), client.Registration{Username: "ann", Password: password}); err != nil {
		t.Fatal(err)
	}
	ann.login(t)
	room := public(t, "garden", ann)
	start, err := ann.Room(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	hears := ann.listen(t)
	raw := dialRaw(t, h.url, ann)
	const sends = 300
	var talk sync.WaitGroup
	halfway := make(chan struct{})
	talk.Go(func() {
		for i := range sends {
			if i == sends/2 {
				close(halfway)
			}
			if _, err := hears.Send(t.Context(), chat.NewMessage{RoomID: room, Content: fmt.Sprint(i), ClientMessageID: fmt.Sprint(i)}); err != nil {
				t.Errorf("%d: %v", i, err)
				return
			}
		}
	})
	<-halfway
	stopped := make(chan error, 1)
	go func() { stopped <- h.stop() }()
	if code := raw.closeCode(t); code != 1012 {
		t.Errorf("a reader was closed with %d, want 1012", code)
	}
	if err := <-stopped; err != nil {
		t.Errorf("after SIGTERM the server ended with %v", err)
	}
	w.lead(in.boot(t, func(o *settings) { o.data = h.data }).url)
	talk.Wait()
	hears.orderly(t, room, start.HeadSeq+1, start.HeadSeq+sends)
}
