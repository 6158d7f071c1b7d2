package identity

import (
	"context"
	"time"
)

// Pool keeps passwords and signs access tokens in place of Local: a user pool elsewhere. Errors are *chat.Error, with
// the codes named; any method may also answer RateLimited and Unavailable. Names and passwords come checked and
// normalised. No answer says whether an account exists, but that of SignUp. It is safe for concurrent use.
type Pool interface {
	// SignUp makes an account and says under which id; confirm says that a code was sent. Conflict for a taken name,
	// InvalidRequest for an address or password that the pool does not take.
	SignUp(ctx context.Context, username, email, password string) (userID string, confirm bool, err error)
	// Confirm ends a registration with the code that was sent. InvalidRequest if it is not the one.
	Confirm(ctx context.Context, username, code string) error
	// Forgot sends a code for Reset, or the first one again to who has not confirmed yet.
	Forgot(ctx context.Context, username string) error
	// Reset sets a password by the code that Forgot sent. InvalidRequest if it is not the one.
	Reset(ctx context.Context, username, code, password string) error

	// SignIn gives tokens for a password; Unauthenticated for a wrong one, Forbidden for a right one of somebody who has
	// not confirmed yet.
	SignIn(ctx context.Context, username, password string) (Tokens, error)
	// Renew gives the next access token for what SignIn gave. Unauthenticated if the pool has ended that.
	Renew(ctx context.Context, username, credential string) (Tokens, error)
	// Revoke ends what SignIn gave; if it is over already, that is no error.
	Revoke(ctx context.Context, credential string) error
	// ChangePassword sets a new password for one who knows the present one; Unauthenticated if not.
	ChangePassword(ctx context.Context, username, current, password string) error

	// Verify says whom an access token stands for. Unauthenticated if it is not valid.
	Verify(accessToken string) (Principal, error)
	// JWKS returns the public keys that verify access tokens, as a JSON Web Key Set.
	JWKS() []byte
	// MakeAdmin makes somebody an administrator in the access tokens from the next one on.
	MakeAdmin(ctx context.Context, username string) error
	// Delete removes an account; one that is not there is no error.
	Delete(ctx context.Context, username string) error
}

// Tokens are what a pool gives for a password.
type Tokens struct {
	Access     string
	ExpiresIn  time.Duration // of the access token
	Who        Principal     // for whom it stands
	Credential string        // gets the next access token; Renew may leave it empty: the one there is goes on
}
