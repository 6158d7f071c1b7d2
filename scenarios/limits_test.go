package scenarios

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"parley/chat"
	"parley/client"
)

// limited serves with the limits that a house has in which nothing was set.
func limited(o *settings) { o.limits = true }

// once makes a client that does not try again.
func once(t *testing.T, h *house) *client.Client {
	t.Helper()
	c, err := client.New(h.url, client.Options{HTTP: transport(t), Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func limitsOfSending(t *testing.T, in home) {
	h := in.boot(t, limited)
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	room := public(t, "garden", ann, bob)
	hurried := once(t, h)
	if _, err := hurried.Login(t.Context(), "ann", password); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := 0; refused == 0 && i < 2000; i++ { // a burst is 100
		_, err := hurried.Send(t.Context(), chat.NewMessage{RoomID: room, Content: fmt.Sprint(i)})
		switch {
		case chat.CodeOf(err) == chat.RateLimited:
			if refused++; i < 100 {
				t.Errorf("message %d was refused", i+1)
			}
			if wait := chat.AsError(err).RetryAfter; wait <= 0 || wait > 5*time.Second {
				t.Fatalf("the refusal says to wait %s", wait)
			}
		case err != nil:
			t.Fatal(err)
		}
	}
	if refused == 0 {
		t.Error("2000 messages at once were all taken")
	}
	bob.say(t, room, "bob's limit is his own")
	ann.say(t, room, "patience gets through")
}

func limitsOfSignIn(t *testing.T, in home) {
	h := in.boot(t, limited)
	h.join(t, "ann")
	c := once(t, h)
	var codes []chat.Code
	for range 12 {
		_, err := c.Login(t.Context(), "ann", "wrong")
		codes = append(codes, chat.CodeOf(err))
	}
	if codes[9] != chat.Unauthenticated || codes[10] != chat.RateLimited {
		t.Errorf("12 wrong passwords are answered by %v; the limit is 10", codes)
	}
	if _, err := c.Login(t.Context(), "ann", password); chat.CodeOf(err) != chat.RateLimited {
		t.Errorf("the right one then by %v", err)
	}
	for i := range 30 {
		_, err := c.Register(t.Context(), client.Registration{Username: fmt.Sprintf("extra-%d", i), Password: password})
		if want := map[bool]chat.Code{true: chat.RateLimited}[i >= 29]; chat.CodeOf(err) != want {
			t.Errorf("registration %d of an hour: %v, want %q", i+2, err, want)
		}
	}
}

func limitsOfSockets(t *testing.T, in home) {
	h := in.boot(t, limited)
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	for range 100 {
		dialRaw(t, h.url, ann)
	}
	conn, res, err := tryDial(t, h.url, http.Header{"Authorization": {"Bearer " + ann.Session().AccessToken}})
	if refused := err != nil && res != nil && res.StatusCode == http.StatusTooManyRequests; err != nil && !refused {
		t.Errorf("the 101st socket: %v", err)
	} else if err == nil && (&raw{conn}).closeCode(t) != 4429 {
		t.Error("the 101st socket is not refused")
	}
	dialRaw(t, h.url, bob).quiet(t, "error") // others are not concerned
}

func limitsOfFrames(t *testing.T, in home) {
	h := in.boot(t, limited)
	flood := dialRaw(t, h.url, h.join(t, "bob"))
	for range 3000 {
		if flood.Write(t.Context(), 1, []byte(`{"action":"ping"}`)) != nil {
			break
		}
	}
	if code := flood.closeCode(t); code != 4429 {
		t.Errorf("a flood of frames is closed with %d, want 4429", code)
	}
}
