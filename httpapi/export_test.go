package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/files"
	"parley/httpapi"
)

// TestExportElsewhere: where an answer has 6 MB at most, as on AWS, more than that goes by way of the bucket, to who has
// the link and for a day.
func TestExportElsewhere(t *testing.T) {
	bucket := openS3(t)
	s := newServerOn(t, bucket, nil, func(c *httpapi.Config) { c.Exports = files.NewExports(bucket, nil) })
	ann, bob := s.join("ann"), s.join("bob")
	room := s.room(ann, "private", "Attic")
	const n, size = 900, 8000
	for i := range n {
		if _, err := s.service.Send(t.Context(), ann.user.UserID, chat.NewMessage{RoomID: room, Content: fmt.Sprintf("%0*d", size, i), ClientMessageID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	a := s.api(ann, "GET", "/me/export", nil, http.StatusSeeOther)
	if len(a.Body) > 1<<10 {
		t.Errorf("the redirect has %d bytes", len(a.Body))
	}
	link := a.Header.Get("Location")
	got := over(t, call{method: "GET", path: link})
	var all httpapi.Export
	if err := json.Unmarshal(got.Body, &all); err != nil || len(got.Body) < n*size || len(all.Messages) != n || all.Account.Username != "ann" || len(all.Sessions) != 1 {
		t.Fatalf("%d bytes with %d messages of %s: %v", len(got.Body), len(all.Messages), all.Account.Username, err)
	}
	if d, typ := got.Header.Get("Content-Disposition"), got.Header.Get("Content-Type"); !strings.HasPrefix(d, `attachment; filename="parley-`) || typ != "application/json" {
		t.Errorf("it comes as %s, %s", d, typ)
	}
	var there httpapi.ExportLink
	s.api(bob, "GET", "/me/export?link=1", nil, http.StatusCreated).json(&there)
	if got := over(t, call{method: "GET", path: there.URL}); got.Status != http.StatusOK || !strings.Contains(string(got.Body), `"username":"bob"`) {
		t.Errorf("by the link: %d %.80s", got.Status, got.Body)
	}

	sweep := func(in time.Duration) {
		t.Helper()
		if err := files.NewExports(bucket, func() time.Time { return time.Now().Add(in) }).Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sweep(23 * time.Hour)
	if got := s.blobs(); len(got) != 2 {
		t.Errorf("before a day is over: %v", got)
	}
	if err := files.NewExports(bucket, nil).Remove(t.Context(), ann.user.UserID); err != nil { // as when her account is erased
		t.Fatal(err)
	}
	if got := s.blobs(); len(got) != 1 || !strings.HasPrefix(got[0], "exports/"+bob.user.UserID) {
		t.Errorf("after hers were removed: %v", got)
	}
	sweep(25 * time.Hour)
	if got := s.blobs(); len(got) != 0 {
		t.Errorf("after a day: %v", got)
	}
	if got := over(t, call{method: "GET", path: link}); got.Status != http.StatusNotFound {
		t.Errorf("the link after that: %d", got.Status)
	}
}

// TestExportFails: what could not be written whole is nowhere.
func TestExportFails(t *testing.T) {
	bucket := openS3(t)
	t.Cleanup(func() { bucket.Close() })
	broken := errors.New("the log cannot be read")
	_, err := files.NewExports(bucket, nil).Put(context.Background(), "u1", "all.json", func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 6<<20)); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("the error: %v", err)
	}
	if o, err := bucket.List(nil).Next(t.Context()); err == nil {
		t.Errorf("left is %s", o.Key)
	}
}
