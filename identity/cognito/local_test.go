package cognito_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

const cognitoLocal = "5.3.0" // version of the npm package cognito-local

// startCognitoLocal starts cognito-local, which puts issuer in its tokens and sends everybody the same code. It ends with
// the test, or with the test's process.
func startCognitoLocal(t *testing.T, issuer, code string) (url string) {
	t.Helper()
	dir, err := install()
	if err != nil {
		t.Fatalf("fetch cognito-local: %v", err)
	}
	data := t.TempDir()
	config := `{"UserPoolDefaults":{"UsernameAttributes":[],"MfaConfiguration":"OFF"},"TokenConfig":{"IssuerDomain":"` + issuer + `"}}`
	if err := os.Mkdir(filepath.Join(data, ".cognito"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, ".cognito", "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 { // somebody else may take the free port first
		if url, err = start(t, dir, data, code); err == nil {
			return url
		}
	}
	t.Fatalf("start cognito-local: %v", err)
	return ""
}

func start(t *testing.T, dir, data, code string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	// The shell waits for its input to end, which it does with whoever holds the other end: nothing is left behind.
	const script = `"$@" & pid=$!; read -r _; kill -9 $pid 2>/dev/null; wait $pid`
	cmd := exec.Command("sh", "-c", script, "cognito-local", "node", filepath.Join(dir, "node_modules/cognito-local/lib/bin/start.js"))
	var said lockedBuffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = data, &said, &said
	cmd.Env = append(os.Environ(), "HOST=127.0.0.1", "PORT="+port, "CODE="+code)
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	stop := func() {
		_ = lifeline.Close()
		_ = cmd.Wait() // it is killed: that is no error
	}
	url := "http://127.0.0.1:" + port
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(url + "/health")
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			t.Cleanup(stop)
			return url, nil
		}
	}
	stop()
	return "", errors.New("it does not answer; it said: " + said.String())
}

// install returns the folder with cognito-local, and fetches it from npm if it is not there. One process at a time does.
func install() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "parley")
	dir := filepath.Join(cache, "cognito-local-"+cognitoLocal)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(cache, "lock-cognito-local"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close() // and gives up the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	half, err := os.MkdirTemp(cache, "half-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(half)
	out, err := exec.Command("npm", "install", "--prefix", half, "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev", "cognito-local@"+cognitoLocal).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("npm install: %w: %s", err, out)
	}
	return dir, os.Rename(half, dir)
}

// lockedBuffer keeps what a program says.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
