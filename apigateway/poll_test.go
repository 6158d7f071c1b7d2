package apigateway_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"parley/apigateway"
	"parley/chat"
	"parley/store"
)

// TestPoll: who has no socket is told what is never stored when they ask, only theirs, once; nothing is posted to them,
// and they are gone when they ask no more.
func TestPoll(t *testing.T) {
	w := newTown(t, 4)
	w.makeRoom()
	ctx, p := t.Context(), w.process()
	ann := apigateway.Identity{UserID: w.users[3].UserID, SessionID: "s1"}
	if err := p.service.Leave(ctx, w.users[2].UserID, w.room); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Handle(ctx, event("DISCONNECT", "c3", "")); err != nil { // her socket, which her network has cut
		t.Fatal(err)
	}
	asked := 0
	admit := func(context.Context) error { asked++; return nil }
	poll := func(p *process, who apigateway.Identity, id string) (string, []string) {
		t.Helper()
		id, told, err := p.Poll(ctx, who, id, admit)
		if err != nil {
			t.Fatal(err)
		}
		frames := make([]string, len(told))
		for i := range told {
			frames[i] = string(told[i])
		}
		return id, frames
	}
	if _, _, err := p.Poll(ctx, ann, "", func(context.Context) error { return chat.Errorf(chat.Unauthenticated, "over") }); chat.CodeOf(err) != chat.Unauthenticated {
		t.Fatalf("whose session is over polls: %v", err)
	}
	if there, err := p.Online(ctx, ann.UserID); err != nil || there[ann.UserID] {
		t.Fatalf("who was refused is there: %v", err)
	}
	id, _ := poll(p, ann, "")
	if n := contains(w.conns.sent["c0"], fmt.Sprintf(`"presence","data":{"userId":%q,"online":true`, ann.UserID)); n != 1 {
		t.Errorf("her coming was told %d times: %q", n, w.conns.sent["c0"])
	}
	stranger, _ := poll(p, apigateway.Identity{UserID: w.users[2].UserID, SessionID: "s2"}, id) // with her id
	if stranger == id {
		t.Fatal("somebody else goes on with her connection")
	}
	poll(p, ann, id)
	if err := p.service.Typing(ctx, w.users[0].UserID, w.room); err != nil {
		t.Fatal(err)
	}
	w.say(p, 0, "hello")
	again, frames := poll(w.process(), ann, id)
	if again != id || len(frames) != 1 || contains(frames, `"type":"typing"`) != 1 {
		t.Errorf("she is told %q as %s", frames, again)
	}
	if _, frames = poll(p, ann, id); len(frames) != 0 {
		t.Errorf("told again: %q", frames)
	}
	if _, frames = poll(p, apigateway.Identity{UserID: w.users[2].UserID, SessionID: "s2"}, stranger); contains(frames, "typing") != 0 {
		t.Errorf("who left is told %q", frames)
	}
	if len(w.conns.sent[id]) != 0 || len(w.conns.ended) != 0 {
		t.Errorf("the gateway was asked for a connection that it does not have: %q, %q", w.conns.sent[id], w.conns.ended)
	}
	if asked != 2 {
		t.Errorf("%d sessions were looked up, want one for each connection", asked)
	}

	later := w.process(func(c *apigateway.Config) {
		c.Now = func() time.Time { return time.Now().Add(chat.PollFor + time.Second) }
	})
	if err := later.service.Typing(ctx, w.users[1].UserID, w.room); err != nil { // finds that she asks no more
		t.Fatal(err)
	}
	s := store.New(w.db, nil)
	if _, err := s.Connection(ctx, id); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("her connection is still noted: %v", err)
	}
	if kept, err := s.TakeSignals(ctx, id); err != nil || len(kept) != 0 {
		t.Errorf("kept for who is gone: %q, %v", kept, err)
	}
	if n := contains(w.conns.sent["c0"], fmt.Sprintf(`"presence","data":{"userId":%q,"online":false`, ann.UserID)); n != 2 {
		t.Errorf("her going was told %d times, want it of the socket and of the polling", n)
	}

	anew, _ := poll(p, ann, id)
	p.Disconnect(ctx, ann.UserID, "s1") // she signs out elsewhere
	if _, _, err := p.Poll(ctx, ann, anew, func(context.Context) error { return chat.Errorf(chat.Unauthenticated, "over") }); chat.CodeOf(err) != chat.Unauthenticated {
		t.Errorf("polling goes on after the session: %v", err)
	}
}
