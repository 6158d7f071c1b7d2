package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"parley/chat"
	"parley/files"
	"parley/httpapi"
	"parley/identity"
	"parley/limit"
	"parley/names"
	"parley/store"
	"parley/store/pebble"
	"parley/wiring/accounts"
)

// nobody is a Deliverer with no connections.
type nobody struct{}

func (nobody) Deliver(context.Context, chat.Delivery)              {}
func (nobody) Signal(context.Context, string, string, chat.Event)  {}
func (nobody) ToUsers(context.Context, chat.Event, ...string)      {}
func (nobody) Disconnect(_ context.Context, userID, sessID string) {}
func (nobody) Online(context.Context, ...string) (map[string]bool, error) {
	return map[string]bool{}, nil
}

// buffer is a log that several goroutines write.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// server is the API over the real core, store and identity.
type server struct {
	t       testing.TB
	handler http.Handler
	service *chat.Service
	store   *store.Store
	bucket  *blob.Bucket
	files   *files.Attachments
	ahead   *atomic.Int64 // nanoseconds that the clock of links is ahead
	log     *buffer
	docs    *contract // every answer of the API is held against it
}

const fileBytes = 1 << 20 // of the largest attachment

const password = "violet-otter-climbs-42-stairs"

// newServer boots the API; change may alter what it is made of.
func newServer(t testing.TB, change ...func(*httpapi.Config)) *server {
	t.Helper()
	return newServerOn(t, memblob.OpenBucket(nil), []byte("key"), change...)
}

// newServerOn is newServer with its files in a bucket, which it closes; key signs the links to them, unless the bucket does.
func newServerOn(t testing.TB, bucket *blob.Bucket, key []byte, change ...func(*httpapi.Config)) *server {
	t.Helper()
	db, err := pebble.Open(pebble.Options{Dir: t.TempDir(), Schemas: store.Schemas()})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, log: &buffer{}, store: store.New(db, time.Now), bucket: bucket, ahead: &atomic.Int64{}}
	s.files = files.NewAttachments(files.AttachmentConfig{Bucket: bucket, Key: key, Now: func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }})
	ctx, cancel := context.WithCancel(context.Background())
	limiter := limit.New(limit.Config{Off: true})
	logger := slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	avatars := files.NewAvatars(bucket, 1<<20)
	var who accounts.Accounts
	s.service = chat.New(chat.Config{Log: s.store, Rooms: s.store, Markers: s.store, Notices: s.store, Erasures: s.store, Digests: s.store, Users: s.store, Seen: s.store,
		Deliverer: nobody{}, Limiter: limiter, Names: names.Precis{}, Logger: logger,
		Forget: func(ctx context.Context, e chat.Erasure) error { return who.Forget(ctx, e, avatars) },
		Files:  chat.Files{Uploads: s.store, Contents: s.files, MaxBytes: fileBytes, Quota: 4 * fileBytes}})
	people, err := identity.NewLocal(ctx, identity.Config{Store: s.store, Rooms: s.service, Limiter: limiter, Connections: nobody{},
		Names: names.Precis{}, Registration: identity.Open, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	who = accounts.New(people, people)
	done := make(chan error, 1)
	go func() { done <- s.service.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		bucket.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	c := httpapi.Config{Service: s.service, Identity: who, Avatars: avatars, Files: s.files, Limiter: limiter,
		Version: "test", Logger: logger, Web: fstest.MapFS{
			"index.html":         {Data: []byte("<!doctype html><title>app</title>")},
			"assets/app-1234.js": {Data: []byte("console.log(1) // a long enough script")},
		}}
	for _, f := range change {
		f(&c)
	}
	if s.handler, err = httpapi.New(c); err != nil {
		t.Fatal(err)
	}
	s.docs = newContract(t, s.do(call{method: "GET", path: "/openapi.json"}).Body)
	return s
}

// call is one request.
type call struct {
	method, path string
	body         any // string as it is, []byte as it is, others as JSON
	as           *person
	header       map[string]string
}

// person is somebody who is signed in.
type person struct {
	token, refresh string
	user           chat.User
}

// answer is what came back.
type answer struct {
	t      testing.TB
	Status int
	Header http.Header
	Body   []byte
}

func (s *server) do(c call) *answer {
	s.t.Helper()
	if strings.HasPrefix(c.path, "http://127.0.0.1:") {
		return over(s.t, c)
	}
	var body io.Reader
	switch b := c.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	case []byte:
		body = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			s.t.Fatal(err)
		}
		body = bytes.NewReader(raw)
	}
	path := c.path
	if strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") {
		path = "http://chat.test" + path
	}
	r := httptest.NewRequest(c.method, path, body)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.as != nil {
		r.Header.Set("Authorization", "Bearer "+c.as.token)
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	a := &answer{s.t, w.Code, w.Header(), w.Body.Bytes()}
	if s.docs != nil && strings.HasPrefix(c.path, "/api/v1/") {
		s.docs.answer(s.t, c.method, c.path, a)
	}
	return a
}

// api calls a route of the API and wants a status.
func (s *server) api(as *person, method, path string, body any, want int) *answer {
	s.t.Helper()
	a := s.do(call{method: method, path: "/api/v1" + path, body: body, as: as})
	if a.Status != want {
		s.t.Fatalf("%s %s: status %d, want %d: %s", method, path, a.Status, want, a.Body)
	}
	return a
}

// json reads the answer into v.
func (a *answer) json(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.Body, v); err != nil {
		a.t.Fatalf("%v: %s", err, a.Body)
	}
}

func (a *answer) problem() httpapi.Problem {
	a.t.Helper()
	var p httpapi.Problem
	a.json(&p)
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Errorf("content type of a refusal: %q", got)
	}
	if p.Status != a.Status || p.RequestID == "" || p.RequestID != a.Header.Get("X-Request-Id") || p.Detail == "" || p.Title == "" {
		a.t.Errorf("incomplete problem: %+v", p)
	}
	return p
}

// join registers somebody and signs them in.
func (s *server) join(username string) *person {
	s.t.Helper()
	s.api(nil, "POST", "/auth/register", map[string]any{"username": username, "email": username + "@example.org", "password": password}, 201)
	return s.login(username)
}

func (s *server) login(username string) *person {
	s.t.Helper()
	var g struct {
		AccessToken, RefreshToken string
		User                      chat.User
	}
	s.api(nil, "POST", "/auth/login", map[string]any{"username": username, "password": password}, 200).json(&g)
	return &person{g.AccessToken, g.RefreshToken, g.User}
}

// room makes a room and returns its id.
func (s *server) room(as *person, kind, name string) string {
	s.t.Helper()
	var r struct{ RoomID string }
	s.api(as, "POST", "/rooms", map[string]any{"kind": kind, "name": name}, 201).json(&r)
	return r.RoomID
}

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}
