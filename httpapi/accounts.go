package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"parley/chat"
)

// Register is what a new person gives.
type Register struct {
	Username    string `json:"username" example:"ada"`
	Email       string `json:"email,omitempty" example:"ada@example.org"`
	Password    string `json:"password" example:"correct horse battery staple"`
	DisplayName string `json:"displayName,omitempty" example:"Ada Lovelace"`
	InviteToken string `json:"inviteToken,omitempty" doc:"Out of an invitation's link; needed where registration is by invitation."`
	ServerName  string `json:"serverName,omitempty" doc:"From the first person only: names the server and its first public room." example:"Garden club"`
}

// Registered is the answer to a registration.
type Registered struct {
	User                 chat.User `json:"user"`
	ConfirmationRequired bool      `json:"confirmationRequired" doc:"A code was e-mailed that must be confirmed before the first sign-in."`
}

// Confirm is an e-mailed code.
type Confirm struct {
	Username string `json:"username" example:"ada"`
	Code     string `json:"code" example:"314159"`
}

// Forgot asks for an e-mailed code to set a new password with.
type Forgot struct {
	Username string `json:"username" example:"ada"`
}

// Reset sets a new password with an e-mailed code.
type Reset struct {
	Username string `json:"username" example:"ada"`
	Code     string `json:"code" example:"314159"`
	Password string `json:"password"`
}

// Login is a username and its password.
type Login struct {
	Username string `json:"username" example:"ada"`
	Password string `json:"password" example:"correct horse battery staple"`
}

// Refresh has the refresh token of a program. Browsers have it in a cookie.
type Refresh struct {
	RefreshToken string `json:"refreshToken,omitempty"`
}

// SignedIn is a sign-in.
type SignedIn struct {
	AccessToken  string    `json:"accessToken" doc:"For the header Authorization: Bearer."`
	ExpiresIn    int64     `json:"expiresIn" doc:"Seconds until the access token ends." example:"600"`
	RefreshToken string    `json:"refreshToken,omitempty" doc:"For the next access token; works once. Browsers get it as an HttpOnly cookie instead."`
	User         chat.User `json:"user"`
}

type signedInAnswer struct {
	SetCookie string `header:"Set-Cookie" hidden:"true"`
	Body      SignedIn
}

type signedOutAnswer struct {
	SetCookie string `header:"Set-Cookie" hidden:"true"`
}

// RefreshInput has the refresh token, in one way or the other.
type RefreshInput struct {
	Cookie string `header:"Cookie" hidden:"true"`
	Body   *Refresh
}

func (a *api) accountRoutes() {
	post := func(id, path, summary, about string, refuses ...chat.Code) route {
		return route{id: id, method: http.MethodPost, path: path, tag: "auth", summary: summary, about: about, access: cookie, refuses: refuses}
	}
	register := post("register", "/auth/register", "Make an account", "", chat.Forbidden, chat.Conflict)
	register.status = http.StatusCreated
	handle(a, register, a.register)
	handle(a, post("confirm", "/auth/confirm", "Confirm an account", "Where the identity provider sends codes by e-mail.", chat.NotFound), a.confirm)
	handle(a, post("forgot", "/auth/forgot", "Ask for a code to reset a password", "The answer is the same whether the account exists or not.", chat.NotFound), a.forgot)
	handle(a, post("reset", "/auth/reset", "Set a new password with a code", "", chat.NotFound), a.reset)
	handle(a, post("login", "/auth/login", "Sign in", "Browsers get the refresh token as an HttpOnly cookie, programs in the body.", chat.Unauthenticated), a.login)
	handle(a, post("refresh", "/auth/refresh", "Get the next access token",
		"Takes the refresh token out of the body or the cookie. It works once: one that was used before ends its session.", chat.Unauthenticated), a.refresh)
	logout := post("logout", "/auth/logout", "Sign out", "Ends the session of the refresh token, or without one that of the access token.")
	logout.status = http.StatusNoContent
	handle(a, logout, a.logout)
}

func (a *api) register(ctx context.Context, in *struct{ Body Register }) (*out[Registered], error) {
	b := in.Body
	u, confirm, err := a.Identity.Register(ctx, Registration{
		Username: b.Username, Email: b.Email, Password: b.Password, DisplayName: b.DisplayName,
		InviteToken: b.InviteToken, ServerName: b.ServerName, Address: requestOf(ctx).device.Address,
	})
	return &out[Registered]{Registered{u, confirm}}, err
}

func (a *api) confirm(ctx context.Context, in *struct{ Body Confirm }) (*none, error) {
	return nil, a.Identity.Confirm(ctx, in.Body.Username, in.Body.Code)
}

func (a *api) forgot(ctx context.Context, in *struct{ Body Forgot }) (*none, error) {
	return nil, a.Identity.Forgot(ctx, in.Body.Username)
}

func (a *api) reset(ctx context.Context, in *struct{ Body Reset }) (*none, error) {
	return nil, a.Identity.Reset(ctx, in.Body.Username, in.Body.Code, in.Body.Password)
}

func (a *api) login(ctx context.Context, in *struct{ Body Login }) (*signedInAnswer, error) {
	g, err := a.Identity.Login(ctx, in.Body.Username, in.Body.Password, requestOf(ctx).device)
	if err != nil {
		return nil, err
	}
	return a.signedIn(ctx, g, requestOf(ctx).browser), nil
}

func (a *api) refresh(ctx context.Context, in *RefreshInput) (*signedInAnswer, error) {
	token, fromCookie := a.refreshToken(ctx, in)
	if token == "" {
		return nil, chat.Errorf(chat.Unauthenticated, "Sign in first.")
	}
	g, err := a.Identity.Refresh(ctx, token, requestOf(ctx).device)
	if err != nil {
		return nil, err
	}
	return a.signedIn(ctx, g, fromCookie), nil
}

// refreshToken is the one in the body or the one in the cookie. A token goes back the way it came.
func (a *api) refreshToken(ctx context.Context, in *RefreshInput) (token string, fromCookie bool) {
	if in.Body != nil && in.Body.RefreshToken != "" {
		return in.Body.RefreshToken, false
	}
	cookies, _ := http.ParseCookie(in.Cookie) // what is no cookie holds no token
	for _, c := range cookies {
		if c.Name == a.refreshCookieName(ctx) {
			return c.Value, true
		}
	}
	return "", false
}

func (a *api) signedIn(ctx context.Context, g Grant, asCookie bool) *signedInAnswer {
	answer := &signedInAnswer{Body: SignedIn{AccessToken: g.AccessToken, ExpiresIn: int64(g.ExpiresIn.Seconds()), User: g.User}}
	switch {
	case g.RefreshToken == "": // keep the one you have
	case asCookie:
		answer.SetCookie = a.refreshCookie(ctx, g.RefreshToken, time.Until(g.RefreshExpires))
	default:
		answer.Body.RefreshToken = g.RefreshToken
	}
	return answer
}

func (a *api) logout(ctx context.Context, in *struct {
	Authorization string `header:"Authorization" hidden:"true"`
	RefreshInput
}) (*signedOutAnswer, error) {
	token, fromCookie := a.refreshToken(ctx, &in.RefreshInput)
	answer := &signedOutAnswer{}
	if fromCookie {
		answer.SetCookie = a.refreshCookie(ctx, "", 0)
	}
	if token != "" {
		return answer, a.Identity.Logout(ctx, token)
	}
	if _, access, ok := strings.Cut(in.Authorization, " "); ok {
		if p, err := a.Identity.Verify(access); err == nil {
			err = a.Identity.EndSession(ctx, p.UserID, p.SessionID)
			if chat.CodeOf(err) != chat.NotFound { // over already
				return answer, err
			}
		}
	}
	return answer, nil
}
