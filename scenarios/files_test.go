package scenarios

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/admin"
	"parley/chat"
	"parley/client"
	"parley/wiring/server"
)

// fetch reads an attachment.
func (p *person) fetch(t *testing.T, fileID string) []byte {
	t.Helper()
	f, err := p.File(t.Context(), fileID)
	if err != nil {
		t.Fatalf("%s fetches a file: %v", p.Username, err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// upload brings a file to the server.
func (p *person) upload(t *testing.T, room, name string, content []byte) chat.FileRef {
	t.Helper()
	ref, err := p.Upload(t.Context(), chat.NewUpload{RoomID: room, Filename: name, Size: int64(len(content))}, bytes.NewReader(content))
	if err != nil {
		t.Fatalf("%s uploads: %v", p.Username, err)
	}
	return ref
}

// stored lists the files of a data folder that belong to messages.
func stored(t *testing.T, data string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(data, "files"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestFilesTravel: a file comes with its message, to those in the room alone, outlives the server, travels in backups and
// exports, and goes with its message.
func TestFilesTravel(t *testing.T) {
	h := boot(t)
	ann, bob, eve := h.join(t, "ann"), h.join(t, "bob"), h.join(t, "eve")
	room := direct(t, ann, bob)
	bobHears, eveHears := bob.listen(t), eve.listen(t)
	content := bytes.Repeat([]byte("peas and beans, "), 20_000)
	ref := ann.upload(t, room, "peas.txt", content)
	m, err := ann.Send(t.Context(), chat.NewMessage{RoomID: room, Attachments: []chat.FileRef{ref}})
	if err != nil {
		t.Fatal(err)
	}
	heard := bobHears.await(t, "the file", func(e client.Event) bool { return e.NewMessage != nil && len(e.NewMessage.Attachments) == 1 })
	if a := heard.NewMessage.Attachments[0]; a.FileID != ref.FileID || a.Filename != "peas.txt" || a.ContentType != "text/plain" || a.Size != int64(len(content)) {
		t.Errorf("bob is told %+v", a)
	}
	if !bytes.Equal(bob.fetch(t, ref.FileID), content) {
		t.Error("bob gets another file")
	}
	if _, err := eve.File(t.Context(), ref.FileID); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("eve: %v", err)
	}
	eveHears.never(t, "a file", func(e client.Event) bool { return e.NewMessage != nil })

	half := filepath.Join(h.data, "files", "attachments", "half.written.tmp") // as a process leaves it that is killed
	if err := os.WriteFile(half, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Minute)
	if err := os.Chtimes(half, past, past); err != nil {
		t.Fatal(err)
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	h = boot(t, on(h.data))
	bob = h.back(t, "bob")
	if !bytes.Equal(bob.fetch(t, ref.FileID), content) {
		t.Error("after the restart bob gets another file")
	}
	eventually(t, "the rest of a file that was not finished to be removed", func() bool {
		_, err := os.Stat(half)
		return os.IsNotExist(err)
	})

	copied, exported := filepath.Join(t.TempDir(), "backup"), &bytes.Buffer{}
	operator, err := admin.Dial(t.Context(), h.data)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	if err := errors.Join(operator.Backup(t.Context(), copied), operator.Export(t.Context(), exported)); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(t.TempDir(), "moved")
	if _, err := server.Import(t.Context(), moved, bytes.NewReader(exported.Bytes())); err != nil {
		t.Fatal(err)
	}
	ann = h.back(t, "ann")
	if err := ann.Delete(t.Context(), room, m.MessageID); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.File(t.Context(), ref.FileID); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("after the deletion: %v", err)
	}
	eventually(t, "the content to be removed", func() bool { return len(stored(t, h.data)) == 0 })
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{"backup": copied, "import": moved} {
		bob := boot(t, on(data)).back(t, "bob")
		if !bytes.Equal(bob.fetch(t, ref.FileID), content) {
			t.Errorf("in the %s is another file", name)
		}
	}
}

// TestFilesOff: a server without attachments refuses them, and hides those that are there.
func TestFilesOff(t *testing.T) {
	h := boot(t)
	ann := h.join(t, "ann")
	room := public(t, "garden", ann)
	ref := ann.upload(t, room, "a.txt", []byte("peas"))
	if _, err := ann.Send(t.Context(), chat.NewMessage{RoomID: room, Attachments: []chat.FileRef{ref}}); err != nil {
		t.Fatal(err)
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	h = boot(t, on(h.data), func(c *server.Config) { c.FilesOff = true })
	ann = h.back(t, "ann")
	if _, err := ann.File(t.Context(), ref.FileID); chat.CodeOf(err) != chat.Forbidden {
		t.Errorf("a file: %v", err)
	}
	if _, err := ann.Upload(t.Context(), chat.NewUpload{RoomID: room, Size: 1}, strings.NewReader("x")); chat.CodeOf(err) != chat.Forbidden {
		t.Errorf("an upload: %v", err)
	}
	_, err := ann.Send(t.Context(), chat.NewMessage{RoomID: room, Attachments: []chat.FileRef{ref}})
	if chat.CodeOf(err) != chat.InvalidRequest {
		t.Errorf("a message with a file: %v", err)
	}
}

// back signs in somebody who has an account.
func (h *house) back(t *testing.T, name string) *person {
	t.Helper()
	p := h.at(t, name)
	p.login(t)
	return p
}

// eventually waits for what must come to be.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
