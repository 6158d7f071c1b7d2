package checker

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"parley/chat"
	"parley/client"
)

// TestSabotage lets a client be told wrong things by a house that is right: the whole apparatus must find each, else its
// silence elsewhere would mean nothing.
func TestSabotage(t *testing.T) {
	h := openMachine(t)
	h.start()
	rec := newRecord(t)
	owner := newPerson(rec, "owner", "http://"+h.address, caller(t), client.Session{})
	owner.join(t.Context())
	v, err := owner.CreateRoom(t.Context(), chat.Public, "garden", "")
	if err != nil {
		t.Fatal(err)
	}
	fifth := func() func([]byte) bool { // of the messages that are told
		n := 0
		return func(text []byte) bool {
			if bytes.HasPrefix(text, []byte(`{"type":"newMessage"`)) {
				n++
			}
			return n == 5
		}
	}
	replace := func(old, with string) func(text []byte) [][]byte {
		return func(text []byte) [][]byte { return [][]byte{bytes.Replace(text, []byte(old), []byte(with), 1)} }
	}
	for _, c := range []struct {
		name string
		want Kind                       // empty: nothing
		do   func(text []byte) [][]byte // to the fifth message told
	}{
		{"an honest network", "", func(text []byte) [][]byte { return [][]byte{text} }},
		{"a frame is lost", Skipped, func([]byte) [][]byte { return nil }},
		{"a frame comes twice", Repeated, func(text []byte) [][]byte { return [][]byte{text, text} }},
		{"a frame is altered", Invented, replace(`"content":"word`, `"content":"w0rd`)},
		{"a frame names another author", Altered, replace(`"username":"owner"`, `"username":"other"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, end := context.WithCancel(t.Context())
			defer end()
			raw := newRaw(ctx, rec, owner, "raw", "http://"+h.address)
			hit := fifth()
			raw.tamper = func(text []byte) [][]byte {
				if hit(text) {
					return c.do(text)
				}
				return [][]byte{text}
			}
			done := make(chan error, 1)
			go func() { done <- raw.run(ctx) }()
			raw.reaches(t, v.RoomID, 1)
			var last chat.Message
			for range 10 {
				last = owner.word(t, v.RoomID)
			}
			raw.reaches(t, v.RoomID, last.Seq)
			end()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			history := &History{Ops: rec.ops}
			raw.report(history)
			history.Views = nil // here only what was told counts
			h.kill()
			log := h.stored([]string{v.RoomID})[0]
			for i := range log.Messages {
				log.Served = append(log.Served, marshal(&log.Messages[i]))
			}
			history.Logs = []Log{log}
			h.start()
			found := Check(history)
			if c.want == "" && len(found) > 0 || c.want != "" && !slices.ContainsFunc(found, func(v Violation) bool { return v.Kind == c.want }) {
				t.Errorf("want %q, found %v", c.want, found)
			}
		})
	}
}

// TestSabotageOnAWS lets AWS do what it never does: each must be found in that house too.
func TestSabotageOnAWS(t *testing.T) {
	h := openCloud(t, openTown(t), 100)
	rec := newRecord(t)
	owner := newPerson(rec, "owner", h.aws.URL, caller(t), client.Session{})
	owner.join(t.Context())
	faults := &h.aws.Faults
	forget := func(operation string, request map[string]any) { // the first message that comes by, of all that its transaction writes
		items, _ := request["TransactItems"].([]any)
		at := slices.IndexFunc(items, func(item any) bool {
			return bytes.Contains(marshal(item), []byte(`"clientMessageId"`)) && bytes.Contains(marshal(item), []byte(`-messages"`))
		})
		if at >= 0 && len(items) > 1 {
			request["TransactItems"] = slices.Delete(items, at, at+1)
			h.tables.tamper.Store(nil)
		}
	}
	for _, c := range []struct {
		name string
		want Kind // empty: nothing
		do   func()
	}{
		{"an honest AWS", "", func() {}},
		{"a push is dropped", Skipped, func() { faults.DropPushes.Store(1) }},
		{"two pushes change places", Disordered, func() { faults.SwapPushes.Store(1) }},
		{"a message is not stored with the rest", Lost, func() { h.tables.tamper.Store(&forget) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := owner.CreateRoom(t.Context(), chat.Public, c.name, "")
			if err != nil {
				t.Fatal(err)
			}
			ctx, end := context.WithCancel(t.Context())
			defer end()
			raw := newRaw(ctx, rec, owner, "raw", h.aws.URL)
			raw.silence = h.pace().silence
			done := make(chan error, 1)
			go func() { done <- raw.run(ctx) }()
			raw.reaches(t, v.RoomID, owner.word(t, v.RoomID).Seq)
			c.do()
			var last chat.Message
			for range 5 {
				last = owner.word(t, v.RoomID)
			}
			for limit := time.Now().Add(patience); raw.heard(v.RoomID) < last.Seq; time.Sleep(time.Millisecond) {
				if time.Now().After(limit) {
					t.Fatalf("told up to %d of %d", raw.heard(v.RoomID), last.Seq)
				}
			}
			end()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			history := &History{Ops: rec.ops, Retells: true, Logs: h.stored([]string{v.RoomID})}
			raw.report(history)
			history.Views = nil // here only what was told counts
			log := &history.Logs[0]
			for i := range log.Messages {
				log.Served = append(log.Served, marshal(&log.Messages[i]))
			}
			found := Check(history)
			if c.want == "" && len(found) > 0 || c.want != "" && !slices.ContainsFunc(found, func(v Violation) bool { return v.Kind == c.want }) {
				t.Errorf("want %q, found %v", c.want, found)
			}
		})
	}
}
