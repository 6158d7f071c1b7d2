package chat_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"parley/chat"
	"parley/chattest"
)

// TestWhoHears follows a room through its life: each hears exactly what is for them.
func TestWhoHears(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid", "eve")
	room := h.room(chat.Private, "u-ann") // 1 and 2
	h.room(chat.Public, "u-eve")
	h.ears.Forget()
	now := func(ann, bob, cid []string) {
		t.Helper()
		h.hears("u-ann", ann...)
		h.hears("u-bob", bob...)
		h.hears("u-cid", cid...)
		h.hears("u-eve")
		h.ears.Forget()
	}
	h.say("u-ann", room, "alone")
	now([]string{"3 message alone"}, nil, nil)
	_, err := h.svc.SetMember(h.ctx, "u-ann", room, "u-bob", "")
	h.ok(err)
	now([]string{"4 joined u-bob"}, []string{"4 joined u-bob"}, nil)
	m := h.say("u-bob", room, "two")
	now([]string{"5 message two"}, []string{"5 message two"}, nil)
	_, err = h.svc.Edit(h.ctx, "u-bob", room, m.MessageID, "too")
	h.ok(err)
	_, err = h.svc.Edit(h.ctx, "u-bob", room, m.MessageID, "too") // changes nothing
	h.ok(err)
	now([]string{"6 edited 5 too"}, []string{"6 edited 5 too"}, nil)
	_, err = h.svc.Admit(h.ctx, "u-cid", room)
	h.ok(err)
	now([]string{"7 joined u-cid"}, []string{"7 joined u-cid"}, []string{"7 joined u-cid"})
	for range 2 { // the second time changes nothing
		_, err = h.svc.Delete(h.ctx, "u-ann", room, m.MessageID)
		h.ok(err)
	}
	all := []string{"8 deleted 5"}
	now(all, all, all)
	h.ok(h.svc.Typing(h.ctx, "u-bob", room))
	now([]string{"typing u-bob"}, nil, []string{"typing u-bob"})
	h.ok(h.svc.MarkRead(h.ctx, "u-cid", room, 8)) // was there already, by joining at 7: 8 is further
	now([]string{"read 8 u-cid"}, []string{"read 8 u-cid"}, []string{"read 8 u-cid"})
	h.ok(h.svc.MarkRead(h.ctx, "u-cid", room, 5)) // backwards
	now(nil, nil, nil)
	name := "Kitchen"
	for range 2 {
		_, err = h.svc.UpdateRoom(h.ctx, "u-ann", room, chat.RoomChange{Name: &name})
		h.ok(err)
	}
	all = []string{"9 updated"}
	now(all, all, all)
	_, err = h.svc.SetMember(h.ctx, "u-ann", room, "u-cid", chat.Moderator)
	h.ok(err)
	all = []string{"10 role u-cid"}
	now(all, all, all)
	h.ok(h.svc.RemoveMember(h.ctx, "u-cid", room, "u-bob"))
	all = []string{"11 removed u-bob"}
	now(all, all, all)
	h.say("u-cid", room, "behind his back")
	h.ok(h.svc.Typing(h.ctx, "u-cid", room))
	now([]string{"12 message behind his back", "typing u-cid"}, nil, []string{"12 message behind his back"})
	h.ok(h.svc.Leave(h.ctx, "u-cid", room))
	now([]string{"13 left u-cid"}, nil, []string{"13 left u-cid"})
	h.ok(h.svc.DeleteRoom(h.ctx, "u-ann", room))
	now([]string{"14 deleted"}, nil, nil)
}

// TestDeletedText: what was taken back comes out of no answer any more.
func TestDeletedText(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Private, "u-ann", "u-bob")
	rooms, err := h.store.Rooms(h.ctx, room)
	h.ok(err)
	c := (&chattest.Script{Room: rooms[0], At: h.clock.Now()}).Say(chattest.Said{UserID: "u-ann", ClientMessageID: "secret", Content: "secret"})
	m := &c.New[0]
	m.MessageID = chat.NewMessageID(m.CreatedAt, m.Seq)
	m.Attachments = []chat.Attachment{{FileID: "f1", Filename: "secret.txt"}}
	m.Reactions, m.Mentions = chat.Reactions{{Emoji: "👍", UserIDs: []string{"u-bob"}}}, []string{"u-bob"}
	h.ok(h.store.Commit(h.ctx, c))
	_, err = h.svc.Edit(h.ctx, "u-ann", room, m.MessageID, "second secret")
	h.ok(err)
	h.ears.Forget()
	gone, err := h.svc.Delete(h.ctx, "u-ann", room, m.MessageID)
	h.ok(err)
	var texts []string
	note := func(msgs ...chat.Message) {
		for _, x := range msgs {
			if x.MessageID != m.MessageID || x.DeletedAt == 0 || x.Mentions != nil || x.Attachments != nil || x.Reactions != nil {
				t.Errorf("a deleted message: %+v", x)
			}
			texts = append(texts, x.Content)
		}
	}
	note(gone)
	for _, e := range h.ears.HeardIn("u-bob", room) {
		note(*e.Updated)
	}
	page, err := h.svc.Messages(h.ctx, "u-bob", room, chat.PageQuery{})
	h.ok(err)
	note(page.Messages...)
	v, err := h.svc.Room(h.ctx, "u-bob", room)
	h.ok(err)
	note(*v.LastMessage)
	repeat, err := h.svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: "secret", ClientMessageID: "secret"})
	h.ok(err)
	note(repeat)
	missed, err := h.svc.Sync(h.ctx, "u-bob", map[string]int64{room: 3}, 1<<20)
	h.ok(err)
	for _, e := range missed[0].Events {
		if e.NewMessage != nil {
			note(*e.NewMessage)
		} else {
			note(*e.Updated)
		}
	}
	equal(t, "places looked at", len(texts), 8)
	if slices.ContainsFunc(texts, func(s string) bool { return s != "" }) {
		t.Fatalf("texts: %q", texts)
	}
	said, _, err := h.svc.UserMessages(h.ctx, "u-bob", "u-ann", "", 0)
	h.ok(err)
	equal(t, "messages of ann", len(said), 0)
}

// TestFarBehind: whoever is too far behind, ahead of the log, or no member is told to start over.
func TestFarBehind(t *testing.T) {
	h := newHouse(t, "ann")
	room := h.room(chat.Public, "u-ann")
	for h.head(room) < chat.MaxSyncEvents+1 {
		done := make(chan error, 100)
		for range 100 {
			h.svc.Submit(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: "x", ClientMessageID: chat.NewID(h.clock.Now())}, chat.Origin{},
				func(_ chat.Message, _ bool, err error) { done <- err })
		}
		for range 100 {
			h.ok(<-done)
		}
	}
	head := h.head(room)
	for last, complete := range map[int64]bool{0: false, head - chat.MaxSyncEvents - 1: false, head - chat.MaxSyncEvents: true, head - 1: true, head: true, head + 1: false, 1 << 62: false} {
		got, err := h.svc.Sync(h.ctx, "u-ann", map[string]int64{room: last}, 1<<30)
		h.ok(err)
		r := got[0]
		if r.Complete != complete || r.More || r.HeadSeq != head || r.Events == nil || complete && int64(len(r.Events)) != head-last || !complete && len(r.Events) > 0 {
			t.Fatalf("sync from %d of %d: complete %v, more %v, %d events", last, head, r.Complete, r.More, len(r.Events))
		}
	}
}

// TestSyncOfManyRooms: one budget for all rooms; asking again for those cut short brings everything, once.
func TestSyncOfManyRooms(t *testing.T) {
	h := newHouse(t, "ann")
	last, want, got := map[string]int64{}, map[string][]string{}, map[string][]string{}
	for range 6 {
		room := h.room(chat.Public, "u-ann")
		h.ears.Forget()
		for i := range 7 {
			h.say("u-ann", room, fmt.Sprint("message ", i))
		}
		last[room], want[room] = 2, tellAll(h.ears.HeardIn("u-ann", room))
	}
	for calls := 0; len(last) > 0; calls++ {
		if calls > 20 {
			t.Fatal("sync takes too many calls")
		}
		answer, err := h.svc.Sync(h.ctx, "u-ann", last, 3000)
		h.ok(err)
		equal(t, "rooms", len(answer), len(last))
		if !slices.IsSortedFunc(answer, func(a, b chat.RoomSync) int { return strings.Compare(a.RoomID, b.RoomID) }) {
			t.Fatal("the rooms are not in order")
		}
		for _, r := range answer {
			got[r.RoomID] = append(got[r.RoomID], tellAll(r.Events)...)
			if n := len(r.Events); n > 0 {
				last[r.RoomID] = r.Events[n-1].Seq
			}
			if equal(t, "complete", r.Complete, true); !r.More {
				delete(last, r.RoomID)
			}
		}
	}
	for room := range want {
		if !slices.Equal(got[room], want[room]) {
			t.Fatalf("got %q, want %q", got[room], want[room])
		}
	}
}

// TestProfile: names are folded and found by their words; everybody sees the same person.
func TestProfile(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	u, err := h.svc.SetDisplayName(h.ctx, "u-ann", "  Ann   ŻÓŁW ")
	h.ok(err)
	equal(t, "display name", u.DisplayName, "Ann ŻÓŁW")
	u, err = h.svc.SetAvatar(h.ctx, "u-ann", "/a.png")
	h.ok(err)
	equal(t, "avatar", u.AvatarURL, "/a.png")
	for query, want := range map[string]string{"żÓ": "u-ann", "ANN": "u-ann", "tester": "u-bob", "b": "u-bob", "zzz": "", "ann żó": "u-ann", "tester bo": "u-bob", "bob ann": ""} {
		found, next, err := h.svc.SearchUsers(h.ctx, query, "", 0)
		h.ok(err)
		got := ""
		if len(found) > 0 {
			got = found[0].UserID
		}
		if got != want || len(found) > 1 || next != "" {
			t.Errorf("%q finds %v, want %q", query, found, want)
		}
	}
	everybody, _, err := h.svc.SearchUsers(h.ctx, "", "", 0)
	h.ok(err)
	equal(t, "people", len(everybody), 2)
	u, err = h.svc.SetDisplayName(h.ctx, "u-ann", "")
	h.ok(err)
	equal(t, "display name", u.DisplayName, "ann")
	seen, err := h.svc.User(h.ctx, "u-ann")
	h.ok(err)
	equal(t, "person", seen, u)
}

// lateLog shows the newest message only at the second look, as DynamoDB may show a commit piece by piece.
type lateLog struct {
	chat.Log
	looks atomic.Int32
}

func (l *lateLog) Messages(ctx context.Context, roomID string, from, to int64, limit int, reverse bool) ([]chat.Message, error) {
	msgs, err := l.Log.Messages(ctx, roomID, from, to, limit, reverse)
	if l.looks.Add(1) == 1 && len(msgs) > 0 {
		msgs = msgs[:len(msgs)-1]
	}
	return msgs, err
}

func TestSyncWaitsForTheWholeCommit(t *testing.T) {
	h := newHouse(t, "ann")
	room := h.room(chat.Public, "u-ann")
	h.say("u-ann", room, "one")
	last := h.say("u-ann", room, "two")
	log := &lateLog{Log: h.store}
	got, err := h.service(h.ears, log, nil).Sync(h.ctx, "u-ann", map[string]int64{room: last.Seq - 2}, 1<<17)
	h.ok(err)
	if r := got[0]; !r.Complete || len(r.Events) != 2 || r.Events[1].NewMessage.Content != "two" {
		t.Errorf("complete %v, %d events", r.Complete, len(r.Events))
	}
}
