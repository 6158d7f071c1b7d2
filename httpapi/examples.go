package httpapi

import (
	"net/http"

	"parley/chat"
)

// examples are what the documents show, by the name of the schema.
func examples() map[string]any {
	user := chat.User{UserID: "01JZ5XK3M8T0V2W4Y6A8C0E2G4", Username: "ada", DisplayName: "Ada Lovelace", CreatedAt: 1751700000000}
	room := chat.Room{RoomID: "01JZ5XN7Q9R1S3T5V7W9X1Y3Z5", Kind: chat.Public, Name: "Garden", Topic: "What grows and what does not",
		CreatedBy: user.UserID, CreatedAt: 1751700060000, HeadSeq: 42}
	message := chat.Message{RoomID: room.RoomID, Seq: 42, MessageID: "01JZ5Y3V7N8Q2R4S6T8V0W2X4Y", UserID: user.UserID, Username: user.Username,
		Content: "The peas are up!", CreatedAt: 1751700120000, ClientMessageID: "0f8fad5b-d9cb-469f-a165-70867728950e"}
	whole(&message)
	membership := chat.Membership{RoomID: room.RoomID, UserID: user.UserID, Role: chat.Owner, JoinedAt: 1751700060000, ReadSeq: 41}
	return map[string]any{
		"User":        user,
		"Room":        room,
		"Message":     message,
		"Membership":  membership,
		"RoomView":    chat.RoomView{Room: room, MemberCount: 3, Joined: true, Membership: &membership, Unread: 1, LastMessage: &message},
		"MessagePage": chat.MessagePage{Messages: []chat.Message{message}, HasMoreBefore: true},
		"Unread":      chat.Unread{RoomID: room.RoomID, HeadSeq: 42, ReadSeq: 41, Unread: 1},
		"Client":      chat.Client{UserID: user.UserID, Username: user.Username, Online: true, LastSeen: 1751700120000},
		"SyncBody":    SyncBody{Rooms: map[string]int64{room.RoomID: 41}},
		"Direct":      Direct{UserIDs: []string{user.UserID}},
		"MemberView":  chat.MemberView{User: user, Role: chat.Owner, JoinedAt: 1751700060000, Online: true, LastSeen: 1751700120000},
	}
}

// exampleProblem is a refusal with a code.
func exampleProblem(c chat.Code) Problem {
	status := statusOf(c)
	p := Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: c, RequestID: "5K3WQ4Z2J7H6T"}
	switch c {
	case chat.InvalidRequest:
		p.Field, p.Detail = "content", "A message needs a text."
	case chat.Unauthenticated:
		p.Detail = "Sign in first."
	case chat.Forbidden:
		p.Detail = "You may not do this."
	case chat.NotFound:
		p.Detail = "There is no such thing, or not for you."
	case chat.Conflict:
		p.Field, p.Detail = "username", "This username is taken."
	case chat.TooLarge:
		p.Detail = "The request is too large."
	case chat.RateLimited:
		p.Detail, p.RetryAfterMs = "Too many requests; come again a little later.", 1500
	case chat.Unavailable:
		p.Detail, p.RetryAfterMs = "The server cannot do this now.", 1000
	default:
		p.Detail = "Something went wrong on the server."
	}
	return p
}
