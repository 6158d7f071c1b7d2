// Package admin is how an operator reaches a Parley: accounts, rooms, export and backup. A running server answers on a
// socket in its data folder, which only its own user can open; without one, the program opens the data itself. Both are
// the same Operations.
package admin

import (
	"context"
	"io"

	"parley/chat"
)

// Account is a person as the operator sees them.
type Account struct {
	chat.User
	Email    string `json:"email,omitempty"`
	Admin    bool   `json:"admin"`
	Disabled bool   `json:"disabled"`
}

// NewAccount is a person whom the operator adds.
type NewAccount struct {
	Username    string `json:"username"`
	Email       string `json:"email,omitempty"`
	Password    string `json:"password"`
	DisplayName string `json:"displayName,omitempty"` // empty means the username
	Admin       bool   `json:"admin,omitempty"`
}

// Room is a room as the operator sees it.
type Room struct {
	chat.Room
	Members  int   `json:"members"`
	Messages int64 `json:"messages"`
}

// Operations are what an operator can do. Refusals are *chat.Error. Safe for concurrent use.
type Operations interface {
	// AddUser makes an account whatever the registration mode is.
	AddUser(ctx context.Context, n NewAccount) (Account, error)
	// Users returns all accounts by username, and a cursor for more (empty at the end).
	Users(ctx context.Context, cursor string) ([]Account, string, error)
	// SetDisabled keeps a person from signing in and ends their sessions, or lets them in again.
	SetDisabled(ctx context.Context, username string, disabled bool) error
	// ResetPassword sets a password, one made up for an empty one, ends the person's sessions, and returns it.
	ResetPassword(ctx context.Context, username, password string) (string, error)
	// Rooms returns rooms of every kind, and a cursor for more (empty at the end).
	Rooms(ctx context.Context, cursor string) ([]Room, string, error)
	// Export writes everything as it is now to w, in the format of package transfer.
	Export(ctx context.Context, w io.Writer) error
	// Backup makes a copy of all data as it is now in dir, an absolute path that does not exist. The copy is a data
	// folder that can be served.
	Backup(ctx context.Context, dir string) error
}
