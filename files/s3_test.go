package files_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"parley/chat"
	"parley/files"
)

// signs tells whether S3 would take a request: whether its signature is the one that AWS' own signer makes for it.
func signs(t *testing.T, keys aws.Credentials, method, link, contentType string, size int64) bool {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	at, err := time.Parse("20060102T150405Z", q.Get("X-Amz-Date"))
	if err != nil {
		t.Fatal(err)
	}
	got := q.Get("X-Amz-Signature")
	for _, name := range []string{"Algorithm", "Credential", "Date", "SignedHeaders", "Signature"} {
		q.Del("X-Amz-" + name)
	}
	u.RawQuery = q.Encode()
	r, err := http.NewRequestWithContext(t.Context(), method, u.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = size
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	again, _, err := v4.NewSigner().PresignHTTP(t.Context(), keys, r, "UNSIGNED-PAYLOAD", "s3", "eu-central-1", at,
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err != nil {
		t.Fatal(err)
	}
	u, err = url.Parse(again)
	if err != nil {
		t.Fatal(err)
	}
	return got != "" && u.Query().Get("X-Amz-Signature") == got
}

// TestS3Links: what a link lets one do is signed: to put exactly so many bytes of that type under that name, or to read that
// object under the headers that keep it from running.
func TestS3Links(t *testing.T) {
	keys := credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")
	bucket, err := files.OpenS3(t.Context(), aws.Config{Region: "eu-central-1", Credentials: keys}, "parley-files")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bucket.Close() })
	a := files.NewAttachments(files.AttachmentConfig{Bucket: bucket})
	u := chat.Upload{Attachment: chat.Attachment{FileID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Filename: "peas.txt", ContentType: "text/plain", Size: 5}, Version: "v1"}
	put, err := a.PutLink(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(put.URL)
	if err != nil {
		t.Fatal(err)
	}
	if got := address.Query().Get("X-Amz-SignedHeaders"); got != "content-length;content-type;host" {
		t.Errorf("signed headers: %q", got)
	}
	other := strings.Replace(put.URL, "G5FAV", "G5FAW", 1)
	longer := strings.Replace(put.URL, "X-Amz-Expires=3600", "X-Amz-Expires=36000", 1)
	for name, r := range map[string]struct {
		method, link, contentType string
		size                      int64
		want                      bool
	}{
		"as announced":   {http.MethodPut, put.URL, "text/plain", 5, true},
		"more bytes":     {http.MethodPut, put.URL, "text/plain", 6, false},
		"fewer bytes":    {http.MethodPut, put.URL, "text/plain", 4, false},
		"another type":   {http.MethodPut, put.URL, "text/html", 5, false},
		"another name":   {http.MethodPut, other, "text/plain", 5, false},
		"a longer time":  {http.MethodPut, longer, "text/plain", 5, false},
		"another method": {http.MethodDelete, put.URL, "text/plain", 5, false},
	} {
		if got := signs(t, keys.Value, r.method, r.link, r.contentType, r.size); got != r.want {
			t.Errorf("put, %s: taken %v, want %v", name, got, r.want)
		}
	}
	get, err := a.GetLink(t.Context(), u, false)
	if err != nil {
		t.Fatal(err)
	}
	inline := strings.Replace(get.URL, "response-content-disposition=attachment", "response-content-disposition=inline", 1)
	if inline == get.URL || longer == put.URL || other == put.URL {
		t.Fatal("nothing was changed")
	}
	if !signs(t, keys.Value, http.MethodGet, get.URL, "", 0) || signs(t, keys.Value, http.MethodGet, inline, "", 0) {
		t.Error("a link to read is not signed as a whole")
	}
}
