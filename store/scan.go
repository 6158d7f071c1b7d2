package store

import (
	"context"

	"parley/chat"
	"parley/store/table"
)

// AllRooms returns rooms of every kind for the operator, in the engine's order, and a cursor for more (empty at the end).
// It reads the whole table: nothing on the path of a message may use it.
func (s *Store) AllRooms(ctx context.Context, cursor string) ([]chat.Room, string, error) {
	scanner, ok := s.db.(table.Scanner)
	if !ok {
		return nil, "", chat.Errorf(chat.Unavailable, "This store cannot list all rooms.")
	}
	page, err := scanner.Scan(ctx, tChat, cursor, table.MaxLimit)
	if err != nil {
		return nil, "", wrap("list all rooms", err)
	}
	var rooms []chat.Room
	for i := range page.Items {
		if it := &page.Items[i]; it.Key.Sort == "room" && it.Num("gone") == 0 {
			rooms = append(rooms, room(it))
		}
	}
	return rooms, page.Next, nil
}
