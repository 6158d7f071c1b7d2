package names

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// MaxEmoji is the most bytes of one emoji; the longest that Unicode recommends (a kiss of two people with skin tones)
// has 35.
const MaxEmoji = 64

var errNoEmoji = errors.New("names: not one emoji")

// The code points of which emoji sequences are made (UTS #51).
const (
	joiner      = '\u200d'
	asText      = '\ufe0e'
	asPicture   = '\ufe0f'
	keycap      = '\u20e3'
	tagEnd      = '\U000e007f'
	toneFirst   = '\U0001f3fb'
	toneLast    = '\U0001f3ff'
	letterFirst = '\U0001f1e6' // regional indicators
	letterLast  = '\U0001f1ff'
)

// Emoji returns an emoji in its fully qualified form, so that what looks alike counts as one; it refuses whatever is not
// exactly one emoji (UTS #51: a pictograph, a sequence of them with joiners, a flag or a keycap).
func (Precis) Emoji(s string) (string, error) {
	if s == "" || len(s) > MaxEmoji || !utf8.ValidString(s) {
		return "", errNoEmoji
	}
	runes := []rune(strings.ReplaceAll(s, string(asText), ""))
	switch {
	case len(runes) == 0:
		return "", errNoEmoji
	case isLetter(runes[0]):
		if len(runes) != 2 || !isLetter(runes[1]) {
			return "", errNoEmoji
		}
		return string(runes), nil
	case strings.ContainsRune("0123456789#*", runes[0]):
		if s := string(runes[1:]); s != string(keycap) && s != string([]rune{asPicture, keycap}) {
			return "", errNoEmoji
		}
		return string([]rune{runes[0], asPicture, keycap}), nil
	}
	return sequence(runes)
}

// sequence reads pictographs between joiners.
func sequence(runes []rune) (string, error) {
	var out []rune
	for {
		n := pictograph(runes, &out)
		if n == 0 {
			return "", errNoEmoji
		}
		if runes = runes[n:]; len(runes) == 0 {
			if s := string(out); len(s) <= MaxEmoji {
				return s, nil
			}
			return "", errNoEmoji
		}
		if runes[0] != joiner {
			return "", errNoEmoji
		}
		out, runes = append(out, joiner), runes[1:]
	}
}

// pictograph appends the pictograph that runes begin with, with its skin tone or the tags of its flag, and returns how
// many runes it has; zero if it is none.
func pictograph(runes []rune, out *[]rune) int {
	if len(runes) == 0 || !isPictograph(runes[0]) {
		return 0
	}
	*out = append(*out, runes[0])
	n := 1
	switch {
	case n < len(runes) && runes[n] >= toneFirst && runes[n] <= toneLast:
		*out = append(*out, runes[n])
		return n + 1
	case n < len(runes) && runes[n] == asPicture:
		n++
	}
	if uniseg.StringWidth(string(runes[0])) == 1 { // shown as text unless it is told to be a picture
		*out = append(*out, asPicture)
	}
	if tags := tags(runes[n:]); tags > 0 && runes[0] == '\U0001f3f4' {
		*out = append(*out, runes[n:n+tags]...)
		n += tags
	}
	return n
}

// tags is the length of the tag sequence that runes begin with: that of a subdivision's flag.
func tags(runes []rune) int {
	for i, r := range runes {
		switch {
		case r == tagEnd && i > 0:
			return i + 1
		case r < '\U000e0030' || r > '\U000e007a' || i == 6:
			return 0
		}
	}
	return 0
}

func isLetter(r rune) bool { return r >= letterFirst && r <= letterLast }

// isPictograph tells whether r is Extended_Pictographic: only behind such does a joiner bind another (UAX #29, GB11).
func isPictograph(r rune) bool {
	return uniseg.GraphemeClusterCount(string([]rune{r, joiner, '\U0001f600'})) == 1 && (r < toneFirst || r > toneLast)
}
