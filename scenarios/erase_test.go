package scenarios

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/client"
)

// erasing: who erases their account is gone for everybody at once, those who were away included, and their name
// stays taken.
func erasing(t *testing.T, in home) {
	h := in.boot(t)
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
	if _, err := bob.React(t.Context(), garden, first.MessageID, "👍"); err != nil {
		t.Fatal(err)
	}
	kept := bob.say(t, garden, "thanks, @ann")
	if _, err := ann.React(t.Context(), garden, kept.MessageID, "🎉"); err != nil {
		t.Fatal(err)
	}
	token := ann.Session().AccessToken
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
	if err != nil || len(page.Messages) != 3 || page.Messages[0].Content != "" || len(page.Messages[0].Reactions) != 0 || page.Messages[1].Content != "of bob" {
		t.Fatalf("history: %+v, %v", page.Messages, err)
	}
	h.nobodyIsLeft(t, bob, ann, garden, page.Messages[2])
	h.nothingIsMade(t, token, garden)
	if _, err := ann.Login(t.Context(), "ann", password); chat.CodeOf(err) != chat.Unauthenticated {
		t.Errorf("she signs in: %v", err)
	}
	if _, err := h.at(t, "ann").Register(t.Context(), client.Registration{Username: "ann", Password: password}); chat.CodeOf(err) != chat.Conflict {
		t.Errorf("her name is given again: %v", err)
	}
}

// nobodyIsLeft: what others did with a person who is erased keeps their id, and it stands for nobody.
func (h *house) nobodyIsLeft(t *testing.T, by, gone *person, room string, m chat.Message) {
	t.Helper()
	if !slices.Equal(m.Mentions, []string{gone.UserID}) || !slices.Equal(m.Reactions.Of("🎉"), []string{gone.UserID}) {
		t.Errorf("what was done with her in a message of another: %v, %v", m.Mentions, m.Reactions)
	}
	_, _, answer := ask(t, h, by, "GET", "/api/v1/users/"+gone.UserID, "")
	if !strings.Contains(answer, `"Deleted account"`) || strings.Contains(answer, `"`+gone.Username+`"`) || strings.Contains(answer, "avatarUrl") {
		t.Errorf("whom her id stands for: %s", answer)
	}
	for _, path := range []string{"/users?query=" + gone.Username, "/rooms/" + room + "/members", "/rooms/" + room + "/reads", "/presence?roomId=" + room, "/presence"} {
		status, _, answer := ask(t, h, by, "GET", "/api/v1"+path, "")
		if status != 200 || strings.Contains(answer, gone.UserID) || strings.Contains(answer, `"`+gone.Username+`"`) {
			t.Errorf("%s: she is still there: %s", path, answer)
		}
	}
}

// nothingIsMade: an access token that outlives its account makes nothing, whichever process is asked: on AWS some answer
// that have not heard of the erasure.
func (h *house) nothingIsMade(t *testing.T, token, room string) {
	t.Helper()
	for _, r := range []struct{ method, path, body string }{
		{"POST", "/rooms", `{"kind":"public","name":"Mine"}`},
		{"POST", "/rooms/" + room + "/join", ""},
		{"PATCH", "/me", `{"displayName":"Ann again"}`},
		{"PUT", "/me/notifications", `{"hideContent":true,"readReceipts":true}`},
		{"POST", "/ws-tickets", ""},
		{"POST", "/invites", `{}`},
	} {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				req, err := http.NewRequestWithContext(t.Context(), r.method, h.url+"/api/v1"+r.path, strings.NewReader(r.body))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+token)
				if r.body != "" {
					req.Header.Set("Content-Type", "application/json")
				}
				res, err := transport(t).Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				defer res.Body.Close()
				if text, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s %s with the token of an erased account: %d %s", r.method, r.path, res.StatusCode, text)
				}
			})
		}
		all.Wait()
	}
}
