package chat_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/chattest"
)

// counted is what GET /unread says of mentions in a room.
func (h *house) counted(userID, roomID string) int64 {
	h.t.Helper()
	all, err := h.svc.UnreadCounts(h.ctx, userID)
	h.ok(err)
	views, err := h.svc.MyRooms(h.ctx, userID)
	h.ok(err)
	for i, u := range all {
		if u.RoomID == roomID {
			equal(h.t, "mentions in the view", views[i].Mentions, u.Mentions)
			return u.Mentions
		}
	}
	return -1
}

// notified lists the notifications that a person was told since the last Forget.
func (h *house) notified(userID string) string {
	h.t.Helper()
	var out []string
	for _, x := range h.ears.Heard(userID) {
		if n := x.Event.Notified; n != nil {
			out = append(out, string(n.Kind)+" "+n.Message.Content)
		}
	}
	return strings.Join(out, ", ")
}

func (h *house) send(by string, m chat.NewMessage) chat.Message {
	h.t.Helper()
	m.ClientMessageID = chat.NewID(h.clock.Advance(time.Millisecond))
	got, err := h.svc.Send(h.ctx, by, m)
	h.ok(err)
	h.settled(m.RoomID)
	return got
}

// settled waits until the room has told all that it has to tell: steps come one after another.
func (h *house) settled(roomID string) {
	h.t.Helper()
	_, err := h.svc.Unreact(h.ctx, "u-ann", roomID, h.history(roomID)[0].MessageID, "🏁")
	h.ok(err)
}

func TestMentions(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid", "dan", "eve")
	room := h.room(chat.Private, "u-ann", "u-bob", "u-cid", "u-dan")
	for _, tt := range []struct {
		by, text, mentions string
		told               map[string]string
	}{
		{"u-ann", "plain", "[]", nil},
		{"u-ann", "@bob. hello", "[u-bob]", map[string]string{"u-bob": "mention"}},
		{"u-bob", "@Ann and @cid, @cid and @eve and @nobody", "[u-ann u-cid]", map[string]string{"u-ann": "mention", "u-cid": "mention"}},
		{"u-ann", "@ann it is me", "[u-ann]", nil},
		{"u-ann", "`@bob` is code", "[]", nil},
		{"u-cid", "@room all", "[@room]", map[string]string{"u-ann": "mention", "u-bob": "mention", "u-dan": "mention"}},
		{"u-cid", "@here those there, @ann", "[u-ann @here]", map[string]string{"u-ann": "mention", "u-bob": "mention"}},
	} {
		before := map[string]int64{}
		for _, p := range []string{"u-ann", "u-bob", "u-cid", "u-dan"} {
			h.ears.SetOnline(p, p != "u-dan")
			before[p] = h.counted(p, room)
		}
		h.ears.Forget()
		m := h.send(tt.by, chat.NewMessage{RoomID: room, Content: tt.text})
		equal(t, "mentions of "+tt.text, fmt.Sprint(m.Mentions), tt.mentions)
		stored := h.history(room)
		equal(t, "stored", fmt.Sprint(stored[len(stored)-1].Mentions), tt.mentions)
		for _, p := range []string{"u-ann", "u-bob", "u-cid", "u-dan"} {
			want, told := before[p], ""
			if kind := tt.told[p]; kind != "" {
				want, told = want+1, kind+" "+tt.text
			}
			if p == tt.by { // has read it all now
				want = 0
			}
			equal(t, "count of "+p+" after "+tt.text, h.counted(p, room), want)
			equal(t, "told to "+p, h.notified(p), told)
		}
		h.hears("u-eve")
	}
	h.ok(h.svc.MarkRead(h.ctx, "u-bob", room, h.head(room)))
	equal(t, "count after reading", h.counted("u-bob", room), 0)
	h.ok(h.svc.Leave(h.ctx, "u-dan", room))
	equal(t, "count of who left", h.counted("u-dan", room), -1)
	_, err := h.svc.SetMember(h.ctx, "u-ann", room, "u-dan", "")
	h.ok(err)
	equal(t, "count of who came back", h.counted("u-dan", room), 0)
}

func TestEditsKeepMentionsTrue(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid", "dan")
	room := h.room(chat.Private, "u-ann", "u-bob", "u-cid", "u-dan")
	first := h.send("u-dan", chat.NewMessage{RoomID: room, Content: "first"})
	m := h.send("u-ann", chat.NewMessage{RoomID: room, Content: "@bob look", ReplyTo: first.MessageID})
	counts := func(bob, cid, dan int64) {
		t.Helper()
		got := fmt.Sprint(h.counted("u-bob", room), h.counted("u-cid", room), h.counted("u-dan", room))
		equal(t, "counts of bob, cid and dan", got, fmt.Sprint(bob, cid, dan))
	}
	counts(1, 0, 1)
	for _, tt := range []struct {
		text, mentions string
		bob, cid, dan  int64
	}{
		{"@bob look!", "[u-bob]", 1, 0, 1},
		{"@cid look", "[u-cid]", 0, 1, 1},
		{"@room look", "[@room]", 1, 1, 1},
		{"@bob @cid @dan look", "[u-bob u-cid u-dan]", 1, 1, 1},
		{"nobody look", "[]", 0, 0, 1},
		{"@cid look again", "[u-cid]", 0, 1, 1},
	} {
		got, err := h.svc.Edit(h.ctx, "u-ann", room, m.MessageID, tt.text)
		h.ok(err)
		equal(t, "mentions of "+tt.text, fmt.Sprint(got.Mentions), tt.mentions)
		counts(tt.bob, tt.cid, tt.dan)
	}
	_, err := h.svc.Delete(h.ctx, "u-ann", room, m.MessageID)
	h.ok(err)
	counts(0, 0, 0)
}

// TestMentionsOfMany: fifty people count, and as many messages with mentions as come go through whole.
func TestMentionsOfMany(t *testing.T) {
	var people []string
	var text strings.Builder
	for i := range 60 {
		people = append(people, fmt.Sprintf("p%02d", i))
		fmt.Fprintf(&text, "@p%02d ", i)
	}
	h := newHouse(t, append(people, "ann")...)
	room := h.room(chat.Public, "u-ann")
	for _, p := range people {
		_, err := h.svc.Join(h.ctx, "u-"+p, room)
		h.ok(err)
	}
	done := make(chan error, 30)
	for i := range 30 {
		n := chat.NewMessage{RoomID: room, Content: text.String(), ClientMessageID: fmt.Sprint(i)}
		h.svc.Submit(h.ctx, "u-ann", n, chat.Origin{}, func(m chat.Message, _ bool, err error) {
			if err == nil && len(m.Mentions) != chat.MaxMentions {
				err = fmt.Errorf("%d mentions", len(m.Mentions))
			}
			done <- err
		})
	}
	for range 30 {
		h.ok(<-done)
	}
	equal(t, "count of the first", h.counted("u-p00", room), 30)
	equal(t, "count of the fiftieth", h.counted("u-p49", room), 30)
	equal(t, "count of the next", h.counted("u-p50", room), 0)
	last := h.history(room)[29]
	edited := strings.ReplaceAll(text.String(), "@p0", "@p5") // others take the places of the first ten
	_, err := h.svc.Edit(h.ctx, "u-ann", room, last.MessageID, edited)
	h.ok(err)
	equal(t, "count of who is named no more", h.counted("u-p00", room), 29)

	// In a large room anybody may write @room, but only those who look after it are heard.
	m := h.send("u-p01", chat.NewMessage{RoomID: room, Content: "@room @here @p02"})
	equal(t, "mentions by a member", fmt.Sprint(m.Mentions), "[u-p02]")
	m = h.send("u-ann", chat.NewMessage{RoomID: room, Content: "@room"})
	equal(t, "mentions by the owner", fmt.Sprint(m.Mentions), "[@room]")
	equal(t, "count of who is named by the edit, and with all", h.counted("u-p55", room), 2)
	for i := range chat.MaxMentionCount + 1 {
		h.send("u-ann", chat.NewMessage{RoomID: room, Content: fmt.Sprintf("@p57 @p58 %d", i)})
	}
	equal(t, "count of very many", h.counted("u-p57", room), chat.MaxMentionCount)
}

func TestRepliesAndDirectMessagesNotify(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid")
	room, direct := h.room(chat.Private, "u-ann", "u-bob", "u-cid"), h.room(chat.Direct, "u-ann", "u-bob")
	first := h.send("u-bob", chat.NewMessage{RoomID: room, Content: "first"})
	h.send("u-bob", chat.NewMessage{RoomID: direct, Content: "hello ann"})
	equal(t, "told to ann", h.notified("u-ann"), "direct hello ann")
	equal(t, "told to bob", h.notified("u-bob"), "")
	h.ears.Forget()
	h.send("u-ann", chat.NewMessage{RoomID: room, Content: "indeed", ReplyTo: first.MessageID})
	h.send("u-bob", chat.NewMessage{RoomID: room, Content: "me again", ReplyTo: first.MessageID})
	h.send("u-ann", chat.NewMessage{RoomID: direct, Content: "@bob!"})
	equal(t, "told to bob", h.notified("u-bob"), "reply indeed, mention @bob!")
	equal(t, "told to cid", h.notified("u-cid"), "")
	equal(t, "told to ann", h.notified("u-ann"), "")

	h.ok(h.svc.SetLevel(h.ctx, "u-bob", room, chat.LevelNothing))
	h.ok(h.svc.SetLevel(h.ctx, "u-bob", direct, chat.LevelMentions))
	h.ears.Forget()
	h.send("u-ann", chat.NewMessage{RoomID: room, Content: "@bob?", ReplyTo: first.MessageID})
	h.send("u-ann", chat.NewMessage{RoomID: direct, Content: "plain"})
	h.send("u-ann", chat.NewMessage{RoomID: direct, Content: "@bob"})
	equal(t, "told to bob", h.notified("u-bob"), "mention @bob")
	v, err := h.svc.Room(h.ctx, "u-bob", room)
	h.ok(err)
	equal(t, "level", v.Notify, chat.LevelNothing)
	equal(t, "mentions all the same", v.Mentions, 1)
	v, err = h.svc.Room(h.ctx, "u-cid", room)
	h.ok(err)
	equal(t, "level of who chose none", v.Notify, chat.LevelDefault)
	h.code(h.svc.SetLevel(h.ctx, "u-cid", direct, chat.LevelAll), chat.NotFound)
	h.code(h.svc.SetLevel(h.ctx, "u-bob", room, "loud"), chat.InvalidRequest)
}

func TestNotificationCentre(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid")
	room, other := h.room(chat.Private, "u-ann", "u-bob"), h.room(chat.Private, "u-ann", "u-bob")
	direct := h.room(chat.Direct, "u-ann", "u-bob")
	mine := h.send("u-bob", chat.NewMessage{RoomID: room, Content: "mine"})
	var want []string
	say := func(roomID, kind, text string) {
		m := chat.NewMessage{RoomID: roomID, Content: text}
		if kind == "reply" {
			m.ReplyTo = mine.MessageID
		}
		h.send("u-ann", m)
		if kind != "" {
			want = append(want, kind+" "+text)
		}
	}
	say(room, "mention", "@bob 1")
	say(other, "mention", "@bob 2")
	say(room, "", "nothing")
	say(direct, "", "older")
	say(room, "mention", "@room 3")
	say(room, "reply", "4")
	h.ok(h.svc.MarkRead(h.ctx, "u-bob", room, h.head(room)))
	say(direct, "direct", "5")
	say(other, "mention", "@here @bob 6")
	say(room, "mention", "@room 7")
	slices.Reverse(want)
	list := func(by string, limit int) (out []string, read string) {
		t.Helper()
		for cursor, n := "", 0; ; n++ {
			views, next, err := h.svc.Notifications(h.ctx, by, cursor, limit)
			h.ok(err)
			for _, v := range views {
				out = append(out, string(v.Kind)+" "+v.Message.Content)
				if v.Read {
					read += "r"
				} else {
					read += "."
				}
				equal(t, "room", v.Room.RoomID, v.Message.RoomID)
			}
			if next == "" {
				return out, read
			}
			if cursor = next; n > 100 {
				t.Fatal("the list has no end")
			}
		}
	}
	for _, limit := range []int{1, 2, 3, 50} {
		got, read := list("u-bob", limit)
		equal(t, fmt.Sprintf("in pages of %d", limit), strings.Join(got, ", "), strings.Join(want, ", "))
		equal(t, "read", read, "...rr.r")
	}
	got, _ := list("u-ann", 50)
	equal(t, "who sent it all", strings.Join(got, ", "), "")
	got, _ = list("u-cid", 50)
	equal(t, "a stranger", strings.Join(got, ", "), "")
	h.ok(h.svc.Leave(h.ctx, "u-bob", other))
	got, _ = list("u-bob", 2)
	equal(t, "after leaving a room", strings.Join(got, ", "), "mention @room 7, direct 5, reply 4, mention @room 3, mention @bob 1")
	_, _, err := h.svc.Notifications(h.ctx, "u-bob", "not a cursor", 0)
	h.code(err, chat.InvalidRequest)
}

func TestAddressees(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid", "dan", "eve", "fay")
	room, direct := h.room(chat.Private, "u-ann", "u-bob", "u-cid", "u-dan", "u-eve"), h.room(chat.Direct, "u-ann", "u-bob")
	h.ok(h.svc.SetLevel(h.ctx, "u-cid", room, chat.LevelAll))
	h.ok(h.svc.SetLevel(h.ctx, "u-dan", room, chat.LevelNothing))
	reach := func(m chat.Message) string {
		t.Helper()
		var out []string
		h.ok(h.svc.Addressees(h.ctx, &m, func(page []chat.Addressee) error {
			for _, a := range page {
				out = append(out, a.UserID+" "+string(a.Kind))
			}
			return nil
		}))
		slices.Sort(out)
		return strings.Join(out, ", ")
	}
	first := h.send("u-bob", chat.NewMessage{RoomID: room, Content: "plain"})
	equal(t, "plain", reach(first), "u-cid message")
	h.ears.SetOnline("u-eve", true)
	for text, want := range map[string]string{
		"@bob @dan @fay @ann": "u-bob mention, u-cid message",
		"@room":               "u-bob mention, u-cid mention, u-eve mention",
		"@here":               "u-cid message, u-eve mention",
		"no more":             "u-cid message",
	} {
		equal(t, text, reach(h.send("u-ann", chat.NewMessage{RoomID: room, Content: text})), want)
	}
	reply := h.send("u-ann", chat.NewMessage{RoomID: room, Content: "indeed", ReplyTo: first.MessageID})
	equal(t, "reply", reach(reply), "u-bob reply, u-cid message")
	equal(t, "direct", reach(h.send("u-ann", chat.NewMessage{RoomID: direct, Content: "psst"})), "u-bob direct")
	h.ok(h.svc.MarkRead(h.ctx, "u-bob", room, h.head(room)))
	equal(t, "read by one", reach(reply), "u-cid message")
	h.ok(h.svc.Leave(h.ctx, "u-cid", room))
	equal(t, "left by the other", reach(reply), "")
	all := h.send("u-ann", chat.NewMessage{RoomID: room, Content: "@room 2"})
	gone, err := h.svc.Delete(h.ctx, "u-ann", room, all.MessageID)
	h.ok(err)
	equal(t, "deleted", reach(gone), "")
}

func TestReadReceipts(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid", "eve")
	room := h.room(chat.Private, "u-ann", "u-bob", "u-cid")
	m := h.say("u-ann", room, "hello")
	reads := func(by string) string {
		t.Helper()
		all, err := h.svc.Reads(h.ctx, by, room)
		h.ok(err)
		var out []string
		for _, r := range all {
			out = append(out, fmt.Sprint(r.UserID, " ", r.Seq))
		}
		return strings.Join(out, ", ")
	}
	h.ok(h.svc.MarkRead(h.ctx, "u-bob", room, m.Seq))
	equal(t, "reads", reads("u-ann"), fmt.Sprintf("u-ann %d, u-bob %d, u-cid 4", m.Seq, m.Seq))
	h.ok(h.svc.SetNotifyRules(h.ctx, "u-bob", chat.NotifyRules{}))
	m = h.say("u-ann", room, "again")
	h.ears.Forget()
	h.ok(h.svc.MarkRead(h.ctx, "u-bob", room, m.Seq))
	h.hears("u-ann")
	h.hears("u-bob", fmt.Sprintf("read %d u-bob", m.Seq)) // their other devices
	h.ears.Forget()
	h.ok(h.svc.MarkRead(h.ctx, "u-cid", room, m.Seq))
	h.hears("u-ann", fmt.Sprintf("read %d u-cid", m.Seq))
	h.hears("u-bob")
	equal(t, "reads without bob", reads("u-ann"), fmt.Sprintf("u-ann %d, u-cid %d", m.Seq, m.Seq))
	equal(t, "reads for bob", reads("u-bob"), fmt.Sprintf("u-bob %d", m.Seq))
	_, err := h.svc.Reads(h.ctx, "u-eve", room)
	h.code(err, chat.Forbidden)
	for i := range 18 {
		p := chattest.AddUser(t, h.store, fmt.Sprintf("more%d", i))
		_, err := h.svc.SetMember(h.ctx, "u-ann", room, p.UserID, "")
		h.ok(err)
	}
	_, err = h.svc.Reads(h.ctx, "u-ann", room)
	h.code(err, chat.Forbidden)
}

func TestNotifyRulesAreChecked(t *testing.T) {
	h := newHouse(t, "ann")
	got, err := h.svc.NotifyRules(h.ctx, "u-ann")
	h.ok(err)
	equal(t, "default", got, chat.DefaultNotifyRules())
	hours := func(from, to, zone string, days ...int) chat.NotifyRules {
		return chat.NotifyRules{Quiet: &chat.QuietHours{From: from, To: to, TimeZone: zone, Days: days}}
	}
	for _, r := range []chat.NotifyRules{
		{PausedUntil: -1}, {PausedUntil: 1 << 60}, hours("", "", ""), hours("22:00", "07:00", ""), hours("22:00", "07:00", "Local"),
		hours("22:00", "07:00", "../../etc/passwd"), hours("22:00", "07:00", "/etc/localtime"), hours("22:00", "07:00", strings.Repeat("x", 9999)),
		hours("22:00", "22:00", "UTC"), hours("24:00", "07:00", "UTC"), hours("7:00", "22:00", "UTC"), hours("22:00", "07:60", "UTC"),
		hours("22:00", "07:00", "UTC", 7), hours("22:00", "07:00", "UTC", -1), hours("22:00", "07:00", "UTC", 1, 1, 1, 1, 1, 1, 1, 1),
	} {
		h.code(h.svc.SetNotifyRules(h.ctx, "u-ann", r), chat.InvalidRequest)
	}
	got, err = h.svc.NotifyRules(h.ctx, "u-ann")
	h.ok(err)
	equal(t, "after what was refused", got, chat.DefaultNotifyRules())
	h.ok(h.svc.SetNotifyRules(h.ctx, "u-ann", hours("22:00", "07:00", "Asia/Tokyo", 0, 6)))
	got, err = h.svc.NotifyRules(h.ctx, "u-ann")
	h.ok(err)
	equal(t, "hours", fmt.Sprint(*got.Quiet), "{22:00 07:00 Asia/Tokyo [0 6]}")
}
