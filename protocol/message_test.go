package protocol_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"parley/chat"
	"parley/protocol"
)

// text draws strings that are awkward in JSON: escapes, controls, HTML, line separators, bytes that are not UTF-8.
func text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringOf(rapid.RuneFrom([]rune("a\"\\/\n\r\t\x00\x1f\x7f<>&\u2028\u2029é😀"))),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
}

// reactions are in any order, each emoji once.
func reactions() *rapid.Generator[chat.Reactions] {
	emoji := rapid.SliceOfNDistinct(text().Filter(utf8.ValidString), 0, 3, rapid.ID)
	return rapid.Custom(func(t *rapid.T) chat.Reactions {
		var out chat.Reactions
		for _, e := range emoji.Draw(t, "emoji") {
			out = append(out, chat.Reaction{Emoji: e, UserIDs: rapid.SliceOfN(text(), 1, 3).Draw(t, "people")})
		}
		return out
	})
}

// Reactions come out of JSON in the order in which they went in, by either encoder.
func TestReactionsKeepTheirOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := chat.Message{Reactions: reactions().Draw(t, "reactions")}
		for i := range m.Reactions {
			for j, id := range m.Reactions[i].UserIDs {
				m.Reactions[i].UserIDs[j] = strings.ToValidUTF8(id, "?")
			}
		}
		slow, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{protocol.AppendMessage(nil, &m), slow} {
			var back chat.Message
			if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back.Reactions, m.Reactions) {
				t.Fatalf("%v came back from %s as %v, %v", m.Reactions, text, back.Reactions, err)
			}
		}
	})
}

func message() *rapid.Generator[chat.Message] {
	number := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64())
	attachment := rapid.Custom(func(t *rapid.T) chat.Attachment {
		return chat.Attachment{FileID: text().Draw(t, "file"), Filename: text().Draw(t, "name"), ContentType: text().Draw(t, "type"), Size: number.Draw(t, "size"),
			Width: int(number.Draw(t, "width")), Height: int(number.Draw(t, "height")), Thumbnail: rapid.Bool().Draw(t, "thumbnail")}
	})
	return rapid.Custom(func(t *rapid.T) chat.Message {
		return chat.Message{
			RoomID: text().Draw(t, "room"), Seq: number.Draw(t, "seq"), UpdatedSeq: number.Draw(t, "updated"),
			MessageID: text().Draw(t, "id"), UserID: text().Draw(t, "user"), Username: text().Draw(t, "username"),
			Content: text().Draw(t, "content"), CreatedAt: number.Draw(t, "created"), ClientMessageID: text().Draw(t, "client"),
			EditedAt: number.Draw(t, "edited"), DeletedAt: number.Draw(t, "deleted"),
			ReplyTo: text().Draw(t, "reply"), ThreadID: text().Draw(t, "thread"),
			Attachments: rapid.SliceOfN(attachment, 0, 3).Draw(t, "attachments"),
			Reactions:   reactions().Draw(t, "reactions"),
			Mentions:    rapid.SliceOfN(text(), 0, 3).Draw(t, "mentions"),
		}
	})
}

// The hand-written encoder and encoding/json agree about every message.
func TestMessageEqualsEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := message().Draw(t, "message")
		want, err := json.Marshal(withoutNil(m))
		if err != nil {
			t.Fatal(err)
		}
		got := protocol.AppendMessage(nil, &m)
		if !reflect.DeepEqual(value(t, got), value(t, want)) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}

func TestEventsEqualEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		room := &chat.RoomEvent{Seq: 1 + rapid.Int64Range(0, 99).Draw(t, "seq"), Change: chat.MemberJoined, By: text().Draw(t, "by"), At: rapid.Int64().Draw(t, "at"),
			Room:       &chat.Room{RoomID: text().Draw(t, "id"), Kind: chat.Direct, Name: text().Draw(t, "name"), Topic: text().Draw(t, "topic"), HeadSeq: 7},
			Membership: &chat.Membership{RoomID: text().Draw(t, "id"), UserID: text().Draw(t, "user"), Role: chat.Owner, JoinedAt: 5, ReadSeq: rapid.Int64().Draw(t, "read")}}
		read := &chat.Read{RoomID: text().Draw(t, "id"), UserID: text().Draw(t, "user"), Seq: rapid.Int64().Draw(t, "n")}
		m := withoutNil(message().Draw(t, "message"))
		notified := &chat.Notification{Kind: chat.NoticeMention, Message: &m}
		presence := &chat.Presence{UserID: text().Draw(t, "user"), Online: rapid.Bool().Draw(t, "online"), LastSeen: rapid.Int64().Draw(t, "seen")}
		for _, c := range []struct {
			e    chat.Event
			kind string
			data any
		}{
			{chat.Event{Room: room}, "room", room},
			{chat.Event{Read: read}, "read", read},
			{chat.Event{Presence: presence}, "presence", presence},
			{chat.Event{Notified: notified}, "notification", notified},
		} {
			want, err := json.Marshal(map[string]any{"type": c.kind, "data": c.data})
			if err != nil {
				t.Fatal(err)
			}
			if got := protocol.AppendEvent(nil, &c.e); !reflect.DeepEqual(value(t, got), value(t, want)) {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		}
	})
}

// withoutNil makes what may be missing empty, as the contract has it.
func withoutNil(m chat.Message) chat.Message {
	if m.Attachments == nil {
		m.Attachments = []chat.Attachment{}
	}
	if m.Mentions == nil {
		m.Mentions = []string{}
	}
	return m
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// value reads JSON as its value, numbers exactly.
func value(t fataler, b []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	if d.More() {
		t.Fatalf("%s: something follows", b)
	}
	return v
}

func TestMessageIsNotEscapedForHTML(t *testing.T) {
	got := string(protocol.AppendMessage(nil, &chat.Message{Content: "<b>&\u2028</b>"}))
	if want := "\"content\":\"<b>&\u2028</b>\""; !strings.Contains(got, want) {
		t.Fatalf("got %s, want in it %s", got, want)
	}
}
