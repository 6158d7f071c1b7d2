// Package apigatewaytest stands in for API Gateway in tests: a server of @connections, to be spoken to by the real SDK
// client, that remembers what each connection was sent, in order, and fails as it is told to.
package apigatewaytest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Gateway is the connections of one WebSocket API.
type Gateway struct {
	URL string

	mu     sync.Mutex // guards what follows
	open   map[string]bool
	sent   map[string][]string
	ended  []string
	posts  int
	answer func(connectionID, frame string) int
	refuse func(connectionID string) int
	asked  int // to end connections
}

// New starts a Gateway, which ends with the test.
func New(t testing.TB) *Gateway {
	g := &Gateway{open: map[string]bool{}, sent: map[string][]string{}}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	g.URL = server.URL + "/ws"
	return g
}

// AWS is the configuration of an SDK client that speaks to it.
func (g *Gateway) AWS() aws.Config {
	return aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

// Open makes a connection be there, Close makes it be gone.
func (g *Gateway) Open(connectionID string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open[connectionID] = true
}

// Close ends a connection without telling anybody.
func (g *Gateway) Close(connectionID string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, connectionID)
}

// Answer sets what posts are answered: a status, or zero for what is right.
func (g *Gateway) Answer(f func(connectionID, frame string) int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer = f
}

// Refuse sets what wishes to end a connection are answered: a status, or zero for what is right.
func (g *Gateway) Refuse(f func(connectionID string) int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refuse = f
}

// EndsAsked counts the wishes to end a connection that came.
func (g *Gateway) EndsAsked() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked
}

// Sent returns what a connection was sent, in order.
func (g *Gateway) Sent(connectionID string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.sent[connectionID])
}

// Ended returns the connections that were closed by a call, in order.
func (g *Gateway) Ended() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.ended)
}

// Posts counts the posts that came.
func (g *Gateway) Posts() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.posts
}

// Forget drops what was sent so far.
func (g *Gateway) Forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.sent)
	g.posts = 0
}

// ServeHTTP serves @connections.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	escaped, ok := strings.CutPrefix(r.URL.EscapedPath(), "/ws/@connections/")
	id, err := url.PathUnescape(escaped)
	if !ok || err != nil || r.Header.Get("Authorization") == "" {
		http.Error(w, "no such path", http.StatusNotFound)
		return
	}
	body, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	answer, refuse := g.answer, g.refuse
	g.mu.Unlock()
	status := 0
	if answer != nil && r.Method == http.MethodPost {
		status = answer(id, string(body))
	}
	if refuse != nil && r.Method == http.MethodDelete {
		status = refuse(id)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case status != 0:
	case !g.open[id]:
		status = http.StatusGone
	case r.Method == http.MethodPost && len(body) > 128<<10:
		status = http.StatusRequestEntityTooLarge
	case r.Method == http.MethodPost:
		g.sent[id] = append(g.sent[id], string(body))
	case r.Method == http.MethodDelete:
		g.ended = append(g.ended, id)
		delete(g.open, id)
		status = http.StatusNoContent
	}
	switch r.Method {
	case http.MethodPost:
		g.posts++
	case http.MethodDelete:
		g.asked++
	}
	if status == 0 {
		status = http.StatusOK
	}
	if status >= http.StatusBadRequest {
		w.Header().Set("X-Amzn-Errortype", map[int]string{410: "GoneException", 429: "LimitExceededException", 413: "PayloadTooLargeException"}[status])
	}
	w.WriteHeader(status)
	if r.Method == http.MethodGet && status == http.StatusOK {
		_ = json.NewEncoder(w).Encode(map[string]string{"connectedAt": "2026-01-01T00:00:00Z", "lastActiveAt": "2026-01-01T00:00:00Z"})
	}
}
