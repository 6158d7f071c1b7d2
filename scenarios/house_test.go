// Package scenarios boots whole houses of Parley, the single program and the functions on AWS, with real sockets and real
// stores, and lets people meet in them: what they must be told, and what they must not.
package scenarios

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/awsdev"
	"parley/chat"
	"parley/client"
	"parley/identity"
	"parley/wiring/server"
)

const (
	password = "a long enough passphrase 7"
	patience = 20 * time.Second // for what must happen; nothing waits so long unless it fails
)

// home boots houses of one kind.
type home interface {
	boot(t *testing.T, change ...func(*settings)) *house
}

// settings are in what a house may differ from one as it comes, which lets everybody register and limits nobody.
type settings struct {
	limits      bool   // those that a house has in which nothing was set
	pushPrivate bool   // push services may be on this machine
	filesOff    bool   // of one machine
	apart       bool   // one machine: in a process of its own, which can be killed
	data        string // one machine: a data folder that exists
}

// house is one running house of Parley.
type house struct {
	url  string
	data string        // of one machine
	aws  *awsdev.House // nil on one machine

	stop    func() error              // drains and closes; nil if all went well; further calls say the same
	restart func(t *testing.T) *house // what serves is ended and begun anew, with what is stored; one machine has another address then
	kill    func(t *testing.T) *house // the same without warning
}

// oneMachine is the single program.
type oneMachine struct{}

func (in oneMachine) boot(t *testing.T, change ...func(*settings)) *house {
	t.Helper()
	var set settings
	for _, f := range change {
		f(&set)
	}
	if set.data == "" {
		set.data = t.TempDir()
	}
	h := &house{data: set.data}
	again := func(o *settings) { *o = set }
	if set.apart {
		c := spawn(t, set.data)
		h.url, h.stop = c.url, c.terminate
		h.kill = func(t *testing.T) *house {
			_ = c.cmd.Process.Kill()
			_ = c.end()
			return in.boot(t, again)
		}
		return h
	}
	h.url, h.stop = serve(t, set)
	h.restart = func(t *testing.T) *house {
		t.Helper()
		if err := h.stop(); err != nil {
			t.Fatalf("the server ended with %v", err)
		}
		return in.boot(t, again)
	}
	t.Cleanup(func() {
		if err := h.stop(); err != nil {
			t.Errorf("the server ended with: %v", err)
		}
	})
	return h
}

// serve runs a server in this process.
func serve(t *testing.T, set settings) (url string, stop func() error) {
	t.Helper()
	s, err := server.New(t.Context(), server.Config{Data: set.data, Listen: "127.0.0.1:0", Registration: identity.Open, LimitsOff: !set.limits,
		PushPrivate: set.pushPrivate, FilesOff: set.filesOff, DrainFor: 5 * time.Second, Version: "test", Logger: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return "http://" + s.Addr().String(), sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
}

// logger shows what the server says if the test fails; TESTLOG=1 shows all at once.
func logger(t testing.TB) *slog.Logger {
	w := t.Output()
	if os.Getenv("TESTLOG") != "" {
		w = os.Stderr
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// person is somebody with an account.
type person struct {
	*client.Client
	chat.User
}

// join makes an account and signs in.
func (h *house) join(t testing.TB, name string) *person {
	t.Helper()
	p := h.at(t, name)
	if _, err := p.Register(t.Context(), client.Registration{Username: name, Password: password}); err != nil {
		t.Fatalf("register %s: %v", name, err)
	}
	p.login(t)
	return p
}

// at makes a client without an account.
func (h *house) at(t testing.TB, name string) *person { return at(t, h.url, name) }

func at(t testing.TB, url, name string) *person {
	t.Helper()
	c, err := client.New(url, client.Options{HTTP: transport(t), MinBackoff: 5 * time.Millisecond, MaxBackoff: 100 * time.Millisecond, Retries: 200})
	if err != nil {
		t.Fatal(err)
	}
	return &person{Client: c, User: chat.User{Username: name}}
}

// back signs in somebody who has an account.
func (h *house) back(t *testing.T, name string) *person {
	t.Helper()
	p := h.at(t, name)
	p.login(t)
	return p
}

// transport is an HTTP client whose connections end with the test.
func transport(t testing.TB) *http.Client {
	tr := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}
}

func (p *person) login(t testing.TB) {
	t.Helper()
	u, err := p.Login(t.Context(), p.Username, password)
	if err != nil {
		t.Fatalf("log in as %s: %v", p.Username, err)
	}
	p.User = u
}

// public makes a public room, and everybody enters it.
func public(t testing.TB, name string, owner *person, members ...*person) string {
	t.Helper()
	v, err := owner.CreateRoom(t.Context(), chat.Public, name, "")
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	for _, m := range members {
		if _, err := m.Join(t.Context(), v.RoomID); err != nil {
			t.Fatalf("%s joins %s: %v", m.Username, name, err)
		}
	}
	return v.RoomID
}

// direct opens the direct room of two people.
func direct(t testing.TB, a, b *person) string {
	t.Helper()
	v, err := a.OpenDirect(t.Context(), b.UserID)
	if err != nil {
		t.Fatalf("open a direct room: %v", err)
	}
	return v.RoomID
}

// say sends a message over HTTP.
func (p *person) say(t *testing.T, room, format string, args ...any) chat.Message {
	t.Helper()
	m, err := p.Send(t.Context(), chat.NewMessage{RoomID: room, Content: fmt.Sprintf(format, args...)})
	if err != nil {
		t.Fatalf("%s says %q: %v", p.Username, format, err)
	}
	return m
}

// ear is somebody's live stream, and what it told.
type ear struct {
	*client.Stream
	name string
	stop func() error // ends the stream and returns why it ended

	mu      sync.Mutex
	events  []client.Event
	changed chan struct{} // closed, and replaced, with each event
}

// listen opens a stream and waits until it is current.
func (p *person) listen(t testing.TB, change ...func(*client.StreamOptions)) *ear {
	t.Helper()
	e := &ear{name: p.Username, changed: make(chan struct{})}
	current := make(chan struct{})
	var once sync.Once
	o := client.StreamOptions{AnswerWithin: 3 * time.Second, Handle: e.hear, OnState: func(s client.State, _ error) {
		if s == client.Current {
			once.Do(func() { close(current) })
		}
	}}
	for _, f := range change {
		f(&o)
	}
	e.Stream = p.Stream(o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	e.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = e.stop() })
	select {
	case <-current:
	case err := <-ended:
		ended <- err
		t.Fatalf("%s cannot listen: %v", p.Username, err)
	case <-time.After(patience):
		t.Fatalf("%s does not catch up", p.Username)
	}
	return e
}

// from starts a stream where another ended; rooms that came since are told from their beginning.
func from(positions map[string]int64) func(*client.StreamOptions) {
	return func(o *client.StreamOptions) { o.From, o.All = positions, true }
}

func (e *ear) hear(ev client.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.events = append(e.events, ev)
	close(e.changed)
	e.changed = make(chan struct{})
	return nil
}

// heard returns all that was told so far, and a channel that closes with more.
func (e *ear) heard() ([]client.Event, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.events[:len(e.events):len(e.events)], e.changed
}

// await waits until something is told that ok accepts, and returns it.
func (e *ear) await(t testing.TB, what string, ok func(client.Event) bool) client.Event {
	t.Helper()
	limit := time.After(patience)
	for {
		events, more := e.heard()
		for _, ev := range events {
			if ok(ev) {
				return ev
			}
		}
		select {
		case <-more:
		case <-limit:
			t.Fatalf("%s was not told of %s, but of:\n%s", e.name, what, describe(events))
		}
	}
}

// awaitMessage waits for a message.
func (e *ear) awaitMessage(t testing.TB, m chat.Message) chat.Message {
	t.Helper()
	ev := e.await(t, fmt.Sprintf("%q", m.Content), func(ev client.Event) bool {
		return ev.NewMessage != nil && ev.NewMessage.MessageID == m.MessageID
	})
	return *ev.NewMessage
}

// never asserts that nothing told so far is accepted by bad. Call it after something later was told.
func (e *ear) never(t *testing.T, what string, bad func(client.Event) bool) {
	t.Helper()
	events, _ := e.heard()
	for _, ev := range events {
		if bad(ev) {
			t.Errorf("%s was told of %s: %s", e.name, what, describe([]client.Event{ev}))
		}
	}
}

// orderly asserts that the numbers told of a room are from, from+1, … to, each once.
func (e *ear) orderly(t *testing.T, room string, from, to int64) {
	t.Helper()
	e.await(t, fmt.Sprintf("number %d", to), func(ev client.Event) bool { return ev.RoomID == room && ev.Seq == to })
	events, _ := e.heard()
	next := from
	for _, ev := range events {
		if ev.RoomID != room || ev.Seq == 0 {
			continue
		}
		if ev.Reset || ev.Seq != next {
			t.Fatalf("%s was told %d where %d comes, of:\n%s", e.name, ev.Seq, next, describe(events))
		}
		next++
	}
}

// eventually waits for what must come to be.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// describe writes events for people.
func describe(events []client.Event) string {
	var b strings.Builder
	if n := len(events) - 40; n > 0 {
		fmt.Fprintf(&b, "  (%d before)\n", n)
		events = events[n:]
	}
	for _, e := range events {
		fmt.Fprintf(&b, "  %s %d ", e.RoomID, e.Seq)
		switch {
		case e.NewMessage != nil:
			fmt.Fprintf(&b, "%s says %.40q", e.NewMessage.Username, e.NewMessage.Content)
		case e.Updated != nil:
			fmt.Fprintf(&b, "changed to %.40q", e.Updated.Content)
		case e.Room != nil:
			fmt.Fprintf(&b, "%s %+v", e.Room.Change, e.Room.Membership)
		case e.Presence != nil:
			fmt.Fprintf(&b, "presence %+v", *e.Presence)
		case e.Typing != nil:
			fmt.Fprintf(&b, "typing %+v", *e.Typing)
		case e.Read != nil:
			fmt.Fprintf(&b, "read %+v", *e.Read)
		case e.Reset:
			b.WriteString("reset")
		}
		b.WriteByte('\n')
	}
	return b.String()
}
