package httpapi

import (
	"context"
	"net/http"

	"parley/chat"
)

// Users is a page of people.
type Users struct {
	Users  []chat.User `json:"users"`
	Cursor string      `json:"cursor,omitempty"`
}

// Clients tells who is there.
type Clients struct {
	Clients []chat.Client `json:"clients"`
}

// UserPath names a person.
type UserPath struct {
	UserID string `path:"userId" doc:"The person."`
}

func (a *api) peopleRoutes() {
	handle(a, route{id: "listUsers", method: http.MethodGet, path: "/users", tag: "people", summary: "Find people"}, a.listUsers)
	handle(a, route{id: "getUser", method: http.MethodGet, path: "/users/{userId}", tag: "people", summary: "One person",
		refuses: []chat.Code{chat.NotFound}}, a.getUser)
	handle(a, route{id: "listUserMessages", method: http.MethodGet, path: "/users/{userId}/messages", tag: "people", summary: "Messages of one person",
		about: "Newest first, out of the rooms that one may read.", refuses: []chat.Code{chat.NotFound}}, a.listUserMessages)
	handle(a, route{id: "listPresence", method: http.MethodGet, path: "/presence", tag: "people", summary: "Who is there",
		access: counted, refuses: []chat.Code{chat.Forbidden, chat.NotFound}}, a.listPresence)
}

func (a *api) listUsers(ctx context.Context, in *struct {
	Query string `query:"query" doc:"The beginning of a word of a username or display name."`
	Paging
}) (*out[Users], error) {
	users, cursor, err := a.Service.SearchUsers(ctx, in.Query, in.Cursor, limit(in.Limit))
	return &out[Users]{Users{list(users), cursor}}, err
}

func (a *api) getUser(ctx context.Context, in *UserPath) (*out[chat.User], error) {
	u, err := a.Service.User(ctx, in.UserID)
	return &out[chat.User]{u}, err
}

func (a *api) listUserMessages(ctx context.Context, in *struct {
	UserPath
	Paging
}) (*out[Messages], error) {
	messages, cursor, err := a.Service.UserMessages(ctx, me(ctx).UserID, in.UserID, in.Cursor, limit(in.Limit))
	return &out[Messages]{Messages{wholes(messages), cursor}}, err
}

func (a *api) listPresence(ctx context.Context, in *struct {
	RoomID string `query:"roomId" doc:"The members of this room; without it, all with whom one shares a room."`
}) (*out[Clients], error) {
	clients, err := a.Service.Clients(ctx, me(ctx).UserID, in.RoomID)
	return &out[Clients]{Clients{list(clients)}}, err
}
