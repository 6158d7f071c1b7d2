package chat

import (
	"slices"
	"strings"
)

// The mentions of more than one person, as they stand in Message.Mentions.
const (
	MentionRoom = "@room" // all members
	MentionHere = "@here" // those who were online when it was sent
)

// Limits of mentions.
const (
	MaxMentions = 50   // people that one message names; further names are text
	maxHere     = 500  // people whom a mention of those online reaches
	walkMembers = 2000 // members among whom those online are looked for
)

// mentioned is what a text mentions, as far as the text alone tells.
type mentioned struct {
	names      []string // folded, in order, with the punctuation behind them, which may be part of the name or not
	room, here bool
}

// parseMentions finds "@name" in a text, but not within code; nil if there is none. Its work is linear in the text, and
// nothing for a text without "@".
func parseMentions(text string) *mentioned {
	if strings.IndexByte(text, '@') < 0 {
		return nil
	}
	m := new(mentioned)
	prose(text, func(part string) {
		for {
			at := strings.IndexByte(part, '@')
			if at < 0 {
				return
			}
			end := at + 1
			for end < len(part) && nameByte(part[end]) {
				end++
			}
			if at == 0 || !wordByte(part[at-1]) {
				m.add(part[at+1 : end])
			}
			part = part[end:]
		}
	})
	if len(m.names) == 0 && !m.room && !m.here {
		return nil
	}
	return m
}

// add notes what stands behind an "@".
func (m *mentioned) add(name string) {
	name = strings.ToLower(name)
	bare := bareName(name)
	switch bare {
	case MentionRoom[1:]:
		m.room = true
		return
	case MentionHere[1:]:
		m.here = true
		return
	}
	if len(name) > MaxUsername {
		name = bare
	}
	if len(bare) >= MinUsername && len(bare) <= MaxUsername && len(m.names) < MaxMentions && !slices.Contains(m.names, name) {
		m.names = append(m.names, name)
	}
}

// bareName is a name without the punctuation behind it.
func bareName(name string) string { return strings.TrimRight(name, "._-") }

// rows is at most how many notices the mentions lead to.
func (m *mentioned) rows() int {
	n := len(m.names)
	if m.room || m.here {
		n++
	}
	return n
}

func nameByte(c byte) bool { return wordByte(c) || c == '.' || c == '_' || c == '-' }

// wordByte tells whether c before an "@" makes it a part of a word, such as an address. Scripts without spaces do not.
func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// prose calls fn with the parts of a Markdown text that are no code, in order: fenced blocks and code spans are left out.
func prose(text string, fn func(part string)) {
	if !strings.ContainsAny(text, "`~") {
		fn(text)
		return
	}
	start, fence := 0, "" // of the paragraph; the mark that opened a fenced block
	for at := 0; at < len(text); {
		end := at + strings.IndexByte(text[at:], '\n') + 1
		if end == at {
			end = len(text)
		}
		line := strings.TrimSpace(text[at:end])
		switch mark := fenceMark(text[at:end]); {
		case fence != "":
			if strings.HasPrefix(mark, fence) && line == mark {
				fence = ""
			}
			start = end
		case mark != "":
			spans(text[start:at], fn)
			fence, start = mark, end
		case line == "":
			spans(text[start:at], fn)
			start = end
		}
		at = end
	}
	spans(text[start:], fn)
}

// fenceMark is the run of backticks or tildes with which a line opens or ends a fenced block, or empty.
func fenceMark(line string) string {
	line = strings.TrimRight(line, "\n")
	indent := len(line) - len(strings.TrimLeft(line, " "))
	if line = line[indent:]; indent > 3 || len(line) < 3 || line[0] != '`' && line[0] != '~' {
		return ""
	}
	n := len(line) - len(strings.TrimLeft(line, line[:1]))
	if n < 3 || line[0] == '`' && strings.IndexByte(line[n:], '`') >= 0 {
		return ""
	}
	return line[:n]
}

// spans calls fn with what is outside of the code spans of one paragraph: a run of backticks ends at the next run of
// the same length.
func spans(text string, fn func(part string)) {
	type run struct{ at, end, next int }
	var runs []run
	for at := 0; at < len(text); at++ {
		if text[at] != '`' {
			continue
		}
		end := at
		for end < len(text) && text[end] == '`' {
			end++
		}
		runs = append(runs, run{at: at, end: end, next: -1})
		at = end
	}
	last := make(map[int]int) // by length: the run seen last, from behind
	for i := len(runs) - 1; i >= 0; i-- {
		n := runs[i].end - runs[i].at
		if next, ok := last[n]; ok {
			runs[i].next = next
		}
		last[n] = i
	}
	from := 0
	for i := 0; i < len(runs); i++ {
		if runs[i].next < 0 {
			continue
		}
		fn(text[from:runs[i].at])
		i = runs[i].next
		from = runs[i].end
	}
	fn(text[from:])
}
