package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley/chat"
)

// forgetful is a server that never answers the first request of each kind.
func forgetful(t *testing.T, syncs chan<- map[string]int64) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"parley.v1"}})
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		asked := map[string]bool{}
		for {
			_, text, err := conn.Read(r.Context())
			if err != nil {
				return
			}
			var a struct {
				Action, RequestID string
				Data              struct{ Rooms map[string]int64 }
			}
			_ = json.Unmarshal(text, &a)
			if a.Action == "sync" {
				syncs <- a.Data.Rooms
			}
			if !asked[a.Action] {
				asked[a.Action] = true
				continue
			}
			answer := map[string]string{
				"ping":        `{"type":"pong","requestId":"ID","data":{"rooms":{"r":2,"s":9}}}`,
				"sync":        `{"type":"synced","requestId":"ID","data":{"rooms":[{"roomId":"r","headSeq":2,"complete":true,"events":[{"type":"newMessage","data":{"message":{"roomId":"r","seq":2}}}]}]}}`,
				"sendMessage": `{"type":"ack","requestId":"ID","data":{"message":{"roomId":"r","seq":3}}}`,
			}[a.Action]
			_ = conn.Write(r.Context(), websocket.MessageText, []byte(strings.Replace(answer, "ID", a.RequestID, 1)))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// TestAnswersThatNeverCome: what worked at a request may have died. It is asked again on the same connection, and a lost
// first answer makes no room new.
func TestAnswersThatNeverCome(t *testing.T) {
	syncs := make(chan map[string]int64, 100)
	c, err := New(forgetful(t, syncs).URL, Options{Session: Session{AccessToken: "x", ExpiresAt: time.Now().Add(time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithTimeout(t.Context(), 20*time.Second)
	defer end()
	told, current := make(chan Event, 10), make(chan struct{}, 10)
	s := c.Stream(StreamOptions{From: map[string]int64{"r": 1}, PingEvery: 200 * time.Millisecond, AnswerWithin: 300 * time.Millisecond,
		Handle: func(e Event) error { told <- e; return nil },
		OnState: func(s State, _ error) {
			if s == Current {
				current <- struct{}{}
			}
		}})
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	select {
	case <-current:
	case <-ctx.Done():
		t.Fatal("it does not catch up")
	}
	m, err := s.Send(ctx, chat.NewMessage{RoomID: "r", Content: "x"})
	if err != nil || m.Seq != 3 {
		t.Fatalf("sent: %+v, %v", m, err)
	}
	end()
	<-ended
	close(told)
	var seqs []int64
	for e := range told {
		seqs = append(seqs, e.Seq)
	}
	if len(seqs) != 2 || seqs[0] != 2 || seqs[1] != 3 {
		t.Errorf("told %v", seqs)
	}
	close(syncs)
	for asked := range syncs {
		if _, ok := asked["s"]; ok {
			t.Errorf("asked for what was before: %v", asked)
		}
	}
}

// TestWhatStandsBefore: an answer that is not Parley's says that it was not reached.
func TestWhatStandsBefore(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(`{"message":"Internal Server Error"}`))
	}))
	t.Cleanup(s.Close)
	c, err := New(s.URL, Options{Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Login(t.Context(), "ann", "x"); chat.CodeOf(err) != chat.Unavailable {
		t.Errorf("%v", err)
	}
}
