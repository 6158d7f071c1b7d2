package identity

import (
	"context"
	"errors"

	"parley/chat"
)

// NewUser is a person whom the operator adds.
type NewUser struct {
	Username    string
	Email       string // may be empty
	Password    string
	DisplayName string // empty means the username
	Admin       bool
}

// AccountInfo is a person as the operator sees them.
type AccountInfo struct {
	chat.User
	Email    string `json:"email"`
	Admin    bool   `json:"admin"`
	Disabled bool   `json:"disabled"`
}

// AddUser makes an account whatever the registration mode is. The first one is an administrator.
func (l *Local) AddUser(ctx context.Context, n NewUser) (AccountInfo, error) {
	a, err := l.newAccount(n.Username, n.DisplayName)
	if err != nil {
		return AccountInfo{}, err
	}
	a.Admin = n.Admin
	if a.Email, err = parseEmail(n.Email); err != nil {
		return AccountInfo{}, err
	}
	if err := l.mayTake(ctx, &a, Registration{Password: n.Password}); err != nil {
		return AccountInfo{}, err
	}
	if a.PasswordHash, err = l.passwords.hash(ctx, n.Password); err != nil {
		return AccountInfo{}, err
	}
	server, err := l.store.Server(ctx)
	if err != nil {
		return AccountInfo{}, err
	}
	if server.Name == "" {
		err := l.createFirst(ctx, a, DefaultServerName)
		if !errors.Is(err, chat.ErrExists) {
			a.Admin = true
			return accountInfo(&a), err
		}
	}
	if err := l.create(ctx, a, nil); err != nil {
		return AccountInfo{}, err
	}
	if l.rooms != nil {
		l.welcome(ctx, a.User.UserID, nil)
	}
	return accountInfo(&a), nil
}

func accountInfo(a *chat.Account) AccountInfo {
	return AccountInfo{User: a.User, Email: a.Email, Admin: a.Admin, Disabled: a.Disabled}
}

// ListUsers returns all accounts by username, and a cursor for more (empty at the end).
func (l *Local) ListUsers(ctx context.Context, cursor string, limit int) ([]AccountInfo, string, error) {
	users, next, err := l.store.SearchUsers(ctx, "", cursor, limit)
	if err != nil {
		return nil, "", err
	}
	out := make([]AccountInfo, len(users))
	for i, u := range users {
		a, err := l.store.Account(ctx, u.UserID)
		if err != nil {
			return nil, "", err
		}
		out[i] = accountInfo(&a)
	}
	return out, next, nil
}

// Disable keeps a person from signing in, and ends their sessions.
func (l *Local) Disable(ctx context.Context, username string) error {
	a, err := l.byName(ctx, username)
	if err != nil {
		return err
	}
	if err := l.updateAccount(ctx, a.User.UserID, func(a *chat.Account) { a.Disabled = true }); err != nil {
		return err
	}
	return l.EndAllSessions(ctx, a.User.UserID)
}

// Enable lets a disabled person sign in again.
func (l *Local) Enable(ctx context.Context, username string) error {
	a, err := l.byName(ctx, username)
	if err != nil {
		return err
	}
	return l.updateAccount(ctx, a.User.UserID, func(a *chat.Account) { a.Disabled = false })
}

// ResetPassword sets a person's password and ends their sessions. An empty password means one made up here; the one in
// force is returned.
func (l *Local) ResetPassword(ctx context.Context, username, password string) (string, error) {
	a, err := l.byName(ctx, username)
	if err != nil {
		return "", err
	}
	if password == "" {
		password = newID()
	}
	if err := l.setPassword(ctx, a, password); err != nil {
		return "", err
	}
	return password, l.EndAllSessions(ctx, a.User.UserID)
}

func (l *Local) byName(ctx context.Context, username string) (chat.Account, error) {
	username, err := chat.ParseUsername(l.names, username)
	if err != nil {
		return chat.Account{}, err
	}
	return l.store.AccountByName(ctx, username)
}
