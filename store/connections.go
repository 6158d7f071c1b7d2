package store

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"parley/chat"
	"parley/store/table"
)

// here is what one row knows of a person's connections: it is read for many people at once, and replaced on the
// condition that nobody else did, so that coming and going are told apart exactly.
type here struct {
	version int64
	conns   []hereConn
}

type hereConn struct {
	ID      string      `json:"id"`
	Session string      `json:"session"`
	Seen    chat.Millis `json:"seen"`
	Ending  bool        `json:"ending,omitempty"`
	Polls   bool        `json:"polls,omitempty"`
}

func (c *hereConn) of(userID string) chat.Connection {
	return chat.Connection{ConnectionID: c.ID, UserID: userID, SessionID: c.Session, LastSeen: c.Seen, Ending: c.Ending, Polls: c.Polls}
}

func parseHere(it *table.Item) (here, error) {
	h := here{version: it.Num("version")}
	for i := range it.Attrs {
		if a := &it.Attrs[i]; a.Name == "connections" {
			if err := decode(it, a, &h.conns); err != nil {
				return h, err
			}
		}
	}
	return h, nil
}

func (h *here) index(connectionID string) int {
	return slices.IndexFunc(h.conns, func(c hereConn) bool { return c.ID == connectionID })
}

// alive counts the connections that were heard of lately.
func (h *here) alive(now time.Time) (n int) {
	for _, c := range h.conns {
		if c := c.of(""); c.Alive(now.UnixMilli()) {
			n++
		}
	}
	return n
}

// here reads one person's row; a zero one if there is none.
func (s *Store) here(ctx context.Context, userID string) (here, error) {
	it, found, err := s.get(ctx, hereKey(userID))
	if err != nil || !found {
		return here{}, err
	}
	return parseHere(&it)
}

// replaceHere is the operations that replace a person's row, and keep the list of those connected in step.
func (s *Store) replaceHere(userID string, was *here, conns []hereConn) []table.Op {
	cond := table.Cond{Kind: table.Equal, Attr: "version", Value: table.Value{Kind: table.Number, Num: was.version}}
	if was.version == 0 {
		cond = table.Cond{Kind: table.Absent}
	}
	if len(conns) == 0 {
		return []table.Op{{Kind: table.Delete, Table: tChat, Item: table.Item{Key: hereKey(userID)}, If: cond}, del(connectedKey(userID))}
	}
	ops := []table.Op{{Kind: table.Put, Table: tChat, If: cond, Item: table.Item{Key: hereKey(userID), Expires: s.expiry(chat.ConnectionFor),
		Attrs: []table.Attr{table.N("version", was.version+1), table.S("connections", encode(conns))}}}}
	if len(was.conns) == 0 {
		ops = append(ops, put(table.Item{Key: connectedKey(userID)}))
	}
	return ops
}

// swapHere changes a person's row until nobody came in between. change returns the connections as they are to be, false
// for no change, and further operations of the same write.
func (s *Store) swapHere(ctx context.Context, doing, userID string, change func(h *here) (conns []hereConn, more []table.Op, ok bool, err error)) error {
	for attempt := range 20 {
		if attempt > 0 {
			time.Sleep(rand.N(time.Duration(attempt) * 4 * time.Millisecond))
		}
		h, err := s.here(ctx, userID)
		if err != nil {
			return wrap(doing, err)
		}
		conns, more, ok, err := change(&h)
		if err != nil || !ok {
			return err
		}
		err = s.db.Write(ctx, append(s.replaceHere(userID, &h, conns), more...)...)
		if _, moved := failed(err); !moved {
			return wrap(doing, err)
		}
	}
	return wrap(doing, table.ErrBusy)
}

// Connect implements chat.Connections.
func (s *Store) Connect(ctx context.Context, c chat.Connection, limit int) (first bool, err error) {
	err = s.swapHere(ctx, "note a connection", c.UserID, func(h *here) ([]hereConn, []table.Op, bool, error) {
		now := s.now()
		alive := h.alive(now)
		if limit > 0 && alive >= limit {
			return nil, nil, false, &chat.Error{Code: chat.RateLimited, Message: "There are too many connections of yours.", RetryAfter: time.Minute}
		}
		first = alive == 0
		conns := slices.DeleteFunc(slices.Clone(h.conns), func(o hereConn) bool {
			return o.ID == c.ConnectionID || now.UnixMilli()-o.Seen > chat.ConnectionFor.Milliseconds()
		})
		conns = append(conns, hereConn{ID: c.ConnectionID, Session: c.SessionID, Seen: c.LastSeen, Polls: c.Polls})
		return conns, []table.Op{s.putConnection(&c)}, true, nil
	})
	return first && err == nil, err
}

func (s *Store) putConnection(c *chat.Connection) table.Op {
	a := []table.Attr{table.S("userId", c.UserID), table.S("username", c.Username), table.S("sessionId", c.SessionID),
		table.N("connectedAt", c.ConnectedAt), table.N("lastSeen", c.LastSeen)}
	if c.Polls {
		a = append(a, table.N("polls", 1))
	}
	return table.Op{Kind: table.Put, Table: tConnections, Item: table.Item{Key: table.Key{Part: c.ConnectionID}, Expires: s.expiry(chat.ConnectionFor), Attrs: a}}
}

// Connection implements chat.Connections.
func (s *Store) Connection(ctx context.Context, connectionID string) (chat.Connection, error) {
	items, err := s.db.Get(ctx, tConnections, table.Key{Part: connectionID})
	if err != nil {
		return chat.Connection{}, wrap("read a connection", err)
	}
	it := &items[0]
	if it.Key.Part == "" {
		return chat.Connection{}, chat.Errorf(chat.NotFound, "There is no such connection.")
	}
	return chat.Connection{ConnectionID: connectionID, UserID: it.Text("userId"), Username: it.Text("username"),
		SessionID: it.Text("sessionId"), ConnectedAt: it.Num("connectedAt"), LastSeen: it.Num("lastSeen"), Polls: it.Num("polls") != 0}, nil
}

// Alive implements chat.Connections.
func (s *Store) Alive(ctx context.Context, c chat.Connection, at chat.Millis) error {
	return s.swapHere(ctx, "keep a connection", c.UserID, func(h *here) ([]hereConn, []table.Op, bool, error) {
		i := h.index(c.ConnectionID)
		if i < 0 || h.conns[i].Ending || h.conns[i].Seen >= at {
			return nil, nil, false, nil
		}
		conns := slices.Clone(h.conns)
		conns[i].Seen, c.LastSeen = at, at
		return conns, []table.Op{s.putConnection(&c)}, true, nil
	})
}

// Forget implements chat.Connections.
func (s *Store) Forget(ctx context.Context, userID, connectionID string) (last bool, err error) {
	err = s.swapHere(ctx, "forget a connection", userID, func(h *here) ([]hereConn, []table.Op, bool, error) {
		i := h.index(connectionID)
		var gone []table.Op
		if connectionID != "" {
			gone = append(gone, table.Op{Kind: table.Delete, Table: tConnections, Item: table.Item{Key: table.Key{Part: connectionID}}})
		}
		if i < 0 {
			last = false
			if len(h.conns) > 0 {
				return h.conns, nil, false, nil
			}
			return nil, gone, true, nil // the row has expired: so does the list
		}
		conns := slices.Delete(slices.Clone(h.conns), i, i+1)
		last = h.last(i, conns, s.now())
		return conns, gone, true, nil
	})
	return last && err == nil, err
}

// last tells whether a person is not connected any more by what became of their connection i.
func (h *here) last(i int, left []hereConn, now time.Time) bool {
	after := here{conns: left}
	return !h.conns[i].Ending && after.alive(now) == 0
}

// End implements chat.Connections.
func (s *Store) End(ctx context.Context, userID, connectionID string) (last bool, err error) {
	err = s.swapHere(ctx, "end a connection", userID, func(h *here) ([]hereConn, []table.Op, bool, error) {
		i := h.index(connectionID)
		last = false
		if i < 0 || h.conns[i].Ending {
			return nil, nil, false, nil
		}
		conns := slices.Clone(h.conns)
		conns[i].Ending = true
		last = h.last(i, conns, s.now())
		return conns, []table.Op{{Kind: table.Delete, Table: tConnections, Item: table.Item{Key: table.Key{Part: connectionID}}}}, true, nil
	})
	return last && err == nil, err
}

// ConnectionsOf implements chat.Connections.
func (s *Store) ConnectionsOf(ctx context.Context, userIDs ...string) (map[string][]chat.Connection, error) {
	keys := make([]table.Key, len(userIDs))
	for i, id := range userIDs {
		keys[i] = hereKey(id)
	}
	items, err := s.getMany(ctx, keys)
	if err != nil {
		return nil, wrap("read connections", err)
	}
	out := make(map[string][]chat.Connection, len(items))
	for i := range items {
		h, err := parseHere(&items[i])
		if err != nil {
			return nil, err
		}
		userID := strings.TrimPrefix(items[i].Key.Part, "user#")
		for _, c := range h.conns {
			out[userID] = append(out[userID], c.of(userID))
		}
	}
	return out, nil
}

// Connected implements chat.Connections.
func (s *Store) Connected(ctx context.Context, cursor string, limit int) ([]string, string, error) {
	items, next, err := s.page(ctx, inPrefix("connected", ""), cursor, limit)
	ids := make([]string, len(items))
	for i := range items {
		ids[i] = items[i].Key.Sort
	}
	return ids, next, wrap("list who is connected", err)
}

// Subscribed implements chat.Audiences.
func (s *Store) Subscribed(ctx context.Context, userID string) (chat.Millis, error) {
	it, _, err := s.get(ctx, hearsKey(userID))
	return it.Num("until"), wrap("read a subscription", err)
}

// Subscribe implements chat.Audiences.
func (s *Store) Subscribe(ctx context.Context, userID string, until chat.Millis) error {
	return wrap("subscribe", s.db.Write(ctx, put(table.Item{Key: hearsKey(userID), Expires: seconds(until), Attrs: []table.Attr{table.N("until", until)}})))
}

// Hear implements chat.Audiences.
func (s *Store) Hear(ctx context.Context, userID string, until chat.Millis, roomIDs ...string) error {
	return s.audience(ctx, roomIDs, func(roomID string) table.Op {
		return put(table.Item{Key: audienceKey(roomID, userID), Expires: seconds(until)})
	})
}

// Unhear implements chat.Audiences.
func (s *Store) Unhear(ctx context.Context, userID string, roomIDs ...string) error {
	return s.audience(ctx, roomIDs, func(roomID string) table.Op { return del(audienceKey(roomID, userID)) })
}

func (s *Store) audience(ctx context.Context, roomIDs []string, op func(roomID string) table.Op) error {
	for part := range slices.Chunk(roomIDs, table.MaxOps) {
		ops := make([]table.Op, len(part))
		for i, id := range part {
			ops[i] = op(id)
		}
		if err := s.db.Write(ctx, ops...); err != nil {
			return wrap("note who hears a room", err)
		}
	}
	return nil
}

// Audience implements chat.Audiences: how far the room was told stands first in the same partition.
func (s *Store) Audience(ctx context.Context, roomID, after string, limit int) (told chat.Told, userIDs []string, more bool, err error) {
	from := toldSort
	if after != "" {
		from = after + "\x00"
	}
	items, next, err := s.page(ctx, table.Query{Table: tChat, Part: audienceKey(roomID, "").Part, From: from}, "", min(limit+1, table.MaxLimit))
	if err != nil {
		return told, nil, false, wrap("read who hears a room", err)
	}
	for i := range items {
		if items[i].Key.Sort == toldSort {
			told = parseTold(&items[i])
			continue
		}
		userIDs = append(userIDs, items[i].Key.Sort)
	}
	if len(userIDs) > limit {
		return told, userIDs[:limit], true, nil
	}
	return told, userIDs, next != "", nil
}

// Told implements chat.Audiences.
func (s *Store) Told(ctx context.Context, roomID string) (chat.Told, error) {
	it, _, err := s.get(ctx, audienceKey(roomID, toldSort))
	return parseTold(&it), wrap("read how far a room was told", err)
}

func parseTold(it *table.Item) chat.Told {
	return chat.Told{Seq: it.Num("seq"), Version: it.Num("version"), Queued: it.Num("queued")}
}

// Tell implements chat.Audiences.
func (s *Store) Tell(ctx context.Context, roomID string, t chat.Told) error {
	op := put(table.Item{Key: audienceKey(roomID, toldSort), Attrs: number([]table.Attr{table.N("seq", t.Seq), table.N("version", t.Version+1)}, "queued", t.Queued)})
	op.If = table.Cond{Kind: table.Equal, Attr: "version", Value: table.Value{Kind: table.Number, Num: t.Version}}
	if t.Version == 0 {
		op.If = table.Cond{Kind: table.Absent}
	}
	err := s.db.Write(ctx, op)
	if _, ok := failed(err); ok {
		return chat.ErrMoved
	}
	return wrap("note how far a room was told", err)
}

// Origins implements chat.Audiences: they stand in the idempotency records.
func (s *Store) Origins(ctx context.Context, roomID string, sent ...chat.Sent) ([]chat.Origin, error) {
	out := make([]chat.Origin, 0, len(sent))
	for part := range slices.Chunk(sent, table.MaxKeys) {
		keys := make([]table.Key, len(part))
		for i, m := range part {
			keys[i] = sentKey(roomID, m.UserID, m.ClientMessageID)
		}
		items, err := s.db.Get(ctx, tChat, keys...)
		if err != nil {
			return nil, wrap("read where messages came from", err)
		}
		for i := range items {
			out = append(out, chat.Origin{ConnectionID: items[i].Text("connectionId"), RequestID: items[i].Text("requestId")})
		}
	}
	return out, nil
}

// Tally implements chat.Tallies.
func (s *Store) Tally(ctx context.Context, key string) (int64, error) {
	it, _, err := s.get(ctx, tallyKey(key))
	return it.Num("n"), wrap("read a tally", err)
}

// SetTally implements chat.Tallies.
func (s *Store) SetTally(ctx context.Context, key string, from, to int64, expires chat.Millis) error {
	op := put(table.Item{Key: tallyKey(key), Expires: seconds(expires), Attrs: []table.Attr{table.N("n", to)}})
	op.If = table.Cond{Kind: table.Equal, Attr: "n", Value: table.Value{Kind: table.Number, Num: from}}
	if from == 0 {
		op.If = table.Cond{Kind: table.Absent}
	}
	err := s.db.Write(ctx, op)
	if _, ok := failed(err); ok {
		return chat.ErrMoved
	}
	return wrap("set a tally", err)
}
