package lambda

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// bucket gives a house a place for files.
func (w *town) bucket() {
	w.Helper()
	there := s3mem.New()
	if err := there.CreateBucket("files"); err != nil {
		w.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(there).Server())
	w.Cleanup(server.Close)
	w.Setenv("AWS_ENDPOINT_URL_S3", server.URL)
}

// send lets a person send a file to a room, and returns the message's id and a link to the file.
func (p *person) send(roomID, name string, content []byte) (messageID, link string) {
	w := p.town
	w.Helper()
	var up struct {
		FileID, URL, Method string
		Headers             map[string]string
	}
	w.ask("POST", "/uploads", p.token, map[string]any{"roomId": roomID, "filename": name, "contentType": "text/plain", "size": len(content)}, &up)
	put, err := http.NewRequestWithContext(w.Context(), up.Method, up.URL, bytes.NewReader(content))
	if err != nil {
		w.Fatal(err)
	}
	for k, v := range up.Headers {
		put.Header.Set(k, v)
	}
	if status := w.status(put); status != http.StatusOK {
		w.Fatalf("put: %d", status)
	}
	var m struct{ MessageID string }
	if status := w.ask("POST", "/rooms/"+roomID+"/messages", p.token, map[string]any{"content": "", "clientMessageId": name, "attachments": []map[string]string{{"fileId": up.FileID}}}, &m); status != http.StatusCreated {
		w.Fatalf("send: %d", status)
	}
	var links struct{ URL string }
	if status := w.ask("GET", "/files/"+up.FileID, p.token, nil, &links); status != http.StatusOK {
		w.Fatalf("the link: %d", status)
	}
	return m.MessageID, links.URL
}

func (w *town) status(r *http.Request) int {
	w.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// follow tells what a link answers.
func (w *town) follow(link string) int {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodGet, link, nil)
	if err != nil {
		w.Fatal(err)
	}
	return w.status(r)
}

// TestFilesGoAtOnce: a link that was given out leads nowhere as soon as the message, or its author's account, is gone.
func TestFilesGoAtOnce(t *testing.T) {
	w := newTown(t)
	w.bucket()
	anna, berta := w.person("anna"), w.person("berta")
	var room struct{ RoomID string }
	w.ask("POST", "/direct", anna.token, map[string]any{"userIds": []string{berta.id}}, &room)
	message, deleted := anna.send(room.RoomID, "deleted.txt", []byte("peas"))
	_, erased := anna.send(room.RoomID, "erased.txt", []byte("beans"))
	_, kept := berta.send(room.RoomID, "kept.txt", []byte("leeks"))
	for _, link := range []string{deleted, erased, kept} {
		if status := w.follow(link); status != http.StatusOK {
			t.Fatalf("%s: %d", link, status)
		}
	}
	if status := w.ask("DELETE", "/rooms/"+room.RoomID+"/messages/"+message, anna.token, nil, nil); status != http.StatusOK {
		t.Fatalf("delete: %d", status)
	}
	if a, b := w.follow(deleted), w.follow(erased); a != http.StatusNotFound || b != http.StatusOK {
		t.Errorf("after the message was deleted: its file %d, another one %d", a, b)
	}
	if status := w.ask("DELETE", "/me", anna.token, map[string]string{"password": "correct horse battery anna"}, nil); status >= 300 {
		t.Fatalf("erase: %d", status)
	}
	if a, b := w.follow(erased), w.follow(kept); a != http.StatusNotFound || b != http.StatusOK {
		t.Errorf("after the account was erased: its file %d, another's %d", a, b)
	}
}
