// Package files keeps what people upload, in a blob bucket: a folder on one machine, S3 on AWS.
package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"parley/chat"
)

const (
	parallel  = 2  // pictures decoded at once; it bounds memory
	filesOpen = 16 // files of pictures
)

// Avatars keeps people's pictures. Its methods are safe for concurrent use.
type Avatars struct {
	bucket   *blob.Bucket
	maxBytes int64
	slots    chan struct{} // one for each picture being decoded
	open     chan struct{} // one for each file being read or written
}

// NewAvatars makes Avatars that keep their files in bucket under "avatars/", and take uploads of at most maxBytes.
// The bucket stays the caller's to close.
func NewAvatars(bucket *blob.Bucket, maxBytes int64) *Avatars {
	return &Avatars{bucket: bucket, maxBytes: maxBytes, slots: make(chan struct{}, parallel), open: make(chan struct{}, filesOpen)}
}

// MaxBytes is the largest upload that Put takes.
func (a *Avatars) MaxBytes() int64 { return a.maxBytes }

// Put stores a picture as the avatar of a person and returns its name: the same picture of the same person has the same
// name, and no name is ever used for another picture. Errors: InvalidRequest for what is not a picture, TooLarge.
func (a *Avatars) Put(ctx context.Context, userID string, upload []byte) (name string, err error) {
	if int64(len(upload)) > a.maxBytes {
		return "", chat.Errorf(chat.TooLarge, "A picture has at most %d bytes.", a.maxBytes)
	}
	select {
	case a.slots <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	encoded, extension, err := square(upload)
	<-a.slots
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\x00", userID) // so that removing one's own takes nothing from anybody else
	sum.Write(encoded)
	name = hex.EncodeToString(sum.Sum(nil)[:16]) + "." + extension
	options := &blob.WriterOptions{ContentType: contentType(name), CacheControl: "public, max-age=31536000, immutable"}
	a.open <- struct{}{} // nobody holds one for longer than the disk takes
	defer func() { <-a.open }()
	if err := a.bucket.WriteAll(ctx, key(name), encoded, options); err != nil {
		return "", fmt.Errorf("store an avatar: %w", err)
	}
	return name, nil
}

// Open returns a picture and its content type, which is "image/jpeg" or "image/png". Errors: NotFound.
func (a *Avatars) Open(ctx context.Context, name string) (image []byte, mediaType string, err error) {
	if !valid(name) {
		return nil, "", missing()
	}
	a.open <- struct{}{}
	defer func() { <-a.open }()
	image, err = a.bucket.ReadAll(ctx, key(name))
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, "", missing()
	}
	if err != nil {
		return nil, "", fmt.Errorf("read an avatar: %w", err)
	}
	return image, contentType(name), nil
}

// Delete removes a picture; one that is gone already, or a name that cannot be, is no error.
func (a *Avatars) Delete(ctx context.Context, name string) error {
	if !valid(name) {
		return nil
	}
	if err := a.bucket.Delete(ctx, key(name)); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("remove an avatar: %w", err)
	}
	return nil
}

func missing() error { return chat.Errorf(chat.NotFound, "There is no such picture.") }

func key(name string) string { return "avatars/" + name }

// valid says whether Put can have made name. Nothing else ever becomes part of a path.
func valid(name string) bool {
	sum, extension, _ := strings.Cut(name, ".")
	raw, err := hex.DecodeString(sum)
	return err == nil && len(raw) == 16 && sum == strings.ToLower(sum) && (extension == "jpg" || extension == "png")
}

func contentType(name string) string {
	if strings.HasSuffix(name, ".png") {
		return "image/png"
	}
	return "image/jpeg"
}
