package httpapi

import (
	"cmp"
	"context"
	"net/http"

	"parley/chat"
)

// PushPublicKey is by which a browser lets this server push.
type PushPublicKey struct {
	PublicKey string `json:"publicKey" doc:"The VAPID key in base64url, for applicationServerKey."`
}

// PushKeys are the keys of a subscription, in base64url.
type PushKeys struct {
	P256dh string `json:"p256dh" doc:"Public key of the browser, 65 bytes."`
	Auth   string `json:"auth" doc:"Secret of the browser, 16 bytes."`
}

// PushSubscriptionBody is a browser's PushSubscription as it puts it into JSON.
type PushSubscriptionBody struct {
	Endpoint string   `json:"endpoint" doc:"An https URL on the public internet." example:"https://push.example.org/v2/abc"`
	Keys     PushKeys `json:"keys"`
	Device   string   `json:"device,omitempty" doc:"What its person calls the device." example:"Firefox on Android"`
	Language string   `json:"language,omitempty" doc:"Of the texts that are shown; without it, that of the Accept-Language header." example:"de"`
}

// PushSubscribed names a subscription.
type PushSubscribed struct {
	SubscriptionID string `json:"subscriptionId"`
}

// PushDevice is one browser that is pushed to.
type PushDevice struct {
	SubscriptionID string      `json:"subscriptionId"`
	Device         string      `json:"device"`
	CreatedAt      chat.Millis `json:"createdAt"`
	LastUsedAt     chat.Millis `json:"lastUsedAt,omitempty" doc:"Of the last push that was taken, give or take an hour."`
	Failure        string      `json:"failure,omitempty" doc:"Why the last push was not taken."`
	Current        bool        `json:"current" doc:"Made in the session that asks."`
}

// PushDevices are all of one's own.
type PushDevices struct {
	Subscriptions []PushDevice `json:"subscriptions"`
}

// PushEndpoint names the subscription at an endpoint.
type PushEndpoint struct {
	Endpoint string `json:"endpoint"`
}

// PushTested tells how a push to one device ended.
type PushTested struct {
	SubscriptionID string `json:"subscriptionId"`
	Device         string `json:"device"`
	OK             bool   `json:"ok"`
	Reason         string `json:"reason,omitempty"`
}

// PushTests are the results for all devices.
type PushTests struct {
	Results []PushTested `json:"results"`
}

func (a *api) pushRoutes() {
	off := []chat.Code{chat.NotFound}
	handle(a, route{id: "getPushKey", method: http.MethodGet, path: "/push/key", tag: "push", summary: "The server's key for Web Push", refuses: off}, a.getPushKey)
	handle(a, route{id: "subscribePush", method: http.MethodPut, path: "/push/subscriptions", tag: "push", summary: "Be told on this device",
		about: "Takes the place of what the same session subscribed before, and ends with the session.", refuses: off}, a.subscribePush)
	handle(a, route{id: "listPushSubscriptions", method: http.MethodGet, path: "/push/subscriptions", tag: "push", summary: "Where one is told",
		refuses: off}, a.listPush)
	handle(a, route{id: "unsubscribePush", method: http.MethodDelete, path: "/push/subscriptions", tag: "push", summary: "Be told no more at an endpoint",
		refuses: off}, a.unsubscribePush)
	handle(a, route{id: "testPush", method: http.MethodPost, path: "/push/test", tag: "push", summary: "Test one's notifications",
		about: "Pushes a notification to each of one's devices now, and answers when all push services have.", refuses: off}, a.testPush)
}

// push refuses where there is no Web Push.
func (a *api) push() (Push, error) {
	if a.Push == nil {
		return nil, chat.Errorf(chat.NotFound, "This server does not push.")
	}
	return a.Push, nil
}

func (a *api) getPushKey(context.Context, *none) (*out[PushPublicKey], error) {
	p, err := a.push()
	if err != nil {
		return nil, err
	}
	return &out[PushPublicKey]{PushPublicKey{p.PublicKey()}}, nil
}

func (a *api) subscribePush(ctx context.Context, in *struct {
	Languages string `header:"Accept-Language"`
	Body      PushSubscriptionBody
},
) (*out[PushSubscribed], error) {
	p, err := a.push()
	if err != nil {
		return nil, err
	}
	origin := a.publicURL(ctx)
	s, err := p.Subscribe(ctx, chat.NewPushSubscription{
		UserID: me(ctx).UserID, SessionID: me(ctx).SessionID, Endpoint: in.Body.Endpoint, P256dh: in.Body.Keys.P256dh, Auth: in.Body.Keys.Auth,
		Device: in.Body.Device, Language: cmp.Or(in.Body.Language, in.Languages), Origin: origin.Scheme + "://" + origin.Host,
	})
	if err != nil {
		return nil, err
	}
	return &out[PushSubscribed]{PushSubscribed{s.SubscriptionID}}, nil
}

func (a *api) listPush(ctx context.Context, _ *none) (*out[PushDevices], error) {
	p, err := a.push()
	if err != nil {
		return nil, err
	}
	all, err := p.Subscriptions(ctx, me(ctx).UserID)
	if err != nil {
		return nil, err
	}
	answer := PushDevices{make([]PushDevice, len(all))}
	for i, s := range all {
		answer.Subscriptions[i] = PushDevice{SubscriptionID: s.SubscriptionID, Device: s.Device, CreatedAt: s.CreatedAt, LastUsedAt: s.LastUsedAt,
			Failure: s.Failure, Current: s.SessionID == me(ctx).SessionID}
	}
	return &out[PushDevices]{answer}, nil
}

func (a *api) unsubscribePush(ctx context.Context, in *struct{ Body PushEndpoint }) (*none, error) {
	p, err := a.push()
	if err != nil {
		return nil, err
	}
	return nil, p.Unsubscribe(ctx, me(ctx).UserID, in.Body.Endpoint)
}

func (a *api) testPush(ctx context.Context, _ *none) (*out[PushTests], error) {
	p, err := a.push()
	if err != nil {
		return nil, err
	}
	if wait := a.Limiter.Allow(ctx, chat.LimitPushTest, me(ctx).UserID); wait > 0 {
		return nil, &chat.Error{Code: chat.RateLimited, Message: "Notifications were tested often enough for now.", RetryAfter: wait}
	}
	results, err := p.Test(ctx, me(ctx).UserID)
	if err != nil {
		return nil, err
	}
	answer := PushTests{make([]PushTested, len(results))}
	for i, r := range results {
		answer.Results[i] = PushTested(r)
	}
	return &out[PushTests]{answer}, nil
}
