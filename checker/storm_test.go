package checker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/client"
	"parley/seed"
	"parley/wiring/server"
)

// TestReconnectStorm lets a crowd come back at once, from a crash and from an absence: everybody is told everything, and
// those who speak meanwhile are answered.
func TestReconnectStorm(t *testing.T) {
	size := crowdSize{people: 500, missed: 20}
	switch {
	case os.Getenv("SOAK") != "":
		size = crowdSize{people: 5000, missed: 200}
	case testing.Short():
		size = crowdSize{people: 100, missed: 20}
	}
	s := gather(t, size)
	begun := time.Now()

	first, leave := context.WithCancel(t.Context())
	there := s.connect(first)
	s.whole("all are there")
	s.house.kill()
	s.house.start()
	crash := time.Now()
	s.speak(5)
	s.whole("all are back after a crash")
	afterCrash := time.Since(crash)
	leave()
	there.Wait()

	s.speak(size.missed)
	absence := time.Now()
	second, end := context.WithCancel(t.Context())
	there = s.connect(second)
	s.speak(5)
	s.whole("all are back after an absence")
	afterAbsence := time.Since(absence)
	end()
	there.Wait()
	found := s.judge()
	t.Logf("storm: %s, %d clients in %d rooms, %d messages acknowledged (slowest %s), whole %s after kill -9 and %s after an absence of %d messages a room, violations %d",
		time.Since(begun).Round(time.Second), size.people, len(s.rooms), len(s.rec.ops), s.slowest().Round(time.Millisecond),
		afterCrash.Round(time.Millisecond), afterAbsence.Round(time.Millisecond), size.missed, found)
}

type crowdSize struct{ people, missed int }

// perRoom is how many people of the crowd share a room.
const perRoom = 50

// storm is a crowd in rooms.
type storm struct {
	t       *testing.T
	rec     *record
	house   *machine
	people  []*person
	rooms   []string
	speaker []*person // of each room
	sent    int
}

// gather makes the people and rooms, and starts the house.
func gather(t *testing.T, size crowdSize) *storm {
	t.Helper()
	h := openMachine(t)
	closed, err := server.New(t.Context(), server.Config{Data: h.data, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := closed.Seed(t.Context(), seed.Options{Users: size.people, Rooms: size.people / perRoom, Members: perRoom}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	h.start()
	s := &storm{t: t, rec: newRecord(t), house: h}
	calls := caller(t)
	for i, who := range signed {
		session := client.Session{User: chat.User{UserID: who.UserID}, AccessToken: who.Token, ExpiresAt: time.Now().Add(50 * time.Minute)}
		p := newPerson(s.rec, fmt.Sprintf("s%d", i), "http://"+h.address, calls, session)
		p.raw = newRaw(t.Context(), s.rec, p, "raw", "http://"+h.address)
		p.raw.silence, p.raw.backoff = 20*time.Second, 2*time.Second // else the crowd would be an attack
		s.people = append(s.people, p)
		if !slices.Contains(s.rooms, who.RoomID) {
			s.rooms, s.speaker = append(s.rooms, who.RoomID), append(s.speaker, p)
		}
	}
	return s
}

// connect lets everybody come at once, until ctx ends.
func (s *storm) connect(ctx context.Context) *sync.WaitGroup {
	var there sync.WaitGroup
	for _, p := range s.people {
		there.Go(func() {
			if err := p.raw.run(ctx); err != nil {
				s.t.Error(err)
			}
		})
	}
	return &there
}

// speak sends some messages to every room, by one of its members, who waits for each.
func (s *storm) speak(n int) {
	var speaking sync.WaitGroup
	for i, room := range s.rooms {
		speaking.Go(func() {
			p := s.speaker[i]
			for j := range n {
				id := fmt.Sprintf("%s-%d", p.name, s.sent+j)
				msg := chat.NewMessage{RoomID: room, ClientMessageID: id, Content: id}
				p.perform(s.t.Context(), Op{Room: room, Kind: Send, ID: id, Content: id}, 0, func(ctx context.Context) (chat.Message, bool, error) {
					m, err := p.Send(ctx, msg)
					return m, true, err
				})
			}
		})
	}
	speaking.Wait()
	s.sent += n
}

// whole waits until everybody has all of their room.
func (s *storm) whole(what string) {
	s.t.Helper()
	heads := map[string]int64{}
	for i, room := range s.rooms {
		s.speaker[i].until(s.t.Context(), func() error {
			v, err := s.speaker[i].Room(s.t.Context(), room)
			heads[room] = v.HeadSeq
			return err
		})
	}
	for limit := time.Now().Add(5 * patience); ; time.Sleep(50 * time.Millisecond) {
		missing := 0
		for _, p := range s.people {
			at, whole := p.raw.at()
			for room, seq := range at {
				whole = whole && seq == heads[room] && p.raw.heard(room) == seq
			}
			if !whole || len(at) != 1 {
				missing++
			}
		}
		if missing == 0 {
			return
		}
		if time.Now().After(limit) {
			s.t.Fatalf("%s: not so for %d of %d", what, missing, len(s.people))
		}
	}
}

// slowest is the longest wait for an acknowledgement.
func (s *storm) slowest() (d time.Duration) {
	for _, op := range s.rec.ops {
		d = max(d, time.Duration(op.Return-op.Call))
	}
	return d
}

// judge stops the house and checks all; it returns the number of violations.
func (s *storm) judge() int {
	h := &History{Ops: s.rec.ops}
	for _, p := range s.people {
		p.raw.report(h)
	}
	served := make([][]string, len(s.rooms))
	for i, room := range s.rooms {
		for after := int64(0); ; {
			page, err := s.speaker[i].History(s.t.Context(), room, chat.PageQuery{After: &after, Limit: 100})
			if err != nil {
				s.t.Fatal(err)
			}
			for j := range page.Messages {
				served[i] = append(served[i], string(marshal(&page.Messages[j])))
				after = page.Messages[j].Seq
			}
			if !page.HasMoreAfter {
				break
			}
		}
	}
	if err := s.house.stop(); err != nil {
		s.t.Errorf("after SIGTERM the server ended with %v", err)
	}
	for i, l := range s.house.stored(s.rooms) {
		for _, text := range served[i] {
			l.Served = append(l.Served, []byte(text))
		}
		h.Logs = append(h.Logs, l)
	}
	found := append(s.rec.wrong, Check(h)...)
	for i, v := range found {
		if i < 20 {
			s.t.Error(v)
		}
	}
	for _, line := range s.house.complained() {
		s.t.Errorf("the server complained: %s", line)
	}
	return len(found)
}
