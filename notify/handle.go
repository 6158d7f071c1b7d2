package notify

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"

	"parley/chat"
)

const (
	// Grace is how long people have to read a message on a device that they are at, before others are told of it.
	Grace = 4 * time.Second
	// retryFor is how long a push is tried again, from the message on.
	retryFor = time.Hour
	// parallel is to how many people at once one room's calls go.
	parallel = 16
)

// Rules are the rules of the core about who is told; *chat.Service implements them.
type Rules interface {
	// Calls returns whom to tell of the messages of a room from one number to another, zero for no end, as far as they are
	// older than grace.
	Calls(ctx context.Context, roomID string, from, to int64, grace time.Duration) (chat.Calls, error)
	// Called notes that people were told up to a number.
	Called(ctx context.Context, roomID string, seq int64, userIDs ...string) error
}

// Handled is what became of new messages of a room.
type Handled struct {
	UpTo  int64         // up to where messages were looked at; zero: none was old enough
	Retry time.Duration // positive: somebody could not be told; the same again then
	Next  time.Duration // positive: there are messages after UpTo, to be looked at then
	More  bool          // there are messages after UpTo to be looked at now
}

// Handle tells those who are away of the messages of a room from one number to another, zero for no end. It may be called
// again for the same messages, at any time and by any process: who was told is not told again, but for those to whom a push
// was under way when a process ended; to them the second takes the place of the first.
func (n *Notifier) Handle(ctx context.Context, roomID string, from, to int64) (Handled, error) {
	calls, err := n.cfg.Rules.Calls(ctx, roomID, from, to, Grace)
	if err != nil {
		return Handled{}, fmt.Errorf("find out whom to tell: %w", err)
	}
	retry, err := n.callAll(ctx, &calls)
	if err != nil {
		return Handled{}, fmt.Errorf("tell people: %w", err)
	}
	h := Handled{UpTo: calls.UpTo, Retry: retry}
	if calls.Next > 0 {
		h.More = calls.UpTo > 0 && calls.Next <= n.cfg.Now().UnixMilli()
		h.Next = max(time.UnixMilli(calls.Next).Sub(n.cfg.Now()), time.Millisecond)
	}
	return h, nil
}

// callAll makes calls, some at once, and notes of each who was told on all their devices as soon as they were: a process
// that ends here has doubled nothing but what was under way. It returns a positive time if others were not told.
func (n *Notifier) callAll(ctx context.Context, calls *chat.Calls) (retry time.Duration, err error) {
	var (
		mu    sync.Mutex // guards the results
		group sync.WaitGroup
		slots = make(chan struct{}, parallel)
	)
	for i := range calls.Calls {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			c := &calls.Calls[i]
			pushed, wait, callErr := n.call(ctx, &calls.Room, c)
			if callErr == nil && wait == 0 && pushed {
				callErr = n.told(ctx, calls, c.UserID)
			}
			mu.Lock()
			defer mu.Unlock()
			if callErr != nil {
				err = callErr
			}
			retry = sooner(retry, wait)
		})
	}
	group.Wait()
	return retry, err
}

// told notes that somebody was told.
func (n *Notifier) told(ctx context.Context, calls *chat.Calls, userID string) error {
	if err := n.cfg.Rules.Called(ctx, calls.Room.RoomID, calls.UpTo, userID); err != nil {
		return fmt.Errorf("note who was told: %w", err)
	}
	n.holds.forget(calls.Room.RoomID, []string{userID})
	return nil
}

// sooner is the shorter of two times of which zero means none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// call pushes to the devices of one person. A positive wait says that some of them must be tried again.
func (n *Notifier) call(ctx context.Context, r *chat.Room, c *chat.Call) (pushed bool, wait time.Duration, err error) {
	devices, err := n.cfg.Subscriptions.PushSubscriptionsOf(ctx, c.UserID)
	if err != nil || len(devices) == 0 {
		return false, 0, err
	}
	var from string
	if !c.HideContent {
		if from, err = n.displayName(ctx, &c.Message); err != nil {
			return false, 0, err
		}
	}
	var (
		mu    sync.Mutex // guards next
		next  time.Duration
		group sync.WaitGroup
	)
	defer group.Wait()
	for i := range devices {
		s := &devices[i]
		if alive, err := n.alive(ctx, s); err != nil {
			return false, 0, err
		} else if !alive {
			continue
		}
		pushed = true
		group.Go(func() { // side by side: who subscribed many that do not answer holds up others only as long as one
			w := n.device(ctx, r, c, s, from)
			mu.Lock()
			defer mu.Unlock()
			next = sooner(next, w)
		})
	}
	group.Wait()
	return pushed, next, nil
}

// device pushes to one device what it was not pushed yet; a positive wait says when to try again.
func (n *Notifier) device(ctx context.Context, r *chat.Room, c *chat.Call, s *chat.PushSubscription, from string) time.Duration {
	now := n.cfg.Now()
	ready, wait := n.holds.ready(s, r.RoomID, c.Message.Seq, now)
	if !ready {
		return wait
	}
	a := n.push(ctx, s, n.message(r, c, s, from))
	if a.verdict == later && now.UnixMilli()-c.Message.CreatedAt < retryFor.Milliseconds() {
		return n.holds.put(s, a, now)
	}
	n.holds.settle(s, r.RoomID, c.Message.Seq, a.verdict == sent)
	return 0
}

// alive tells whether the session of a subscription is; if not, the subscription goes.
func (n *Notifier) alive(ctx context.Context, s *chat.PushSubscription) (bool, error) {
	if n.cfg.Sessions == nil {
		return true, nil
	}
	_, err := n.cfg.Sessions.Session(ctx, s.UserID, s.SessionID)
	if chat.CodeOf(err) == chat.NotFound {
		n.removed.Add(1)
		return false, n.cfg.Subscriptions.DeletePushSubscriptions(ctx, s.UserID, s.SubscriptionID)
	}
	return err == nil, err
}

func (n *Notifier) displayName(ctx context.Context, m *chat.Message) (string, error) {
	users, err := n.cfg.Users.Users(ctx, m.UserID)
	if err != nil {
		return "", err
	}
	if len(users) == 0 {
		return m.Username, nil
	}
	return cmp.Or(users[0].DisplayName, m.Username), nil
}

// message is what a device shows of a call.
func (n *Notifier) message(r *chat.Room, c *chat.Call, s *chat.PushSubscription, from string) message {
	t := textsIn(s.Language)
	p := payload{RoomID: r.RoomID, MessageID: c.Message.MessageID, Seq: c.Message.Seq, Kind: string(c.Kind), Notification: notification{
		Title: n.cfg.ServerName, Body: t.somebody, Navigate: n.origin(s) + "/rooms/" + r.RoomID + "?message=" + c.Message.MessageID, Tag: r.RoomID, Lang: s.Language,
	}}
	if !c.HideContent {
		p.Notification.Title, p.Notification.Body = title(r, c, from), text(&c.Message, t)
	}
	m := message{payload: p, topic: n.key.topic(s.SubscriptionID, r.RoomID), urgency: webpush.UrgencyHigh}
	if c.Kind == chat.NoticeMessage {
		m.urgency = webpush.UrgencyNormal
	}
	return m
}

// title says who wrote where, and how much more there is.
func title(r *chat.Room, c *chat.Call, from string) string {
	var b strings.Builder
	b.WriteString(from)
	if r.Name != "" {
		b.WriteString(" in " + r.Name) // in both languages
	}
	if c.Count > 1 {
		fmt.Fprintf(&b, " (+%d)", c.Count-1)
	}
	return b.String()
}

func text(m *chat.Message, t texts) string {
	if m.Content != "" || len(m.Attachments) == 0 {
		return m.Content
	}
	return t.file + ": " + m.Attachments[0].Filename
}
