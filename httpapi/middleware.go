package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/chat"
)

type contextKey int

const (
	requestKey contextKey = iota
	principalKey
)

// request is what is known of a request before anybody is asked who it is from.
type request struct {
	id      string
	device  Device
	browser bool // sent by a browser's fetch or form, not by a program
	host    string
	tls     bool
}

func requestOf(ctx context.Context) request {
	r, _ := ctx.Value(requestKey).(request)
	return r
}

func requestID(ctx context.Context) string { return requestOf(ctx).id }

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// metrics counts requests by route pattern, never by path.
type metrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_http_requests_total", Help: "HTTP requests answered, by route and status.",
		}, []string{"route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "parley_http_request_duration_seconds", Help: "Time to answer HTTP requests, by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"route"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.durations} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register HTTP metrics: %w", err)
		}
	}
	return m, nil
}

// observe is the outermost handler: it gives each request its id, turns panics into answers, and leaves one line in the
// log (at debug level) and two numbers in the metrics. Neither ever has a query string or a token.
func (a *api) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		req := a.identify(r)
		r = r.WithContext(context.WithValue(r.Context(), requestKey, req))
		w.Header().Set("X-Request-Id", req.id)
		rec := &recorder{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				a.panicked(rec, r, p)
			}
			if rec.status == 0 {
				rec.status = http.StatusOK
			}
			route, took := r.Pattern, time.Since(start)
			if route == "" {
				route = "none"
			}
			a.metrics.requests.WithLabelValues(route, strconv.Itoa(rec.status)).Inc()
			a.metrics.durations.WithLabelValues(route).Observe(took.Seconds())
			a.log.DebugContext(r.Context(), "request", slog.String("route", route), slog.Int("status", rec.status),
				slog.Duration("took", took), slog.String("requestId", req.id))
		}()
		next.ServeHTTP(rec, r)
	})
}

func (a *api) panicked(w *recorder, r *http.Request, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	a.log.ErrorContext(r.Context(), "request panicked", slog.String("route", r.Pattern), slog.String("requestId", requestID(r.Context())),
		slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
	if w.status != 0 {
		panic(http.ErrAbortHandler) // half an answer is out: the client must see that it is broken
	}
	writeProblem(w, newProblem(r.Context(), chat.AsError(fmt.Errorf("panic"))))
}

// identify reads what a request says about its sender.
func (a *api) identify(r *http.Request) request {
	q := request{
		id:      rand.Text()[:13],
		browser: r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "",
		host:    r.Host,
		tls:     r.TLS != nil,
	}
	address, trusted := a.clientAddress(r)
	if trusted {
		q.tls = q.tls || r.Header.Get("X-Forwarded-Proto") == "https"
	}
	q.device = Device{Address: address, UserAgent: userAgent(r), Browser: q.browser}
	return q
}

// userAgent is what the session list shows; it is kept short and printable.
func userAgent(r *http.Request) string {
	s := strings.ToValidUTF8(r.UserAgent(), "")
	if len(s) > 256 {
		s = strings.ToValidUTF8(s[:256], "")
	}
	return s
}

// clientAddress is the address of the nearest machine that is not one of our own proxies. X-Forwarded-For is believed
// from right to left, and only as far as trusted proxies wrote it. The boolean tells whether a trusted proxy sent this.
func (a *api) clientAddress(r *http.Request) (string, bool) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return host, false
	}
	address = address.Unmap()
	if !a.trusted(address) {
		return address.String(), false
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		address = hop.Unmap()
		if !a.trusted(address) {
			break
		}
	}
	return address.String(), true
}

func (a *api) trusted(address netip.Addr) bool {
	for _, p := range a.TrustedProxies {
		if p.Contains(address) {
			return true
		}
	}
	return false
}

// The policy for pages: nothing but this server's own files and sockets.
const pagePolicy = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; " +
	"connect-src 'self' ws: wss:; worker-src 'self'; manifest-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// dataPolicy is for what is never a page: should a browser show it as one all the same, it can do nothing.
const dataPolicy = "default-src 'none'; frame-ancestors 'none'; sandbox"

// harden sets the headers that every answer has. Pages set a policy of their own.
func (a *api) harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", dataPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
		if a.https(r.Context()) {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// https tells whether the client sees this server over TLS.
func (a *api) https(ctx context.Context) bool {
	if a.PublicURL != nil {
		return a.PublicURL.Scheme == "https"
	}
	return requestOf(ctx).tls
}
