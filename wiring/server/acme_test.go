package server_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/acme"

	"parley/wiring/server"
)

// acmeServer is as much of RFC 8555 as one order takes: it asks for the challenge at the address of the server before it
// signs. It does not check the signatures of requests.
type acmeServer struct {
	*authority
	url       string
	challenge string // address that stands for port 80 of the name

	mu         sync.Mutex // guards what follows
	thumbprint string     // of the account's key
	proven     bool
	cert       []byte
	orders     int
}

func (a *authority) serveACME(challenge string) *acmeServer {
	s := &acmeServer{authority: a, challenge: challenge}
	server := httptest.NewServer(s)
	a.t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// ServeHTTP answers all requests of ACME, each at a path of its own.
func (s *acmeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Replay-Nonce", "nonce")
	payload := s.read(r)
	status := func(done bool, yes, no string) string {
		if done {
			return yes
		}
		return no
	}
	challenge := map[string]string{"type": "http-01", "url": s.url + "/challenge", "token": "token", "status": status(s.proven, "valid", "pending")}
	var answer any
	switch r.URL.Path {
	case "/directory":
		answer = map[string]string{"newNonce": s.url + "/nonce", "newAccount": s.url + "/account", "newOrder": s.url + "/order"}
	case "/nonce":
	case "/account":
		w.Header().Set("Location", s.url+"/account/1")
		w.WriteHeader(http.StatusCreated)
		answer = map[string]string{"status": "valid"}
	case "/authorization":
		answer = map[string]any{"status": challenge["status"], "identifier": map[string]string{"type": "dns", "value": "chat.test"}, "challenges": []any{challenge}}
	case "/challenge":
		s.ask()
		answer = challenge
	case "/order", "/order/1", "/finalize":
		if r.URL.Path == "/finalize" {
			s.finalize(payload)
		}
		order := map[string]any{"status": status(s.cert != nil, "valid", status(s.proven, "ready", "pending")), "finalize": s.url + "/finalize",
			"identifiers": []any{map[string]string{"type": "dns", "value": "chat.test"}}, "authorizations": []string{s.url + "/authorization"}}
		if s.cert != nil {
			order["certificate"] = s.url + "/certificate"
		}
		answer = order
		w.Header().Set("Location", s.url+"/order/1")
		if r.URL.Path == "/order" {
			s.orders++
			w.WriteHeader(http.StatusCreated)
		}
	case "/certificate":
		for _, der := range [][]byte{s.cert, s.authority.cert.Raw} {
			_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: der})
		}
		return
	default:
		s.t.Errorf("the authority is asked for %s", r.URL)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// read returns the payload of a signed request, and notes the key of the account.
func (s *acmeServer) read(r *http.Request) []byte {
	var jws struct{ Protected, Payload string }
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&jws) != nil {
		return nil
	}
	var protected struct{ JWK *struct{ X, Y string } }
	header, _ := base64.RawURLEncoding.DecodeString(jws.Protected)
	if err := json.Unmarshal(header, &protected); err != nil {
		s.t.Error(err)
	}
	if k := protected.JWK; k != nil {
		x, _ := base64.RawURLEncoding.DecodeString(k.X)
		y, _ := base64.RawURLEncoding.DecodeString(k.Y)
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
		if err != nil {
			s.t.Error(err)
			return nil
		}
		if s.thumbprint, err = acme.JWKThumbprint(crypto.PublicKey(key)); err != nil {
			s.t.Error(err)
		}
	}
	payload, _ := base64.RawURLEncoding.DecodeString(jws.Payload)
	return payload
}

// ask looks for the answer to the challenge where the name is served.
func (s *acmeServer) ask() {
	req, err := http.NewRequest(http.MethodGet, "http://"+s.challenge+"/.well-known/acme-challenge/token", nil)
	if err != nil {
		s.t.Error(err)
		return
	}
	req.Host = "chat.test"
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	if s.proven = string(b) == "token."+s.thumbprint; !s.proven {
		s.t.Errorf("the challenge is answered by %s %q", res.Status, b)
	}
}

func (s *acmeServer) finalize(payload []byte) {
	var body struct{ CSR string }
	if err := json.Unmarshal(payload, &body); err != nil || !s.proven {
		s.t.Errorf("finalize: %v, proven: %v", err, s.proven)
		return
	}
	der, _ := base64.RawURLEncoding.DecodeString(body.CSR)
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil || fmt.Sprint(csr.DNSNames) != "[chat.test]" {
		s.t.Errorf("a certificate is asked for %v: %v", csr, err)
		return
	}
	s.cert = s.sign(leaf(7, "chat.test"), s.authority.cert, csr.PublicKey)
}

// TestACME gets a certificate when somebody comes, answers the challenge over plain HTTP, keeps the certificate in the
// data folder, and asks no authority for other names, nor again after a restart.
func TestACME(t *testing.T) {
	a, data := newAuthority(t), t.TempDir()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	challenges := listen()
	authority := a.serveACME(challenges.Addr().String())
	with := func(l net.Listener) func(c *server.Config) {
		return func(c *server.Config) {
			c.Data = data
			c.TLS = server.TLS{Domain: "chat.test", Email: "ann@chat.test", Listener: l, Directory: authority.url + "/directory"}
		}
	}
	t.Run("get", func(t *testing.T) {
		address := boot(t, with(challenges))
		if n, err := a.serial(address); err != nil || n != 7 {
			t.Errorf("%d is served: %v", n, err)
		}
		if _, err := a.trusting("other.test").Get("https://" + address + "/healthz"); err == nil {
			t.Error("another name is served")
		}
		plain := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+challenges.Addr().String()+"/rooms", nil)
		req.Host = "chat.test"
		res, err := plain.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if to := res.Header.Get("Location"); to != "https://chat.test/rooms" {
			t.Errorf("who comes without TLS is sent to %q", to)
		}
		info, err := os.Stat(filepath.Join(data, "acme"))
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the folder of certificates is %v, %v", info, err)
		}
	})
	t.Run("keep", func(t *testing.T) {
		if n, err := a.serial(boot(t, with(listen()))); err != nil || n != 7 {
			t.Errorf("after a restart %d is served: %v", n, err)
		}
	})
	if authority.orders != 1 {
		t.Errorf("%d certificates were ordered", authority.orders)
	}
	err := filepath.WalkDir(filepath.Join(data, "acme"), func(path string, d fs.DirEntry, err error) error {
		if info, _ := d.Info(); err == nil && !d.IsDir() && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", strings.TrimPrefix(path, data), info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
