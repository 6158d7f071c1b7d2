package checker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat"
	"parley/client"
)

// gardener is ann in a room of her own, with a raw socket at an address that is not opened yet.
func gardener(ctx context.Context, t *testing.T, h *machine, address string) (ann *person, roomID string) {
	t.Helper()
	rec := newRecord(t)
	ann = newPerson(rec, "ann", "http://"+h.address, caller(t), client.Session{})
	ann.join(ctx)
	v, err := ann.CreateRoom(ctx, chat.Private, "garden", "")
	if err != nil {
		t.Fatal(err)
	}
	ann.raw = newRaw(ctx, rec, ann, "raw", address)
	return ann, v.RoomID
}

// TestFullDisk fills the disk under a running server: who writes is told `unavailable`, by each of the ways there are, who
// reads is served, nothing is stored that was refused, and when there is room again all goes on by itself.
func TestFullDisk(t *testing.T) {
	h := openMachine(t)
	h.start()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	ann, room := gardener(ctx, t, h, "http://"+h.address)
	listening := make(chan error, 1)
	go func() { listening <- ann.raw.run(ctx) }()
	ann.raw.reaches(t, room, 1)
	before := ann.word(t, room)

	h.tell("full on")
	message := func(id string) chat.NewMessage {
		return chat.NewMessage{RoomID: room, Content: id, ClientMessageID: id}
	}
	for limit, n := time.Now().Add(patience), 0; ; n++ { // until the command has arrived
		id := fmt.Sprint("probe ", n)
		if _, err := ann.Send(ctx, message(id)); err != nil {
			break
		}
		ann.op(id, room, Acknowledged)
		if time.Now().After(limit) {
			t.Fatal("the disk does not become full")
		}
	}
	for way, send := range map[string]func() error{
		"HTTP":       func() error { _, err := ann.Send(ctx, message("refused")); return err },
		"socket":     func() error { _, err := ann.raw.send(ctx, message("refused")); return err },
		"edit":       func() error { _, err := ann.Edit(ctx, room, before.MessageID, "refused"); return err },
		"delete":     func() error { return ann.Delete(ctx, room, before.MessageID) },
		"a new room": func() error { _, err := ann.CreateRoom(ctx, chat.Private, "other", ""); return err },
		"registration": func() error {
			_, err := ann.Register(ctx, client.Registration{Username: "new", Password: password})
			return err
		},
	} {
		if err := send(); chat.CodeOf(err) != chat.Unavailable {
			t.Errorf("%s on a full disk: %v, want %s", way, err, chat.Unavailable)
		}
	}
	page, err := ann.History(ctx, room, chat.PageQuery{})
	if err != nil || len(page.Messages) == 0 || page.Messages[0].Content != before.Content {
		t.Errorf("the history on a full disk: %+v, %v", page, err)
	}

	h.tell("full off")
	last := ann.word(t, room)
	ann.raw.reaches(t, room, last.Seq)
	end()
	if err := <-listening; err != nil {
		t.Error(err)
	}
	ann.op("refused", room, Refused)
	judge(t, h, ann, room)
}

// TestFailingLog lets the log of the store fail while people write: the server ends with an error, has acknowledged nothing
// that it does not have, and serves again when it is started on a disk that works.
func TestFailingLog(t *testing.T) {
	for _, how := range []string{"nosync", "nospace"} {
		t.Run(how, func(t *testing.T) {
			h := openMachine(t)
			h.start()
			rec := newRecord(t)
			ann := newPerson(rec, "ann", "http://"+h.address, caller(t), client.Session{})
			ann.forgiving = func() bool { return true }
			ann.join(t.Context())
			v, err := ann.CreateRoom(t.Context(), chat.Private, "garden", "")
			if err != nil {
				t.Fatal(err)
			}
			var writers sync.WaitGroup
			var acked atomic.Int64
			began := make(chan struct{})
			for range 4 {
				writers.Go(func() {
					for range 50 {
						ann.word(t, v.RoomID)
						if acked.Add(1) == 20 {
							close(began)
						}
					}
				})
			}
			<-began
			h.forgiving.Store(true)
			h.tell("%s", how)
			if err := h.ended(); err == nil {
				t.Error("the server ended with 0 although its disk failed")
			}
			h.start()
			writers.Wait()
			judge(t, h, ann, v.RoomID)
		})
	}
}

// op takes down an operation that was made elsewhere: a message whose content is its id.
func (p *person) op(id, room string, o Outcome) {
	p.rec.op(Op{User: p.id, Room: room, Kind: Send, ID: id, Content: id, Call: p.rec.now(), Return: p.rec.now(), Outcome: o})
}

// judge checks one room by what one person did and was told. The house is stopped.
func judge(t *testing.T, h *machine, p *person, room string) {
	t.Helper()
	h.kill()
	l := h.stored([]string{room})[0]
	for i := range l.Messages {
		l.Served = append(l.Served, marshal(&l.Messages[i]))
	}
	history := &History{Logs: []Log{l}, Ops: p.rec.ops}
	if p.raw != nil {
		p.raw.report(history)
		history.Views = nil // what is not served is not compared byte for byte
	}
	for _, v := range append(p.rec.wrong, Check(history)...) {
		t.Error(v)
	}
}
