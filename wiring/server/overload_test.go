package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/coder/websocket"

	"parley/chat"
	"parley/client"
	"parley/identity"
	"parley/wiring/server"
)

// boot runs a server for the time of a test and returns its address.
func boot(t *testing.T, change func(*server.Config)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := server.Config{Data: t.TempDir(), Listener: l, Registration: identity.Open, LimitsOff: true, DrainFor: 5 * time.Second,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))}
	if change != nil {
		change(&cfg)
	}
	s, err := server.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with: %v", err)
		}
	})
	return l.Addr().String()
}

// slowDisk is a disk whose syncs take their time.
type slowDisk struct {
	vfs.FS
	sync time.Duration
}

func (d slowDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, c)
	return slowFile{f, d.sync}, err
}

func (d slowDisk) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(from, to, c)
	return slowFile{f, d.sync}, err
}

type slowFile struct {
	vfs.File
	took time.Duration
}

func (f slowFile) Sync() error {
	time.Sleep(f.took)
	return f.File.Sync()
}

func (f slowFile) SyncData() error {
	time.Sleep(f.took)
	return f.File.SyncData()
}

// TestMoreThanCanBeStored has people send more than twice as much as a slow disk takes, over their sockets: some of it is
// refused with a time after which to come again, and all that is acknowledged is there, and is told, once, in order. Typing
// and read markers give way meanwhile, and not before or after. How long all that waits is for TestOverload in package chat,
// on a clock that no machine slows down.
func TestMoreThanCanBeStored(t *testing.T) {
	const people, each, sync = 12, 120, 60 * time.Millisecond // 24 messages take a sync: 400 a second
	address := boot(t, func(c *server.Config) { c.FS = slowDisk{vfs.Default, sync} })
	owner := signUp(t, "http://"+address, nil, "owner")
	room, err := owner.CreateRoom(t.Context(), chat.Public, "busy", "")
	if err != nil {
		t.Fatal(err)
	}
	listener := hear(t, dial(t, "ws://"+address, nil, owner))
	typist := signUp(t, "http://"+address, nil, "typist")
	if _, err := typist.Join(t.Context(), room.RoomID); err != nil {
		t.Fatal(err)
	}
	signals := &signaller{ws: dial(t, "ws://"+address, nil, typist), room: room.RoomID}
	signals.ear = hear(t, signals.ws)
	signals.send(t)
	listener.await(t, "typing before", func(e *ear) bool { return e.typing == 1 })
	signals.ear.await(t, "a marker before", func(e *ear) bool { return e.marked == 1 })
	var sockets []*websocket.Conn
	for i := range people {
		p := signUp(t, "http://"+address, nil, fmt.Sprintf("person%d", i))
		if _, err := p.Join(t.Context(), room.RoomID); err != nil {
			t.Fatal(err)
		}
		sockets = append(sockets, dial(t, "ws://"+address, nil, p))
	}
	var all tally
	for i, ws := range sockets {
		all.wait.Go(func() { all.burst(t, ws, room.RoomID, fmt.Sprint("p", i, "-"), each) })
	}
	over := make(chan struct{})
	go func() {
		all.wait.Wait()
		close(over)
	}()
	signals.until(t, over)
	stored := map[string]chat.Message{}
	var last int64
	for after := int64(0); ; {
		page, err := owner.History(t.Context(), room.RoomID, chat.PageQuery{After: &after, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Messages {
			if _, twice := stored[m.ClientMessageID]; twice || m.Seq <= last {
				t.Errorf("%s is stored twice, or out of order", m.ClientMessageID)
			}
			stored[m.ClientMessageID], last, after = m, m.Seq, m.Seq
		}
		if !page.HasMoreAfter {
			break
		}
	}
	for id, m := range all.acked {
		if stored[id].MessageID != m.MessageID {
			t.Errorf("%s was acknowledged and is not stored", id)
		}
	}
	slices.Sort(all.took)
	p99 := all.took[len(all.took)*99/100]
	t.Logf("%d acknowledged, %d refused, p99 %v", len(all.acked), all.refused, p99)
	if len(stored) != len(all.acked) || len(all.acked)+all.refused != people*each {
		t.Errorf("%d stored, %d acknowledged, %d refused of %d", len(stored), len(all.acked), all.refused, people*each)
	}
	if all.refused == 0 || len(all.acked) < people {
		t.Errorf("%d acknowledged, %d refused: want some of both", len(all.acked), all.refused)
	}
	listener.await(t, "all messages told", func(e *ear) bool { return len(e.seqs) >= len(stored) })
	signals.judge(t, listener)
	listener.mu.Lock()
	defer listener.mu.Unlock()
	for i, seq := range listener.seqs {
		if i > 0 && seq <= listener.seqs[i-1] {
			t.Errorf("%d was told after %d", seq, listener.seqs[i-1])
		}
	}
	if len(listener.seqs) != len(stored) {
		t.Errorf("%d messages were told of %d", len(listener.seqs), len(stored))
	}
}

// tally is what all senders saw.
type tally struct {
	wait sync.WaitGroup

	mu      sync.Mutex // guards what follows
	acked   map[string]chat.Message
	refused int
	took    []time.Duration // for those acknowledged
}

// burst sends n messages at once and reads until all are answered.
func (a *tally) burst(t *testing.T, ws *websocket.Conn, roomID, prefix string, n int) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	at := time.Now()
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		for i := range n {
			id := fmt.Sprint(prefix, i)
			frame := fmt.Sprintf(`{"action":"sendMessage","requestId":%q,"data":{"roomId":%q,"content":"hello","clientMessageId":%q}}`, id, roomID, id)
			if err := ws.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for answered := 0; answered < n; {
		_, b, err := ws.Read(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		f := parse(t, b)
		if f.RequestID == "" {
			continue
		}
		answered++
		a.mu.Lock()
		if f.Type == "ack" {
			if a.acked == nil {
				a.acked = map[string]chat.Message{}
			}
			a.acked[f.RequestID], a.took = f.message(t), append(a.took, time.Since(at))
		} else if a.refused++; f.Data.Code != chat.RateLimited || f.Data.RetryAfterMs < 500 {
			t.Errorf("refused by %s", b)
		}
		a.mu.Unlock()
	}
}

// signUp makes an account and signs in. A nil HTTP client is one of its own.
func signUp(t *testing.T, url string, over *http.Client, name string) *client.Client {
	t.Helper()
	if over == nil {
		tr := &http.Transport{}
		t.Cleanup(tr.CloseIdleConnections)
		over = &http.Client{Transport: tr, Timeout: 30 * time.Second}
	}
	c, err := client.New(url, client.Options{HTTP: over})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Register(t.Context(), client.Registration{Username: name, Password: "a long enough passphrase 7"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Login(t.Context(), name, "a long enough passphrase 7"); err != nil {
		t.Fatal(err)
	}
	return c
}

// dial opens a socket with the session of c.
func dial(t *testing.T, url string, over *http.Client, c *client.Client) *websocket.Conn {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), url+"/ws", &websocket.DialOptions{ //nolint:bodyclose // the library does
		HTTPClient: over, HTTPHeader: http.Header{"Authorization": {"Bearer " + c.Session().AccessToken}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(1 << 20)
	t.Cleanup(func() { ws.CloseNow() })
	return ws
}
