package store

import (
	"context"
	"strings"

	"parley/chat"
	"parley/store/table"
)

// Rooms implements chat.Rooms.
func (s *Store) Rooms(ctx context.Context, roomIDs ...string) ([]chat.Room, error) {
	keys := make([]table.Key, len(roomIDs))
	for i, id := range roomIDs {
		keys[i] = roomKey(id)
	}
	items, err := s.getMany(ctx, keys)
	if err != nil {
		return nil, wrap("read rooms", err)
	}
	out := make([]chat.Room, 0, len(items))
	for i := range items {
		if items[i].Num("gone") == 0 {
			out = append(out, room(&items[i]))
		}
	}
	return out, nil
}

// PublicRooms implements chat.Rooms.
func (s *Store) PublicRooms(ctx context.Context, prefix, cursor string, limit int) ([]chat.Room, string, error) {
	items, next, err := s.page(ctx, inPrefix("public", prefix), cursor, limit)
	if err != nil {
		return nil, "", wrap("list public rooms", err)
	}
	ids := make([]string, len(items))
	for i := range items {
		ids[i] = items[i].Text("roomId")
	}
	rooms, err := s.Rooms(ctx, ids...)
	return rooms, next, err
}

// RoomsOf implements chat.Rooms.
func (s *Store) RoomsOf(ctx context.Context, userID string) ([]chat.Membership, error) {
	var out []chat.Membership
	err := s.all(ctx, inPrefix("user#"+userID, "in#"), func(it *table.Item) bool {
		out = append(out, membership(it))
		return true
	})
	return out, wrap("list the rooms of a user", err)
}

// Member implements chat.Rooms.
func (s *Store) Member(ctx context.Context, roomID, userID string) (chat.Membership, error) {
	it, found, err := s.get(ctx, memberKey(roomID, userID))
	if err != nil {
		return chat.Membership{}, wrap("read a membership", err)
	}
	if !found {
		return chat.Membership{}, chat.Errorf(chat.NotFound, "This person is not in this room.")
	}
	return membership(&it), nil
}

// MembersAmong implements chat.Rooms.
func (s *Store) MembersAmong(ctx context.Context, roomID string, userIDs ...string) ([]chat.Membership, error) {
	keys := make([]table.Key, len(userIDs))
	for i, id := range userIDs {
		keys[i] = memberKey(roomID, id)
	}
	items, err := s.getMany(ctx, keys)
	if err != nil {
		return nil, wrap("read memberships", err)
	}
	out := make([]chat.Membership, len(items))
	for i := range items {
		out[i] = membership(&items[i])
	}
	return out, nil
}

// Members implements chat.Rooms.
func (s *Store) Members(ctx context.Context, roomID, cursor string, limit int) ([]chat.Membership, string, error) {
	items, next, err := s.page(ctx, inPrefix("room#"+roomID, "member#"), cursor, limit)
	if err != nil {
		return nil, "", wrap("list the members of a room", err)
	}
	out := make([]chat.Membership, len(items))
	for i := range items {
		out[i] = membership(&items[i])
	}
	return out, next, nil
}

// Mark implements chat.Markers.
func (s *Store) Mark(ctx context.Context, userID string, m chat.Marker) (bool, error) {
	err := s.db.Write(ctx, table.Op{Kind: table.Put, Table: tChat, Item: table.Item{Key: readKey(userID, m.RoomID), Attrs: appendMarker(nil, m)},
		If: table.Cond{Kind: table.LessOrNew, Attr: "readSeq", Value: table.Value{Kind: table.Number, Num: m.Seq}}})
	if _, ok := failed(err); ok {
		return false, nil
	}
	return err == nil, wrap("move a read marker", err)
}

// MarkersOf implements chat.Markers.
func (s *Store) MarkersOf(ctx context.Context, userID string) ([]chat.Marker, error) {
	var out []chat.Marker
	err := s.all(ctx, inPrefix("user#"+userID, "read#"), func(it *table.Item) bool {
		out = append(out, marker(it))
		return true
	})
	return out, wrap("read the markers of a user", err)
}

// MarkersIn implements chat.Markers.
func (s *Store) MarkersIn(ctx context.Context, roomID string, userIDs ...string) (map[string]chat.Marker, error) {
	keys := make([]table.Key, len(userIDs))
	for i, id := range userIDs {
		keys[i] = readKey(id, roomID)
	}
	items, err := s.getMany(ctx, keys)
	if err != nil {
		return nil, wrap("read the markers of a room", err)
	}
	out := make(map[string]chat.Marker, len(items))
	for i := range items {
		out[strings.TrimPrefix(items[i].Key.Part, "user#")] = marker(&items[i])
	}
	return out, nil
}

// SetSeen implements chat.Seen.
func (s *Store) SetSeen(ctx context.Context, at chat.Millis, userIDs ...string) error {
	for len(userIDs) > 0 {
		n := min(len(userIDs), table.MaxOps)
		ops := make([]table.Op, n)
		for i, id := range userIDs[:n] {
			ops[i] = put(table.Item{Key: seenKey(id), Attrs: []table.Attr{table.N("lastSeen", at)}})
		}
		if err := s.db.Write(ctx, ops...); err != nil {
			return wrap("note when users were seen", err)
		}
		userIDs = userIDs[n:]
	}
	return nil
}

// Seen implements chat.Seen.
func (s *Store) Seen(ctx context.Context, userIDs ...string) (map[string]chat.Millis, error) {
	keys := make([]table.Key, len(userIDs))
	for i, id := range userIDs {
		keys[i] = seenKey(id)
	}
	items, err := s.getMany(ctx, keys)
	if err != nil {
		return nil, wrap("read when users were seen", err)
	}
	out := make(map[string]chat.Millis, len(items))
	for i := range items {
		out[strings.TrimPrefix(items[i].Key.Part, "user#")] = items[i].Num("lastSeen")
	}
	return out, nil
}
