package chattest

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat"
)

// ConnectionPorts are the storage ports of edges that keep nothing in memory.
type ConnectionPorts interface {
	Ports
	chat.Connections
	chat.Signals
	chat.Audiences
	chat.Tallies
}

// RunConnections tests the storage ports that say who is connected, as Run does the others.
func RunConnections(t *testing.T, open func(t *testing.T, now func() time.Time) ConnectionPorts) {
	for name, run := range map[string]func(e *connEnv){
		"Connections/ComeAndGo": comeAndGo,
		"Connections/Silent":    silent,
		"Connections/Limit":     connectionLimit,
		"Connections/Ending":    ending,
		"Connections/AtOnce":    connectAtOnce,
		"Connections/Polls":     polls,
		"Signals":               signals,
		"Audiences/Hear":        hear,
		"Audiences/Tell":        tell,
		"Audiences/Origins":     origins,
		"Audiences/Purged":      audiencePurged,
		"Tallies":               tallies,
	} {
		t.Run(name, func(t *testing.T) {
			clock := NewClock()
			p := open(t, clock.Now)
			run(&connEnv{env: &env{T: t, Ports: p, ctx: t.Context(), clock: clock}, ConnectionPorts: p})
		})
	}
}

type connEnv struct {
	*env
	ConnectionPorts
}

func (e *connEnv) connection(userID, id string) chat.Connection {
	at := e.clock.Now().UnixMilli()
	return chat.Connection{ConnectionID: id, UserID: userID, Username: "n-" + userID, SessionID: "s-" + id, ConnectedAt: at, LastSeen: at}
}

func (e *connEnv) connect(userID, id string) bool {
	e.Helper()
	first, err := e.Connect(e.ctx, e.connection(userID, id), 100)
	e.ok(err)
	return first
}

func (e *connEnv) forget(userID, id string) bool {
	e.Helper()
	last, err := e.Forget(e.ctx, userID, id)
	e.ok(err)
	return last
}

func (e *connEnv) connected() []string {
	e.Helper()
	return pages(e.env, 2, func(cursor string) ([]string, string, error) { return e.Connected(e.ctx, cursor, 2) })
}

// comeAndGo: a person is there while one of their connections is; what is forgotten is found nowhere.
func comeAndGo(e *connEnv) {
	same(e.env, "first", e.connect("anna", "a1="), true)
	same(e.env, "first with a second device", e.connect("anna", "a2="), false)
	same(e.env, "first again", e.connect("anna", "a2="), false)
	same(e.env, "first of another", e.connect("berta", "b1="), true)
	same(e.env, "first of a third", e.connect("cleo", "c1="), true)
	got, err := e.Connection(e.ctx, "a2=")
	e.ok(err)
	same(e.env, "connection", got, e.connection("anna", "a2="))
	all, err := e.ConnectionsOf(e.ctx, "anna", "berta", "nobody")
	e.ok(err)
	same(e.env, "people", len(all), 2)
	same(e.env, "connections of anna", len(all["anna"]), 2)
	same(e.env, "session of berta", all["berta"][0].SessionID, "s-b1=")
	if got := e.connected(); !slices.Equal(got, []string{"anna", "berta", "cleo"}) {
		e.Fatalf("connected: %v", got)
	}

	same(e.env, "last of two", e.forget("anna", "a1="), false)
	_, err = e.Connection(e.ctx, "a1=")
	e.code(err, chat.NotFound)
	same(e.env, "last", e.forget("anna", "a2="), true)
	same(e.env, "last again", e.forget("anna", "a2="), false)
	same(e.env, "last of nobody", e.forget("nobody", "n1="), false)
	if got := e.connected(); !slices.Equal(got, []string{"berta", "cleo"}) {
		e.Fatalf("connected: %v", got)
	}
	same(e.env, "first after all", e.connect("anna", "a3="), true)
}

// silent: who is not heard of is there no more, and comes back as the first; a day later nothing is left.
func silent(e *connEnv) {
	e.connect("anna", "a1=")
	e.clock.Advance(chat.AliveFor - time.Minute)
	c, err := e.Connection(e.ctx, "a1=")
	e.ok(err)
	e.ok(e.Alive(e.ctx, c, e.clock.Now().UnixMilli()))
	e.clock.Advance(chat.AliveFor - time.Minute)
	same(e.env, "first beside one that is alive", e.connect("anna", "a2="), false)
	c, err = e.Connection(e.ctx, "a1=")
	e.ok(err)
	same(e.env, "last seen", c.LastSeen, e.clock.Now().Add(time.Minute-chat.AliveFor).UnixMilli())
	e.clock.Advance(chat.AliveFor + time.Second)
	same(e.env, "first beside silent ones", e.connect("anna", "a3="), true)
	same(e.env, "last, a silent one", e.forget("anna", "a1="), false)
	e.clock.Advance(chat.AliveFor + time.Second)
	same(e.env, "last of silent ones", e.forget("anna", "a3="), true)

	e.ok(e.Alive(e.ctx, c, e.clock.Now().UnixMilli())) // forgotten
	_, err = e.Connection(e.ctx, "a1=")
	e.code(err, chat.NotFound)
	e.clock.Advance(chat.ConnectionFor + time.Second)
	_, err = e.Connection(e.ctx, "a2=")
	e.code(err, chat.NotFound)
	all, err := e.ConnectionsOf(e.ctx, "anna")
	e.ok(err)
	same(e.env, "connections after a day", len(all), 0)
	e.forget("anna", "")
	same(e.env, "connected after a day", len(e.connected()), 0)
}

// ending: a connection that could not be closed yet is no more but for those who close it.
func ending(e *connEnv) {
	end := func(id string) bool {
		e.Helper()
		last, err := e.End(e.ctx, "anna", id)
		e.ok(err)
		return last
	}
	e.connect("anna", "a1=")
	e.connect("anna", "a2=")
	c, err := e.Connection(e.ctx, "a1=")
	e.ok(err)
	same(e.env, "last of two", end("a1="), false)
	_, err = e.Connection(e.ctx, "a1=")
	e.code(err, chat.NotFound)
	e.clock.Advance(time.Minute)
	e.ok(e.Alive(e.ctx, c, e.clock.Now().UnixMilli())) // it does not come back
	_, err = e.Connection(e.ctx, "a1=")
	e.code(err, chat.NotFound)
	same(e.env, "last", end("a2="), true)
	same(e.env, "last again", end("a2="), false)
	same(e.env, "last of one that nobody knows", end("a9="), false)
	all, err := e.ConnectionsOf(e.ctx, "anna")
	e.ok(err)
	if got := all["anna"]; len(got) != 2 || !got[0].Ending || !got[1].Ending {
		e.Fatalf("connections: %+v", got)
	}
	same(e.env, "connected", len(e.connected()), 1) // for those who close it
	same(e.env, "last, known already", e.forget("anna", "a2="), false)
	same(e.env, "first beside one that ends", e.connect("anna", "a3="), true)
	same(e.env, "one that ends", e.forget("anna", "a1="), false)
	same(e.env, "last of all", e.forget("anna", "a3="), true)
	same(e.env, "connected", len(e.connected()), 0)
}

func connectionLimit(e *connEnv) {
	for _, id := range ids("a", 3) {
		_, err := e.Connect(e.ctx, e.connection("anna", id), 3)
		e.ok(err)
	}
	_, err := e.Connect(e.ctx, e.connection("anna", "one-more"), 3)
	e.code(err, chat.RateLimited)
	_, err = e.Connection(e.ctx, "one-more")
	e.code(err, chat.NotFound)
	e.clock.Advance(chat.AliveFor + time.Second) // silent ones do not count
	_, err = e.Connect(e.ctx, e.connection("anna", "one-more"), 3)
	e.ok(err)
}

// connectAtOnce: of many who come at once one is the first, and of many who go one is the last.
func connectAtOnce(e *connEnv) {
	var first, last atomic.Int32
	var all sync.WaitGroup
	for _, id := range ids("a", 6) {
		all.Go(func() {
			if ok, err := e.Connect(e.ctx, e.connection("anna", id), 100); err != nil {
				e.Error(err)
			} else if ok {
				first.Add(1)
			}
		})
	}
	all.Wait()
	same(e.env, "first", first.Load(), 1)
	for _, id := range ids("a", 6) {
		all.Go(func() {
			if ok, err := e.Forget(e.ctx, "anna", id); err != nil {
				e.Error(err)
			} else if ok {
				last.Add(1)
			}
		})
	}
	all.Wait()
	same(e.env, "last", last.Load(), 1)
	same(e.env, "connected", len(e.connected()), 0)
}

// hear: who hears a room is read by pages, beside how far it was told, and ends with its moment.
func hear(e *connEnv) {
	until := e.clock.Now().Add(time.Hour).UnixMilli()
	got, err := e.Subscribed(e.ctx, "u000")
	e.ok(err)
	same(e.env, "until before", got, 0)
	e.ok(e.Subscribe(e.ctx, "u000", until))
	got, err = e.Subscribed(e.ctx, "u000")
	e.ok(err)
	same(e.env, "until", got, until)

	rooms := ids("r", 130)
	e.ok(e.Hear(e.ctx, "u000", until, rooms...))
	e.ok(e.Hear(e.ctx, "u000", until))
	for _, u := range ids("u", 7) {
		e.ok(e.Hear(e.ctx, u, until, "r000"))
	}
	e.ok(e.Tell(e.ctx, "r000", chat.Told{Seq: 7}))
	var all []string
	for more, pages := true, 0; more; pages++ {
		var page []string
		var told chat.Told
		after := ""
		if len(all) > 0 {
			after = all[len(all)-1]
		}
		told, page, more, err = e.Audience(e.ctx, "r000", after, 3)
		e.ok(err)
		if len(page) > 3 || pages > 3 {
			e.Fatalf("page %d has %d people", pages, len(page))
		}
		if pages == 0 {
			same(e.env, "told", told, chat.Told{Seq: 7, Version: 1})
		}
		all = append(all, page...)
	}
	if !slices.Equal(all, ids("u", 7)) {
		e.Fatalf("audience: %v", all)
	}
	e.ok(e.Unhear(e.ctx, "u000", rooms[:125]...))
	e.ok(e.Unhear(e.ctx, "u000", "r000", "r-never"))
	for room, want := range map[string]int{"r000": 6, "r001": 0, "r124": 0, "r125": 1, "r129": 1} {
		_, people, _, err := e.Audience(e.ctx, room, "", 1000)
		e.ok(err)
		same(e.env, "people in "+room, len(people), want)
	}
	e.clock.Advance(time.Hour + time.Second)
	told, people, more, err := e.Audience(e.ctx, "r000", "", 1000)
	e.ok(err)
	same(e.env, "people after all", len(people), 0)
	same(e.env, "more", more, false)
	same(e.env, "told after all", told.Seq, 7)
	got, err = e.Subscribed(e.ctx, "u000")
	e.ok(err)
	same(e.env, "until after", got, 0)
}

// tell: of several who tell a room from the same point on, one goes ahead.
func tell(e *connEnv) {
	got, err := e.Told(e.ctx, "r")
	e.ok(err)
	same(e.env, "told before", got, chat.Told{})
	e.is(e.Tell(e.ctx, "r", chat.Told{Seq: 1, Version: 1}), chat.ErrMoved)
	for version := range int64(3) {
		var won atomic.Int32
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				err := e.Tell(e.ctx, "r", chat.Told{Seq: 10 + version, Version: version, Queued: 5 * version})
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, chat.ErrMoved) {
					e.Error(err)
				}
			})
		}
		all.Wait()
		same(e.env, "winners", won.Load(), 1)
		got, err = e.Told(e.ctx, "r")
		e.ok(err)
		same(e.env, "told", got, chat.Told{Seq: 10 + version, Version: version + 1, Queued: 5 * version})
	}
}

// origins: where a message came from is kept with it, if it was told.
func origins(e *connEnv) {
	s, c := NewScript("r", chat.Private, "Room", "u-anna")
	e.ok(e.Commit(e.ctx, c))
	c = s.Say(Said{"u-anna", "c1", "one"}, Said{"u-anna", "c2", "two"})
	c.Origins = []chat.Origin{{ConnectionID: "a1=", RequestID: "r\"1"}, {}}
	e.ok(e.Commit(e.ctx, c))
	e.ok(e.Commit(e.ctx, s.Say(Said{"u-anna", "c3", "three"})))
	got, err := e.Origins(e.ctx, "r", chat.Sent{UserID: "u-anna", ClientMessageID: "c2"}, chat.Sent{UserID: "u-anna", ClientMessageID: "c1"},
		chat.Sent{UserID: "u-anna", ClientMessageID: "never"}, chat.Sent{UserID: "u-anna", ClientMessageID: "c3"})
	e.ok(err)
	if !slices.Equal(got, []chat.Origin{{}, {ConnectionID: "a1=", RequestID: "r\"1"}, {}, {}}) {
		e.Fatalf("origins: %v", got)
	}
}

// audiencePurged: nothing of a room that is gone stays.
func audiencePurged(e *connEnv) {
	s, c := NewScript("r", chat.Private, "Room", "u-anna")
	e.ok(e.Commit(e.ctx, c))
	e.ok(e.Hear(e.ctx, "u-anna", e.clock.Now().Add(time.Hour).UnixMilli(), "r", "other"))
	e.ok(e.Tell(e.ctx, "r", chat.Told{Seq: 2}))
	e.ok(e.Commit(e.ctx, s.End()))
	e.ok(e.Purge(e.ctx))
	told, people, _, err := e.Audience(e.ctx, "r", "", 10)
	e.ok(err)
	same(e.env, "told", told, chat.Told{})
	same(e.env, "people", len(people), 0)
	_, people, _, err = e.Audience(e.ctx, "other", "", 10)
	e.ok(err)
	same(e.env, "people elsewhere", len(people), 1)
}

// tallies: of several who count from the same number on, one does.
func tallies(e *connEnv) {
	soon := e.clock.Now().Add(time.Minute).UnixMilli()
	for from := range int64(3) {
		got, err := e.Tally(e.ctx, "k")
		e.ok(err)
		same(e.env, "tally", got, from)
		var won atomic.Int32
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				err := e.SetTally(e.ctx, "k", from, from+1, soon)
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, chat.ErrMoved) {
					e.Error(err)
				}
			})
		}
		all.Wait()
		same(e.env, "winners", won.Load(), 1)
	}
	other, err := e.Tally(e.ctx, "other")
	e.ok(err)
	same(e.env, "another tally", other, 0)
	e.clock.Advance(time.Minute + time.Second)
	e.ok(e.SetTally(e.ctx, "k", 0, 9, soon+60_000))
	got, err := e.Tally(e.ctx, "k")
	e.ok(err)
	same(e.env, "tally anew", got, 9)
}
