package chat

// Account is the private side of a User: how they sign in, and what they may do to the server.
type Account struct {
	User         User
	Email        string
	PasswordHash string // argon2id in PHC form; never leaves the server
	Admin        bool
	Disabled     bool // may not sign in
	// Words are the folded words of the username and display name, by which people are found; see SearchWords.
	Words   []string
	Version int64 // grows with each change, for conditional updates
}

// Session is one sign-in on one device, kept alive by its refresh token.
type Session struct {
	SessionID  string
	UserID     string
	CreatedAt  Millis
	LastUsedAt Millis
	ExpiresAt  Millis
	UserAgent  string
	Address    string
	// TokenHash is the SHA-256 of the refresh token now valid, PreviousHash of the one before it: when that comes
	// again after a short grace, the session was stolen and ends.
	TokenHash    []byte
	PreviousHash []byte
	RotatedAt    Millis
	// Sealed gets the next access token where somebody else signs them; encrypted with the refresh token now valid.
	Sealed []byte
}

// SigningKey is one key that signs access tokens. Private is a JWK in JSON.
type SigningKey struct {
	KeyID     string
	Private   []byte
	CreatedAt Millis
}

// Invite lets people register, and enter a room.
type Invite struct {
	TokenHash string // hex SHA-256 of the token in the link
	Token     string // only in the answer that makes it
	RoomID    string // may be empty
	CreatedBy string
	CreatedAt Millis
	ExpiresAt Millis
	MaxUses   int
	Uses      int
}

// Server is what the operator chose for the whole server.
type Server struct {
	Name      string
	RoomID    string // of the first public room, which new people enter
	CreatedAt Millis
}
