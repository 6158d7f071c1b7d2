package httpapi

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"parley/chat"
)

// optional is a parameter that may be left out, which differs from zero.
type optional[T any] struct {
	value T
	set   bool
}

// Schema describes the value.
func (optional[T]) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[T]())
}

// Receiver tells huma where the value goes.
func (o *optional[T]) Receiver() reflect.Value { return reflect.ValueOf(&o.value).Elem() }

// OnParamSet is told by huma whether there was one.
func (o *optional[T]) OnParamSet(set bool, _ any) { o.set = set }

// pointer is nil where the parameter was left out.
func (o *optional[T]) pointer() *T {
	if !o.set {
		return nil
	}
	return &o.value
}

// out is an answer of one thing.
type out[T any] struct{ Body T }

// none is an answer, or a request, of nothing.
type none struct{}

// RoomPath names a room. It and its like are exported because huma does not look into others.
type RoomPath struct {
	RoomID string `path:"roomId" doc:"The room."`
}

// MemberPath names a person in a room.
type MemberPath struct {
	RoomID string `path:"roomId" doc:"The room."`
	UserID string `path:"userId" doc:"The person."`
}

// MessagePath names a message.
type MessagePath struct {
	RoomID    string `path:"roomId" doc:"The room."`
	MessageID string `path:"messageId" doc:"The message."`
}

// ReactionPath names an emoji of a message.
type ReactionPath struct {
	MessagePath
	Emoji string `path:"emoji" doc:"Exactly one emoji." example:"👍"`
}

// Paging is a place in a list.
type Paging struct {
	Cursor string        `query:"cursor" doc:"The cursor of the answer before; without it, the list begins."`
	Limit  optional[int] `query:"limit" doc:"At most so many, 1 to 100; 50 if it is left out."`
}

// limit is what to tell the core of a limit that may have been left out.
func limit(o optional[int]) int {
	if !o.set {
		return 0
	}
	return chat.AskedLimit(o.value)
}

// wholes makes messages of the core ready for the wire.
func wholes(messages []chat.Message) []chat.Message {
	for i := range messages {
		whole(&messages[i])
	}
	return list(messages)
}

// whole makes a message of the core ready for the wire, where lists are never null.
func whole(m *chat.Message) *chat.Message {
	if m == nil {
		return nil
	}
	m.Attachments, m.Mentions = list(m.Attachments), list(m.Mentions)
	return m
}

// view makes a room of the core ready for the wire.
func view(v chat.RoomView) chat.RoomView {
	v.LastMessage = whole(v.LastMessage)
	return v
}

// list is s, or an empty list in the place of nil.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
