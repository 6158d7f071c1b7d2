package chat_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"parley/chat"
	"parley/protocol"
)

func TestReactions(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid", "eve")
	room := h.room(chat.Private, "u-ann", "u-bob", "u-cid")
	m := h.say("u-ann", room, "hello")
	react := func(by, emoji string) chat.Message {
		t.Helper()
		got, err := h.svc.React(h.ctx, by, room, m.MessageID, emoji)
		h.ok(err)
		return got
	}
	head := h.head(room)
	h.ears.Forget()
	react("u-cid", "👍")
	react("u-bob", "👍")
	got := react("u-bob", "❤") // in its qualified form
	equal(t, "reactions", fmt.Sprint(got.Reactions), "[{👍 [u-cid u-bob]} {❤️ [u-bob]}]")
	equal(t, "updatedSeq", got.UpdatedSeq, head+3)
	equal(t, "text", got.Content, "hello")
	equal(t, "editedAt", got.EditedAt, 0)
	for _, p := range []string{"u-ann", "u-bob", "u-cid"} {
		heard := h.ears.HeardIn(p, room)
		equal(t, "events", len(heard), 3)
		equal(t, "told last", fmt.Sprint(heard[2].Updated.Reactions), fmt.Sprint(got.Reactions))
	}
	h.hears("u-eve")

	again := react("u-cid", "👍")
	equal(t, "number after the same reaction", again.UpdatedSeq, got.UpdatedSeq)
	_, err := h.svc.Unreact(h.ctx, "u-cid", room, m.MessageID, "❤️")
	h.ok(err)
	equal(t, "head after nothing", h.head(room), head+3)

	got, err = h.svc.Unreact(h.ctx, "u-cid", room, m.MessageID, "👍")
	h.ok(err)
	got, err = h.svc.Unreact(h.ctx, "u-bob", room, m.MessageID, "❤")
	h.ok(err)
	equal(t, "reactions", fmt.Sprint(got.Reactions), "[{👍 [u-bob]}]")
	equal(t, "stored", fmt.Sprint(h.history(room)[0].Reactions), "[{👍 [u-bob]}]")
	react("u-ann", "🎉")
	react("u-cid", "1️⃣")
	react("u-ann", "👍")
	_, err = h.svc.Unreact(h.ctx, "u-ann", room, m.MessageID, "🎉")
	h.ok(err)
	react("u-ann", "❤️")
	got = react("u-cid", "🎉") // came again, so last
	equal(t, "reactions", fmt.Sprint(got.Reactions), "[{👍 [u-bob u-ann]} {1️⃣ [u-cid]} {❤️ [u-ann]} {🎉 [u-cid]}]")
	equal(t, "stored", fmt.Sprint(h.history(room)[0].Reactions), fmt.Sprint(got.Reactions))

	h.ears.Forget()
	for _, emoji := range []string{"", "a", "👍👍", strings.Repeat("👍", 2500), "\xff"} {
		_, err = h.svc.React(h.ctx, "u-ann", room, m.MessageID, emoji)
		h.code(err, chat.InvalidRequest)
	}
	_, err = h.svc.React(h.ctx, "u-eve", room, m.MessageID, "👍")
	h.code(err, chat.Forbidden)
	_, err = h.svc.Delete(h.ctx, "u-ann", room, m.MessageID)
	h.ok(err)
	_, err = h.svc.React(h.ctx, "u-ann", room, m.MessageID, "👍")
	h.code(err, chat.Conflict)
	equal(t, "reactions of what was deleted", len(h.history(room)[0].Reactions), 0)
	h.hears("u-ann", fmt.Sprintf("%d deleted %d", h.head(room), m.Seq))
}

// TestReactionsAtOnce: what many do at once is all there, each in its order.
func TestReactionsAtOnce(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid")
	people := []string{"u-ann", "u-bob", "u-cid"}
	room := h.room(chat.Private, people...)
	m := h.say("u-ann", room, "hello")
	emoji := []string{"👍", "🎉", "😀", "🚀"}
	var all sync.WaitGroup
	for _, p := range people {
		for _, e := range emoji {
			all.Go(func() {
				for range 2 {
					if _, err := h.svc.React(h.ctx, p, room, m.MessageID, e); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	equal(t, "head", h.head(room), m.Seq+12)
	for _, e := range emoji {
		got := slices.Sorted(slices.Values(h.history(room)[0].Reactions.Of(e)))
		equal(t, e, fmt.Sprint(got), "[u-ann u-bob u-cid]")
	}
}

// TestReactionLimits: a message stays small enough for a frame.
func TestReactionLimits(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Private, "u-ann", "u-bob")
	kinds := h.say("u-ann", room, "kinds")
	for i := range chat.MaxReactionEmoji {
		_, err := h.svc.React(h.ctx, "u-ann", room, kinds.MessageID, string(rune('😀'+i)))
		h.ok(err)
	}
	_, err := h.svc.React(h.ctx, "u-ann", room, kinds.MessageID, "🚀")
	h.code(err, chat.Conflict)
	_, err = h.svc.React(h.ctx, "u-bob", room, kinds.MessageID, "😀")
	h.ok(err)

	many := h.crowd(room, "many", chat.MaxReactions-1)
	_, err = h.svc.React(h.ctx, "u-ann", room, many.MessageID, "👍")
	h.ok(err)
	_, err = h.svc.React(h.ctx, "u-bob", room, many.MessageID, "👍")
	h.code(err, chat.Conflict)
	_, err = h.svc.Edit(h.ctx, "u-ann", room, many.MessageID, strings.Repeat(`"`, chat.MaxContent))
	h.code(err, chat.TooLarge)

	large := h.crowd(room, strings.Repeat(`"`, chat.MaxContent), 440)
	for i := 0; ; i++ {
		m, err := h.svc.React(h.ctx, "u-ann", room, large.MessageID, string(rune('😀'+i)))
		if chat.CodeOf(err) == chat.Conflict {
			break
		}
		h.ok(err)
		if frame := protocol.AppendEvent(nil, &chat.Event{Updated: &m}); len(frame) > protocol.MaxFrame {
			t.Fatalf("a frame of %d bytes", len(frame))
		}
	}
}

// TestEditAddsMentions: nor does an edit make it too large by whom it mentions.
func TestEditAddsMentions(t *testing.T) {
	names := make([]string, 40)
	for i := range names {
		names[i] = fmt.Sprintf("p%02d", i)
	}
	h := newHouse(t, append(names, "ann", "bob")...)
	people := []string{"u-ann", "u-bob"}
	for _, n := range names {
		people = append(people, "u-"+n)
	}
	room := h.room(chat.Private, people...)
	mentions := " @" + strings.Join(names, " @")
	plain := strings.Repeat(`"`, chat.MaxContent-len(mentions))
	large := h.crowd(room, plain, 460)
	_, err := h.svc.Edit(h.ctx, "u-ann", room, large.MessageID, plain+strings.ReplaceAll(mentions, "@", "+"))
	h.ok(err)
	_, err = h.svc.Edit(h.ctx, "u-ann", room, large.MessageID, plain+mentions)
	h.code(err, chat.TooLarge)
	equal(t, "mentions", len(h.history(room)[0].Mentions), 0)
}

// crowd stores a message to which n people have reacted.
func (h *house) crowd(room, text string, n int) chat.Message {
	h.t.Helper()
	m, err := h.svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: text, ClientMessageID: fmt.Sprintf("crowd %d", n)})
	h.ok(err)
	people := make([]string, n)
	for i := range people {
		people[i] = chat.NewID(h.clock.Now())
	}
	rooms, err := h.store.Rooms(h.ctx, room)
	h.ok(err)
	r := rooms[0]
	r.HeadSeq++
	m.Reactions, m.UpdatedSeq = chat.Reactions{{Emoji: "👍", UserIDs: people}}, r.HeadSeq
	h.ok(h.store.Commit(h.ctx, chat.Commit{After: r.HeadSeq - 1, Room: r, Changed: []chat.Message{m},
		Changes: []chat.Change{{RoomID: room, Seq: r.HeadSeq, Kind: chat.MessageChanged, By: "u-bob", At: 1, MessageSeq: m.Seq}}}))
	return m
}
