package chat

import (
	"slices"
	"strings"
)

// Millis is a moment in epoch milliseconds; zero means "not".
type Millis = int64

// User is a person as others see them.
type User struct {
	UserID      string `json:"userId"`   // opaque
	Username    string `json:"username"` // unique, folded, never changes
	DisplayName string `json:"displayName"`
	AvatarURL   string `json:"avatarUrl,omitempty"` // a path on this server
	CreatedAt   Millis `json:"createdAt"`
}

// Limits of names, in characters unless said otherwise.
const (
	MinUsername    = 3
	MaxUsername    = 32
	MaxDisplayName = 64
)

// Names normalises what people call themselves and their rooms, and what they react with, so that what looks alike is
// one. It stands for PRECIS (RFC 8264): UsernameCaseMapped (RFC 8265) and Nickname (RFC 8266), and for emoji (UTS #51).
type Names interface {
	Username(s string) (string, error)    // fold; error if the profile disallows s
	Nickname(s string) (string, error)    // for display: spaces collapsed, case kept
	NicknameKey(s string) (string, error) // for comparison and search: as Nickname, case folded
	Emoji(s string) (string, error)       // fully qualified; error unless s is exactly one emoji
	// SearchKey is equal for texts that a search takes for the same: case, accents, width and white space folded. It is
	// its own key, and has no white space but single spaces.
	SearchKey(s string) string
}

// ParseUsername folds and checks a username as typed.
func ParseUsername(n Names, s string) (string, error) {
	u, err := n.Username(s)
	if err != nil || len(u) < MinUsername || len(u) > MaxUsername {
		return "", usernameError()
	}
	for i := range len(u) {
		switch c := u[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return "", usernameError()
		}
	}
	return u, nil
}

func usernameError() error {
	return invalid("username", "A username has %d to %d characters out of a-z, 0-9, dot, underscore and hyphen.", MinUsername, MaxUsername)
}

// ParseDisplayName normalises and checks a display name; an empty one falls back to the username.
func ParseDisplayName(n Names, s, username string) (string, error) {
	if s == "" {
		return username, nil
	}
	return parseNickname(n, "displayName", s, MaxDisplayName)
}

// SearchWords are the folded words by which a person is found: their username, and the words of their display name.
func SearchWords(n Names, username, displayName string) []string {
	words := []string{username}
	key, err := n.NicknameKey(displayName)
	if err != nil {
		return words
	}
	for _, w := range strings.Fields(key) {
		if !slices.Contains(words, w) && len(words) < 10 {
			words = append(words, w)
		}
	}
	return words
}

func parseNickname(n Names, field, s string, limit int) (string, error) {
	if len(s) > 8*limit { // bounds the work before the profile is applied
		return "", invalid(field, "A name has at most %d characters.", limit)
	}
	out, err := n.Nickname(s)
	if err != nil || out == "" {
		return "", invalid(field, "The name is empty or has characters that cannot stand in a name.")
	}
	if runes := len([]rune(out)); runes > limit {
		return "", invalid(field, "A name has at most %d characters.", limit)
	}
	return out, nil
}
