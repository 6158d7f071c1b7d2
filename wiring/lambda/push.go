package lambda

import (
	"context"
	"time"

	"parley/chat"
	"parley/httpapi"
)

// push reaches people by a notifier that is made when somebody wants it.
type push struct{ h *house }

var _ httpapi.Push = push{}

// PublicKey implements httpapi.Push; empty if it cannot be had now.
func (p push) PublicKey() string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	n, err := p.h.notifier.get(ctx)
	if err != nil {
		p.h.Logger.Error("the key of Web Push could not be read", "error", err)
		return ""
	}
	return n.PublicKey()
}

// Subscribe implements httpapi.Push.
func (p push) Subscribe(ctx context.Context, s chat.NewPushSubscription) (chat.PushSubscription, error) {
	n, err := p.h.notifier.get(ctx)
	if err != nil {
		return chat.PushSubscription{}, err
	}
	return n.Subscribe(ctx, s)
}

// Subscriptions implements httpapi.Push.
func (p push) Subscriptions(ctx context.Context, userID string) ([]chat.PushSubscription, error) {
	n, err := p.h.notifier.get(ctx)
	if err != nil {
		return nil, err
	}
	return n.Subscriptions(ctx, userID)
}

// Unsubscribe implements httpapi.Push.
func (p push) Unsubscribe(ctx context.Context, userID, endpoint string) error {
	n, err := p.h.notifier.get(ctx)
	if err != nil {
		return err
	}
	return n.Unsubscribe(ctx, userID, endpoint)
}

// Test implements httpapi.Push.
func (p push) Test(ctx context.Context, userID string) ([]chat.PushResult, error) {
	n, err := p.h.notifier.get(ctx)
	if err != nil {
		return nil, err
	}
	return n.Test(ctx, userID)
}
