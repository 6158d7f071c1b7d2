package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"parley/chat"
	"parley/store/table"
)

// A file's record carries a claim, on which every change of it is conditioned: pending, ready#ROOM#USER, or attached. So
// a message takes a file by one condition, whoever else wants it or removes it at the same moment.

const claim = "claim"

func claimOf(u *chat.Upload) string {
	if u.State == chat.UploadReady {
		return string(u.State) + "#" + u.RoomID + "#" + u.UserID
	}
	return string(u.State)
}

func isClaim(v string) table.Cond {
	return table.Cond{Kind: table.Equal, Attr: claim, Value: table.Value{Kind: table.Text, Text: v}}
}

func uploadItem(u *chat.Upload) table.Item {
	a := []table.Attr{table.S(claim, claimOf(u)), table.S("roomId", u.RoomID), table.S("userId", u.UserID), table.S("filename", u.Filename),
		table.S("contentType", u.ContentType), table.N("size", u.Size), table.N("createdAt", u.CreatedAt), table.N("expiresAt", u.ExpiresAt)}
	a = number(a, "width", int64(u.Width))
	a = number(a, "height", int64(u.Height))
	a = flag(a, "thumbnail", u.Thumbnail)
	a = text(a, "version", u.Version)
	return table.Item{Key: fileKey(u.FileID), Attrs: a}
}

func upload(it *table.Item) chat.Upload {
	state, _, _ := strings.Cut(it.Text(claim), "#")
	return chat.Upload{
		Attachment: chat.Attachment{FileID: strings.TrimPrefix(it.Key.Part, "file#"), Filename: it.Text("filename"),
			ContentType: it.Text("contentType"), Size: it.Num("size"), Width: int(it.Num("width")), Height: int(it.Num("height")),
			Thumbnail: it.Num("thumbnail") != 0},
		RoomID: it.Text("roomId"), UserID: it.Text("userId"), State: chat.UploadState(state), CreatedAt: it.Num("createdAt"),
		ExpiresAt: it.Num("expiresAt"), Version: it.Text("version"),
	}
}

// usage is what a person's files count; version makes changes of it conditional.
type usage struct {
	chat.FileUsage
	version int64
}

func (s *Store) usage(ctx context.Context, userID string) (usage, error) {
	it, _, err := s.get(ctx, usageKey(userID))
	return usage{chat.FileUsage{Files: it.Num("files"), Bytes: it.Num("bytes")}, it.Num("version")}, err
}

// op counts files more, or less, of so many bytes.
func (u usage) op(userID string, files, bytes int64) table.Op {
	o := put(table.Item{Key: usageKey(userID), Attrs: []table.Attr{table.N("files", u.Files+files), table.N("bytes", u.Bytes+bytes),
		table.N("version", u.version+1)}})
	o.If = table.Cond{Kind: table.Equal, Attr: "version", Value: table.Value{Kind: table.Number, Num: u.version}}
	if u.version == 0 {
		o.If = table.Cond{Kind: table.Absent}
	}
	return o
}

// counted writes what write makes of a person's usage, again as long as only the usage has moved meanwhile. The op of the
// usage is the first; if others fail, so does the call, with *table.Failed.
func (s *Store) counted(ctx context.Context, userID string, write func(usage) ([]table.Op, error)) error {
	for attempt := 0; ; attempt++ {
		u, err := s.usage(ctx, userID)
		if err != nil {
			return err
		}
		ops, err := write(u)
		if err != nil {
			return err
		}
		err = s.db.Write(ctx, ops...)
		if bad, ok := failed(err); !ok || len(bad) > 1 || bad[0] != 0 {
			return err
		}
		if attempt == 30 {
			return table.ErrBusy
		}
		select { // others of the same person write
		case <-time.After(rand.N(time.Duration(attempt+1) * 2 * time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// CreateUpload implements chat.Uploads.
func (s *Store) CreateUpload(ctx context.Context, u chat.Upload, quota int64) error {
	err := s.counted(ctx, u.UserID, func(now usage) ([]table.Op, error) {
		if quota > 0 && now.Bytes+u.Size > quota {
			return nil, chat.Errorf(chat.TooLarge, "Your files would take more than the %d MiB that you may have here.", quota>>20)
		}
		return []table.Op{
			now.op(u.UserID, 1, u.Size),
			{Kind: table.Put, Table: tChat, Item: uploadItem(&u), If: table.Cond{Kind: table.Absent}},
			put(table.Item{Key: fileOfKey(u.UserID, u.FileID), Attrs: []table.Attr{table.N("size", u.Size)}}),
			put(table.Item{Key: dueKey(u.ExpiresAt, u.FileID), Attrs: []table.Attr{table.S("userId", u.UserID)}}),
		}, nil
	})
	if _, ok := failed(err); ok {
		return chat.ErrExists
	}
	return wrap("announce a file", err)
}

// Uploads implements chat.Uploads.
func (s *Store) Uploads(ctx context.Context, fileIDs ...string) ([]chat.Upload, error) {
	keys := make([]table.Key, len(fileIDs))
	for i, id := range fileIDs {
		keys[i] = fileKey(id)
	}
	items, err := s.getMany(ctx, keys)
	if err != nil {
		return nil, wrap("read files", err)
	}
	out := make([]chat.Upload, len(items))
	for i := range items {
		out[i] = upload(&items[i])
	}
	return out, nil
}

// FinishUpload implements chat.Uploads.
func (s *Store) FinishUpload(ctx context.Context, u chat.Upload) error {
	u.State = chat.UploadReady
	err := s.db.Write(ctx, table.Op{Kind: table.Put, Table: tChat, Item: uploadItem(&u), If: isClaim(string(chat.UploadPending))})
	if _, ok := failed(err); ok {
		return chat.ErrMoved
	}
	return wrap("finish a file", err)
}

// DropUpload implements chat.Uploads.
func (s *Store) DropUpload(ctx context.Context, u chat.Upload) error {
	counts, found, err := s.get(ctx, fileOfKey(u.UserID, u.FileID))
	if err != nil {
		return wrap("remove a file", err)
	}
	record := del(fileKey(u.FileID))
	record.If = isClaim(claimOf(&u))
	ops := []table.Op{record}
	if u.State == chat.UploadAttached {
		ops = append(ops, s.due(&u))
	}
	if !found { // what it counted was given back before
		err = s.db.Write(ctx, ops...)
	} else {
		err = s.counted(ctx, u.UserID, func(now usage) ([]table.Op, error) {
			return append([]table.Op{now.op(u.UserID, -1, -counts.Num("size")), del(counts.Key)}, ops...), nil
		})
	}
	if _, ok := failed(err); ok {
		return chat.ErrMoved
	}
	return wrap("remove a file", err)
}

// due makes the content of a file due now.
func (s *Store) due(u *chat.Upload) table.Op {
	return put(table.Item{Key: dueKey(s.now().UnixMilli(), u.FileID), Attrs: []table.Attr{table.S("userId", u.UserID)}})
}

// UploadsOf implements chat.Uploads.
func (s *Store) UploadsOf(ctx context.Context, userID, cursor string, limit int) ([]chat.Upload, string, error) {
	items, next, err := s.page(ctx, inPrefix("user#"+userID, "file#"), cursor, limit)
	if err != nil {
		return nil, "", wrap("list the files of a user", err)
	}
	ids := make([]string, len(items))
	for i := range items {
		ids[i] = strings.TrimPrefix(items[i].Key.Sort, "file#")
	}
	out, err := s.Uploads(ctx, ids...)
	return out, next, err
}

// FileUsage implements chat.Uploads.
func (s *Store) FileUsage(ctx context.Context, userID string) (chat.FileUsage, error) {
	u, err := s.usage(ctx, userID)
	return u.FileUsage, wrap("count the files of a user", err)
}

// DueFiles implements chat.Uploads.
func (s *Store) DueFiles(ctx context.Context, now chat.Millis, limit int) ([]chat.DueFile, error) {
	items, _, err := s.page(ctx, table.Query{Table: tChat, Part: "files", To: prefixEnd(padded(now))}, "", limit)
	if err != nil {
		return nil, wrap("list the files that are due", err)
	}
	out := make([]chat.DueFile, len(items))
	for i := range items {
		at, id, _ := strings.Cut(items[i].Key.Sort, "#")
		out[i] = chat.DueFile{FileID: id, UserID: items[i].Text("userId")}
		if out[i].At, err = strconv.ParseInt(at, 10, 64); err != nil {
			return nil, errors.Join(table.ErrCorrupt, err)
		}
	}
	return out, nil
}

// ForgetFile implements chat.Uploads.
func (s *Store) ForgetFile(ctx context.Context, d chat.DueFile) error {
	counts, found, err := s.get(ctx, fileOfKey(d.UserID, d.FileID))
	if err == nil && found {
		err = s.counted(ctx, d.UserID, func(now usage) ([]table.Op, error) {
			forget := del(counts.Key)
			forget.If = table.Cond{Kind: table.Present} // so that nothing is given back twice
			return []table.Op{now.op(d.UserID, -1, -counts.Num("size")), forget}, nil
		})
		if _, ok := failed(err); ok {
			err = nil // somebody else gave it back
		}
	}
	if err == nil {
		err = s.db.Write(ctx, del(dueKey(d.At, d.FileID)))
	}
	return wrap("forget a file", err)
}

// attach adds, for each file of new messages, its record as attached, and that it is not due any more.
func attach(ops []table.Op, files []chat.Upload) []table.Op {
	for i := range files {
		u := files[i]
		u.State = chat.UploadReady
		ready := isClaim(claimOf(&u))
		u.State = chat.UploadAttached
		ops = append(ops, table.Op{Kind: table.Put, Table: tChat, Item: uploadItem(&u), If: ready}, del(dueKey(u.ExpiresAt, u.FileID)))
	}
	return ops
}

// unclaimed turns the failed conditions of a commit into the files that could not be attached.
func unclaimed(c *chat.Commit, bad []int, firstFile int) error {
	var e chat.ClaimError
	for _, op := range bad {
		if i := (op - firstFile) / 2; op >= firstFile && i < len(c.Attach) {
			e.FileIDs = append(e.FileIDs, c.Attach[i].FileID)
		}
	}
	return &e
}

// dropFiles adds, for each file that its message has no more, that its record goes and its content is due.
func (s *Store) dropFiles(ops []table.Op, files []chat.Upload) []table.Op {
	for i := range files {
		ops = append(ops, del(fileKey(files[i].FileID)), s.due(&files[i]))
	}
	return ops
}

// dropEntry removes one entry of a log, and the files of a message with it.
func (s *Store) dropEntry(it *table.Item) ([]table.Op, error) {
	ops := []table.Op{{Kind: table.Delete, Table: tMessages, Item: table.Item{Key: it.Key}}}
	if it.Text("attachments") == "" {
		return ops, nil
	}
	m, err := message(it)
	if err != nil {
		return nil, err
	}
	files := make([]chat.Upload, len(m.Attachments))
	for i, a := range m.Attachments {
		files[i] = chat.Upload{Attachment: a, UserID: m.UserID}
	}
	return s.dropFiles(ops, files), nil
}

// Secret implements chat.Secrets.
func (s *Store) Secret(ctx context.Context, name string, fresh []byte) ([]byte, error) {
	err := s.db.Write(ctx, table.Op{Kind: table.Put, Table: tChat, If: table.Cond{Kind: table.Absent},
		Item: table.Item{Key: secretKey(name), Attrs: []table.Attr{table.B("secret", fresh)}}})
	if _, ok := failed(err); !ok {
		return fresh, wrap("store a secret", err)
	}
	it, _, err := s.get(ctx, secretKey(name))
	return it.Data("secret"), wrap("read a secret", err)
}
