package httpapi

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"parley/chat"
)

// Limits of requests.
const (
	prefix      = "/api/v1"
	maxBody     = 64 << 10 // bytes of JSON
	readTimeout = 10 * time.Second
	bearer      = "bearer" // the security scheme
)

// route is one operation of the API.
type route struct {
	id      string // operationId
	method  string
	path    string // under prefix
	tag     string
	summary string
	about   string // more, where the summary does not say all
	access  access
	status  int         // of success; zero is what huma derives: 200 with a body, 204 without
	refuses []chat.Code // besides those that any route may answer with
	maxBody int64       // zero is maxBody
}

// config is huma's, without what it would serve by itself.
func config(version string) huma.Config {
	c := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Parley", Version: version,
				Description: "The HTTP API of Parley. Times are epoch milliseconds, ids are opaque, lists are paged by an opaque cursor. " +
					"Members of answers that you do not know are to be ignored; so are unknown members of requests, and null stands for an absent one.",
			},
			Components: &huma.Components{
				Schemas: newRegistry(),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					bearer: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "The accessToken of a sign-in."},
				},
			},
			Tags: []*huma.Tag{
				{Name: "auth", Description: "Registering, signing in and out."},
				{Name: "profile", Description: "Oneself: profile, password, sessions."},
				{Name: "people", Description: "Others."},
				{Name: "rooms", Description: "Rooms and who is in them."},
				{Name: "messages", Description: "Messages, history and what is unread."},
				{Name: "notifications", Description: "What concerns oneself, and when one is told."},
				{Name: "push", Description: "Being told while one is away, by Web Push."},
				{Name: "files", Description: "What travels with messages."},
				{Name: "invites", Description: "Invitations to the server and to rooms."},
				{Name: "server", Description: "The server itself, and the way to its socket."},
			},
		},
		Formats:       map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()}, // the second for any +json
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{translate},
	}
	c.AllowAdditionalPropertiesByDefault = true
	return c
}

// handle registers a route.
func handle[I, O any](a *api, r route, f func(context.Context, *I) (*O, error)) {
	huma.Register(a.huma, a.operation(r), func(ctx context.Context, in *I) (*O, error) {
		out, err := f(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}

func (a *api) operation(r route) huma.Operation {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: prefix + r.path, Summary: r.summary, Description: r.about, Tags: []string{r.tag},
		DefaultStatus: r.status, MaxBodyBytes: maxBody, BodyReadTimeout: readTimeout,
		Metadata:  map[string]any{accessKey: r.access},
		Responses: map[string]*huma.Response{},
	}
	if r.maxBody > 0 {
		op.MaxBodyBytes = r.maxBody
	}
	codes := append([]chat.Code{chat.InvalidRequest, chat.RateLimited, chat.Unavailable, chat.Internal}, r.refuses...)
	if r.access == signedIn || r.access == counted {
		op.Security = []map[string][]string{{bearer: {}}}
		codes = append(codes, chat.Unauthenticated)
	}
	if r.access == cookie {
		codes = append(codes, chat.Forbidden)
	}
	switch r.method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		codes = append(codes, chat.TooLarge)
	}
	for _, c := range codes {
		op.Responses[strconv.Itoa(statusOf(c))] = a.refusal(c)
	}
	return op
}

// refusal describes an answer with a problem.
func (a *api) refusal(c chat.Code) *huma.Response {
	status := statusOf(c)
	r := &huma.Response{
		Description: http.StatusText(status) + ": " + string(c),
		Content: map[string]*huma.MediaType{"application/problem+json": {
			Schema:  a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, ""),
			Example: exampleProblem(c),
		}},
	}
	if c == chat.RateLimited || c == chat.Unavailable {
		r.Headers = map[string]*huma.Param{"Retry-After": {Description: "Seconds to wait.", Schema: &huma.Schema{Type: huma.TypeInteger}}}
	}
	return r
}
