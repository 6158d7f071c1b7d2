package apigateway_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/apigateway"
	"parley/apigateway/apigatewaytest"
	"parley/chat"
	"parley/store"
)

// faulty is a room of three whose connections a real SDK client posts to.
func faulty(t *testing.T) (*town, *apigatewaytest.Gateway, *process) {
	t.Helper()
	w := newTown(t, 3)
	g := apigatewaytest.New(t)
	w.makeRoom()
	for id := range w.conns.open {
		g.Open(id)
	}
	now := time.Now().Add(time.Minute) // so that connections are not new
	p := w.process(func(c *apigateway.Config) {
		c.Client = apigateway.NewManagement(g.AWS(), g.URL)
		c.Now = func() time.Time { return now }
		c.PushFor = time.Hour
		c.Logger = slog.New(slog.DiscardHandler)
	})
	return w, g, p
}

// TestGone: a connection that is gone is forgotten, and its person with their last one; the others hear all.
func TestGone(t *testing.T) {
	w, g, p := faulty(t)
	g.Close("c1")
	w.say(p, 0, "m1")
	if acks := contains(g.Sent("c0"), `"ack"`); acks != 1 || contains(g.Sent("c2"), `"newMessage"`) != 1 {
		t.Errorf("c0 %q, c2 %q", g.Sent("c0"), g.Sent("c2"))
	}
	s := store.New(w.db, nil)
	if _, err := s.Connection(t.Context(), "c1"); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("the connection is still noted: %v", err)
	}
	if contains(g.Sent("c0"), `"presence","data":{"userId":"`+w.users[1].UserID+`","online":false`) != 1 {
		t.Errorf("c0 heard %q", g.Sent("c0"))
	}
	posts := g.Posts()
	w.say(p, 0, "m2")
	if g.Posts() != posts+2 {
		t.Errorf("%d posts for two connections", g.Posts()-posts)
	}
}

// TestNotOpenYet: a connection that has just been let in may answer 410; it stays.
func TestNotOpenYet(t *testing.T) {
	w, g, _ := faulty(t)
	p := w.process(func(c *apigateway.Config) { c.Client = apigateway.NewManagement(g.AWS(), g.URL) })
	g.Close("c1")
	w.say(p, 0, "m1")
	g.Open("c1")
	w.say(p, 0, "m2")
	if got := g.Sent("c1"); len(got) != 1 || !strings.Contains(got[0], "m2") {
		t.Errorf("c1 heard %q", got)
	}
}

// TestThrottledAndFailing: 429 and 5xx are tried again; who never takes anything is cut off, so that they come back and
// sync, and holds up nobody.
func TestThrottledAndFailing(t *testing.T) {
	w, g, p := faulty(t)
	var tries atomic.Int32
	g.Answer(func(id, _ string) int {
		if id == "c1" && tries.Add(1) <= 2 {
			return []int{http.StatusTooManyRequests, http.StatusInternalServerError}[tries.Load()-1]
		}
		return 0
	})
	w.say(p, 0, "m1")
	if got := g.Sent("c1"); len(got) != 1 || tries.Load() != 3 {
		t.Errorf("c1 heard %q after %d tries", got, tries.Load())
	}
	g.Answer(func(id, _ string) int {
		if id == "c1" {
			return http.StatusServiceUnavailable
		}
		return 0
	})
	w.say(p, 0, "m2")
	w.say(p, 0, "m3")
	if !slices.Equal(g.Ended(), []string{"c1"}) {
		t.Errorf("ended: %v", g.Ended())
	}
	if got := contains(g.Sent("c2"), `"newMessage"`); got != 3 {
		t.Errorf("c2 heard %d messages", got)
	}
}

// TestCannotBeClosed: a connection that takes nothing and could not be closed either, however often it was tried, is told
// nothing more and counts as gone, but is not forgotten before it is closed.
func TestCannotBeClosed(t *testing.T) {
	for name, again := range map[string]func(w *town, p *process){
		"by the next message": func(w *town, p *process) { w.say(p, 0, "next") },
		"by the clock": func(w *town, p *process) {
			if err := p.Heal(w.Context()); err != nil {
				w.Error(err)
			}
		},
		"by its own ping, and the clock": func(w *town, p *process) {
			if _, err := p.Handle(w.Context(), event("MESSAGE", "c1", `{"action":"ping","requestId":"1"}`)); err != nil {
				w.Error(err)
			}
			if err := p.Heal(w.Context()); err != nil {
				w.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, g, p := faulty(t)
			g.Answer(func(id, _ string) int {
				if id == "c1" {
					return http.StatusTooManyRequests
				}
				return 0
			})
			g.Refuse(func(string) int { return http.StatusTooManyRequests })
			w.say(p, 0, "m1")
			gone := `"presence","data":{"userId":"` + w.users[1].UserID + `","online":false`
			if g.EndsAsked() < 2 || len(g.Ended()) != 0 || contains(g.Sent("c0"), gone) != 1 {
				t.Errorf("asked %d times to end, ended %v, c0 heard %q", g.EndsAsked(), g.Ended(), g.Sent("c0"))
			}
			if online, err := p.Online(t.Context(), w.users[1].UserID); err != nil || online[w.users[1].UserID] {
				t.Errorf("online: %v, %v", online, err)
			}
			g.Answer(nil)
			w.say(p, 0, "m2") // the gateway takes posts again, and ends nothing yet
			if got := g.Sent("c1"); len(got) != 0 {
				t.Errorf("after what it missed it heard %q", got)
			}
			s := store.New(w.db, nil)
			if all, err := s.ConnectionsOf(t.Context(), w.users[1].UserID); err != nil || len(all[w.users[1].UserID]) != 1 {
				t.Errorf("noted: %+v, %v", all, err)
			}
			g.Refuse(nil)
			again(w, p)
			if all, err := s.ConnectionsOf(t.Context(), w.users[1].UserID); err != nil || len(all) != 0 || !slices.Equal(g.Ended(), []string{"c1"}) {
				t.Errorf("noted: %+v, %v; ended: %v", all, err, g.Ended())
			}
			if contains(g.Sent("c0"), gone) != 1 {
				t.Errorf("c0 heard %q", g.Sent("c0"))
			}
		})
	}
}

// TestEndedBeforeOthersGoOn: a connection that takes nothing is closed before the next number can be told, else it would
// be told over a gap.
func TestEndedBeforeOthersGoOn(t *testing.T) {
	w, g, p := faulty(t)
	g.Answer(func(id, _ string) int {
		if id == "c1" {
			return http.StatusServiceUnavailable
		}
		return 0
	})
	var told chat.Told
	g.Refuse(func(string) int {
		told, _ = store.New(w.db, nil).Told(t.Context(), w.room)
		return 0
	})
	w.say(p, 0, "m1")
	if !slices.Equal(g.Ended(), []string{"c1"}) || told.Seq != w.head()-1 {
		t.Errorf("ended: %v, when the room was told up to %d of %d", g.Ended(), told.Seq, w.head())
	}
}

// TestWhoMustNotHear: strangers hear nothing; who joins hears from their joining on, who is removed up to it.
func TestWhoMustNotHear(t *testing.T) {
	w, g, p := faulty(t)
	ctx := t.Context()
	room, err := p.service.CreateRoom(ctx, w.users[0].UserID, chat.NewRoom{Kind: chat.Private, Name: "Secret"})
	if err != nil {
		t.Fatal(err)
	}
	w.room = room.RoomID
	w.say(p, 0, "before")
	if _, err := p.service.SetMember(ctx, w.users[0].UserID, w.room, w.users[1].UserID, ""); err != nil {
		t.Fatal(err)
	}
	w.say(p, 0, "between")
	if err := p.service.RemoveMember(ctx, w.users[0].UserID, w.room, w.users[1].UserID); err != nil {
		t.Fatal(err)
	}
	w.say(p, 0, "after")
	got := g.Sent("c1")
	if contains(got, w.room) != 3 || contains(got, "between") != 1 || contains(got, `"joined"`) != 1 || contains(got, `"removed"`) != 1 {
		t.Errorf("who was in between heard %q", got)
	}
	if contains(g.Sent("c2"), w.room) != 0 {
		t.Errorf("a stranger heard %q", g.Sent("c2"))
	}
	if err := p.service.Typing(ctx, w.users[0].UserID, w.room); err != nil || contains(g.Sent("c1"), `"typing"`) != 0 || contains(g.Sent("c0"), `"typing"`) != 0 {
		t.Errorf("typing was told to %q: %v", g.Sent("c1"), err)
	}
}

// TestHeal: who is silent is asked for; those gone are forgotten, those there stay.
func TestHeal(t *testing.T) {
	w, g, _ := faulty(t)
	p := w.process(func(c *apigateway.Config) {
		c.Client = apigateway.NewManagement(g.AWS(), g.URL)
		c.Now = func() time.Time { return time.Now().Add(chat.AliveFor + time.Minute) }
	})
	g.Close("c1")
	if err := p.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := store.New(w.db, nil)
	for id, want := range map[string]chat.Code{"c0": "", "c1": chat.NotFound, "c2": ""} {
		if c, err := s.Connection(t.Context(), id); chat.CodeOf(err) != want || err == nil && c.LastSeen < time.Now().UnixMilli() {
			t.Errorf("%s: %+v, %v", id, c, err)
		}
	}
}

// TestCostOfConnecting: a person in very many rooms writes for each of them once in hours, not at each connection.
func TestCostOfConnecting(t *testing.T) {
	w := newTown(t, 1)
	p := w.process()
	for i := range 130 {
		if _, err := p.service.CreateRoom(t.Context(), w.users[0].UserID, chat.NewRoom{Kind: chat.Private, Name: fmt.Sprintf("Room %d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	steps := func(id string) int64 {
		before := p.steps.Load()
		w.connect(p, 0, id)
		return p.steps.Load() - before
	}
	first, second := steps("c1"), steps("c2")
	if second > 4 || first < second+4 {
		t.Errorf("connecting took %d calls of the store, then %d", first, second)
	}
	_, people, _, err := store.New(w.db, nil).Audience(context.Background(), w.room, "", 10)
	if err != nil || len(people) != 0 {
		t.Errorf("audience of no room: %v, %v", people, err)
	}
}

// taken are the jobs that a queue took, none of which may be larger than SQS takes.
type taken struct{ bodies [][]byte }

func (q *taken) Enqueue(_ context.Context, jobs ...chat.Job) error {
	for _, j := range jobs {
		if len(j.Body) > 256<<10 {
			return fmt.Errorf("a job of %d bytes", len(j.Body))
		}
		q.bodies = append(q.bodies, j.Body)
	}
	return nil
}

// TestLargeMessagesByQueue: a burst of the largest messages still fits into jobs, each message once and in order.
func TestLargeMessagesByQueue(t *testing.T) {
	w := newTown(t, 3)
	w.makeRoom()
	q := &taken{}
	p := w.process(func(c *apigateway.Config) { c.Jobs, c.Direct, c.PushFor = q, 1, time.Hour })
	first := w.head() + 1
	var told []chat.Event
	for seq := first; seq < first+24; seq++ {
		m := &chat.Message{RoomID: w.room, Seq: seq, UserID: w.users[0].UserID, Content: strings.Repeat("<", chat.MaxContent)}
		told = append(told, chat.Event{Seq: seq, NewMessage: m, Origin: chat.Origin{ConnectionID: "c0"}})
	}
	p.Deliver(t.Context(), chat.Delivery{RoomID: w.room, Events: told, Since: time.Now()})
	seen := map[string]int64{}
	for _, body := range q.bodies {
		var j struct {
			Frames []string
			To     []struct {
				ConnectionID string
				Own          map[int]string
			}
		}
		if err := json.Unmarshal(body, &j); err != nil {
			t.Fatal(err)
		}
		for _, to := range j.To {
			for i, frame := range j.Frames {
				want := cmp.Or(seen[to.ConnectionID], first-1) + 1
				seen[to.ConnectionID] = want
				if !strings.Contains(frame, fmt.Sprintf(`"seq":%d,`, want)) || to.ConnectionID == "c0" && !strings.Contains(to.Own[i], fmt.Sprintf(`"seq":%d,`, want)) {
					t.Fatalf("%s is told %.120s in place of %d", to.ConnectionID, frame, want)
				}
			}
		}
	}
	if len(seen) != 3 || seen["c0"] != first+23 || seen["c1"] != first+23 || seen["c2"] != first+23 {
		t.Errorf("told up to %v, not %d", seen, first+23)
	}
}
