package identity

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"time"

	"parley/chat"
)

// Limits of invitations.
const (
	DefaultInviteFor  = 7 * 24 * time.Hour
	MaxInviteFor      = 90 * 24 * time.Hour
	DefaultInviteUses = 25
	MaxInviteUses     = 1000
	MaxInvites        = 100 // of one person at a time
)

// NewInvite is an invitation to make.
type NewInvite struct {
	RoomID    string        // the room to let people into; empty for the server alone
	MaxUses   int           // 1 to MaxInviteUses, zero means DefaultInviteUses
	ExpiresIn time.Duration // at most MaxInviteFor, zero means DefaultInviteFor
}

// Invite is an invitation, as who made it sees it.
type Invite struct {
	InviteID  string      `json:"inviteId"`
	Token     string      `json:"token,omitempty"` // once, in the answer that makes it
	RoomID    string      `json:"roomId,omitempty"`
	CreatedBy string      `json:"createdBy"`
	CreatedAt chat.Millis `json:"createdAt"`
	ExpiresAt chat.Millis `json:"expiresAt"`
	MaxUses   int         `json:"maxUses"`
	Uses      int         `json:"uses"`
}

// InvitePreview is what an invitation's link shows before it is used.
type InvitePreview struct {
	ServerName string
	Inviter    chat.User
	Room       chat.Room // zero if it is for the server alone
	ExpiresAt  chat.Millis
}

func inviteView(i *chat.Invite) Invite {
	return Invite{i.TokenHash, i.Token, i.RoomID, i.CreatedBy, i.CreatedAt, i.ExpiresAt, i.MaxUses, i.Uses}
}

// CreateInvite makes an invitation into a room, by one of its moderators (into a public room of an open server by any
// member), or to the server, by an administrator.
func (l *Local) CreateInvite(ctx context.Context, p Principal, n NewInvite) (Invite, error) {
	n.MaxUses = cmp.Or(n.MaxUses, DefaultInviteUses)
	n.ExpiresIn = cmp.Or(n.ExpiresIn, DefaultInviteFor)
	if n.MaxUses < 1 || n.MaxUses > MaxInviteUses {
		return Invite{}, &chat.Error{Code: chat.InvalidRequest, Field: "maxUses", Message: "An invitation has 1 to 1000 uses."}
	}
	if n.ExpiresIn < time.Minute || n.ExpiresIn > MaxInviteFor {
		return Invite{}, &chat.Error{Code: chat.InvalidRequest, Field: "expiresIn", Message: "An invitation lasts from a minute to 90 days."}
	}
	if _, _, err := l.session(ctx, p.UserID, p.SessionID); err != nil {
		return Invite{}, err
	}
	if err := l.mayInvite(ctx, p, n.RoomID); err != nil {
		return Invite{}, err
	}
	mine, err := l.Invites(ctx, p.UserID)
	if err != nil {
		return Invite{}, err
	}
	if len(mine) >= MaxInvites {
		return Invite{}, chat.Errorf(chat.Conflict, "You have %d invitations. Delete one first.", MaxInvites)
	}
	token := base64.RawURLEncoding.EncodeToString(newSecret())
	now := l.now()
	i := chat.Invite{TokenHash: hashToken(token), Token: token, RoomID: n.RoomID, CreatedBy: p.UserID,
		CreatedAt: now, ExpiresAt: now + n.ExpiresIn.Milliseconds(), MaxUses: n.MaxUses}
	if err := l.store.CreateInvite(ctx, i); err != nil {
		return Invite{}, err
	}
	return inviteView(&i), nil
}

func (l *Local) mayInvite(ctx context.Context, p Principal, roomID string) error {
	if roomID == "" {
		if !p.Admin {
			return chat.Errorf(chat.Forbidden, "Only administrators invite to the server. Invite into one of your rooms.")
		}
		return nil
	}
	room, err := l.rooms.Room(ctx, p.UserID, roomID)
	if err != nil {
		return err
	}
	if room.Kind == chat.Direct {
		return chat.Errorf(chat.Forbidden, "Nobody can be invited into a direct conversation.")
	}
	if room.Membership == nil {
		return chat.Errorf(chat.Forbidden, "You are not a member of this room.")
	}
	// Where anybody may register, and enter the room, a link gives nothing away.
	if room.Membership.Role == chat.Member && (room.Kind != chat.Public || l.registration != Open) {
		return chat.Errorf(chat.Forbidden, "Only moderators of the room invite people.")
	}
	return nil
}

// Invites returns the invitations that a person made and that still hold, the newest first.
func (l *Local) Invites(ctx context.Context, userID string) ([]Invite, error) {
	all, err := l.store.InvitesBy(ctx, userID)
	if err != nil {
		return nil, err
	}
	now := l.now()
	out := make([]Invite, 0, len(all))
	for _, i := range all {
		if i.ExpiresAt > now {
			out = append(out, inviteView(&i))
		}
	}
	slices.SortFunc(out, func(a, b Invite) int {
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(a.InviteID, b.InviteID))
	})
	return out, nil
}

// InspectInvite shows an invitation to who has its token. NotFound if it does not hold (any more).
func (l *Local) InspectInvite(ctx context.Context, token string) (InvitePreview, error) {
	i, err := l.invite(ctx, token)
	if err != nil {
		return InvitePreview{}, err
	}
	server, err := l.ServerInfo(ctx)
	if err != nil {
		return InvitePreview{}, err
	}
	v := InvitePreview{ServerName: server.Name, ExpiresAt: i.ExpiresAt}
	if i.RoomID != "" {
		rooms, err := l.store.Rooms(ctx, i.RoomID)
		if err != nil {
			return InvitePreview{}, err
		}
		if len(rooms) == 0 {
			return InvitePreview{}, errNoInvite()
		}
		v.Room = rooms[0]
	}
	by, err := l.store.Users(ctx, i.CreatedBy)
	if err != nil {
		return InvitePreview{}, err
	}
	if len(by) > 0 {
		v.Inviter = by[0]
	}
	return v, nil
}

// AcceptInvite lets somebody who has an account into the room of an invitation. Who is in already uses nothing up.
func (l *Local) AcceptInvite(ctx context.Context, userID, token string) (chat.RoomView, error) {
	i, err := l.invite(ctx, token)
	if err != nil {
		return chat.RoomView{}, err
	}
	if i.RoomID == "" {
		return chat.RoomView{}, chat.Errorf(chat.Conflict, "This invitation is for people without an account.")
	}
	if room, err := l.rooms.Room(ctx, userID, i.RoomID); err == nil && room.Joined {
		return room, nil
	}
	if err := l.store.UseInvite(ctx, i.TokenHash); err != nil {
		return chat.RoomView{}, err
	}
	return l.rooms.Admit(ctx, userID, i.RoomID)
}

// DeleteInvite ends an invitation, by who made it or an administrator. NotFound for everybody else.
func (l *Local) DeleteInvite(ctx context.Context, p Principal, inviteID string) error {
	if !isID(inviteID) {
		return errNoInvite()
	}
	i, err := l.store.Invite(ctx, inviteID)
	if err != nil {
		return err
	}
	if i.CreatedBy != p.UserID && !p.Admin {
		return errNoInvite()
	}
	return l.store.DeleteInvite(ctx, inviteID)
}

// invite returns the invitation of a token while it holds: it has not expired, and has a use left.
func (l *Local) invite(ctx context.Context, token string) (*chat.Invite, error) {
	if !isToken(token) {
		return nil, errNoInvite()
	}
	i, err := l.store.Invite(ctx, hashToken(token))
	if chat.CodeOf(err) == chat.NotFound || err == nil && (i.ExpiresAt <= l.now() || i.Uses >= i.MaxUses) {
		return nil, errNoInvite()
	}
	if err != nil {
		return nil, err
	}
	return &i, nil
}

func errNoInvite() error {
	return &chat.Error{Code: chat.NotFound, Field: "inviteToken", Message: "This invitation does not hold any more, or never did."}
}
