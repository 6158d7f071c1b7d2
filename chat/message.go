package chat

import (
	"strings"
	"unicode/utf8"
)

// Limits of messages.
const (
	MaxContent         = 8192 // bytes after trimming
	MaxClientMessageID = 128  // bytes
)

// Message is one message as it is now.
type Message struct {
	RoomID          string       `json:"roomId"`
	Seq             int64        `json:"seq"`                  // the log number that created it
	UpdatedSeq      int64        `json:"updatedSeq,omitempty"` // the log number of its latest change
	MessageID       string       `json:"messageId"`            // ULID; see NewMessageID
	UserID          string       `json:"userId"`
	Username        string       `json:"username"`
	Content         string       `json:"content"` // empty once deleted
	CreatedAt       Millis       `json:"createdAt"`
	ClientMessageID string       `json:"clientMessageId"`
	EditedAt        Millis       `json:"editedAt,omitempty"`
	DeletedAt       Millis       `json:"deletedAt,omitempty"`
	ReplyTo         string       `json:"replyTo,omitempty"`  // messageId in the same room
	ThreadID        string       `json:"threadId,omitempty"` // messageId of a thread's root
	Attachments     []Attachment `json:"attachments"`
	Reactions       Reactions    `json:"reactions"`
	Mentions        []string     `json:"mentions"` // user ids

	// Ordinal counts messages: this is the room's Ordinal-th. Unread counts are differences of ordinals.
	Ordinal int64 `json:"-"`
}

// ParseContent trims and checks the text of a message: line ends become "\n", outer white space goes, and control
// characters other than line feed and tab are refused (they would only serve to deceive, and grow sixfold in JSON).
func ParseContent(s string) (string, error) { return parseContent(s, false) }

// parseContent is ParseContent that takes a text of nothing where empty says so: what has attachments needs no words.
func parseContent(s string, empty bool) (string, error) {
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	s = strings.TrimSpace(s)
	if s == "" && !empty {
		return "", noContent()
	}
	if len(s) > MaxContent {
		return "", &Error{Code: TooLarge, Field: "content", Message: "A message has at most 8192 bytes."}
	}
	return s, checkText("content", s)
}

func noContent() error { return invalid("content", "A message needs a text.") }

// checkText refuses invalid UTF-8 and control characters.
func checkText(field, s string) error {
	for i := range len(s) {
		if c := s[i]; c < 0x20 && c != '\n' && c != '\t' || c == 0x7f {
			return invalid(field, "The text has control characters.")
		}
	}
	if !utf8.ValidString(s) {
		return invalid(field, "The text is not valid UTF-8.")
	}
	return nil
}

// checkID refuses ids that no part of Parley can have made, before they become part of a key.
func checkID(field, s string, limit int) error {
	if s == "" || len(s) > limit {
		return invalid(field, "%s must have 1 to %d bytes.", field, limit)
	}
	for i := range len(s) {
		if c := s[i]; c <= 0x20 || c >= 0x7f || c == '#' {
			return invalid(field, "%s has characters that it cannot have.", field)
		}
	}
	return nil
}

// checkClientMessageID checks the id that a client chose for its message: any text on one line.
func checkClientMessageID(s string) error {
	if s == "" || len(s) > MaxClientMessageID {
		return invalid("clientMessageId", "clientMessageId must have 1 to %d bytes.", MaxClientMessageID)
	}
	if strings.ContainsAny(s, "\n\t") {
		return invalid("clientMessageId", "clientMessageId must be one line.")
	}
	return checkText("clientMessageId", s)
}
