package chat_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"parley/chat"
	"parley/chattest"
)

// late is a Log before whose first read something else happens.
type late struct {
	chat.Log
	before func()
}

func (l *late) Messages(ctx context.Context, roomID string, from, to int64, limit int, reverse bool) ([]chat.Message, error) {
	l.before()
	return l.Log.Messages(ctx, roomID, from, to, limit, reverse)
}

func (l *late) MessagesOf(ctx context.Context, userID, cursor string, limit int) ([]chat.Message, string, error) {
	l.before()
	return l.Log.MessagesOf(ctx, userID, cursor, limit)
}

// TestRemovedWhileReading removes somebody in the midst of their reading: they must not see what is written after.
func TestRemovedWhileReading(t *testing.T) {
	for name, read := range map[string]func(ctx context.Context, s *chat.Service, m chat.Message) (any, error){
		"history": func(ctx context.Context, s *chat.Service, m chat.Message) (any, error) {
			return s.Messages(ctx, "u-bob", m.RoomID, chat.PageQuery{})
		},
		"one message": func(ctx context.Context, s *chat.Service, m chat.Message) (any, error) {
			return s.Message(ctx, "u-bob", m.RoomID, m.MessageID)
		},
		"a person's messages": func(ctx context.Context, s *chat.Service, _ chat.Message) (any, error) {
			msgs, _, err := s.UserMessages(ctx, "u-bob", "u-ann", "", 10)
			return msgs, err
		},
		"sync": func(ctx context.Context, s *chat.Service, m chat.Message) (any, error) {
			rooms, err := s.Sync(ctx, "u-bob", map[string]int64{m.RoomID: m.Seq - 1}, 1<<20)
			if err == nil && (len(rooms) != 1 || rooms[0].Complete || rooms[0].HeadSeq != 0 || len(rooms[0].Events) != 0) {
				t.Errorf("sync of a room that bob is not in any more: %+v", rooms)
			}
			return nil, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, "ann", "bob")
			room := h.room(chat.Private, "u-ann", "u-bob")
			m := h.say("u-ann", room, "for all")
			var once sync.Once
			log := &late{Log: h.store, before: func() {
				once.Do(func() {
					h.ok(h.svc.RemoveMember(h.ctx, "u-ann", room, "u-bob"))
					_, err := h.svc.Edit(h.ctx, "u-ann", room, m.MessageID, "a secret")
					h.ok(err)
					h.say("u-ann", room, "another secret")
				})
			}}
			got, err := read(h.ctx, h.service(chattest.NewRecorder(), log, nil), m)
			text := fmt.Sprintf("%+v", got)
			if err == nil && strings.Contains(text, "secret") {
				t.Errorf("bob reads %s", text)
			}
			if err != nil {
				h.code(err, chat.Forbidden)
			}
		})
	}
}
