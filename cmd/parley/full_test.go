package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"parley/chat"
	"parley/client"
)

// TestFilesRunOut fills a server with all the connections that its limit of open files lets in. Who wants one more is told
// to come again, and all else goes on: requests are answered, messages are stored and told, the store writes new files, and
// people send theirs. When connections go, others come in.
func TestFilesRunOut(t *testing.T) {
	const limit = 512
	data := t.TempDir()
	p := serve(t, data, fmt.Sprint(openFiles, "=", limit))
	ada, bob := signUp(t, p.url, "ada"), signUp(t, p.url, "bob")
	room, err := ada.CreateRoom(t.Context(), chat.Private, "harbour", "")
	if err != nil {
		t.Fatal(err)
	}
	var told atomic.Int64
	stream := ada.Stream(client.StreamOptions{Handle: func(e client.Event) error {
		if e.NewMessage != nil && len(e.NewMessage.Content) == chat.MaxContent {
			told.Add(1)
		}
		return nil
	}})
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- stream.Run(ctx) }()
	if _, err := stream.Send(t.Context(), chat.NewMessage{RoomID: room.RoomID, Content: "first"}); err != nil {
		t.Fatal(err)
	}

	crowd := fill(t, p.url, bob, limit)
	if n := len(crowd); n < limit/4 || n > limit/2 {
		t.Fatalf("%d sockets were let in", n)
	}
	for range limit { // each stays connected as long as it is let
		res, err := stays(t).Get(p.url + "/healthz")
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("a request to a full server: %v", err)
		}
		res.Body.Close()
	}
	if open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid)); err == nil && len(open) > limit/2 {
		t.Errorf("%d files are open, of at most %d", len(open), limit)
	}

	before, sending := tables(t, data), errgroup.Group{}
	const messages = 1500 // of 8 KiB: more than what the store keeps in memory
	sending.SetLimit(64)
	for i := range messages {
		sending.Go(func() error {
			_, err := stream.Send(t.Context(), chat.NewMessage{RoomID: room.RoomID, Content: strings.Repeat(fmt.Sprintf("%08d", i), chat.MaxContent/8)})
			return err
		})
	}
	if err := sending.Wait(); err != nil {
		t.Errorf("a message to a full server: %v", err)
	}
	if after := tables(t, data); after <= before {
		t.Errorf("the store has made no files: table %d was the latest, now %d", before, after)
	}
	for limit := time.Now().Add(patience); told.Load() < messages; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%d messages were told of %d", told.Load(), messages)
		}
	}
	sendsFile(t, ada, room.RoomID)

	for _, ws := range crowd {
		ws.CloseNow()
	}
	for limit := time.Now().Add(patience); len(fill(t, p.url, bob, 1)) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("nobody is let in though many have gone")
		}
	}
	leave()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p.stop(t)
	if strings.Contains(p.log.String(), "too many open files") {
		t.Errorf("files ran out:\n%s", p.log)
	}
}

// fill opens sockets until no more are let in, at most so many.
func fill(t *testing.T, url string, c *client.Client, most int) (in []*websocket.Conn) {
	t.Helper()
	for len(in) < most {
		ws, res, err := websocket.Dial(t.Context(), url+"/ws", &websocket.DialOptions{ //nolint:bodyclose // the library does
			HTTPHeader: http.Header{"Authorization": {"Bearer " + c.Session().AccessToken}},
		})
		switch {
		case err == nil:
			t.Cleanup(func() { ws.CloseNow() })
			in = append(in, ws)
		case res == nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "":
			t.Fatalf("opening socket %d: %v", len(in), err)
		default:
			return in
		}
	}
	return in
}

// sendsFile sends a file and gets it back.
func sendsFile(t *testing.T, c *client.Client, roomID string) {
	t.Helper()
	content := bytes.Repeat([]byte("text "), 100_000)
	f, err := c.Upload(t.Context(), chat.NewUpload{RoomID: roomID, Filename: "a.txt", ContentType: "text/plain", Size: int64(len(content))}, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(t.Context(), chat.NewMessage{RoomID: roomID, Attachments: []chat.FileRef{f}}); err != nil {
		t.Fatal(err)
	}
	r, err := c.File(t.Context(), f.FileID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes of the file came back, %v", len(got), err)
	}
}

func signUp(t *testing.T, url, name string) *client.Client {
	t.Helper()
	c, err := client.New(url, client.Options{HTTP: stays(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Register(t.Context(), client.Registration{Username: name, Password: password}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Login(t.Context(), name, password); err != nil {
		t.Fatal(err)
	}
	return c
}

// stays is an HTTP client with connections of its own, which it keeps.
func stays(t *testing.T) *http.Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// tables is the number of the latest file that the store wrote from its memory.
func tables(t *testing.T, data string) (latest int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(data, "store", "*.sst"))
	for _, name := range names {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(name), "%d.sst", &n); err == nil {
			latest = max(latest, n)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return latest
}
