package names_test

import (
	"strings"
	"testing"

	"github.com/rivo/uniseg"

	"parley/names"
)

func TestEmoji(t *testing.T) {
	for in, want := range map[string]string{
		"👍": "👍", "👍🏽": "👍🏽", "😀": "😀", "❤": "❤️", "❤️": "❤️", "❤︎": "❤️", "😀️": "😀", "☎": "☎️", "©": "©️",
		"🇩🇪": "🇩🇪", "1⃣": "1️⃣", "#️⃣": "#️⃣", "👩‍🚀": "👩‍🚀", "👨‍👩‍👧‍👦": "👨‍👩‍👧‍👦", "🏳‍🌈": "🏳️‍🌈", "🏳️‍🌈": "🏳️‍🌈",
		"👨🏻‍❤️‍💋‍👨🏼": "👨🏻‍❤️‍💋‍👨🏼", "👨🏻‍❤‍💋‍👨🏼": "👨🏻‍❤️‍💋‍👨🏼", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f": "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
	} {
		got, err := names.Precis{}.Emoji(in)
		if err != nil || got != want {
			t.Errorf("%+q: got %+q, %v; want %+q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "a", "1", "#", "+1", ":+1:", " ", " 👍", "👍 ", "👍👍", "👍a", "a👍", "👍\u0301", "\u200d", "👍\u200d", "\u200d👍", "👍\u200d\u200d👍", "\ufe0f", "\ufe0e",
		"🇩", "🇩🇪🇫", "🇩a", "🏽", "👍🏽🏽", "1️", "1⃣1⃣", "\xff", "👍\xff", "👍\x00", "\u202e👍", "👍\U000e0067\U000e007f", "🏴\U000e0067",
		"가", "é", strings.Repeat("👍", 2500), strings.Repeat("👍\u200d", 2500) + "👍", "👍" + strings.Repeat("\u0301", 5000), "<b>", "\u2028",
	} {
		if got, err := (names.Precis{}).Emoji(in); err == nil {
			t.Errorf("%+.40q: accepted as %+q", in, got)
		}
	}
}

// What is accepted is one grapheme cluster, is its own normal form, and is short.
func FuzzEmoji(f *testing.F) {
	for _, s := range []string{"👍", "❤", "🏳‍🌈", "1⃣", "🇩🇪", "👍🏽", "a", "👍\u200d", "🏴\U000e0067\U000e0062\U000e007f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := names.Precis{}.Emoji(s)
		if err != nil {
			return
		}
		if n := uniseg.GraphemeClusterCount(e); n != 1 {
			t.Errorf("%+q has %d clusters", e, n)
		}
		if again, err := (names.Precis{}).Emoji(e); err != nil || again != e {
			t.Errorf("%+q becomes %+q, %v", e, again, err)
		}
		if len(e) > names.MaxEmoji {
			t.Errorf("%d bytes", len(e))
		}
	})
}
