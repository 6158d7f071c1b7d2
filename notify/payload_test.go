package notify

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCut(t *testing.T) {
	family := "👩‍👩‍👧‍👦" // one character of 25 bytes
	tests := []struct {
		body  string
		limit int // bytes left for the body
		want  string
	}{
		{"short", 10, "short"},
		{"long enough", 10, "long en…"},
		{"word word", 8, "word…"},
		{strings.Repeat(family, 3), 60, family + family + "…"},
		{"e\u0301e\u0301e\u0301", 8, "e\u0301…"},
		{`""""""`, 9, `"""…`},
		{"a" + strings.Repeat("\u0301", 4000), 10, "a\u0301\u0301\u0301…"},
		{"\u2028\u2028", 9, "\u2028…"},
	}
	for _, tt := range tests {
		p := payload{Notification: notification{Title: "t"}}
		rest, err := p.encode(maxPayload)
		if err != nil {
			t.Fatal(err)
		}
		p.Notification.Body = tt.body
		out, err := p.encode(len(rest) + tt.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got payload
		if err := json.Unmarshal(out, &got); err != nil || got.Notification.Body != tt.want || len(out) > len(rest)+tt.limit {
			t.Errorf("%.20q in %d bytes: %q, %d bytes, %v", tt.body, tt.limit, got.Notification.Body, len(out)-len(rest), err)
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("hello \"world\"\n\u2028", 20)
	f.Add("👩‍👩‍👧‍👦a\u0301\x00\xff", 7)
	f.Fuzz(func(t *testing.T, body string, room int) {
		p := payload{RoomID: "r", Notification: notification{Title: "t", Body: body}}
		empty, err := payload{RoomID: "r", Notification: notification{Title: "t"}}.encode(maxPayload)
		if err != nil {
			t.Fatal(err)
		}
		limit := len(empty) + 3 + max(0, room%4000)
		out, err := p.encode(limit)
		if err != nil || len(out) > limit || !json.Valid(out) || !utf8.Valid(out) {
			t.Fatalf("%d of %d bytes: %q, %v", len(out), limit, out, err)
		}
	})
}

func TestLanguage(t *testing.T) {
	for tag, want := range map[string]string{"": "", "de": "de", "de-AT,de;q=0.9,en;q=0.8": "de", "DE;q=1": "de", "en-GB": "en", "fr": "en", "den": "en", "*": "en"} {
		if got := language(tag); got != want {
			t.Errorf("%q: %q, want %q", tag, got, want)
		}
	}
}
