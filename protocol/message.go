package protocol

import (
	"strconv"
	"unicode/utf8"

	"parley/chat"
)

// AppendMessage appends m as JSON: the same value that encoding/json makes of it, but attachments, reactions and
// mentions are never null.
func AppendMessage(dst []byte, m *chat.Message) []byte {
	dst = appendString(append(dst, `{"roomId":`...), m.RoomID)
	dst = strconv.AppendInt(append(dst, `,"seq":`...), m.Seq, 10)
	dst = appendOptionalInt(dst, `,"updatedSeq":`, m.UpdatedSeq)
	dst = appendString(append(dst, `,"messageId":`...), m.MessageID)
	dst = appendString(append(dst, `,"userId":`...), m.UserID)
	dst = appendString(append(dst, `,"username":`...), m.Username)
	dst = appendString(append(dst, `,"content":`...), m.Content)
	dst = strconv.AppendInt(append(dst, `,"createdAt":`...), m.CreatedAt, 10)
	dst = appendString(append(dst, `,"clientMessageId":`...), m.ClientMessageID)
	dst = appendOptionalInt(dst, `,"editedAt":`, m.EditedAt)
	dst = appendOptionalInt(dst, `,"deletedAt":`, m.DeletedAt)
	dst = appendOptional(dst, `,"replyTo":`, m.ReplyTo)
	dst = appendOptional(dst, `,"threadId":`, m.ThreadID)
	dst = append(dst, `,"attachments":[`...)
	for i := range m.Attachments {
		dst = appendAttachment(comma(dst, i), &m.Attachments[i])
	}
	dst = append(dst, `],"reactions":{`...)
	for i := range m.Reactions {
		r := &m.Reactions[i]
		dst = appendString(comma(dst, i), r.Emoji)
		dst = appendStrings(append(dst, ':'), r.UserIDs)
	}
	dst = appendStrings(append(dst, `},"mentions":`...), m.Mentions)
	return append(dst, '}')
}

func appendAttachment(dst []byte, a *chat.Attachment) []byte {
	dst = appendString(append(dst, `{"fileId":`...), a.FileID)
	dst = appendString(append(dst, `,"filename":`...), a.Filename)
	dst = appendString(append(dst, `,"contentType":`...), a.ContentType)
	dst = strconv.AppendInt(append(dst, `,"size":`...), a.Size, 10)
	dst = appendOptionalInt(dst, `,"width":`, int64(a.Width))
	dst = appendOptionalInt(dst, `,"height":`, int64(a.Height))
	if a.Thumbnail {
		dst = append(dst, `,"thumbnail":true`...)
	}
	return append(dst, '}')
}

func appendRoom(dst []byte, r *chat.Room) []byte {
	dst = appendString(append(dst, `{"roomId":`...), r.RoomID)
	dst = appendString(append(dst, `,"kind":`...), string(r.Kind))
	dst = appendString(append(dst, `,"name":`...), r.Name)
	dst = appendString(append(dst, `,"topic":`...), r.Topic)
	dst = appendString(append(dst, `,"createdBy":`...), r.CreatedBy)
	dst = strconv.AppendInt(append(dst, `,"createdAt":`...), r.CreatedAt, 10)
	dst = strconv.AppendInt(append(dst, `,"headSeq":`...), r.HeadSeq, 10)
	return append(dst, '}')
}

func appendMembership(dst []byte, m *chat.Membership) []byte {
	dst = appendString(append(dst, `{"roomId":`...), m.RoomID)
	dst = appendString(append(dst, `,"userId":`...), m.UserID)
	dst = appendString(append(dst, `,"role":`...), string(m.Role))
	dst = strconv.AppendInt(append(dst, `,"joinedAt":`...), m.JoinedAt, 10)
	dst = strconv.AppendInt(append(dst, `,"readSeq":`...), m.ReadSeq, 10)
	return append(dst, '}')
}

func comma(dst []byte, i int) []byte {
	if i == 0 {
		return dst
	}
	return append(dst, ',')
}

func appendOptional(dst []byte, key, s string) []byte {
	if s == "" {
		return dst
	}
	return appendString(append(dst, key...), s)
}

func appendOptionalInt(dst []byte, key string, n int64) []byte {
	if n == 0 {
		return dst
	}
	return strconv.AppendInt(append(dst, key...), n, 10)
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		dst = appendString(comma(dst, i), s)
	}
	return append(dst, ']')
}

// appendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD, each one, as in encoding/json.
func appendString(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			const hex = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}
