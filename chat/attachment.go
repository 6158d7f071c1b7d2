package chat

import (
	"context"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of attachments.
const (
	MaxAttachments = 10  // of one message
	MaxFilename    = 255 // bytes
	// MaxCommitAttachments is how many attachments the new messages of one Commit may have together.
	MaxCommitAttachments = MaxAttachments
)

// Attachment is a file that travels with a message, as the server found it: nothing here is taken from a client but the
// name, and that was cleaned.
type Attachment struct {
	FileID      string `json:"fileId"`
	Filename    string `json:"filename"`
	ContentType string `json:"contentType"`
	Size        int64  `json:"size"`             // bytes
	Width       int    `json:"width,omitempty"`  // pixels, of a picture as it is shown
	Height      int    `json:"height,omitempty"` // pixels
	Thumbnail   bool   `json:"thumbnail,omitempty"`
}

// FileRef names a file that was uploaded, for a message to take along.
type FileRef struct {
	FileID string `json:"fileId"`
}

// UploadState says how far a file has come.
type UploadState string

// The states of a file, in their order.
const (
	UploadPending  UploadState = "pending"  // announced; its content may be under way
	UploadReady    UploadState = "ready"    // there and examined; a message of its uploader may take it, once
	UploadAttached UploadState = "attached" // belongs to a message
)

// Upload is the record of one file. Until it is ready, name, type and size are what the client announced.
type Upload struct {
	Attachment
	RoomID    string
	UserID    string // who uploads it
	State     UploadState
	CreatedAt Millis
	ExpiresAt Millis // when it goes if no message has taken it
	Version   string // names its content among all that were ever put for it; empty until it is ready
}

// NewUpload announces a file.
type NewUpload struct {
	RoomID      string
	Filename    string
	ContentType string // may be empty: unknown
	Size        int64  // bytes
}

// DueFile is a file whose content is to be removed.
type DueFile struct {
	FileID string
	UserID string
	At     Millis // from when on
}

// FileUsage is how much a person has uploaded that is still there.
type FileUsage struct{ Files, Bytes int64 }

// ClaimError says that files of a Commit cannot be taken (any more): they are not ready, or not of this room and person.
// Nothing was written.
type ClaimError struct{ FileIDs []string }

// Error names the files, for the log.
func (e *ClaimError) Error() string { return fmt.Sprintf("files %v cannot be attached", e.FileIDs) }

// Uploads keeps the records of files, and which contents are to be removed. A message takes files by Log.Commit.
type Uploads interface {
	// CreateUpload stores a new pending record and counts its size to its person: TooLarge if they would have more than
	// quota bytes (zero is no bound). Its content is due at ExpiresAt unless a message takes it. ErrExists.
	CreateUpload(ctx context.Context, u Upload, quota int64) error
	// Uploads returns the records that exist out of those asked for (at most MaxAttachments), in their order.
	Uploads(ctx context.Context, fileIDs ...string) ([]Upload, error)
	// FinishUpload makes a pending record ready, as u says: ErrMoved if it is not pending (any more).
	FinishUpload(ctx context.Context, u Upload) error
	// DropUpload removes a record and what it counts: ErrMoved if its state is not u.State (any more). Its content stays
	// due as it was, or is due now if it had been attached.
	DropUpload(ctx context.Context, u Upload) error
	// UploadsOf returns the records of a person by age, and a cursor for more (empty at the end). A page may be shorter
	// than limit although there is a cursor.
	UploadsOf(ctx context.Context, userID, cursor string, limit int) ([]Upload, string, error)
	// FileUsage returns what CreateUpload counts.
	FileUsage(ctx context.Context, userID string) (FileUsage, error)
	// DueFiles returns files whose content is to be removed by now, the longest due first, at most limit (≤ 1000).
	DueFiles(ctx context.Context, now Millis, limit int) ([]DueFile, error)
	// ForgetFile notes that the content of a due file was removed, and counts it no more. Again is no error.
	ForgetFile(ctx context.Context, d DueFile) error
}

// Contents is where the contents of files are.
type Contents interface {
	// Receive stores what comes through this server for u and examines it. It returns u ready, as it was found to be.
	// InvalidRequest if it is not of the announced size.
	Receive(ctx context.Context, u Upload, body io.Reader) (Upload, error)
	// Collect is Receive for what was put past this server. Conflict if nothing was.
	Collect(ctx context.Context, u Upload) (Upload, error)
	// Remove removes all content of a file, but one version if keep is not empty. What is not there is no error.
	Remove(ctx context.Context, fileID, keep string) error
}

// FileLink is a signed way to one file.
type FileLink struct {
	URL     string            // a path on this server, or the address of another one
	Header  map[string]string // that a request must have
	Expires time.Time
}

// FileContent is a file as it is served. Close must be called.
type FileContent struct {
	io.ReadSeekCloser
	ContentType string
	Disposition string // value of the header Content-Disposition
	ETag        string
}

// CleanFilename makes a name of what a client calls its file: no path, no control or invisible characters (which could
// turn the order of the others around), at most MaxFilename bytes with the extension kept. It is never empty.
func CleanFilename(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	s = strings.Map(func(r rune) rune {
		switch {
		case r == 0x200c || r == 0x200d: // joiners: scripts and emoji need them
			return r
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co):
			return -1
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, s)
	s = strings.Trim(s, " .\u200c\u200d")
	if len(s) > MaxFilename {
		extension := ""
		if i := strings.LastIndexByte(s, '.'); i > 0 && len(s)-i <= 16 {
			extension = s[i:]
		}
		cut := MaxFilename - len(extension)
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = strings.TrimRight(s[:cut], " .") + extension
	}
	if s == "" {
		return "file"
	}
	return s
}

// parseContentType checks what a client says its file is; empty is unknown.
func parseContentType(s string) (string, error) {
	if s == "" {
		return "application/octet-stream", nil
	}
	mediaType, _, err := mime.ParseMediaType(s)
	if err != nil || len(mediaType) > 127 || strings.Count(mediaType, "/") != 1 {
		return "", invalid("contentType", "contentType is not a media type.")
	}
	return mediaType, nil
}

// dropped are the files of a message that its new form has no more.
func dropped(before, after *Message) []Upload {
	var out []Upload
	for _, a := range before.Attachments {
		kept := slices.ContainsFunc(after.Attachments, func(b Attachment) bool { return b.FileID == a.FileID })
		if !kept {
			out = append(out, Upload{Attachment: a, RoomID: before.RoomID, UserID: before.UserID, State: UploadAttached})
		}
	}
	return out
}
