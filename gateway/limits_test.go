package gateway

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// TestStatedLimits: a gateway of which nothing was set has the bounds that docs/operations.md states.
func TestStatedLimits(t *testing.T) {
	want := Limits{
		Files: 1 << 20, ConnectionsPerUser: 100, FramesPerSecond: 200, InFlight: 64, QueueBytes: 1 << 20, QueueTotal: 512 << 20, QueueRuns: 1024, Requests: 32,
		Silence: 75 * time.Second,
	}
	if got := (Limits{}).withDefaults(); got != want {
		t.Errorf("the bounds are %+v, want %+v", got, want)
	}
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"| a connection's requests under way | 64 messages and 64 others |", "| a connection's frames | 200 a second, 1,000 at once |",
		"| what waits for a slow reader | 1 MiB, 1,024 writes;", "| what waits for all slow readers | 512 MiB,", "| read markers, tickets | 32 at once for all |",
	} {
		if !strings.Contains(string(text), row) {
			t.Errorf("docs/operations.md does not say %q", row)
		}
	}
}

// TestManySmallWrites: a reader that takes nothing is closed with 4408 also when what waits is little, in many writes.
func TestManySmallWrites(t *testing.T) {
	const limit = 20
	eachPlain(t, Limits{QueueRuns: limit, SendBuffer: 16 << 10}, func(t *testing.T, h *house) {
		h.join("r1", "ada", "bob")
		slow, bob := h.raw(t, "ada"), h.dial(t, "bob")
		c := h.hub.user("ada").connections()[0]
		waiting := func() (runs, bytes int) {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.out.runs), c.out.size
		}
		large := true // until the kernel takes no more
		for i := 0; h.g.Stats().Slow == 0; i++ {
			text := "z"
			if large {
				text = strings.Repeat("z", 8000)
			}
			h.say("r1", text)
			if r := bob.next(); r.Data.Message.Seq != int64(i+1) {
				t.Fatalf("bob heard %v", r)
			}
			runs, bytes := waiting()
			if large = large && runs == 0; runs > limit || bytes > 512<<10 || i > 2000 {
				t.Fatalf("after %d messages %d writes of %d bytes wait for the slow reader", i+1, runs, bytes)
			}
		}
		if code := slow.closeCode(); code != 4408 {
			t.Errorf("closed with %d", code)
		}
		bob.hears()
	})
}

// TestNoCompression: nobody gets permessage-deflate, whose windows would be most of a connection's memory.
func TestNoCompression(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, h *house) {
		ws, res, err := websocket.Dial(t.Context(), h.server.URL+"/ws", &websocket.DialOptions{ //nolint:bodyclose // the library does
			HTTPClient: h.server.Client(), HTTPHeader: http.Header{"Authorization": {"Bearer ok-ada"}}, CompressionMode: websocket.CompressionContextTakeover,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer ws.CloseNow()
		if asked := res.Request.Header.Get("Sec-WebSocket-Extensions"); !strings.Contains(asked, "permessage-deflate") {
			t.Fatalf("the client asked for %q", asked)
		}
		if got := res.Header.Values("Sec-WebSocket-Extensions"); len(got) > 0 {
			t.Errorf("the answer has extensions %q", got)
		}
	})
}
