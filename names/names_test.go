package names_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"parley/chat"
	"parley/names"
)

var _ chat.Names = names.Precis{}

func TestUsernamesThatLookAlikeAreOne(t *testing.T) {
	for _, s := range []string{"alice", "Alice", "ALICE", "ａｌｉｃｅ", "Ａlice"} {
		got, err := chat.ParseUsername(names.Precis{}, s)
		if err != nil || got != "alice" {
			t.Errorf("%q: got %q, %v; want alice", s, got, err)
		}
	}
	if got, err := chat.ParseUsername(names.Precis{}, "\u212aim"); err != nil || got != "kim" { // Kelvin sign
		t.Errorf("Kelvin sign: got %q, %v; want kim", got, err)
	}
}

func TestUsernamesRefused(t *testing.T) {
	for _, s := range []string{
		"", "ab", strings.Repeat("a", 33), strings.Repeat("a", names.MaxInput+1),
		"аlice",       // Cyrillic a
		"al\u0131ce",  // dotless i
		"ali\u200bce", // zero width space
		"ali\u200dce", // zero width joiner
		"\u202ealice", // right-to-left override
		"ali ce", "alice\x00", "ali#ce", "a/b/c", "straße", "al\xffice", "ﬁne", "①②③",
	} {
		if got, err := chat.ParseUsername(names.Precis{}, s); err == nil {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func TestNicknames(t *testing.T) {
	for _, c := range []struct{ in, shown, key string }{
		{"Anna Müller", "Anna Müller", "anna müller"},
		{"  Anna \u3000 Mu\u0308ller ", "Anna Müller", "anna müller"},
		{"Ａｎｎａ", "Anna", "anna"},
		{"ﬁne", "fine", "fine"},
		{"Anna ❤\ufe0f", "Anna ❤", "anna ❤"},
		{"山田 太郎", "山田 太郎", "山田 太郎"},
		{"🚀 Team", "🚀 Team", "🚀 team"},
		{"\u212aim", "Kim", "kim"},
		{"\u03f9", "Σ", "σ"}, // lunate sigma
	} {
		shown, err := names.Precis{}.Nickname(c.in)
		if err != nil || shown != c.shown {
			t.Errorf("Nickname(%q) = %q, %v; want %q", c.in, shown, err, c.shown)
		}
		key, err := names.Precis{}.NicknameKey(c.in)
		if err != nil || key != c.key {
			t.Errorf("NicknameKey(%q) = %q, %v; want %q", c.in, key, err, c.key)
		}
	}
	for _, s := range []string{"", "   ", "\ufe0f", "a\u200bb", "\u202eanna", "anna\x07", "an\nna", "\xff", strings.Repeat("a", names.MaxInput+1)} {
		if got, err := (names.Precis{}).Nickname(s); err == nil {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// FuzzNames: what is accepted is its own normal form, without anything invisible, and its key is the same.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"Alice", "ａｌｉｃｅ", "\u212a", "  a  b ", "ﷺ", "\u1e9b\u0323", "\ufe0f", "İ", "ǰ", "\u0345", "a\u200db", "क्\u200dष", "\u03f9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := names.Precis{}
		for name, apply := range map[string]func(string) (string, error){"Username": n.Username, "Nickname": n.Nickname, "NicknameKey": n.NicknameKey} {
			out, err := apply(s)
			if err != nil {
				continue
			}
			if !utf8.ValidString(out) || out == "" || strings.ContainsFunc(out, unicode.IsControl) {
				t.Fatalf("%s(%q) = %q", name, s, out)
			}
			if again, err := apply(out); err != nil || again != out {
				t.Fatalf("%s(%q) = %q, but again %q, %v", name, s, out, again, err)
			}
		}
		if shown, err := n.Nickname(s); err == nil {
			a, errA := n.NicknameKey(s)
			b, errB := n.NicknameKey(shown)
			if (errA == nil) != (errB == nil) || a != b {
				t.Fatalf("key of %q is %q (%v), of its shown form %q it is %q (%v)", s, a, errA, shown, b, errB)
			}
		}
	})
}
