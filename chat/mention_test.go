package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/chat"
)

func TestParseMentions(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "[]",
		"hello":                         "[]",
		"@ann":                          "[ann]",
		"hello @Ann, and @bob!":         "[ann bob]",
		"(@ann) *@bob* _@cid_":          "[ann bob cid_]",
		"@ann @ann @ANN":                "[ann]",
		"@ann.":                         "[ann.]",
		"@ann.smith-1_x":                "[ann.smith-1_x]",
		"mail ann@example.org":          "[]",
		"x@ann":                         "[]",
		"こんにちは@ann":                     "[ann]",
		"@@ann":                         "[ann]",
		"@":                             "[]",
		"@...":                          "[]",
		"@an.":                          "[]",
		"@an":                           "[]",
		"@room now":                     "[] room",
		"@here, you!":                   "[] here",
		"@Room":                         "[] room",
		"@roomy @heres":                 "[roomy heres]",
		"`@ann` @bob":                   "[bob]",
		"``a ` @ann`` @bob":             "[bob]",
		"`@ann @bob":                    "[ann bob]",
		"`a\n\n@ann ` b":                "[ann]",
		"```\n@ann\n```\n@bob":          "[bob]",
		"```go\n@ann\n\n@room":          "[]",
		"~~~\n@ann\n```\n~~~\n@b_b":     "[b_b]",
		"````\n@ann\n```\n````\n@bob":   "[bob]",
		"x\n   ```\n@ann\n   ```\n@bob": "[bob]",
		"``` a ` b @ann":                "[ann]",
		"@" + strings.Repeat("x", 33):   "[]",
		"@" + strings.Repeat("x", 32):   "[" + strings.Repeat("x", 32) + "]",
	} {
		names, room, here := chat.ParseMentions(text)
		got := fmt.Sprint(names)
		if names == nil {
			got = "[]"
		}
		if room {
			got += " room"
		}
		if here {
			got += " here"
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// TestParseMentionsIsBounded: texts made to be slow are not.
func TestParseMentionsIsBounded(t *testing.T) {
	var many, ticks strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&many, "@user%d ", i)
	}
	for i := 1; ticks.Len() < chat.MaxContent; i++ {
		ticks.WriteString(strings.Repeat("`", i) + "@a ")
	}
	for name, text := range map[string]string{
		"names": many.String(), "ticks": ticks.String(), "at": strings.Repeat("@", 100_000), "tick and at": strings.Repeat("`@", 50_000),
		"fences": strings.Repeat("```\n", 25_000) + "@ann", "lines": strings.Repeat("\n`\n@", 25_000), "one name": strings.Repeat("@ann.", 20_000),
	} {
		began := time.Now()
		names, _, _ := chat.ParseMentions(text)
		if len(names) > chat.MaxMentions {
			t.Errorf("%s: %d names", name, len(names))
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

func FuzzParseMentions(f *testing.F) {
	for _, s := range []string{"@ann", "`@ann`", "```\n@ann\n```", "~~~ @ann", "a@b", "@ann.@room", "``a ` @ann``"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		names, room, here := chat.ParseMentions(s)
		lower := strings.ToLower(s)
		for _, n := range names {
			if !strings.Contains(lower, "@"+n) || len(n) < chat.MinUsername || len(n) > chat.MaxUsername {
				t.Errorf("%q in %q", n, s)
			}
		}
		if len(names) > chat.MaxMentions || room && !strings.Contains(lower, "@room") || here && !strings.Contains(lower, "@here") {
			t.Errorf("%q: %q, %v, %v", s, names, room, here)
		}
	})
}
