package scenarios

import (
	"reflect"
	"slices"
	"testing"

	"parley/chat"
	"parley/client"
)

func twoPeopleTalk(t *testing.T, in home) {
	for name, by := range map[string]func(o *client.StreamOptions, n int){
		"by socket":        func(*client.StreamOptions, int) {},
		"without a socket": func(o *client.StreamOptions, _ int) { o.Poll = true },
		"one of each":      func(o *client.StreamOptions, n int) { o.Poll = n%2 == 0 },
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			talk(t, in, func(o *client.StreamOptions) { n++; by(o, n) })
		})
	}
}

// talk is a conversation of people who listen in one way or another.
func talk(t *testing.T, in home, by func(*client.StreamOptions)) {
	t.Helper()
	h := in.boot(t)
	ann, bob, eve := h.join(t, "ann"), h.join(t, "bob"), h.join(t, "eve")
	garden := public(t, "garden", ann, bob)
	secret, err := ann.CreateRoom(t.Context(), chat.Private, "secret", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ann.SetMember(t.Context(), secret.RoomID, bob.UserID, ""); err != nil {
		t.Fatal(err)
	}
	lobby, err := eve.Rooms(t.Context()) // the room that everybody enters with their account
	if err != nil || len(lobby) != 1 {
		t.Fatalf("eve is in %v, %v", lobby, err)
	}
	annHears, annElsewhere, bobHears, eveHears := ann.listen(t, by), ann.listen(t, by), bob.listen(t, by), eve.listen(t, by)

	hello, err := annHears.Send(t.Context(), chat.NewMessage{RoomID: garden, Content: "  hello\r\nBob ", ClientMessageID: "1"})
	if err != nil || hello.Content != "hello\nBob" || hello.UserID != ann.UserID || hello.ClientMessageID != "1" {
		t.Fatalf("the acknowledgement is %+v, %v", hello, err)
	}
	for _, e := range []*ear{annHears, annElsewhere, bobHears} {
		if got := e.awaitMessage(t, hello); got.Seq != hello.Seq || got.Content != hello.Content {
			t.Errorf("%s got %+v, the sender %+v", e.name, got, hello)
		}
	}
	reply := bob.say(t, garden, "hello Ann")
	annHears.awaitMessage(t, reply)
	whisper := ann.say(t, secret.RoomID, "only for Bob")
	bobHears.awaitMessage(t, whisper)
	dm := bob.say(t, direct(t, bob, ann), "only for Ann")
	annHears.awaitMessage(t, dm)
	if err := bobHears.Typing(t.Context(), garden); err != nil {
		t.Fatal(err)
	}
	annHears.await(t, "typing", func(e client.Event) bool {
		return e.Typing != nil && e.Typing.UserID == bob.UserID && e.RoomID == garden
	})

	eveHears.awaitMessage(t, ann.say(t, lobby[0].RoomID, "all hear this")) // the fence
	eveHears.never(t, "what is not hers", func(e client.Event) bool { return e.RoomID != "" && e.RoomID != lobby[0].RoomID })
	bobHears.never(t, "his own typing", func(e client.Event) bool { return e.Typing != nil })

	for room, want := range map[string]chat.Code{garden: chat.Forbidden, secret.RoomID: chat.NotFound, dm.RoomID: chat.NotFound} {
		_, err := eve.History(t.Context(), room, chat.PageQuery{})
		if code := chat.CodeOf(err); code != want && code != chat.NotFound && code != chat.Forbidden {
			t.Errorf("eve reads %s: %v", room, err)
		}
		if _, err := eve.Send(t.Context(), chat.NewMessage{RoomID: room, Content: "let me in"}); chat.CodeOf(err) != chat.Forbidden && chat.CodeOf(err) != chat.NotFound {
			t.Errorf("eve speaks in %s: %v", room, err)
		}
	}
}

func presenceGoesToThoseWhoShareARoom(t *testing.T, in home) {
	h := in.boot(t)
	ann, bob, eve := h.join(t, "ann"), h.join(t, "bob"), h.join(t, "eve")
	for _, p := range []*person{ann, bob, eve} { // out of the room that all are in
		mine, err := p.Rooms(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Leave(t.Context(), mine[0].RoomID); err != nil {
			t.Fatal(err)
		}
	}
	garden := public(t, "garden", ann, bob)
	annHears, eveHears := ann.listen(t), eve.listen(t)
	of := func(p *person, online bool) func(client.Event) bool {
		return func(e client.Event) bool {
			return e.Presence != nil && e.Presence.UserID == p.UserID && e.Presence.Online == online
		}
	}
	first, second := bob.listen(t), bob.listen(t)
	annHears.await(t, "bob's coming", of(bob, true))
	_ = first.stop()
	clients := online(t, ann, garden)
	if !slices.Equal(clients, []string{"ann", "bob"}) {
		t.Errorf("with one of bob's two devices gone, %v are online", clients)
	}
	annHears.never(t, "bob's going while a device is left", of(bob, false))
	_ = second.stop()
	annHears.await(t, "bob's going", of(bob, false))
	eveHears.awaitMessage(t, eve.say(t, public(t, "alone", eve), "the fence"))
	eveHears.never(t, "people she shares no room with", func(e client.Event) bool { return e.Presence != nil && e.Presence.UserID != eve.UserID })
}

func online(t *testing.T, p *person, room string) (names []string) {
	t.Helper()
	members, err := p.Members(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if m.Online {
			names = append(names, m.Username)
		}
	}
	slices.Sort(names)
	return names
}

func directMessagesWaitForTheAbsent(t *testing.T, in home) {
	h := in.boot(t)
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	room := direct(t, ann, bob)
	if again := direct(t, bob, ann); again != room {
		t.Errorf("two rooms for the same people: %s and %s", room, again)
	}
	sent := ann.say(t, room, "for later")
	mine, err := bob.Rooms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(mine, func(v chat.RoomView) bool { return v.RoomID == room })
	if i < 0 || mine[i].Unread != 1 || mine[i].LastMessage == nil || mine[i].LastMessage.MessageID != sent.MessageID || len(mine[i].Members) != 2 {
		t.Fatalf("bob finds %+v", mine)
	}
	if err := bob.MarkRead(t.Context(), room, sent.Seq); err != nil {
		t.Fatal(err)
	}
	unread, err := bob.Unread(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range unread {
		if u.RoomID == room && u.Unread != 0 {
			t.Errorf("after reading, %d are unread", u.Unread)
		}
	}
}

func reactionsAreToldToTheRoom(t *testing.T, in home) {
	h := in.boot(t)
	ann, bob, eve := h.join(t, "ann"), h.join(t, "bob"), h.join(t, "eve")
	garden, hall := public(t, "garden", ann, bob), public(t, "hall", ann, bob, eve)
	annHears, bobHears, eveHears := ann.listen(t), bob.listen(t), eve.listen(t)
	hello := ann.say(t, garden, "hello")
	for range 2 { // the second changes nothing
		m, err := bob.React(t.Context(), garden, hello.MessageID, "👍🏽")
		if err != nil || !slices.Equal(m.Reactions.Of("👍🏽"), []string{bob.UserID}) || m.UpdatedSeq != hello.Seq+1 {
			t.Fatalf("reacting gives %+v, %v", m, err)
		}
	}
	for _, e := range []*ear{annHears, bobHears} {
		ev := e.await(t, "the reaction", func(e client.Event) bool { return e.Updated != nil && len(e.Updated.Reactions) == 1 })
		if ev.Seq != hello.Seq+1 || ev.Updated.Content != "hello" || !slices.Equal(ev.Updated.Reactions.Of("👍🏽"), []string{bob.UserID}) {
			t.Errorf("%s is told %+v", e.name, ev.Updated)
		}
	}
	if m, err := bob.Unreact(t.Context(), garden, hello.MessageID, "👍🏽"); err != nil || len(m.Reactions) != 0 {
		t.Fatalf("taking it back gives %+v, %v", m, err)
	}
	annHears.orderly(t, garden, hello.Seq, hello.Seq+2)
	for _, r := range []struct {
		by    *person
		emoji string
	}{{bob, "🚀"}, {ann, "👍"}, {bob, "1️⃣"}, {ann, "🚀"}} { // in no order that anything would sort them into
		if _, err := r.by.React(t.Context(), garden, hello.MessageID, r.emoji); err != nil {
			t.Fatal(err)
		}
	}
	want := chat.Reactions{{Emoji: "🚀", UserIDs: []string{bob.UserID, ann.UserID}}, {Emoji: "👍", UserIDs: []string{ann.UserID}}, {Emoji: "1️⃣", UserIDs: []string{bob.UserID}}}
	ev := bobHears.await(t, "the last reaction", func(e client.Event) bool { return e.Updated != nil && e.Seq == hello.Seq+6 })
	page, err := bob.History(t.Context(), garden, chat.PageQuery{})
	if err != nil || !reflect.DeepEqual(ev.Updated.Reactions, want) || !reflect.DeepEqual(page.Messages[0].Reactions, want) {
		t.Errorf("told %v, stored %v (%v), want the order in which they came", ev.Updated.Reactions, page.Messages[0].Reactions, err)
	}
	if _, err := eve.React(t.Context(), garden, hello.MessageID, "👍"); chat.CodeOf(err) != chat.Forbidden {
		t.Errorf("eve reacts where she is not: %v", err)
	}
	eveHears.awaitMessage(t, ann.say(t, hall, "the fence"))
	eveHears.never(t, "another room", func(e client.Event) bool { return e.RoomID == garden })
}

func mentionsNotifyThoseNamed(t *testing.T, in home) {
	h := in.boot(t)
	ann, bob, cid, eve := h.join(t, "ann"), h.join(t, "bob"), h.join(t, "cid"), h.join(t, "eve")
	garden := public(t, "garden", ann, bob, cid)
	annHears, bobHears, cidHears, eveHears := ann.listen(t), bob.listen(t), cid.listen(t), eve.listen(t)
	told := func(m chat.Message, kind chat.NoticeKind) func(client.Event) bool {
		return func(e client.Event) bool {
			return e.Notified != nil && e.Notified.Message.MessageID == m.MessageID && e.Notified.Kind == kind
		}
	}
	named := ann.say(t, garden, "@bob and @eve, look")
	if !slices.Equal(named.Mentions, []string{bob.UserID}) {
		t.Errorf("mentions: %v", named.Mentions)
	}
	bobHears.await(t, "the mention", told(named, chat.NoticeMention))
	reply, err := bob.Send(t.Context(), chat.NewMessage{RoomID: garden, Content: "indeed", ReplyTo: named.MessageID})
	if err != nil {
		t.Fatal(err)
	}
	annHears.await(t, "the reply", told(reply, chat.NoticeReply))
	dm := ann.say(t, direct(t, ann, cid), "psst")
	cidHears.await(t, "the direct message", told(dm, chat.NoticeDirect))
	all := ann.say(t, garden, "@room dinner")
	for _, e := range []*ear{bobHears, cidHears} {
		e.await(t, "the mention of all", told(all, chat.NoticeMention))
	}
	mine, err := bob.Unread(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(mine, func(u chat.Unread) bool { return u.RoomID == garden })
	if mine[i].Mentions != 1 || mine[i].Unread != 1 { // his own message moved his marker behind the first
		t.Errorf("bob has %+v to read", mine[i])
	}
	annHears.await(t, "her own", func(e client.Event) bool { return e.NewMessage != nil && e.NewMessage.MessageID == all.MessageID })
	annHears.never(t, "what she sent herself", func(e client.Event) bool { return e.Notified != nil && e.Notified.Message.UserID == ann.UserID })
	cidHears.never(t, "what names others", func(e client.Event) bool {
		return e.Notified != nil && e.Notified.Message.MessageID != dm.MessageID && e.Notified.Message.MessageID != all.MessageID
	})
	eveHears.awaitMessage(t, eve.say(t, public(t, "alone", eve), "the fence"))
	eveHears.never(t, "a room that she is not in", func(e client.Event) bool { return e.Notified != nil || e.RoomID == garden })
}

func removalEndsHearing(t *testing.T, in home) {
	h := in.boot(t)
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	garden, lobby := public(t, "garden", ann, bob), public(t, "lobby", ann, bob)
	bobHears := bob.listen(t)
	before := ann.say(t, garden, "bob hears this")
	bobHears.awaitMessage(t, before)
	if err := ann.RemoveMember(t.Context(), garden, bob.UserID); err != nil {
		t.Fatal(err)
	}
	bobHears.await(t, "his removal", func(e client.Event) bool {
		return e.Room != nil && e.Room.Change == chat.MemberRemoved && e.Room.Membership.UserID == bob.UserID
	})
	after := ann.say(t, garden, "bob must not hear this")
	bobHears.awaitMessage(t, ann.say(t, lobby, "the fence"))
	bobHears.never(t, "what was said after his removal", func(e client.Event) bool { return e.NewMessage != nil && e.NewMessage.MessageID == after.MessageID })
	if _, err := bob.Send(t.Context(), chat.NewMessage{RoomID: garden, Content: "x"}); chat.CodeOf(err) != chat.Forbidden {
		t.Errorf("bob speaks after his removal: %v", err)
	}
	if _, err := bob.History(t.Context(), garden, chat.PageQuery{}); chat.CodeOf(err) != chat.Forbidden {
		t.Errorf("bob reads after his removal: %v", err)
	}
	// Coming back by himself, he hears again, from his coming on.
	if _, err := bob.Join(t.Context(), garden); err != nil {
		t.Fatal(err)
	}
	bobHears.awaitMessage(t, ann.say(t, garden, "welcome back"))
	bobHears.never(t, "what was said in between", func(e client.Event) bool { return e.NewMessage != nil && e.NewMessage.MessageID == after.MessageID })
}
