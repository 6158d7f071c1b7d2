package scenarios

import (
	"bytes"
	"testing"
	"time"

	"parley/chat"
	"parley/client"
)

// TestErasing: who erases their account is gone for everybody at once, those who were away included, and their name
// stays taken.
func TestErasing(t *testing.T) {
	h := boot(t)
	ann, bob, cid := h.join(t, "ann"), h.join(t, "bob"), h.join(t, "cid")
	garden := public(t, "garden", ann, bob, cid)
	first := ann.say(t, garden, "my secret")
	bob.say(t, garden, "of bob")
	private := ann.say(t, direct(t, ann, bob), "my other secret")
	bobHears, cidHears := bob.listen(t), cid.listen(t)
	ended, current := make(chan error, 1), make(chan struct{}, 1)
	hers := ann.Stream(client.StreamOptions{Handle: func(client.Event) error { return nil }, OnState: func(s client.State, _ error) {
		if s == client.Current {
			current <- struct{}{}
		}
	}})
	go func() { ended <- hers.Run(t.Context()) }()
	<-current
	away := cidHears.Positions()
	_ = cidHears.stop()

	all, err := ann.Export(t.Context())
	if err != nil || !bytes.Contains(all, []byte("my other secret")) || bytes.Contains(all, []byte("of bob")) {
		t.Fatalf("the export is %s, %v", all, err)
	}
	if _, err := ann.EraseMe(t.Context(), "a wrong password"); chat.CodeOf(err) != chat.InvalidRequest {
		t.Fatalf("with a wrong password: %v", err)
	}
	removed, err := ann.EraseMe(t.Context(), password)
	if err != nil || removed["messages"] != 2.0 || removed["complete"] != true {
		t.Fatalf("erased: %v, %v", removed, err)
	}
	select {
	case err := <-ended:
		if chat.CodeOf(err) != chat.Unauthenticated {
			t.Errorf("her stream ends with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("her stream goes on")
	}
	gone := func(m chat.Message) func(client.Event) bool {
		return func(e client.Event) bool {
			return e.Updated != nil && e.Updated.MessageID == m.MessageID && e.Updated.DeletedAt != 0 && e.Updated.Content == "" && e.Updated.Username != "ann"
		}
	}
	bobHears.await(t, "the end of a message", gone(first))
	bobHears.await(t, "the end of a direct message", gone(private))
	back := cid.listen(t, from(away))
	back.await(t, "the end of a message while he was away", gone(first))
	back.never(t, "another room", func(e client.Event) bool { return e.RoomID == private.RoomID })
	page, err := bob.History(t.Context(), garden, chat.PageQuery{})
	if err != nil || len(page.Messages) != 2 || page.Messages[0].Content != "" || page.Messages[1].Content != "of bob" {
		t.Errorf("history: %+v, %v", page.Messages, err)
	}
	if _, err := ann.Login(t.Context(), "ann", password); chat.CodeOf(err) != chat.Unauthenticated {
		t.Errorf("she signs in: %v", err)
	}
	if _, err := h.at(t, "ann").Register(t.Context(), client.Registration{Username: "ann", Password: password}); chat.CodeOf(err) != chat.Conflict {
		t.Errorf("her name is given again: %v", err)
	}
}
