package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley/chat"
	"parley/client"
	"parley/wiring/server"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	a.cert, err = x509.ParseCertificate(a.sign(a.cert, a.cert, &a.key.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) sign(c, by *x509.Certificate, key any) []byte {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, by, key, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

// leaf is what a server's certificate has in it.
func leaf(serial int64, names ...string) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: names, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
}

// issue writes a certificate and its key into the files, as one who renews them does.
func (a *authority) issue(serial int64, certFile, keyFile string) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	put(a.t, keyFile, "EC PRIVATE KEY", der)
	put(a.t, certFile, "CERTIFICATE", a.sign(leaf(serial, "chat.test"), a.cert, &key.PublicKey))
}

func put(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// trusting is an HTTP client that trusts the authority, and speaks HTTP/2 where it can.
func (a *authority) trusting(name string) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: name}, ForceAttemptHTTP2: true}
	a.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}
}

// serial is the number of the certificate that a new connection is shown; an error if there is no connection.
func (a *authority) serial(address string, versions ...uint16) (int64, error) {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	c := &tls.Config{RootCAs: pool, ServerName: "chat.test"}
	if len(versions) > 0 {
		c.MinVersion, c.MaxVersion = versions[0], versions[0]
	}
	conn, err := tls.Dial("tcp", address, c)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
}

// eventually waits for what happens in its own time.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("in vain: " + what)
		}
	}
}

// say sends a message on a socket and ends the test unless it is acknowledged.
func say(t *testing.T, ws *websocket.Conn, roomID, id string) {
	t.Helper()
	var a tally
	a.burst(t, ws, roomID, id, 1)
	if len(a.acked) != 1 {
		t.Fatalf("%s is not acknowledged", id)
	}
}

// TestTLS: the API over HTTP/2, sockets beside it, nothing older than TLS 1.2, and a browser is told to stay with TLS. New
// files are served to new connections while those that are open go on; bad ones are not served at all.
func TestTLS(t *testing.T) {
	a, dir := newAuthority(t), t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	a.issue(2, cert, key)
	address := boot(t, func(c *server.Config) {
		c.TLS = server.TLS{CertFile: cert, KeyFile: key, Every: 5 * time.Millisecond}
	})
	over := a.trusting("chat.test")
	res, err := over.Get("https://" + address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.ProtoMajor != 2 || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s with %v", res.Proto, res.Header)
	}
	if _, err := a.serial(address, tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	ann := signUp(t, "https://"+address, over, "ann")
	room, err := ann.CreateRoom(t.Context(), chat.Public, "garden", "")
	if err != nil {
		t.Fatal(err)
	}
	ws := dial(t, "https://"+address, over, ann)
	say(t, ws, room.RoomID, "before")

	a.issue(3, cert, key)
	eventually(t, "the new certificate is served", func() bool {
		n, err := a.serial(address)
		return err == nil && n == 3
	})
	say(t, ws, room.RoomID, "during")
	if err := os.WriteFile(cert, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 20 { // looks enough to be seen
		time.Sleep(5 * time.Millisecond)
		if n, err := a.serial(address); err != nil || n != 3 {
			t.Fatalf("with a bad certificate in the file, %d is served: %v", n, err)
		}
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	a.issue(4, cert, key)
	eventually(t, "the repaired certificate is served", func() bool {
		n, err := a.serial(address)
		return err == nil && n == 4
	})
	say(t, ws, room.RoomID, "after")
	say(t, dial(t, "https://"+address, over, ann), room.RoomID, "afterwards")

	heard := make(chan string, 16) // the client's own stream, over wss
	s := ann.Stream(client.StreamOptions{From: map[string]int64{}, All: true, Handle: func(e client.Event) error {
		if e.NewMessage != nil {
			heard <- e.NewMessage.ClientMessageID
		}
		return nil
	}})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() {
		stop()
		<-ended
	}()
	for _, want := range []string{"before0", "during0", "after0", "afterwards0"} {
		select {
		case got := <-heard:
			if got != want {
				t.Errorf("heard %s, want %s", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s is not heard", want)
		}
	}
}
