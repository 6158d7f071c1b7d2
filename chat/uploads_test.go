package chat_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"parley/chat"
	"parley/chattest"
	"parley/names"
)

// cellar keeps contents in memory: what was put past the server, by id, and versions of it, by id and version.
type cellar struct {
	mu       sync.Mutex
	incoming map[string]string
	versions map[string]string
	n        int
	broken   bool // nothing can be removed
}

func (s *cellar) Receive(_ context.Context, u chat.Upload, body io.Reader) (chat.Upload, error) {
	b, err := io.ReadAll(body)
	if err != nil {
		return u, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	u.Version = fmt.Sprint("v", s.n)
	s.versions[u.FileID+"/"+u.Version] = string(b)
	return u, nil
}

func (s *cellar) Collect(ctx context.Context, u chat.Upload) (chat.Upload, error) {
	s.mu.Lock()
	content, ok := s.incoming[u.FileID]
	s.mu.Unlock()
	if !ok {
		return u, chat.Errorf(chat.Conflict, "The file has not arrived yet.")
	}
	return s.Receive(ctx, u, strings.NewReader(content))
}

func (s *cellar) Remove(_ context.Context, fileID, keep string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return errors.New("the shelf is broken")
	}
	for key := range s.versions {
		if strings.HasPrefix(key, fileID+"/") && key != fileID+"/"+keep {
			delete(s.versions, key)
		}
	}
	delete(s.incoming, fileID)
	return nil
}

func (s *cellar) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.versions) + len(s.incoming)
}

// cabinet is a house with files.
type cabinet struct {
	*house
	shelf *cellar
	room  string
}

func newCabinet(t *testing.T, people ...string) *cabinet {
	t.Helper()
	c := &cabinet{house: newHouse(t, people...), shelf: &cellar{incoming: map[string]string{}, versions: map[string]string{}}}
	c.svc = c.again(c.ears)
	ids := make([]string, len(people))
	for i, p := range people {
		ids[i] = "u-" + p
	}
	c.room = c.house.room(chat.Private, ids...)
	return c
}

// again is another process on the same store.
func (c *cabinet) again(ears chat.Deliverer) *chat.Service {
	return chat.New(chat.Config{Log: c.store, Rooms: c.store, Markers: c.store, Notices: c.store, Users: c.store, Seen: c.store, Deliverer: ears,
		Limiter: limiter(nil), Names: names.Precis{}, Now: c.clock.Now, Files: chat.Files{Uploads: c.store, Contents: c.shelf, MaxBytes: 1000, Quota: 10_000}})
}

func (c *cabinet) announce(by string) string {
	c.t.Helper()
	u, err := c.svc.StartUpload(c.ctx, by, chat.NewUpload{RoomID: c.room, Filename: "a.txt", ContentType: "text/plain", Size: 100})
	c.ok(err)
	return u.FileID
}

func (c *cabinet) upload(by string) string {
	c.t.Helper()
	id := c.announce(by)
	c.ok(c.svc.ReceiveUpload(c.ctx, id, strings.NewReader("content of "+id)))
	return id
}

func (c *cabinet) send(by, key string, fileIDs ...string) (chat.Message, error) {
	c.t.Helper()
	m := chat.NewMessage{RoomID: c.room, ClientMessageID: key}
	for _, id := range fileIDs {
		m.Attachments = append(m.Attachments, chat.FileRef{FileID: id})
	}
	return c.svc.Send(c.ctx, by, m)
}

func (c *cabinet) used(by string, want chat.FileUsage) {
	c.t.Helper()
	got, err := c.store.FileUsage(c.ctx, by)
	c.ok(err)
	if got != want {
		c.t.Errorf("%s uses %+v, want %+v", by, got, want)
	}
}

func (c *cabinet) swept(want int) {
	c.t.Helper()
	c.ok(c.svc.SweepFiles(c.ctx))
	if n := c.shelf.count(); n != want {
		c.t.Errorf("%d contents are left, want %d: %v", n, want, c.shelf.versions)
	}
}

func TestMessageTakesFiles(t *testing.T) {
	c := newCabinet(t, "ann", "bob")
	one, two := c.upload("u-ann"), c.upload("u-ann")
	m, err := c.send("u-ann", "k1", one, two)
	c.ok(err)
	if len(m.Attachments) != 2 || m.Attachments[0].FileID != one || m.Attachments[1].Filename != "a.txt" {
		t.Fatalf("%+v", m)
	}
	heard := c.ears.HeardIn("u-bob", c.room)
	if last := heard[len(heard)-1].NewMessage; last == nil || len(last.Attachments) != 2 {
		t.Errorf("bob heard %+v", last)
	}
	again, err := c.send("u-ann", "k1", one, two)
	if err != nil || again.MessageID != m.MessageID {
		t.Errorf("a repeat: %+v, %v", again, err)
	}
	_, err = c.send("u-ann", "k2", two)
	c.code(err, chat.Conflict)
	_, err = c.svc.Edit(c.ctx, "u-ann", c.room, m.MessageID, "words")
	c.ok(err)
	edited, err := c.svc.Edit(c.ctx, "u-ann", c.room, m.MessageID, " ") // its files say enough
	if err != nil || edited.Content != "" || len(edited.Attachments) != 2 {
		t.Errorf("%+v, %v", edited, err)
	}
	_, err = c.svc.File(c.ctx, "u-bob", one)
	c.ok(err)
	c.swept(2)

	_, err = c.svc.Delete(c.ctx, "u-ann", c.room, m.MessageID)
	c.ok(err)
	_, err = c.svc.File(c.ctx, "u-bob", one)
	c.code(err, chat.NotFound)
	if n := c.shelf.count(); n != 0 { // and no sweep was needed
		t.Errorf("when the deletion is answered, %d contents are left", n)
	}
	c.swept(0)
	c.used("u-ann", chat.FileUsage{})
	_, err = c.send("u-ann", "k3", one)
	c.code(err, chat.InvalidRequest)
}

// TestSendingCollects: a file that was put past the server is examined by sending it, and others may be faster meanwhile.
func TestSendingCollects(t *testing.T) {
	c := newCabinet(t, "ann")
	id := c.announce("u-ann")
	_, err := c.send("u-ann", "k1", id)
	c.code(err, chat.Conflict)
	c.shelf.incoming[id] = "content"
	m, err := c.send("u-ann", "k1", id)
	if err != nil || len(m.Attachments) != 1 {
		t.Fatalf("%+v, %v", m, err)
	}
}

// TestFilesAtOnce: many messages that want the same files at once, in one process and in another: each file goes with one.
func TestFilesAtOnce(t *testing.T) {
	c := newCabinet(t, "ann", "bob")
	other := c.again(chattest.NewRecorder())
	var ids []string
	for range 5 {
		ids = append(ids, c.upload("u-ann"))
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	taken := map[string]int{}
	for i := range 40 {
		svc := c.svc
		if i%2 == 1 {
			svc = other
		}
		all.Go(func() {
			m := chat.NewMessage{RoomID: c.room, ClientMessageID: fmt.Sprint("k", i), Content: "text", Attachments: []chat.FileRef{{FileID: ids[i%5]}}}
			sent, err := svc.Send(c.ctx, "u-ann", m)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				taken[sent.Attachments[0].FileID]++
			case chat.CodeOf(err) != chat.Conflict && chat.CodeOf(err) != chat.Unavailable:
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if taken[id] != 1 {
			t.Errorf("file %s went with %d messages", id, taken[id])
		}
	}
}

// TestNoOrphans stops between the steps of a file's life, as a crash does: what is left goes when it is due.
func TestNoOrphans(t *testing.T) {
	c := newCabinet(t, "ann", "bob")
	kept := c.upload("u-ann")
	m, err := c.send("u-ann", "kept", kept)
	c.ok(err)
	gone := c.upload("u-ann")
	deleted, err := c.send("u-ann", "gone", gone)
	c.ok(err)

	c.announce("u-ann")              // announced, nothing came
	c.upload("u-ann")                // came, never sent
	unseen := c.announce("u-ann")    // put past the server, never examined
	c.shelf.incoming[unseen] = "big" //
	crashed := c.announce("u-bob")   // its content was stored, its record was not
	_, err = c.shelf.Receive(c.ctx, chat.Upload{Attachment: chat.Attachment{FileID: crashed}}, strings.NewReader("x"))
	c.ok(err)
	cancelled := c.upload("u-bob")
	c.ok(c.svc.CancelUpload(c.ctx, "u-bob", cancelled))
	_, err = c.shelf.Receive(c.ctx, chat.Upload{Attachment: chat.Attachment{FileID: cancelled}}, strings.NewReader("late"))
	c.ok(err)
	c.shelf.broken = true
	_, err = c.svc.Delete(c.ctx, "u-ann", c.room, deleted.MessageID)
	c.ok(err)
	if err := c.svc.SweepFiles(c.ctx); err == nil {
		t.Error("a sweep that could not remove anything says nothing")
	}
	c.shelf.broken = false
	c.svc = c.again(c.ears) // the process starts again
	c.swept(5)              // the deleted one is gone, the others are not due
	c.clock.Advance(chat.UploadFor + time.Minute)
	c.swept(1)
	c.used("u-ann", chat.FileUsage{Files: 1, Bytes: 100})
	c.used("u-bob", chat.FileUsage{})
	_, err = c.svc.File(c.ctx, "u-bob", kept)
	c.ok(err)
	_, err = c.svc.File(c.ctx, "u-ann", gone)
	c.code(err, chat.NotFound)
	if left, err := c.store.DueFiles(c.ctx, c.clock.Now().Add(48*time.Hour).UnixMilli(), 100); err != nil || len(left) != 0 {
		t.Errorf("still due: %+v, %v", left, err)
	}
	c.ok(c.svc.DeleteRoom(c.ctx, "u-ann", c.room))
	_, err = c.svc.File(c.ctx, "u-ann", m.Attachments[0].FileID)
	c.code(err, chat.NotFound)
	c.ok(c.store.Purge(c.ctx))
	c.swept(0)
	c.used("u-ann", chat.FileUsage{})
}

func TestDropFilesOf(t *testing.T) {
	c := newCabinet(t, "ann", "bob")
	m, err := c.send("u-ann", "k1", c.upload("u-ann"), c.upload("u-ann"))
	c.ok(err)
	c.upload("u-ann")
	c.announce("u-ann")
	theirs := c.upload("u-bob")
	_, err = c.send("u-bob", "k1", theirs)
	c.ok(err)
	for _, want := range []int{4, 0} {
		n, err := c.svc.DropFilesOf(c.ctx, "u-ann")
		if err != nil || n != want {
			t.Errorf("dropped %d, %v, want %d", n, err, want)
		}
		if n := c.shelf.count(); n != 1 {
			t.Errorf("%d contents are left without a sweep, want bob's", n)
		}
	}
	_, err = c.svc.Delete(c.ctx, "u-ann", c.room, m.MessageID) // drops the same files again
	c.ok(err)
	c.clock.Advance(chat.UploadFor + time.Minute)
	c.swept(1)
	c.used("u-ann", chat.FileUsage{})
	c.used("u-bob", chat.FileUsage{Files: 1, Bytes: 100})
	_, err = c.svc.File(c.ctx, "u-ann", theirs)
	c.ok(err)
}

// TestFilesStayInTheirRoom: who left, or never was there, sees nothing; nor does who has a file of another room.
func TestFilesStayInTheirRoom(t *testing.T) {
	c := newCabinet(t, "ann", "bob")
	id := c.upload("u-ann")
	_, err := c.svc.File(c.ctx, "u-bob", id)
	c.code(err, chat.NotFound)
	_, err = c.svc.File(c.ctx, "u-ann", id)
	c.ok(err)
	_, err = c.send("u-bob", "k", id)
	c.code(err, chat.InvalidRequest)
	_, err = c.send("u-ann", "k", id)
	c.ok(err)
	c.ok(c.svc.RemoveMember(c.ctx, "u-ann", c.room, "u-bob"))
	_, err = c.svc.File(c.ctx, "u-bob", id)
	c.code(err, chat.NotFound)
	_, err = c.svc.StartUpload(c.ctx, "u-bob", chat.NewUpload{RoomID: c.room, Filename: "a", Size: 1})
	c.code(err, chat.Forbidden)
	_, err = c.svc.FinishUpload(c.ctx, "u-bob", id)
	c.code(err, chat.NotFound)
	c.code(c.svc.CancelUpload(c.ctx, "u-bob", id), chat.NotFound)
	c.code(c.svc.CancelUpload(c.ctx, "u-ann", id), chat.Conflict)
}

func TestCleanFilename(t *testing.T) {
	for in, want := range map[string]string{
		"plan.pdf":                           "plan.pdf",
		"":                                   "file",
		"...":                                "file",
		"../../etc/passwd":                   "passwd",
		`C:\Users\me\cv.docx`:                "cv.docx",
		"dir/":                               "file",
		"a\x00b\x1f\u007f\u0085c":            "abc",
		"\u202egpj.exe":                      "gpj.exe",
		"a\u2066\u2069\u200e\u061c\ufeffb":   "ab",
		"line\u2028one\u2029two":             "lineonetwo",
		"\u00a0 spaced\u3000out \t":          "spaced out",
		"Grüße 👩\u200d👧.jpg":                 "Grüße 👩\u200d👧.jpg",
		"bad\xff\xfeutf8":                    "badutf8",
		strings.Repeat("ä", 200) + ".tar.gz": strings.Repeat("ä", 126) + ".gz",
	} {
		if got := chat.CleanFilename(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanFilename(f *testing.F) {
	f.Add("../a\\b\u202ecod.exe")
	f.Add(strings.Repeat("ü", 300) + ".x")
	f.Fuzz(func(t *testing.T, s string) {
		name := chat.CleanFilename(s)
		if name == "" || len(name) > chat.MaxFilename || !utf8.ValidString(name) || strings.ContainsAny(name, "/\\\x00\r\n\u202e\u2066") || strings.HasPrefix(name, ".") {
			t.Fatalf("%q gave %q", s, name)
		}
		if again := chat.CleanFilename(name); again != name {
			t.Fatalf("%q, %q: not clean at once", name, again)
		}
	})
}
