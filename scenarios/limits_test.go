package scenarios

import (
	"fmt"
	"testing"
	"time"

	"parley/chat"
	"parley/client"
	"parley/wiring/server"
)

// limited serves with the limits that a server has on which nothing was set.
func limited(c *server.Config) { c.LimitsOff = false }

// once makes a client that does not try again.
func once(t *testing.T, h *house) *client.Client {
	t.Helper()
	c, err := client.New(h.url, client.Options{HTTP: transport(t), Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLimitsOfSending(t *testing.T) {
	h := boot(t, limited)
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	room := public(t, "garden", ann, bob)
	hurried := once(t, h)
	if _, err := hurried.Login(t.Context(), "ann", password); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := range 140 { // a burst is 100
		_, err := hurried.Send(t.Context(), chat.NewMessage{RoomID: room, Content: fmt.Sprint(i)})
		switch {
		case chat.CodeOf(err) == chat.RateLimited:
			refused++
			if wait := chat.AsError(err).RetryAfter; wait <= 0 || wait > 5*time.Second {
				t.Fatalf("the refusal says to wait %s", wait)
			}
		case err != nil:
			t.Fatal(err)
		case i == 99 && refused > 0:
			t.Errorf("%d of the first 100 were refused", refused)
		}
	}
	if refused == 0 {
		t.Error("140 messages at once were all taken")
	}
	bob.say(t, room, "bob's limit is his own")
	ann.say(t, room, "patience gets through")
}

func TestLimitsOfSignIn(t *testing.T) {
	h := boot(t, limited)
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

func TestLimitsOfSockets(t *testing.T) {
	h := boot(t, limited)
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	for range 100 {
		dialRaw(t, h.url, ann)
	}
	if code := dialRaw(t, h.url, ann).closeCode(t); code != 4429 {
		t.Errorf("the 101st socket is closed with %d, want 4429", code)
	}
	dialRaw(t, h.url, bob).quiet(t, "error") // others are not concerned

	flood := dialRaw(t, h.url, bob)
	for range 3000 {
		if flood.Write(t.Context(), 1, []byte(`{"action":"ping"}`)) != nil {
			break
		}
	}
	if code := flood.closeCode(t); code != 4429 {
		t.Errorf("a flood of frames is closed with %d, want 4429", code)
	}
}
