package httpapi

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"parley/chat"
	"parley/protocol"
)

// The types here are what stands in "data" of the socket's frames, which package protocol writes and reads by hand. The
// documents are made of them, and a test holds every golden frame of that package against the documents.

// MessageData is in newMessage and messageUpdated.
type MessageData struct {
	Message chat.Message `json:"message"`
}

// AckData is in ack: the message that is durable now; nothing for markRead.
type AckData struct {
	Message *chat.Message `json:"message,omitempty"`
}

// HistoryData is in messageHistory.
type HistoryData struct {
	RoomID        string         `json:"roomId"`
	Messages      []chat.Message `json:"messages"`
	HasMoreBefore bool           `json:"hasMoreBefore"`
	HasMoreAfter  bool           `json:"hasMoreAfter"`
}

// ClientsData is in clients.
type ClientsData struct {
	Clients []chat.Client `json:"clients"`
	More    bool          `json:"more,omitempty" doc:"Not all fit into the frame; GET /presence has them all."`
}

// Synced is in synced, and answers POST /sync.
type Synced struct {
	Rooms []SyncedRoom `json:"rooms"`
	More  bool         `json:"more,omitempty" doc:"Some rooms did not fit: sync them again."`
}

// SyncedRoom is what was missed of one room.
type SyncedRoom struct {
	RoomID   string  `json:"roomId"`
	HeadSeq  int64   `json:"headSeq"`
	Events   []Frame `json:"events"`
	Complete bool    `json:"complete" doc:"False: too far behind, or not a member (any more). Drop what is held of the room and page through history."`
	More     bool    `json:"more,omitempty" doc:"The answer was cut short: sync again from the last event."`
}

// PongData is in pong.
type PongData struct {
	Rooms map[string]int64 `json:"rooms" doc:"The newest number of the log of each of one's rooms, by room id."`
}

// ErrorData is in error.
type ErrorData struct {
	Code         chat.Code `json:"code"`
	Message      string    `json:"message"`
	Field        string    `json:"field,omitempty"`
	RetryAfterMs int64     `json:"retryAfterMs,omitempty"`
}

// GetMessagesData asks for a part of a room's history.
type GetMessagesData struct {
	RoomID string `json:"roomId"`
	Before *int64 `json:"before,omitempty"`
	After  *int64 `json:"after,omitempty"`
	Around *int64 `json:"around,omitempty"`
	Limit  int    `json:"limit,omitempty" doc:"1 to 100; 50 if it is left out."`
}

// GetClientsData asks who is there.
type GetClientsData struct {
	RoomID string `json:"roomId,omitempty" doc:"Without it: all with whom one shares a room."`
}

// TypingData says where one is writing.
type TypingData struct {
	RoomID string `json:"roomId"`
}

// MarkReadData says how far one has read.
type MarkReadData struct {
	RoomID string `json:"roomId"`
	Seq    int64  `json:"seq"`
}

// Nothing is in ping.
type Nothing struct{}

// frame is one kind of frame from the server.
type frame struct {
	name  string
	data  reflect.Type
	about string
	comes frameKind
}

// frameKind says when a frame comes.
type frameKind int

const (
	asked  frameKind = iota // it answers a request
	logged                  // it takes a number of the room's log, and comes again by sync
	told                    // it is never stored
)

func frames() []frame {
	return []frame{
		{"ack", reflect.TypeFor[AckData](), "Answers sendMessage (the message is durable) and markRead.", asked},
		{"messageHistory", reflect.TypeFor[HistoryData](), "Answers getMessages: ascending by seq.", asked},
		{"clients", reflect.TypeFor[ClientsData](), "Answers getClients.", asked},
		{"synced", reflect.TypeFor[Synced](), "Answers sync.", asked},
		{"pong", reflect.TypeFor[PongData](), "Answers ping, and shows any gap.", asked},
		{"error", reflect.TypeFor[ErrorData](), "Answers any request that is refused.", asked},
		{"newMessage", reflect.TypeFor[MessageData](), "Somebody sent a message. The sending connection gets the ack in its place.", logged},
		{"messageUpdated", reflect.TypeFor[MessageData](), "A message was edited, deleted or reacted to; updatedSeq is the log number.", logged},
		{"room", reflect.TypeFor[chat.RoomEvent](), "A room or its members changed.", logged},
		{"presence", reflect.TypeFor[chat.Presence](), "Somebody came or went. Never stored.", told},
		{"typing", reflect.TypeFor[chat.Typing](), "Somebody is writing. Never stored.", told},
		{"read", reflect.TypeFor[chat.Read](), "Somebody has read so far. Never stored.", told},
		{"notification", reflect.TypeFor[chat.Notification](), "A message mentions one, answers one or is in a direct room, and one's level for the room lets it. " +
			"It comes besides newMessage, and is never stored: GET /notifications has what was missed.", told},
	}
}

// action is one kind of frame from the client.
type action struct {
	name   protocol.Action
	data   reflect.Type
	answer string // the name of a frame; empty is none
	about  string
}

func actions() []action {
	return []action{
		{protocol.SendMessage, reflect.TypeFor[chat.NewMessage](), "ack", "Send a message. Sending again with the same clientMessageId gives the first result."},
		{protocol.GetMessages, reflect.TypeFor[GetMessagesData](), "messageHistory", "Read a part of a room's history; at most one of before, after and around."},
		{protocol.GetClients, reflect.TypeFor[GetClientsData](), "clients", "Ask who is there."},
		{protocol.Sync, reflect.TypeFor[SyncBody](), "synced", "Ask for what was missed."},
		{protocol.Typing, reflect.TypeFor[TypingData](), "", "Tell the others of a room that one is writing."},
		{protocol.MarkRead, reflect.TypeFor[MarkReadData](), "ack", "Move one's read marker forward."},
		{protocol.Ping, reflect.TypeFor[Nothing](), "pong", "Keep the connection."},
	}
}

// closeCodes are all ways in which the server ends a connection.
func closeCodes() []protocol.CloseCode {
	return []protocol.CloseCode{
		protocol.CloseRestarting, protocol.CloseBadFrame, protocol.CloseUnauthenticated, protocol.CloseRemoved, protocol.CloseTooSlow, protocol.CloseTooMany,
	}
}

// schema describes a whole frame from the server.
func (f frame) schema(r huma.Registry) *huma.Schema {
	s := object(map[string]*huma.Schema{
		"type":      {Type: huma.TypeString, Enum: []any{f.name}},
		"requestId": {Type: huma.TypeString, Description: "The one of the request that this answers."},
		"data":      r.Schema(f.data, true, ""),
	}, "type", "data")
	if f.comes == logged {
		delete(s.Properties, "requestId")
	}
	return s
}

// schema describes a whole frame from the client.
func (a action) schema(r huma.Registry) *huma.Schema {
	return object(map[string]*huma.Schema{
		"action":    {Type: huma.TypeString, Enum: []any{string(a.name)}},
		"requestId": {Type: huma.TypeString, Description: "Any string of at most 128 bytes; comes back in the answer."},
		"data":      r.Schema(a.data, true, ""),
	}, "action")
}

func object(properties map[string]*huma.Schema, required ...string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Properties: properties, Required: required, AdditionalProperties: true}
}

// Frame is one frame as the socket sends it, already encoded.
type Frame []byte

// MarshalJSON returns the frame.
func (f Frame) MarshalJSON() ([]byte, error) { return f, nil }

// Schema describes the frames that come by sync.
func (Frame) Schema(r huma.Registry) *huma.Schema {
	s := &huma.Schema{}
	for _, f := range frames() {
		if f.comes == logged {
			s.OneOf = append(s.OneOf, f.schema(r))
		}
	}
	return s
}

// Signal is one frame that is never stored, already encoded.
type Signal []byte

// MarshalJSON returns the frame.
func (s Signal) MarshalJSON() ([]byte, error) { return s, nil }

// Schema describes the frames that a client without a socket is told.
func (Signal) Schema(r huma.Registry) *huma.Schema {
	s := &huma.Schema{}
	for _, f := range frames() {
		if f.comes == told {
			s.OneOf = append(s.OneOf, f.schema(r))
		}
	}
	return s
}

// synced is the answer to a sync.
func synced(rooms []chat.RoomSync) Synced {
	s := Synced{Rooms: make([]SyncedRoom, len(rooms))}
	for i, r := range rooms {
		events := make([]Frame, len(r.Events))
		for j := range r.Events {
			events[j] = protocol.AppendEvent(nil, &r.Events[j])
		}
		s.Rooms[i] = SyncedRoom{RoomID: r.RoomID, HeadSeq: r.HeadSeq, Events: events, Complete: r.Complete, More: r.More}
	}
	return s
}
