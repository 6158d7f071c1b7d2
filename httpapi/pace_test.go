package httpapi_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/httpapi"
)

// TestDrip: who sends a file a byte at a time is not waited for, however regularly they come, and nothing is kept of it;
// who sends it fast enough is.
func TestDrip(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.Pace = httpapi.Pace{Stall: 300 * time.Millisecond, Least: 1 << 20} })
	web := httptest.NewServer(s.handler)
	t.Cleanup(web.Close)
	ann := s.join("ann")
	room := s.room(ann, "private", "Team")
	content := []byte(strings.Repeat("x", 4000))
	up := s.announce(ann, room, "a.txt", "text/plain", content)
	u := mustURL(up.URL)
	conn, err := net.Dial("tcp", mustURL(web.URL).Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: chat.test\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", u.RequestURI(), len(content))
	answered, done := make(chan struct{}), make(chan int)
	go func() { // 100 bytes a second, never standing still
		n := 0
		defer func() { done <- n }()
		for ; n < len(content); n++ {
			if _, err := conn.Write(content[n : n+1]); err != nil {
				return
			}
			select {
			case <-answered:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	close(answered)
	if n := <-done; err != nil || res.StatusCode != http.StatusBadRequest || n == len(content) {
		t.Fatalf("after %d of %d bytes: %+v, %v", n, len(content), res, err)
	}
	_ = res.Body.Close()
	s.attach(ann, room, "early", "x", 409, up.FileID)
	if left := s.blobs(); len(left) > 0 {
		t.Errorf("kept is %v", left)
	}
	if got := s.put(up, content); got.Status != http.StatusNoContent {
		t.Errorf("fast enough: %d %s", got.Status, got.Body)
	}
	if f := s.attach(ann, room, "whole", "x", 201, up.FileID); len(f.Attachments) != 1 {
		t.Errorf("attached: %+v", f)
	}
}

// TestEditAgain: an edit that is sent again, because its answer got lost, takes no second number.
func TestEditAgain(t *testing.T) {
	s := newServer(t)
	ann := s.join("ann")
	room := s.room(ann, "private", "Team")
	var m, first, again chat.Message
	s.api(ann, "POST", "/rooms/"+room+"/messages", obj{"content": "one", "clientMessageId": "1"}, 201).json(&m)
	path := "/rooms/" + room + "/messages/" + m.MessageID
	s.api(ann, "PATCH", path, obj{"content": "two"}, 200).json(&first)
	s.api(ann, "PATCH", path, obj{"content": " two\r\n"}, 200).json(&again)
	if first.UpdatedSeq != m.Seq+1 || again.UpdatedSeq != first.UpdatedSeq || again.EditedAt != first.EditedAt {
		t.Errorf("edited as %+v, again as %+v", first, again)
	}
	var page chat.MessagePage
	s.api(ann, "GET", "/rooms/"+room+"/messages", nil, 200).json(&page)
	if len(page.Messages) != 1 || page.Messages[0].UpdatedSeq != first.UpdatedSeq || page.Messages[0].Content != "two" {
		t.Errorf("history: %+v", page.Messages)
	}
}
