// Package pushtest is a push service for tests, with browsers that subscribe to it. It is strict: what breaks RFC 8030,
// 8291, 8188 or 8292 fails the test. It decrypts with code of its own, so that it vouches for what was encrypted.
package pushtest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Push is one push as a browser gets it.
type Push struct {
	Payload string
	Topic   string
	Urgency string
	TTL     time.Duration
	Subject string // of the VAPID token
	Key     string // that signed it, in base64url
}

// Answer is what the service says to an attempt; the zero Answer is 201.
type Answer struct {
	Status     int
	RetryAfter string
	Location   string
	Body       string
}

// Service is a push service on this machine.
type Service struct {
	t   testing.TB
	URL string

	mu       sync.Mutex // guards what follows
	browsers map[string]*Browser
	answer   func(b *Browser, attempt int) Answer
}

// Browser is one subscription.
type Browser struct {
	Endpoint, P256dh, Auth string // as a browser gives them

	service *Service
	private *ecdh.PrivateKey
	secret  []byte

	pushes   []Push
	attempts int
	sizes    []int
}

// New starts a service, which ends with the test.
func New(t testing.TB) *Service {
	s := &Service{t: t, browsers: map[string]*Browser{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Subscribe makes a browser.
func (s *Service) Subscribe() *Browser {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	b := &Browser{service: s, private: private, secret: make([]byte, 16)}
	_, _ = rand.Read(b.secret) // never fails
	path := "/push/" + rand.Text()
	b.Endpoint = s.URL + path
	b.P256dh = base64.RawURLEncoding.EncodeToString(private.PublicKey().Bytes())
	b.Auth = base64.RawURLEncoding.EncodeToString(b.secret)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.browsers[path] = b
	return b
}

// Answer sets what the service says from now on; attempt counts from 1 for each browser.
func (s *Service) Answer(f func(b *Browser, attempt int) Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// Pushes returns what the browser got.
func (b *Browser) Pushes() []Push {
	b.service.mu.Lock()
	defer b.service.mu.Unlock()
	return append([]Push(nil), b.pushes...)
}

// Attempts is how often somebody tried to push to the browser, and the sizes of the bodies.
func (b *Browser) Attempts() (int, []int) {
	b.service.mu.Lock()
	defer b.service.mu.Unlock()
	return b.attempts, append([]int(nil), b.sizes...)
}

// ServeHTTP takes one push.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 5000))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.browsers[r.URL.Path]
	if b == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	b.attempts++
	b.sizes = append(b.sizes, len(body))
	push, err := b.read(r, body)
	if err != nil {
		s.t.Errorf("a push breaks the standards: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	a := Answer{}
	if s.answer != nil {
		a = s.answer(b, b.attempts)
	}
	if a.Status == 0 {
		a.Status = http.StatusCreated
		w.Header().Set("Location", s.URL+"/message/"+rand.Text())
	}
	if a.Status < 300 {
		b.pushes = append(b.pushes, push)
	}
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	if a.Location != "" {
		w.Header().Set("Location", a.Location)
	}
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, a.Body)
}

func (b *Browser) read(r *http.Request, body []byte) (Push, error) {
	p := Push{Topic: r.Header.Get("Topic"), Urgency: r.Header.Get("Urgency")}
	if r.Method != http.MethodPost || r.Header.Get("Content-Encoding") != "aes128gcm" {
		return p, fmt.Errorf("it is a %s in %q", r.Method, r.Header.Get("Content-Encoding"))
	}
	ttl, err := strconv.Atoi(r.Header.Get("TTL"))
	if err != nil || ttl < 0 {
		return p, fmt.Errorf("TTL %q", r.Header.Get("TTL"))
	}
	p.TTL = time.Duration(ttl) * time.Second
	if p.Topic != "" && !regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`).MatchString(p.Topic) {
		return p, fmt.Errorf("topic %q", p.Topic)
	}
	if !regexp.MustCompile(`^(very-low|low|normal|high|)$`).MatchString(p.Urgency) {
		return p, fmt.Errorf("urgency %q", p.Urgency)
	}
	if p.Key, p.Subject, err = b.vapid(r.Header.Get("Authorization")); err != nil {
		return p, err
	}
	p.Payload, err = b.decrypt(body)
	return p, err
}

// vapid checks the token by which the server is known (RFC 8292).
func (b *Browser) vapid(header string) (key, subject string, err error) {
	m := regexp.MustCompile(`^vapid t=([^,\s]+),\s*k=([A-Za-z0-9_-]+)$`).FindStringSubmatch(header)
	if m == nil {
		return "", "", fmt.Errorf("authorization %.20q…", header)
	}
	raw, err := base64.RawURLEncoding.DecodeString(m[2])
	if err != nil {
		return "", "", fmt.Errorf("VAPID key: %w", err)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	if err != nil {
		return "", "", fmt.Errorf("VAPID key: %w", err)
	}
	token, err := jwt.ParseSigned(m[1], []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return "", "", fmt.Errorf("VAPID token: %w", err)
	}
	var c jwt.Claims
	if err := token.Claims(public, &c); err != nil {
		return "", "", fmt.Errorf("VAPID token: %w", err)
	}
	to, err := url.Parse(b.Endpoint)
	if err != nil {
		return "", "", err
	}
	if origin := to.Scheme + "://" + to.Host; len(c.Audience) != 1 || c.Audience[0] != origin {
		return "", "", fmt.Errorf("VAPID audience %v, not %s", c.Audience, origin)
	}
	if left := time.Until(c.Expiry.Time()); left <= 0 || left > 24*time.Hour {
		return "", "", fmt.Errorf("VAPID token holds for %v", left)
	}
	if !strings.HasPrefix(c.Subject, "https://") && !regexp.MustCompile(`^mailto:[^:@]+@[^:@]+$`).MatchString(c.Subject) {
		return "", "", fmt.Errorf("VAPID subject %q", c.Subject)
	}
	return m[2], c.Subject, nil
}

// decrypt opens a record of RFC 8188 with the keys of RFC 8291.
func (b *Browser) decrypt(body []byte) (string, error) {
	if len(body) < 21+65 || len(body) > 4096 || body[20] != 65 {
		return "", fmt.Errorf("a body of %d bytes", len(body))
	}
	salt, size, sender, record := body[:16], binary.BigEndian.Uint32(body[16:20]), body[21:86], body[86:]
	if len(record) > int(size) {
		return "", fmt.Errorf("a record of %d bytes, said to be at most %d", len(record), size)
	}
	from, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return "", err
	}
	shared, err := b.private.ECDH(from)
	if err != nil {
		return "", err
	}
	info := "WebPush: info\x00" + string(b.private.PublicKey().Bytes()) + string(sender)
	ikm, err1 := hkdf.Key(sha256.New, shared, b.secret, info, 32)
	key, err2 := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	nonce, err3 := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err := errors.Join(err1, err2, err3); err != nil {
		return "", err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return "", err
	}
	text, err := gcm.Open(nil, nonce, record, nil)
	if err != nil {
		return "", fmt.Errorf("decrypt: %w", err)
	}
	text = bytes.TrimRight(text, "\x00")
	if len(text) == 0 || text[len(text)-1] != 2 {
		return "", errors.New("the last record has no delimiter")
	}
	return string(text[:len(text)-1]), nil
}
