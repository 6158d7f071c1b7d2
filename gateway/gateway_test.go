package gateway

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley/chat"
	"parley/protocol"
)

func TestConversation(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, h *house) {
		h.join("r1", "ada", "bob")
		h.join("r2", "eve")
		ada, phone, bob, eve := h.dial(t, "ada"), h.dial(t, "ada"), h.dial(t, "bob"), h.dial(t, "eve")
		for i := 1; i <= 3; i++ {
			ada.send(`{"action":"sendMessage","requestId":"q%d","data":{"roomId":"r1","content":"m%d","clientMessageId":"c%d"}}`, i, i, i)
		}
		bob.send(`{"action":"typing","data":{"roomId":"r1"}}`)
		for i := 1; i <= 3; i++ {
			r := bob.next()
			if want := fmt.Sprintf("newMessage %d m%d", i, i); r.String() != want {
				t.Errorf("bob heard %v, want %s", r, want)
			}
		}
		got := map[string]bool{}
		for range 4 {
			got[ada.next().String()] = true
		}
		for _, want := range []string{"ack 1 m1 for q1", "ack 2 m2 for q2", "ack 3 m3 for q3", "typing bob"} {
			if !got[want] {
				t.Errorf("ada heard %v, not %s", got, want)
			}
		}
		for range 4 {
			phone.next()
		}
		// A repeat gets the first result, and nobody else hears of it.
		ada.send(`{"action":"sendMessage","requestId":"again","data":{"roomId":"r1","content":"m1","clientMessageId":"c1"}}`)
		if r := ada.next(); r.String() != "ack 1 m1 for again" {
			t.Errorf("a repeat got %v", r)
		}
		ada.hears()
		phone.hears()
		bob.hears()
		eve.hears()
	})
}

func TestRequests(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, h *house) {
		h.join("r1", "ada")
		ada := h.dial(t, "ada")
		for _, c := range []struct{ request, want string }{
			{`{"action":"getMessages","requestId":"1","data":{"roomId":"r1","limit":5}}`, "messageHistory for 1"},
			{`{"action":"getClients","requestId":"2","data":{"roomId":"r1"}}`, "clients for 2"},
			{`{"action":"sync","requestId":"3","data":{"rooms":{"r1":4}}}`, "synced for 3"},
			{`{"action":"markRead","requestId":"4","data":{"roomId":"r1","seq":4}}`, "ack 0  for 4"},
			{`{"action":"markRead","requestId":"5","data":{"roomId":"r1","seq":-4}}`, "error rate_limited for 5"},
			{`{"action":"ping","requestId":"6"}`, "pong for 6"},
			{`{"action":"dance","requestId":"7"}`, "error invalid_request for 7"},
			{`{"action":"ping","requestId":"8"`, "error invalid_request for 8"},
			{"not JSON", "error invalid_request"},
			{"\xff", "error invalid_request"},
			{`{"action":"sendMessage","requestId":"9","data":{"roomId":"r1"}}`, "error invalid_request for 9"},
			{`{"action":"sendMessage","requestId":"10","data":{"roomId":"r2","content":"x","clientMessageId":"x"}}`, "error forbidden for 10"},
			{`{"action":"getMessages","requestId":"11","data":{"roomId":"r1","limit":99}}`, "error internal for 11"},
		} {
			ada.send("%s", c.request)
			if got := ada.next().String(); got != c.want {
				t.Errorf("%s\ngot  %s\nwant %s", c.request, got, c.want)
			}
		}
		ada.hears()
	})
}

func TestRequestsAreAnsweredInOrder(t *testing.T) {
	each(t, Limits{InFlight: 4, FramesPerSecond: -1}, func(t *testing.T, h *house) {
		ada := h.dial(t, "ada")
		const n = 300
		go func() {
			for i := range n {
				_ = ada.ws.Write(context.Background(), websocket.MessageText, fmt.Appendf(nil, `{"action":"getMessages","requestId":"%d","data":{"roomId":"r1","limit":5}}`, i))
			}
		}()
		for i := range n {
			if r := ada.next(); r.RequestID != fmt.Sprint(i) {
				t.Fatalf("answer %s comes as number %d", r.RequestID, i)
			}
		}
	})
}

func TestWhoMayConnect(t *testing.T) {
	h := newHouse(t, Config{Origins: []string{"https://friend.example"}, Limits: Limits{ConnectionsPerUser: 2}}, false)
	ctx := context.Background()
	dial := func(query string, header http.Header) (*websocket.Conn, *http.Response, error) {
		return websocket.Dial(ctx, h.server.URL+"/ws"+query, &websocket.DialOptions{HTTPHeader: header})
	}
	for name, c := range map[string]struct {
		query  string
		header http.Header
		close  int // the code, or
		status int
	}{
		"ticket":          {"?ticket=ok-a", nil, 0, 101},
		"bearer":          {"", http.Header{"Authorization": {"Bearer ok-b"}}, 0, 101},
		"same host":       {"?ticket=ok-c", http.Header{"Origin": {h.server.URL}}, 0, 101},
		"allowed origin":  {"?ticket=ok-d", http.Header{"Origin": {"https://friend.example"}}, 0, 101},
		"foreign origin":  {"?ticket=ok-e", http.Header{"Origin": {"https://evil.example"}}, 0, 403},
		"null origin":     {"?ticket=ok-e", http.Header{"Origin": {"null"}}, 0, 403},
		"nothing":         {"", nil, 4401, 101},
		"refused ticket":  {"?ticket=bad", nil, 4401, 101},
		"refused bearer":  {"", http.Header{"Authorization": {"Bearer bad"}}, 4401, 101},
		"empty bearer":    {"?ticket=ok-f", http.Header{"Authorization": {"Bearer "}}, 4401, 101},
		"not the version": {"?ticket=ok-g", http.Header{"Sec-WebSocket-Version": {"12"}}, 0, 426},
	} {
		t.Run(name, func(t *testing.T) {
			ws, resp, err := dial(c.query, c.header) //nolint:bodyclose // the library does
			if resp.StatusCode != c.status {
				t.Fatalf("status %d, want %d (%v)", resp.StatusCode, c.status, err)
			}
			if err != nil {
				return
			}
			defer ws.CloseNow()
			cl := &client{t, ws}
			if c.close == 0 {
				cl.hears()
			} else if code := cl.closed(); code != c.close {
				t.Errorf("closed with %d, want %d", code, c.close)
			}
		})
	}
	first, second := h.dial(t, "zoe"), h.dial(t, "zoe")
	if code := h.dial(t, "zoe").closed(); code != 4429 {
		t.Errorf("the third connection was closed with %d", code)
	}
	first.hears()
	second.hears()
	if told := h.told(); strings.Count(told, "+zoe") != 1 || strings.Contains(told, "-zoe") {
		t.Errorf("presence: %s", told)
	}
}

func TestStoreThatFailsAtOpening(t *testing.T) {
	h := newHouse(t, Config{}, false)
	h.join("r1", "ada")
	h.loading = make(chan chan error)
	go func() { (<-h.loading) <- chat.Errorf(chat.Unavailable, "no") }()
	_, resp, err := websocket.Dial(context.Background(), h.server.URL+"/ws?ticket=ok-ada", nil) //nolint:bodyclose // the library does
	if err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("%v, %v", resp, err)
	}
	h.mu.Lock()
	h.loading = nil
	h.mu.Unlock()
	ada := h.dial(t, "ada") // the next one loads again
	h.say("r1", "hello")
	ada.hears("newMessage 1 hello")
}

func TestPresence(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, h *house) {
		h.join("r1", "ada", "bob")
		h.join("r2", "bob", "ada") // who shares two rooms is told once
		one, two := h.dial(t, "ada"), h.dial(t, "ada")
		bob, eve := h.dial(t, "bob"), h.dial(t, "eve")
		one.ws.Close(websocket.StatusNormalClosure, "")
		eventually(t, "one connection less", func() bool { return h.g.Stats().Connections == 3 })
		two.hears()
		if online, _ := h.hub.Online(context.Background(), "ada", "bob", "nobody"); len(online) != 2 {
			t.Errorf("online: %v", online)
		}
		two.ws.CloseNow()
		eventually(t, "ada is gone", func() bool { return strings.Contains(h.told(), "-ada") })
		if told := h.told(); told != "+ada +bob +eve -ada" {
			t.Errorf("the service was told %s", told)
		}
		// Going is told after the last connection has ended.
		h.hub.Signal(context.Background(), "", "ada", chat.Event{Presence: &chat.Presence{UserID: "ada"}})
		if got := bob.next().String(); got != "presence ada" {
			t.Errorf("bob heard %s", got)
		}
		// Several at once, and to themselves too.
		h.hub.tellPresence(map[string][]byte{"ada": presenceFrame("ada"), "bob": presenceFrame("bob")}, func() {})
		got := []string{bob.next().String(), bob.next().String()}
		if slices.Sort(got); !slices.Equal(got, []string{"presence ada", "presence bob"}) {
			t.Errorf("bob heard %q", got)
		}
		bob.hears()
		eve.hears()
		// A room where too many would hear is left out.
		for i := range 101 {
			u := &user{id: fmt.Sprint("x", i), loaded: true}
			u.mu.Lock()
			h.hub.subscribe(u, "r1", 0)
			h.hub.subscribe(u, "r2", 0)
			u.mu.Unlock()
		}
		h.hub.tellPresence(map[string][]byte{"ada": presenceFrame("ada"), "eve": presenceFrame("eve")}, func() {})
		bob.hears()
		eve.hears("presence eve")
	})
}

func presenceFrame(user string) []byte {
	return textFrame(func(dst []byte) []byte {
		return protocol.AppendEvent(dst, &chat.Event{Presence: &chat.Presence{UserID: user}})
	})
}

// Whoever comes and goes in one moment is told of once, as they are at last.
func TestPresenceIsCollected(t *testing.T) {
	h := NewHub(0)
	for _, online := range []bool{true, false, true} {
		h.Signal(context.Background(), "", "ada", chat.Event{Presence: &chat.Presence{UserID: "ada", Online: online}})
	}
	got := h.presence.take()
	if len(got) != 1 || !strings.Contains(string(got["ada"]), `"online":true`) {
		t.Errorf("%q", got)
	}
	if len(h.presence.take()) > 0 {
		t.Error("taken twice")
	}
}

func TestDisconnect(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, h *house) {
		a, b, bob := h.dial(t, "ada/1"), h.dial(t, "ada/2"), h.dial(t, "bob/1")
		h.hub.Disconnect(context.Background(), "ada", "1")
		if code := a.closed(); code != 4401 {
			t.Errorf("closed with %d", code)
		}
		b.hears()
		h.hub.ToUsers(context.Background(), chat.Event{Read: &chat.Read{UserID: "ada"}}, "ada")
		b.hears("read ada")
		h.hub.Disconnect(context.Background(), "ada", "")
		if code := b.closed(); code != 4401 {
			t.Errorf("closed with %d", code)
		}
		bob.hears()
	})
}

// Whoever is silent is pinged; whoever does not answer that either is given up.
func TestSilence(t *testing.T) {
	each(t, Limits{Silence: 300 * time.Millisecond}, func(t *testing.T, h *house) {
		alive := h.dial(t, "ada")
		go alive.ws.Read(context.Background()) // answers pings
		if h.server.TLS == nil {
			mute := h.raw(t, "bob")
			if code := mute.closeCode(); code != 4408 {
				t.Errorf("closed with %d", code)
			}
		}
		time.Sleep(700 * time.Millisecond) // what must not happen needs time to happen
		if online, _ := h.hub.Online(context.Background(), "ada", "bob"); !online["ada"] || online["bob"] {
			t.Errorf("online: %v", online)
		}
	})
}

func TestBackpressure(t *testing.T) {
	each(t, Limits{InFlight: 8, FramesPerSecond: -1}, func(t *testing.T, h *house) {
		h.join("r1", "ada")
		release := make(chan struct{})
		h.hold = release
		ada := h.dial(t, "ada")
		const n = 500
		go func() {
			for i := range n {
				_ = ada.ws.Write(context.Background(), websocket.MessageText, fmt.Appendf(nil, `{"action":"sendMessage","requestId":"%d","data":{"roomId":"r1","content":"x","clientMessageId":"%d"}}`, i, i))
			}
		}()
		submitted := func() int {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.submitted
		}
		eventually(t, "as many as may be in flight", func() bool { return submitted() == 8 })
		time.Sleep(50 * time.Millisecond) // no more must come
		if got := submitted(); got != 8 {
			t.Errorf("%d in flight", got)
		}
		close(release)
		for i := range n {
			if r := ada.next(); r.RequestID != fmt.Sprint(i) || r.Type != "ack" {
				t.Fatalf("answer %v comes as number %d", r, i)
			}
		}
		ada.hears()
	})
}

func TestShutdown(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, h *house) {
		h.join("r1", "ada", "bob")
		release := make(chan struct{})
		h.hold = release
		ada, bob := h.dial(t, "ada"), h.dial(t, "bob")
		for i := range 5 {
			ada.send(`{"action":"sendMessage","requestId":"%d","data":{"roomId":"r1","content":"x","clientMessageId":"%d"}}`, i, i)
		}
		eventually(t, "all submitted", func() bool { return h.g.Stats().InFlight == 5 })
		down := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			down <- h.g.Shutdown(ctx)
		}()
		eventually(t, "new connections are refused", func() bool {
			resp, err := h.server.Client().Do(upgradeRequest(t, h.server.URL))
			if err != nil {
				return false
			}
			resp.Body.Close()
			return resp.StatusCode == http.StatusServiceUnavailable
		})
		close(release)
		for i := range 5 {
			if got, want := ada.next().String(), fmt.Sprintf("ack %d x for %d", i+1, i); got != want {
				t.Errorf("ada got %s, want %s", got, want)
			}
			if got, want := bob.next().String(), fmt.Sprintf("newMessage %d x", i+1); got != want {
				t.Errorf("bob got %s, want %s", got, want)
			}
		}
		for _, c := range []*client{ada, bob} {
			if code := c.closed(); code != 1012 {
				t.Errorf("closed with %d", code)
			}
		}
		if err := <-down; err != nil {
			t.Error(err)
		}
	})
}

func upgradeRequest(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url+"/ws?ticket=ok-zoe", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
	return r
}
