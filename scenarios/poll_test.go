package scenarios

import (
	"slices"
	"testing"

	"parley/chat"
	"parley/client"
)

// presenceWithoutASocket: who has no socket is there for others, and is told who comes, who writes to them and who
// has read, as with one; and nothing of rooms that they are not in.
func presenceWithoutASocket(t *testing.T, in home) {
	h := in.boot(t)
	ann, bob, eve := h.join(t, "ann"), h.join(t, "bob"), h.join(t, "eve")
	lobby, err := eve.Rooms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*person{ann, bob} { // out of the room that all are in
		if err := p.Leave(t.Context(), lobby[0].RoomID); err != nil {
			t.Fatal(err)
		}
	}
	garden := public(t, "garden", ann, bob)
	annHears, eveHears := ann.listen(t, polling), eve.listen(t, polling)
	coming := func(p *person) func(client.Event) bool {
		return func(e client.Event) bool {
			return e.Presence != nil && e.Presence.UserID == p.UserID && e.Presence.Online
		}
	}
	bobHears := bob.listen(t)
	annHears.await(t, "bob's coming", coming(bob))
	if there := online(t, bob, garden); !slices.Equal(there, []string{"ann", "bob"}) {
		t.Errorf("online are %v", there)
	}
	m := bob.say(t, garden, "hello @ann")
	annHears.await(t, "the notification", func(e client.Event) bool {
		return e.Notified != nil && e.Notified.Kind == chat.NoticeMention && e.Notified.Message.MessageID == m.MessageID
	})
	if err := ann.MarkRead(t.Context(), garden, m.Seq); err != nil {
		t.Fatal(err)
	}
	bobHears.await(t, "that ann has read", func(e client.Event) bool { return e.Read != nil && e.Read.UserID == ann.UserID })
	if err := bobHears.Typing(t.Context(), garden); err != nil {
		t.Fatal(err)
	}
	annHears.await(t, "typing", func(e client.Event) bool { return e.Typing != nil && e.Typing.UserID == bob.UserID })
	annHears.never(t, "what was meant for bob", func(e client.Event) bool { return e.Notified != nil && e.Notified.Message.MessageID != m.MessageID })
	eveHears.awaitMessage(t, eve.say(t, lobby[0].RoomID, "the fence"))
	eveHears.never(t, "people she shares no room with", func(e client.Event) bool {
		return e.Typing != nil || e.Notified != nil || e.Read != nil && e.Read.UserID != eve.UserID || e.Presence != nil && e.Presence.UserID != eve.UserID
	})
}

// polling asks by HTTP in place of a socket.
func polling(o *client.StreamOptions) { o.Poll = true }
