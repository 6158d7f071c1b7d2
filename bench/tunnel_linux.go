package bench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// tunnel speaks TLS to a server for clients that do not: it stands on the load's CPU, so that the server's share of TLS
// is in the server's CPU time, and nothing else is.
type tunnel struct {
	cert, key string // files
	listener  net.Listener
	copies    sync.WaitGroup

	mu    sync.Mutex // guards conns
	conns []net.Conn
}

// newTunnel writes a certificate for the server into dir.
func newTunnel(dir string) (*tunnel, error) {
	t := &tunnel{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(24 * time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write a key: %w", err)
	}
	for file, block := range map[string]*pem.Block{t.cert: {Type: "CERTIFICATE", Bytes: cert}, t.key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, fmt.Errorf("write a certificate: %w", err)
		}
	}
	return t, nil
}

// to begins to listen for clients of the server.
func (t *tunnel) to(server netip.AddrPort) (netip.AddrPort, error) {
	var err error
	if t.listener, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil { //nolint:noctx // ends with close
		return netip.AddrPort{}, fmt.Errorf("listen for clients: %w", err)
	}
	t.copies.Go(func() {
		for {
			client, err := t.listener.Accept()
			if err != nil {
				return
			}
			t.copies.Go(func() { t.serve(client, server) })
		}
	})
	return netip.ParseAddrPort(t.listener.Addr().String())
}

func (t *tunnel) serve(client net.Conn, server netip.AddrPort) {
	defer client.Close()
	up, err := tls.Dial("tcp4", server.String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec,noctx // this machine's own
	if err != nil {
		return
	}
	defer up.Close()
	t.mu.Lock()
	t.conns = append(t.conns, client, up)
	t.mu.Unlock()
	t.copies.Go(func() {
		_, _ = io.Copy(up, client)
		up.Close()
	})
	_, _ = io.Copy(client, up)
}

func (t *tunnel) close() {
	if t.listener == nil {
		return
	}
	t.listener.Close()
	t.mu.Lock()
	for _, c := range t.conns {
		c.Close()
	}
	t.mu.Unlock()
	t.copies.Wait()
}
