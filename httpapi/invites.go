package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"parley/chat"
)

// NewInvite is an invitation to make.
type NewInvite struct {
	RoomID    string `json:"roomId,omitempty" doc:"The room that it opens, if any."`
	ExpiresIn int64  `json:"expiresIn,omitempty" doc:"Seconds that it works; without it, a time that the server chooses." example:"604800"`
	MaxUses   int    `json:"maxUses,omitempty" doc:"How many people it lets in; without it, a number that the server chooses." example:"10"`
}

// OwnInvite is an invitation of one's own.
type OwnInvite struct {
	InviteID  string      `json:"inviteId" doc:"Names the invitation, and opens nothing."`
	Token     string      `json:"token,omitempty" doc:"The secret; only in the answer that makes the invitation, for the server keeps none."`
	URL       string      `json:"url,omitempty" doc:"The link to give to somebody; goes with the token."`
	CreatedAt chat.Millis `json:"createdAt"`
	ExpiresAt chat.Millis `json:"expiresAt"`
	RoomID    string      `json:"roomId,omitempty"`
	MaxUses   int         `json:"maxUses"`
	Uses      int         `json:"uses"`
}

// OwnInvites are all invitations of one's own.
type OwnInvites struct {
	Invites []OwnInvite `json:"invites"`
}

// InvitedRoom is what somebody invited may know of a room.
type InvitedRoom struct {
	RoomID string `json:"roomId"`
	Name   string `json:"name"`
	Topic  string `json:"topic"`
}

// InviteView is an invitation as somebody sees it who has the link.
type InviteView struct {
	ServerName string       `json:"serverName"`
	Inviter    chat.User    `json:"inviter"`
	Room       *InvitedRoom `json:"room,omitempty"`
	Valid      bool         `json:"valid" doc:"It can be used now."`
}

// Accepted is the room that an invitation opened, if it was for one.
type Accepted struct {
	Room *chat.RoomView `json:"room,omitempty"`
}

// TokenPath names an invitation.
type TokenPath struct {
	Token string `path:"token" doc:"The secret out of the link."`
}

func (a *api) inviteRoutes() {
	handle(a, route{id: "createInvite", method: http.MethodPost, path: "/invites", tag: "invites", summary: "Make an invitation",
		status: http.StatusCreated, refuses: []chat.Code{chat.Forbidden, chat.NotFound, chat.Conflict}}, a.createInvite)
	handle(a, route{id: "listInvites", method: http.MethodGet, path: "/invites", tag: "invites", summary: "One's own invitations"}, a.listInvites)
	handle(a, route{id: "getInvite", method: http.MethodGet, path: "/invites/{token}", tag: "invites", summary: "What an invitation is for",
		access: open, refuses: []chat.Code{chat.NotFound}}, a.getInvite)
	handle(a, route{id: "acceptInvite", method: http.MethodPost, path: "/invites/{token}/accept", tag: "invites", summary: "Accept an invitation",
		refuses: []chat.Code{chat.Forbidden, chat.NotFound, chat.Conflict}}, a.acceptInvite)
	handle(a, route{id: "deleteInvite", method: http.MethodDelete, path: "/invites/{token}", tag: "invites", summary: "End an invitation",
		about: "Takes the token or the inviteId.", refuses: []chat.Code{chat.NotFound}}, a.deleteInvite)
}

func (a *api) createInvite(ctx context.Context, in *struct{ Body NewInvite }) (*out[OwnInvite], error) {
	const tooLong = int64(1<<63-1) / int64(time.Second)
	i, err := a.Identity.CreateInvite(ctx, me(ctx), in.Body.RoomID, in.Body.MaxUses, time.Duration(min(in.Body.ExpiresIn, tooLong))*time.Second)
	if err != nil {
		return nil, err
	}
	return &out[OwnInvite]{a.ownInvite(ctx, i)}, nil
}

func (a *api) ownInvite(ctx context.Context, i Invite) OwnInvite {
	o := OwnInvite{
		InviteID: i.InviteID, Token: i.Token, CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt, RoomID: i.RoomID, MaxUses: i.MaxUses, Uses: i.Uses,
	}
	if i.Token != "" {
		o.URL = a.publicURL(ctx).JoinPath("invite", i.Token).String()
	}
	return o
}

func (a *api) listInvites(ctx context.Context, _ *none) (*out[OwnInvites], error) {
	invites, err := a.Identity.Invites(ctx, me(ctx).UserID)
	if err != nil {
		return nil, err
	}
	answer := OwnInvites{make([]OwnInvite, len(invites))}
	for n, i := range invites {
		answer.Invites[n] = a.ownInvite(ctx, i)
	}
	return &out[OwnInvites]{answer}, nil
}

func (a *api) getInvite(ctx context.Context, in *TokenPath) (*out[InviteView], error) {
	p, err := a.Identity.InspectInvite(ctx, in.Token)
	if err != nil {
		return nil, err
	}
	v := InviteView{ServerName: p.ServerName, Inviter: p.Inviter, Valid: true}
	if p.Room.RoomID != "" {
		v.Room = &InvitedRoom{p.Room.RoomID, p.Room.Name, p.Room.Topic}
	}
	return &out[InviteView]{v}, nil
}

func (a *api) acceptInvite(ctx context.Context, in *TokenPath) (*out[Accepted], error) {
	room, err := a.Identity.AcceptInvite(ctx, me(ctx).UserID, in.Token)
	if err != nil {
		return nil, err
	}
	room = view(room)
	return &out[Accepted]{Accepted{&room}}, nil
}

func (a *api) deleteInvite(ctx context.Context, in *TokenPath) (*none, error) {
	id := in.Token
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != sha256.Size {
		sum := sha256.Sum256([]byte(id)) // see chat.Invite
		id = hex.EncodeToString(sum[:])
	}
	return nil, a.Identity.DeleteInvite(ctx, me(ctx), id)
}
