package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// What is pushed is encrypted into one record, padded to its full size, so that its length tells nothing. No push service
// may refuse a record of 4,096 bytes (RFC 8030, 7.2): 86 are the header, 16 the tag, 1 ends the text (RFC 8291).
const (
	recordBytes      = 4096
	smallRecordBytes = 2048 // after a push service found the other too large
	recordOverhead   = 86 + 16 + 1
	maxPayload       = recordBytes - recordOverhead // 3,993
)

// payload is what the app, or a browser of itself, shows. Its form is that of Declarative Web Push, which Safari shows
// even when the app's worker does not run.
type payload struct {
	WebPush      int          `json:"web_push"` // 8030
	Notification notification `json:"notification"`
	RoomID       string       `json:"roomId,omitempty"`
	MessageID    string       `json:"messageId,omitempty"`
	Seq          int64        `json:"seq,omitempty"` // of the message: who has read so far needs the notification no more
	Kind         string       `json:"kind"`
}

type notification struct {
	Title    string `json:"title"`
	Body     string `json:"body"`
	Navigate string `json:"navigate"`
	Tag      string `json:"tag"`
	Lang     string `json:"lang,omitempty"`
}

// encode writes p in at most limit bytes: the body is cut between two characters as people see them.
func (p payload) encode(limit int) ([]byte, error) {
	p.Notification.Body = strings.ToValidUTF8(p.Notification.Body, "\uFFFD")
	out, err := marshal(&p)
	if err != nil || len(out) <= limit {
		return out, err
	}
	body := p.Notification.Body
	p.Notification.Body = ""
	rest, err := marshal(&p)
	if err != nil {
		return nil, err
	}
	if len(rest) > limit {
		return nil, fmt.Errorf("a notification of %d bytes does not fit %d", len(rest), limit)
	}
	p.Notification.Body = cut(body, limit-len(rest))
	return marshal(&p)
}

func marshal(p *payload) ([]byte, error) {
	p.WebPush = 8030
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(p); err != nil {
		return nil, fmt.Errorf("encode a notification: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

const ellipsis = "…"

// cut returns as much of s, with an ellipsis, as fits size bytes in JSON.
func cut(s string, size int) string {
	size -= len(ellipsis)
	end, state := 0, -1
	for rest := s; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		n := escapedLen(cluster)
		if n > size && end == 0 { // one character with thousands of accents
			cluster, rest = cutRunes(cluster, size), ""
			n = 0
		}
		if n > size {
			break
		}
		size -= n
		end += len(cluster)
	}
	if size < 0 {
		return ""
	}
	return strings.TrimRight(s[:end], " \n\t") + ellipsis
}

func cutRunes(s string, size int) string {
	for i, r := range s {
		if size -= escapedLen(string(r)); size < 0 {
			return s[:i]
		}
	}
	return s
}

// escapedLen is the length of s in JSON, without the quotes.
func escapedLen(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r == '"', r == '\\', r == '\n', r == '\t', r == '\r', r == '\b', r == '\f':
			n += 2
		case r < 0x20, r == '\u2028', r == '\u2029':
			n += 6
		default:
			n += utf8.RuneLen(r)
		}
	}
	return n
}

// language is the language of our texts for a language tag or an Accept-Language header: "de", "en", or empty.
func language(tag string) string {
	tag, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(tag)), ",")
	tag, _, _ = strings.Cut(tag, ";")
	tag, _, _ = strings.Cut(tag, "-")
	switch tag {
	case "":
		return ""
	case "de":
		return "de"
	}
	return "en"
}

// The texts that stand for themselves.
type texts struct{ somebody, test, file string }

func textsIn(lang string) texts {
	if lang == "de" {
		return texts{"Jemand hat dir geschrieben.", "Benachrichtigungen kommen auf diesem Gerät an.", "hat eine Datei geschickt"}
	}
	return texts{"Somebody wrote to you.", "Notifications reach this device.", "sent a file"}
}
