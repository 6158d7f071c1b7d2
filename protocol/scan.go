package protocol

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"parley/chat"
)

// maxDepth bounds how deep values may be nested.
const maxDepth = 16

// scanner reads strict JSON. The first error stays and moves to the end, so that every loop ends by itself; callers look
// at err when they are through. Its work is linear in the frame. Input must be valid UTF-8.
type scanner struct {
	b     []byte
	pos   int
	depth int
	err   *chat.Error
}

func (s *scanner) fail(field, message string) {
	if s.err == nil {
		s.err = &chat.Error{Code: chat.InvalidRequest, Field: field, Message: message}
	}
	s.pos = len(s.b)
}

func (s *scanner) syntax() { s.fail("", "The frame is not valid JSON.") }

// peek returns the next byte that is not white space, or zero at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.b) {
		switch c := s.b[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// take consumes c if it comes next.
func (s *scanner) take(c byte) bool {
	if s.peek() != c || s.pos >= len(s.b) {
		return false
	}
	s.pos++
	return true
}

// end fails unless nothing follows.
func (s *scanner) end() {
	if s.err == nil && (s.peek() != 0 || s.pos < len(s.b)) {
		s.syntax()
	}
}

// null consumes a null, which stands for an absent value.
func (s *scanner) null() bool {
	if s.peek() != 'n' {
		return false
	}
	s.literal("null")
	return true
}

func (s *scanner) literal(word string) {
	if !bytes.HasPrefix(s.b[s.pos:], []byte(word)) {
		s.syntax()
		return
	}
	s.pos += len(word)
}

// list walks the elements of an array or the members of an object.
type list struct {
	begun bool
	few   [8]string // keys seen so far, the first of them
	n     int
	more  map[string]struct{} // and the others
}

// open consumes the bracket that begins a list.
func (s *scanner) open(bracket byte) bool {
	if !s.take(bracket) {
		return false
	}
	if s.depth++; s.depth > maxDepth {
		s.fail("", "The frame is nested too deep.")
		return false
	}
	return true
}

// next moves to the next element, until the closing bracket is consumed.
func (s *scanner) next(l *list, bracket byte) bool {
	if s.take(bracket) {
		s.depth--
		return false
	}
	if l.begun && !s.take(',') || s.pos >= len(s.b) || s.err != nil {
		s.syntax()
		return false
	}
	l.begun = true
	if s.peek() == bracket { // a comma before the end
		s.syntax()
		return false
	}
	return true
}

// key moves to the next member of an object and returns its key; its value must be consumed before the next call.
func (s *scanner) key(l *list) (string, bool) {
	if !s.next(l, '}') {
		return "", false
	}
	key := s.text()
	if !s.take(':') {
		s.syntax()
	}
	if s.err != nil {
		return "", false
	}
	if l.seen(key) {
		s.fail("", "The frame has a key twice in one object.")
		return "", false
	}
	return key, true
}

// seen remembers key and says whether it was there before.
func (l *list) seen(key string) bool {
	for _, k := range l.few[:l.n] {
		if k == key {
			return true
		}
	}
	if l.n < len(l.few) {
		l.few[l.n] = key
		l.n++
		return false
	}
	if _, ok := l.more[key]; ok {
		return true
	}
	if l.more == nil {
		l.more = make(map[string]struct{})
	}
	l.more[key] = struct{}{}
	return false
}

// intern returns the words of a sendMessage frame and the commonest actions without making a string of each.
func intern(b []byte) (string, bool) {
	switch string(b) {
	case "action":
		return "action", true
	case "requestId":
		return "requestId", true
	case "data":
		return "data", true
	case "roomId":
		return "roomId", true
	case "content":
		return "content", true
	case "clientMessageId":
		return "clientMessageId", true
	case string(SendMessage):
		return string(SendMessage), true
	case string(Typing):
		return string(Typing), true
	case string(Ping):
		return string(Ping), true
	}
	return "", false
}

// text consumes a string.
func (s *scanner) text() string {
	if !s.take('"') {
		s.syntax()
		return ""
	}
	for i := s.pos; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			raw := s.b[s.pos:i]
			s.pos = i + 1
			if word, ok := intern(raw); ok {
				return word
			}
			return string(raw)
		case c == '\\':
			return s.escaped(i)
		case c < 0x20:
			s.syntax()
			return ""
		}
	}
	s.syntax()
	return ""
}

// escaped consumes the rest of a string whose first escape is at i.
func (s *scanner) escaped(i int) string {
	out := append(make([]byte, 0, i-s.pos+64), s.b[s.pos:i]...)
	for i < len(s.b) {
		c := s.b[i]
		switch {
		case c == '"':
			s.pos = i + 1
			return string(out)
		case c < 0x20:
			s.syntax()
			return ""
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		n := 0
		if out, n = unescape(out, s.b[i:]); n == 0 {
			s.fail("", "The frame has a string with an escape that is not valid.")
			return ""
		}
		i += n
	}
	s.syntax()
	return ""
}

// unescape appends the character of the escape that b begins with, and returns the length of the escape, zero if it is
// not valid: half of a surrogate pair is not.
func unescape(out, b []byte) ([]byte, int) {
	if len(b) < 2 {
		return out, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return append(out, b[1]), 2
	case 'b':
		return append(out, '\b'), 2
	case 'f':
		return append(out, '\f'), 2
	case 'n':
		return append(out, '\n'), 2
	case 'r':
		return append(out, '\r'), 2
	case 't':
		return append(out, '\t'), 2
	}
	r, ok := unit(b)
	if !ok {
		return out, 0
	}
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(out, r), 6
	}
	low, ok := unit(b[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return out, 0
	}
	return utf8.AppendRune(out, r), 12
}

// unit reads \uXXXX.
func unit(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// number consumes a number and returns it as it stands.
func (s *scanner) number() []byte {
	s.peek()
	start := s.pos
	s.skipByte('-')
	if !s.skipByte('0') && s.digits() == 0 {
		s.syntax()
		return nil
	}
	if s.skipByte('.') && s.digits() == 0 {
		s.syntax()
		return nil
	}
	if s.skipByte('e') || s.skipByte('E') {
		if !s.skipByte('+') {
			s.skipByte('-')
		}
		if s.digits() == 0 {
			s.syntax()
			return nil
		}
	}
	return s.b[start:s.pos]
}

func (s *scanner) skipByte(c byte) bool {
	if s.pos < len(s.b) && s.b[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) digits() int {
	start := s.pos
	for s.pos < len(s.b) && s.b[s.pos] >= '0' && s.b[s.pos] <= '9' {
		s.pos++
	}
	return s.pos - start
}

// skip consumes any value.
func (s *scanner) skip() {
	var l list
	switch s.peek() {
	case '{':
		for ok := s.open('{'); ok; {
			if _, ok = s.key(&l); ok {
				s.skip()
			}
		}
	case '[':
		for ok := s.open('['); ok; {
			if ok = s.next(&l, ']'); ok {
				s.skip()
			}
		}
	case '"':
		s.text()
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
	}
}

// str reads a string or null into the field's value.
func (s *scanner) str(field string) string {
	if s.null() {
		return ""
	}
	if s.peek() != '"' {
		s.fail(field, field+" must be a string.")
		return ""
	}
	return s.text()
}

// integer reads an integer; nil for null.
func (s *scanner) integer(field string) *int64 {
	if s.null() {
		return nil
	}
	c := s.peek()
	if c != '-' && (c < '0' || c > '9') {
		s.fail(field, field+" must be an integer.")
		return nil
	}
	n, err := strconv.ParseInt(string(s.number()), 10, 64)
	if err != nil {
		s.fail(field, field+" must be an integer.")
		return nil
	}
	return &n
}
