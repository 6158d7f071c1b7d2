package store

import (
	"context"
	"errors"
	"strings"

	"parley/chat"
	"parley/store/table"
)

// Commit implements chat.Log by one transaction: the head on its condition, the entries, the idempotency records.
func (s *Store) Commit(ctx context.Context, c chat.Commit) error {
	b := s.batches.Get().(*batch) //nolint:forcetypeassert // nothing else is in it
	head := table.Cond{Kind: table.Equal, Attr: "headSeq", Value: table.Value{Kind: table.Number, Num: c.After}}
	if c.After == 0 {
		head = table.Cond{Kind: table.Absent}
	}
	b.put(tChat, roomKey(c.Room.RoomID), appendRoom(b.attrs, &c.Room, c.Gone), head)
	s.putNew(b, c.New, c.Origins)
	firstOther := len(b.ops)
	for i := range c.Changed {
		m := &c.Changed[i]
		b.put(tMessages, table.Key{Part: m.RoomID, Sort: messageSort(m.Seq)}, appendMessage(b.attrs, m), table.Cond{})
	}
	ops := b.ops
	for i := range c.Changes {
		ops = append(ops, table.Op{Kind: table.Put, Table: tMessages, Item: changeItem(&c.Changes[i])})
	}
	for i := range c.Join {
		m := &c.Join[i]
		ops = append(ops, put(memberItem(memberKey(m.RoomID, m.UserID), m)), put(memberItem(inKey(m.UserID, m.RoomID), m)))
	}
	for _, m := range c.Leave {
		ops = append(ops, del(memberKey(m.RoomID, m.UserID)), del(inKey(m.UserID, m.RoomID)), del(readKey(m.UserID, m.RoomID)))
		ops = dropLevel(ops, m.RoomID, m.UserID)
	}
	ops = s.noticeOps(ops, &c)
	for i := range c.Stale {
		ops = append(ops, put(digestItem(&c.Stale[i])))
	}
	for userID, m := range c.Marks {
		ops = append(ops, put(table.Item{Key: readKey(userID, m.RoomID), Attrs: appendMarker(nil, m)}))
	}
	if c.Outbox && len(c.New) > 0 {
		ops = append(ops, put(outboxItem(c.Room.RoomID, c.New[0].Seq)))
	}
	ops = append(ops, listing(&c)...)
	firstFile := len(ops)
	ops = attach(ops, c.Attach)
	ops = s.dropFiles(ops, c.Drop)

	err := s.db.Write(ctx, ops...)
	b.ops = ops
	s.recycle(b)
	if bad, ok := failed(err); ok {
		if bad[0] == 0 {
			return chat.ErrMoved
		}
		if d := duplicates(&c, bad, firstOther); len(d.Sent) > 0 {
			return d
		}
		return unclaimed(&c, bad, firstFile)
	}
	return wrap("commit to the log of room "+c.Room.RoomID, err)
}

// batch is the operations of a commit and the attributes of their items, kept for the next one: they were half of the
// memory that a message took.
type batch struct {
	ops   []table.Op
	attrs []table.Attr
}

// put adds a row; attrs is b.attrs with the row's own appended.
func (b *batch) put(name string, k table.Key, attrs []table.Attr, cond table.Cond) *table.Op {
	from := len(b.attrs)
	b.attrs = attrs
	b.ops = append(b.ops, table.Op{Kind: table.Put, Table: name, Item: table.Item{Key: k, Attrs: attrs[from:len(attrs):len(attrs)]}, If: cond})
	return &b.ops[len(b.ops)-1]
}

// recycle keeps a batch that was written.
func (s *Store) recycle(b *batch) {
	if len(b.ops) > table.MaxOps {
		return
	}
	clear(b.ops)
	clear(b.attrs)
	b.ops, b.attrs = b.ops[:0], b.attrs[:0]
	s.batches.Put(b)
}

// putNew adds, for each new message, the message and its idempotency record, and then one read marker a sender.
func (s *Store) putNew(b *batch, msgs []chat.Message, origins []chat.Origin) {
	expires := s.expiry(SentFor)
	for i := range msgs {
		m := &msgs[i]
		b.put(tMessages, table.Key{Part: m.RoomID, Sort: messageSort(m.Seq)}, appendMessage(b.attrs, m), table.Cond{Kind: table.Fresh})
		sent := append(b.attrs, table.N("seq", m.Seq))
		if origins != nil {
			sent = text(text(sent, "connectionId", origins[i].ConnectionID), "requestId", origins[i].RequestID)
		}
		b.put(tChat, sentKey(m.RoomID, m.UserID, m.ClientMessageID), sent, table.Cond{Kind: table.Once}).Item.Expires = expires
	}
	for i := range msgs {
		if m := &msgs[i]; !sentLater(msgs[i+1:], m.UserID) {
			b.put(tChat, readKey(m.UserID, m.RoomID), appendMarker(b.attrs, chat.Marker{RoomID: m.RoomID, Seq: m.Seq, Ordinal: m.Ordinal}), table.Cond{})
		}
	}
}

func sentLater(msgs []chat.Message, userID string) bool {
	for i := range msgs {
		if msgs[i].UserID == userID {
			return true
		}
	}
	return false
}

// duplicates turns the failed conditions of a commit into the messages that were sent before.
func duplicates(c *chat.Commit, bad []int, firstOther int) *chat.DuplicateError {
	var d chat.DuplicateError
	for _, op := range bad {
		if i := (op - 1) / 2; op < firstOther && i < len(c.New) {
			d.Sent = append(d.Sent, chat.Sent{UserID: c.New[i].UserID, ClientMessageID: c.New[i].ClientMessageID})
		}
	}
	return &d
}

// listing keeps the list of public rooms in step with the room, and notes what is to be purged.
func listing(c *chat.Commit) []table.Op {
	var ops []table.Op
	r := &c.Room
	if c.Gone {
		ops = append(ops, put(table.Item{Key: purgeKey(r.RoomID)}))
	}
	if r.Kind != chat.Public {
		return ops
	}
	if c.OldNameKey != "" && c.OldNameKey != r.NameKey {
		ops = append(ops, del(publicKey(c.OldNameKey, r.RoomID)))
	}
	if c.Gone {
		return append(ops, del(publicKey(r.NameKey, r.RoomID)))
	}
	if c.After == 0 || c.OldNameKey != "" {
		ops = append(ops, put(table.Item{Key: publicKey(r.NameKey, r.RoomID), Attrs: []table.Attr{table.S("roomId", r.RoomID)}}))
	}
	return ops
}

func put(it table.Item) table.Op { return table.Op{Kind: table.Put, Table: tChat, Item: it} }
func del(k table.Key) table.Op {
	return table.Op{Kind: table.Delete, Table: tChat, Item: table.Item{Key: k}}
}

// Duplicate implements chat.Log.
func (s *Store) Duplicate(ctx context.Context, roomID string, sent chat.Sent) (chat.Message, error) {
	it, found, err := s.get(ctx, sentKey(roomID, sent.UserID, sent.ClientMessageID))
	if err != nil {
		return chat.Message{}, wrap("look up a sent message", err)
	}
	if !found {
		return chat.Message{}, chat.Errorf(chat.NotFound, "There is no such message.")
	}
	seq := it.Num("seq")
	msgs, err := s.Messages(ctx, roomID, seq, seq, 1, false)
	if err != nil {
		return chat.Message{}, err
	}
	if len(msgs) == 0 {
		return chat.Message{}, chat.Errorf(chat.NotFound, "There is no such message.")
	}
	return msgs[0], nil
}

// entries reads one kind of log entry in a range of numbers.
func (s *Store) entries(ctx context.Context, roomID string, from, to string, limit int, reverse bool) ([]table.Item, error) {
	q := table.Query{Table: tMessages, Part: roomID, From: from, To: to, Reverse: reverse}
	items, _, err := s.page(ctx, q, "", limit)
	return items, wrap("read the log of room "+roomID, err)
}

// Messages implements chat.Log.
func (s *Store) Messages(ctx context.Context, roomID string, from, to int64, limit int, reverse bool) ([]chat.Message, error) {
	if from > to {
		return nil, nil
	}
	items, err := s.entries(ctx, roomID, messageSort(from), messageSort(to), limit, reverse)
	if err != nil {
		return nil, err
	}
	out := make([]chat.Message, len(items))
	for i := range items {
		if out[i], err = message(&items[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// MessagesAt implements chat.Log.
func (s *Store) MessagesAt(ctx context.Context, at ...chat.Place) ([]chat.Message, error) {
	keys := make([]table.Key, len(at))
	for i, p := range at {
		keys[i] = table.Key{Part: p.RoomID, Sort: messageSort(p.Seq)}
	}
	items, err := s.getFrom(ctx, tMessages, keys)
	if err != nil {
		return nil, wrap("read messages", err)
	}
	out := make([]chat.Message, len(items))
	for i := range items {
		if out[i], err = message(&items[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Changes implements chat.Log.
func (s *Store) Changes(ctx context.Context, roomID string, from, to int64, limit int) ([]chat.Change, error) {
	if from > to {
		return nil, nil
	}
	items, err := s.entries(ctx, roomID, changeSort(from), changeSort(to), limit, false)
	if err != nil {
		return nil, err
	}
	out := make([]chat.Change, len(items))
	for i := range items {
		if out[i], err = change(&items[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// MessagesOf implements chat.Log by the index of senders; ULIDs order it by time.
func (s *Store) MessagesOf(ctx context.Context, userID, cursor string, limit int) ([]chat.Message, string, error) {
	items, next, err := s.page(ctx, table.Query{Table: tMessages, Index: byUser, Part: userID, Reverse: true}, cursor, limit)
	if err != nil {
		return nil, "", wrap("read the messages of a user", err)
	}
	out := make([]chat.Message, len(items))
	for i := range items {
		if out[i], err = message(&items[i]); err != nil {
			return nil, "", err
		}
	}
	return out, next, nil
}

// Purge implements chat.Log. Each room goes entry by entry; its note goes last, so that an interruption is made good
// by the next call.
func (s *Store) Purge(ctx context.Context) error {
	var rooms []string
	err := s.all(ctx, table.Query{Table: tChat, Part: "purge"}, func(it *table.Item) bool {
		rooms = append(rooms, it.Key.Sort)
		return true
	})
	for _, room := range rooms {
		err = errors.Join(err, s.purgeRoom(ctx, room))
	}
	return wrap("purge rooms", err)
}

func (s *Store) purgeRoom(ctx context.Context, room string) error {
	var ops []table.Op
	flush := func() error {
		if len(ops) == 0 {
			return nil
		}
		err := s.db.Write(ctx, ops...)
		ops = ops[:0]
		return err
	}
	var flushErr error
	remove := func(more ...table.Op) bool {
		if len(ops)+len(more) > table.MaxOps {
			flushErr = flush()
		}
		ops = append(ops, more...)
		return flushErr == nil
	}
	err := s.all(ctx, table.Query{Table: tMessages, Part: room}, func(it *table.Item) bool {
		ops, err := s.dropEntry(it)
		if err != nil {
			flushErr = err
			return false
		}
		return remove(ops...)
	})
	if err == nil && flushErr == nil {
		err = s.all(ctx, table.Query{Table: tChat, Part: "room#" + room}, func(it *table.Item) bool {
			switch kind, user, _ := strings.Cut(it.Key.Sort, "#"); kind {
			case "member":
				return remove(del(it.Key), del(inKey(user, room)), del(readKey(user, room)))
			case "level":
				return remove(del(it.Key), del(levelKey(user, room)))
			case "loud", "wide":
				return remove(del(it.Key))
			}
			return true // the room itself goes last
		})
	}
	if err == nil && flushErr == nil {
		err = s.all(ctx, table.Query{Table: tChat, Part: audienceKey(room, "").Part}, func(it *table.Item) bool { return remove(del(it.Key)) })
	}
	if err == nil && flushErr == nil {
		flushErr = flush() // nobody is a member any more, so that no digest comes after
	}
	if err == nil && flushErr == nil {
		err = s.all(ctx, table.Query{Table: tChat, Part: digestKey(room, 0).Part}, func(it *table.Item) bool { return remove(del(it.Key)) })
	}
	if err := errors.Join(err, flushErr); err != nil {
		return err
	}
	remove(del(roomKey(room)), del(purgeKey(room)))
	return errors.Join(flushErr, flush())
}
