package chat_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"parley/chat"
)

// reads counts how often messages are read.
type reads struct {
	chat.Log
	n int
}

func (r *reads) Messages(ctx context.Context, roomID string, from, to int64, limit int, reverse bool) ([]chat.Message, error) {
	r.n++
	return r.Log.Messages(ctx, roomID, from, to, limit, reverse)
}

func TestJumpToADate(t *testing.T) {
	h := newHouse(t, "ann", "eve")
	room, empty := h.room(chat.Private, "u-ann"), h.room(chat.Private, "u-ann")
	start := h.clock.Now()
	var sent []chat.Message
	for i := range 300 {
		h.clock.Advance(time.Minute)
		sent = append(sent, h.say("u-ann", room, fmt.Sprint(i)))
		if i%7 == 0 { // numbers that are no messages
			_, err := h.svc.React(h.ctx, "u-ann", room, sent[i].MessageID, "👍")
			h.ok(err)
		}
	}
	log := &reads{Log: h.store}
	svc := h.service(h.ears, log, nil)
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{
		{-time.Hour, 0}, {0, 0}, {time.Minute, 0}, {time.Minute + time.Millisecond, 1}, {150 * time.Minute, 149}, {149*time.Minute + time.Second, 149},
		{300 * time.Minute, 299}, {301 * time.Minute, 299}, {1e6 * time.Hour, 299},
	} {
		at := start.Add(tt.after).UnixMilli()
		log.n = 0
		p, err := svc.Messages(h.ctx, "u-ann", room, chat.PageQuery{At: &at, Limit: 1})
		h.ok(err)
		if len(p.Messages) != 1 || p.Messages[0].Seq != sent[tt.want].Seq || p.HasMoreBefore != (tt.want > 0) || p.HasMoreAfter != (tt.want < 299) {
			t.Errorf("after %v: %+v, want message %d", tt.after, p, tt.want)
		}
		if log.n > 12 {
			t.Errorf("after %v: %d reads", tt.after, log.n)
		}
	}
	// A clock that was set back: what is found is where the moment was passed.
	h.clock.Advance(-100 * time.Minute)
	for i := range 50 {
		h.clock.Advance(time.Minute)
		sent = append(sent, h.say("u-ann", room, fmt.Sprint("again ", i)))
	}
	for minute := range 300 {
		at := start.Add(time.Duration(minute) * time.Minute).UnixMilli()
		p, err := h.svc.Messages(h.ctx, "u-ann", room, chat.PageQuery{At: &at, Limit: 2})
		h.ok(err)
		i := len(p.Messages) - 1
		if !p.HasMoreBefore {
			i = 0
		}
		for i > 0 && p.Messages[i].CreatedAt >= at && p.Messages[i-1].CreatedAt >= at {
			i--
		}
		if p.Messages[i].CreatedAt < at && p.HasMoreAfter {
			t.Errorf("minute %d: %d is before it, with more after", minute, p.Messages[i].Seq)
		}
	}
	now := h.clock.Now().UnixMilli()
	p, err := h.svc.Messages(h.ctx, "u-ann", empty, chat.PageQuery{At: &now})
	h.ok(err)
	equal(t, "messages of an empty room", len(p.Messages), 0)
	_, err = h.svc.Messages(h.ctx, "u-eve", room, chat.PageQuery{At: &now})
	h.code(err, chat.Forbidden)
	bad, seq := int64(-1), int64(5)
	_, err = h.svc.Messages(h.ctx, "u-ann", room, chat.PageQuery{At: &bad})
	h.code(err, chat.InvalidRequest)
	_, err = h.svc.Messages(h.ctx, "u-ann", room, chat.PageQuery{At: &now, Before: &seq})
	h.code(err, chat.InvalidRequest)
}
