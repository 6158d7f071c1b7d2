package notify

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"parley/chat"
	"parley/chattest"
	"parley/notify/pushtest"
)

// BenchmarkPush is one push after another, over HTTP to this machine, to a push service that takes everything.
func BenchmarkPush(b *testing.B) {
	n, subscriptions := benchNotifier(b, 1)
	m := message{payload: payload{RoomID: "r", Notification: notification{Title: "Ann in Garden", Body: "The peas are up!"}}, topic: "topic"}
	b.ReportAllocs()
	for b.Loop() {
		if a := n.push(context.Background(), &subscriptions[0], m); a.verdict != sent {
			b.Fatal(a)
		}
	}
}

// BenchmarkHandle is a message that concerns a thousand people, each with a subscription, from the rules to the note who was
// told.
func BenchmarkHandle(b *testing.B) {
	const people = 1000
	n, _ := benchNotifier(b, people)
	rules := &everybody{n: people}
	n.cfg.Rules, n.cfg.Users = rules, rules
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.Handle(context.Background(), "r", rules.seq, 0); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(people*b.N)/b.Elapsed().Seconds(), "pushes/s")
	if n.Stats().Sent != int64(people*b.N) {
		b.Fatalf("%+v", n.Stats())
	}
}

// everybody are rules by which everybody is told, of a new message each time.
type everybody struct {
	n   int
	seq int64
}

func (e *everybody) Calls(context.Context, string, int64, int64, time.Duration) (chat.Calls, error) {
	e.seq++
	c := chat.Calls{Room: chat.Room{RoomID: "r", Name: "Garden"}, UpTo: e.seq}
	for i := range e.n {
		c.Calls = append(c.Calls, chat.Call{UserID: fmt.Sprint("u", i), Kind: chat.NoticeMention, Count: 1,
			Message: chat.Message{RoomID: "r", Seq: e.seq, MessageID: "m", UserID: "u-ann", Username: "ann", Content: "The peas are up!"}})
	}
	return c, nil
}

func (e *everybody) Called(context.Context, string, int64, ...string) error { return nil }

func (e *everybody) Users(context.Context, ...string) ([]chat.User, error) { return nil, nil }

func benchNotifier(b *testing.B, people int) (*Notifier, []chat.PushSubscription) {
	b.Helper()
	clock := chattest.NewClock()
	s := newStore(b, clock)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
	}))
	b.Cleanup(service.Close)
	n, err := New(b.Context(), Config{Key: s, Subscriptions: s, AllowPrivate: true, Now: clock.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(n.Close)
	browser := pushtest.New(b).Subscribe()
	var all []chat.PushSubscription
	for i := range people {
		r := request(browser, fmt.Sprint("u", i), "s")
		r.Endpoint = fmt.Sprint(service.URL, "/", i)
		one, err := n.Subscribe(b.Context(), r)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, one)
	}
	return n, all
}
