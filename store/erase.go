package store

import (
	"context"
	"strings"

	"parley/chat"
	"parley/store/table"
)

func eraseKey(user string) table.Key { return table.Key{Part: "erase", Sort: user} }

// BeginErasure implements chat.Erasures. The row of the username stays, and so the name taken.
func (s *Store) BeginErasure(ctx context.Context, left chat.Account, e chat.Erasure) error {
	was, err := s.Account(ctx, left.User.UserID)
	if err != nil {
		return err
	}
	if was.Version != left.Version {
		return chat.ErrMoved
	}
	left.Version++
	ops := []table.Op{{Kind: table.Put, Table: tChat, Item: accountItem(&left),
		If: table.Cond{Kind: table.Equal, Attr: "version", Value: table.Value{Kind: table.Number, Num: was.Version}}},
		del(personKey(was.User.Username)), put(erasureItem(&e))}
	for _, w := range was.Words {
		ops = append(ops, del(wordItem(w, was.User.UserID).Key))
	}
	err = s.db.Write(ctx, ops...)
	if _, ok := failed(err); ok {
		return chat.ErrMoved
	}
	return wrap("begin to erase an account", err)
}

func erasureItem(e *chat.Erasure) table.Item {
	a := []table.Attr{table.N("startedAt", e.StartedAt), table.N("messages", int64(e.Messages)), table.N("files", int64(e.Files)),
		table.N("memberships", int64(e.Memberships))}
	a = number(a, "doneAt", e.DoneAt)
	a = text(a, "username", e.Username)
	a = text(a, "avatarUrl", e.AvatarURL)
	return table.Item{Key: eraseKey(e.UserID), Attrs: a}
}

// Erasures implements chat.Erasures.
func (s *Store) Erasures(ctx context.Context) ([]chat.Erasure, error) {
	var out []chat.Erasure
	err := s.all(ctx, table.Query{Table: tChat, Part: "erase"}, func(it *table.Item) bool {
		out = append(out, chat.Erasure{UserID: it.Key.Sort, StartedAt: it.Num("startedAt"), Messages: int(it.Num("messages")),
			Files: int(it.Num("files")), Memberships: int(it.Num("memberships")), DoneAt: it.Num("doneAt"), Username: it.Text("username"), AvatarURL: it.Text("avatarUrl")})
		return true
	})
	return out, wrap("list erasures", err)
}

// NoteErasure implements chat.Erasures; one that has ended stays so.
func (s *Store) NoteErasure(ctx context.Context, e chat.Erasure) error {
	err := s.db.Write(ctx, table.Op{Kind: table.Put, Table: tChat, Item: erasureItem(&e), If: table.Cond{Kind: table.Present}})
	if _, ok := failed(err); ok {
		return nil
	}
	return wrap("note an erasure", err)
}

// EndErasure implements chat.Erasures.
func (s *Store) EndErasure(ctx context.Context, userID string) error {
	return wrap("end an erasure", s.db.Write(ctx, del(eraseKey(userID))))
}

// ClearErased implements chat.Erasures.
func (s *Store) ClearErased(ctx context.Context, userID string) error {
	var ops []table.Op
	flush := func() (err error) {
		if len(ops) > 0 {
			err = s.db.Write(ctx, ops...)
			ops = ops[:0]
		}
		return err
	}
	var flushErr error
	err := s.all(ctx, table.Query{Table: tChat, Part: "user#" + userID}, func(it *table.Item) bool {
		more := []table.Op{del(it.Key)}
		switch kind, id, _ := strings.Cut(it.Key.Sort, "#"); kind {
		case "account":
			return true
		case "invite":
			more = append(more, del(inviteKey(id)))
		case "push":
			more = append(more, del(pushOwnerKey(id)))
		case "in": // left by a room that is gone and waits to be purged
			more = append(more, del(memberKey(id, userID)))
		}
		if len(ops)+len(more) > table.MaxOps {
			flushErr = flush()
		}
		ops = append(ops, more...)
		return flushErr == nil
	})
	if err == nil {
		err = flushErr
	}
	if err == nil {
		err = flush()
	}
	return wrap("erase what is left of an account", err)
}
