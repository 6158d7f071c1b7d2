package notify

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"parley/chat"
	"parley/internal/foreign"
)

// TestReceiver pushes to the push service of web-push-testing, a program of others in another language, which checks the
// VAPID token and decrypts by the reference implementation of the encoding.
func TestReceiver(t *testing.T) {
	r := startReceiver(t)
	h := newHouse(t)
	one, two := r.subscribe(h.PublicKey()), r.subscribe(h.PublicKey())
	for session, b := range map[string]device{"s1": one, "s2": two} {
		n := chat.NewPushSubscription{UserID: "u-ann", SessionID: session, Endpoint: b.Endpoint, P256dh: b.Keys.P256dh, Auth: b.Keys.Auth, Language: "de"}
		if _, err := h.Subscribe(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	for _, res := range h.test("u-ann") {
		if !res.OK {
			t.Errorf("result: %+v", res)
		}
	}
	for _, b := range []device{one, two} {
		var p payload
		got := r.messages(b)
		if len(got) != 1 || json.Unmarshal([]byte(got[0]), &p) != nil || p.WebPush != 8030 || p.Notification.Body != "Benachrichtigungen kommen auf diesem Gerät an." {
			t.Errorf("decrypted: %q", got)
		}
	}
	// A long one, cut and with its text to the last byte, still decrypts.
	for _, s := range h.devices("u-ann") {
		if a := h.push(t.Context(), &s, message{payload: payload{Notification: notification{Body: strings.Repeat("é", 9000)}}}); a.verdict != sent {
			t.Errorf("a long one: %+v", a)
		}
	}
	if got := r.messages(one); len(got) != 2 || len(got[1]) < 3990 || len(got[1]) > 3993 {
		t.Errorf("%d messages", len(got))
	}
	r.post("/expire-subscription/"+one.ClientHash, struct{}{}, nil)
	h.test("u-ann")
	if d := h.devices("u-ann"); len(d) != 1 || d[0].Endpoint != two.Endpoint {
		t.Errorf("after one has expired: %d devices", len(d))
	}
	if len(r.messages(one)) != 2 || len(r.messages(two)) != 3 {
		t.Error("who got what is wrong after one has expired")
	}
}

// receiver is a running web-push-testing.
type receiver struct {
	t   *testing.T
	url string
}

// device is a subscription that it made.
type device struct {
	Endpoint   string
	Keys       struct{ P256dh, Auth string }
	ClientHash string
}

func startReceiver(t *testing.T) *receiver {
	t.Helper()
	dir, err := installReceiver(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "main.js")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	stdin, err1 := cmd.StdinPipe() // at its end it ends
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var port int
	if _, err := fmt.Sscanf(line, "Server running on port %d", &port); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return &receiver{t, fmt.Sprintf("http://localhost:%d", port)}
}

func (r *receiver) post(path string, in, out any) {
	r.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := http.Post(r.url+path, "application/json", bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %d, %s, %v", path, res.StatusCode, raw, err)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			r.t.Fatalf("%s: %v", raw, err)
		}
	}
}

func (r *receiver) subscribe(key string) device {
	var answer struct{ Data device }
	r.post("/subscribe", map[string]string{"userVisibleOnly": "true", "applicationServerKey": key}, &answer)
	// It writes its keys in base64 over again; browsers do it once.
	for _, k := range []*string{&answer.Data.Keys.P256dh, &answer.Data.Keys.Auth} {
		*k = onceEncoded(*k)
	}
	return answer.Data
}

func onceEncoded(key string) string {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(key, "="))
	if inner, again := base64.RawURLEncoding.DecodeString(string(raw)); err == nil && again == nil && (len(inner) == 16 || len(inner) == 65) {
		return string(raw)
	}
	return key
}

func (r *receiver) messages(b device) []string {
	var answer struct{ Data struct{ Messages []string } }
	r.post("/get-notifications", map[string]string{"clientHash": b.ClientHash}, &answer)
	return answer.Data.Messages
}

// installReceiver fetches the program with all that it needs, in the versions of the lock file, into the cache folder.
func installReceiver(ctx context.Context) (string, error) {
	files := map[string][]byte{}
	sum := sha256.New()
	for _, name := range []string{"main.js", "package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", "receiver", name))
		if err != nil {
			return "", err
		}
		files[name] = text
		sum.Write(text)
	}
	return foreign.Install("web-push-testing-"+hex.EncodeToString(sum.Sum(nil)[:6]), func(dir string) error {
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
				return err
			}
		}
		return foreign.NPM(ctx, dir, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
	})
}
