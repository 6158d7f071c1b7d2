package store

import (
	"context"
	"slices"
	"strings"

	"parley/chat"
	"parley/store/table"
)

// A subscription stands under its person, and its id in the list of all under who has it: both rows always go together,
// on the condition that the list says what was read.

func vapidKey() table.Key              { return table.Key{Part: "server", Sort: "vapid"} }
func pushOwnerKey(id string) table.Key { return table.Key{Part: "push", Sort: id} }
func pushKey(user, id string) table.Key {
	return table.Key{Part: "user#" + user, Sort: "push#" + id}
}

// PushKey implements chat.PushKey.
func (s *Store) PushKey(ctx context.Context) ([]byte, error) {
	it, found, err := s.get(ctx, vapidKey())
	if err != nil {
		return nil, wrap("read the push key", err)
	}
	if !found {
		return nil, chat.Errorf(chat.NotFound, "There is no push key.")
	}
	return it.Data("private"), nil
}

// CreatePushKey implements chat.PushKey.
func (s *Store) CreatePushKey(ctx context.Context, private []byte) error {
	err := s.db.Write(ctx, table.Op{Kind: table.Put, Table: tChat, If: table.Cond{Kind: table.Absent},
		Item: table.Item{Key: vapidKey(), Attrs: []table.Attr{table.B("private", private)}}})
	if _, ok := failed(err); ok {
		return chat.ErrExists
	}
	return wrap("store the push key", err)
}

// PutPushSubscription implements chat.PushSubscriptions.
func (s *Store) PutPushSubscription(ctx context.Context, p chat.PushSubscription, drop ...string) error {
	owner := pushOwnerKey(p.SubscriptionID)
	return wrap("store a push subscription", s.again(ctx, func() error {
		it, found, err := s.get(ctx, owner)
		if err != nil {
			return err
		}
		cond := table.Cond{Kind: table.Absent}
		ops := []table.Op{put(pushItem(&p))}
		if found {
			before := it.Text("userId")
			cond = hadBy(before)
			if before != p.UserID {
				ops = append(ops, del(pushKey(before, p.SubscriptionID)))
			}
		}
		ops = append(ops, table.Op{Kind: table.Put, Table: tChat, If: cond, Item: table.Item{Key: owner, Attrs: []table.Attr{table.S("userId", p.UserID)}}})
		return s.writeWithoutPush(ctx, p.UserID, ops, func(old *chat.PushSubscription) bool {
			return old.SubscriptionID != p.SubscriptionID && slices.Contains(drop, old.SubscriptionID)
		})
	}))
}

// NotePush implements chat.PushSubscriptions.
func (s *Store) NotePush(ctx context.Context, p chat.PushSubscription) error {
	op := put(pushItem(&p))
	op.If = table.Cond{Kind: table.Equal, Attr: "createdAt", Value: table.Value{Kind: table.Number, Num: p.CreatedAt}}
	err := s.db.Write(ctx, op)
	if _, ok := failed(err); ok {
		return nil
	}
	return wrap("note a push", err)
}

// PushSubscriptionsOf implements chat.PushSubscriptions.
func (s *Store) PushSubscriptionsOf(ctx context.Context, userID string) ([]chat.PushSubscription, error) {
	var out []chat.PushSubscription
	err := s.all(ctx, inPrefix("user#"+userID, "push#"), func(it *table.Item) bool {
		out = append(out, pushSubscription(it, userID))
		return true
	})
	return out, wrap("list push subscriptions", err)
}

// DeletePushSubscriptions implements chat.PushSubscriptions.
func (s *Store) DeletePushSubscriptions(ctx context.Context, userID string, subscriptionIDs ...string) error {
	return wrap("remove push subscriptions", s.withoutPush(ctx, userID, nil, func(p *chat.PushSubscription) bool {
		return slices.Contains(subscriptionIDs, p.SubscriptionID)
	}))
}

// AnyPushSubscription implements chat.PushSubscriptions.
func (s *Store) AnyPushSubscription(ctx context.Context) (bool, error) {
	items, _, err := s.page(ctx, table.Query{Table: tChat, Part: "push"}, "", 1)
	return len(items) > 0, wrap("look for push subscriptions", err)
}

// withoutPush does ops and removes those subscriptions of a person that match, together.
func (s *Store) withoutPush(ctx context.Context, userID string, ops []table.Op, match func(*chat.PushSubscription) bool) error {
	return s.again(ctx, func() error { return s.writeWithoutPush(ctx, userID, ops, match) })
}

// writeWithoutPush is one attempt at it, which fails if a subscription goes to somebody else meanwhile.
func (s *Store) writeWithoutPush(ctx context.Context, userID string, ops []table.Op, match func(*chat.PushSubscription) bool) error {
	all, err := s.PushSubscriptionsOf(ctx, userID)
	if err != nil {
		return err
	}
	ops = slices.Clone(ops)
	for i := range all {
		if !match(&all[i]) {
			continue
		}
		id := all[i].SubscriptionID
		ops = append(ops, del(pushKey(userID, id)),
			table.Op{Kind: table.Delete, Table: tChat, Item: table.Item{Key: pushOwnerKey(id)}, If: hadBy(userID)})
	}
	if len(ops) == 0 {
		return nil
	}
	return s.db.Write(ctx, ops...)
}

// again repeats attempt while its conditions fail, a few times.
func (s *Store) again(ctx context.Context, attempt func() error) error {
	var err error
	for range 10 {
		err = attempt()
		if _, ok := failed(err); !ok || ctx.Err() != nil {
			return err
		}
	}
	return table.ErrBusy
}

func hadBy(userID string) table.Cond {
	return table.Cond{Kind: table.Equal, Attr: "userId", Value: table.Value{Kind: table.Text, Text: userID}}
}

func pushItem(p *chat.PushSubscription) table.Item {
	a := make([]table.Attr, 0, 10)
	a = append(a, table.S("sessionId", p.SessionID), table.S("endpoint", p.Endpoint), table.B("p256dh", p.P256dh), table.B("auth", p.Auth),
		table.N("createdAt", p.CreatedAt))
	a = text(a, "device", p.Device)
	a = text(a, "language", p.Language)
	a = text(a, "origin", p.Origin)
	a = number(a, "lastUsedAt", p.LastUsedAt)
	a = text(a, "failure", p.Failure)
	return table.Item{Key: pushKey(p.UserID, p.SubscriptionID), Attrs: a}
}

func pushSubscription(it *table.Item, userID string) chat.PushSubscription {
	return chat.PushSubscription{SubscriptionID: strings.TrimPrefix(it.Key.Sort, "push#"), UserID: userID, SessionID: it.Text("sessionId"),
		Endpoint: it.Text("endpoint"), P256dh: it.Data("p256dh"), Auth: it.Data("auth"), Device: it.Text("device"), Language: it.Text("language"),
		Origin: it.Text("origin"), CreatedAt: it.Num("createdAt"), LastUsedAt: it.Num("lastUsedAt"), Failure: it.Text("failure")}
}
