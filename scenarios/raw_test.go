package scenarios

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// raw is a socket without a client: frames as they are.
type raw struct{ *websocket.Conn }

// dialRaw opens a socket of a person who is signed in.
func dialRaw(t *testing.T, url string, p *person) *raw {
	t.Helper()
	return dialWith(t, url, http.Header{"Authorization": {"Bearer " + p.Session().AccessToken}})
}

func dialWith(t *testing.T, url string, header http.Header) *raw {
	t.Helper()
	conn, _, err := tryDial(t, url, header)
	if err != nil {
		t.Fatal(err)
	}
	return &raw{conn}
}

func tryDial(t *testing.T, url string, header http.Header) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if !strings.Contains(url, "/ws") {
		url += "/ws"
	}
	conn, res, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: transport(t), Subprotocols: []string{"parley.v1"}, HTTPHeader: header})
	if err == nil {
		conn.SetReadLimit(1 << 20)
		t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, res, err
}

// send writes a text frame.
func (r *raw) send(t *testing.T, text string) {
	t.Helper()
	if err := r.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatalf("write %.100q: %v", text, err)
	}
}

// rawFrame is a frame of the server.
type rawFrame struct {
	Type, RequestID string
	Data            json.RawMessage
	text            string
}

// receive returns the next frame of one of these types.
func (r *raw) receive(t *testing.T, types ...string) rawFrame {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, text, err := r.Read(ctx)
		if err != nil {
			t.Fatalf("waiting for %v: %v", types, err)
		}
		f := rawFrame{text: string(text)}
		if err := json.Unmarshal(text, &f); err != nil {
			t.Fatalf("the server wrote %.200q: %v", text, err)
		}
		for _, want := range types {
			if f.Type == want {
				return f
			}
		}
	}
}

// closeCode reads on until the server closes, and returns its code; -1 if it only cut the connection.
func (r *raw) closeCode(t *testing.T) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if _, _, err := r.Read(ctx); err != nil {
			if ctx.Err() != nil {
				t.Fatalf("the server does not close: %v", ctx.Err())
			}
			return int(websocket.CloseStatus(err))
		}
	}
}

// quiet waits for the answer to a ping, and fails if anything of these types comes before it.
func (r *raw) quiet(t *testing.T, types ...string) {
	t.Helper()
	id := "fence" + time.Now().Format("150405.000000000")
	r.send(t, `{"action":"ping","requestId":"`+id+`"}`)
	for {
		f := r.receive(t, append(types, "pong")...)
		if f.Type == "pong" && f.RequestID == id {
			return
		}
		if f.Type != "pong" {
			t.Errorf("unexpected: %s", f.text)
		}
	}
}
