// Package checker judges what clients saw of a house of Parley: it compares a record of what they did, were told and read,
// on however bad a network, with what is stored in the end, and names every promise that was broken. It knows neither
// the house nor the faults; its tests run both.
package checker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"parley/chat"
)

// History is the record of one run. Moments are nanoseconds on one monotonic clock of the recorder.
type History struct {
	Logs  []Log
	Ops   []Op
	Told  []Told // those of one observer in the order in which they came
	Heads []Head
	Pages []Page
	Views []View
	Away  []Away
	// Retells says that whoever tells a connection may die over it, and another tells it again: a number that a connection
	// was told in its place may come again, with the contents of then.
	Retells bool
}

// Log is what is stored of one room in the end.
type Log struct {
	Room     chat.Room
	Messages []chat.Message // ascending
	Changes  []chat.Change  // ascending
	// Served are the same messages as the history serves them in the end, ascending, as JSON.
	Served []json.RawMessage
}

// OpKind is what somebody asked for.
type OpKind string

// The kinds of operations.
const (
	Send   OpKind = "send"
	Edit   OpKind = "edit"
	Delete OpKind = "delete"
)

// Outcome is what somebody knows of the end of an operation.
type Outcome int

// The outcomes. An operation that was tried twice and refused the second time is Unknown: the first may have done it.
const (
	Unknown Outcome = iota // no answer, or one that says that the server does not know
	Acknowledged
	Refused // for good, by the only attempt
)

// Op is one operation, however many attempts it took.
type Op struct {
	User, Room   string
	Kind         OpKind
	ID           string // Send: the clientMessageId; Edit and Delete: the messageId
	Content      string // of Send and Edit
	Call, Return int64  // Return counts only if the outcome is known
	Outcome      Outcome
	Message      *chat.Message // what was acknowledged, if anything was shown
}

// How is the way by which something was told.
type How int

// The ways.
const (
	Live   How = iota // a frame of its own, on a socket
	Synced            // within an answer to sync
	Merged            // by a client that merges both and promises each number once and in order
)

// Told is one numbered change as it was told to one observer, which is one device of one person.
type Told struct {
	Observer, User, Room string
	Epoch                int // Live: the connection; Synced: the answer; Merged: counts from where the observer began anew
	How                  How
	Seq                  int64
	After                int64 // Synced: the number asked from
	Call, Return         int64 // Synced: when it was asked, and answered; zero if that is not known
	Kind                 chat.ChangeKind
	Message              *chat.Message // of a new message (Kind is empty) or chat.MessageChanged
	Answer               bool          // Live: an acknowledgement that may come before its place, and then again in it, as it may answer a repeat
	Frame                string        // Canonical form of what was told, the same for ack and newMessage
}

// Head says that an observer, in a connection, was told the newest number of a room: all after it must come live.
type Head struct {
	Observer, Room string
	Epoch          int
	Seq            int64
}

// Page is one answer of the history.
type Page struct {
	User, Room   string
	Query        chat.PageQuery
	Call, Return int64
	Messages     []chat.Message
	More         [2]bool // before, after
}

// Away says that somebody was certainly not a member of a room from one moment to another: before, the end of the membership
// had been acknowledged, and no beginning was asked for until after.
type Away struct {
	User, Room string
	From, To   int64
}

// View is what a device holds of a room in the end.
type View struct {
	Observer, User, Room string
	Position             int64 // all up to it was told
	Gone                 bool  // the device knows that it is not a member any more; then the view is what it held before
	Messages             map[string]string
}

// Kind names a broken promise.
type Kind string

// The kinds of violations.
const (
	Hole       Kind = "hole"       // a number of the log is missing, or taken twice
	Lost       Kind = "lost"       // acknowledged, but not stored so
	Doubled    Kind = "doubled"    // one clientMessageId is stored twice
	Invented   Kind = "invented"   // stored or shown, but never asked for, or refused
	Altered    Kind = "altered"    // shown otherwise than it is stored, or to one otherwise than to another
	Reordered  Kind = "reordered"  // after what was acknowledged before it was asked for
	Skipped    Kind = "skipped"    // a number that a member was not told
	Repeated   Kind = "repeated"   // a number that a member was told again
	Disordered Kind = "disordered" // a number that came after a later one
	Leaked     Kind = "leaked"     // shown to somebody who was not a member
	Incomplete Kind = "incomplete" // a page of the history that leaves something out
	Stale      Kind = "stale"      // a read that does not have what was acknowledged before
	Behind     Kind = "behind"     // a client that did not catch up
	Differs    Kind = "differs"    // a timeline that is not the stored history
	Impossible Kind = "impossible" // no order of the operations on a room explains what was answered
)

// Violation is one broken promise.
type Violation struct {
	Kind   Kind
	Room   string
	Detail string
}

// String says what is wrong, and where, on one line.
func (v Violation) String() string { return fmt.Sprintf("%s in %s: %s", v.Kind, v.Room, v.Detail) }

// Check returns every broken promise that the record shows.
func Check(h *History) []Violation {
	c := &check{h: h, logs: map[string]*log{}, sends: map[sent]*Op{}, contents: map[string]map[string]bool{}, deletes: map[string]bool{}}
	c.index()
	for _, l := range c.logs {
		c.stored(l)
	}
	c.acknowledged()
	c.realTime()
	c.told()
	c.pages()
	c.views()
	slices.SortStableFunc(c.found, func(a, b Violation) int { return strings.Compare(string(a.Kind)+a.Room, string(b.Kind)+b.Room) })
	return c.found
}

type sent struct{ room, user, id string }

// log is a stored log, and what can be looked up in it.
type log struct {
	*Log
	at      map[int64]*chat.Message // by the number that created it
	byID    map[string]*chat.Message
	bySent  map[sent]*chat.Message
	changes map[int64]*chat.Change
	spans   map[string][]span // by user
}

// span is a time of membership: from the number of joining to that of leaving, both included; zero is "still".
type span struct{ from, to int64 }

type check struct {
	h        *History
	logs     map[string]*log
	sends    map[sent]*Op
	contents map[string]map[string]bool // by messageId: what edits asked for
	deletes  map[string]bool            // messageIds that somebody asked to delete
	found    []Violation
}

func (c *check) violation(k Kind, room, format string, args ...any) {
	c.found = append(c.found, Violation{k, room, fmt.Sprintf(format, args...)})
}

func (c *check) index() {
	for i := range c.h.Logs {
		c.logs[c.h.Logs[i].Room.RoomID] = indexLog(&c.h.Logs[i])
	}
	for i := range c.h.Ops {
		switch op := &c.h.Ops[i]; op.Kind {
		case Send:
			c.sends[sent{op.Room, op.User, op.ID}] = op
		case Edit:
			if c.contents[op.ID] == nil {
				c.contents[op.ID] = map[string]bool{}
			}
			c.contents[op.ID][op.Content] = true
		case Delete:
			c.deletes[op.ID] = true
		}
	}
}

func indexLog(stored *Log) *log {
	l := &log{
		Log: stored, at: map[int64]*chat.Message{}, byID: map[string]*chat.Message{}, bySent: map[sent]*chat.Message{},
		changes: map[int64]*chat.Change{}, spans: map[string][]span{},
	}
	for i := range l.Messages {
		m := &l.Messages[i]
		l.at[m.Seq], l.byID[m.MessageID] = m, m
		if key := (sent{m.RoomID, m.UserID, m.ClientMessageID}); l.bySent[key] == nil {
			l.bySent[key] = m
		}
	}
	for i := range l.Changes {
		ch := &l.Changes[i]
		l.changes[ch.Seq] = ch
		if ch.Member == nil {
			continue
		}
		spans := l.spans[ch.Member.UserID]
		switch ch.Kind {
		case chat.MemberJoined:
			spans = append(spans, span{from: ch.Seq})
		case chat.MemberLeft, chat.MemberRemoved:
			if n := len(spans); n > 0 {
				spans[n-1].to = ch.Seq
			}
		}
		l.spans[ch.Member.UserID] = spans
	}
	return l
}

// member tells whether somebody was a member at a number.
func (l *log) member(user string, seq int64) bool {
	return slices.ContainsFunc(l.spans[user], func(s span) bool { return s.from <= seq && (s.to == 0 || seq <= s.to) })
}

// readable is the last number that somebody may ever have read, by history or sync: a member may read all that was before.
func (l *log) readable(user string) int64 {
	spans := l.spans[user]
	switch n := len(spans); {
	case n == 0:
		return 0
	case spans[n-1].to == 0:
		return l.Room.HeadSeq
	default:
		return spans[n-1].to
	}
}

// within tells whether somebody is a member in the end.
func (l *log) within(user string) bool {
	spans := l.spans[user]
	return len(spans) > 0 && spans[len(spans)-1].to == 0
}

// Canonical is the canonical form of a JSON text: the order of members and the white space do not count, all else does.
func Canonical(text []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", fmt.Errorf("read JSON: %w", err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write JSON: %w", err)
	}
	return string(out), nil
}
