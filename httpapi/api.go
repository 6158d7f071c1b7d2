// Package httpapi is the HTTP edge: it turns requests into commands of the core, and answers and refusals into JSON. It
// also serves the documents that describe the API and the socket, pictures, operations, and the web app. The same
// handlers serve one machine and AWS.
package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"parley/chat"
)

// Config is what the API is made of. Service, Identity, Avatars and Limiter are required.
type Config struct {
	Service  *chat.Service
	Identity Identity
	Avatars  Avatars
	Limiter  chat.Limiter
	Files    Files // required if the service takes attachments
	// Pace is how slow files may come and go through this server.
	Pace Pace
	// Exports keeps what people take home where an answer cannot be so large; nil: it is written while it is read.
	Exports Exports

	// Push reaches people who are away; nil is no Web Push.
	Push Push

	// Socket upgrades GET /ws; nil where sockets are served elsewhere.
	Socket Socket
	// Await serves a person without a socket: it calls look until that finds something, or something that is never stored
	// was told, or wait is over. id is that of the last call's connection, or empty. Nil: nobody is served so.
	Await func(ctx context.Context, p Principal, id string, wait time.Duration, look func(context.Context) (found bool, err error)) (Mail, error)
	// Web has the files of the web app, index.html among them; nil is none.
	Web fs.FS
	// Ready tells whether the server can serve; nil is always.
	Ready func(context.Context) error
	// Metrics answers GET /metrics; nil is no such route. Registerer takes the metrics of HTTP itself.
	Metrics    http.Handler
	Registerer prometheus.Registerer

	// PublicURL is where people reach the server; nil means wherever the request was sent to.
	PublicURL *url.URL
	// SocketURL is where sockets are opened; empty means /ws at the public URL.
	SocketURL string
	// SocketLife is how long a socket may live, however busy it is; zero is as long as it likes.
	SocketLife time.Duration
	// TrustedProxies are the machines whose X-Forwarded-For and X-Forwarded-Proto are believed.
	TrustedProxies []netip.Prefix
	// Version of the program, as it is shown.
	Version string
	Logger  *slog.Logger // default slog.Default
}

// api is the handlers and what they need. Nothing in it changes after New.
type api struct {
	Config
	huma    huma.API
	log     *slog.Logger
	metrics *metrics
	origins *http.CrossOriginProtection // for routes that a cookie opens
	app     app
	docs    documents
}

// New makes the handler of everything that is served over HTTP.
func New(c Config) (http.Handler, error) {
	if c.Service == nil || c.Identity == nil || c.Avatars == nil || c.Limiter == nil {
		return nil, errors.New("the HTTP API needs a service, an identity, avatars and a limiter")
	}
	if c.Service.FilesOn() && c.Files == nil {
		return nil, errors.New("the HTTP API needs files, which the service has")
	}
	c.Pace = c.Pace.withDefaults()
	a := &api{Config: c, log: c.Logger, origins: http.NewCrossOriginProtection()}
	if a.log == nil {
		a.log = slog.Default()
	}
	if c.PublicURL != nil {
		if err := a.origins.AddTrustedOrigin(c.PublicURL.Scheme + "://" + c.PublicURL.Host); err != nil {
			return nil, fmt.Errorf("use the public URL as an origin: %w", err)
		}
	}
	var err error
	if a.metrics, err = newMetrics(c.Registerer); err != nil {
		return nil, err
	}
	if a.app, err = newApp(c.Web); err != nil {
		return nil, err
	}
	routes := http.NewServeMux()
	a.huma = humago.New(routes, config(c.Version))
	a.huma.UseMiddleware(a.authenticate)
	a.routes()
	if a.docs, err = document(a.huma.OpenAPI(), c.Version); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", a.apiHandler(routes))
	a.operations(mux)
	return a.withSocket(a.observe(a.harden(mux))), nil
}

// operations are the routes outside of the API proper.
func (a *api) operations(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if a.Ready != nil {
			if err := a.Ready(r.Context()); err != nil {
				a.log.WarnContext(r.Context(), "not ready", slog.Any("error", err))
				plain(w, http.StatusServiceUnavailable, "not ready")
				return
			}
		}
		plain(w, http.StatusOK, "ready")
	})
	if a.Metrics != nil {
		mux.Handle("GET /metrics", a.Metrics)
	}
	mux.HandleFunc("GET /.well-known/jwks.json", a.keySet)
	mux.HandleFunc("GET /files/avatars/{name}", a.avatar)
	a.linkRoutes(mux)
	a.docs.register(mux)
	mux.Handle("/", a.app)
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a client that is gone gets nothing
}

func (a *api) keySet(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(a.Identity.JWKS()) // a client that is gone gets nothing
}
