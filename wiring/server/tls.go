package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// TLS says how the server ends TLS itself: with a certificate in files, or one that it gets by ACME (RFC 8555). The zero
// value is no TLS.
type TLS struct {
	CertFile, KeyFile string        // PEM, the chain and its key; both or none
	Every             time.Duration // between looks at the files, default 10 s

	Domain    string       // the one name to get a certificate for; empty: no ACME
	Email     string       // for the authority to write to; may be empty
	Challenge string       // HOST:PORT for the authority's HTTP-01 requests, default ":80"; the authority asks at port 80
	Listener  net.Listener // instead of Challenge; closed by Run
	Directory string       // the authority, default Let's Encrypt
}

func (t *TLS) files() bool { return t.CertFile != "" }
func (t *TLS) acme() bool  { return t.Domain != "" }
func (t *TLS) on() bool    { return t.files() || t.acme() }

// secure makes the listening server one with TLS.
func (s *Server) secure(ctx context.Context) error {
	t := &s.cfg.TLS
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	switch {
	case t.files():
		pair, err := newKeyPair(t, s.cfg.Logger)
		if err != nil {
			return err
		}
		s.keyPair, config.GetCertificate = pair, pair.get
	case t.acme():
		m, err := s.authority()
		if err != nil {
			return err
		}
		config.GetCertificate = m.GetCertificate
		if s.challenges = t.Listener; s.challenges == nil {
			var lc net.ListenConfig
			if s.challenges, err = lc.Listen(ctx, "tcp", t.Challenge); err != nil {
				return fmt.Errorf("listen for the challenges of ACME: %w", err)
			}
		}
		s.challenge = &http.Server{Handler: m.HTTPHandler(nil), ErrorLog: s.http.ErrorLog, MaxHeaderBytes: 8 << 10,
			ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second}
	}
	s.http.TLSConfig = config
	return nil
}

// authority gets certificates and keeps them, and its account, in the data folder.
func (s *Server) authority() (*autocert.Manager, error) {
	t := &s.cfg.TLS
	dir := filepath.Join(s.cfg.Data, "acme")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of certificates: %w", err)
	}
	return &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(dir), HostPolicy: autocert.HostWhitelist(t.Domain), Email: t.Email,
		Client: &acme.Client{DirectoryURL: t.Directory},
	}, nil
}

// keyPair is a certificate in two files, which is loaded again when they change. What is loaded serves new handshakes
// only: connections go on with what they began with.
type keyPair struct {
	cert, key string
	every     time.Duration
	logger    *slog.Logger
	current   atomic.Pointer[tls.Certificate]
	seen      [2]stamp // of the files as last read; belongs to run
}

// stamp tells whether a file is another than before.
type stamp struct {
	size     int64
	modified time.Time
}

func newKeyPair(t *TLS, logger *slog.Logger) (*keyPair, error) {
	p := &keyPair{cert: t.CertFile, key: t.KeyFile, every: t.Every, logger: logger}
	p.seen = p.stamps()
	return p, p.load()
}

func (p *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.current.Load(), nil }

func (p *keyPair) load() error {
	c, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return fmt.Errorf("load the certificate %s with the key %s: %w", p.cert, p.key, err)
	}
	p.current.Store(&c)
	return nil
}

func (p *keyPair) stamps() (out [2]stamp) {
	for i, name := range []string{p.cert, p.key} {
		if info, err := os.Stat(name); err == nil {
			out[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return out
}

// run looks at the files until ctx ends. Files that cannot be used leave what is loaded in use.
func (p *keyPair) run(ctx context.Context) error {
	ticker := time.NewTicker(p.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := p.stamps()
		if now == p.seen {
			continue
		}
		p.seen = now
		if err := p.load(); err != nil {
			p.logger.ErrorContext(ctx, "the new certificate is not used; the old one stays", "error", err)
			continue
		}
		p.logger.InfoContext(ctx, "the certificate is loaded again", "expires", p.current.Load().Leaf.NotAfter)
	}
}
