package names

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// SearchKey is the form in which texts are searched: compatibility forms become plain ones (full-width letters, ligatures),
// case is folded fully (ß is ss, every sigma is one), accents (U+0300 to U+036F) and invisible characters go, white space
// becomes single spaces. The marks of other scripts stay, joined to their letters where Unicode has a form for that: か is
// not in が. The dotless ı counts as i, as its capital does.
//
// Digests hold what this returns: whoever changes it raises chat.DigestForm.
func (Precis) SearchKey(s string) string {
	if plain(s) {
		return s
	}
	if !ascii(s) {
		s = strip(norm.NFKD.String(s))
		s = strip(norm.NFKD.String(cases.Fold().String(s)))
		s = norm.NFC.String(s)
	}
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			if !space {
				b.WriteByte(' ')
			}
		case r < utf8.RuneSelf:
			if 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			b.WriteByte(byte(r))
		default:
			b.WriteRune(r)
		}
		space = unicode.IsSpace(r)
	}
	return b.String()
}

// strip removes accents and what cannot be seen, and the difference between i and ı.
func strip(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf:
		case r == 'ı':
			return 'i'
		case r >= 0x300 && r <= 0x36f, unicode.In(r, unicode.Cf, unicode.Variation_Selector):
			return -1
		}
		return r
	}, s)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// plain tells whether s is its own key, as most lower-case English is.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ' && (i == 0 || s[i-1] != ' '), c > ' ' && c < utf8.RuneSelf && (c < 'A' || c > 'Z'):
		default:
			return false
		}
	}
	return true
}
