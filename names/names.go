// Package names normalises usernames, display names and room names by PRECIS (RFC 8264), so that names that look alike
// are one name. It implements chat.Names.
package names

import (
	"errors"
	"strings"

	"golang.org/x/text/secure/precis"
)

// MaxInput is the most bytes of a name that are looked at; longer ones are refused before any work is done.
const MaxInput = 1024

// rounds is how often a profile is applied until its result no longer changes: RFC 8266 section 2.3 says three.
const rounds = 3

var (
	errTooLong  = errors.New("names: too long")
	errEmpty    = errors.New("names: empty")
	errUnstable = errors.New("names: does not settle")
)

// Precis implements chat.Names. The zero value is ready, and safe for concurrent use.
type Precis struct{}

// Username applies UsernameCaseMapped (RFC 8265): wide and narrow forms, case and composition fold into one.
func (Precis) Username(s string) (string, error) {
	return settle(s, precis.UsernameCaseMapped.String)
}

// Nickname applies Nickname (RFC 8266) for display: outer spaces go, inner ones collapse, compatibility forms become
// plain ones, case stays. Variation selectors, which phones add to symbols, are dropped; other invisible characters
// are refused.
func (Precis) Nickname(s string) (string, error) {
	return settle(s, nickname(precis.Nickname.String))
}

// NicknameKey is equal for nicknames that count as the same: Nickname, with case folded. It folds what is shown, because
// some letters fold differently before and after they become their plain form (U+03F9 to ς, its plain form Σ to σ).
func (p Precis) NicknameKey(s string) (string, error) {
	shown, err := p.Nickname(s)
	if err != nil {
		return "", err
	}
	return settle(shown, nickname(precis.Nickname.CompareKey))
}

// nickname drops the variation selectors for text (U+FE0E) and picture (U+FE0F) before apply, which would refuse them.
func nickname(apply func(string) (string, error)) func(string) (string, error) {
	return func(s string) (string, error) {
		return apply(strings.NewReplacer("\ufe0e", "", "\ufe0f", "").Replace(s))
	}
}

// settle applies a profile until it changes nothing any more, so that a result is its own normal form.
func settle(s string, apply func(string) (string, error)) (string, error) {
	if len(s) > MaxInput {
		return "", errTooLong
	}
	for range rounds + 1 {
		out, err := apply(s)
		switch {
		case err != nil:
			return "", err
		case out == "":
			return "", errEmpty
		case out == s:
			return out, nil
		}
		s = out
	}
	return "", errUnstable
}
