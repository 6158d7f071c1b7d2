// Package identity says who somebody is: accounts, sign-ins and the tokens that stand for them.
//
// A person signs in with a username and a password and gets a Grant: an access token, a signed JWT that any part of
// Parley verifies without asking the store, and a refresh token, an opaque secret that gets the next Grant and changes
// each time. Local keeps accounts of its own; Pooled leaves passwords and the signing to a Pool, such as Amazon Cognito.
package identity

import (
	"context"
	"time"

	"parley/chat"
)

// Provider is what the edges need of a keeper of accounts. Errors are *chat.Error, with the codes named; any method may
// also answer RateLimited and Unavailable. It is safe for concurrent use.
type Provider interface {
	// Register makes an account; confirmationRequired says that a code was sent which Confirm wants. InvalidRequest for
	// a field (a weak password too), Conflict for a taken name, Forbidden if the server does not take newcomers.
	Register(ctx context.Context, r Registration) (u chat.User, confirmationRequired bool, err error)
	// Confirm ends a registration with the code that was sent. NotFound where no codes are used.
	Confirm(ctx context.Context, username, code string) error
	// Forgot sends a code for Reset. NotFound where no codes are used, never because there is no such account.
	Forgot(ctx context.Context, username string) error
	// Reset sets a new password by the code that Forgot sent. NotFound where no codes are used.
	Reset(ctx context.Context, username, code, password string) error
	// Login starts a session. Unauthenticated, in the same words and at the same cost, for an unknown name, a wrong
	// password and a disabled account. Forbidden, after a right password, for who must confirm first.
	Login(ctx context.Context, c Credentials, d Device) (Grant, error)
	// Refresh gives the next Grant for a refresh token. Unauthenticated if the session is over; a token that was
	// replaced earlier ends the session.
	Refresh(ctx context.Context, refreshToken string, d Device) (Grant, error)
	// Logout ends the session of a refresh token; one that is over already is no error.
	Logout(ctx context.Context, refreshToken string) error
	// Verify says whom an access token stands for, without asking the store. Unauthenticated if it is not valid.
	Verify(accessToken string) (Principal, error)
}

// Registration is what somebody fills in to get an account.
type Registration struct {
	Username    string
	Email       string
	Password    string
	DisplayName string // empty means the username
	ServerName  string // looked at in the first registration only; empty means DefaultServerName
	InviteToken string // where the server or the link wants one
	Address     string // of the asker, for the rate limit; empty means not limited
}

// Credentials are what a person signs in with.
type Credentials struct {
	Username string
	Password string
}

// Device is where a sign-in comes from.
type Device struct {
	UserAgent string
	Address   string // IP address; empty means not limited by address
	Browser   bool   // its tabs share one refresh token, in a cookie
}

// Grant is what a sign-in gives.
type Grant struct {
	AccessToken string
	ExpiresIn   time.Duration // of the access token
	// RefreshToken replaces the one presented. Empty means: keep the one you have.
	RefreshToken   string
	RefreshExpires time.Time
	User           chat.User
}

// Principal is somebody whose identity was proven.
type Principal struct {
	UserID    string
	SessionID string
	Admin     bool
	ExpiresAt time.Time // until when the proof holds: the access token's end, or after a ticket the session's
}
