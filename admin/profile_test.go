package admin

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestProfiles(t *testing.T) {
	h := Handler(nil, slog.New(slog.DiscardHandler))
	const gzip = "\x1f\x8b"
	for _, c := range []struct {
		path, begin string
		status      int
	}{
		{"/debug/pprof/heap", gzip, http.StatusOK},
		{"/debug/pprof/goroutine", gzip, http.StatusOK},
		{"/debug/pprof/profile?seconds=0.01", gzip, http.StatusOK},
		{"/debug/pprof/profile?seconds=1e9", `{"code":"invalid_request"`, http.StatusBadRequest},
		{"/debug/pprof/profile?seconds=-1", `{"code":"invalid_request"`, http.StatusBadRequest},
		{"/debug/pprof/profile?seconds=NaN", `{"code":"invalid_request"`, http.StatusBadRequest},
		{"/debug/pprof/nothing", `{"code":"not_found"`, http.StatusBadRequest},
		{"/debug/pprof/", "404", http.StatusNotFound},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.path, nil))
		if w.Code != c.status || !strings.HasPrefix(w.Body.String(), c.begin) {
			t.Errorf("%s: %d %.40q", c.path, w.Code, w.Body)
		}
	}
	// Nothing puts itself where any server would serve it.
	w := httptest.NewRecorder()
	http.DefaultServeMux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/pprof/heap", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("the default mux answers %d", w.Code)
	}
}
