package files

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
	"golang.org/x/sync/semaphore"

	"parley/chat"
)

const (
	sniffed   = 3072    // bytes at the beginning of a file, by which its type is told
	copyBytes = 1 << 16 // of a file in memory while it is received

	manyOpen = 1024             // files on their way, unless set otherwise
	turnWait = 10 * time.Second // for one of them to end, before one more is refused
)

// AttachmentConfig is what Attachments are made of. Bucket is required.
type AttachmentConfig struct {
	Bucket *blob.Bucket
	// Key signs links to this server, which must then serve them. Without it the bucket signs links to itself, as S3 does.
	Key []byte
	Now func() time.Time // default time.Now
	// Open is how many files may be received and served at once, each with a file open; more wait in turn, and are refused
	// as Unavailable after ten seconds. Default 1,024.
	Open int
}

// Attachments keeps the files of messages. Its methods are safe for concurrent use.
//
// In the bucket a file stands under "attachments/XX/ID.VERSION", its thumbnail under the same name with ".thumb"; XX are
// the last two characters of the id, so that no folder grows too large. Each version is written once and never changes.
// What is put past this server arrives under "incoming/ID".
type Attachments struct {
	bucket *blob.Bucket
	key    []byte
	now    func() time.Time

	memory *semaphore.Weighted // of the pictures being decoded, in bytes
	turns  *semaphore.Weighted // of those who have a file open

	mu       sync.Mutex
	arriving map[string]bool // files being received, by id
}

var _ chat.Contents = (*Attachments)(nil)

// NewAttachments makes Attachments. The bucket stays the caller's to close.
func NewAttachments(c AttachmentConfig) *Attachments {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Open == 0 {
		c.Open = manyOpen
	}
	return &Attachments{
		bucket: c.Bucket, key: c.Key, now: c.Now, memory: semaphore.NewWeighted(maxMemory), turns: semaphore.NewWeighted(int64(c.Open)),
		arriving: map[string]bool{},
	}
}

func incomingKey(fileID string) string { return "incoming/" + fileID }
func fileKey(fileID, version string) string {
	return "attachments/" + fileID[len(fileID)-2:] + "/" + fileID + "." + version
}
func thumbKey(fileID, version string) string { return fileKey(fileID, version) + ".thumb" }

// checkID refuses what is not an id of the core, before it becomes part of a path.
func checkID(fileID string) error {
	if len(fileID) == 26 && strings.Trim(fileID, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == "" {
		return nil
	}
	return chat.Errorf(chat.NotFound, "There is no such file.")
}

// Receive implements chat.Contents: the body goes to the bucket as it comes, and is on the disk when Receive returns.
func (a *Attachments) Receive(ctx context.Context, u chat.Upload, body io.Reader) (chat.Upload, error) {
	if err := checkID(u.FileID); err != nil {
		return chat.Upload{}, err
	}
	if !a.begin(u.FileID) {
		return chat.Upload{}, chat.Errorf(chat.Conflict, "This file is being received already.")
	}
	defer a.end(u.FileID)
	if err := a.turn(ctx); err != nil {
		return chat.Upload{}, err
	}
	defer a.turns.Release(1)
	u.Version = newVersion()
	if err := a.store(ctx, fileKey(u.FileID, u.Version), unknown, u.Size, body); err != nil {
		return chat.Upload{}, err
	}
	return a.examine(ctx, u)
}

// turn waits until one more file may be open; turns.Release must follow.
func (a *Attachments) turn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, turnWait)
	defer cancel()
	if err := a.turns.Acquire(ctx, 1); err != nil {
		return &chat.Error{Code: chat.Unavailable, Message: "Too many files are on their way. Please try again.", RetryAfter: turnWait}
	}
	return nil
}

func newVersion() string { return rand.Text()[:10] }

func (a *Attachments) begin(fileID string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.arriving[fileID] {
		return false
	}
	a.arriving[fileID] = true
	return true
}

func (a *Attachments) end(fileID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.arriving, fileID)
}

// store writes exactly size bytes of body under key, or nothing.
func (a *Attachments) store(ctx context.Context, key, mediaType string, size int64, body io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var disk *os.File // where the bucket is a folder
	w, err := a.bucket.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType: mediaType, DisableContentTypeDetection: true,
		BeforeWrite: func(as func(any) bool) error {
			as(&disk)
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("store a file: %w", err)
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(body, size+1), make([]byte, copyBytes))
	switch {
	case err != nil:
		err = &chat.Error{Code: chat.InvalidRequest, Message: "The file did not come in whole.", Cause: err}
	case n != size:
		err = chat.Errorf(chat.InvalidRequest, "The file is not of the %d bytes that were announced.", size)
	case disk != nil:
		err = disk.Sync()
	}
	if err != nil {
		cancel()
		_ = w.Close() // fails, and removes what was written
		return err
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("store a file: %w", err)
	}
	return nil
}

// Collect implements chat.Contents. What was put is copied to where the putter cannot reach it, and only then looked at.
func (a *Attachments) Collect(ctx context.Context, u chat.Upload) (chat.Upload, error) {
	if err := checkID(u.FileID); err != nil {
		return chat.Upload{}, err
	}
	u.Version = newVersion()
	err := a.bucket.Copy(ctx, fileKey(u.FileID, u.Version), incomingKey(u.FileID), nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return chat.Upload{}, chat.Errorf(chat.Conflict, "The file has not arrived yet.")
	}
	if err != nil {
		return chat.Upload{}, fmt.Errorf("collect a file: %w", err)
	}
	attrs, err := a.bucket.Attributes(ctx, fileKey(u.FileID, u.Version))
	if err == nil && attrs.Size != u.Size {
		err = chat.Errorf(chat.InvalidRequest, "The file is not of the %d bytes that were announced.", u.Size)
		return chat.Upload{}, errors.Join(err, a.remove(ctx, incomingKey(u.FileID)), a.remove(ctx, fileKey(u.FileID, u.Version)))
	}
	if err != nil {
		return chat.Upload{}, fmt.Errorf("collect a file: %w", err)
	}
	if u, err = a.examine(ctx, u); err != nil {
		return chat.Upload{}, err
	}
	return u, a.remove(ctx, incomingKey(u.FileID))
}

// examine finds out what the stored version of u is.
func (a *Attachments) examine(ctx context.Context, u chat.Upload) (chat.Upload, error) {
	head, err := a.read(ctx, fileKey(u.FileID, u.Version), sniffed)
	if err != nil {
		return chat.Upload{}, err
	}
	u.ContentType = sniff(head, u.ContentType)
	if _, ok := codecOf(u.ContentType); ok {
		return a.examinePicture(ctx, u)
	}
	return u, nil
}

// read returns the first bytes of a blob, all of it for a negative limit.
func (a *Attachments) read(ctx context.Context, key string, limit int64) ([]byte, error) {
	r, err := a.bucket.NewRangeReader(ctx, key, 0, limit, nil)
	if err != nil {
		return nil, fmt.Errorf("read a file: %w", err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read a file: %w", err)
	}
	return b, nil
}

// Remove implements chat.Contents.
func (a *Attachments) Remove(ctx context.Context, fileID, keep string) error {
	if err := checkID(fileID); err != nil {
		return err
	}
	var keys []string
	list := a.bucket.List(&blob.ListOptions{Prefix: fileKey(fileID, "")})
	for {
		object, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("list the versions of a file: %w", err)
		}
		if keep == "" || object.Key != fileKey(fileID, keep) && object.Key != thumbKey(fileID, keep) {
			keys = append(keys, object.Key)
		}
	}
	if a.key == nil {
		keys = append(keys, incomingKey(fileID))
	}
	var failed error
	for _, key := range keys {
		failed = errors.Join(failed, a.remove(ctx, key))
	}
	return failed
}

func (a *Attachments) remove(ctx context.Context, key string) error {
	if err := a.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("remove a file: %w", err)
	}
	return nil
}

// Open returns a file, or its thumbnail, to be served by this server. NotFound if it is not there.
func (a *Attachments) Open(ctx context.Context, u chat.Upload, thumbnail bool) (chat.FileContent, error) {
	key, c, err := a.describe(u, thumbnail)
	if err != nil {
		return chat.FileContent{}, err
	}
	if err := a.turn(ctx); err != nil {
		return chat.FileContent{}, err
	}
	r, err := a.bucket.NewReader(ctx, key, nil)
	if err != nil {
		a.turns.Release(1)
	}
	if gcerrors.Code(err) == gcerrors.NotFound {
		return chat.FileContent{}, chat.Errorf(chat.NotFound, "There is no such file.")
	}
	if err != nil {
		return chat.FileContent{}, fmt.Errorf("read a file: %w", err)
	}
	c.ReadSeekCloser = opened{r, a}
	if c.ContentType == "" {
		c.ContentType = r.ContentType()
	}
	return c, nil
}

// opened is a file that has a turn until it is closed.
type opened struct {
	*blob.Reader
	a *Attachments
}

func (o opened) Close() error {
	defer o.a.turns.Release(1)
	return o.Reader.Close()
}

// describe says how a file is served: only what a browser shows without running it under its own type and inline. The type
// of a thumbnail is that of its blob.
func (a *Attachments) describe(u chat.Upload, thumbnail bool) (key string, c chat.FileContent, err error) {
	if err := checkID(u.FileID); err != nil || u.Version == "" || thumbnail && !u.Thumbnail {
		return "", c, chat.Errorf(chat.NotFound, "There is no such file.")
	}
	c = chat.FileContent{ContentType: unknown, ETag: `"` + u.FileID + "." + u.Version + `"`}
	kind := "attachment"
	if inline(u.ContentType) {
		kind, c.ContentType = "inline", u.ContentType
	}
	c.Disposition = mime.FormatMediaType(kind, map[string]string{"filename": u.Filename})
	if !thumbnail {
		return fileKey(u.FileID, u.Version), c, nil
	}
	c.ContentType, c.Disposition, c.ETag = "", "inline", `"`+u.FileID+"."+u.Version+`.thumb"`
	return thumbKey(u.FileID, u.Version), c, nil
}
