package chat_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/chattest"
)

// ack is what a sender was told.
type ack struct {
	m      chat.Message
	repeat bool
	err    error
}

// checkLog ends the test unless a room's stored messages are numbered without holes from first, are those of acks, and
// were delivered once each, in that order.
func (h *house) checkLog(roomID string, first int64, acks map[string]chat.Message, delivered []chat.Event) {
	h.t.Helper()
	msgs := h.history(roomID)
	equal(h.t, "messages stored", len(msgs), len(acks))
	for i := range msgs {
		m := &msgs[i]
		if m.Seq != first+int64(i) || m.Ordinal != int64(i)+1 {
			h.t.Fatalf("message %d of %s has number %d and ordinal %d", i, roomID, m.Seq, m.Ordinal)
		}
		if a := acks[m.UserID+" "+m.ClientMessageID]; a.Seq != m.Seq || a.MessageID != m.MessageID || a.Content != m.Content || a.Ordinal != m.Ordinal {
			h.t.Fatalf("message %q is stored as %d and acknowledged as %d", m.Content, m.Seq, a.Seq)
		}
	}
	if delivered == nil {
		return
	}
	told := slices.DeleteFunc(slices.Clone(delivered), func(e chat.Event) bool { return e.NewMessage == nil })
	equal(h.t, "messages delivered", len(told), len(msgs))
	for i, e := range told {
		if e.Seq != msgs[i].Seq || e.NewMessage.MessageID != msgs[i].MessageID {
			h.t.Fatalf("delivery %d of %s is number %d, want %d", i, roomID, e.Seq, msgs[i].Seq)
		}
	}
}

// TestOrder sends from many at once into several rooms, some through Submit and some through Send, with repeats.
func TestOrder(t *testing.T) {
	h := newHouse(t, "u0", "u1", "u2", "u3", "u4", "u5")
	const people, rooms, each = 6, 3, 60
	var ids, firsts = make([]string, rooms), make([]int64, rooms)
	var users []string
	for u := range people {
		users = append(users, fmt.Sprintf("u-u%d", u))
	}
	for r := range rooms {
		ids[r] = h.room(chat.Public, users...)
		firsts[r] = h.head(ids[r]) + 1
	}
	var mu sync.Mutex
	acks := make([]map[string]chat.Message, rooms)
	for r := range acks {
		acks[r] = map[string]chat.Message{}
	}
	note := func(r int, m chat.Message) {
		mu.Lock()
		defer mu.Unlock()
		key := m.UserID + " " + m.ClientMessageID
		if had, ok := acks[r][key]; ok && had.Seq != m.Seq {
			t.Errorf("%s is acknowledged as %d and as %d", key, had.Seq, m.Seq)
		}
		acks[r][key] = m
	}
	var all sync.WaitGroup
	for u, user := range users {
		for r, room := range ids {
			all.Go(func() {
				var waiting sync.WaitGroup
				var last int64
				for i := range each {
					n := chat.NewMessage{RoomID: room, Content: fmt.Sprintf("%d by %d", i, u), ClientMessageID: fmt.Sprint(i)}
					if u%2 == 0 {
						m, err := h.svc.Send(h.ctx, user, n)
						if err != nil {
							t.Error(err)
							return
						}
						note(r, m)
						continue
					}
					for range 1 + i%2 { // every other message twice at once
						waiting.Add(1)
						h.svc.Submit(h.ctx, user, n, chat.Origin{}, func(m chat.Message, repeat bool, err error) {
							defer waiting.Done()
							if err != nil {
								t.Error(err)
								return
							}
							if !repeat { // of one goroutine at a time: done is called by the room's sequencer
								if m.Seq <= last {
									t.Errorf("message %d was submitted after %d", m.Seq, last)
								}
								last = m.Seq
							}
							note(r, m)
						})
					}
				}
				waiting.Wait()
			})
		}
	}
	all.Wait()
	for r, room := range ids {
		equal(t, "messages acknowledged", len(acks[r]), people*each)
		h.checkLog(room, firsts[r], acks[r], h.ears.Log(room))
	}
	t.Logf("%d messages in %d deliveries", people*rooms*each, h.ears.Deliveries())
}

// TestOrigin: the connection that asked is named in the event, before its answer, and a repeat is not delivered.
func TestOrigin(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Public, "u-ann", "u-bob")
	h.ears.Forget()
	origin := chat.Origin{ConnectionID: "c7", RequestID: "r9"}
	for round := range 2 {
		got := make(chan ack, 2)
		h.svc.Submit(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: "hello", ClientMessageID: "k"}, origin,
			func(m chat.Message, repeat bool, err error) {
				if heard := h.ears.HeardIn("u-bob", room); len(heard) != 1 || heard[0].Origin != origin {
					t.Errorf("at the answer bob has heard %v", tellAll(heard))
				}
				got <- ack{m, repeat, err}
			})
		a := <-got
		h.ok(a.err)
		equal(t, "repeat", a.repeat, round == 1)
		equal(t, "number", a.m.Seq, h.head(room))
	}
	h.hears("u-ann", "4 message hello")
	h.hears("u-bob", "4 message hello")
}

// TestRepeats: one clientMessageId makes one message, whoever repeats it when and how.
func TestRepeats(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Public, "u-ann", "u-bob")
	first := h.say("u-ann", room, "k")
	same := chat.NewMessage{RoomID: room, Content: "other text", ClientMessageID: "k"}
	again := func(svc *chat.Service, when string) {
		t.Helper()
		m, err := svc.Send(h.ctx, "u-ann", same)
		h.ok(err)
		if m.MessageID != first.MessageID || m.Seq != first.Seq {
			t.Fatalf("%s: a repeat made message %d, the first was %d", when, m.Seq, first.Seq)
		}
	}
	again(h.svc, "at once")
	again(h.service(h.ears, nil, nil), "after a restart")
	h.clock.Advance(24*time.Hour - time.Second)
	again(h.svc, "a day later")
	equal(t, "content", h.history(room)[0].Content, "k")
	for _, other := range []string{h.room(chat.Public, "u-ann", "u-bob"), room} { // another room, and another person
		m, err := h.svc.Send(h.ctx, "u-bob", chat.NewMessage{RoomID: other, Content: "bob's", ClientMessageID: "k"})
		h.ok(err)
		equal(t, "sender", m.UserID, "u-bob")
	}
	equal(t, "messages", len(h.history(room)), 2)

	_, err := h.svc.Edit(h.ctx, "u-ann", room, first.MessageID, "edited")
	h.ok(err)
	again(h.svc, "after an edit")
	_, err = h.svc.Delete(h.ctx, "u-ann", room, first.MessageID)
	h.ok(err)
	again(h.svc, "after a deletion")
	equal(t, "messages", len(h.history(room)), 2)
}

// TestRepeatOfAnswered: a repeat gets the first result even when the same message would be refused by now.
func TestRepeatOfAnswered(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Public, "u-ann", "u-bob")
	root := h.say("u-ann", room, "root")
	reply := chat.NewMessage{RoomID: room, Content: "reply", ClientMessageID: "reply", ReplyTo: root.MessageID}
	first, err := h.svc.Send(h.ctx, "u-bob", reply)
	h.ok(err)
	_, err = h.svc.Delete(h.ctx, "u-ann", room, root.MessageID)
	h.ok(err)
	m, err := h.svc.Send(h.ctx, "u-bob", reply)
	h.ok(err)
	equal(t, "number", m.Seq, first.Seq)
	h.ok(h.svc.RemoveMember(h.ctx, "u-ann", room, "u-bob"))
	m, err = h.svc.Send(h.ctx, "u-bob", reply)
	h.ok(err)
	equal(t, "number", m.Seq, first.Seq)
	reply.ClientMessageID = "another"
	_, err = h.svc.Send(h.ctx, "u-bob", reply)
	h.code(err, chat.Forbidden)
	equal(t, "messages", len(h.history(room)), 2)
}

// TestSameAtOnce sends few keys from many goroutines, through two Services on one store.
func TestSameAtOnce(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Public, "u-ann", "u-bob")
	first := h.head(room) + 1
	ears := []*chattest.Recorder{chattest.NewRecorder(), chattest.NewRecorder()}
	svcs := []*chat.Service{h.service(ears[0], nil, nil), h.service(ears[1], nil, nil)}
	var mu sync.Mutex
	acks := map[string]chat.Message{}
	var all sync.WaitGroup
	const keys, each = 12, 10
	for i := range keys * each {
		all.Go(func() {
			n := chat.NewMessage{RoomID: room, Content: fmt.Sprint("try ", i), ClientMessageID: fmt.Sprint(i % keys)}
			m, err := svcs[i%2].Send(h.ctx, "u-ann", n)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if had, ok := acks[m.UserID+" "+m.ClientMessageID]; ok && had.Seq != m.Seq {
				t.Errorf("key %s is acknowledged as %d and as %d", m.ClientMessageID, had.Seq, m.Seq)
			}
			acks[m.UserID+" "+m.ClientMessageID] = m
		})
	}
	all.Wait()
	h.checkLog(room, first, acks, nil)
	h.union(room, ears)
}

// union ends the test unless the Services of a store delivered together each number after the first ones exactly once,
// each of them in order.
func (h *house) union(room string, ears []*chattest.Recorder) {
	h.t.Helper()
	seen := map[int64]int{}
	for _, r := range ears {
		if faults := r.Faults(); len(faults) > 0 {
			h.t.Errorf("deliveries: %v", faults)
		}
		for _, e := range r.Log(room) {
			seen[e.Seq]++
		}
	}
	for _, m := range h.history(room) {
		if seen[m.Seq] != 1 {
			h.t.Errorf("number %d was delivered %d times", m.Seq, seen[m.Seq])
		}
	}
}

// TestTwoServices: two processes on one store write to the same rooms, as on AWS.
func TestTwoServices(t *testing.T) {
	h := newHouse(t, "u0", "u1", "u2", "u3")
	users := []string{"u-u0", "u-u1", "u-u2", "u-u3"}
	room := h.room(chat.Public, users...)
	first := h.head(room) + 1
	ears := []*chattest.Recorder{chattest.NewRecorder(), chattest.NewRecorder()}
	svcs := []*chat.Service{h.service(ears[0], nil, nil), h.service(ears[1], nil, nil)}
	var mu sync.Mutex
	acks := map[string]chat.Message{}
	const each = 50
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			svc, user := svcs[i%2], users[i/2]
			for k := range each {
				key := fmt.Sprintf("%d.%d", i, k)
				var m chat.Message
				var err error
				for {
					m, err = svc.Send(h.ctx, user, chat.NewMessage{RoomID: room, Content: key, ClientMessageID: key})
					if chat.CodeOf(err) != chat.Unavailable {
						break
					}
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acks[m.UserID+" "+m.ClientMessageID] = m
				mu.Unlock()
			}
		})
	}
	all.Wait()
	equal(t, "acknowledged", len(acks), 8*each)
	h.checkLog(room, first, acks, nil)
	h.union(room, ears)
}

// TestTwoServicesRules: what one process knows of a room may be old; its refusals and its silence may not be.
func TestTwoServicesRules(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid")
	room := h.room(chat.Public, "u-ann", "u-bob")
	one, two := h.svc, h.service(chattest.NewRecorder(), nil, nil)
	name := func(svc *chat.Service, by, s string) error {
		return errOf(svc.UpdateRoom(h.ctx, by, room, chat.RoomChange{Name: &s}))
	}
	h.say("u-bob", room, "warm") // one knows bob as a member
	h.code(name(one, "u-bob", "Bob's"), chat.Forbidden)
	_, err := two.SetMember(h.ctx, "u-ann", room, "u-bob", chat.Moderator)
	h.ok(err)
	h.ok(name(one, "u-bob", "Bob's")) // a refusal by the old role would be wrong
	h.ok(name(two, "u-ann", "Ann's"))
	h.ok(name(one, "u-bob", "Bob's")) // no change by what one knew, a change by what is
	rooms, err := h.store.Rooms(h.ctx, room)
	h.ok(err)
	equal(t, "name", rooms[0].Name, "Bob's")

	h.ok(two.RemoveMember(h.ctx, "u-ann", room, "u-bob"))
	_, err = one.Send(h.ctx, "u-bob", chat.NewMessage{RoomID: room, Content: "x", ClientMessageID: "x"})
	h.code(err, chat.Forbidden)
	_, err = two.Join(h.ctx, "u-cid", room)
	h.ok(err)
	_, err = one.Send(h.ctx, "u-cid", chat.NewMessage{RoomID: room, Content: "y", ClientMessageID: "y"})
	h.ok(err)
	h.ok(two.DeleteRoom(h.ctx, "u-ann", room))
	_, err = one.Send(h.ctx, "u-cid", chat.NewMessage{RoomID: room, Content: "z", ClientMessageID: "z"})
	h.code(err, chat.NotFound)
}

// brittle is a Log whose commits fail as fail says: before they are stored, or after.
type brittle struct {
	chat.Log
	fail func() (before, after error)
}

func (b *brittle) Commit(ctx context.Context, c chat.Commit) error {
	before, after := b.fail()
	if before != nil {
		return before
	}
	return errors.Join(b.Log.Commit(ctx, c), after)
}

// TestUnknownOutcome: a store that fails before or after it has stored a commit, and senders that send again until they
// are acknowledged: each message is there exactly once, and everybody is told each exactly once.
func TestUnknownOutcome(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Public, "u-ann", "u-bob")
	first := h.head(room) + 1
	down := errors.New("the line is down")
	log := &brittle{Log: h.store, fail: func() (error, error) {
		switch rand.N(4) {
		case 0:
			return down, nil
		case 1:
			return nil, down
		}
		return nil, nil
	}}
	svc := h.service(h.ears, log, nil)
	var mu sync.Mutex
	acks := map[string]chat.Message{}
	refused := 0
	var all sync.WaitGroup
	for w := range 6 {
		all.Go(func() {
			for k := range 25 {
				n := chat.NewMessage{RoomID: room, Content: fmt.Sprintf("%d.%d", w, k), ClientMessageID: fmt.Sprintf("%d.%d", w, k)}
				for {
					m, err := svc.Send(h.ctx, "u-ann", n)
					mu.Lock()
					if err == nil {
						acks[m.UserID+" "+m.ClientMessageID] = m
						mu.Unlock()
						break
					}
					refused++
					mu.Unlock()
					if !errors.Is(err, down) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	if refused == 0 {
		t.Fatal("nothing failed")
	}
	h.checkLog(room, first, acks, nil)
	h.union(room, []*chattest.Recorder{h.ears})
}

// TestUnknownOutcomeOfOther is told of what was stored though its commit had failed, as soon as anything is asked of the room:
// messages, changes of messages and of members, and the end of the room.
func TestUnknownOutcomeOfOther(t *testing.T) {
	down := errors.New("the line is down")
	for name, c := range map[string]struct {
		do   func(h *house, svc *chat.Service, room string) error
		want string
	}{
		"message": {func(h *house, svc *chat.Service, room string) error {
			_, err := svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: "x", ClientMessageID: "x"})
			return err
		}, "5 message x"},
		"edit": {func(h *house, svc *chat.Service, room string) error {
			_, err := svc.Edit(h.ctx, "u-ann", room, h.history(room)[0].MessageID, "y")
			return err
		}, "5 edited 4 y"},
		"join": {func(h *house, svc *chat.Service, room string) error {
			_, err := svc.Join(h.ctx, "u-cid", room)
			return err
		}, "5 joined u-cid"},
		"removal": {func(h *house, svc *chat.Service, room string) error {
			return svc.RemoveMember(h.ctx, "u-ann", room, "u-bob")
		}, "5 removed u-bob"},
		"end": {func(h *house, svc *chat.Service, room string) error {
			return svc.DeleteRoom(h.ctx, "u-ann", room)
		}, "5 deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, "ann", "bob", "cid")
			room := h.room(chat.Public, "u-ann", "u-bob")
			h.say("u-ann", room, "before")
			var after error
			svc := h.service(h.ears, &brittle{Log: h.store, fail: func() (error, error) { return nil, after }}, nil)
			h.ears.Forget()
			after = down
			if err := c.do(h, svc, room); !errors.Is(err, down) {
				t.Fatal(err)
			}
			h.hears("u-bob")
			after = nil
			_ = c.do(h, svc, room)
			h.hears("u-bob", c.want)
		})
	}
}

// TestBusyRoom: a room whose queue is full refuses at once, and what it took it brings to its end.
func TestBusyRoom(t *testing.T) {
	h := newHouse(t, "ann")
	room := h.room(chat.Public, "u-ann")
	hold := make(chan struct{})
	log := &brittle{Log: h.store, fail: func() (error, error) { <-hold; return nil, nil }}
	svc := h.service(h.ears, log, nil)
	const sent = 2*2048 + 100 // the sequencer may have taken one full queue before it is held
	results := make(chan error, sent)
	for i := range sent {
		svc.Submit(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: "x", ClientMessageID: fmt.Sprint(i)}, chat.Origin{},
			func(_ chat.Message, _ bool, err error) { results <- err })
	}
	ctx, cancel := context.WithCancel(h.ctx)
	cancel()
	_, err := svc.Edit(ctx, "u-ann", room, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "x")
	if code := chat.CodeOf(err); code != chat.Unavailable && code != chat.RateLimited {
		t.Fatalf("an edit that cannot wait: %v", err)
	}
	close(hold)
	done, busy := 0, 0
	for range sent {
		switch err := <-results; chat.CodeOf(err) {
		case "":
			done++
		case chat.RateLimited:
			busy++
			if chat.AsError(err).RetryAfter <= 0 {
				t.Fatalf("no time to wait: %+v", err)
			}
		default:
			t.Fatal(err)
		}
	}
	if done < 2048 || busy == 0 {
		t.Fatalf("%d done, %d refused", done, busy)
	}
	equal(t, "messages", len(h.ears.Log(room)), done+2) // and the making of the room
}
