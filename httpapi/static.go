package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// asset is one file of the web app, in the forms in which it can be sent.
type asset struct {
	contentType string
	immutable   bool // its name has a hash of its contents
	forms       map[string]form
}

type form struct {
	body []byte
	etag string
}

// app serves the web app out of memory. It is not changed once made.
type app struct {
	assets map[string]asset // by path without the leading slash
}

// newApp reads all files of the web app. A file next to it with the suffix .br or .gz is its compressed form.
func newApp(files fs.FS) (*app, error) {
	s := &app{assets: map[string]asset{}}
	if files == nil {
		return s, nil
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		plain, encoding := name, ""
		switch path.Ext(name) {
		case ".br":
			plain, encoding = strings.TrimSuffix(name, ".br"), "br"
		case ".gz":
			plain, encoding = strings.TrimSuffix(name, ".gz"), "gzip"
		}
		a, ok := s.assets[plain]
		if !ok {
			a = asset{contentType: contentType(plain), immutable: strings.HasPrefix(plain, "assets/"), forms: map[string]form{}}
		}
		sum := sha256.Sum256(body)
		a.forms[encoding] = form{body, `"` + hex.EncodeToString(sum[:12]) + `"`}
		s.assets[plain] = a
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the web app: %w", err)
	}
	return s, nil
}

func contentType(name string) string {
	switch ext := path.Ext(name); ext { // the same on every machine
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json", ".map":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".txt":
		return "text/plain; charset=utf-8"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

// ServeHTTP sends a file, or the app's page for any path that is a place inside the app.
func (s *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		plain(w, http.StatusMethodNotAllowed, "This takes only GET.")
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	a, ok := s.assets[name]
	if !ok {
		if path.Ext(name) != "" || name == "assets" || strings.HasPrefix(name, "assets/") {
			plain(w, http.StatusNotFound, "There is no such file.")
			return
		}
		name = "index.html"
		if a, ok = s.assets[name]; !ok {
			plain(w, http.StatusNotFound, "This server has no web app inside; its API is described at /docs.")
			return
		}
	}
	s.send(w, r, a)
}

func (s *app) send(w http.ResponseWriter, r *http.Request, a asset) {
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "no-cache")
	if a.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	encoding := ""
	if len(a.forms) > 1 {
		h.Set("Vary", "Accept-Encoding")
		encoding = preferred(r.Header.Get("Accept-Encoding"), a.forms)
	}
	f, ok := a.forms[encoding]
	if !ok {
		plain(w, http.StatusNotFound, "There is no such file.")
		return
	}
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	h.Set("ETag", f.etag)
	if matches(r.Header.Get("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(f.body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(f.body) // a client that is gone gets nothing
	}
}

// preferred picks the smallest form that the client takes.
func preferred(accept string, forms map[string]form) string {
	best := ""
	for part := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(part, ";")
		name = strings.TrimSpace(strings.ToLower(name))
		f, ok := forms[name]
		if !ok || name == "" || strings.ReplaceAll(params, " ", "") == "q=0" {
			continue
		}
		if current, have := forms[best]; !have || len(f.body) < len(current.body) {
			best = name
		}
	}
	return best
}

// matches tells whether an If-None-Match header names a tag.
func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		if p := strings.TrimSpace(part); p == "*" || strings.TrimPrefix(p, "W/") == etag {
			return true
		}
	}
	return false
}
