package files

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"

	"parley/chat"
)

// Links live only shortly: who was shown one may use it without saying who they are.
const (
	putFor = time.Hour
	// getFor is the least life of a link to read. It ends with a whole step after that, so that a link that is asked for
	// again is the same one, which browsers have in their cache.
	getFor  = 15 * time.Minute
	getStep = 15 * time.Minute
)

// Paths of the links to this server; an id follows.
const (
	putPath = "/files/uploads/"
	getPath = "/files/content/"
)

// PutLink returns where the content of a pending file is to be put.
func (a *Attachments) PutLink(ctx context.Context, u chat.Upload) (chat.FileLink, error) {
	l := chat.FileLink{Header: map[string]string{"Content-Type": u.ContentType}, Expires: a.now().Add(putFor).Truncate(time.Second)}
	if a.key != nil {
		l.URL = a.sign(putPath, u.FileID, "", l.Expires)
		return l, nil
	}
	var err error
	l.URL, err = a.bucket.SignedURL(ctx, incomingKey(u.FileID), &blob.SignedURLOptions{
		Method: http.MethodPut, Expiry: putFor,
		BeforeSign: func(as func(any) bool) error {
			var in *s3.PutObjectInput
			if as(&in) { // both are signed: nothing else can be put
				in.ContentLength, in.ContentType = aws.Int64(u.Size), aws.String(u.ContentType)
			}
			return nil
		},
	})
	if err != nil {
		return chat.FileLink{}, fmt.Errorf("sign a link: %w", err)
	}
	return l, nil
}

// GetLink returns where a file, or its thumbnail, can be read. NotFound if there is none.
func (a *Attachments) GetLink(ctx context.Context, u chat.Upload, thumbnail bool) (chat.FileLink, error) {
	key, c, err := a.describe(u, thumbnail)
	if err != nil {
		return chat.FileLink{}, err
	}
	now := a.now()
	l := chat.FileLink{Expires: now.Truncate(getStep).Add(getFor + getStep)}
	if a.key != nil {
		variant := ""
		if thumbnail {
			variant = "thumbnail"
		}
		l.URL = a.sign(getPath, u.FileID, variant, l.Expires)
		return l, nil
	}
	l.URL, err = a.bucket.SignedURL(ctx, key, &blob.SignedURLOptions{
		Method: http.MethodGet, Expiry: l.Expires.Sub(now),
		BeforeSign: func(as func(any) bool) error {
			var in *s3.GetObjectInput
			if as(&in) {
				in.ResponseContentType, in.ResponseContentDisposition = text(c.ContentType), aws.String(c.Disposition)
				in.ResponseCacheControl = aws.String(cacheControl(l.Expires.Sub(now)))
			}
			return nil
		},
	})
	if err != nil {
		return chat.FileLink{}, fmt.Errorf("sign a link: %w", err)
	}
	return l, nil
}

// text is s, or nil for none: then the object's own type counts.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func cacheControl(d time.Duration) string {
	return fmt.Sprintf("private, immutable, max-age=%d", int(d.Seconds()))
}

// sign makes a path that Check accepts until it expires.
func (a *Attachments) sign(path, fileID, variant string, expires time.Time) string {
	at := strconv.FormatInt(expires.Unix(), 10)
	q := url.Values{"expires": {at}, "signature": {base64.RawURLEncoding.EncodeToString(a.mac(path, fileID, variant, at))}}
	if variant != "" {
		q.Set("variant", variant)
	}
	return path + fileID + "?" + q.Encode()
}

func (a *Attachments) mac(path, fileID, variant, expires string) []byte {
	m := hmac.New(sha256.New, a.key)
	fmt.Fprintf(m, "%s\n%s\n%s\n%s", path, fileID, variant, expires)
	return m.Sum(nil)
}

// Check tells whether a link that came to this server is one of its own and holds: Forbidden otherwise. It returns for
// how long it holds, and whether it is to a thumbnail.
func (a *Attachments) Check(path, fileID string, q url.Values) (left time.Duration, thumbnail bool, err error) {
	refused := chat.Errorf(chat.Forbidden, "This link does not hold (any more).")
	signature, err := base64.RawURLEncoding.DecodeString(q.Get("signature"))
	expires, variant := q.Get("expires"), q.Get("variant")
	if err != nil || a.key == nil || !hmac.Equal(signature, a.mac(path, fileID, variant, expires)) {
		return 0, false, refused
	}
	at, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return 0, false, refused
	}
	if left = time.Unix(at, 0).Sub(a.now()); left <= 0 {
		return 0, false, refused
	}
	return left, variant == "thumbnail", nil
}
