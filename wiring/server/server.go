// Package server is Parley on one machine, put together: the embedded store, local accounts, the core, the socket and
// HTTP edges with the web app inside, and the operator's socket.
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"golang.org/x/sync/errgroup"

	"parley/admin"
	"parley/chat"
	"parley/files"
	"parley/gateway"
	"parley/httpapi"
	"parley/identity"
	"parley/limit"
	"parley/names"
	"parley/notify"
	"parley/store"
	"parley/store/pebble"
	"parley/store/table"
	"parley/web"
	"parley/wiring/accounts"
)

// Config says what to serve, and from where. Only Data is required.
type Config struct {
	Data     string       // data folder, made if missing; one server at a time
	Listen   string       // HOST:PORT; empty, with no Listener, opens the data without serving it
	Listener net.Listener // instead of Listen; closed by Run

	TLS            TLS            // default: none, a proxy does it
	PublicURL      *url.URL       // where people reach the server; nil: wherever a request was sent to
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	Registration   identity.Mode  // default identity.Closed
	Limits         limit.Config   // default limit.Defaults
	LimitsOff      bool           // lifts the limits of sockets as well
	Sockets        gateway.Limits // default as package gateway says
	VAPIDSubject   string         // a mailto: or https: URL that push services are told; default the public URL
	PushPrivate    bool           // push to endpoints on this machine too: for tests
	AvatarBytes    int64          // largest picture, default 5 MiB
	FilesOff       bool           // no attachments
	FileBytes      int64          // largest attachment, default 25 MiB
	FileQuota      int64          // bytes of all attachments of one person, default 1 GiB; negative is no bound
	DrainFor       time.Duration  // for requests and sockets to end when Run ends, default 10 s

	Bulk bool // to fill the data, not to serve it: nothing is durable before Close

	Version string
	Now     func() time.Time // default time.Now
	FS      vfs.FS           // under the store; default the disk
	Logger  *slog.Logger     // default slog.Default
}

// Server is one Parley. What it is made of does not change after New.
type Server struct {
	cfg      Config
	listener net.Listener // nil: opened without serving
	budget   budget
	db       *pebble.DB
	bucket   *blob.Bucket
	store    *store.Store
	accounts *identity.Local
	who      accounts.Accounts // the same, for the edges
	service  *chat.Service
	gateway  *gateway.Gateway
	notifier *notify.Notifier
	http     *http.Server

	keyPair    *keyPair     // nil without certificate files
	challenge  *http.Server // nil without ACME
	challenges net.Listener

	opened  time.Time   // by the clock of the disk
	serving atomic.Bool // between the first request that can be answered and the beginning of the drain
}

// New opens the data, which nobody else may have open (table.ErrLocked), and puts the server together. Nothing is
// served before Run. Close must be called if Run is not.
func New(ctx context.Context, cfg Config) (_ *Server, err error) {
	s := &Server{cfg: cfg.withDefaults(), listener: cfg.Listener, opened: time.Now()}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if err := s.shareFiles(); err != nil {
		return nil, err
	}
	if err := s.openData(); err != nil {
		return nil, err
	}
	s.store = store.New(s.db, s.cfg.Now)
	limiter, hub, nameProfile := limit.New(s.cfg.Limits), gateway.NewHub(0), names.Precis{}
	away := notify.NewQueue()
	attachments, err := s.attachments(ctx)
	if err != nil {
		return nil, err
	}
	avatars := files.NewAvatars(s.bucket, s.cfg.AvatarBytes)
	s.service = chat.New(chat.Config{
		Log: s.store, Rooms: s.store, Markers: s.store, Notices: s.store, Erasures: s.store, Digests: s.store, Users: s.store, Seen: s.store,
		Deliverer: hub, Limiter: limiter, Names: nameProfile, Now: s.cfg.Now, Logger: s.cfg.Logger,
		Outbox: s.store, Reached: s.store, Away: away,
		Forget: func(ctx context.Context, e chat.Erasure) error { return s.who.Forget(ctx, e, avatars) },
		Files:  chat.Files{Uploads: s.store, Contents: attachments, Off: s.cfg.FilesOff, MaxBytes: s.cfg.FileBytes, Quota: max(0, s.cfg.FileQuota)},
	})
	s.accounts, err = identity.NewLocal(ctx, identity.Config{
		Store: s.store, Rooms: s.service, Limiter: limiter, Connections: hub, Names: nameProfile,
		Registration: s.cfg.Registration, Now: s.cfg.Now, Logger: s.cfg.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("open the accounts: %w", err)
	}
	s.who = accounts.New(s.accounts, s.accounts)
	if s.cfg.Sockets.Files == 0 {
		s.cfg.Sockets.Files = s.budget.connections
	}
	s.gateway, err = gateway.New(gateway.Config{
		Service: s.service, Hub: hub, Authenticate: s.authenticate, Origins: origins(s.cfg.PublicURL), Limits: s.cfg.Sockets, Logger: s.cfg.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("open the socket gateway: %w", err)
	}
	s.notifier, err = notify.New(ctx, notify.Config{
		Key: s.store, Subscriptions: s.store, Rules: s.service, Users: s.store, Outbox: s.service, Queue: away, Sessions: s.store, Subject: s.cfg.VAPIDSubject, PublicURL: s.publicURL(), AllowPrivate: s.cfg.PushPrivate,
		Now: s.cfg.Now, Logger: s.cfg.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("open the notifier: %w", err)
	}
	app, err := web.Files()
	if err != nil && !errors.Is(err, web.ErrNotBuilt) {
		return nil, err
	}
	if err != nil && s.serves() {
		s.cfg.Logger.WarnContext(ctx, "serving the API only", "reason", err)
	}
	registry, metricsHandler := metrics(s.gateway, s.notifier)
	handler, err := httpapi.New(httpapi.Config{
		Service: s.service, Identity: s.who, Avatars: avatars, Files: attachments, Push: s.notifier, Limiter: limiter,
		Socket: s.gateway, Await: s.await, Web: app, Ready: s.ready, Metrics: metricsHandler, Registerer: registry,
		PublicURL: s.cfg.PublicURL, TrustedProxies: s.cfg.TrustedProxies, Version: s.cfg.Version, Logger: s.cfg.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("put the HTTP API together: %w", err)
	}
	s.http = &http.Server{
		Handler: handler, ErrorLog: slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug), MaxHeaderBytes: 32 << 10,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
	}
	if s.cfg.TLS.on() && s.serves() {
		if err := s.secure(ctx); err != nil {
			return nil, err
		}
	}
	return s, s.listen(ctx)
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.AvatarBytes == 0 {
		c.AvatarBytes = 5 << 20
	}
	if c.FileBytes == 0 {
		c.FileBytes = 25 << 20
	}
	if c.FileQuota == 0 {
		c.FileQuota = 1 << 30
	}
	if c.DrainFor == 0 {
		c.DrainFor = 10 * time.Second
	}
	if c.TLS.Every == 0 {
		c.TLS.Every = 10 * time.Second
	}
	if c.TLS.Challenge == "" {
		c.TLS.Challenge = ":80"
	}
	c.Limits.Now = c.Now
	if c.LimitsOff {
		c.Limits.Off = true
		c.Sockets.ConnectionsPerUser, c.Sockets.FramesPerSecond = -1, -1
	}
	return c
}

// openData opens the store and the files of the data folder.
func (s *Server) openData() (err error) {
	if err := os.MkdirAll(s.cfg.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	s.db, err = pebble.Open(pebble.Options{Dir: storeDir(s.cfg.Data), Schemas: store.Schemas(), Now: s.cfg.Now, FS: s.cfg.FS, Logger: s.cfg.Logger,
		Bulk: s.cfg.Bulk, OpenFiles: s.budget.store})
	if errors.Is(err, table.ErrLocked) {
		return fmt.Errorf("%s: %w", s.cfg.Data, table.ErrLocked)
	}
	if err != nil {
		return err
	}
	s.bucket, err = openFiles(s.cfg.Data)
	return err
}

// attachments are the files of messages. The key of their links is made at the first start.
func (s *Server) attachments(ctx context.Context) (*files.Attachments, error) {
	key, err := s.store.Secret(ctx, "links", []byte(rand.Text()))
	if err != nil {
		return nil, fmt.Errorf("read the key of links to files: %w", err)
	}
	return files.NewAttachments(files.AttachmentConfig{Bucket: s.bucket, Key: key, Now: s.cfg.Now, Open: s.budget.transfers}), nil
}

// removeUnfinished removes what a process that was killed had half written to the files.
func (s *Server) removeUnfinished(ctx context.Context) error {
	err := filepath.WalkDir(filesDir(s.cfg.Data), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".tmp" {
			return errors.Join(err, ctx.Err())
		}
		info, err := d.Info()
		if err == nil && info.ModTime().Before(s.opened) {
			err = os.Remove(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was finished
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		s.cfg.Logger.WarnContext(ctx, "could not remove files that were not finished", "error", err)
	}
	return nil
}

func storeDir(data string) string { return filepath.Join(data, "store") }
func filesDir(data string) string { return filepath.Join(data, "files") }

func openFiles(data string) (*blob.Bucket, error) {
	bucket, err := fileblob.OpenBucket(filesDir(data), &fileblob.Options{CreateDir: true, DirFileMode: fs.FileMode(0o700), NoTempDir: true})
	if err != nil {
		return nil, fmt.Errorf("open the files: %w", err)
	}
	return bucket, nil
}

// serves tells whether there is something to listen on.
func (s *Server) serves() bool { return s.listener != nil || s.cfg.Listen != "" }

func (s *Server) listen(ctx context.Context) (err error) {
	if s.listener != nil || !s.serves() {
		return nil
	}
	var lc net.ListenConfig
	if s.listener, err = lc.Listen(ctx, "tcp", s.cfg.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

// publicURL is where people reach the server, as far as that is known.
func (s *Server) publicURL() *url.URL {
	if s.cfg.PublicURL == nil && s.cfg.TLS.Domain != "" {
		return &url.URL{Scheme: "https", Host: s.cfg.TLS.Domain}
	}
	return s.cfg.PublicURL
}

// appURL is where somebody on this machine finds the app.
func (s *Server) appURL() string {
	if u := s.publicURL(); u != nil {
		return u.String()
	}
	u := url.URL{Scheme: "http", Host: s.listener.Addr().String()}
	if s.cfg.TLS.on() {
		u.Scheme = "https"
	}
	if host, port, err := net.SplitHostPort(u.Host); err == nil {
		if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
			u.Host = net.JoinHostPort("localhost", port)
		}
	}
	return u.String()
}

func origins(public *url.URL) []string {
	if public == nil {
		return nil
	}
	return []string{public.Scheme + "://" + public.Host}
}

// Addr is where the server listens, or nil.
func (s *Server) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// ready tells whether requests can be served.
func (s *Server) ready(context.Context) error {
	if !s.serving.Load() {
		return errors.New("the server is starting or stopping")
	}
	return nil
}

// Run serves until ctx ends, then drains and closes everything. It returns nil if all went well, or the first failure of
// a part, with which the others are drained too.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		return errors.Join(errors.New("the server was opened without an address to listen on"), s.Close())
	}
	operator, err := admin.Listen(ctx, s.cfg.Data)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	parts, stopParts := context.WithCancel(context.WithoutCancel(ctx)) // they outlive ctx by the drain
	defer stopParts()
	g, failed := errgroup.WithContext(parts)
	tasks := []func(context.Context) error{s.db.Run, s.service.Run, s.accounts.Run, s.gateway.Run, s.removeUnfinished}
	if s.keyPair != nil {
		tasks = append(tasks, s.keyPair.run)
	}
	for _, run := range tasks {
		g.Go(func() error { return run(parts) })
	}
	notifying, stopNotifying := context.WithCancel(parts) // it uses the other parts: it ends before them
	defer stopNotifying()
	notified := make(chan struct{})
	g.Go(func() error {
		defer close(notified)
		return s.notifier.Run(notifying)
	})
	operation := &http.Server{Handler: admin.Handler(s.Operations(), s.cfg.Logger), ReadHeaderTimeout: 10 * time.Second}
	g.Go(func() error { return serve(operation, operator) })
	arrivals := s.gateway.Listener(s.listener)
	s.http.ConnState = arrivals.ConnState
	g.Go(func() error { return serve(s.http, arrivals) })
	if s.challenge != nil {
		challenges := s.gateway.Listener(s.challenges)
		s.challenge.ConnState = challenges.ConnState
		g.Go(func() error { return serve(s.challenge, challenges) })
	}
	s.serving.Store(true)
	s.cfg.Logger.InfoContext(ctx, "listening", "address", s.listener.Addr().String(), "tls", s.cfg.TLS.on(), "connections", s.cfg.Sockets.Files, "data", s.cfg.Data, "version", s.cfg.Version)
	if info, err := s.accounts.ServerInfo(ctx); err == nil && info.Empty {
		s.cfg.Logger.InfoContext(ctx, "nobody is here yet: open the app and register, the first account is the administrator's", "open", s.appURL())
	}
	g.Go(func() error {
		select {
		case <-ctx.Done():
		case <-failed.Done():
		}
		stopNotifying()
		s.drain(context.WithoutCancel(ctx), operation)
		<-notified
		stopParts()
		return nil
	})
	return errors.Join(g.Wait(), s.Close())
}

func serve(server *http.Server, l net.Listener) error {
	run := server.Serve
	if server.TLSConfig != nil {
		run = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	if err := run(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// drain ends what is under way: sockets are told to come back (1012) after their requests are answered, then HTTP
// requests end, all within DrainFor. What is cut off then was not acknowledged.
func (s *Server) drain(ctx context.Context, operation *http.Server) {
	s.serving.Store(false)
	s.cfg.Logger.InfoContext(ctx, "draining", "atMost", s.cfg.DrainFor.String())
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DrainFor)
	defer cancel()
	s.http.SetKeepAlivesEnabled(false)
	if err := s.gateway.Shutdown(ctx); err != nil {
		s.cfg.Logger.WarnContext(ctx, "not all sockets were drained", "error", err)
	}
	servers := []*http.Server{s.http, operation}
	if s.challenge != nil {
		servers = append(servers, s.challenge)
	}
	for _, server := range servers {
		if err := server.Shutdown(ctx); err != nil {
			s.cfg.Logger.WarnContext(ctx, "not all requests were drained", "error", err)
			_ = server.Close()
		}
	}
}

// Close closes the data. Run does it itself.
func (s *Server) Close() error {
	var err error
	if s.notifier != nil {
		s.notifier.Close()
	}
	for _, l := range []net.Listener{s.listener, s.challenges} {
		if l == nil {
			continue
		}
		if closed := l.Close(); !errors.Is(closed, net.ErrClosed) {
			err = errors.Join(err, closed)
		}
	}
	if s.bucket != nil {
		err = errors.Join(err, s.bucket.Close())
		s.bucket = nil
	}
	if s.db != nil {
		err = errors.Join(err, s.db.Close())
	}
	return err
}
