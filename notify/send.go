package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"

	"parley/chat"
)

const (
	timeToLive = 24 * time.Hour   // that a push service keeps what a sleeping browser has not fetched
	minRetry   = 5 * time.Second  // before one is tried again
	maxRetry   = 15 * time.Minute // whatever a push service says
	noteEvery  = time.Hour        // how exact LastUsedAt is
)

// verdict is how an attempt to push ended.
type verdict uint8

const (
	sent    verdict = iota + 1
	gone            // the subscription has ended
	later           // it may be taken another time
	tooBig          // the push service takes less
	refused         // it will not be taken
)

// answer is a verdict with what there is to say about it.
type answer struct {
	verdict
	reason string // a sentence, unless sent
	// With later: it is the push service, not this device; and when to come again, zero if it did not say.
	service bool
	after   time.Duration
}

// message is what is pushed to one browser.
type message struct {
	payload
	topic   string
	urgency webpush.Urgency
}

// push tries once to push m to s, and once more, smaller, if that was too large. It notes the outcome with s.
func (n *Notifier) push(ctx context.Context, s *chat.PushSubscription, m message) answer {
	a := n.attempt(ctx, s, m, recordBytes)
	if a.verdict == tooBig {
		a = n.attempt(ctx, s, m, smallRecordBytes)
	}
	if a.verdict == tooBig {
		a.verdict = refused
	}
	n.note(ctx, s, a)
	return a
}

func (n *Notifier) attempt(ctx context.Context, s *chat.PushSubscription, m message, record int) answer {
	text, err := m.encode(record - recordOverhead)
	if err != nil {
		return answer{verdict: refused, reason: "The notification is too large."}
	}
	res, err := webpush.SendNotificationWithContext(ctx, text, subscription(s), &webpush.Options{
		HTTPClient: n.client, RecordSize: uint32(record), TTL: int(timeToLive.Seconds()), Topic: m.topic, Urgency: m.urgency, //nolint:gosec // one of two constants
		Subscriber:     strings.TrimPrefix(n.subject(s), "mailto:"), // which the library puts back
		VAPIDPublicKey: n.key.public, VAPIDPrivateKey: n.key.private,
	})
	if err != nil {
		return unreachable(s, err)
	}
	defer res.Body.Close()
	a := judge(res, host(s.Endpoint), n.cfg.Now())
	_, _ = io.CopyN(io.Discard, res.Body, 4<<10) // so that the connection serves again
	return a
}

func subscription(s *chat.PushSubscription) *webpush.Subscription {
	p256dh, auth := encodeKeys(s)
	return &webpush.Subscription{Endpoint: s.Endpoint, Keys: webpush.Keys{P256dh: p256dh, Auth: auth}}
}

// unreachable judges an attempt without an answer. The error names the endpoint, which is a secret: it goes no further.
func unreachable(s *chat.PushSubscription, err error) answer {
	if errors.Is(err, errPrivate) {
		return answer{verdict: refused, reason: fmt.Sprintf("The address of %s is not on the public internet.", host(s.Endpoint))}
	}
	if e, ok := errors.AsType[*url.Error](err); ok && e.Timeout() {
		return answer{verdict: later, service: true, reason: fmt.Sprintf("The push service %s does not answer.", host(s.Endpoint))}
	}
	return answer{verdict: later, service: true, reason: fmt.Sprintf("The push service %s cannot be reached.", host(s.Endpoint))}
}

// judge reads the answer of a push service.
func judge(res *http.Response, host string, now time.Time) answer {
	switch c := res.StatusCode; {
	case c >= 200 && c < 300:
		return answer{verdict: sent}
	case c == http.StatusNotFound, c == http.StatusGone:
		return answer{verdict: gone, reason: fmt.Sprintf("%s says that this subscription has ended; it was removed.", host)}
	case c == http.StatusRequestEntityTooLarge:
		return answer{verdict: tooBig, reason: fmt.Sprintf("%s takes only smaller notifications.", host)}
	case c == http.StatusTooManyRequests:
		return answer{verdict: later, reason: fmt.Sprintf("%s wants fewer notifications.", host), after: retryAfter(res, now)}
	case c == http.StatusRequestTimeout, c >= 500:
		return answer{verdict: later, service: true, reason: fmt.Sprintf("%s has a fault (status %d).", host, c), after: retryAfter(res, now)}
	case c >= 300 && c < 400:
		return answer{verdict: refused, reason: fmt.Sprintf("%s leads elsewhere (status %d), which is not followed.", host, c)}
	default:
		return answer{verdict: refused, reason: fmt.Sprintf("%s refused the notification (status %d)%s.", host, c, said(res.Body))}
	}
}

// said is what a push service says about a refusal, as far as it is a few plain words.
func said(body io.Reader) string {
	raw, _ := io.ReadAll(io.LimitReader(body, 512)) // what cannot be read says nothing
	words := strings.Join(strings.FieldsFunc(string(bytes.ToValidUTF8(raw, nil)), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}), " ")
	if len(words) > 120 {
		words = words[:120]
	}
	if words == "" {
		return ""
	}
	return ": " + words
}

// retryAfter is when a push service wants to be asked again, within reason; zero if it does not say.
func retryAfter(res *http.Response, now time.Time) time.Duration {
	s := res.Header.Get("Retry-After")
	if s == "" {
		return 0
	}
	wait := time.Duration(0)
	if seconds, err := strconv.ParseInt(s, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(s); err == nil {
		wait = at.Sub(now)
	} else {
		return 0
	}
	return min(max(wait, minRetry), maxRetry)
}

func host(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "the push service"
	}
	return u.Hostname()
}

// note counts an outcome and stores what is new in it. What cannot be stored is noted with the next push.
func (n *Notifier) note(ctx context.Context, s *chat.PushSubscription, a answer) {
	var err error
	now := n.cfg.Now().UnixMilli()
	switch a.verdict {
	case sent:
		n.sent.Add(1)
		if s.Failure != "" || now-s.LastUsedAt > noteEvery.Milliseconds() {
			s.LastUsedAt, s.Failure = now, ""
			err = n.cfg.Subscriptions.NotePush(ctx, *s)
		}
	case gone:
		n.removed.Add(1)
		err = n.cfg.Subscriptions.DeletePushSubscriptions(ctx, s.UserID, s.SubscriptionID)
	default:
		n.failed.Add(1)
		if s.Failure != a.reason {
			s.Failure = a.reason
			err = n.cfg.Subscriptions.NotePush(ctx, *s)
		}
	}
	if a.verdict != sent {
		n.log.InfoContext(ctx, "a push was not taken", "subscription", s.SubscriptionID, "reason", a.reason)
	}
	if err != nil {
		n.log.WarnContext(ctx, "could not note a push", "subscription", s.SubscriptionID, "error", err)
	}
}

// Test pushes a notification to all devices of a person now, and tells how that ended for each.
func (n *Notifier) Test(ctx context.Context, userID string) ([]chat.PushResult, error) {
	all, err := n.Subscriptions(ctx, userID)
	if err != nil {
		return nil, err
	}
	results := make([]chat.PushResult, len(all))
	var pushes sync.WaitGroup
	for i := range all {
		pushes.Go(func() {
			s := &all[i]
			a := n.push(ctx, s, message{topic: n.key.topic(s.SubscriptionID, "test"), urgency: webpush.UrgencyHigh, payload: payload{
				Kind: "test", Notification: notification{Title: n.cfg.ServerName, Body: textsIn(s.Language).test, Navigate: n.origin(s) + "/", Tag: "test",
					Lang: s.Language},
			}})
			results[i] = chat.PushResult{SubscriptionID: s.SubscriptionID, Device: s.Device, OK: a.verdict == sent, Reason: a.reason}
		})
	}
	pushes.Wait()
	return results, nil
}
