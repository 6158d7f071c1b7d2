package httpapi

import (
	"context"
	"net/http"

	"parley/chat"
)

// Rooms is a page of rooms.
type Rooms struct {
	Rooms  []chat.RoomView `json:"rooms"`
	Cursor string          `json:"cursor,omitempty"`
}

// Members is a page of members.
type Members struct {
	Members []chat.MemberView `json:"members"`
	Cursor  string            `json:"cursor,omitempty"`
}

// NewRoom is a room to make.
type NewRoom struct {
	Kind  chat.Kind `json:"kind" doc:"public or private; direct rooms are opened by /direct." example:"public"`
	Name  string    `json:"name" example:"Garden"`
	Topic string    `json:"topic,omitempty" example:"What grows and what does not"`
}

// RoomChange changes what is given.
type RoomChange struct {
	Name  *string `json:"name,omitempty" example:"Garden"`
	Topic *string `json:"topic,omitempty" example:"What grows and what does not"`
}

// RoleChange is what PUT of a member takes.
type RoleChange struct {
	Role chat.Role `json:"role,omitempty" doc:"Without it, a new member is a member and others stay what they are." example:"moderator"`
}

// Direct names the others of a direct room.
type Direct struct {
	UserIDs []string `json:"userIds" doc:"The others; oneself may be among them."`
}

type roomsQuery struct {
	Scope string `query:"scope" enum:"mine,public" default:"mine" doc:"One's own rooms, or those that anybody may join."`
	Query string `query:"query" doc:"Public rooms whose name begins so."`
	Paging
}

func (a *api) roomRoutes() {
	handle(a, route{id: "listRooms", method: http.MethodGet, path: "/rooms", tag: "rooms", summary: "One's own rooms, or public ones",
		about: "One's own come all at once, with unread counts and the newest message; public ones by name, in pages."}, a.listRooms)
	handle(a, route{id: "createRoom", method: http.MethodPost, path: "/rooms", tag: "rooms", summary: "Make a room", status: http.StatusCreated,
		access: counted, refuses: []chat.Code{chat.Conflict}}, a.createRoom)
	handle(a, route{id: "getRoom", method: http.MethodGet, path: "/rooms/{roomId}", tag: "rooms", summary: "One room",
		about: "A room of one's own, or a public one.", refuses: []chat.Code{chat.Forbidden, chat.NotFound}}, a.getRoom)
	handle(a, route{id: "updateRoom", method: http.MethodPatch, path: "/rooms/{roomId}", tag: "rooms", summary: "Change name or topic",
		access: counted, refuses: []chat.Code{chat.Forbidden, chat.NotFound}}, a.updateRoom)
	handle(a, route{id: "deleteRoom", method: http.MethodDelete, path: "/rooms/{roomId}", tag: "rooms", summary: "End a room for all",
		access: counted, refuses: []chat.Code{chat.Forbidden, chat.NotFound}}, a.deleteRoom)
	handle(a, route{id: "joinRoom", method: http.MethodPost, path: "/rooms/{roomId}/join", tag: "rooms", summary: "Enter a public room",
		access: counted, refuses: []chat.Code{chat.Forbidden, chat.NotFound}}, a.joinRoom)
	handle(a, route{id: "leaveRoom", method: http.MethodPost, path: "/rooms/{roomId}/leave", tag: "rooms", summary: "Leave a room",
		access: counted, refuses: []chat.Code{chat.Forbidden, chat.NotFound}}, a.leaveRoom)
	handle(a, route{id: "openDirect", method: http.MethodPost, path: "/direct", tag: "rooms", summary: "Open or find a direct room",
		about: "201 if the room is new, 200 if it was there.", access: counted, refuses: []chat.Code{chat.NotFound}}, a.openDirect)
	handle(a, route{id: "listMembers", method: http.MethodGet, path: "/rooms/{roomId}/members", tag: "rooms", summary: "Members of a room",
		about: "With `query` at most `limit` members whose names begin so, in one answer without a cursor: for completing a name.", refuses: []chat.Code{chat.Forbidden, chat.NotFound}}, a.listMembers)
	handle(a, route{id: "getMember", method: http.MethodGet, path: "/rooms/{roomId}/members/{userId}", tag: "rooms", summary: "One membership",
		refuses: []chat.Code{chat.Forbidden, chat.NotFound}}, a.getMember)
	handle(a, route{id: "setMember", method: http.MethodPut, path: "/rooms/{roomId}/members/{userId}", tag: "rooms", summary: "Add a person or give a role",
		access: counted, refuses: []chat.Code{chat.Forbidden, chat.NotFound}}, a.setMember)
	handle(a, route{id: "removeMember", method: http.MethodDelete, path: "/rooms/{roomId}/members/{userId}", tag: "rooms", summary: "Remove a member",
		access: counted, refuses: []chat.Code{chat.Forbidden, chat.NotFound}}, a.removeMember)
}

func (a *api) listRooms(ctx context.Context, in *roomsQuery) (*out[Rooms], error) {
	var (
		rooms  []chat.RoomView
		cursor string
		err    error
	)
	if in.Scope == "public" {
		rooms, cursor, err = a.Service.PublicRooms(ctx, me(ctx).UserID, in.Query, in.Cursor, limit(in.Limit))
	} else {
		rooms, err = a.Service.MyRooms(ctx, me(ctx).UserID)
	}
	for i := range rooms {
		rooms[i] = view(rooms[i])
	}
	return &out[Rooms]{Rooms{list(rooms), cursor}}, err
}

func (a *api) createRoom(ctx context.Context, in *struct{ Body NewRoom }) (*out[chat.RoomView], error) {
	v, err := a.Service.CreateRoom(ctx, me(ctx).UserID, chat.NewRoom{Kind: in.Body.Kind, Name: in.Body.Name, Topic: in.Body.Topic})
	return &out[chat.RoomView]{view(v)}, err
}

func (a *api) getRoom(ctx context.Context, in *RoomPath) (*out[chat.RoomView], error) {
	v, err := a.Service.Room(ctx, me(ctx).UserID, in.RoomID)
	return &out[chat.RoomView]{view(v)}, err
}

func (a *api) updateRoom(ctx context.Context, in *struct {
	RoomPath
	Body RoomChange
}) (*out[chat.RoomView], error) {
	v, err := a.Service.UpdateRoom(ctx, me(ctx).UserID, in.RoomID, chat.RoomChange{Name: in.Body.Name, Topic: in.Body.Topic})
	return &out[chat.RoomView]{view(v)}, err
}

func (a *api) deleteRoom(ctx context.Context, in *RoomPath) (*none, error) {
	return nil, a.Service.DeleteRoom(ctx, me(ctx).UserID, in.RoomID)
}

func (a *api) joinRoom(ctx context.Context, in *RoomPath) (*out[chat.RoomView], error) {
	v, err := a.Service.Join(ctx, me(ctx).UserID, in.RoomID)
	return &out[chat.RoomView]{view(v)}, err
}

func (a *api) leaveRoom(ctx context.Context, in *RoomPath) (*none, error) {
	return nil, a.Service.Leave(ctx, me(ctx).UserID, in.RoomID)
}

type opened struct {
	Status int
	Body   chat.RoomView
}

func (a *api) openDirect(ctx context.Context, in *struct{ Body Direct }) (*opened, error) {
	v, created, err := a.Service.OpenDirect(ctx, me(ctx).UserID, in.Body.UserIDs)
	if created {
		return &opened{http.StatusCreated, view(v)}, err
	}
	return &opened{http.StatusOK, view(v)}, err
}

func (a *api) listMembers(ctx context.Context, in *struct {
	RoomPath
	Paging
	Query string `query:"query" doc:"The beginning of a word of a username or display name."`
}) (*out[Members], error) {
	if in.Query != "" {
		members, err := a.Service.SearchMembers(ctx, me(ctx).UserID, in.RoomID, in.Query, limit(in.Limit))
		return &out[Members]{Members{list(members), ""}}, err
	}
	members, cursor, err := a.Service.Members(ctx, me(ctx).UserID, in.RoomID, in.Cursor, limit(in.Limit))
	return &out[Members]{Members{list(members), cursor}}, err
}

func (a *api) getMember(ctx context.Context, in *MemberPath) (*out[chat.Membership], error) {
	m, err := a.Service.Member(ctx, me(ctx).UserID, in.RoomID, in.UserID)
	return &out[chat.Membership]{m}, err
}

func (a *api) setMember(ctx context.Context, in *struct {
	MemberPath
	Body *RoleChange
}) (*out[chat.Membership], error) {
	var role chat.Role
	if in.Body != nil {
		role = in.Body.Role
	}
	m, err := a.Service.SetMember(ctx, me(ctx).UserID, in.RoomID, in.UserID, role)
	return &out[chat.Membership]{m}, err
}

func (a *api) removeMember(ctx context.Context, in *MemberPath) (*none, error) {
	return nil, a.Service.RemoveMember(ctx, me(ctx).UserID, in.RoomID, in.UserID)
}
