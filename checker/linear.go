package checker

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// Linear tells whether the operations on one room, and the reads of its newest messages, can have happened one after
// another, each at a moment between its call and its return, with the answers that were given. Numbers of the log are
// not looked at: this is a second opinion. The search is exponential at worst: a violation is also told if it is not
// over after limit.
func Linear(h *History, room string, limit time.Duration) []Violation {
	names := map[string]string{} // clientMessageIds by messageId
	for _, op := range h.Ops {
		if op.Kind == Send && op.Message != nil {
			names[op.Message.MessageID] = op.User + " " + op.ID
		}
	}
	var all []porcupine.Operation
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Room != room {
			continue
		}
		in := request{kind: op.Kind, name: op.User + " " + op.ID, content: op.Content, refused: op.Outcome == Refused}
		if op.Kind != Send {
			in.name = names[op.ID]
		}
		end := op.Return
		if op.Outcome == Unknown {
			end = math.MaxInt64 // it may happen at any time, or, which is the same, after everything else
		}
		all = append(all, porcupine.Operation{Input: in, Call: op.Call, Return: end})
	}
	for i := range h.Pages {
		p := &h.Pages[i]
		if p.Room != room || p.Query.Before != nil || p.Query.After != nil || p.Query.Around != nil {
			continue
		}
		in := request{kind: "read", limit: p.Query.Limit}
		for _, m := range p.Messages {
			in.saw = append(in.saw, line{m.UserID + " " + m.ClientMessageID, m.Content, m.DeletedAt != 0})
		}
		all = append(all, porcupine.Operation{Input: in, Call: p.Call, Return: p.Return})
	}
	switch porcupine.CheckOperationsTimeout(model(), all, limit) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return []Violation{{Impossible, room, fmt.Sprintf("not decided within %s for %d operations", limit, len(all))}}
	default:
		return []Violation{{Impossible, room, fmt.Sprintf("no order explains the answers to %d operations", len(all))}}
	}
}

// request is one operation as the model takes it.
type request struct {
	kind    OpKind // or "read"
	name    string // of the message
	content string
	refused bool
	limit   int
	saw     []line
}

// line is one message.
type line struct {
	name, content string
	deleted       bool
}

// model is a room as a list of lines, which is never written to: each step makes another.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return []line(nil) },
		Step: func(state, input, _ any) (bool, any) { return step(state.([]line), input.(request)) },
		Equal: func(a, b any) bool {
			return slices.Equal(a.([]line), b.([]line))
		},
		Hash: func(state any) uint64 {
			h := fnv.New64a()
			for _, l := range state.([]line) {
				_, _ = fmt.Fprint(h, l.name, "\x00", l.content, "\x00", l.deleted)
			}
			return h.Sum64()
		},
	}
}

func step(room []line, r request) (bool, []line) {
	if r.refused { // it was told that nothing happened
		return true, room
	}
	i := slices.IndexFunc(room, func(l line) bool { return l.name == r.name })
	switch r.kind {
	case "read":
		newest := room[max(0, len(room)-r.limit):]
		return slices.Equal(newest, r.saw), room
	case Send:
		if i >= 0 {
			return true, room
		}
		return true, append(room[:len(room):len(room)], line{name: r.name, content: r.content})
	}
	if i < 0 {
		return false, room // who changes a message has seen it
	}
	changed := slices.Clone(room)
	switch {
	case r.kind == Delete:
		changed[i] = line{name: r.name, deleted: true}
	case !room[i].deleted:
		changed[i].content = r.content
	}
	return true, changed
}
