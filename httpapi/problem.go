package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"parley/chat"
)

// Problem is every refusal of the API, as RFC 9457 describes.
type Problem struct {
	Type         string    `json:"type" doc:"Always about:blank; the code says what happened." example:"about:blank"`
	Title        string    `json:"title" doc:"The name of the status." example:"Conflict"`
	Status       int       `json:"status" doc:"The HTTP status." example:"409"`
	Detail       string    `json:"detail" doc:"One sentence for people." example:"This name is taken."`
	Code         chat.Code `json:"code" doc:"What programs act on; the list is closed." enum:"invalid_request,unauthenticated,forbidden,not_found,conflict,too_large,rate_limited,unavailable,internal" example:"conflict"`
	RequestID    string    `json:"requestId,omitempty" doc:"Finds the request in the server's log; also in the header X-Request-Id." example:"5K3WQ4Z2J7H6T"`
	Field        string    `json:"field,omitempty" doc:"The field of the request that is wrong, if one is." example:"username"`
	RetryAfterMs int64     `json:"retryAfterMs,omitempty" doc:"With rate_limited and unavailable: come again after so many milliseconds."`
}

// statusOf is the one table from codes to statuses.
func statusOf(c chat.Code) int {
	switch c {
	case chat.InvalidRequest:
		return http.StatusBadRequest
	case chat.Unauthenticated:
		return http.StatusUnauthorized
	case chat.Forbidden:
		return http.StatusForbidden
	case chat.NotFound:
		return http.StatusNotFound
	case chat.Conflict:
		return http.StatusConflict
	case chat.TooLarge:
		return http.StatusRequestEntityTooLarge
	case chat.RateLimited:
		return http.StatusTooManyRequests
	case chat.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Error makes Problem an error that huma writes as it is.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// GetStatus is the HTTP status, for huma.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are further headers of the answer, for huma.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfterMs > 0 {
		h.Set("Retry-After", strconv.FormatInt((p.RetryAfterMs+999)/1000, 10))
	}
	if p.Code == chat.Unauthenticated {
		h.Set("WWW-Authenticate", `Bearer realm="parley"`)
	}
	return h
}

// ContentType is the media type of a problem, for huma.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// newProblem makes the answer to a refusal.
func newProblem(ctx context.Context, e *chat.Error) *Problem {
	status := statusOf(e.Code)
	return &Problem{
		Type:         "about:blank",
		Title:        http.StatusText(status),
		Status:       status,
		Detail:       e.Message,
		Code:         e.Code,
		RequestID:    requestID(ctx),
		Field:        e.Field,
		RetryAfterMs: (e.RetryAfter + time.Millisecond - 1).Milliseconds(), // who comes then is not too early
	}
}

// problem makes the answer to any error. What has no code is logged and not told.
func (a *api) problem(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	e := chat.AsError(err)
	if e.Code == chat.Internal {
		switch {
		case ctx.Err() != nil: // the client is gone; nobody reads the answer
			e = chat.Errorf(chat.Unavailable, "The request was given up.")
		case errors.Is(err, context.DeadlineExceeded):
			e = &chat.Error{Code: chat.Unavailable, Message: "The server took too long.", RetryAfter: time.Second}
		default:
			a.log.ErrorContext(ctx, "request failed", slog.String("requestId", requestID(ctx)), slog.Any("error", err))
		}
	}
	return newProblem(ctx, e)
}

// writeProblem answers with a problem outside of huma.
func writeProblem(w http.ResponseWriter, p *Problem) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = writeJSON(w, p) // a client that is gone gets nothing
}

// translate is a huma transformer: it turns huma's own refusals, of requests that do not fit the schema, into problems.
func translate(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := newProblem(ctx.Context(), humaError(m))
	switch m.Status {
	case http.StatusUnsupportedMediaType, http.StatusRequestEntityTooLarge:
		p.Status = m.Status
	default: // huma has 422 for much, and 500 for a body that breaks off
		p.Status = http.StatusBadRequest
	}
	p.Title = http.StatusText(p.Status)
	if c, ok := ctx.(*statusContext); ok {
		c.status = p.Status
	}
	return p, nil
}

func humaError(m *huma.ErrorModel) *chat.Error {
	switch {
	case m.Status == http.StatusRequestEntityTooLarge:
		return chat.Errorf(chat.TooLarge, "The request is too large.")
	case m.Status == http.StatusRequestTimeout:
		return chat.Errorf(chat.InvalidRequest, "The request came too slowly.")
	case m.Status == http.StatusUnsupportedMediaType:
		return chat.Errorf(chat.InvalidRequest, "The body must be application/json.")
	case m.Status >= http.StatusInternalServerError:
		return chat.Errorf(chat.InvalidRequest, "The request could not be read.")
	case len(m.Errors) > 0:
		return unfit(m.Errors[0])
	case m.Detail != "":
		return chat.Errorf(chat.InvalidRequest, "%s", sentence(m.Detail))
	}
	return chat.Errorf(chat.InvalidRequest, "The request is not valid.")
}

type humaContext = huma.Context // under a name that its method Context leaves free

// statusContext sends the status that translate chose in the place of huma's.
type statusContext struct {
	humaContext
	status int // zero: huma's
}

// SetStatus implements huma.Context.
func (c *statusContext) SetStatus(code int) {
	if c.status != 0 {
		code = c.status
	}
	c.humaContext.SetStatus(code)
}

// Unwrap lets the adapter find its own context.
func (c *statusContext) Unwrap() huma.Context { return c.humaContext }
