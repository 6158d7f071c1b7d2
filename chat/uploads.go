package chat

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"
)

// Files is what attachments need. Without Uploads there are none.
type Files struct {
	Uploads  Uploads
	Contents Contents
	// Off refuses new files and hides those that are there; what is due is removed all the same.
	Off      bool
	MaxBytes int64 // of one file
	Quota    int64 // bytes of all files of one person; zero is no bound
}

// UploadFor is how long a file may wait for its message.
const UploadFor = 24 * time.Hour

const (
	sweepEvery = 10 * time.Minute
	sweepPage  = 100
)

// FilesOn tells whether this server takes attachments.
func (s *Service) FilesOn() bool { return s.files.Uploads != nil && !s.files.Off }

// MaxFile is the size of the largest attachment in bytes.
func (s *Service) MaxFile() int64 { return s.files.MaxBytes }

func (s *Service) needFiles() error {
	if !s.FilesOn() {
		return Errorf(Forbidden, "This server does not take attachments.")
	}
	return nil
}

func noFile() error { return Errorf(NotFound, "There is no such file.") }

// StartUpload announces a file for a room. Its content is expected until the record expires.
func (s *Service) StartUpload(ctx context.Context, by string, n NewUpload) (Upload, error) {
	if err := s.needFiles(); err != nil {
		return Upload{}, err
	}
	if n.Size < 1 {
		return Upload{}, invalid("size", "A file has at least one byte.")
	}
	if n.Size > s.files.MaxBytes {
		return Upload{}, &Error{Code: TooLarge, Field: "size", Message: "The file is larger than this server takes."}
	}
	mediaType, err := parseContentType(n.ContentType)
	if err != nil {
		return Upload{}, err
	}
	if err := s.allow(ctx, LimitUpload, by); err != nil {
		return Upload{}, err
	}
	if _, err := s.member(ctx, n.RoomID, by); err != nil {
		return Upload{}, err
	}
	now := s.now()
	u := Upload{
		Attachment: Attachment{FileID: NewID(now), Filename: CleanFilename(n.Filename), ContentType: mediaType, Size: n.Size},
		RoomID:     n.RoomID, UserID: by, State: UploadPending, CreatedAt: now.UnixMilli(), ExpiresAt: now.Add(UploadFor).UnixMilli(),
	}
	return u, s.files.Uploads.CreateUpload(ctx, u, s.files.Quota)
}

// ReceiveUpload takes the content of an announced file that comes through this server. Who may send it is settled by the
// link on which it came.
func (s *Service) ReceiveUpload(ctx context.Context, fileID string, body io.Reader) error {
	u, err := s.upload(ctx, fileID)
	if err != nil {
		return err
	}
	if u.State != UploadPending {
		return Errorf(Conflict, "This file is there already.")
	}
	_, err = s.finish(ctx, u, func(ctx context.Context, u Upload) (Upload, error) {
		return s.files.Contents.Receive(ctx, u, body)
	})
	return err
}

// FinishUpload examines the content of one's own file, unless that was done, and returns it as it was found to be.
func (s *Service) FinishUpload(ctx context.Context, by, fileID string) (Attachment, error) {
	u, err := s.ownUpload(ctx, by, fileID)
	if err != nil {
		return Attachment{}, err
	}
	if u.State == UploadPending {
		u, err = s.finish(ctx, u, s.files.Contents.Collect)
	}
	return u.Attachment, err
}

// CancelUpload gives up one's own file that no message has taken.
func (s *Service) CancelUpload(ctx context.Context, by, fileID string) error {
	u, err := s.ownUpload(ctx, by, fileID)
	if err != nil {
		return err
	}
	for u.State != UploadAttached {
		err := s.files.Uploads.DropUpload(ctx, u)
		if err == nil { // what is left now, or comes in this moment, goes when it is due
			return s.files.Contents.Remove(ctx, fileID, "")
		}
		if !errors.Is(err, ErrMoved) {
			return err
		}
		if u, err = s.upload(ctx, fileID); err != nil {
			return err
		}
	}
	return Errorf(Conflict, "The file belongs to a message. Delete the message to remove it.")
}

// File returns a file to who may see it: the members of its room once a message has it, and before that its uploader.
func (s *Service) File(ctx context.Context, by, fileID string) (Upload, error) {
	u, err := s.upload(ctx, fileID)
	if err != nil {
		return Upload{}, err
	}
	if u.State == UploadPending || u.State == UploadReady && u.UserID != by {
		return Upload{}, noFile()
	}
	if _, err := s.member(ctx, u.RoomID, by); err != nil {
		if CodeOf(err) == Forbidden {
			return Upload{}, noFile()
		}
		return Upload{}, err
	}
	return u, nil
}

// Content returns a file to who holds a link to it.
func (s *Service) Content(ctx context.Context, fileID string) (Upload, error) {
	u, err := s.upload(ctx, fileID)
	if err == nil && u.State == UploadPending {
		return Upload{}, noFile()
	}
	return u, err
}

// FilesOf returns the files of a person by age, and a cursor for more. A page may be short although there is a cursor.
func (s *Service) FilesOf(ctx context.Context, userID, cursor string, limit int) ([]Upload, string, error) {
	if s.files.Uploads == nil {
		return nil, "", nil
	}
	return s.files.Uploads.UploadsOf(ctx, userID, cursor, limit)
}

// DropFilesOf removes all files of a person, also those in messages, and returns how many there were. It may be repeated
// after an interruption.
func (s *Service) DropFilesOf(ctx context.Context, userID string) (int, error) {
	if s.files.Uploads == nil {
		return 0, nil
	}
	defer s.wakeSweep()
	n := 0
	for cursor := ""; ; {
		page, next, err := s.files.Uploads.UploadsOf(ctx, userID, cursor, MaxPage)
		if err != nil {
			return n, err
		}
		for _, u := range page {
			switch err := s.drop(ctx, u); {
			case CodeOf(err) == NotFound:
			case err != nil:
				return n, err
			default:
				n++
			}
		}
		if cursor = next; cursor == "" {
			return n, nil
		}
	}
}

// drop removes a record in whatever state it comes to be. NotFound if somebody else did.
func (s *Service) drop(ctx context.Context, u Upload) error {
	for {
		err := s.files.Uploads.DropUpload(ctx, u)
		if err == nil {
			s.empty(ctx, []Upload{u})
			return nil
		}
		if !errors.Is(err, ErrMoved) {
			return err
		}
		found, err := s.files.Uploads.Uploads(ctx, u.FileID)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return noFile()
		}
		u = found[0]
	}
}

// empty removes the contents of files whose records are gone, so that links to them lead nowhere from now on. What cannot
// be removed is due, and goes with a sweep.
func (s *Service) empty(ctx context.Context, dropped []Upload) {
	if s.files.Uploads == nil {
		return
	}
	for i := range dropped {
		if err := s.files.Contents.Remove(ctx, dropped[i].FileID, ""); err != nil {
			s.logger.WarnContext(ctx, "could not remove a file; trying again later", "file", dropped[i].FileID, "error", err)
		}
	}
}

// upload reads one record.
func (s *Service) upload(ctx context.Context, fileID string) (Upload, error) {
	if err := s.needFiles(); err != nil {
		return Upload{}, err
	}
	if err := checkID("fileId", fileID, maxID); err != nil {
		return Upload{}, err
	}
	found, err := s.files.Uploads.Uploads(ctx, fileID)
	if err != nil {
		return Upload{}, err
	}
	if len(found) == 0 {
		return Upload{}, noFile()
	}
	return found[0], nil
}

func (s *Service) ownUpload(ctx context.Context, by, fileID string) (Upload, error) {
	u, err := s.upload(ctx, fileID)
	if err == nil && u.UserID != by {
		return Upload{}, noFile()
	}
	return u, err
}

// finish makes a pending record ready by what arrive finds. Of several at once the first counts; content that does not
// count is removed.
func (s *Service) finish(ctx context.Context, u Upload, arrive func(context.Context, Upload) (Upload, error)) (Upload, error) {
	got, err := arrive(ctx, u)
	if err != nil {
		return Upload{}, err
	}
	got.State = UploadReady
	err = s.files.Uploads.FinishUpload(ctx, got)
	if !errors.Is(err, ErrMoved) {
		return got, err
	}
	found, err := s.files.Uploads.Uploads(ctx, u.FileID)
	if err != nil {
		return Upload{}, err
	}
	if len(found) == 0 {
		return Upload{}, errors.Join(noFile(), s.files.Contents.Remove(ctx, u.FileID, ""))
	}
	return found[0], s.files.Contents.Remove(ctx, u.FileID, found[0].Version)
}

// errPending says that a file of a message is announced but not examined.
var errPending = errors.New("a file of this message was not examined yet")

// checkRefs checks the files that a message takes along, as far as they can be without looking them up.
func (s *Service) checkRefs(refs []FileRef) error {
	if len(refs) == 0 {
		return nil
	}
	if !s.FilesOn() {
		return invalid("attachments", "This server does not take attachments.")
	}
	if len(refs) > MaxAttachments {
		return invalid("attachments", "A message has at most %d attachments.", MaxAttachments)
	}
	for i, r := range refs {
		if err := checkID("attachments", r.FileID, maxID); err != nil {
			return err
		}
		if slices.Contains(refs[:i], r) {
			return invalid("attachments", "A message cannot have the same file twice.")
		}
	}
	return nil
}

// attach lets a message take its files, in the commit that stores it.
func (q *sequencer) attach(ctx context.Context, st *step, c *Commit) error {
	found, err := q.s.files.Uploads.Uploads(ctx, st.files...)
	if err != nil {
		return err
	}
	if len(found) != len(st.files) {
		return invalid("attachments", "There is no such file.")
	}
	list := make([]Attachment, len(found))
	for i := range found {
		u := &found[i]
		again := slices.ContainsFunc(c.Attach, func(t Upload) bool { return t.FileID == u.FileID })
		switch {
		case u.RoomID != q.roomID || u.UserID != st.by:
			return invalid("attachments", "There is no such file.")
		case u.State == UploadPending:
			return errPending
		case u.State != UploadReady || again:
			return Errorf(Conflict, "A file can be attached to one message only.")
		}
		list[i] = u.Attachment
	}
	st.msg.Attachments = list
	c.Attach = append(c.Attach, found...)
	return nil
}

// enqueueFiles is enqueue for a message with files: if one of them was not examined yet, that is done first, and only
// then the message takes its place.
func (s *Service) enqueueFiles(ctx context.Context, m NewMessage, st *step) {
	st.files = make([]string, len(m.Attachments))
	for i, r := range m.Attachments {
		st.files[i] = r.FileID
	}
	first := *st
	first.done = func(sent Message, repeat bool, err error) {
		if !errors.Is(err, errPending) {
			st.done(sent, repeat, err)
			return
		}
		s.draining.Go(func() {
			for _, id := range st.files {
				if _, err := s.FinishUpload(context.WithoutCancel(ctx), st.by, id); err != nil {
					st.done(Message{}, false, err)
					return
				}
			}
			s.enqueue(m.RoomID, st)
		})
	}
	s.enqueue(m.RoomID, &first)
}

// wakeSweep makes runSweep look now.
func (s *Service) wakeSweep() {
	select {
	case s.sweep <- struct{}{}:
	default: // it will look anyway
	}
}

// runSweep removes what is due: at the start, when something was deleted, and from time to time.
func (s *Service) runSweep(ctx context.Context) {
	if s.files.Uploads == nil {
		return
	}
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		if err := s.SweepFiles(ctx); err != nil && ctx.Err() == nil {
			s.logger.Error("could not remove files; trying again later", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.sweep:
		}
	}
}

// SweepFiles removes the files that are due by now: those of deleted messages and rooms, and those that no message took
// in time. It may be repeated, and by several processes.
func (s *Service) SweepFiles(ctx context.Context) error {
	if s.files.Uploads == nil {
		return nil
	}
	for {
		due, err := s.files.Uploads.DueFiles(ctx, s.now().UnixMilli(), sweepPage)
		if err != nil {
			return err
		}
		var failed error
		for _, d := range due {
			failed = errors.Join(failed, s.sweepFile(ctx, d))
		}
		if failed != nil || len(due) < sweepPage {
			return failed
		}
	}
}

func (s *Service) sweepFile(ctx context.Context, d DueFile) error {
	found, err := s.files.Uploads.Uploads(ctx, d.FileID)
	if err != nil {
		return err
	}
	if len(found) > 0 { // no message took it; if one does in this moment, it stays
		err := s.files.Uploads.DropUpload(ctx, found[0])
		if found[0].State == UploadAttached || errors.Is(err, ErrMoved) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	if err := s.files.Contents.Remove(ctx, d.FileID, ""); err != nil {
		return err
	}
	return s.files.Uploads.ForgetFile(ctx, d)
}
