package httpapi

import (
	"bytes"
	"compress/gzip"
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
	"sync"
)

// minCompressed is the smallest text in bytes that is worth compressing.
const minCompressed = 1 << 10

// asset is one thing that does not change while the server runs, in the forms in which it can be sent.
type asset struct {
	contentType string
	policy      string // Content-Security-Policy
	immutable   bool   // its name has a hash of its contents
	// forms by content coding, "" for the plain one. A form is made when it is first asked for.
	forms map[string]func() form
}

type form struct {
	body []byte
	etag string
}

func newForm(body []byte) form {
	sum := sha256.Sum256(body)
	return form{body, `"` + hex.EncodeToString(sum[:12]) + `"`}
}

func newAsset(contentType, policy string) asset {
	return asset{contentType: contentType, policy: policy, forms: map[string]func() form{}}
}

// add adds a form that is there already.
func (a asset) add(coding string, body []byte) {
	a.forms[coding] = sync.OnceValue(func() form { return newForm(body) })
}

// compress adds a gzip form of the plain one, where that is worth it and nobody has made a better one.
func (a asset) compress(plain []byte) {
	text := strings.HasPrefix(a.contentType, "text/") || strings.HasSuffix(a.contentType, "json") || strings.HasSuffix(a.contentType, "xml")
	if !text || len(plain) < minCompressed || len(a.forms) > 1 {
		return
	}
	a.forms["gzip"] = sync.OnceValue(func() form {
		var out bytes.Buffer
		z, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // a level that there is; it is done once
		_, _ = z.Write(plain)                                   // a buffer takes everything
		_ = z.Close()
		return newForm(out.Bytes())
	})
}

// ServeHTTP sends the asset.
func (a asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", a.policy)
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "no-cache")
	if a.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	coding := ""
	if len(a.forms) > 1 {
		h.Set("Vary", "Accept-Encoding")
		coding = a.preferred(r.Header.Get("Accept-Encoding"))
	}
	f := a.forms[coding]()
	if coding != "" {
		h.Set("Content-Encoding", coding)
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

// preferred picks the content coding that is smallest of those that the client takes.
func (a asset) preferred(accept string) string {
	takes := map[string]bool{}
	for part := range strings.SplitSeq(accept, ",") {
		coding, params, _ := strings.Cut(part, ";")
		quality := strings.TrimPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		takes[strings.ToLower(strings.TrimSpace(coding))] = strings.Trim(quality, "0.") != "" || quality == ""
	}
	for _, coding := range []string{"br", "gzip"} {
		if _, have := a.forms[coding]; have && takes[coding] {
			return coding
		}
	}
	return ""
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

// app serves the web app out of memory: its files by path, without the leading slash.
type app map[string]asset

// App serves the web app alone, for a house in which the API is reached by other ways.
func App(files fs.FS) (http.Handler, error) { return newApp(files) }

// newApp reads all files of the web app. A file next to another with the suffix .br or .gz is its compressed form.
func newApp(files fs.FS) (app, error) {
	bodies := map[string][]byte{}
	if files == nil {
		return app{}, nil
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		bodies[name], err = fs.ReadFile(files, name)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the web app: %w", err)
	}
	s := app{}
	for name, body := range bodies {
		plain := strings.TrimSuffix(strings.TrimSuffix(name, ".br"), ".gz")
		if _, ok := bodies[plain]; ok && plain != name {
			continue // comes with the plain one
		}
		a := newAsset(contentType(name), pagePolicy)
		a.immutable = strings.HasPrefix(name, "assets/")
		a.add("", body)
		for coding, suffix := range map[string]string{"br": ".br", "gzip": ".gz"} {
			if compressed, ok := bodies[name+suffix]; ok {
				a.add(coding, compressed)
			}
		}
		a.compress(body)
		s[name] = a
	}
	return s, nil
}

// contentType is the media type of a file by its name, the same on every machine.
func contentType(name string) string {
	switch ext := path.Ext(name); ext {
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
func (s app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		plain(w, http.StatusMethodNotAllowed, "This takes only GET.")
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	a, ok := s[name]
	if !ok {
		if path.Ext(name) != "" || name == "assets" || strings.HasPrefix(name, "assets/") {
			plain(w, http.StatusNotFound, "There is no such file.")
			return
		}
		if a, ok = s["index.html"]; !ok {
			plain(w, http.StatusNotFound, "This server has no web app inside; its API is described at /docs.")
			return
		}
	}
	a.ServeHTTP(w, r)
}
