package store

import (
	"context"
	"strings"
	"time"

	"parley/chat"
	"parley/store/table"
)

// NoticesFor is how long a notice is kept.
const NoticesFor = 90 * 24 * time.Hour

// noticeOps are the writes of the notices of a commit.
func (s *Store) noticeOps(ops []table.Op, c *chat.Commit) []table.Op {
	if len(c.Notices) > 0 {
		expires := s.expiry(NoticesFor)
		for i := range c.Notices {
			ops = append(ops, put(noticeItem(&c.Notices[i], expires)))
		}
	}
	for i := range c.Obsolete {
		ops = append(ops, del(noticeKey(&c.Obsolete[i])))
	}
	return ops
}

func noticeKey(n *chat.Notice) table.Key {
	if n.UserID == "" {
		return wideKey(n.RoomID, n.Seq)
	}
	return noteKey(n.UserID, n.MessageID)
}

func noticeItem(n *chat.Notice, expires int64) table.Item {
	a := []table.Attr{table.S("roomId", n.RoomID), table.N("seq", n.Seq), table.S("messageId", n.MessageID), table.S("kind", string(n.Kind)),
		table.S("by", n.By)}
	if n.Only != nil {
		a = append(a, table.S("only", strings.Join(n.Only, " ")))
	}
	return table.Item{Key: noticeKey(n), Attrs: a, Expires: expires}
}

func notice(it *table.Item) chat.Notice {
	n := chat.Notice{RoomID: it.Text("roomId"), Seq: it.Num("seq"), MessageID: it.Text("messageId"), Kind: chat.NoticeKind(it.Text("kind")),
		By: it.Text("by")}
	if user, ok := strings.CutPrefix(it.Key.Part, "user#"); ok {
		n.UserID = user
	}
	if only := it.Get("only"); only.Kind == table.Text {
		n.Only = strings.Fields(only.Text)
	}
	return n
}

// NoticesOf implements chat.Notices.
func (s *Store) NoticesOf(ctx context.Context, userID, before string, limit int) ([]chat.Notice, error) {
	q := inPrefix("user#"+userID, "note#")
	ask := limit
	if before != "" { // which the range includes
		q.To = noteKey(userID, before).Sort
		ask++
	}
	q.Reverse = true
	items, _, err := s.page(ctx, q, "", min(ask, table.MaxLimit))
	if err != nil {
		return nil, wrap("read the notices of a user", err)
	}
	out := make([]chat.Notice, 0, len(items))
	for i := range items {
		if n := notice(&items[i]); n.MessageID != before && len(out) < limit {
			out = append(out, n)
		}
	}
	return out, nil
}

// RoomNotices implements chat.Notices.
func (s *Store) RoomNotices(ctx context.Context, roomID string, from, to int64, limit int) ([]chat.Notice, error) {
	if from > to {
		return nil, nil
	}
	q := table.Query{Table: tChat, Part: "room#" + roomID, From: wideKey(roomID, from).Sort, To: wideKey(roomID, to).Sort, Reverse: true}
	items, _, err := s.page(ctx, q, "", limit)
	if err != nil {
		return nil, wrap("read the notices of a room", err)
	}
	out := make([]chat.Notice, len(items))
	for i := range items {
		out[i] = notice(&items[i])
	}
	return out, nil
}

// SetLevel implements chat.Notices by both sides of it at once; who wants all stands in a row of another name, so that
// they are found without walking the others.
func (s *Store) SetLevel(ctx context.Context, userID, roomID string, l chat.Level) error {
	level := func(k table.Key) table.Op {
		return put(table.Item{Key: k, Attrs: []table.Attr{table.S("level", string(l))}})
	}
	ops := []table.Op{level(levelKey(userID, roomID)), level(levelInKey(roomID, userID)), level(loudKey(roomID, userID))}
	switch l {
	case chat.LevelDefault:
		ops = dropLevel(nil, roomID, userID)
	case chat.LevelAll:
	default:
		ops[2] = del(loudKey(roomID, userID))
	}
	return wrap("set the level of a room", s.db.Write(ctx, ops...))
}

// dropLevel forgets what somebody chose for a room.
func dropLevel(ops []table.Op, room, user string) []table.Op {
	return append(ops, del(levelKey(user, room)), del(levelInKey(room, user)), del(loudKey(room, user)))
}

// LevelsOf implements chat.Notices.
func (s *Store) LevelsOf(ctx context.Context, userID string) (map[string]chat.Level, error) {
	out := make(map[string]chat.Level)
	err := s.all(ctx, inPrefix("user#"+userID, "level#"), func(it *table.Item) bool {
		out[strings.TrimPrefix(it.Key.Sort, "level#")] = chat.Level(it.Text("level"))
		return true
	})
	return out, wrap("read the levels of a user", err)
}

// Levels implements chat.Notices.
func (s *Store) Levels(ctx context.Context, roomID string, userIDs ...string) (map[string]chat.Level, error) {
	keys := make([]table.Key, len(userIDs))
	for i, id := range userIDs {
		keys[i] = levelInKey(roomID, id)
	}
	items, err := s.getMany(ctx, keys)
	if err != nil {
		return nil, wrap("read the levels of a room", err)
	}
	out := make(map[string]chat.Level, len(items))
	for i := range items {
		out[strings.TrimPrefix(items[i].Key.Sort, "level#")] = chat.Level(items[i].Text("level"))
	}
	return out, nil
}

// Loud implements chat.Notices.
func (s *Store) Loud(ctx context.Context, roomID, cursor string, limit int) ([]string, string, error) {
	items, next, err := s.page(ctx, inPrefix("room#"+roomID, "loud#"), cursor, limit)
	if err != nil {
		return nil, "", wrap("list who wants all of a room", err)
	}
	out := make([]string, len(items))
	for i := range items {
		out[i] = strings.TrimPrefix(items[i].Key.Sort, "loud#")
	}
	return out, next, nil
}

// SetRules implements chat.Notices.
func (s *Store) SetRules(ctx context.Context, userID string, r chat.NotifyRules) error {
	return wrap("store notification rules", s.db.Write(ctx, put(table.Item{Key: rulesKey(userID), Attrs: []table.Attr{table.S("rules", encode(r))}})))
}

// Rules implements chat.Notices.
func (s *Store) Rules(ctx context.Context, userIDs ...string) (map[string]chat.NotifyRules, error) {
	keys := make([]table.Key, len(userIDs))
	for i, id := range userIDs {
		keys[i] = rulesKey(id)
	}
	items, err := s.getMany(ctx, keys)
	if err != nil {
		return nil, wrap("read notification rules", err)
	}
	out := make(map[string]chat.NotifyRules, len(items))
	for i := range items {
		var r chat.NotifyRules
		if err := decode(&items[i], &items[i].Attrs[0], &r); err != nil {
			return nil, err
		}
		out[strings.TrimPrefix(items[i].Key.Part, "user#")] = r
	}
	return out, nil
}
