package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"parley/chat"
)

// newcomerFor is how long one who registered has to sign in for the first time.
const newcomerFor = 30 * 24 * time.Hour

// Pooled implements Provider with passwords and access tokens kept by a Pool. Everything else stays here, as Local has
// it: the accounts that others see, sessions, tickets and invitations, and who may register. An account is made when
// its owner first signs in, so that nobody is seen who never came. It is safe for concurrent use.
//
// A session is the pool's, by its id; the refresh token is ours, and the pool's own is kept encrypted with it, so that
// rotation and the end of a session are the same as with Local.
type Pooled struct {
	*Local
	pool Pool
}

var _ Provider = (*Pooled)(nil)

// NewPooled makes a Pooled of a Local, whose own passwords are not used any more.
func NewPooled(l *Local, pool Pool) *Pooled { return &Pooled{l, pool} }

// registered is what is remembered of a registration until its account is made.
type registered struct {
	DisplayName string `json:"displayName"`
	Email       string `json:"email"`
	ServerName  string `json:"serverName"`
	Invited     bool   `json:"invited,omitempty"`
	RoomID      string `json:"roomId,omitempty"` // of the invitation
}

func registeredKey(userID string) string { return hashToken("registered " + userID) }

// Register implements Provider. An e-mail address is required, for the pool sends codes to it.
func (p *Pooled) Register(ctx context.Context, r Registration) (chat.User, bool, error) {
	n, err := p.newcomer(ctx, r)
	if err != nil {
		return chat.User{}, false, err
	}
	u := n.account.User
	if n.account.Email == "" {
		return u, false, &chat.Error{Code: chat.InvalidRequest, Field: "email", Message: "An e-mail address is needed, for the code that confirms it."}
	}
	password, err := parsePassword(r.Password)
	if err != nil {
		return u, false, err
	}
	v := registered{DisplayName: u.DisplayName, Email: n.account.Email, ServerName: n.serverName}
	if n.invite != nil {
		if err := p.store.UseInvite(ctx, n.invite.TokenHash); err != nil {
			return u, false, err
		}
		v.Invited, v.RoomID = true, n.invite.RoomID
	}
	var confirm bool
	if u.UserID, confirm, err = p.pool.SignUp(ctx, u.Username, n.account.Email, password); err != nil {
		return u, false, err
	}
	value, err := json.Marshal(v)
	if err == nil {
		err = p.store.PutOnce(ctx, registeredKey(u.UserID), string(value), p.now()+newcomerFor.Milliseconds())
	}
	if err != nil { // without it they could never come in, and nobody else could take the name
		return u, false, errors.Join(err, p.pool.Delete(context.WithoutCancel(ctx), u.Username))
	}
	return u, confirm, nil
}

// Confirm implements Provider.
func (p *Pooled) Confirm(ctx context.Context, username, code string) error {
	username, err := chat.ParseUsername(p.names, username)
	if err != nil {
		return errCode()
	}
	return p.pool.Confirm(ctx, username, code)
}

// Forgot implements Provider.
func (p *Pooled) Forgot(ctx context.Context, username string) error {
	username, err := chat.ParseUsername(p.names, username)
	if err != nil {
		return nil // nobody is called that, and nobody is told so
	}
	return p.pool.Forgot(ctx, username)
}

// Reset implements Provider. It ends all sessions of the person.
func (p *Pooled) Reset(ctx context.Context, username, code, password string) error {
	username, err := chat.ParseUsername(p.names, username)
	if err != nil {
		return errCode()
	}
	if err := p.passwords.strong(ctx, password, username, DefaultServerName); err != nil {
		return err
	}
	if password, err = parsePassword(password); err != nil {
		return err
	}
	if err := p.pool.Reset(ctx, username, code, password); err != nil {
		return err
	}
	a, err := p.store.AccountByName(ctx, username)
	if chat.CodeOf(err) == chat.NotFound { // not yet signed in
		return nil
	}
	if err != nil {
		return err
	}
	return p.EndAllSessions(ctx, a.User.UserID)
}

func errCode() error {
	return &chat.Error{Code: chat.InvalidRequest, Field: "code", Message: "This code is not the right one, or not any more."}
}

// Login implements Provider. Forbidden for a right password of somebody who has not confirmed their address.
func (p *Pooled) Login(ctx context.Context, c Credentials, d Device) (Grant, error) {
	username, err := chat.ParseUsername(p.names, c.Username)
	if err != nil {
		username = "" // no account has it, and the answer is that of a wrong password
	}
	attempt, err := p.attempt(ctx, username, d.Address)
	if err != nil {
		return Grant{}, err
	}
	t, err := p.signIn(ctx, username, c.Password)
	if chat.CodeOf(err) != chat.Unauthenticated {
		attempt.refund(ctx)
	}
	if err != nil {
		return Grant{}, err
	}
	a, t, err := p.account(ctx, username, t)
	if err != nil {
		return Grant{}, errors.Join(err, p.pool.Revoke(context.WithoutCancel(ctx), t.Credential))
	}
	if a.Admin {
		p.finishSetUp(ctx, a.User.UserID)
	}
	return p.openSession(ctx, a, d, t.Who.SessionID, t)
}

func (p *Pooled) signIn(ctx context.Context, username, password string) (Tokens, error) {
	password, err := parsePassword(password)
	if err != nil || username == "" {
		return Tokens{}, errWrongPassword()
	}
	t, err := p.pool.SignIn(ctx, username, password)
	if chat.CodeOf(err) == chat.Unauthenticated {
		err = errWrongPassword()
	}
	return t, err
}

// account returns the account that tokens are for, and makes it if this is the first time. Who is an administrator is
// what the pool's tokens say; the first person becomes one, and gets tokens that say so.
func (p *Pooled) account(ctx context.Context, username string, t Tokens) (chat.Account, Tokens, error) {
	who := t.Who
	a, err := p.store.Account(ctx, who.UserID)
	made := chat.CodeOf(err) == chat.NotFound
	if made {
		a, err = p.enter(ctx, who.UserID, username)
	}
	switch {
	case err != nil:
	case a.Disabled:
		err = errWrongPassword()
	case made && a.Admin && !who.Admin:
		if err = p.pool.MakeAdmin(ctx, username); err == nil {
			var next Tokens
			if next, err = p.pool.Renew(ctx, username, t.Credential); err == nil {
				t.Access, t.ExpiresIn = next.Access, next.ExpiresIn
			}
		}
	case a.Admin != who.Admin:
		a.Admin = who.Admin
		err = p.updateAccount(ctx, who.UserID, func(a *chat.Account) { a.Admin = who.Admin })
	}
	return a, t, err
}

// enter makes the account of somebody who signs in for the first time.
func (p *Pooled) enter(ctx context.Context, userID, username string) (chat.Account, error) {
	value, err := p.store.TakeOnce(ctx, registeredKey(userID))
	var v registered
	switch {
	case err == nil:
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			return chat.Account{}, fmt.Errorf("read a registration: %w", err)
		}
	case chat.CodeOf(err) != chat.NotFound:
		return chat.Account{}, err
	default: // another sign-in at the same moment was faster, or the pool has them from elsewhere
		a, err := p.store.Account(ctx, userID)
		if chat.CodeOf(err) != chat.NotFound {
			return a, err
		}
		if p.registration != Open {
			return chat.Account{}, chat.Errorf(chat.Forbidden, "You did not register here, or it was too long ago. Ask the administrator.")
		}
	}
	a, err := p.newAccount(username, v.DisplayName)
	if err != nil {
		return chat.Account{}, err
	}
	a.User.UserID, a.Email = userID, v.Email
	server, err := p.store.Server(ctx)
	if err != nil {
		return chat.Account{}, err
	}
	if server.Name == "" {
		serverName, err := p.parseServerName(v.ServerName)
		if err == nil {
			err = p.createFirst(ctx, a, serverName)
		}
		if !errors.Is(err, chat.ErrExists) {
			a.Admin = true
			return a, err
		}
	}
	if err := p.create(ctx, a, nil); err != nil {
		if b, err := p.store.Account(ctx, userID); err == nil { // made by another sign-in of theirs
			return b, nil
		}
		return chat.Account{}, err
	}
	var invite *chat.Invite
	if v.Invited {
		invite = &chat.Invite{RoomID: v.RoomID}
	}
	p.welcome(ctx, userID, invite)
	return a, nil
}

// Refresh implements Provider.
func (p *Pooled) Refresh(ctx context.Context, refreshToken string, d Device) (Grant, error) {
	return p.refresh(ctx, refreshToken, d, func(ctx context.Context, a *chat.Account, _ *chat.Session, credential string) (Tokens, error) {
		if credential == "" { // another process rotated with a key that this one does not know yet
			return Tokens{}, &chat.Error{Code: chat.Unavailable, Message: "The session is in use. Please try again.", RetryAfter: time.Second}
		}
		t, err := p.pool.Renew(ctx, a.User.Username, credential)
		if chat.CodeOf(err) == chat.Unauthenticated {
			err = errSessionOver()
		}
		return t, err
	})
}

// Logout implements Provider. The session is over here before the pool is told.
func (p *Pooled) Logout(ctx context.Context, refreshToken string) error {
	credential, err := p.logout(ctx, refreshToken)
	if err != nil || credential == "" {
		return err
	}
	return p.pool.Revoke(ctx, credential)
}

// Verify implements Provider. The pool's keys may have to be fetched first.
func (p *Pooled) Verify(accessToken string) (Principal, error) {
	who, err := p.pool.Verify(accessToken)
	if err != nil {
		return Principal{}, err
	}
	if p.ended.has(who.SessionID) {
		return Principal{}, errAccess()
	}
	return who, nil
}

// JWKS returns the public keys that verify access tokens, as a JSON Web Key Set.
func (p *Pooled) JWKS() []byte { return p.pool.JWKS() }

// ChangePassword is as that of Local.
func (p *Pooled) ChangePassword(ctx context.Context, who Principal, current, password string) error {
	_, a, err := p.session(ctx, who.UserID, who.SessionID)
	if err != nil {
		return err
	}
	if err := p.passwords.strong(ctx, password, p.known(ctx, &a)...); err != nil {
		return err
	}
	if password, err = parsePassword(password); err != nil {
		return err
	}
	attempt, err := p.attempt(ctx, a.User.Username, "")
	if err != nil {
		return err
	}
	wrong := &chat.Error{Code: chat.InvalidRequest, Field: "currentPassword", Message: "The present password is wrong."}
	if current, err = parsePassword(current); err != nil {
		return wrong
	}
	err = p.pool.ChangePassword(ctx, a.User.Username, current, password)
	if chat.CodeOf(err) == chat.Unauthenticated {
		return wrong
	}
	attempt.refund(ctx)
	if err != nil {
		return err
	}
	return p.endOthers(ctx, who.UserID, who.SessionID)
}

// CheckPassword is as that of Local.
func (p *Pooled) CheckPassword(ctx context.Context, who Principal, password string) error {
	_, a, err := p.session(ctx, who.UserID, who.SessionID)
	if err != nil {
		return err
	}
	attempt, err := p.attempt(ctx, a.User.Username, "")
	if err != nil {
		return err
	}
	t, err := p.signIn(ctx, a.User.Username, password)
	if chat.CodeOf(err) == chat.Unauthenticated {
		return &chat.Error{Code: chat.InvalidRequest, Field: "password", Message: "The present password is wrong."}
	}
	attempt.refund(ctx)
	if err != nil {
		return err
	}
	return p.pool.Revoke(context.WithoutCancel(ctx), t.Credential)
}

// Leave is as that of Local; the account of the pool goes too, unless username is empty. Nobody else can have it by that
// name: here the name stays taken.
func (p *Pooled) Leave(ctx context.Context, userID, username string) error {
	err := p.Local.Leave(ctx, userID, username)
	if username == "" {
		return err
	}
	return errors.Join(err, p.pool.Delete(ctx, username))
}
