package main

import (
	"bytes"
	"regexp"
	"slices"
	"testing"

	"golang.org/x/term"

	"parley/chat"
	"parley/client"
)

// TestSearchInTheTerminal: /search shows what it finds in the order in which it was said, and only what is of this room;
// what /edit would change stays what one said last.
func TestSearchInTheTerminal(t *testing.T) {
	p := serve(t, t.TempDir())
	defer p.stop(t)
	cl, err := client.New(p.url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cl.Register(t.Context(), client.Registration{Username: "ann", Password: password}); err != nil {
		t.Fatal(err)
	}
	me, err := cl.Login(t.Context(), "ann", password)
	if err != nil {
		t.Fatal(err)
	}
	var here, other chat.RoomView
	for name, v := range map[string]*chat.RoomView{"garden": &here, "shed": &other} {
		if *v, err = cl.CreateRoom(t.Context(), chat.Public, name, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range []struct{ room, text string }{
		{here.RoomID, "peas one"}, {other.RoomID, "peas elsewhere"}, {here.RoomID, "beans"}, {here.RoomID, "the PEAS three"},
	} {
		if _, err := cl.Send(t.Context(), chat.NewMessage{RoomID: m.room, Content: m.text}); err != nil {
			t.Fatal(err)
		}
	}
	var screen bytes.Buffer
	last := &chat.Message{MessageID: "said last"}
	talk := &talker{c: &chatCmd{History: 20}, cl: cl, me: me, screen: term.NewTerminal(&screen, "> "), names: map[string]string{}, here: &here, mine: last}
	search := func(words string) []string {
		t.Helper()
		screen.Reset()
		if err := talk.line(t.Context(), commands(), "/search "+words); err != nil {
			t.Fatal(err)
		}
		return regexp.MustCompile(`(?i)(the )?peas \w+|beans|\d+ found|there may be more`).FindAllString(screen.String(), -1)
	}
	for words, want := range map[string][]string{
		"peas":        {"peas one", "the PEAS three", "2 found"},
		`"the peas"`:  {"the PEAS three", "1 found"},
		"cauliflower": {"0 found"},
	} {
		if got := search(words); !slices.Equal(got, want) {
			t.Errorf("/search %s shows %q, want %q", words, got, want)
		}
	}
	talk.c.History = 1
	if got, want := search("peas"), []string{"there may be more", "the PEAS three", "1 found"}; !slices.Equal(got, want) {
		t.Errorf("of one line it shows %q, want %q", got, want)
	}
	if talk.mine != last {
		t.Errorf("/edit would change %+v", talk.mine)
	}
	if err := talk.line(t.Context(), commands(), "/search"); err == nil || err.Error() != "for what? /search WORDS" {
		t.Errorf("/search for nothing: %v", err)
	}
}
