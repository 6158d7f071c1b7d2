package httpapi

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"parley/chat"
)

// Identity is what the API needs of accounts and sign-ins. Refusals are *chat.Error. Safe for concurrent use.
type Identity interface {
	// ServerInfo returns what anybody may know of the server.
	ServerInfo(ctx context.Context) (ServerInfo, error)
	// JWKS returns the public keys that verify access tokens, as a JSON Web Key Set.
	JWKS() []byte

	// Verify returns whom an access token stands for; Unauthenticated if nobody, or nobody any more.
	Verify(accessToken string) (Principal, error)
	// Register makes an account, and all that comes with a new one: the rooms that a new person enters. confirm says
	// that a code was sent which Confirm wants.
	Register(ctx context.Context, r Registration) (u chat.User, confirm bool, err error)
	// Confirm, Forgot and Reset work with codes sent by e-mail; NotFound where there are none.
	Confirm(ctx context.Context, username, code string) error
	Forgot(ctx context.Context, username string) error
	Reset(ctx context.Context, username, code, password string) error
	// Login starts a session, Refresh goes on with it, Logout ends it.
	Login(ctx context.Context, username, password string, d Device) (Grant, error)
	Refresh(ctx context.Context, refreshToken string, d Device) (Grant, error)
	Logout(ctx context.Context, refreshToken string) error

	ChangePassword(ctx context.Context, p Principal, current, password string) error
	// CheckPassword confirms that somebody knows their present password. InvalidRequest for a wrong one.
	CheckPassword(ctx context.Context, p Principal, password string) error
	Sessions(ctx context.Context, userID string) ([]Session, error)
	EndSession(ctx context.Context, userID, sessionID string) error
	EndAllSessions(ctx context.Context, userID string) error
	// IssueTicket makes a secret that opens one socket.
	IssueTicket(ctx context.Context, p Principal) (ticket string, expiresIn time.Duration, err error)

	CreateInvite(ctx context.Context, p Principal, roomID string, maxUses int, expiresIn time.Duration) (Invite, error)
	Invites(ctx context.Context, userID string) ([]Invite, error)
	// InspectInvite shows an invitation to who has its token; NotFound if it does not hold.
	InspectInvite(ctx context.Context, token string) (InvitePreview, error)
	AcceptInvite(ctx context.Context, userID, token string) (chat.RoomView, error)
	DeleteInvite(ctx context.Context, p Principal, inviteID string) error
}

// Principal is who a request is from.
type Principal struct {
	UserID    string
	SessionID string
	Admin     bool
	ExpiresAt time.Time
}

// Device is where a sign-in comes from.
type Device struct {
	UserAgent string
	Address   string // IP address
	Browser   bool   // its tabs share one refresh token, in a cookie
}

// Registration is what a new person gives.
type Registration struct {
	Username    string
	Email       string
	Password    string
	DisplayName string
	ServerName  string
	InviteToken string
	Address     string // of the asker
}

// Grant is what a sign-in gives.
type Grant struct {
	AccessToken    string
	ExpiresIn      time.Duration // of the access token
	RefreshToken   string        // empty means: keep the one you have
	RefreshExpires time.Time
	User           chat.User
}

// ServerInfo is what anybody may know of a server.
type ServerInfo struct {
	Name         string
	Registration string // "open", "invite" or "closed"
	Empty        bool   // nobody is registered yet
}

// Session is one sign-in.
type Session struct {
	SessionID  string
	CreatedAt  chat.Millis
	LastUsedAt chat.Millis
	ExpiresAt  chat.Millis
	UserAgent  string
	Address    string
}

// Invite is an invitation, as who made it sees it.
type Invite struct {
	InviteID  string
	Token     string // once, in the answer that makes it
	RoomID    string
	CreatedBy string
	CreatedAt chat.Millis
	ExpiresAt chat.Millis
	MaxUses   int
	Uses      int
}

// InvitePreview is what an invitation's link shows before it is used.
type InvitePreview struct {
	ServerName string
	Inviter    chat.User
	Room       chat.Room // zero if it is for the server alone
	ExpiresAt  chat.Millis
}

// Mail is what a person without a socket is told beside what is in the logs of their rooms.
type Mail struct {
	ConnectionID string
	Signals      [][]byte      // encoded frames
	Retry        time.Duration // after which to ask again; zero is at once, where there was waiting
}

// Socket opens sockets; *gateway.Gateway implements it.
type Socket interface {
	// Open answers a request for an upgrade, and takes its connection over. An error says that it did not answer.
	Open(w http.ResponseWriter, r *http.Request) error
}

// Push reaches people who are away; *notify.Notifier implements it. Refusals are *chat.Error. Safe for concurrent use.
type Push interface {
	// PublicKey is the server's VAPID key in base64url.
	PublicKey() string
	// Subscribe checks and keeps where a browser is reached.
	Subscribe(ctx context.Context, n chat.NewPushSubscription) (chat.PushSubscription, error)
	Subscriptions(ctx context.Context, userID string) ([]chat.PushSubscription, error)
	Unsubscribe(ctx context.Context, userID, endpoint string) error
	// Test pushes to all devices of a person and tells how that ended.
	Test(ctx context.Context, userID string) ([]chat.PushResult, error)
}

// Avatars keeps people's pictures; *files.Avatars implements it. Refusals are *chat.Error. Safe for concurrent use.
type Avatars interface {
	// MaxBytes is the largest upload that Put takes.
	MaxBytes() int64
	Put(ctx context.Context, userID string, upload []byte) (name string, err error)
	Open(ctx context.Context, name string) (image []byte, mediaType string, err error)
	// Delete removes a picture; one that is not there is no error.
	Delete(ctx context.Context, name string) error
}

// Exports keeps what people take home; *files.Exports implements it. Safe for concurrent use.
type Exports interface {
	// Put keeps what write writes and returns a short-lived link to it.
	Put(ctx context.Context, userID, filename string, write func(io.Writer) error) (link string, err error)
}

// Files makes links to attachments, and serves those to this server; *files.Attachments implements it. Refusals are
// *chat.Error. Safe for concurrent use.
type Files interface {
	// PutLink returns where the content of a pending file is to be put, and with which headers.
	PutLink(ctx context.Context, u chat.Upload) (chat.FileLink, error)
	// GetLink returns where a file or its thumbnail can be read; NotFound if there is none.
	GetLink(ctx context.Context, u chat.Upload, thumbnail bool) (chat.FileLink, error)
	// Check tells whether a link to this server holds, and for how long: Forbidden otherwise.
	Check(path, fileID string, query url.Values) (left time.Duration, thumbnail bool, err error)
	// Open returns a file or its thumbnail; NotFound if there is none.
	Open(ctx context.Context, u chat.Upload, thumbnail bool) (chat.FileContent, error)
}
