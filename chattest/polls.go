package chattest

import (
	"fmt"
	"strings"
	"time"

	"parley/chat"
)

// polls: who polls is there while they ask, and is told apart from who has a socket.
func polls(e *connEnv) {
	c := e.connection("anna", "p1")
	c.Polls = true
	first, err := e.Connect(e.ctx, c, 100)
	e.ok(err)
	same(e.env, "first", first, true)
	got, err := e.Connection(e.ctx, "p1")
	e.ok(err)
	same(e.env, "what is noted", got, c)
	e.clock.Advance(chat.PollFor)
	same(e.env, "first beside one that polls", e.connect("anna", "a1="), false)
	of, err := e.ConnectionsOf(e.ctx, "anna")
	e.ok(err)
	same(e.env, "who polls", fmt.Sprint(of["anna"][0].Polls, of["anna"][1].Polls), "true false")
	same(e.env, "last, a socket", e.forget("anna", "a1="), false)
	e.clock.Advance(time.Second)
	same(e.env, "first beside one that polls no more", e.connect("anna", "a2="), true)
	e.ok(e.Alive(e.ctx, c, e.clock.Now().UnixMilli()))
	same(e.env, "last of two", e.forget("anna", "a2="), false)
	same(e.env, "last", e.forget("anna", "p1"), true)
}

// signals: what is kept for a connection is taken once, in order, and not for ever.
func signals(e *connEnv) {
	soon := e.clock.Now().Add(time.Minute).UnixMilli()
	take := func(id string) string {
		e.Helper()
		frames, err := e.TakeSignals(e.ctx, id)
		e.ok(err)
		texts := make([]string, len(frames))
		for i, f := range frames {
			texts[i] = string(f)
		}
		return strings.Join(texts, " ")
	}
	same(e.env, "nothing", take("p1"), "")
	var want []string
	for i := range 103 {
		want = append(want, fmt.Sprintf(`{"n":"%d\u00fc"}`, i))
		e.ok(e.PutSignal(e.ctx, "p1", []byte(want[i]), soon))
		e.clock.Advance(time.Millisecond)
	}
	e.ok(e.PutSignal(e.ctx, "p2", []byte("of another"), soon))
	same(e.env, "the oldest", take("p1"), strings.Join(want[:100], " "))
	same(e.env, "the rest", take("p1"), strings.Join(want[100:], " "))
	same(e.env, "what was taken", take("p1"), "")
	same(e.env, "of another", take("p2"), "of another")
	e.ok(e.PutSignal(e.ctx, "p1", []byte("late"), soon))
	e.clock.Advance(time.Minute + time.Second)
	same(e.env, "after its time", take("p1"), "")
}
