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

// files lists what is kept of files that belong to messages. On AWS what is not wanted any more goes by the clock.
func (h *house) files(t *testing.T) (names []string) {
	t.Helper()
	if h.aws != nil {
		h.maintain(t)
		names, err := h.aws.Files()
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	err := filepath.WalkDir(filepath.Join(h.data, "files"), func(path string, d os.DirEntry, err error) error {
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

// filesTravel: a file comes with its message, to those in the room alone, outlives what serves it, and goes with its
// message.
func filesTravel(t *testing.T, in home) {
	h := in.boot(t)
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

	h = h.restart(t)
	ann, bob = h.back(t, "ann"), h.back(t, "bob")
	if !bytes.Equal(bob.fetch(t, ref.FileID), content) {
		t.Error("after the restart bob gets another file")
	}
	if len(h.files(t)) == 0 {
		t.Error("nothing is in the bucket")
	}
	if err := ann.Delete(t.Context(), room, m.MessageID); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.File(t.Context(), ref.FileID); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("after the deletion: %v", err)
	}
	eventually(t, "the content to be removed", func() bool { return len(h.files(t)) == 0 })
}

// filesInBackups: files travel in backups and exports, and what was not finished is removed.
func filesInBackups(t *testing.T, in home) {
	h := in.boot(t)
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	room := direct(t, ann, bob)
	content := []byte("peas and beans")
	ref := ann.upload(t, room, "peas.txt", content)
	if _, err := ann.Send(t.Context(), chat.NewMessage{RoomID: room, Attachments: []chat.FileRef{ref}}); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(h.data, "files", "attachments", "half.written.tmp") // as a process leaves it that is killed
	if err := os.WriteFile(half, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Minute)
	if err := os.Chtimes(half, past, past); err != nil {
		t.Fatal(err)
	}
	h = h.restart(t)
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
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{"backup": copied, "import": moved} {
		bob := in.boot(t, func(o *settings) { o.data = data }).back(t, "bob")
		if !bytes.Equal(bob.fetch(t, ref.FileID), content) {
			t.Errorf("in the %s is another file", name)
		}
	}
}

// filesOff: a server without attachments refuses them, and hides those that are there.
func filesOff(t *testing.T, in home) {
	h := in.boot(t)
	ann := h.join(t, "ann")
	room := public(t, "garden", ann)
	ref := ann.upload(t, room, "a.txt", []byte("peas"))
	if _, err := ann.Send(t.Context(), chat.NewMessage{RoomID: room, Attachments: []chat.FileRef{ref}}); err != nil {
		t.Fatal(err)
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	h = in.boot(t, func(o *settings) { o.data, o.filesOff = h.data, true })
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
