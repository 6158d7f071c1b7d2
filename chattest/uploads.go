package chattest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/chat"
)

const week = 7 * 24 * time.Hour

// NewUpload is a pending record that expires in a day.
func NewUpload(fileID, roomID, userID string, size int64, now time.Time) chat.Upload {
	return chat.Upload{Attachment: chat.Attachment{FileID: fileID, Filename: fileID + " \"ü\".png", ContentType: "image/png", Size: size},
		RoomID: roomID, UserID: userID, State: chat.UploadPending, CreatedAt: now.UnixMilli(), ExpiresAt: now.Add(24 * time.Hour).UnixMilli()}
}

// announce stores a pending record.
func (e *env) announce(fileID, roomID, userID string, size int64) chat.Upload {
	e.Helper()
	u := NewUpload(fileID, roomID, userID, size, e.clock.Now())
	e.ok(e.CreateUpload(e.ctx, u, 0))
	return u
}

// arrive stores a ready record.
func (e *env) arrive(fileID, roomID, userID string) chat.Upload {
	e.Helper()
	u := e.announce(fileID, roomID, userID, 100)
	u.Width, u.Height, u.Thumbnail, u.Version, u.Size, u.State = 40, 30, true, "v1", 90, chat.UploadReady
	e.ok(e.FinishUpload(e.ctx, u))
	return u
}

func (e *env) stored(fileID string) chat.Upload {
	e.Helper()
	found, err := e.Uploads(e.ctx, fileID)
	e.ok(err)
	if len(found) == 0 {
		return chat.Upload{}
	}
	return found[0]
}

// due are the ids of the files that are due.
func (e *env) due() []string {
	e.Helper()
	list, err := e.DueFiles(e.ctx, e.clock.Now().UnixMilli(), 100)
	e.ok(err)
	out := []string{}
	for _, d := range list {
		out = append(out, d.FileID)
	}
	slices.Sort(out)
	return out
}

func (e *env) used(userID string, want chat.FileUsage) {
	e.Helper()
	got, err := e.FileUsage(e.ctx, userID)
	e.ok(err)
	same(e, "usage of "+userID, got, want)
}

// with lets a message of a script take files along.
func with(c chat.Commit, i int, files ...chat.Upload) chat.Commit {
	for _, u := range files {
		c.New[i].Attachments = append(c.New[i].Attachments, u.Attachment)
	}
	c.Attach = append(c.Attach, files...)
	return c
}

func uploads(e *env) {
	u := e.announce("f1", "r1", "u-ann", 100)
	same(e, "pending", e.stored("f1"), u)
	e.is(e.CreateUpload(e.ctx, u, 0), chat.ErrExists)
	e.used("u-ann", chat.FileUsage{Files: 1, Bytes: 100})
	ready := u
	ready.Width, ready.Height, ready.Thumbnail, ready.Version, ready.Size, ready.State = 40, 30, true, "v1", 90, chat.UploadReady
	e.ok(e.FinishUpload(e.ctx, ready))
	same(e, "ready", e.stored("f1"), ready)
	other := ready
	other.Version = "v2"
	e.is(e.FinishUpload(e.ctx, other), chat.ErrMoved)
	e.is(e.DropUpload(e.ctx, u), chat.ErrMoved) // it is not pending any more
	same(e, "first finish", e.stored("f1"), ready)
	e.is(e.FinishUpload(e.ctx, NewUpload("none", "r1", "u-ann", 1, e.clock.Now())), chat.ErrMoved)

	e.announce("f2", "r2", "u-ann", 10)
	e.announce("f3", "r1", "u-annika", 10)
	found, err := e.Uploads(e.ctx, "f2", "none", "f1")
	e.ok(err)
	if len(found) != 2 || found[0].FileID != "f2" || found[1].FileID != "f1" {
		e.Fatalf("files: %+v", found)
	}
	mine := pages(e, 1, func(cursor string) ([]chat.Upload, string, error) { return e.UploadsOf(e.ctx, "u-ann", cursor, 1) })
	if len(mine) != 2 || mine[0] != ready || mine[1].FileID != "f2" {
		e.Fatalf("files of one person: %+v", mine)
	}
	e.ok(e.DropUpload(e.ctx, ready))
	same(e, "dropped", e.stored("f1"), chat.Upload{})
	e.is(e.DropUpload(e.ctx, ready), chat.ErrMoved)
	e.used("u-ann", chat.FileUsage{Files: 1, Bytes: 10})
	e.used("u-annika", chat.FileUsage{Files: 1, Bytes: 10})
}

func uploadsAttach(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann", "u-bob")
	f1, f2 := e.arrive("f1", "r1", "u-ann"), e.arrive("f2", "r1", "u-ann")
	pending := e.announce("f3", "r1", "u-ann", 5)
	elsewhere, bobs := e.arrive("f4", "r2", "u-ann"), e.arrive("f5", "r1", "u-bob")
	refused := func(id string, u chat.Upload) {
		e.Helper()
		was := *s
		err := e.Commit(e.ctx, with(s.Say(Said{"u-ann", "bad", "text"}), 0, f1, u))
		claim, ok := errors.AsType[*chat.ClaimError](err)
		if !ok || !slices.Contains(claim.FileIDs, id) {
			e.Fatalf("attach %s: %v", id, err)
		}
		*s = was
		same(e, "head", e.room("r1").HeadSeq, s.Room.HeadSeq)
		same(e, "a file of a refused message", e.stored("f1").State, chat.UploadReady)
	}
	refused("f3", pending)
	refused("none", NewUpload("none", "r1", "u-ann", 5, e.clock.Now()))
	stolen := elsewhere
	stolen.RoomID = "r1"
	refused("f4", stolen)
	stolen = bobs
	stolen.UserID = "u-ann"
	refused("f5", stolen)

	c := with(s.Say(Said{"u-ann", "c1", "look"}, Said{"u-bob", "c2", ""}), 0, f1, f2)
	e.commit(c)
	got := e.all("r1")
	e.equalMessage(&got[0], &c.New[0])
	same(e, "attached", e.stored("f1").State, chat.UploadAttached)
	refused2 := with(s.Say(Said{"u-ann", "c3", "again"}), 0, f1)
	if _, ok := errors.AsType[*chat.ClaimError](e.Commit(e.ctx, refused2)); !ok {
		e.Fatal("a file was attached twice")
	}
	s.Room.HeadSeq, s.Room.MessageCount, s.Room.LastSeq = c.Room.HeadSeq, c.Room.MessageCount, c.Room.LastSeq
	repeat := with(s.Say(Said{"u-ann", "c1", "look"}), 0, f1, f2)
	if _, ok := errors.AsType[*chat.DuplicateError](e.Commit(e.ctx, repeat)); !ok {
		e.Fatal("a repeat with files is no repeat")
	}
	e.is(e.DropUpload(e.ctx, f1), chat.ErrMoved)
	e.is(e.FinishUpload(e.ctx, f1), chat.ErrMoved)
	e.clock.Advance(week)
	same(e, "due", fmt.Sprint(e.due()), "[f3 f4 f5]") // not what a message has
}

// uploadsOneClaim: of many that want one file at once, exactly one gets it.
func uploadsOneClaim(e *env) {
	rooms := make([]*Script, 8)
	for i := range rooms {
		rooms[i] = e.begin(fmt.Sprint("r", i), chat.Public, "Lobby", "u-ann")
	}
	for round := range 5 {
		u := e.arrive(fmt.Sprint("f", round), "r0", "u-ann")
		var won atomic.Int64
		var all sync.WaitGroup
		for i, s := range rooms {
			all.Go(func() {
				was := *s
				var err error
				if i%2 == 0 {
					err = e.DropUpload(e.ctx, u)
				} else {
					err = e.Commit(e.ctx, with(s.Say(Said{"u-ann", fmt.Sprint("c", round), ""}), 0, u))
				}
				_, claim := errors.AsType[*chat.ClaimError](err)
				switch {
				case err == nil:
					won.Add(1)
				case errors.Is(err, chat.ErrMoved) || claim:
					*s = was
				default:
					e.Error(err)
				}
			})
		}
		all.Wait()
		same(e, "winners", won.Load(), 1)
	}
}

// uploadsLargest: a commit of as many messages and files as one may have.
func uploadsLargest(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann")
	said := make([]Said, chat.MaxCommitMessages)
	for i := range said {
		said[i] = Said{"u-ann", fmt.Sprint("c", i), "text"}
	}
	c := s.Say(said...)
	for i := range chat.MaxCommitAttachments {
		u := e.announce(fmt.Sprint("f", i), "r1", "u-ann", 100)
		u.Filename, u.State = strings.Repeat("n", chat.MaxFilename), chat.UploadReady
		e.ok(e.FinishUpload(e.ctx, u))
		c = with(c, 0, u)
	}
	e.commit(c)
	gone := s.Change(c.New[0], func(m *chat.Message) { m.Attachments = nil })
	gone.Drop = c.Attach
	e.commit(gone)
	same(e, "due", len(e.due()), chat.MaxCommitAttachments)
}

// uploadsQuota: a quota holds, however many files come at once.
func uploadsQuota(e *env) {
	var accepted, refused atomic.Int64
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			err := e.CreateUpload(e.ctx, NewUpload(fmt.Sprint("f", i), "r1", "u-ann", 10, e.clock.Now()), 50)
			switch chat.CodeOf(err) {
			case "":
				accepted.Add(1)
			case chat.TooLarge:
				refused.Add(1)
			default:
				e.Error(err)
			}
		})
	}
	all.Wait()
	same(e, "accepted", accepted.Load(), 5)
	same(e, "refused", refused.Load(), 7)
	e.used("u-ann", chat.FileUsage{Files: 5, Bytes: 50})
	e.ok(e.CreateUpload(e.ctx, NewUpload("g", "r1", "u-bob", 50, e.clock.Now()), 50))
	mine, _, err := e.UploadsOf(e.ctx, "u-ann", "", 100)
	e.ok(err)
	for _, u := range mine {
		e.ok(e.DropUpload(e.ctx, u))
	}
	e.used("u-ann", chat.FileUsage{})
	e.ok(e.CreateUpload(e.ctx, NewUpload("h", "r1", "u-ann", 50, e.clock.Now()), 50))
}

// uploadsDue: what no message took is due when it expires, what a message has no more at once; it is counted until its
// content is gone, and given back once.
func uploadsDue(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann")
	kept, deleted := e.arrive("f1", "r1", "u-ann"), e.arrive("f2", "r1", "u-ann")
	e.announce("f3", "r1", "u-ann", 100)
	c := with(s.Say(Said{"u-ann", "c1", "two"}), 0, kept, deleted)
	e.commit(c)
	same(e, "due", len(e.due()), 0)
	change := s.Change(c.New[0], func(m *chat.Message) { m.Attachments = m.Attachments[:1] })
	change.Drop = []chat.Upload{{Attachment: deleted.Attachment, RoomID: "r1", UserID: "u-ann", State: chat.UploadAttached}}
	e.commit(change)
	same(e, "record", e.stored("f2"), chat.Upload{})
	same(e, "due", fmt.Sprint(e.due()), "[f2]")
	e.used("u-ann", chat.FileUsage{Files: 3, Bytes: 300})
	e.clock.Advance(25 * time.Hour)
	same(e, "due", fmt.Sprint(e.due()), "[f2 f3]")
	list, err := e.DueFiles(e.ctx, e.clock.Now().UnixMilli(), 1)
	e.ok(err)
	if len(list) != 1 || list[0].FileID != "f2" || list[0].UserID != "u-ann" {
		e.Fatalf("longest due: %+v", list)
	}
	for range 2 {
		e.ok(e.ForgetFile(e.ctx, list[0]))
		same(e, "due", fmt.Sprint(e.due()), "[f3]")
		e.used("u-ann", chat.FileUsage{Files: 2, Bytes: 200})
	}
	attached := e.stored("f1")
	e.ok(e.DropUpload(e.ctx, attached)) // as when a person is erased
	same(e, "due", fmt.Sprint(e.due()), "[f1 f3]")
	e.used("u-ann", chat.FileUsage{Files: 1, Bytes: 100})
	list, err = e.DueFiles(e.ctx, e.clock.Now().UnixMilli(), 100)
	e.ok(err)
	for _, d := range list {
		e.ok(e.ForgetFile(e.ctx, d))
	}
	same(e, "due", len(e.due()), 0)
	e.used("u-ann", chat.FileUsage{})
}

// uploadsRoomGone: the files of a room that was purged are due.
func uploadsRoomGone(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann")
	other := e.begin("r2", chat.Public, "Other", "u-ann")
	f1, f2 := e.arrive("f1", "r1", "u-ann"), e.arrive("f2", "r2", "u-ann")
	e.commit(with(s.Say(Said{"u-ann", "c1", ""}), 0, f1))
	e.commit(with(other.Say(Said{"u-ann", "c1", ""}), 0, f2))
	e.commit(s.End())
	e.ok(e.Purge(e.ctx))
	same(e, "record", e.stored("f1"), chat.Upload{})
	same(e, "record of another room", e.stored("f2").State, chat.UploadAttached)
	same(e, "due", fmt.Sprint(e.due()), "[f1]")
}

// secrets: the first one of a name stays.
func secrets(e *env) {
	var all sync.WaitGroup
	got := make([][]byte, 8)
	for i := range got {
		all.Go(func() {
			var err error
			if got[i], err = e.Secret(e.ctx, "links", []byte{byte(i), 0xff}); err != nil {
				e.Error(err)
			}
		})
	}
	all.Wait()
	for i := range got {
		same(e, "secret", string(got[i]), string(got[0]))
	}
	other, err := e.Secret(e.ctx, "other", []byte("fresh"))
	e.ok(err)
	same(e, "secret of another name", string(other), "fresh")
	all2, err := e.Keys(e.ctx)
	e.ok(err)
	same(e, "signing keys", len(all2), 0)
}
