package httpapi

import (
	"log/slog"
	"net/http"
	"strings"

	"parley/chat"
)

// apiHandler serves the API proper. Where there is no route, programs get a problem.
func (a *api) apiHandler(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		missing, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		// The mux answers a path it knows with a method it does not by a list of methods; that list is kept.
		probe := probe{}
		missing.ServeHTTP(probe, r)
		allow := http.Header(probe).Get("Allow")
		if allow == "" {
			writeProblem(w, newProblem(r.Context(), chat.Errorf(chat.NotFound, "There is no such route.")))
			return
		}
		w.Header().Set("Allow", allow)
		p := newProblem(r.Context(), chat.Errorf(chat.InvalidRequest, "This route takes only %s.", allow))
		p.Status, p.Title = http.StatusMethodNotAllowed, http.StatusText(http.StatusMethodNotAllowed)
		writeProblem(w, p)
	})
}

// probe is a response of which only the headers are wanted.
type probe http.Header

// Header implements http.ResponseWriter.
func (p probe) Header() http.Header { return http.Header(p) }

// Write implements http.ResponseWriter.
func (p probe) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader implements http.ResponseWriter.
func (p probe) WriteHeader(int) {}

// withSocket serves GET /ws as it comes: an upgrade takes the connection over, so nothing may wrap its writer. What is not
// upgraded is answered as by any other route. The rest goes to next.
func (a *api) withSocket(next http.Handler) http.Handler {
	if a.Socket == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ws" {
			next.ServeHTTP(w, r)
			return
		}
		var err error
		upgrade := strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
		if upgrade {
			if err = a.Socket.Open(w, r); err == nil {
				return
			}
		}
		r.Pattern = "/ws"
		a.observe(a.harden(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if upgrade {
				a.notOpened(w, r, err)
				return
			}
			w.Header().Set("Upgrade", "websocket")
			p := newProblem(r.Context(), chat.Errorf(chat.InvalidRequest, "This is the address of the socket: connect by WebSocket."))
			p.Status, p.Title = http.StatusUpgradeRequired, http.StatusText(http.StatusUpgradeRequired)
			writeProblem(w, p)
		}))).ServeHTTP(w, r)
	})
}

func (a *api) notOpened(w http.ResponseWriter, r *http.Request, err error) {
	ctx := r.Context()
	if e := chat.AsError(err); e.Code == chat.Unavailable && e.Cause != nil && ctx.Err() == nil { // that a client gives up is not the operator's concern
		a.log.ErrorContext(ctx, "could not open a connection", slog.String("requestId", requestID(ctx)), slog.Any("error", e.Cause))
	}
	writeProblem(w, a.problem(ctx, err))
}
