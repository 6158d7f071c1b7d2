package client

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"parley/chat"
)

// TestRefusalCutShort: a refusal that the network cut is no refusal, since nobody knows which; it is asked again.
func TestRefusalCutShort(t *testing.T) {
	const refusal = `{"type":"about:blank","status":403,"code":"forbidden","detail":"No."}`
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			w.Header().Set("Content-Length", "1000")
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(refusal[:30]))
		if asked > 1 {
			_, _ = w.Write([]byte(refusal[30:]))
		}
	}))
	defer s.Close()
	for retries, want := range map[int]chat.Code{-1: chat.Unavailable, 1: chat.Forbidden} {
		asked = 0
		c, err := New(s.URL, Options{Retries: retries, MinBackoff: 1, MaxBackoff: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.do(t.Context(), call{method: http.MethodGet, path: "/me", public: true, repeatable: true}); chat.CodeOf(err) != want {
			t.Errorf("with %d retries: %v, want %s", retries, err, want)
		}
	}
}
