package client

import (
	"context"
	"net/http"
	"time"

	"parley/chat"
)

// Session is a sign-in. It is a secret.
type Session struct {
	User         chat.User `json:"user"`
	AccessToken  string    `json:"accessToken"`
	ExpiresAt    time.Time `json:"expiresAt"` // of AccessToken
	RefreshToken string    `json:"refreshToken"`
}

// Registration asks for an account.
type Registration struct {
	Username    string `json:"username"`
	Password    string `json:"password"`
	Email       string `json:"email,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
	InviteToken string `json:"inviteToken,omitempty"`
	ServerName  string `json:"serverName,omitempty"` // only for the first account of a server
}

// signedIn is the answer to a log-in or refresh.
type signedIn struct {
	AccessToken  string
	ExpiresIn    int64 // seconds
	RefreshToken string
	User         chat.User
}

// Register makes an account. It does not sign in.
func (c *Client) Register(ctx context.Context, r Registration) (chat.User, error) {
	var answer struct{ User chat.User }
	err := c.do(ctx, call{method: http.MethodPost, path: "/auth/register", body: r, into: &answer, public: true})
	return answer.User, err
}

// Login signs in. From then on the client keeps the session alive by itself.
func (c *Client) Login(ctx context.Context, username, password string) (chat.User, error) {
	if err := c.lock(ctx); err != nil {
		return chat.User{}, err
	}
	defer c.unlock()
	body := map[string]string{"username": username, "password": password}
	if err := c.signIn(ctx, "/auth/login", body); err != nil {
		return chat.User{}, err
	}
	return c.Session().User, nil
}

// Logout ends the session, here and on the server.
func (c *Client) Logout(ctx context.Context) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	old := c.Session()
	c.keep(Session{})
	body := map[string]string{"refreshToken": old.RefreshToken}
	return c.do(ctx, call{method: http.MethodPost, path: "/auth/logout", body: body, public: true})
}

// Session returns the session as it is now; it has no tokens when nobody is signed in.
func (c *Client) Session() Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// lock makes the caller the only one that changes the session.
func (c *Client) lock(ctx context.Context) error {
	select {
	case c.refreshing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) unlock() { <-c.refreshing }

// keep stores s and tells OnSession. The caller holds the lock.
func (c *Client) keep(s Session) {
	c.mu.Lock()
	c.session = s
	c.mu.Unlock()
	c.opt.OnSession(s)
}

// token returns an access token that is not used; it refreshes the session if there is no other.
func (c *Client) token(ctx context.Context, used string) (string, error) {
	fresh := func(s Session) bool {
		return s.AccessToken != "" && s.AccessToken != used && time.Until(s.ExpiresAt) > 5*time.Second
	}
	if s := c.Session(); fresh(s) {
		return s.AccessToken, nil
	}
	if err := c.lock(ctx); err != nil {
		return "", err
	}
	defer c.unlock()
	s := c.Session()
	if fresh(s) { // somebody else refreshed it meanwhile
		return s.AccessToken, nil
	}
	if s.RefreshToken == "" {
		return "", chat.Errorf(chat.Unauthenticated, "Nobody is signed in.")
	}
	err := c.signIn(ctx, "/auth/refresh", map[string]string{"refreshToken": s.RefreshToken})
	if chat.CodeOf(err) == chat.Unauthenticated {
		c.keep(Session{})
	}
	return c.Session().AccessToken, err
}

// signIn exchanges body for a session. The caller holds the lock.
func (c *Client) signIn(ctx context.Context, path string, body map[string]string) error {
	var answer signedIn
	asked := time.Now()
	if err := c.do(ctx, call{method: http.MethodPost, path: path, body: body, into: &answer, public: true}); err != nil {
		return err
	}
	c.keep(Session{
		User: answer.User, AccessToken: answer.AccessToken, RefreshToken: answer.RefreshToken,
		ExpiresAt: asked.Add(time.Duration(answer.ExpiresIn) * time.Second),
	})
	return nil
}
