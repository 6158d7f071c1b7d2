package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestWhatIsLinked: the functions carry nothing of the single machine.
func TestWhatIsLinked(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "lambda.norpc", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	for _, not := range []string{"parley/store/pebble", "parley/gateway", "parley/web", "parley/wiring/server", "parley/admin", "github.com/gobwas/ws", "net/rpc"} {
		if slices.Contains(deps, not) {
			t.Errorf("%s is linked", not)
		}
	}
	if i := slices.IndexFunc(deps, func(d string) bool { return strings.HasPrefix(d, "github.com/cockroachdb/") }); i >= 0 {
		t.Errorf("%s is linked", deps[i])
	}
	if !slices.Contains(deps, "parley/apigateway") {
		t.Error("the edge is not linked")
	}
}

// build builds the bootstrap for this machine.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bootstrap")
	c := exec.CommandContext(t.Context(), "go", "build", "-tags", "lambda.norpc", "-o", path, ".")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// TestBootstrap: the true program takes events from the Runtime API, and calls nobody before one needs it: there is no AWS
// here, and yet it starts and refuses a stranger's frame of no kind.
func TestBootstrap(t *testing.T) {
	path := build(t)
	answers := make(chan string, 1)
	events := make(chan string, 1)
	events <- `{"requestContext":{"eventType":"SOMETHING","connectionId":"x="}}`
	runtime := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/invocation/next"):
			select {
			case e := <-events:
				w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
				w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
				_, _ = io.WriteString(w, e)
			case <-r.Context().Done():
			}
		default:
			body, _ := io.ReadAll(r.Body)
			answers <- r.URL.Path + " " + string(body)
			w.WriteHeader(http.StatusAccepted)
		}
	}))
	defer runtime.Close()
	c := exec.CommandContext(t.Context(), path)
	c.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(runtime.URL, "http://"), "PARLEY_FUNCTION=socket", "PARLEY_SOCKET_ENDPOINT=http://127.0.0.1:1/ws",
		"PARLEY_FILES_BUCKET=files", "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "HOME=" + t.TempDir()}
	c.Stderr = os.Stderr
	began := time.Now()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}()
	select {
	case got := <-answers:
		t.Logf("first answer after %s", time.Since(began))
		where, body, _ := strings.Cut(got, " ")
		var answer struct{ StatusCode int }
		if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.StatusCode != http.StatusBadRequest || !strings.HasSuffix(where, "/response") {
			t.Errorf("answer: %s, %v", got, err)
		}
	case <-time.After(time.Minute):
		t.Fatal("no answer")
	}
}

// TestBadConfiguration: what is wrong is said in one line, and by status 2.
func TestBadConfiguration(t *testing.T) {
	path := build(t)
	good := []string{"PARLEY_FUNCTION=socket", "PARLEY_SOCKET_ENDPOINT=https://x/ws", "PARLEY_FILES_BUCKET=files"}
	for name, env := range map[string][]string{
		"PARLEY_FUNCTION":        {"PARLEY_FUNCTION=other"},
		"PARLEY_SOCKET_ENDPOINT": {"PARLEY_SOCKET_ENDPOINT="},
		"PARLEY_REGISTRATION":    {"PARLEY_REGISTRATION=maybe"},
		"PARLEY_IDENTITY":        {"PARLEY_IDENTITY=ldap"},
		"PARLEY_PUBLIC_URL":      {"PARLEY_PUBLIC_URL=chat"},
		"PARLEY_SOCKET_LIFE":     {"PARLEY_SOCKET_LIFE=long"},
	} {
		c := exec.CommandContext(t.Context(), path)
		c.Env = append(slices.Clone(good), env...)
		out, _ := c.CombinedOutput()
		if c.ProcessState.ExitCode() != 2 || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), name) {
			t.Errorf("%s: exit %d, %q", name, c.ProcessState.ExitCode(), out)
		}
	}
}
