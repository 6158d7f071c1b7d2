package store

import (
	"context"
	"strings"
	"time"

	"parley/store/table"
)

// reachedFor is how long it is remembered that somebody was told: nobody is told of messages as old.
const reachedFor = 7 * 24 * time.Hour

func outboxKey(room string) table.Key { return table.Key{Part: "outbox", Sort: room} }
func reachedKey(user, room string) table.Key {
	return table.Key{Part: "user#" + user, Sort: "reached#" + room}
}

func outboxItem(room string, seq int64) table.Item {
	return table.Item{Key: outboxKey(room), Attrs: []table.Attr{table.N("seq", seq)}}
}

// Outbox implements chat.Outbox.
func (s *Store) Outbox(ctx context.Context) (map[string]int64, error) {
	rooms := map[string]int64{}
	err := s.all(ctx, table.Query{Table: tChat, Part: "outbox"}, func(it *table.Item) bool {
		rooms[it.Key.Sort] = it.Num("seq")
		return true
	})
	return rooms, wrap("read the outbox", err)
}

// OutboxOf implements chat.Outbox.
func (s *Store) OutboxOf(ctx context.Context, roomID string) (int64, error) {
	it, _, err := s.get(ctx, outboxKey(roomID))
	return it.Num("seq"), wrap("read the outbox", err)
}

// SetOutbox implements chat.Outbox.
func (s *Store) SetOutbox(ctx context.Context, roomID string, seq int64) error {
	op := put(outboxItem(roomID, seq))
	if seq == 0 {
		op = del(outboxKey(roomID))
	}
	return wrap("write the outbox", s.db.Write(ctx, op))
}

// Reached implements chat.Told.
func (s *Store) Reached(ctx context.Context, roomID string, userIDs ...string) (map[string]int64, error) {
	keys := make([]table.Key, len(userIDs))
	for i, id := range userIDs {
		keys[i] = reachedKey(id, roomID)
	}
	items, err := s.getMany(ctx, keys)
	out := make(map[string]int64, len(items))
	for i := range items {
		out[strings.TrimPrefix(items[i].Key.Part, "user#")] = items[i].Num("seq")
	}
	return out, wrap("read who was told", err)
}

// SetReached implements chat.Told. Each row only moves forward.
func (s *Store) SetReached(ctx context.Context, roomID string, seq int64, userIDs ...string) error {
	for len(userIDs) > 0 {
		n := min(len(userIDs), table.MaxOps)
		if err := s.setReached(ctx, roomID, seq, userIDs[:n]); err != nil {
			return wrap("note who was told", err)
		}
		userIDs = userIDs[n:]
	}
	return nil
}

func (s *Store) setReached(ctx context.Context, roomID string, seq int64, userIDs []string) error {
	ops := make([]table.Op, len(userIDs))
	for i, id := range userIDs {
		ops[i] = put(table.Item{Key: reachedKey(id, roomID), Attrs: []table.Attr{table.N("seq", seq)}, Expires: s.expiry(reachedFor)})
		ops[i].If = table.Cond{Kind: table.LessOrNew, Attr: "seq", Value: table.Value{Kind: table.Number, Num: seq}}
	}
	for len(ops) > 0 {
		err := s.db.Write(ctx, ops...)
		ahead, ok := failed(err)
		if !ok {
			return err
		}
		for i := len(ahead) - 1; i >= 0; i-- {
			ops = append(ops[:ahead[i]], ops[ahead[i]+1:]...)
		}
	}
	return nil
}
