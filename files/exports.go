package files

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

const (
	exportsPrefix = "exports/"
	exportKept    = 24 * time.Hour
)

// Exports keeps what people take home for a day, in a bucket that signs links, where an answer cannot be so large. Its
// methods are safe for concurrent use.
type Exports struct {
	bucket *blob.Bucket
	now    func() time.Time
}

// NewExports makes Exports that keep their files under "exports/". now may be nil. The bucket stays the caller's to close.
func NewExports(bucket *blob.Bucket, now func() time.Time) *Exports {
	if now == nil {
		now = time.Now
	}
	return &Exports{bucket, now}
}

// Put keeps what write writes, as it is written, under a name that browsers save it by, and returns a link to it that
// holds for a quarter of an hour. If write fails nothing is kept.
func (e *Exports) Put(ctx context.Context, userID, filename string, write func(io.Writer) error) (link string, err error) {
	key := exportsPrefix + userID + "/" + rand.Text()
	writing, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := e.bucket.NewWriter(writing, key, &blob.WriterOptions{ContentType: "application/json", CacheControl: "private, no-store",
		ContentDisposition: `attachment; filename="` + filename + `"`})
	if err != nil {
		return "", fmt.Errorf("begin an export: %w", err)
	}
	if err := write(w); err != nil {
		cancel() // so that closing keeps nothing
		return "", errors.Join(err, ignoreCanceled(w.Close()))
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("keep an export: %w", err)
	}
	if link, err = e.bucket.SignedURL(ctx, key, &blob.SignedURLOptions{Method: http.MethodGet, Expiry: getFor}); err != nil {
		return "", fmt.Errorf("sign a link: %w", err)
	}
	return link, nil
}

func ignoreCanceled(err error) error {
	if gcerrors.Code(err) == gcerrors.Canceled || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Remove removes all that is kept of a person.
func (e *Exports) Remove(ctx context.Context, userID string) error {
	return e.remove(ctx, exportsPrefix+userID+"/", func(*blob.ListObject) bool { return true })
}

// Sweep removes what is older than a day.
func (e *Exports) Sweep(ctx context.Context) error {
	old := e.now().Add(-exportKept)
	return e.remove(ctx, exportsPrefix, func(o *blob.ListObject) bool { return o.ModTime.Before(old) })
}

func (e *Exports) remove(ctx context.Context, prefix string, which func(*blob.ListObject) bool) error {
	for all := e.bucket.List(&blob.ListOptions{Prefix: prefix}); ; {
		o, err := all.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list exports: %w", err)
		}
		if !which(o) {
			continue
		}
		if err := e.bucket.Delete(ctx, o.Key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return fmt.Errorf("remove an export: %w", err)
		}
	}
}
