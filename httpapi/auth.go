package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"parley/chat"
)

// access says who may use a route, and what counts against whom.
type access int

const (
	signedIn access = iota // an access token is needed; counts as a request of its person
	counted                // as signedIn, but the core counts what the route does
	open                   // anybody
	cookie                 // anybody, and a cookie may stand for the person: from this origin only
)

const accessKey = "access" // in huma.Operation.Metadata

// authenticate is the middleware in front of every route.
func (a *api) authenticate(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	kind, _ := ctx.Operation().Metadata[accessKey].(access)
	switch kind {
	case cookie:
		if err := a.origins.Check(r); err != nil {
			writeProblem(w, newProblem(r.Context(), chat.Errorf(chat.Forbidden, "This request comes from another site.")))
			return
		}
	case signedIn, counted:
		p, err := a.principal(r)
		if err == nil && kind == signedIn {
			err = a.allow(r.Context(), p.UserID)
		}
		if err != nil {
			writeProblem(w, a.problem(r.Context(), err))
			return
		}
		ctx = huma.WithValue(ctx, principalKey, p)
	}
	if err := checkQuery(ctx.Operation(), r.URL); err != nil {
		writeProblem(w, newProblem(r.Context(), err))
		return
	}
	next(&statusContext{humaContext: ctx})
}

// checkQuery refuses a number or the like that is named and then not given, which huma takes for one left out.
func checkQuery(op *huma.Operation, u *url.URL) *chat.Error {
	if u.RawQuery == "" {
		return nil
	}
	q := u.Query()
	for _, p := range op.Parameters {
		if p.In == "query" && p.Schema.Type != huma.TypeString && q.Has(p.Name) && q.Get(p.Name) == "" {
			return &chat.Error{Code: chat.InvalidRequest, Field: p.Name, Message: p.Name + " is empty."}
		}
	}
	return nil
}

func (a *api) principal(r *http.Request) (Principal, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return Principal{}, chat.Errorf(chat.Unauthenticated, "Sign in first.")
	}
	return a.Identity.Verify(strings.TrimSpace(token))
}

func (a *api) allow(ctx context.Context, userID string) error {
	if wait := a.Limiter.Allow(ctx, chat.LimitRequests, userID); wait > 0 {
		return &chat.Error{Code: chat.RateLimited, Message: "Too many requests; come again a little later.", RetryAfter: wait}
	}
	return nil
}

// me is the person who asks. Only routes that need nobody have none.
func me(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey).(Principal)
	return p
}

// refreshCookie is the header that sets the cookie that keeps a browser signed in, or with an empty value removes it. The
// cookie is sent to the auth routes alone.
func (a *api) refreshCookie(ctx context.Context, value string, maxAge time.Duration) string {
	c := http.Cookie{
		Name:     a.refreshCookieName(ctx),
		Value:    value,
		Path:     "/api/v1/auth",
		MaxAge:   int(maxAge.Seconds()),
		HttpOnly: true,
		Secure:   a.https(ctx),
		SameSite: http.SameSiteStrictMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c.String()
}

func (a *api) refreshCookieName(ctx context.Context) string {
	if a.https(ctx) {
		return "__Secure-parley_refresh" // browsers then keep it from being set over plain HTTP
	}
	return "parley_refresh"
}
