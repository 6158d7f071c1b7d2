package scenarios

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/notify/pushtest"
)

// pushes lets a house push to this machine.
func pushes(o *settings) { o.pushPrivate = true }

// subscribe subscribes a browser over HTTP as somebody's present session.
func (p *person) subscribe(t testing.TB, h *house, b *pushtest.Browser) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"endpoint": b.Endpoint, "keys": map[string]string{"p256dh": b.P256dh, "auth": b.Auth}, "device": "test"})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, h.url+"/api/v1/push/subscriptions", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+p.Session().AccessToken)
	res, err := transport(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if said, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("subscribe %s: %s %s, %v", p.Username, res.Status, said, err)
	}
}

// awaitPush waits until a browser has n pushes.
func awaitPush(t testing.TB, b *pushtest.Browser, n int) []pushtest.Push {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if got := b.Pushes(); len(got) >= n {
			return got
		}
	}
	t.Fatalf("%d pushes in %v, want %d", len(b.Pushes()), patience, n)
	return nil
}

// away: who has gone is pushed what they were written; who reads, writes, or signed out, is not. A restart in between
// changes nothing.
func away(t *testing.T, in home) {
	service := pushtest.New(t)
	h := in.boot(t, pushes)
	ann, bob, cid := h.join(t, "ann"), h.join(t, "bob"), h.join(t, "cid")
	phone, signedOut, reader := service.Subscribe(), service.Subscribe(), service.Subscribe()
	bob.subscribe(t, h, phone)
	tablet := h.at(t, "bob")
	tablet.login(t)
	tablet.subscribe(t, h, signedOut)
	if err := tablet.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	cid.subscribe(t, h, reader)
	room := public(t, "Garden", ann, bob, cid)
	m := ann.say(t, room, "@bob @cid the peas are up")
	if err := cid.MarkRead(t.Context(), room, m.Seq); err != nil {
		t.Fatal(err)
	}
	if len(phone.Pushes()) != 0 {
		t.Error("pushed at once: nobody has time to read")
	}
	h = h.restart(t)
	first := awaitPush(t, phone, 1)[0]
	if !strings.Contains(first.Payload, `"body":"@bob @cid the peas are up"`) || !strings.Contains(first.Payload, `"title":"ann in Garden"`) ||
		!strings.Contains(first.Payload, `"kind":"mention"`) || !strings.Contains(first.Payload, m.MessageID) || first.Urgency != "high" {
		t.Errorf("push: %+v", first)
	}
	again := at(t, h.url, "ann")
	again.login(t)
	again.say(t, direct(t, again, bob), "and the beans")
	if second := awaitPush(t, phone, 2)[1]; !strings.Contains(second.Payload, `"body":"and the beans"`) || second.Topic == first.Topic {
		t.Errorf("push: %+v", second)
	}
	for who, b := range map[string]*pushtest.Browser{"who signed out": signedOut, "who has read it": reader} {
		if n, _ := b.Attempts(); n != 0 {
			t.Errorf("%s is pushed to", who)
		}
	}
	if h.aws != nil {
		return // it has metrics of its own
	}
	res, err := transport(t).Get(h.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if metrics, _ := io.ReadAll(res.Body); !strings.Contains(string(metrics), "parley_pushes_sent_total 2") {
		t.Error("the metrics do not count two pushes")
	}
}
