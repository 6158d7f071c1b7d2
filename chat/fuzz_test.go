package chat_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"parley/chat"
)

// FuzzParseContent: what passes is clean and passes again as it is; what does not is refused with a code.
func FuzzParseContent(f *testing.F) {
	for _, s := range []string{"", " ", "hello", " a\r\nb\r", "\xff", "a\x00", "\u2028", "\u00a0x\u3000", strings.Repeat("ä", 4097), "\x7f", "\r\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out, err := chat.ParseContent(s)
		if err != nil {
			if code := chat.CodeOf(err); code != chat.InvalidRequest && code != chat.TooLarge {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if out == "" || len(out) > chat.MaxContent || !utf8.ValidString(out) || strings.TrimSpace(out) != out || strings.ContainsAny(out, "\x00\r\x1b\x7f") {
			t.Fatalf("%q passes as %q", s, out)
		}
		if again, err := chat.ParseContent(out); err != nil || again != out {
			t.Fatalf("%q passes as %q, and that as %q, %v", s, out, again, err)
		}
	})
}

// FuzzMessageID: a message id is a ULID of its moment and carries its number; from anything else no harm comes.
func FuzzMessageID(f *testing.F) {
	f.Add(int64(0), int64(1), "")
	f.Add(int64(1<<48-1), int64(1<<40-1), "01ARZ3NDEKTSV4RRFFQ69G5FAV")
	f.Add(time.Now().UnixMilli(), int64(77), "81ARZ3NDEKTSV4RRFFQ69G5FAV")
	f.Add(int64(5), int64(5), "01arz3ndektsv4rrffq69g5fav")
	f.Fuzz(func(t *testing.T, at, seq int64, s string) {
		at, seq = at&(1<<48-1), seq&(1<<40-1)
		id := chat.NewMessageID(at, seq)
		if got, ok := chat.MessageSeq(id); !ok || got != seq {
			t.Fatalf("%s carries %d, want %d", id, got, seq)
		}
		parsed, err := ulid.ParseStrict(id)
		if err != nil || int64(parsed.Time()) != at {
			t.Fatalf("%s: time %d, %v, want %d", id, parsed.Time(), err, at)
		}
		if got, ok := chat.MessageSeq(s); ok && (got < 0 || got >= 1<<40 || len(s) != 26) {
			t.Fatalf("%q carries %d", s, got)
		}
	})
}

// FuzzCursor gives anything as a cursor to every paged list: it is refused, or leads to a part of that very list.
func FuzzCursor(f *testing.F) {
	h := newHouse(f, "anna", "anton", "berta", "bruno")
	mine := h.room(chat.Private, "u-anna", "u-anton", "u-berta")
	theirs := h.room(chat.Private, "u-bruno", "u-berta")
	h.room(chat.Public, "u-bruno")
	for _, text := range []string{"one", "two", "three"} {
		h.say("u-anna", mine, text)
		h.say("u-berta", mine, text)
		h.say("u-berta", theirs, "hidden "+text)
	}
	lists := []func(cursor string) (string, error){
		func(cursor string) (string, error) {
			_, next, err := h.svc.Members(h.ctx, "u-anna", mine, cursor, 1)
			return next, err
		},
		func(cursor string) (string, error) {
			msgs, next, err := h.svc.UserMessages(h.ctx, "u-anna", "u-berta", cursor, 1)
			for _, m := range msgs {
				if m.RoomID != mine || m.UserID != "u-berta" {
					h.t.Errorf("cursor %q shows a message of %s in %s", cursor, m.UserID, m.RoomID)
				}
			}
			return next, err
		},
		func(cursor string) (string, error) {
			found, next, err := h.svc.SearchUsers(h.ctx, "an", cursor, 1)
			for _, u := range found {
				if u.UserID != "u-anna" && u.UserID != "u-anton" {
					h.t.Errorf("cursor %q shows %s", cursor, u.UserID)
				}
			}
			return next, err
		},
		func(cursor string) (string, error) {
			rooms, next, err := h.svc.PublicRooms(h.ctx, "u-anna", "", cursor, 1)
			for _, r := range rooms {
				if r.Kind != chat.Public {
					h.t.Errorf("cursor %q shows a %s room", cursor, r.Kind)
				}
			}
			return next, err
		},
		func(cursor string) (string, error) {
			p, err := h.svc.Search(h.ctx, "u-anna", chat.SearchQuery{Text: "o", Cursor: cursor, Limit: 1})
			for _, m := range p.Messages {
				if m.RoomID != mine {
					h.t.Errorf("cursor %q shows a message in %s", cursor, m.RoomID)
				}
			}
			return p.Cursor, err
		},
	}
	for _, list := range lists {
		next, err := list("")
		h.ok(err)
		f.Add(next)
	}
	for _, s := range []string{"", "!", "AAAA", "\x00", "====", "_-_-", base64.RawURLEncoding.EncodeToString([]byte("\x00\x01\xff"))} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		h.t = t
		for i, list := range lists {
			if _, err := list(cursor); err != nil && chat.CodeOf(err) != chat.InvalidRequest {
				t.Fatalf("list %d with cursor %q: %v", i, cursor, err)
			}
		}
	})
}
