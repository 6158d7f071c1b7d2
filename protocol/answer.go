package protocol

import (
	"context"

	"parley/chat"
)

// Service is what requests other than messages ask of the core; *chat.Service has it.
type Service interface {
	Messages(ctx context.Context, by, roomID string, q chat.PageQuery) (chat.MessagePage, error)
	Clients(ctx context.Context, by, roomID string) ([]chat.Client, error)
	Sync(ctx context.Context, by string, rooms map[string]int64, maxBytes int) ([]chat.RoomSync, error)
	Typing(ctx context.Context, by, roomID string) error
	MarkRead(ctx context.Context, by, roomID string, seq int64) error
	// Heads returns the newest stored number of each room of by, of which by is a member after the call began.
	Heads(ctx context.Context, by string) (map[string]int64, error)
}

// Answer serves any request but sendMessage. It calls send with each frame of the answer, and returns the refusal if
// there is none.
func Answer(ctx context.Context, s Service, by string, r *Request, send func(appendTo func(dst []byte) []byte)) error {
	switch r.Action {
	case GetMessages:
		r.Page.MaxBytes = MaxFrame
		page, err := s.Messages(ctx, by, r.RoomID, r.Page)
		if err != nil {
			return err
		}
		send(func(dst []byte) []byte { return AppendHistory(dst, r.RequestID, r.RoomID, r.Page, page) })
	case GetClients:
		clients, err := s.Clients(ctx, by, r.RoomID)
		if err != nil {
			return err
		}
		send(func(dst []byte) []byte { return AppendClients(dst, r.RequestID, clients) })
	case Sync:
		rooms, err := s.Sync(ctx, by, r.Rooms, MaxFrame)
		if err != nil {
			return err
		}
		send(func(dst []byte) []byte { return AppendSynced(dst, r.RequestID, rooms) })
	case Typing:
		return s.Typing(ctx, by, r.RoomID)
	case MarkRead:
		if err := s.MarkRead(ctx, by, r.RoomID, r.Seq); err != nil {
			return err
		}
		send(func(dst []byte) []byte { return AppendDone(dst, r.RequestID) })
	case Ping:
		heads, err := s.Heads(ctx, by)
		if err != nil {
			return err
		}
		for _, pong := range Pongs(r.RequestID, heads) {
			send(func(dst []byte) []byte { return append(dst, pong...) })
		}
	}
	return nil
}
