package scenarios

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/client"
)

func syncAfterAbsence(t *testing.T, in home) {
	h := in.boot(t)
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	room := public(t, "garden", ann, bob)
	kept, edited, deleted := ann.say(t, room, "kept"), ann.say(t, room, "to be edited"), ann.say(t, room, "to be deleted")
	hears := bob.listen(t, func(o *client.StreamOptions) { o.All = true })
	hears.awaitMessage(t, deleted)
	_ = hears.stop()
	positions := hears.Positions()

	if _, err := ann.Edit(t.Context(), room, edited.MessageID, "edited twice"); err != nil {
		t.Fatal(err)
	}
	if err := ann.Delete(t.Context(), room, deleted.MessageID); err != nil {
		t.Fatal(err)
	}
	for i := range 300 { // more than a frame holds
		ann.say(t, room, "meanwhile %d %0500d", i, i)
	}
	away := direct(t, ann, bob) // a room that came while he was away
	private := ann.say(t, away, "are you there?")
	last := ann.say(t, room, "the last")

	back := bob.listen(t, from(positions))
	back.orderly(t, room, positions[room]+1, last.Seq)
	back.awaitMessage(t, private)
	events, _ := back.heard()
	contents := map[string]string{}
	for _, e := range events {
		if e.Updated != nil {
			contents[e.Updated.MessageID] = e.Updated.Content
			if (e.Updated.DeletedAt != 0) != (e.Updated.MessageID == deleted.MessageID) {
				t.Errorf("bob is told %+v", e.Updated)
			}
		}
	}
	if contents[edited.MessageID] != "edited twice" || contents[deleted.MessageID] != "" || len(contents) != 2 {
		t.Errorf("bob is told of these changes: %v", contents)
	}
	back.never(t, "what he had", func(e client.Event) bool { return e.NewMessage != nil && e.NewMessage.MessageID == kept.MessageID })

	history, err := bob.History(t.Context(), room, chat.PageQuery{Around: &edited.Seq, Limit: 10})
	if err != nil || len(history.Messages) == 0 {
		t.Fatal(err)
	}
	for _, m := range history.Messages {
		if m.MessageID == deleted.MessageID && m.Content != "" || m.MessageID == edited.MessageID && m.Content != "edited twice" {
			t.Errorf("history has %+v", m)
		}
	}
}

// talkOverABadNetwork lets people talk while their connections break: nothing is lost, doubled or out of order.
func talkOverABadNetwork(t *testing.T, in home) {
	h := in.boot(t)
	lull := 15 * time.Millisecond
	if h.aws != nil { // a function takes its time to let somebody in
		lull = 500 * time.Millisecond
	}
	w := newWire(t, h.url)
	ann, bob, cat := at(t, w.url, "ann"), at(t, w.url, "bob"), at(t, w.url, "cat")
	for _, p := range []*person{ann, bob, cat} {
		if _, err := p.Register(t.Context(), client.Registration{Username: p.Username, Password: password}); err != nil {
			t.Fatal(err)
		}
		p.login(t)
	}
	room := public(t, "storm", ann, bob, cat)
	start, err := cat.Room(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	annHears, bobHears, catHears := ann.listen(t), bob.listen(t), cat.listen(t)

	calm, storm := context.WithCancel(t.Context())
	var weather, talk sync.WaitGroup
	weather.Go(func() {
		for calm.Err() == nil {
			time.Sleep(lull)
			w.cut()
		}
	})
	const each = 60
	var mu sync.Mutex
	acked := map[string]chat.Message{}
	for name, say := range map[string]func(context.Context, chat.NewMessage) (chat.Message, error){
		"ann": annHears.Send, "bob": bobHears.Send, "cat": cat.Send,
	} {
		talk.Go(func() {
			for i := range each {
				m, err := say(t.Context(), chat.NewMessage{RoomID: room, Content: fmt.Sprintf("%s %d", name, i), ClientMessageID: fmt.Sprintf("%s-%d", name, i)})
				if err != nil {
					t.Errorf("%s %d: %v", name, i, err)
					return
				}
				mu.Lock()
				acked[m.ClientMessageID] = m
				mu.Unlock()
			}
		})
	}
	talk.Wait()
	storm()
	weather.Wait()
	head := start.HeadSeq + 3*each
	for _, e := range []*ear{annHears, bobHears, catHears} {
		e.orderly(t, room, start.HeadSeq+1, head)
		events, _ := e.heard()
		for _, ev := range events {
			if m := ev.NewMessage; m != nil && acked[m.ClientMessageID].Seq != m.Seq {
				t.Errorf("%s was told %s as %d, the sender %d", e.name, m.ClientMessageID, m.Seq, acked[m.ClientMessageID].Seq)
			}
		}
	}
	for i := range each { // each speaks in their own order
		for _, name := range []string{"ann", "bob", "cat"} {
			a, b := acked[fmt.Sprintf("%s-%d", name, i)], acked[fmt.Sprintf("%s-%d", name, i+1)]
			if i+1 < each && a.Seq >= b.Seq {
				t.Errorf("%s: %d stands at %d, and %d at %d", name, i, a.Seq, i+1, b.Seq)
			}
		}
	}
}

func repeatsAreOneMessage(t *testing.T, in home) {
	h := in.boot(t)
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	room, other := public(t, "garden", ann, bob), public(t, "lobby", ann, bob)
	annHears, bobHears := ann.listen(t), bob.listen(t)
	n := chat.NewMessage{RoomID: room, Content: "once", ClientMessageID: "same"}
	first, err := ann.Send(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	var repeats sync.WaitGroup
	for i := range 8 {
		repeats.Go(func() {
			send := ann.Send
			if i%2 == 0 {
				send = annHears.Send
			}
			if m, err := send(t.Context(), n); err != nil || m.MessageID != first.MessageID || m.Seq != first.Seq {
				t.Errorf("a repeat gives %+v, %v", m, err)
			}
		})
	}
	repeats.Wait()
	theirs, err := bob.Send(t.Context(), n) // somebody else's id is another id
	if err != nil || theirs.MessageID == first.MessageID {
		t.Errorf("bob's message with the same id is %+v, %v", theirs, err)
	}
	elsewhere, err := ann.Send(t.Context(), chat.NewMessage{RoomID: other, Content: "once", ClientMessageID: "same"})
	if err != nil || elsewhere.RoomID != other {
		t.Errorf("the same id in another room gives %+v, %v", elsewhere, err)
	}
	bobHears.awaitMessage(t, elsewhere)
	bobHears.orderly(t, room, first.Seq, first.Seq+1)
	page, err := bob.History(t.Context(), room, chat.PageQuery{})
	if err != nil || len(page.Messages) != 2 {
		t.Errorf("history has %d messages, %v", len(page.Messages), err)
	}
}

func pagingBothWays(t *testing.T, in home) {
	h := in.boot(t)
	ann := h.join(t, "ann")
	room := public(t, "long", ann)
	var all []int64
	for i := range 130 {
		all = append(all, ann.say(t, room, "%d", i).Seq)
	}
	var up []int64
	for before := (*int64)(nil); ; {
		page, err := ann.History(t.Context(), room, chat.PageQuery{Before: before, Limit: 40})
		if err != nil {
			t.Fatal(err)
		}
		var seqs []int64
		for _, m := range page.Messages {
			seqs = append(seqs, m.Seq)
		}
		up = append(seqs, up...)
		if !page.HasMoreBefore {
			break
		}
		before = &page.Messages[0].Seq
	}
	var down []int64
	for after := int64(0); ; {
		page, err := ann.History(t.Context(), room, chat.PageQuery{After: &after, Limit: 33})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Messages {
			down, after = append(down, m.Seq), m.Seq
		}
		if !page.HasMoreAfter {
			break
		}
	}
	if fmt.Sprint(up) != fmt.Sprint(all) || fmt.Sprint(down) != fmt.Sprint(all) {
		t.Errorf("paging gives\n%v\n%v\nwant\n%v", up, down, all)
	}
}
