package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/protocol"
)

var update = flag.Bool("update", false, "write the golden files anew")

func sample() *chat.Message {
	return &chat.Message{
		RoomID: "r1", Seq: 12, UpdatedSeq: 14, MessageID: "01JD9QZ0000000000000000012", UserID: "u1", Username: "ada",
		Content: "Grüße, \"Welt\" <&>\n\tvon \\ mir 👋", CreatedAt: 1764000000000, ClientMessageID: "c-1", EditedAt: 1764000005000,
		ReplyTo: "01JD9QZ0000000000000000011", Reactions: chat.Reactions{{Emoji: "👍", UserIDs: []string{"u2", "u1"}}, {Emoji: "🎉", UserIDs: []string{"u3"}}}, Mentions: []string{"u2"},
		Attachments: []chat.Attachment{{FileID: "f1", Filename: "a b.png", ContentType: "image/png", Size: 1234, Width: 40, Height: 30, Thumbnail: true}},
	}
}

func plain() *chat.Message {
	return &chat.Message{RoomID: "r1", Seq: 1, MessageID: "01JD9QZ0000000000000000001", UserID: "u1", Username: "ada", Content: "hi", CreatedAt: 1764000000000, ClientMessageID: "c-1"}
}

// The golden files are the frames as clients see them: a change of one is a change of the contract.
func TestGolden(t *testing.T) {
	room := &chat.Room{RoomID: "r1", Kind: chat.Public, Name: "General", Topic: "all", CreatedBy: "u1", CreatedAt: 1764000000000, HeadSeq: 2}
	joined := &chat.Membership{RoomID: "r1", UserID: "u2", Role: chat.Member, JoinedAt: 1764000000001}
	events := []chat.Event{{NewMessage: plain()}, {Room: &chat.RoomEvent{Seq: 2, Change: chat.MemberJoined, By: "u2", At: 1764000000001, Room: room, Membership: joined}}}
	event := func(e chat.Event) []byte { return protocol.AppendEvent(nil, &e) }
	for name, got := range map[string][]byte{
		"ack":            protocol.AppendAck(nil, "7", plain()),
		"ack-markRead":   protocol.AppendDone(nil, "8"),
		"newMessage":     event(chat.Event{NewMessage: plain()}),
		"messageUpdated": event(chat.Event{Updated: sample()}),
		"room-created":   event(chat.Event{Room: &chat.RoomEvent{Seq: 1, Change: chat.RoomCreated, By: "u1", At: 1764000000000, Room: room}}),
		"room-joined":    event(events[1]),
		"presence":       event(chat.Event{Presence: &chat.Presence{UserID: "u1", Online: true, LastSeen: 1764000000000}}),
		"typing":         event(chat.Event{Typing: &chat.Typing{RoomID: "r1", UserID: "u1"}}),
		"read":           event(chat.Event{Read: &chat.Read{RoomID: "r1", UserID: "u1", Seq: 12}}),
		"notification":   event(chat.Event{Notified: &chat.Notification{Kind: chat.NoticeReply, Message: plain()}}),
		"error":          protocol.AppendError(nil, "9", &chat.Error{Code: chat.InvalidRequest, Message: "A message needs a text.", Field: "content", Cause: errors.New("secret")}),
		"error-limited":  protocol.AppendError(nil, "", &chat.Error{Code: chat.RateLimited, Message: "Slower, please.", RetryAfter: 1500*time.Millisecond + 1}),
		"error-internal": protocol.AppendError(nil, "9", errors.New("secret")),
		"pong":           protocol.Pongs("a \"b\"", map[string]int64{"r2": 3, "r1": 12})[0],
		"messageHistory": protocol.AppendHistory(nil, "10", "r1", chat.PageQuery{}, chat.MessagePage{Messages: []chat.Message{*plain(), *sample()}, HasMoreBefore: true}),
		"history-empty":  protocol.AppendHistory(nil, "10", "r1", chat.PageQuery{}, chat.MessagePage{}),
		"clients":        protocol.AppendClients(nil, "11", []chat.Client{{UserID: "u1", Username: "ada", Online: true, LastSeen: 5}, {UserID: "u2", Username: "bob"}}),
		"synced": protocol.AppendSynced(nil, "12", []chat.RoomSync{{RoomID: "r1", HeadSeq: 9, Events: events, Complete: true, More: true},
			{RoomID: "r2", HeadSeq: 4000}, {RoomID: "r3", HeadSeq: 4, Complete: true}}),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(path, append(got, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(append(got, '\n'), want) {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, got); err != nil || !bytes.Equal(compact.Bytes(), got) {
				t.Fatalf("not compact JSON: %s (%v)", got, err)
			}
			if bytes.Contains(got, []byte("secret")) {
				t.Fatal("the cause of an error is on the wire")
			}
		})
	}
}

type history struct {
	Data struct {
		Messages                    []chat.Message
		HasMoreBefore, HasMoreAfter bool
	}
}

// A page that is too large loses the messages that the query holds on to least, and says so.
func TestHistoryFits(t *testing.T) {
	var page chat.MessagePage
	for i := range 20 {
		m := *plain()
		m.Seq, m.Content = int64(i+1), strings.Repeat("\"", 1000+i)
		page.Messages = append(page.Messages, m)
	}
	n := func(n int64) *int64 { return &n }
	for name, c := range map[string]struct {
		q             chat.PageQuery
		before, after bool
		keep          int64
	}{
		"newest": {chat.PageQuery{}, true, false, 20},
		"before": {chat.PageQuery{Before: n(21)}, true, false, 20},
		"after":  {chat.PageQuery{After: n(0)}, false, true, 1},
		"around": {chat.PageQuery{Around: n(10)}, true, true, 10},
	} {
		t.Run(name, func(t *testing.T) {
			got := protocol.AppendHistory([]byte("x"), "1", "r1", c.q, page)[1:]
			var h history
			if err := json.Unmarshal(got, &h); err != nil {
				t.Fatal(err)
			}
			if len(got) > protocol.MaxFrame || len(got) < protocol.MaxFrame-2500 {
				t.Errorf("frame of %d bytes", len(got))
			}
			if h.Data.HasMoreBefore != c.before || h.Data.HasMoreAfter != c.after {
				t.Errorf("more before, after: %v, %v", h.Data.HasMoreBefore, h.Data.HasMoreAfter)
			}
			kept := false
			for i, m := range h.Data.Messages {
				kept = kept || m.Seq == c.keep
				if i > 0 && m.Seq != h.Data.Messages[i-1].Seq+1 {
					t.Errorf("%d follows %d", m.Seq, h.Data.Messages[i-1].Seq)
				}
			}
			if !kept {
				t.Errorf("message %d is not there", c.keep)
			}
		})
	}
	page.Messages = page.Messages[:1]
	page.Messages[0].Content = strings.Repeat("\"", protocol.MaxFrame)
	if got := protocol.AppendHistory(nil, "1", "r1", chat.PageQuery{}, page); !json.Valid(got) || len(got) < protocol.MaxFrame {
		t.Error("a single message that is too large must be sent all the same")
	}
}

type synced struct {
	Data struct {
		Rooms []struct {
			RoomID  string
			HeadSeq int64
			Events  []struct {
				Data struct{ Message chat.Message }
			}
			Complete, More bool
		}
		More bool
	}
}

// A client that asks again for what was left out gets everything, once and in order, in frames that all fit.
func TestSyncedFits(t *testing.T) {
	full := map[string][]chat.Event{}
	var ids []string
	for r := range 400 {
		id := fmt.Sprintf("room-%026d", r)
		ids = append(ids, id)
		for i := range r % 7 * 3 {
			m := *plain()
			m.RoomID, m.Seq, m.Content = id, int64(i+1), strings.Repeat("\n", 1+(r*37+i*101)%8192)
			full[id] = append(full[id], chat.Event{NewMessage: &m})
		}
	}
	have := map[string]int{}
	want := ids
	for round := 0; len(want) > 0; round++ {
		if round > 3000 {
			t.Fatal("no end")
		}
		var rooms []chat.RoomSync
		for _, id := range want {
			rooms = append(rooms, chat.RoomSync{RoomID: id, HeadSeq: 99, Events: full[id][have[id]:], Complete: true})
		}
		got := protocol.AppendSynced(nil, "1", rooms)
		if len(got) > protocol.MaxFrame {
			t.Fatalf("frame of %d bytes", len(got))
		}
		var s synced
		if err := json.Unmarshal(got, &s); err != nil {
			t.Fatal(err)
		}
		again := want[len(s.Data.Rooms):]
		if s.Data.More != (len(again) > 0) {
			t.Fatalf("more is %v, %d rooms were left out", s.Data.More, len(again))
		}
		for _, r := range s.Data.Rooms {
			for _, e := range r.Events {
				if have[r.RoomID]++; e.Data.Message.Seq != int64(have[r.RoomID]) {
					t.Fatalf("%s: %d comes as number %d", r.RoomID, e.Data.Message.Seq, have[r.RoomID])
				}
			}
			if r.More {
				again = append(again, r.RoomID)
			} else if have[r.RoomID] != len(full[r.RoomID]) {
				t.Fatalf("%s: %d of %d and no more", r.RoomID, have[r.RoomID], len(full[r.RoomID]))
			}
		}
		want = again
	}
}

func TestPongsFit(t *testing.T) {
	heads := map[string]int64{}
	for i := range 2000 {
		heads[fmt.Sprintf("room-%026d", i)] = int64(i)
	}
	got := map[string]int64{}
	for _, frame := range protocol.Pongs("id", heads) {
		var f struct {
			RequestID string
			Data      struct{ Rooms map[string]int64 }
		}
		if err := json.Unmarshal(frame, &f); err != nil {
			t.Fatal(err)
		}
		if f.RequestID != "id" || len(frame) > protocol.MaxFrame {
			t.Errorf("request id %q, %d bytes", f.RequestID, len(frame))
		}
		for k, v := range f.Data.Rooms {
			got[k] = v
		}
	}
	if len(got) != len(heads) || got["room-"+fmt.Sprintf("%026d", 1999)] != 1999 {
		t.Errorf("%d of %d rooms", len(got), len(heads))
	}
	if f := protocol.Pongs("", nil); len(f) != 1 || string(f[0]) != `{"type":"pong","data":{"rooms":{}}}` {
		t.Errorf("%s", f)
	}
}

func TestClientsFit(t *testing.T) {
	got := protocol.AppendClients(nil, "1", make([]chat.Client, 2000))
	if !json.Valid(got) || len(got) > protocol.MaxFrame || !bytes.HasSuffix(got, []byte(`],"more":true}}`)) {
		t.Errorf("%d bytes, %s", len(got), got[len(got)-40:])
	}
}

func BenchmarkAppendNewMessage(b *testing.B) {
	m := plain()
	m.Content = strings.Repeat("the quick brown fox ", 5)
	e := chat.Event{NewMessage: m}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = protocol.AppendEvent(buf[:0], &e)
	}
	b.SetBytes(int64(len(buf)))
}
