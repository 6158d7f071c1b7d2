package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"parley/chat"
)

// syncBytes bounds the contents of one answer to POST /sync. On a network of 10 KiB/s it arrives before clients give up, after
// half a minute; what they asked for in vain they would ask for again, and never get on.
const syncBytes = 256 << 10

// Messages is a page of one person's messages.
type Messages struct {
	Messages []chat.Message `json:"messages"`
	Cursor   string         `json:"cursor,omitempty"`
}

// MessageBody is a message to send.
type MessageBody struct {
	Content         string         `json:"content" doc:"The text, in Markdown; may be empty with attachments." example:"The peas are up!"`
	ClientMessageID string         `json:"clientMessageId" doc:"Chosen by the client, once for each message: sending again with the same one gives the first result." example:"0f8fad5b-d9cb-469f-a165-70867728950e"`
	ReplyTo         string         `json:"replyTo,omitempty" doc:"The messageId of a message in the same room." example:"01JZ5Y3V7N8Q2R4S6T8V0W2X4Y"`
	Attachments     []chat.FileRef `json:"attachments,omitempty" doc:"Files that were uploaded for this room, at most 10."`
}

// ContentBody is the new text of a message.
type ContentBody struct {
	Content string `json:"content" example:"The peas and beans are up!"`
}

// ReadBody is how far one has read.
type ReadBody struct {
	Seq int64 `json:"seq" doc:"The newest log number that was seen." example:"42"`
}

// Reads tells who has read how far.
type Reads struct {
	Reads []ReadBy `json:"reads"`
}

// ReadBy is how far one person has read.
type ReadBy struct {
	UserID string `json:"userId"`
	Seq    int64  `json:"seq" doc:"The newest log number that they have seen; 0 for nothing."`
}

// UnreadRooms are the counts of all one's rooms.
type UnreadRooms struct {
	Rooms []chat.Unread `json:"rooms"`
}

// SyncBody is what a client has.
type SyncBody struct {
	Rooms map[string]int64 `json:"rooms" doc:"The newest number that the client has of each room's log, by room id."`
}

// WaitBody is what a client has, and how long it waits for more.
type WaitBody struct {
	SyncBody
	Wait         *int   `json:"wait,omitempty" minimum:"0" maximum:"25" doc:"Seconds to wait for something to tell, in place of a socket. Without it, only the rooms are answered."`
	ConnectionID string `json:"connectionId,omitempty" maxLength:"64" doc:"With wait: that of the last answer."`
}

// WaitAnswer is what a client without a socket is told.
type WaitAnswer struct {
	Synced
	Heads        map[string]int64 `json:"heads,omitempty" doc:"With wait: the newest number of the log of each of one's rooms. Those that rooms did not name are to be named next time."`
	ConnectionID string           `json:"connectionId,omitempty" doc:"With wait: who asks again with it goes on where this ends. Another one than was sent means that frames in signals may have been missed."`
	Signals      []Signal         `json:"signals,omitempty" doc:"With wait: what was told and is never stored."`
	RetryAfterMs int64            `json:"retryAfterMs,omitempty" doc:"This server does not wait: ask again after so long."`
}

// maxWait is how long an answer may take.
const maxWait = 25 * time.Second

type pageQuery struct {
	RoomPath
	Before optional[int64] `query:"before" doc:"Messages before this log number."`
	After  optional[int64] `query:"after" doc:"Messages after this log number."`
	Around optional[int64] `query:"around" doc:"Messages on both sides of this log number."`
	At     optional[int64] `query:"at" doc:"Messages around the first one at or after this moment, or the newest if there is none."`
	Limit  optional[int]   `query:"limit" doc:"At most so many, 1 to 100; 50 if it is left out."`
}

func (a *api) messageRoutes() {
	inRoom := []chat.Code{chat.Forbidden, chat.NotFound}
	handle(a, route{id: "listMessages", method: http.MethodGet, path: "/rooms/{roomId}/messages", tag: "messages", summary: "A part of a room's history",
		about: "Messages as they are now, ascending by seq. At most one of before, after, around and at; without any, the newest.", refuses: inRoom}, a.listMessages)
	handle(a, route{id: "sendMessage", method: http.MethodPost, path: "/rooms/{roomId}/messages", tag: "messages", summary: "Send a message",
		about: "The answer means: durable, in the room's order, exactly once.", status: http.StatusCreated, access: counted,
		refuses: append([]chat.Code{chat.Conflict}, inRoom...)}, a.sendMessage)
	handle(a, route{id: "getMessage", method: http.MethodGet, path: "/rooms/{roomId}/messages/{messageId}", tag: "messages",
		summary: "One message as it is now", refuses: inRoom}, a.getMessage)
	handle(a, route{id: "editMessage", method: http.MethodPatch, path: "/rooms/{roomId}/messages/{messageId}", tag: "messages",
		summary: "Edit one's own message", access: counted, refuses: inRoom}, a.editMessage)
	handle(a, route{id: "deleteMessage", method: http.MethodDelete, path: "/rooms/{roomId}/messages/{messageId}", tag: "messages",
		summary: "Delete a message", about: "One's own, or as a moderator anybody's. It keeps its place, without its text.", status: http.StatusOK,
		access: counted, refuses: inRoom}, a.deleteMessage)
	reaction := "/rooms/{roomId}/messages/{messageId}/reactions/{emoji}"
	handle(a, route{id: "addReaction", method: http.MethodPut, path: reaction, tag: "messages", summary: "React to a message",
		about: "Once for each person and emoji; again changes nothing.", access: counted, refuses: append(inRoom, chat.Conflict)}, a.addReaction)
	handle(a, route{id: "removeReaction", method: http.MethodDelete, path: reaction, tag: "messages", summary: "Take a reaction back",
		status: http.StatusOK, access: counted, refuses: inRoom}, a.removeReaction)
	handle(a, route{id: "markRead", method: http.MethodPut, path: "/rooms/{roomId}/read", tag: "messages", summary: "Move one's read marker forward",
		access: counted, refuses: inRoom}, a.markRead)
	handle(a, route{id: "listReads", method: http.MethodGet, path: "/rooms/{roomId}/reads", tag: "messages", summary: "How far the members have read",
		about: "In rooms of at most 20 members. Who has switched read receipts off is left out, and is told of nobody but themselves.", refuses: inRoom}, a.listReads)
	handle(a, route{id: "getUnread", method: http.MethodGet, path: "/unread", tag: "messages", summary: "Unread counts of all one's rooms",
		about: "mentions counts the unread messages that name or answer one, up to 100."}, a.unread)
	handle(a, route{id: "sync", method: http.MethodPost, path: "/sync", tag: "messages", summary: "What was missed",
		about: "For each room the frames that came after the number given, as the socket would have sent them, in order. complete: false without more " +
			"means too far behind, or not a member: drop what is held of the room. more: true means that the answer was cut short: sync again from the last frame. " +
			"With wait, for clients whose network lets no socket through, it is answered as soon as there is something to tell, and names only rooms of which there is. " +
			"Who asks again and again is there, as somebody with a socket is."}, a.sync)
	handle(a, route{id: "typing", method: http.MethodPost, path: "/rooms/{roomId}/typing", tag: "messages", summary: "Tell the others that one is writing",
		access: counted, refuses: inRoom}, a.typing)
}

func (a *api) listMessages(ctx context.Context, in *pageQuery) (*out[chat.MessagePage], error) {
	q := chat.PageQuery{Before: in.Before.pointer(), After: in.After.pointer(), Around: in.Around.pointer(), At: in.At.pointer(), Limit: limit(in.Limit)}
	page, err := a.Service.Messages(ctx, me(ctx).UserID, in.RoomID, q)
	page.Messages = wholes(page.Messages)
	return &out[chat.MessagePage]{page}, err
}

func (a *api) sendMessage(ctx context.Context, in *struct {
	RoomPath
	Body MessageBody
}) (*out[chat.Message], error) {
	m, err := a.Service.Send(ctx, me(ctx).UserID, chat.NewMessage{
		RoomID: in.RoomID, Content: in.Body.Content, ClientMessageID: in.Body.ClientMessageID, ReplyTo: in.Body.ReplyTo, Attachments: in.Body.Attachments,
	})
	return &out[chat.Message]{*whole(&m)}, err
}

func (a *api) getMessage(ctx context.Context, in *MessagePath) (*out[chat.Message], error) {
	m, err := a.Service.Message(ctx, me(ctx).UserID, in.RoomID, in.MessageID)
	return &out[chat.Message]{*whole(&m)}, err
}

func (a *api) editMessage(ctx context.Context, in *struct {
	MessagePath
	Body ContentBody
}) (*out[chat.Message], error) {
	m, err := a.Service.Edit(ctx, me(ctx).UserID, in.RoomID, in.MessageID, in.Body.Content)
	return &out[chat.Message]{*whole(&m)}, err
}

func (a *api) deleteMessage(ctx context.Context, in *MessagePath) (*out[chat.Message], error) {
	m, err := a.Service.Delete(ctx, me(ctx).UserID, in.RoomID, in.MessageID)
	return &out[chat.Message]{*whole(&m)}, err
}

func (a *api) addReaction(ctx context.Context, in *ReactionPath) (*out[chat.Message], error) {
	m, err := a.Service.React(ctx, me(ctx).UserID, in.RoomID, in.MessageID, in.Emoji)
	return &out[chat.Message]{*whole(&m)}, err
}

func (a *api) removeReaction(ctx context.Context, in *ReactionPath) (*out[chat.Message], error) {
	m, err := a.Service.Unreact(ctx, me(ctx).UserID, in.RoomID, in.MessageID, in.Emoji)
	return &out[chat.Message]{*whole(&m)}, err
}

func (a *api) markRead(ctx context.Context, in *struct {
	RoomPath
	Body ReadBody
}) (*none, error) {
	return nil, a.Service.MarkRead(ctx, me(ctx).UserID, in.RoomID, in.Body.Seq)
}

func (a *api) listReads(ctx context.Context, in *RoomPath) (*out[Reads], error) {
	reads, err := a.Service.Reads(ctx, me(ctx).UserID, in.RoomID)
	answer := Reads{make([]ReadBy, len(reads))}
	for i, r := range reads {
		answer.Reads[i] = ReadBy{r.UserID, r.Seq}
	}
	return &out[Reads]{answer}, err
}

func (a *api) unread(ctx context.Context, _ *none) (*out[UnreadRooms], error) {
	rooms, err := a.Service.UnreadCounts(ctx, me(ctx).UserID)
	return &out[UnreadRooms]{UnreadRooms{list(rooms)}}, err
}

func (a *api) sync(ctx context.Context, in *struct{ Body WaitBody }) (*out[WaitAnswer], error) {
	p, wait := me(ctx), time.Duration(0)
	var answer WaitAnswer
	look := func(ctx context.Context) (bool, error) {
		rooms, err := a.Service.Sync(ctx, p.UserID, in.Body.Rooms, syncBytes)
		if in.Body.Wait != nil {
			rooms = slices.DeleteFunc(rooms, func(r chat.RoomSync) bool { return r.Complete && len(r.Events) == 0 && !r.More })
		}
		answer.Synced = synced(rooms)
		return len(rooms) > 0, err
	}
	if in.Body.Wait == nil || a.Await == nil {
		if _, err := look(ctx); err != nil {
			return nil, err
		}
	}
	if in.Body.Wait == nil || a.Await == nil {
		return &out[WaitAnswer]{answer}, nil
	}
	wait = min(time.Duration(*in.Body.Wait)*time.Second, maxWait)
	mail, err := a.Await(ctx, p, in.Body.ConnectionID, wait, look)
	if err != nil {
		return nil, err
	}
	answer.ConnectionID, answer.RetryAfterMs = mail.ConnectionID, mail.Retry.Milliseconds()
	for _, frame := range mail.Signals {
		answer.Signals = append(answer.Signals, frame)
	}
	answer.Heads, err = a.Service.Heads(ctx, p.UserID)
	return &out[WaitAnswer]{answer}, err
}

func (a *api) typing(ctx context.Context, in *RoomPath) (*none, error) {
	return nil, a.Service.Typing(ctx, me(ctx).UserID, in.RoomID)
}
