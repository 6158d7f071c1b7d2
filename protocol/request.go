package protocol

import (
	"slices"
	"unicode/utf8"

	"parley/chat"
)

// Request is one frame of a client. Which fields are set depends on the action.
type Request struct {
	Action    Action
	RequestID string // empty if the client gave none

	Message chat.NewMessage  // sendMessage
	RoomID  string           // getMessages, getClients (may be empty), typing, markRead
	Page    chat.PageQuery   // getMessages
	Rooms   map[string]int64 // sync: what the client has of each room
	Seq     int64            // markRead
}

// Decode reads a frame. It checks the form only: what values mean is checked by the core. Unknown fields are ignored,
// null stands for an absent field. The error is an *chat.Error with code InvalidRequest; RequestID is then set if it
// could be read, cut to MaxRequestID.
func Decode(frame []byte) (Request, error) {
	if len(frame) > MaxFrame {
		return Request{}, &chat.Error{Code: chat.InvalidRequest, Message: "A frame has at most 32 KiB."}
	}
	var r Request
	s := scanner{b: frame}
	if !utf8.Valid(frame) {
		s.fail("", "The frame is not valid UTF-8.")
	} else {
		r.decode(&s)
	}
	if s.err != nil {
		return Request{RequestID: findRequestID(frame)}, s.err
	}
	return r, nil
}

func (r *Request) decode(s *scanner) {
	if !s.open('{') {
		s.fail("", "A frame must be a JSON object.")
		return
	}
	given, dataAt := false, -1
	var l list
	for key, ok := s.key(&l); ok; key, ok = s.key(&l) {
		switch key {
		case "action":
			r.Action = Action(s.str(key))
		case "requestId":
			if r.RequestID = s.str(key); len(r.RequestID) > MaxRequestID {
				s.fail(key, "requestId has at most 128 bytes. This answer carries its beginning.")
			}
		case "data":
			if r.Action != "" {
				r.data(s)
				given = true
				continue
			}
			dataAt = s.pos // what it means is known once the action has come
			s.skip()
		default:
			s.skip()
		}
	}
	s.end()
	switch {
	case s.err != nil:
	case dataAt >= 0:
		at := scanner{b: s.b, pos: dataAt, depth: 1}
		r.data(&at)
		s.err = at.err
	case !r.Action.known():
		s.fail("action", "There is no such action.")
	case !given:
		s.lacks(r.Action.needs(), 0)
	}
}

func (a Action) known() bool {
	switch a {
	case SendMessage, GetMessages, GetClients, Sync, Typing, MarkRead, Ping:
		return true
	}
	return false
}

// needs are the fields without which a request means nothing, the rest empty.
func (a Action) needs() [3]string {
	switch a {
	case SendMessage:
		return [3]string{"roomId", "content", "clientMessageId"}
	case GetMessages, Typing:
		return [3]string{"roomId"}
	case Sync:
		return [3]string{"rooms"}
	case MarkRead:
		return [3]string{"roomId", "seq"}
	}
	return [3]string{}
}

// lacks fails if one of the fields needed is not among those given, which has a bit for each.
func (s *scanner) lacks(needs [3]string, given uint) {
	for i, field := range needs {
		if field != "" && given&(1<<i) == 0 {
			s.fail(field, field+" is missing.")
		}
	}
}

func (r *Request) data(s *scanner) {
	if !r.Action.known() {
		s.fail("action", "There is no such action.")
		return
	}
	needs, given := r.Action.needs(), uint(0)
	if s.null() {
		s.lacks(needs, given)
		return
	}
	if !s.open('{') {
		s.fail("data", "data must be an object.")
		return
	}
	var l list
	for key, ok := s.key(&l); ok; key, ok = s.key(&l) {
		if s.null() {
			continue
		}
		if i := slices.Index(needs[:], key); i >= 0 {
			given |= 1 << i
		}
		switch r.Action {
		case SendMessage:
			r.message(s, key)
		case GetMessages:
			r.page(s, key)
		case Sync:
			r.rooms(s, key)
		case GetClients, Typing, MarkRead:
			r.room(s, key)
		default:
			s.skip()
		}
	}
	s.lacks(needs, given)
}

func (r *Request) message(s *scanner, key string) {
	m := &r.Message
	switch key {
	case "roomId":
		m.RoomID = s.str(key)
	case "content":
		m.Content = s.str(key)
	case "clientMessageId":
		m.ClientMessageID = s.str(key)
	case "replyTo":
		m.ReplyTo = s.str(key)
	case "attachments":
		m.Attachments = attachments(s)
	default:
		s.skip()
	}
}

// attachments reads which files a message takes along. What else a client says of them is not asked.
func attachments(s *scanner) (out []chat.FileRef) {
	if !s.open('[') {
		s.fail("attachments", "attachments must be a list.")
		return nil
	}
	var l list
	for s.next(&l, ']') {
		if !s.open('{') {
			s.fail("attachments", "An attachment must be an object.")
			return nil
		}
		var a chat.FileRef
		var m list
		for key, ok := s.key(&m); ok; key, ok = s.key(&m) {
			if key == "fileId" {
				a.FileID = s.str(key)
			} else {
				s.skip()
			}
		}
		out = append(out, a)
	}
	return out
}

func (r *Request) page(s *scanner, key string) {
	switch key {
	case "roomId":
		r.RoomID = s.str(key)
	case "before":
		r.Page.Before = s.integer(key)
	case "after":
		r.Page.After = s.integer(key)
	case "around":
		r.Page.Around = s.integer(key)
	case "limit":
		if n := s.integer(key); n != nil {
			r.Page.Limit = chat.AskedLimit(int(*n))
		}
	default:
		s.skip()
	}
}

func (r *Request) rooms(s *scanner, key string) {
	if key != "rooms" {
		s.skip()
		return
	}
	if !s.open('{') {
		s.fail(key, "rooms must be an object from room ids to numbers.")
		return
	}
	r.Rooms = make(map[string]int64)
	var l list
	for room, ok := s.key(&l); ok; room, ok = s.key(&l) {
		n := s.integer(key)
		if n == nil {
			s.fail(key, "rooms must be an object from room ids to numbers.")
			return
		}
		r.Rooms[room] = *n
	}
}

func (r *Request) room(s *scanner, key string) {
	switch {
	case key == "roomId":
		r.RoomID = s.str(key)
	case key == "seq" && r.Action == MarkRead:
		if n := s.integer(key); n != nil {
			r.Seq = *n
		}
	default:
		s.skip()
	}
}

// findRequestID looks for the request id of a frame that is wrong, as far as it can be read.
func findRequestID(frame []byte) string {
	s := scanner{b: frame}
	var l list
	for ok := s.open('{'); ok && s.err == nil; {
		var key string
		if key, ok = s.key(&l); !ok {
			break
		}
		if key != "requestId" {
			s.skip()
			continue
		}
		if s.peek() != '"' {
			return ""
		}
		id := s.text()
		if s.err != nil || !utf8.ValidString(id) {
			return ""
		}
		cut := min(len(id), MaxRequestID)
		for cut < len(id) && !utf8.RuneStart(id[cut]) {
			cut--
		}
		return id[:cut]
	}
	return ""
}
