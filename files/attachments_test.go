package files_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"parley/chat"
	"parley/files"
)

func folder(t testing.TB) *blob.Bucket {
	t.Helper()
	bucket, err := fileblob.OpenBucket(t.TempDir(), &fileblob.Options{NoTempDir: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bucket.Close() })
	return bucket
}

// left lists what is in a folder.
func left(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestReceiveStoresAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true})
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	a := files.NewAttachments(files.AttachmentConfig{Bucket: bucket, Key: []byte("key")})
	content := bytes.Repeat([]byte("text "), 50_000)
	for name, body := range map[string]io.Reader{
		"too short":  bytes.NewReader(content[1:]),
		"too long":   io.MultiReader(bytes.NewReader(content), strings.NewReader("x")),
		"breaks off": io.MultiReader(bytes.NewReader(content[:1000]), iotest.ErrReader(errors.New("connection reset"))),
		"endless":    zeros{},
	} {
		_, err := a.Receive(t.Context(), announced("text/plain", len(content)), body)
		if chat.CodeOf(err) != chat.InvalidRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	if names := left(t, dir); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
	u, err := a.Receive(t.Context(), announced("text/plain", len(content)), iotest.OneByteReader(bytes.NewReader(content)))
	if err != nil || u.ContentType != "text/plain" || !bytes.Equal(opened(t, a, u, false), content) {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := a.Open(t.Context(), u, true); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("a thumbnail of a text: %v", err)
	}
	other, err := a.Receive(t.Context(), u, bytes.NewReader(content)) // another version of the same file
	if err == nil && other.Version == u.Version {
		err = errors.New("two contents under one name")
	}
	if err == nil {
		err = a.Remove(t.Context(), u.FileID, u.Version)
	}
	if err != nil || !bytes.Equal(opened(t, a, u, false), content) {
		t.Errorf("the version to keep: %v", err)
	}
	if _, err := a.Open(t.Context(), other, false); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("a version to remove: %v", err)
	}
	for range 2 {
		if err := a.Remove(t.Context(), u.FileID, ""); err != nil {
			t.Error(err)
		}
	}
	if names := left(t, dir); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
}

// No more files are open at once than may be: who comes then waits, and is refused when that takes too long.
func TestFilesOpenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := files.NewAttachments(files.AttachmentConfig{Bucket: folder(t), Key: []byte("key"), Open: 1})
		u, err := a.Receive(t.Context(), announced("text/plain", 2), strings.NewReader("hi"))
		if err != nil {
			t.Fatal(err)
		}
		content, err := a.Open(t.Context(), u, false)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := a.Open(t.Context(), u, false); chat.CodeOf(err) != chat.Unavailable || chat.AsError(err).RetryAfter <= 0 {
				t.Errorf("one more is opened: %v", err)
			}
			if _, err := a.Receive(t.Context(), u, strings.NewReader("hi")); chat.CodeOf(err) != chat.Unavailable {
				t.Errorf("one more is received: %v", err)
			}
		}
		time.AfterFunc(time.Second, func() { content.Close() })
		for range 3 { // each gives its turn back
			if got := opened(t, a, u, false); string(got) != "hi" {
				t.Errorf("read %q", got)
			}
			missing := u
			missing.Version = "none"
			if _, err := a.Open(t.Context(), missing, false); chat.CodeOf(err) != chat.NotFound {
				t.Error(err)
			}
		}
	})
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func TestReceiveOneAtATime(t *testing.T) {
	a := files.NewAttachments(files.AttachmentConfig{Bucket: folder(t), Key: []byte("key")})
	u := announced("", 4)
	body, w := io.Pipe()
	first := make(chan error)
	go func() {
		_, err := a.Receive(t.Context(), u, body)
		first <- err
	}()
	if _, err := w.Write([]byte("ab")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Receive(t.Context(), u, strings.NewReader("abcd")); chat.CodeOf(err) != chat.Conflict {
		t.Errorf("a second one at the same time: %v", err)
	}
	if _, err := w.Write([]byte("cd")); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestIDsAreNotPaths(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	bucket, err := fileblob.OpenBucket(filepath.Join(dir, "files"), &fileblob.Options{NoTempDir: true, CreateDir: true})
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	a := files.NewAttachments(files.AttachmentConfig{Bucket: bucket, Key: []byte("key")})
	for _, id := range []string{"", ".", "..", "../secret", "../../../../../../secret12", strings.Repeat("../", 9)[:26], "01JZ5Y3V7N8Q2R4S6T8V0W2X4/", "01jz5y3v7n8q2r4s6t8v0w2x4y"} {
		u := announced("", 1)
		u.FileID, u.Version = id, "v"
		if _, err := a.Receive(t.Context(), u, strings.NewReader("x")); chat.CodeOf(err) != chat.NotFound {
			t.Errorf("Receive(%q): %v", id, err)
		}
		if _, err := a.Open(t.Context(), u, false); chat.CodeOf(err) != chat.NotFound {
			t.Errorf("Open(%q): %v", id, err)
		}
		if err := a.Remove(t.Context(), id, ""); chat.CodeOf(err) != chat.NotFound {
			t.Errorf("Remove(%q): %v", id, err)
		}
	}
	if names := left(t, dir); len(names) != 1 || names[0] != "secret" {
		t.Errorf("left: %v", names)
	}
}

// TestLinksKeepForAWhile: a link that is asked for again is the same one for a time, so that browsers find it in their
// cache, and it holds for at least as long as it should.
func TestLinksKeepForAWhile(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a := files.NewAttachments(files.AttachmentConfig{Bucket: folder(t), Key: []byte("key"), Now: func() time.Time { return now }})
	u := announced("image/png", 1)
	u.Version = "v"
	first, err := a.GetLink(t.Context(), u, false)
	if err != nil {
		t.Fatal(err)
	}
	urls := map[string]bool{}
	for range 60 {
		now = now.Add(time.Minute)
		l, err := a.GetLink(t.Context(), u, false)
		if life := l.Expires.Sub(now); err != nil || life < 15*time.Minute || life > 30*time.Minute {
			t.Fatalf("a life of %s, %v", life, err)
		}
		urls[l.URL] = true
	}
	if len(urls) > 5 || urls[first.URL] != true {
		t.Errorf("%d links in an hour", len(urls))
	}
	if _, err := a.GetLink(t.Context(), u, true); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("a link to no thumbnail: %v", err)
	}
}
