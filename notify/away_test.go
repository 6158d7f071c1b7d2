package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/chattest"
	"parley/limit"
	"parley/names"
	"parley/notify/pushtest"
	"parley/store"
)

// town is a house with people, who talk by the rules of the core.
type town struct {
	*house
	service *chat.Service
	log     *countedLog
	asked   int // clientMessageIds given
}

// countedLog counts what commits write to the outbox.
type countedLog struct {
	*store.Store
	outbox int
}

func (l *countedLog) Commit(ctx context.Context, c chat.Commit) error {
	if c.Outbox {
		l.outbox++
	}
	return l.Store.Commit(ctx, c)
}

// nobody is a Deliverer with no connections.
type nobody struct{}

func (nobody) Deliver(context.Context, chat.Delivery)              {}
func (nobody) Signal(context.Context, string, string, chat.Event)  {}
func (nobody) ToUsers(context.Context, chat.Event, ...string)      {}
func (nobody) Disconnect(_ context.Context, userID, sessID string) {}
func (nobody) Online(context.Context, ...string) (map[string]bool, error) {
	return map[string]bool{}, nil
}

func newTown(t *testing.T) *town {
	t.Helper()
	queue := NewQueue()
	v := &town{}
	v.house = newHouse(t, func(c *Config) {
		s := c.Subscriptions.(*store.Store)
		v.log = &countedLog{Store: s}
		v.service = newService(v.log, s, queue, c.Now)
		c.Rules, c.Users, c.Outbox, c.Queue, c.Sessions = v.service, s, v.service, queue, s
	})
	for _, name := range []string{"ann", "bob", "cid"} {
		chattest.AddUser(t, v.store, name)
		v.signIn("u-"+name, "s-"+name)
	}
	return v
}

// all is what a Service keeps things in.
type all interface {
	chat.Rooms
	chat.Markers
	chat.Notices
	chat.Users
	chat.Seen
	chat.Outbox
	chat.Reached
}

func newService(log chat.Log, s all, queue *Queue, now func() time.Time) *chat.Service {
	return chat.New(chat.Config{Log: log, Rooms: s, Markers: s, Notices: s, Users: s, Seen: s, Deliverer: nobody{}, Limiter: limit.New(limit.Config{Off: true}),
		Names: names.Precis{}, Outbox: s, Reached: s, Away: queue, Now: now})
}

func (v *town) ok(err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
}

func (v *town) signIn(userID, sessionID string) {
	v.t.Helper()
	now := v.clock.Now()
	v.ok(v.store.PutSession(v.t.Context(), chat.Session{SessionID: sessionID, UserID: userID, CreatedAt: now.UnixMilli(),
		ExpiresAt: now.Add(90 * 24 * time.Hour).UnixMilli(), TokenHash: []byte{1}}, nil))
}

// direct opens the direct room of ann and bob.
func (v *town) direct() string {
	v.t.Helper()
	r, _, err := v.service.OpenDirect(v.t.Context(), "u-ann", []string{"u-bob"})
	v.ok(err)
	return r.RoomID
}

// public makes a public room of ann, bob and cid.
func (v *town) public() string {
	v.t.Helper()
	r, err := v.service.CreateRoom(v.t.Context(), "u-ann", chat.NewRoom{Kind: chat.Public, Name: "Garden"})
	v.ok(err)
	for _, id := range []string{"u-bob", "u-cid"} {
		_, err := v.service.Join(v.t.Context(), id, r.RoomID)
		v.ok(err)
	}
	return r.RoomID
}

func (v *town) say(by, room, content string) chat.Message {
	v.t.Helper()
	v.asked++
	m, err := v.service.Send(v.t.Context(), by, chat.NewMessage{RoomID: room, Content: content, ClientMessageID: fmt.Sprint(v.asked)})
	v.ok(err)
	return m
}

// pass lets time pass in steps, and the notifier do what is due.
func (v *town) pass(d time.Duration) {
	v.t.Helper()
	const step = 500 * time.Millisecond
	for end := v.clock.Now().Add(d); v.clock.Now().Before(end); v.clock.Advance(min(step, end.Sub(v.clock.Now()))) {
		v.due()
	}
	v.due()
}

func (v *town) due() {
	for _, room := range v.cfg.Queue.take(v.clock.Now(), 100) {
		v.room(v.t.Context(), room)
	}
}

// settled fails the test unless the outbox is empty, in the store and in memory.
func (v *town) settled() {
	v.t.Helper()
	left, err := v.store.Outbox(v.t.Context())
	v.ok(err)
	if len(left) != 0 || len(v.cfg.Queue.rooms) != 0 {
		v.t.Errorf("the outbox has %v, the queue %v", left, v.cfg.Queue.rooms)
	}
}

// got returns what a browser was pushed.
func got(t *testing.T, b *pushtest.Browser) []payload {
	t.Helper()
	var all []payload
	for _, p := range b.Pushes() {
		var one payload
		if err := json.Unmarshal([]byte(p.Payload), &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

func wantBodies(t *testing.T, who string, b *pushtest.Browser, want ...string) {
	t.Helper()
	var bodies []string
	for _, p := range got(t, b) {
		bodies = append(bodies, p.Notification.Title+": "+p.Notification.Body)
	}
	if strings.Join(bodies, "|") != strings.Join(want, "|") {
		t.Errorf("%s was pushed %q, want %q", who, bodies, want)
	}
}

func TestDirectMessage(t *testing.T) {
	v := newTown(t)
	ann, bob, cid := v.subscribe("u-ann", "s-ann"), v.subscribe("u-bob", "s-bob"), v.subscribe("u-cid", "s-cid")
	room := v.direct()
	m := v.say("u-ann", room, "Are you **there**?")
	v.pass(Grace - time.Second)
	wantBodies(t, "bob, too early", bob)
	v.pass(time.Second)
	wantBodies(t, "bob", bob, "Ann Tester: Are you **there**?")
	v.pass(time.Minute)
	wantBodies(t, "bob", bob, "Ann Tester: Are you **there**?")
	wantBodies(t, "ann, who wrote it", ann)
	wantBodies(t, "cid, who is not there", cid)
	p := got(t, bob)[0]
	if p.Kind != "direct" || p.RoomID != room || p.MessageID != m.MessageID || p.Seq != m.Seq || p.Notification.Tag != room ||
		p.Notification.Navigate != "https://chat.example.org/rooms/"+room+"?message="+m.MessageID || p.WebPush != 8030 {
		t.Errorf("payload: %+v", p)
	}
	if u := bob.Pushes()[0].Urgency; u != "high" {
		t.Errorf("urgency %q", u)
	}
	v.settled()
}

func TestMention(t *testing.T) {
	v := newTown(t)
	ann, bob, cid := v.subscribe("u-ann", "s-ann"), v.subscribe("u-bob", "s-bob"), v.subscribe("u-cid", "s-cid")
	room := v.public()
	v.say("u-ann", room, "hello all")
	v.say("u-ann", room, "and you, @bob")
	v.say("u-ann", room, "chatter")
	v.pass(time.Minute)
	wantBodies(t, "bob", bob, "Ann Tester in Garden: and you, @bob")
	wantBodies(t, "cid", cid)
	v.say("u-bob", room, "@room supper!")
	v.pass(time.Minute)
	wantBodies(t, "ann", ann, "Bob Tester in Garden: @room supper!")
	wantBodies(t, "cid", cid, "Bob Tester in Garden: @room supper!")
	wantBodies(t, "bob", bob, "Ann Tester in Garden: and you, @bob")
	v.ok(v.service.SetLevel(t.Context(), "u-cid", room, chat.LevelAll))
	v.say("u-ann", room, "for those who want all")
	v.pass(time.Minute)
	if p := cid.Pushes(); len(p) != 2 || p[1].Urgency != "normal" || p[0].Topic != p[1].Topic {
		t.Errorf("cid, who wants all: %+v", p)
	}
	wantBodies(t, "ann", ann, "Bob Tester in Garden: @room supper!")
	v.settled()
}

// TestCollapse: what comes together is one push; what comes later takes its place, by topic and tag.
func TestCollapse(t *testing.T) {
	v := newTown(t)
	bob := v.subscribe("u-bob", "s-bob")
	room := v.direct()
	for _, s := range []string{"one", "two", "three"} {
		v.say("u-ann", room, s)
	}
	v.pass(time.Minute)
	wantBodies(t, "bob", bob, "Ann Tester (+2): three")
	v.say("u-ann", room, "four")
	v.pass(time.Minute)
	wantBodies(t, "bob", bob, "Ann Tester (+2): three", "Ann Tester: four")
	p := bob.Pushes()
	if p[0].Topic != p[1].Topic || len(p[0].Topic) != 32 {
		t.Errorf("topics %q and %q", p[0].Topic, p[1].Topic)
	}
	v.signIn("u-bob", "s-other")
	other := v.subscribe("u-bob", "s-other")
	v.say("u-ann", room, "five")
	v.say("u-ann", v.public(), "six @bob")
	v.pass(time.Minute)
	topics := map[string]bool{}
	for _, push := range append(bob.Pushes(), other.Pushes()...) {
		topics[push.Topic] = true
	}
	if len(topics) != 4 { // of two rooms to two devices
		t.Errorf("%d topics: a push service can tell who is told of the same room", len(topics))
	}
	v.settled()
}

// TestSubscribeAfterTheSession: an access token outlives its session for a moment; what would be subscribed with it,
// nothing would ever end.
func TestSubscribeAfterTheSession(t *testing.T) {
	v := newTown(t)
	_, err := v.Subscribe(t.Context(), request(v.house.service.Subscribe(), "u-bob", "s-over"))
	if chat.CodeOf(err) != chat.Unauthenticated || len(v.devices("u-bob")) != 0 {
		t.Errorf("subscribed: %v, %v", v.devices("u-bob"), err)
	}
}

// TestLeftInPeace: nobody is told of what they read, do not want to hear, or must not see.
func TestLeftInPeace(t *testing.T) {
	tests := []struct {
		name   string
		before func(v *town, room string)                 // the message
		within func(v *town, room string, m chat.Message) // the time of grace
	}{
		{"read on another device", nil, func(v *town, room string, m chat.Message) {
			v.ok(v.service.MarkRead(v.t.Context(), "u-bob", room, m.Seq))
		}},
		{"answered", nil, func(v *town, room string, _ chat.Message) { v.say("u-bob", room, "yes") }},
		{"deleted", nil, func(v *town, room string, m chat.Message) {
			_, err := v.service.Delete(v.t.Context(), "u-ann", room, m.MessageID)
			v.ok(err)
		}},
		{"left", nil, func(v *town, room string, _ chat.Message) { v.ok(v.service.Leave(v.t.Context(), "u-bob", room)) }},
		{"removed", nil, func(v *town, room string, _ chat.Message) {
			v.ok(v.service.RemoveMember(v.t.Context(), "u-ann", room, "u-bob"))
		}},
		{"the room is gone", nil, func(v *town, room string, _ chat.Message) { v.ok(v.service.DeleteRoom(v.t.Context(), "u-ann", room)) }},
		{"muted", func(v *town, room string) { v.ok(v.service.SetLevel(v.t.Context(), "u-bob", room, chat.LevelNothing)) }, nil},
		{"paused", func(v *town, _ string) {
			v.ok(v.service.SetNotifyRules(v.t.Context(), "u-bob", chat.NotifyRules{PausedUntil: v.clock.Now().Add(time.Minute).UnixMilli()}))
		}, nil},
		{"quiet hours", func(v *town, _ string) {
			v.ok(v.service.SetNotifyRules(v.t.Context(), "u-bob", chat.NotifyRules{Quiet: &chat.QuietHours{From: "11:30", To: "12:01", TimeZone: "UTC"}}))
		}, nil},
		{"signed out", nil, func(v *town, _ string, _ chat.Message) { v.ok(v.store.DeleteSessions(v.t.Context(), "u-bob", "s-bob")) }},
		{"session over", func(v *town, _ string) {
			v.ok(v.store.PutSession(v.t.Context(), chat.Session{SessionID: "s-bob", UserID: "u-bob", ExpiresAt: v.clock.Now().Add(2 * time.Second).UnixMilli(),
				TokenHash: []byte{1}}, nil))
		}, nil},
		{"unsubscribed", nil, func(v *town, _ string, _ chat.Message) {
			v.ok(v.Unsubscribe(v.t.Context(), "u-bob", v.devices("u-bob")[0].Endpoint))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := newTown(t)
			bob, cid := v.subscribe("u-bob", "s-bob"), v.subscribe("u-cid", "s-cid")
			room := v.public()
			if tt.before != nil {
				tt.before(v, room)
			}
			m := v.say("u-ann", room, "@bob @cid hello")
			v.pass(time.Second)
			if tt.within != nil {
				tt.within(v, room, m)
			}
			v.pass(time.Hour)
			wantBodies(t, "bob", bob)
			switch n, _ := cid.Attempts(); {
			case tt.name == "deleted" || tt.name == "the room is gone":
				wantBodies(t, "cid", cid)
			case n != 1:
				t.Errorf("%d pushes to cid, whom that does not concern", n)
			}
			v.settled()
		})
	}
}

func TestHiddenContent(t *testing.T) {
	v := newTown(t)
	b := v.house.service.Subscribe()
	r := request(b, "u-bob", "s-bob")
	r.Language = "de-AT"
	_, err := v.Subscribe(t.Context(), r)
	v.ok(err)
	v.ok(v.service.SetNotifyRules(t.Context(), "u-bob", chat.NotifyRules{HideContent: true}))
	v.say("u-ann", v.direct(), "secret")
	v.pass(time.Minute)
	wantBodies(t, "bob", b, "Parley: Jemand hat dir geschrieben.")
	if p := b.Pushes()[0].Payload; strings.Contains(p, "ecret") || strings.Contains(strings.ToLower(p), "ann") || !strings.Contains(p, `"lang":"de"`) {
		t.Errorf("payload: %s", p)
	}
}

// TestCost: without a subscription nothing is noted of a message, and a room that goes on talking is noted once a round.
func TestCost(t *testing.T) {
	v := newTown(t)
	room := v.direct()
	v.say("u-ann", room, "before")
	if v.log.outbox != 0 {
		t.Error("a message is noted although nobody could be told")
	}
	v.subscribe("u-bob", "s-bob")
	for range 20 {
		v.say("u-ann", room, "hello")
	}
	if v.log.outbox != 1 {
		t.Errorf("%d rows for 20 messages of one round", v.log.outbox)
	}
	v.pass(time.Minute)
	v.settled()
	v.say("u-ann", room, "again")
	if v.log.outbox != 2 {
		t.Errorf("%d rows after another message", v.log.outbox)
	}
}

// TestRetry: a device that cannot be told now is told later, when its push service wants, while nobody waits for it: not
// those who have the message already, and not those of the next message.
func TestRetry(t *testing.T) {
	v := newTown(t)
	v.signIn("u-bob", "s-phone")
	slow, phone, cid := v.subscribe("u-bob", "s-bob"), v.subscribe("u-bob", "s-phone"), v.subscribe("u-cid", "s-cid")
	failing := true
	v.house.service.Answer(func(b *pushtest.Browser, _ int) pushtest.Answer {
		if b == slow && failing {
			return pushtest.Answer{Status: 429, RetryAfter: "120"}
		}
		return pushtest.Answer{}
	})
	room := v.public()
	v.say("u-ann", room, "@bob @cid one")
	v.pass(30 * time.Second)
	wantBodies(t, "bob's phone", phone, "Ann Tester in Garden: @bob @cid one")
	wantBodies(t, "cid", cid, "Ann Tester in Garden: @bob @cid one")
	v.say("u-ann", room, "@cid two")
	v.pass(30 * time.Second)
	wantBodies(t, "cid", cid, "Ann Tester in Garden: @bob @cid one", "Ann Tester in Garden: @cid two")
	if n, _ := slow.Attempts(); n != 1 {
		t.Errorf("%d attempts within the time that the push service asked for", n)
	}
	failing = false
	v.pass(2 * time.Minute)
	wantBodies(t, "bob's slow device", slow, "Ann Tester in Garden: @bob @cid one")
	wantBodies(t, "bob's phone", phone, "Ann Tester in Garden: @bob @cid one")
	v.settled()
}

// TestGiveUp: a push service that stays out of order is tried less and less often, and not for ever; what it missed stays
// in the app, and the device says why.
func TestGiveUp(t *testing.T) {
	v := newTown(t)
	bob := v.subscribe("u-bob", "s-bob")
	v.house.service.Answer(func(*pushtest.Browser, int) pushtest.Answer { return pushtest.Answer{Status: 503} })
	v.say("u-ann", v.direct(), "hello")
	v.pass(3 * time.Hour)
	if n, _ := bob.Attempts(); n < 8 || n > 15 {
		t.Errorf("%d attempts", n)
	}
	if d := v.devices("u-bob"); len(d) != 1 || !strings.Contains(d[0].Failure, "503") {
		t.Errorf("device: %+v", d)
	}
	v.settled()
}

func TestGone(t *testing.T) {
	v := newTown(t)
	bob := v.subscribe("u-bob", "s-bob")
	v.house.service.Answer(func(*pushtest.Browser, int) pushtest.Answer { return pushtest.Answer{Status: 410} })
	room := v.direct()
	v.say("u-ann", room, "hello")
	v.pass(time.Minute)
	v.say("u-ann", room, "hello")
	v.pass(time.Minute)
	if n, _ := bob.Attempts(); n != 1 || len(v.devices("u-bob")) != 0 {
		t.Errorf("%d attempts, devices %+v", n, v.devices("u-bob"))
	}
	v.settled()
}

// TestHandleAgain: what was handled can be handled again, by whoever, and nobody is told twice.
func TestHandleAgain(t *testing.T) {
	v := newTown(t)
	bob := v.subscribe("u-bob", "s-bob")
	room := v.direct()
	first := v.say("u-ann", room, "one")
	v.say("u-ann", room, "two")
	v.clock.Advance(time.Minute)
	for range 3 {
		if h, err := v.Handle(t.Context(), room, first.Seq, 0); err != nil || h.Retry != 0 || h.Next != 0 {
			t.Errorf("handled: %+v, %v", h, err)
		}
	}
	v.pass(time.Minute)
	wantBodies(t, "bob", bob, "Ann Tester (+1): two")
	v.settled()
}

// TestLong: more messages than are looked at together are all seen to.
func TestLong(t *testing.T) {
	v := newTown(t)
	bob, cid := v.subscribe("u-bob", "s-bob"), v.subscribe("u-cid", "s-cid")
	room := v.public()
	v.say("u-ann", room, "@bob first")
	for range 1200 {
		v.say("u-ann", room, "chatter")
	}
	v.say("u-ann", room, "@cid last")
	v.pass(time.Minute)
	wantBodies(t, "bob", bob, "Ann Tester in Garden: @bob first")
	wantBodies(t, "cid", cid, "Ann Tester in Garden: @cid last")
	v.settled()
}

// TestGraceOfEach: a message that came shortly before another one's time has its own time to be read.
func TestGraceOfEach(t *testing.T) {
	v := newTown(t)
	bob := v.subscribe("u-bob", "s-bob")
	room := v.direct()
	v.say("u-ann", room, "one")
	v.pass(Grace - time.Second)
	second := v.say("u-ann", room, "two")
	v.pass(2 * time.Second)
	wantBodies(t, "bob", bob, "Ann Tester: one")
	v.ok(v.service.MarkRead(t.Context(), "u-bob", room, second.Seq))
	v.pass(time.Minute)
	wantBodies(t, "bob, who has read the second", bob, "Ann Tester: one")
	v.settled()
}

// TestSilentDevices: devices whose push services say nothing hold up others only as long as one of them.
func TestSilentDevices(t *testing.T) {
	v := newTown(t)
	const devices = 3
	var arrived sync.WaitGroup
	arrived.Add(devices)
	all := make(chan struct{})
	go func() {
		arrived.Wait()
		close(all)
	}()
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived.Done()
		select {
		case <-all:
			w.WriteHeader(http.StatusCreated)
		case <-time.After(5 * time.Second):
			t.Error("pushes to one person's devices wait for each other")
		}
	}))
	defer silent.Close()
	for i := range devices {
		session := fmt.Sprint("s-", i)
		v.signIn("u-bob", session)
		s := request(v.house.service.Subscribe(), "u-bob", session)
		s.Endpoint = silent.URL + "/" + session
		_, err := v.Subscribe(t.Context(), s)
		v.ok(err)
	}
	room := v.direct()
	v.say("u-ann", room, "anybody?")
	v.clock.Advance(Grace)
	h, err := v.Handle(t.Context(), room, 1, 0)
	if err != nil || h.Retry != 0 || h.UpTo == 0 {
		t.Errorf("%+v, %v", h, err)
	}
}
