package checker

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"parley/chat"
	"parley/client"
)

// TestSabotage lets a client be told wrong things by a house that is right: the whole apparatus must find each, else its
// silence elsewhere would mean nothing.
func TestSabotage(t *testing.T) {
	h := openHouse(t)
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
