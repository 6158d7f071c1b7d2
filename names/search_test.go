package names_test

import (
	"hash/fnv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"parley/chat"
	"parley/names"
)

func TestSearchKey(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "",
		"plain text, 7 words":             "plain text, 7 words",
		"Hello  World\n\tAgain":           "hello world again",
		"Straße STRASSE Maß":              "strasse strasse mass",
		"Über Uber U\u0308ber":            "uber uber uber",
		"Crème brûlée, Ångström, Łódź":    "creme brulee, angstrom, łodz",
		"İstanbul ISTANBUL ıstanbul":      "istanbul istanbul istanbul", // Turkish: dotted and dotless
		"ΟΔΥΣΣΕΥΣ Οδυσσεύς":               "οδυσσευσ οδυσσευσ",          // Greek: the sigma at the end of a word
		"Ёлка елка":                       "елка елка",
		"か が カ ガ ｶﾞ か\u3099":              "か が カ ガ ガ が", // Japanese: dakuten count, however they are written
		"東京都　渋谷区":                         "東京都 渋谷区",
		"Ｆｕｌｌ　Ｗｉｄｔｈ　１２３":                  "full width 123",
		"今天天气很好。":                         "今天天气很好。",
		"한국어 한국어":                         "한국어 한국어", // Korean: composed and not
		"हिन्दी में क\u093c":              "हिन्दी में क\u093c",
		"ภาษาไทย น้ำ":                     "ภาษาไทย น\u0e49\u0e4dา",
		"السلام \ufe8d\ufedf\ufeb4\ufefc": "السلام السلا",
		"می\u200cخواهم":                   "میخواهم",
		"שָׁלוֹם":                         "שָׁלוֹם",
		"👨\u200d👩\u200d👧 ❤\ufe0f 🚀":       "👨👩👧 ❤ 🚀",
		"ﬁne ½ ™ ①":                       "fine 1⁄2 tm 1",
		"co\u00adop zero\u200bwidth":      "coop zerowidth",
		"a\u00a0\u2003\u3000 b":           "a b",
		"\u212bngstro\u0308m \u212a":      "angstrom k",
		"ẞ ŉ ǰ":                           "ss ʼn j",
	} {
		if got := (names.Precis{}).SearchKey(in); got != want {
			t.Errorf("SearchKey(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestSearchFinds: what people type is in what they look for, and not in what is something else to them.
func TestSearchFinds(t *testing.T) {
	for _, c := range []struct {
		typed, text string
		found       bool
	}{
		{"strasse", "Die Straße ist lang", true}, {"STRASSE", "straße", true}, {"uber", "Über uns", true}, {"über", "UBER", true},
		{"istanbul", "İSTANBUL", true}, {"IRMAK", "ırmak", true}, {"σοφος", "ΣΟΦΟΣ", true}, {"ΣΟΦΟΣ", "σοφός", true},
		{"東京", "明日東京へ行きます", true}, {"天气", "今天天气很好", true}, {"京東", "明日東京へ行きます", false},
		{"か", "が", false}, {"ガ", "ｶﾞｷﾞ", true}, {"はは", "ぱぱ", false},
		{"हिन्दी", "मैं हिन्दी बोलता हूँ", true}, {"हन्द", "हिन्दी", false}, {"ภาษา", "ผมพูดภาษาไทย", true}, {"น้ำ", "ดื่มน้ำเยอะๆ", true},
		{"سلام", "السلام عليكم", true}, {"abc", "ＡＢＣ", true}, {"🚀", "go 🚀!", true}, {"👩", "👨\u200d👩\u200d👧", true}, {"❤", "❤\ufe0f", true},
		{"하", "한국", false}, {"한국", "한국어", true}, {"e", "é", true}, {"fi", "ﬁne", true},
	} {
		n := names.Precis{}
		if got := strings.Contains(n.SearchKey(c.text), n.SearchKey(c.typed)); got != c.found {
			t.Errorf("%q in %q: %v, want %v", c.typed, c.text, got, c.found)
		}
	}
}

// FuzzSearchKey: a key is its own key, without capitals, accents or anything invisible, and with single spaces.
func FuzzSearchKey(f *testing.F) {
	for _, s := range []string{"Straße", "İı", "ΣΣς", "が ｶﾞ", "한", "क्\u200dष", "\u0345\u0391\u0345", "\ufdfa", "a\u0300\u3099", "\u1e9b\u0323", "\u00b4 \u00a8", "❤\ufe0f", "\u0f73\u0f75", "ǰ\u0345"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		n := names.Precis{}
		key := n.SearchKey(s)
		if again := n.SearchKey(key); again != key {
			t.Fatalf("key of %q is %q, and of that %q", s, key, again)
		}
		if !utf8.ValidString(key) || strings.Contains(key, "  ") {
			t.Fatalf("SearchKey(%q) = %q", s, key)
		}
		for _, r := range key {
			if r >= 0x300 && r <= 0x36f || unicode.IsSpace(r) && r != ' ' || unicode.Is(unicode.Cf, r) || 'A' <= r && r <= 'Z' {
				t.Fatalf("SearchKey(%q) = %q has %U", s, key, r)
			}
		}
		if upper := n.SearchKey(n.SearchKey(strings.ToUpper(key))); n.SearchKey(upper) != upper {
			t.Fatalf("key of %q in capitals is %q", key, upper)
		}
	})
}

// TestSearchKeyIsTheSame: digests that were kept hold what SearchKey returned then. If it returns something else now, be it
// because of a newer Unicode, then chat.DigestForm must be raised, and the sum here be replaced.
func TestSearchKeyIsTheSame(t *testing.T) {
	sum := fnv.New64a()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if utf8.ValidRune(r) {
			_, _ = sum.Write([]byte(names.Precis{}.SearchKey(string(r) + "a" + string(r)))) // never fails
		}
	}
	if got := sum.Sum64(); chat.DigestForm != 1 || got != 0xf5840b07c82e8033 {
		t.Errorf("form %d has the sum %#x", chat.DigestForm, got)
	}
}
