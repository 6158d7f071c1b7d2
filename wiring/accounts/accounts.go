// Package accounts fits the accounts of package identity to what the edges ask of them.
package accounts

import (
	"context"
	"errors"
	"path"
	"time"

	"parley/chat"
	"parley/httpapi"
	"parley/identity"
)

// Keeper is who keeps passwords and signs access tokens: *identity.Local itself, or *identity.Pooled.
type Keeper interface {
	identity.Provider
	JWKS() []byte
	ChangePassword(ctx context.Context, p identity.Principal, current, password string) error
	CheckPassword(ctx context.Context, p identity.Principal, password string) error
	Leave(ctx context.Context, userID, username string) error
}

// Accounts are accounts as the edges want to see them.
type Accounts struct {
	*identity.Local
	keeper Keeper
}

var _ httpapi.Identity = Accounts{}

// New makes Accounts of a Local, and who keeps passwords for it.
func New(l *identity.Local, k Keeper) Accounts { return Accounts{l, k} }

// Authenticate says who opens a socket, by a ticket or an access token; the session behind a token is looked up, since
// the socket outlives the token.
func (a Accounts) Authenticate(ctx context.Context, ticket, bearer string) (identity.Principal, error) {
	if ticket != "" {
		return a.RedeemTicket(ctx, ticket)
	}
	p, err := a.keeper.Verify(bearer)
	if err != nil {
		return p, err
	}
	return a.CheckSession(ctx, p)
}

// ServerInfo implements httpapi.Identity.
func (a Accounts) ServerInfo(ctx context.Context) (httpapi.ServerInfo, error) {
	i, err := a.Local.ServerInfo(ctx)
	return httpapi.ServerInfo{Name: i.Name, Registration: string(i.Registration), Empty: i.Empty}, err
}

// Verify implements httpapi.Identity.
func (a Accounts) Verify(accessToken string) (httpapi.Principal, error) {
	p, err := a.keeper.Verify(accessToken)
	return httpapi.Principal(p), err
}

// Register implements httpapi.Identity.
func (a Accounts) Register(ctx context.Context, r httpapi.Registration) (chat.User, bool, error) {
	return a.keeper.Register(ctx, identity.Registration(r))
}

// Login implements httpapi.Identity.
func (a Accounts) Login(ctx context.Context, username, password string, d httpapi.Device) (httpapi.Grant, error) {
	g, err := a.keeper.Login(ctx, identity.Credentials{Username: username, Password: password}, identity.Device(d))
	return httpapi.Grant(g), err
}

// Refresh implements httpapi.Identity.
func (a Accounts) Refresh(ctx context.Context, refreshToken string, d httpapi.Device) (httpapi.Grant, error) {
	g, err := a.keeper.Refresh(ctx, refreshToken, identity.Device(d))
	return httpapi.Grant(g), err
}

// ChangePassword implements httpapi.Identity.
func (a Accounts) ChangePassword(ctx context.Context, p httpapi.Principal, current, password string) error {
	return a.keeper.ChangePassword(ctx, identity.Principal(p), current, password)
}

// CheckPassword implements httpapi.Identity.
func (a Accounts) CheckPassword(ctx context.Context, p httpapi.Principal, password string) error {
	return a.keeper.CheckPassword(ctx, identity.Principal(p), password)
}

// Pictures are those of people, by name: *files.Avatars.
type Pictures interface {
	Delete(ctx context.Context, name string) error
}

// Forget removes what is kept here of an account that is being erased, and its picture; see chat.Config.
func (a Accounts) Forget(ctx context.Context, e chat.Erasure, pictures Pictures) error {
	return errors.Join(a.keeper.Leave(ctx, e.UserID, e.Username), pictures.Delete(ctx, path.Base(e.AvatarURL)))
}

// Sessions implements httpapi.Identity.
func (a Accounts) Sessions(ctx context.Context, userID string) ([]httpapi.Session, error) {
	all, err := a.Local.Sessions(ctx, userID)
	out := make([]httpapi.Session, len(all))
	for i := range all {
		out[i] = httpapi.Session(all[i])
	}
	return out, err
}

// IssueTicket implements httpapi.Identity.
func (a Accounts) IssueTicket(ctx context.Context, p httpapi.Principal) (string, time.Duration, error) {
	t, err := a.Local.IssueTicket(ctx, identity.Principal(p))
	return t.Ticket, t.ExpiresIn, err
}

// CreateInvite implements httpapi.Identity.
func (a Accounts) CreateInvite(ctx context.Context, p httpapi.Principal, roomID string, maxUses int, expiresIn time.Duration) (httpapi.Invite, error) {
	i, err := a.Local.CreateInvite(ctx, identity.Principal(p), identity.NewInvite{RoomID: roomID, MaxUses: maxUses, ExpiresIn: expiresIn})
	return httpapi.Invite(i), err
}

// Invites implements httpapi.Identity.
func (a Accounts) Invites(ctx context.Context, userID string) ([]httpapi.Invite, error) {
	all, err := a.Local.Invites(ctx, userID)
	out := make([]httpapi.Invite, len(all))
	for i := range all {
		out[i] = httpapi.Invite(all[i])
	}
	return out, err
}

// InspectInvite implements httpapi.Identity.
func (a Accounts) InspectInvite(ctx context.Context, token string) (httpapi.InvitePreview, error) {
	p, err := a.Local.InspectInvite(ctx, token)
	return httpapi.InvitePreview(p), err
}

// DeleteInvite implements httpapi.Identity.
func (a Accounts) DeleteInvite(ctx context.Context, p httpapi.Principal, inviteID string) error {
	return a.Local.DeleteInvite(ctx, identity.Principal(p), inviteID)
}

// JWKS implements httpapi.Identity.
func (a Accounts) JWKS() []byte { return a.keeper.JWKS() }

// Confirm implements httpapi.Identity.
func (a Accounts) Confirm(ctx context.Context, username, code string) error {
	return a.keeper.Confirm(ctx, username, code)
}

// Forgot implements httpapi.Identity.
func (a Accounts) Forgot(ctx context.Context, username string) error {
	return a.keeper.Forgot(ctx, username)
}

// Reset implements httpapi.Identity.
func (a Accounts) Reset(ctx context.Context, username, code, password string) error {
	return a.keeper.Reset(ctx, username, code, password)
}

// Logout implements httpapi.Identity.
func (a Accounts) Logout(ctx context.Context, refreshToken string) error {
	return a.keeper.Logout(ctx, refreshToken)
}
