package httpapi_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"parley/files"
)

// eachHouse runs a test where files are in a folder and come through this server, and where they are on S3, which
// clients talk to themselves.
func eachHouse(t *testing.T, run func(t *testing.T, s *server)) {
	t.Run("disk", func(t *testing.T) {
		bucket, err := fileblob.OpenBucket(t.TempDir(), &fileblob.Options{NoTempDir: true})
		if err != nil {
			t.Fatal(err)
		}
		run(t, newServerOn(t, bucket, []byte("key")))
	})
	t.Run("s3", func(t *testing.T) { run(t, newServerOn(t, openS3(t), nil)) })
}

// openS3 starts a server that speaks like S3, with an empty bucket.
func openS3(t *testing.T) *blob.Bucket {
	t.Helper()
	fake := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
	t.Cleanup(fake.Close)
	cfg := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), BaseEndpoint: &fake.URL}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("files")}); err != nil {
		t.Fatal(err)
	}
	bucket, err := files.OpenS3(t.Context(), cfg, "files")
	if err != nil {
		t.Fatal(err)
	}
	return bucket
}

// over sends a request to another server, as a client does with a presigned link.
func over(t testing.TB, c call) *answer {
	t.Helper()
	body, _ := c.body.([]byte)
	r, err := http.NewRequestWithContext(t.Context(), c.method, c.path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return &answer{t, res.StatusCode, res.Header, b}
}

// TestS3Hostile: what is put on S3 counts only as far as it is what was announced, and only until it was examined.
func TestS3Hostile(t *testing.T) {
	s := newServerOn(t, openS3(t), nil)
	ann := s.join("ann")
	room := s.room(ann, "private", "Team")
	content := []byte("some text")
	up := s.announce(ann, room, "a.txt", "text/plain", content)
	q := mustURL(up.URL).Query()
	if h := q.Get("X-Amz-SignedHeaders"); h != "content-length;content-type;host" {
		t.Errorf("signed headers: %s", h)
	}
	if q.Get("X-Amz-Expires") != "3600" {
		t.Errorf("life of the link: %s s", q.Get("X-Amz-Expires"))
	}
	for name := range q {
		if strings.Contains(strings.ToLower(name), "checksum") {
			t.Errorf("the link is bound to the checksum of nothing: %s", name)
		}
	}
	s.attach(ann, room, "early", "x", 409, up.FileID)
	s.put(up, append(content, "more"...)) // S3 itself would refuse it
	s.attach(ann, room, "more", "x", 400, up.FileID)
	if left := s.blobs(); len(left) > 0 {
		t.Errorf("what was refused is in the bucket: %v", left)
	}
	s.put(up, content)
	m := s.attach(ann, room, "good", "x", 201, up.FileID) // examined on the way
	if len(m.Attachments) != 1 || m.Attachments[0].ContentType != "text/plain" {
		t.Errorf("%+v", m)
	}
	s.put(up, []byte("SOME TEXT"))
	if got := s.get(s.links(ann, up.FileID).URL); string(got.Body) != string(content) {
		t.Errorf("a file was changed after it was examined: %q", got.Body)
	}
	s.api(ann, "DELETE", "/rooms/"+room+"/messages/"+m.MessageID, nil, 200)
	s.wantGone()
}
