package checker

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"parley/chat"
)

// honest is the record of a small run in which every promise was kept: ann makes a room and speaks, bob comes and answers,
// ann edits and deletes, cat comes and is removed while ann and bob go on.
func honest(t *testing.T) *History {
	t.Helper()
	const room = "r"
	h := &History{Logs: []Log{{Room: chat.Room{RoomID: room, HeadSeq: 12}}}}
	l := &h.Logs[0]
	message := func(seq int64, user, content string) *chat.Message {
		return &chat.Message{
			RoomID: room, Seq: seq, MessageID: fmt.Sprintf("m%d", seq), UserID: user, Username: user, Content: content, CreatedAt: seq,
			ClientMessageID: fmt.Sprintf("c%d", seq), Attachments: []chat.Attachment{}, Reactions: chat.Reactions{}, Mentions: []string{},
		}
	}
	frame := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Canonical(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	members := map[string]bool{}
	messages := map[int64]*chat.Message{}
	tell := func(seq int64, kind chat.ChangeKind, m *chat.Message, extra string) {
		for _, user := range []string{"ann", "bob", "cat"} {
			if !members[user] && extra != user {
				continue
			}
			told := Told{Observer: user + "/raw", User: user, Room: room, Epoch: 1, How: Live, Seq: seq, Kind: kind, Frame: frame([]any{seq, kind, m})}
			if m != nil {
				c := *m
				told.Message = &c
			}
			h.Told = append(h.Told, told)
		}
	}
	clock := int64(0)
	op := func(user string, kind OpKind, id, content string, m *chat.Message) {
		clock += 10
		c := *m
		h.Ops = append(h.Ops, Op{User: user, Room: room, Kind: kind, ID: id, Content: content, Call: clock, Return: clock + 5, Outcome: Acknowledged, Message: &c})
	}
	change := func(seq int64, kind chat.ChangeKind, user string) {
		l.Changes = append(l.Changes, chat.Change{RoomID: room, Seq: seq, Kind: kind, Member: &chat.Membership{RoomID: room, UserID: user}})
		members[user] = kind == chat.MemberJoined
		tell(seq, kind, nil, user)
	}
	say := func(seq int64, user, content string) {
		m := message(seq, user, content)
		messages[seq] = m
		op(user, Send, m.ClientMessageID, content, m)
		tell(seq, "", m, "")
	}
	alter := func(seq, of int64, edit func(*chat.Message)) {
		m := *messages[of]
		m.UpdatedSeq = seq
		edit(&m)
		messages[of] = &m
		l.Changes = append(l.Changes, chat.Change{RoomID: room, Seq: seq, Kind: chat.MessageChanged, MessageSeq: of})
		kind := Edit
		if m.DeletedAt != 0 {
			kind = Delete
		}
		op("ann", kind, m.MessageID, m.Content, &m)
		tell(seq, chat.MessageChanged, &m, "")
	}
	l.Changes = append(l.Changes, chat.Change{RoomID: room, Seq: 1, Kind: chat.RoomCreated})
	change(2, chat.MemberJoined, "ann")
	say(3, "ann", "one")
	change(4, chat.MemberJoined, "bob")
	say(5, "bob", "two")
	alter(6, 3, func(m *chat.Message) { m.Content, m.EditedAt = "one!", 6 })
	change(7, chat.MemberJoined, "cat")
	say(8, "ann", "three")
	alter(9, 8, func(m *chat.Message) { m.Content, m.DeletedAt = "", 9 })
	change(10, chat.MemberRemoved, "cat")
	say(11, "bob", "four")
	say(12, "ann", "five")

	view := map[string]string{}
	var newest []chat.Message
	for _, seq := range []int64{3, 5, 8, 11, 12} {
		m := *messages[seq]
		l.Messages = append(l.Messages, m)
		newest = append(newest, m)
		text := frame(&m)
		l.Served = append(l.Served, json.RawMessage(text))
		view[m.MessageID] = text
	}
	for i, m := range []int64{3, 5} { // bob fetched what he had missed
		h.Told = append(h.Told, Told{
			Observer: "bob/raw", User: "bob", Room: room, Epoch: 1, How: Synced, Seq: m, After: 2, Message: messages[m], Frame: view[messages[m].MessageID],
		})
		if i == 0 {
			h.Told = append(h.Told, Told{Observer: "bob/raw", User: "bob", Room: room, Epoch: 1, How: Synced, Seq: 4, After: 2, Kind: chat.MemberJoined})
		}
	}
	h.Heads = []Head{{"bob/raw", room, 1, 3}}
	h.Pages = []Page{
		{User: "bob", Room: room, Query: chat.PageQuery{Limit: 5}, Call: clock + 10, Return: clock + 15, Messages: newest},
		{User: "ann", Room: room, Query: chat.PageQuery{After: new(int64), Limit: 2}, Call: clock + 10, Return: clock + 15, Messages: slices.Clone(newest[:2]), More: [2]bool{false, true}},
	}
	for _, user := range []string{"ann", "bob"} {
		own := map[string]string{}
		for id, text := range view {
			own[id] = text
		}
		h.Views = append(h.Views, View{Observer: user + "/raw", User: user, Room: room, Position: 12, Messages: own})
	}
	h.Views = append(h.Views, View{Observer: "cat/raw", User: "cat", Room: room, Position: 10, Gone: true, Messages: map[string]string{"m5": view["m5"]}})
	return h
}

func TestHonest(t *testing.T) {
	h := honest(t)
	for _, v := range append(Check(h), Linear(h, "r", time.Minute)...) {
		t.Error(v)
	}
}

// TestHonestAgain: where whoever tells may die over it, numbers come again, and answers to repeats come early.
func TestHonestAgain(t *testing.T) {
	h := honest(t)
	h.Retells = true
	i := live(h, "bob/raw", 8)
	early := h.Told[live(h, "bob/raw", 11)]
	early.Answer = true
	h.Told = slices.Insert(h.Told, i+1, h.Told[live(h, "bob/raw", 7)], h.Told[i], early)
	// An edit comes again when its message is deleted already: with its own number, and without the text.
	i = live(h, "bob/raw", 6)
	again := h.Told[i]
	m := *again.Message
	m.Content, m.DeletedAt = "", 13
	again.Message, again.Frame = &m, string(marshal(&m))
	h.Told = slices.Insert(h.Told, i+1, again)
	h.Ops = append(h.Ops, Op{User: "ann", Room: "r", Kind: Delete, ID: m.MessageID, Outcome: Unknown})
	for _, v := range Check(h) {
		t.Error(v)
	}
	if n := Retold(h); n != 3 {
		t.Errorf("%d are counted as told again", n)
	}
}

// live returns the place of what an observer was told live.
func live(h *History, observer string, seq int64) int {
	return slices.IndexFunc(h.Told, func(t Told) bool { return t.Observer == observer && t.How == Live && t.Seq == seq })
}

// TestPlanted breaks one promise after another: each must be found.
func TestPlanted(t *testing.T) {
	for _, c := range []struct {
		name  string
		want  Kind
		plant func(h *History)
	}{
		{"an entry is gone", Hole, func(h *History) { h.Logs[0].Changes = slices.Delete(h.Logs[0].Changes, 3, 4) }},
		{"a number is taken twice", Hole, func(h *History) { h.Logs[0].Changes[6].Seq = 9 }},
		{"the head is ahead", Hole, func(h *History) { h.Logs[0].Room.HeadSeq++ }},
		{"a change is nowhere", Hole, func(h *History) { h.Logs[0].Messages[1].UpdatedSeq = 7 }},
		{"an acknowledged message is not stored", Lost, func(h *History) {
			h.Logs[0].Messages = h.Logs[0].Messages[:4]
			h.Logs[0].Served = h.Logs[0].Served[:4]
			h.Logs[0].Room.HeadSeq--
		}},
		{"an acknowledged edit is not stored", Lost, func(h *History) {
			h.Logs[0].Messages[0].UpdatedSeq, h.Logs[0].Messages[0].EditedAt, h.Logs[0].Messages[0].Content = 0, 0, "one"
		}},
		{"an acknowledged edit was replaced in its place", Lost, func(h *History) {
			h.Ops = append(h.Ops, Op{User: "ann", Room: "r", Kind: Edit, ID: "m3", Content: "other"})
			h.Logs[0].Messages[0].Content = "other"
		}},
		{"an acknowledged deletion is not stored", Lost, func(h *History) {
			m := &h.Logs[0].Messages[2]
			m.DeletedAt, m.Content = 0, "three"
		}},
		{"an acknowledgement names another number", Altered, func(h *History) { h.Ops[0].Message.Seq = 4 }},
		{"a message is stored twice", Doubled, func(h *History) { h.Logs[0].Messages[4].ClientMessageID, h.Logs[0].Messages[4].UserID = "c11", "bob" }},
		{"a message nobody sent", Invented, func(h *History) { h.Ops = h.Ops[:len(h.Ops)-1] }},
		{"a message that was refused", Invented, func(h *History) { h.Ops[len(h.Ops)-1].Outcome = Refused }},
		{"a content nobody wrote", Invented, func(h *History) { h.Logs[0].Messages[1].Content = "twp" }},
		{"a writer who is not a member", Leaked, func(h *History) {
			m := &h.Logs[0].Messages[3]
			m.UserID = "cat"
			h.Ops = append(h.Ops, Op{User: "cat", Room: "r", Kind: Send, ID: m.ClientMessageID, Content: m.Content})
		}},
		{"the log turns the order round", Reordered, func(h *History) { h.Ops[0].Message.Seq, h.Ops[1].Message.Seq = 5, 3 }},
		{"a change was not told", Skipped, func(h *History) { i := live(h, "bob/raw", 8); h.Told = slices.Delete(h.Told, i, i+1) }},
		{"the first after the head was not told", Skipped, func(h *History) { i := live(h, "bob/raw", 4); h.Told = slices.Delete(h.Told, i, i+1) }},
		{"a sync leaves something out", Skipped, func(h *History) {
			i := slices.IndexFunc(h.Told, func(t Told) bool { return t.How == Synced && t.Seq == 4 })
			h.Told = slices.Delete(h.Told, i, i+1)
		}},
		{"a change was told twice", Repeated, func(h *History) { i := live(h, "bob/raw", 8); h.Told = slices.Insert(h.Told, i, h.Told[i]) }},
		{"two changes came the wrong way round", Disordered, func(h *History) {
			i, j := live(h, "ann/raw", 11), live(h, "ann/raw", 12)
			h.Told[i], h.Told[j] = h.Told[j], h.Told[i]
		}},
		{"two changes came the wrong way round, where numbers may come again", Disordered, func(h *History) {
			h.Retells = true
			i, j := live(h, "ann/raw", 11), live(h, "ann/raw", 12)
			h.Told[i], h.Told[j] = h.Told[j], h.Told[i]
		}},
		{"a change was not told, where numbers may come again", Skipped, func(h *History) {
			h.Retells = true
			i := live(h, "bob/raw", 8)
			h.Told = slices.Delete(h.Told, i, i+1)
		}},
		{"one who was removed heard on", Leaked, func(h *History) {
			told := h.Told[live(h, "ann/raw", 11)]
			told.Observer, told.User = "cat/raw", "cat"
			h.Told = append(h.Told, told)
		}},
		{"one heard live what was before their time", Leaked, func(h *History) {
			told := h.Told[live(h, "ann/raw", 5)]
			told.Observer, told.User, told.Epoch = "cat/raw", "cat", 0
			h.Told = append(h.Told, told)
		}},
		{"one who was removed was synced on", Leaked, func(h *History) {
			told := h.Told[live(h, "ann/raw", 11)]
			told.Observer, told.User, told.How, told.After = "cat/raw", "cat", Synced, 10
			h.Told = append(h.Told, told)
		}},
		{"two were told differently", Altered, func(h *History) { h.Told[live(h, "bob/raw", 8)].Frame += " " }},
		{"two were told differently, where numbers may come again", Altered, func(h *History) {
			h.Retells = true
			h.Told[live(h, "bob/raw", 6)].Frame += " "
		}},
		{"a message was told that is not there", Altered, func(h *History) { h.Told[live(h, "bob/raw", 8)].Message.MessageID = "other" }},
		{"another kind of change was told", Altered, func(h *History) { h.Told[live(h, "ann/raw", 7)].Kind = chat.MemberLeft }},
		{"a content was told that nobody wrote", Invented, func(h *History) { h.Told[live(h, "bob/raw", 8)].Message.Content = "thr" }},
		{"a page leaves a message out", Incomplete, func(h *History) { h.Pages[0].Messages = slices.Delete(h.Pages[0].Messages, 2, 3) }},
		{"a page begins late", Incomplete, func(h *History) { h.Pages[1].Messages = h.Pages[1].Messages[1:] }},
		{"a page is not in order", Disordered, func(h *History) { m := h.Pages[0].Messages; m[0], m[1] = m[1], m[0] }},
		{"a page shows another message", Altered, func(h *History) { h.Pages[0].Messages[1].UserID = "ann" }},
		{"a page shows what nobody wrote", Invented, func(h *History) { h.Pages[0].Messages[1].Content = "twp" }},
		{"a stranger reads", Leaked, func(h *History) { h.Pages[0].User = "dan" }},
		{"one who was removed reads on", Leaked, func(h *History) { h.Pages[0].User = "cat" }},
		{"one who was removed reads what was before", Leaked, func(h *History) {
			h.Away = []Away{{"cat", "r", 50, math.MaxInt64}}
			h.Pages[1].User = "cat"
		}},
		{"one who was removed is synced what was before", Leaked, func(h *History) {
			h.Away = []Away{{"cat", "r", 50, 100}}
			told := h.Told[live(h, "bob/raw", 8)]
			told.Observer, told.User, told.How, told.After, told.Call, told.Return = "cat/raw", "cat", Synced, 7, 51, 99
			h.Told = append(h.Told, told)
		}},
		{"a read misses an acknowledged message", Stale, func(h *History) { h.Pages[0].Messages = h.Pages[0].Messages[:4] }},
		{"a read misses an acknowledged edit", Stale, func(h *History) {
			m := &h.Pages[0].Messages[0]
			m.UpdatedSeq, m.EditedAt, m.Content = 0, 0, "one"
		}},
		{"a client is behind", Behind, func(h *History) { h.Views[0].Position-- }},
		{"a client does not know that it was removed", Behind, func(h *History) { h.Views[2].Gone = false }},
		{"a client believes it was removed", Behind, func(h *History) { h.Views[0].Gone = true }},
		{"a timeline lacks a message", Differs, func(h *History) { delete(h.Views[0].Messages, "m5") }},
		{"a timeline has one too many", Differs, func(h *History) { h.Views[0].Messages["m6"] = "{}" }},
		{"a timeline has one byte wrong", Differs, func(h *History) { h.Views[0].Messages["m5"] += " " }},
		{"one who was removed holds what came after", Leaked, func(h *History) { h.Views[2].Messages["m11"] = "{}" }},
		{"the history serves less", Differs, func(h *History) { h.Logs[0].Served = h.Logs[0].Served[:4] }},
		{"the history serves something else", Differs, func(h *History) { h.Logs[0].Served[1] = h.Logs[0].Served[2] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := honest(t)
			c.plant(h)
			found := Check(h)
			if !slices.ContainsFunc(found, func(v Violation) bool { return v.Kind == c.want }) {
				t.Errorf("not found; but %v", found)
			}
		})
	}
}

// TestPlantedLinear plants answers that no order explains, and one that only concurrency does.
func TestPlantedLinear(t *testing.T) {
	for _, c := range []struct {
		name  string
		want  bool
		plant func(h *History)
	}{
		{"a read misses the newest", true, func(h *History) { h.Pages[0].Messages = h.Pages[0].Messages[:4] }},
		{"a read has an older text", true, func(h *History) { h.Pages[0].Messages[0].Content = "one" }},
		{"a read has two the wrong way round", true, func(h *History) { m := h.Pages[0].Messages; m[3], m[4] = m[4], m[3] }},
		{"a read shows what was deleted", true, func(h *History) { h.Pages[0].Messages[2].DeletedAt, h.Pages[0].Messages[2].Content = 0, "three" }},
		{"a read has what was refused", true, func(h *History) { h.Ops[1].Outcome = Refused }},
		{"the newest was still on its way", false, func(h *History) {
			h.Pages[0].Messages = h.Pages[0].Messages[:4]
			h.Ops[len(h.Ops)-1].Return = h.Pages[0].Return
		}},
		{"the newest was never answered, and is there", false, func(h *History) { h.Ops[len(h.Ops)-1].Outcome = Unknown }},
		{"the newest was never answered, and is not there", false, func(h *History) {
			h.Pages[0].Messages = h.Pages[0].Messages[:4]
			h.Ops[len(h.Ops)-1].Outcome = Unknown
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := honest(t)
			c.plant(h)
			if found := Linear(h, "r", time.Minute); (len(found) > 0) != c.want {
				t.Errorf("found %v", found)
			}
		})
	}
}
