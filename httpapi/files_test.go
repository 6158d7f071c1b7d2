package httpapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"

	"parley/chat"
	"parley/httpapi"
)

// target is the answer of POST /uploads.
type target struct {
	FileID, URL, Method string
	Headers             map[string]string
	ExpiresAt           int64
}

type urls struct {
	URL, ThumbnailURL string
	ExpiresIn         int64
}

// announce announces a file as it is.
func (s *server) announce(as *person, roomID, name, mediaType string, content []byte) target {
	s.t.Helper()
	var t target
	s.api(as, "POST", "/uploads", map[string]any{"roomId": roomID, "filename": name, "contentType": mediaType, "size": len(content)}, 201).json(&t)
	return t
}

func (s *server) put(t target, content []byte) *answer {
	s.t.Helper()
	return s.do(call{method: t.Method, path: t.URL, body: content, header: t.Headers})
}

// upload brings a file to the server and returns its id.
func (s *server) upload(as *person, roomID, name, mediaType string, content []byte) string {
	s.t.Helper()
	t := s.announce(as, roomID, name, mediaType, content)
	if a := s.put(t, content); a.Status != 204 && a.Status != 200 { // S3 says 200
		s.t.Fatalf("PUT: %d %s", a.Status, a.Body)
	}
	return t.FileID
}

// attach sends a message with files.
func (s *server) attach(as *person, roomID, clientID, text string, want int, fileIDs ...string) (m chat.Message) {
	s.t.Helper()
	refs := []map[string]any{}
	for _, id := range fileIDs { // lies about the rest are not heard
		refs = append(refs, map[string]any{"fileId": id, "filename": "../lie.html", "contentType": "text/html", "size": 1, "thumbnail": true})
	}
	a := s.api(as, "POST", "/rooms/"+roomID+"/messages", map[string]any{"content": text, "clientMessageId": clientID, "attachments": refs}, want)
	if want == 201 {
		a.json(&m)
	}
	return m
}

func (s *server) links(as *person, fileID string) (u urls) {
	s.t.Helper()
	a := s.do(call{method: "GET", path: "/api/v1/files/" + fileID, as: as, header: map[string]string{"Accept": "application/json"}})
	if a.Status != 200 {
		s.t.Fatalf("links: %d %s", a.Status, a.Body)
	}
	a.json(&u)
	return u
}

func (s *server) get(url string, header ...string) *answer {
	s.t.Helper()
	h := map[string]string{}
	for i := 0; i+1 < len(header); i += 2 {
		h[header[i]] = header[i+1]
	}
	return s.do(call{method: "GET", path: url, header: h})
}

// blobs lists what is in the bucket.
func (s *server) blobs() (keys []string) {
	s.t.Helper()
	list := s.bucket.List(&blob.ListOptions{})
	for {
		o, err := list.Next(s.t.Context())
		if errors.Is(err, io.EOF) {
			return keys
		}
		if err != nil {
			s.t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
}

func (s *server) wantGone() {
	s.t.Helper()
	for range 500 {
		if len(s.blobs()) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatalf("left in the bucket: %v", s.blobs())
}

func TestFileFlow(t *testing.T) { eachHouse(t, fileFlow) }

func fileFlow(t *testing.T, s *server) {
	ann, bob, eve := s.join("ann"), s.join("bob"), s.join("eve")
	room := s.room(ann, "private", "Team")
	s.api(ann, "PUT", "/rooms/"+room+"/members/"+bob.user.UserID, map[string]any{}, 200)
	content := []byte("%PDF-1.7 " + strings.Repeat("words ", 1000))
	id := s.upload(ann, room, `C:\dir\../plan `+"\u202e"+`fdp.exe.pdf`, "application/pdf", content)

	var done chat.Attachment
	s.api(ann, "POST", "/uploads/"+id+"/done", nil, 200).json(&done)
	want := chat.Attachment{FileID: id, Filename: "plan fdp.exe.pdf", ContentType: "application/pdf", Size: int64(len(content))}
	if done != want {
		t.Errorf("done: %+v, want %+v", done, want)
	}
	s.api(bob, "GET", "/files/"+id, nil, 404) // not before a message has it
	m := s.attach(ann, room, "c1", "", 201, id)
	if len(m.Attachments) != 1 || m.Attachments[0] != want || m.Content != "" {
		t.Errorf("message: %+v", m)
	}
	if again := s.attach(ann, room, "c1", "", 201, id); again.MessageID != m.MessageID {
		t.Error("a repeat made another message")
	}
	s.attach(ann, room, "c2", "again", 409, id)

	u := s.links(bob, id)
	if u.ThumbnailURL != "" || u.ExpiresIn < 900 || u.ExpiresIn > 1800 {
		t.Errorf("links: %+v", u)
	}
	got := s.get(u.URL)
	if got.Status != 200 || !bytes.Equal(got.Body, content) {
		t.Errorf("content: %d, %d bytes", got.Status, len(got.Body))
	}
	s.wantServedAs(u.URL, got, "application/octet-stream", `attachment; filename="plan fdp.exe.pdf"`)
	a := s.do(call{method: "GET", path: "/api/v1/files/" + id, as: bob})
	if to := a.Header.Get("Location"); a.Status != 302 || s.get(to).Status != 200 {
		t.Errorf("redirect: %d to %q", a.Status, to)
	}
	s.api(bob, "GET", "/files/"+id+"?thumbnail=1", nil, 404)
	s.api(eve, "GET", "/files/"+id, nil, 404)
	s.api(nil, "GET", "/files/"+id, nil, 401)

	s.api(ann, "DELETE", "/uploads/"+id, nil, 409)
	s.api(bob, "POST", "/rooms/"+room+"/leave", nil, 204)
	s.api(bob, "GET", "/files/"+id, nil, 404)
	s.api(ann, "DELETE", "/rooms/"+room+"/messages/"+m.MessageID, nil, 200)
	s.api(ann, "GET", "/files/"+id, nil, 404)
	s.wantGone()
	if got := s.get(u.URL); got.Status != 404 {
		t.Errorf("a link to a deleted file: %d", got.Status)
	}
}

// wantServedAs checks the headers of a file. S3 sends those that stand in the link, signed.
func (s *server) wantServedAs(link string, got *answer, mediaType, disposition string) {
	s.t.Helper()
	want := map[string]string{
		"Content-Type": mediaType, "Content-Disposition": disposition,
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'",
	}
	if mustURL(link).Host != "" {
		want = map[string]string{"Content-Type": mediaType, "Content-Disposition": disposition}
	}
	for name, value := range want {
		if v := got.Header.Get(name); v != value {
			s.t.Errorf("%s: %q, want %q", name, v, value)
		}
	}
	if c := got.Header.Get("Cache-Control"); !strings.HasPrefix(c, "private, immutable, max-age=") {
		s.t.Errorf("Cache-Control: %q", c)
	}
}

func TestFileRanges(t *testing.T) {
	s := newServer(t)
	ann := s.join("ann")
	room := s.room(ann, "private", "Team")
	content := append([]byte("RIFF\x24\x10\x00\x00WAVEfmt \x10\x00\x00\x00"), bytes.Repeat([]byte("0123456789"), 400)...)
	id := s.upload(ann, room, "a.wav", "audio/x-wav", content)
	url := s.links(ann, id).URL
	whole := s.get(url)
	if whole.Header.Get("Content-Type") != "audio/wav" || !strings.HasPrefix(whole.Header.Get("Content-Disposition"), "inline") {
		t.Errorf("%v", whole.Header)
	}
	for ask, want := range map[string]struct {
		status int
		body   []byte
	}{
		"bytes=10-19":     {206, content[10:20]},
		"bytes=-5":        {206, content[len(content)-5:]},
		"bytes=4000-":     {206, content[4000:]},
		"bytes=9999-":     {416, nil},
		"bytes=0-0,2-2":   {200, content},
		"nonsense":        {416, nil},
		"bytes=5-4":       {416, nil},
		"bytes=0-9999999": {206, content},
		"bytes=" + strings.Repeat("0-1,", 2000) + "0-1": {200, content},
	} {
		got := s.get(url, "Range", ask)
		if got.Status != want.status || want.body != nil && !bytes.Equal(got.Body, want.body) {
			t.Errorf("%.40s: %d, %d bytes", ask, got.Status, len(got.Body))
		}
		if got.Status == 416 && (got.problem().Code != chat.InvalidRequest || ask == "bytes=9999-" && got.Header.Get("Content-Range") != fmt.Sprintf("bytes */%d", len(content))) {
			t.Errorf("%.40s: %v %s", ask, got.Header, got.Body)
		}
	}
	if got := s.get(url, "If-None-Match", whole.Header.Get("ETag")); got.Status != 304 {
		t.Errorf("unchanged: %d", got.Status)
	}
}

func TestFilesHostile(t *testing.T) {
	s := newServer(t)
	ann, bob := s.join("ann"), s.join("bob")
	room, other := s.room(ann, "public", "Team"), s.room(ann, "public", "Other")
	s.api(bob, "POST", "/rooms/"+room+"/join", nil, 200)
	content := []byte("some text that is no picture")

	for name, body := range map[string]map[string]any{
		"empty":        {"roomId": room, "filename": "a", "contentType": "text/plain", "size": 0},
		"negative":     {"roomId": room, "filename": "a", "contentType": "text/plain", "size": -1},
		"no type":      {"roomId": room, "filename": "a", "contentType": "x\r\ny: z", "size": 5},
		"nowhere":      {"roomId": "", "filename": "a", "size": 5},
		"room of path": {"roomId": "../x#y", "filename": "a", "size": 5},
	} {
		if p := s.api(ann, "POST", "/uploads", body, 400).problem(); p.Code != chat.InvalidRequest {
			t.Errorf("%s: %+v", name, p)
		}
	}
	s.api(ann, "POST", "/uploads", map[string]any{"roomId": room, "filename": "a", "size": fileBytes + 1}, 413)
	s.api(bob, "POST", "/uploads", map[string]any{"roomId": other, "filename": "a", "size": 5}, 403)
	s.api(nil, "POST", "/uploads", map[string]any{"roomId": room, "filename": "a", "size": 5}, 401)

	up := s.announce(ann, room, "a.txt", "text/plain", content)
	s.attach(ann, room, "early", "x", 409, up.FileID)
	s.api(ann, "POST", "/uploads/"+up.FileID+"/done", nil, 409)
	for name, url := range map[string]string{
		"no signature":     strings.Split(up.URL, "?")[0],
		"another file":     strings.Replace(up.URL, up.FileID, chat.NewID(time.Now()), 1),
		"a path":           strings.Replace(up.URL, up.FileID, "..%2f..%2fetc%2fpasswd", 1),
		"longer":           strings.Replace(up.URL, "expires=1", "expires=2", 1),
		"altered":          up.URL[:len(up.URL)-3] + "AAA",
		"a link to read":   strings.Replace(up.URL, "/uploads/", "/content/", 1),
		"another variant":  up.URL + "&variant=thumbnail",
		"empty parameters": "/files/uploads/" + up.FileID + "?expires=&signature=",
	} {
		method := "PUT"
		if strings.Contains(url, "/content/") {
			method = "GET"
		}
		if a := s.do(call{method: method, path: url, body: content}); a.Status != 403 {
			t.Errorf("%s: %d", name, a.Status)
		}
	}
	s.ahead.Store(int64(time.Hour + time.Minute))
	if a := s.put(up, content); a.Status != 403 {
		t.Errorf("an expired link: %d", a.Status)
	}
	s.ahead.Store(0)
	for name, body := range map[string][]byte{"shorter": content[1:], "longer": append([]byte("x"), content...), "nothing": {}, "much longer": make([]byte, 1<<20)} {
		if a := s.put(up, body); a.Status != 400 || a.problem().Code != chat.InvalidRequest {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if left := s.blobs(); len(left) > 0 {
		t.Errorf("what was refused is in the bucket: %v", left)
	}
	if a := s.put(up, content); a.Status != 204 {
		t.Fatalf("after mistakes: %d %s", a.Status, a.Body)
	}
	if a := s.put(up, bytes.ToUpper(content)); a.Status != 409 {
		t.Errorf("twice: %d", a.Status)
	}
	s.attach(bob, room, "theirs", "x", 400, up.FileID)
	s.attach(ann, other, "elsewhere", "x", 400, up.FileID)
	s.attach(ann, room, "unknown", "x", 400, chat.NewID(time.Now()))
	s.attach(ann, room, "twice", "x", 400, up.FileID, up.FileID)
	many := make([]string, 11)
	for i := range many {
		many[i] = fmt.Sprint("f", i)
	}
	s.attach(ann, room, "many", "x", 400, many...)
	for _, id := range []string{"..%2f..%2fetc", "%00", "a#b", strings.Repeat("A", 500)} {
		if a := s.do(call{method: "GET", path: "/api/v1/files/" + id, as: ann}); a.Status != 400 && a.Status != 404 {
			t.Errorf("file %q: %d", id, a.Status)
		}
	}
	s.api(bob, "POST", "/uploads/"+up.FileID+"/done", nil, 404)
	s.api(bob, "DELETE", "/uploads/"+up.FileID, nil, 404)
	s.attach(ann, room, "good", "x", 201, up.FileID)
}

// TestFileTypesLie: what a client says a file is never makes it one that a browser shows or runs.
func TestFileTypesLie(t *testing.T) { eachHouse(t, fileTypesLie) }

func fileTypesLie(t *testing.T, s *server) {
	ann := s.join("ann")
	room := s.room(ann, "private", "Team")
	html := []byte("<!doctype html><script>alert(1)</script>")
	for i, test := range []struct {
		declared string
		content  []byte
		found    string
	}{
		{"image/png", html, "text/html"},
		{"text/html", html, "text/html"},
		{"text/html", []byte("just words"), "text/plain"},
		{"image/svg+xml", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), "image/svg+xml"},
		{"image/jpeg", []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "image/svg+xml"},
		{"text/xml", []byte(`<?xml version="1.0"?><a/>`), "text/xml"},
		{"video/mp4", []byte("%PDF-1.7"), "application/pdf"},
		{"application/pdf", []byte("\x00\x01\x02\x03"), "application/octet-stream"},
		{"audio/mpeg", []byte("\x00\x01\x02\x03"), "application/octet-stream"},
		{"application/x-garden", []byte("\x00\x01\x02\x03"), "application/x-garden"},
		{"text/markdown", []byte("# words"), "text/markdown"},
		{"", []byte("# words"), "text/plain"},
	} {
		id := s.upload(ann, room, fmt.Sprint(i), test.declared, test.content)
		var f chat.Attachment
		s.api(ann, "POST", "/uploads/"+id+"/done", nil, 200).json(&f)
		if f.ContentType != test.found {
			t.Errorf("%.20q as %s: %s, want %s", test.content, test.declared, f.ContentType, test.found)
		}
		link := s.links(ann, id).URL
		s.wantServedAs(link, s.get(link), "application/octet-stream", "attachment; filename="+f.Filename)
	}
}

func TestFileQuota(t *testing.T) {
	s := newServer(t)
	ann := s.join("ann")
	room := s.room(ann, "private", "Team")
	full := make([]byte, fileBytes)
	var ups []target
	for range 4 {
		ups = append(ups, s.announce(ann, room, "a", "", full))
	}
	s.api(ann, "POST", "/uploads", map[string]any{"roomId": room, "filename": "a", "size": 1}, 413)
	s.put(ups[0], full)
	s.api(ann, "DELETE", "/uploads/"+ups[0].FileID, nil, 204)
	s.api(ann, "DELETE", "/uploads/"+ups[0].FileID, nil, 404)
	if a := s.put(ups[0], full); a.Status != 404 {
		t.Errorf("to a cancelled one: %d", a.Status)
	}
	if left := s.blobs(); len(left) > 0 {
		t.Errorf("a cancelled file is in the bucket: %v", left)
	}
	s.announce(ann, room, "a", "", full)
}

func TestFilesOff(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.Service, c.Files = chat.New(chat.Config{}), nil })
	var info struct {
		Features map[string]bool
		Limits   map[string]int64
	}
	s.api(nil, "GET", "/server", nil, 200).json(&info)
	if info.Features["files"] {
		t.Error("a server without files says it has them")
	}
	on := newServer(t)
	on.api(nil, "GET", "/server", nil, 200).json(&info)
	if !info.Features["files"] || info.Limits["fileBytes"] != fileBytes {
		t.Errorf("%+v", info)
	}
	ann := s.join("ann")
	s.api(ann, "POST", "/uploads", map[string]any{"roomId": "r", "filename": "a", "size": 1}, 403)
	s.api(ann, "GET", "/files/"+chat.NewID(time.Now()), nil, 403)
	if a := s.get("/files/content/" + chat.NewID(time.Now()) + "?expires=1&signature=x"); a.Status != http.StatusNotFound && a.Status != http.StatusOK {
		t.Errorf("%d", a.Status)
	} else if json.Valid(a.Body) && a.Status == http.StatusOK {
		t.Errorf("%s", a.Body)
	}
}

// path is a link without its host, which is that of the harness.
func path(link string) string { return strings.TrimPrefix(link, "http://chat.test") }

// TestSlowTransfers: a file may take longer than any other request, both ways, as long as something moves.
func TestSlowTransfers(t *testing.T) {
	s := newServer(t)
	ann := s.join("ann")
	room := s.room(ann, "private", "Team")
	content := bytes.Repeat([]byte("0123456789abcdef"), fileBytes/16)
	up := s.announce(ann, room, "a.txt", "text/plain", content)
	server := httptest.NewUnstartedServer(s.handler)
	const bound = time.Second
	server.Config.ReadTimeout, server.Config.WriteTimeout = bound, bound
	server.Start()
	defer server.Close()

	body, w := io.Pipe()
	go func() {
		for rest := content; len(rest) > 0; {
			n := min(len(rest), len(content)/8)
			if _, err := w.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
			time.Sleep(bound / 4)
		}
		w.Close()
	}()
	r, err := http.NewRequestWithContext(t.Context(), "PUT", server.URL+path(up.URL), body)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = int64(len(content))
	res, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 204 {
		t.Fatalf("a slow upload: %s", res.Status)
	}
	r, err = http.NewRequestWithContext(t.Context(), "GET", server.URL+path(s.links(ann, up.FileID).URL), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err = server.Client().Do(r); err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got bytes.Buffer
	for err == nil {
		_, err = io.CopyN(&got, res.Body, int64(len(content)/8))
		time.Sleep(bound / 4)
	}
	if !errors.Is(err, io.EOF) || !bytes.Equal(got.Bytes(), content) {
		t.Errorf("a slow download: %d bytes, %v", got.Len(), err)
	}
}
