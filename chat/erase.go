package chat

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Erasure is an account on its way out, and what was removed so far. It is kept until nothing is left and nothing can
// come back, so that an interruption is made good later.
type Erasure struct {
	UserID      string
	StartedAt   Millis
	DoneAt      Millis // when all was removed for the first time
	Messages    int
	Files       int
	Memberships int
	// What the account was known by elsewhere: to who keeps its password, and its picture. Empty once that is removed.
	Username  string
	AvatarURL string
}

// Erasures keeps which accounts are being erased.
type Erasures interface {
	// BeginErasure replaces an account by what is left of it, as UpdateUser does, takes it off every list of people, and
	// notes e. The username stays taken. ErrMoved.
	BeginErasure(ctx context.Context, left Account, e Erasure) error
	// Erasures returns those under way.
	Erasures(ctx context.Context) ([]Erasure, error)
	// NoteErasure stores how far one has come.
	NoteErasure(ctx context.Context, e Erasure) error
	// ClearErased removes everything of a person that is left but the account and the note.
	ClearErased(ctx context.Context, userID string) error
	// EndErasure removes the note.
	EndErasure(ctx context.Context, userID string) error
}

// erasedName is what an erased account shows.
const erasedName = "Deleted account"

// eraseAgain is after how long an erasure looks for what came after it began, and ends: no access token from before is
// valid then any more, and no request with one is under way.
const eraseAgain = 15 * time.Minute

// eraseStep bounds the messages that are looked at before progress is noted.
const eraseStep = 100

// BeginErase makes an account one that nobody can sign in to and that says nothing of its person. The rest follows by
// Erase, or with the next Run.
func (s *Service) BeginErase(ctx context.Context, userID string) error {
	for {
		a, err := s.users.Account(ctx, userID)
		if err != nil {
			return err
		}
		left := Account{Disabled: true, Version: a.Version, User: User{UserID: userID, Username: erasedUsername(userID), DisplayName: erasedName,
			CreatedAt: a.User.CreatedAt}}
		if a.User.erased() { // begun before
			return nil
		}
		e := Erasure{UserID: userID, StartedAt: s.now().UnixMilli(), Username: a.User.Username, AvatarURL: a.User.AvatarURL}
		err = s.erasures.BeginErasure(ctx, left, e)
		if !errors.Is(err, ErrMoved) {
			return err
		}
	}
}

// erasedUsername stands in the place of a username: it has the form of one, and tells nothing.
func erasedUsername(userID string) string {
	return "deleted-" + strings.ToLower(userID[max(0, len(userID)-MaxUsername/2):])
}

// erased tells whether an account is no more than what is left of one.
func (u *User) erased() bool { return u.Username == erasedUsername(u.UserID) }

// present refuses whom an access token stands for that outlived their account: who was erased, or disabled, in another
// process. Whatever makes something of theirs that no membership guards asks it first.
func (s *Service) present(ctx context.Context, userID string) error {
	a, err := s.users.Account(ctx, userID)
	if CodeOf(err) == NotFound || err == nil && a.Disabled {
		return noAccount()
	}
	return err
}

func noAccount() error { return Errorf(Unauthenticated, "This account is no more.") }

// Erase goes on with an erasure until nothing is left, and returns what was removed. It may be interrupted at any moment
// and begun again, and by several processes: then what is left is removed all the same. NotFound if none is under way.
func (s *Service) Erase(ctx context.Context, userID string) (Erasure, error) {
	all, err := s.erasures.Erasures(ctx)
	if err != nil {
		return Erasure{}, err
	}
	for _, e := range all {
		if e.UserID == userID {
			err := s.erase(ctx, &e)
			return e, err
		}
	}
	return Erasure{}, Errorf(NotFound, "This account is not being erased.")
}

// EraseAll goes on with all erasures that are under way.
func (s *Service) EraseAll(ctx context.Context) error {
	all, err := s.erasures.Erasures(ctx)
	for i := range all {
		if e := &all[i]; e.DoneAt == 0 || s.mayReturn(e) <= 0 {
			err = errors.Join(err, s.erase(ctx, e))
		}
	}
	return err
}

// mayReturn is for how long something may still be made for an account that is being erased.
func (s *Service) mayReturn(e *Erasure) time.Duration {
	return time.UnixMilli(e.StartedAt).Add(eraseAgain).Sub(s.now())
}

func (s *Service) erase(ctx context.Context, e *Erasure) error {
	s.deliverer.Disconnect(ctx, e.UserID, "")
	if err := s.eraseOwn(ctx, e); err != nil {
		return err
	}
	if s.mayReturn(e) <= 0 {
		return s.erasures.EndErasure(ctx, e.UserID)
	}
	e.DoneAt, e.Username, e.AvatarURL = s.now().UnixMilli(), "", ""
	return s.erasures.NoteErasure(ctx, *e)
}

// eraseOwn removes all that is of a person. What others keep of them goes first, and if that fails all else still goes.
func (s *Service) eraseOwn(ctx context.Context, e *Erasure) error {
	var forgotten error
	if s.forget != nil {
		forgotten = s.forget(ctx, *e)
	}
	for { // the index by which messages are found may lag: until a whole walk finds nothing
		found, err := s.eraseMessages(ctx, e)
		if err != nil {
			return err
		}
		left, err := s.eraseMemberships(ctx, e)
		if err != nil {
			return err
		}
		if !found && !left {
			break
		}
	}
	files, err := s.DropFilesOf(ctx, e.UserID)
	e.Files += files
	if err != nil {
		return err
	}
	return errors.Join(forgotten, s.erasures.ClearErased(ctx, e.UserID))
}

// eraseMessages deletes a person's messages through the logs of their rooms, so that every client learns of it.
func (s *Service) eraseMessages(ctx context.Context, e *Erasure) (found bool, err error) {
	for cursor := ""; ; {
		msgs, next, err := s.log.MessagesOf(ctx, e.UserID, cursor, eraseStep)
		if err != nil {
			return found, err
		}
		byRoom := make(map[string][]Place)
		for i := range msgs {
			if m := &msgs[i]; !m.erased() {
				byRoom[m.RoomID] = append(byRoom[m.RoomID], Place{m.RoomID, m.Seq})
			}
		}
		for roomID, places := range byRoom {
			was := e.Messages
			err := s.eraseIn(ctx, e, roomID, places)
			found = found || e.Messages > was
			if err != nil {
				return found, err
			}
		}
		if len(byRoom) > 0 {
			if err := s.erasures.NoteErasure(ctx, *e); err != nil {
				return found, err
			}
		}
		if cursor = next; cursor == "" {
			return found, nil
		}
	}
}

// erased tells whether nothing of its author is left in a message.
func (m *Message) erased() bool { return m.DeletedAt != 0 && m.Username == erasedUsername(m.UserID) }

// eraseIn deletes messages of one person in one room, some in each commit.
func (s *Service) eraseIn(ctx context.Context, e *Erasure, roomID string, places []Place) error {
	for len(places) > 0 {
		var messages, files int
		var rest []Place
		err := s.do(ctx, e.UserID, roomID, func(ctx context.Context, v *view) (Commit, error) {
			c := v.begin()
			if messages, files, rest = 0, 0, nil; v.HeadSeq == 0 { // gone: what is left of it is purged
				return c, nil
			}
			msgs, err := s.log.MessagesAt(ctx, places...)
			if err != nil {
				return c, err
			}
			for i := range msgs {
				more := 4 + len(msgs[i].Mentions) + 2*len(msgs[i].Attachments)
				if len(rest) > 0 || len(c.Changed) > 0 && c.rows()+more > MaxCommitRows {
					rest = append(rest, Place{roomID, msgs[i].Seq})
				} else if err := v.eraseMessage(ctx, &c, &msgs[i]); err != nil {
					return c, err
				}
			}
			messages, files = len(c.Changed), len(c.Drop)
			return c, nil
		})
		if err != nil {
			return err
		}
		e.Messages, e.Files, places = e.Messages+messages, e.Files+files, rest
	}
	return nil
}

// rows is about how many rows a commit of changes writes.
func (c *Commit) rows() int {
	return len(c.Changed) + len(c.Changes) + len(c.Stale) + len(c.Notices) + len(c.Obsolete) + 2*len(c.Drop)
}

// eraseMessage adds to the commit that nothing of its author is left in a message.
func (v *view) eraseMessage(ctx context.Context, c *Commit, m *Message) error {
	if m.erased() {
		return nil
	}
	r := revision{view: v, commit: c, msg: *m}
	notices, err := r.notices(ctx)
	if err != nil {
		return err
	}
	now := v.q.s.now().UnixMilli()
	to := &r.msg
	to.Content, to.Username = "", erasedUsername(m.UserID)
	to.Attachments, to.Reactions, to.Mentions = nil, nil, nil
	if to.DeletedAt == 0 {
		to.DeletedAt = now
	}
	c.Obsolete = append(c.Obsolete, notices...)
	c.change(m.UserID, now, to)
	c.stale(to)
	c.Drop = append(c.Drop, dropped(m, to)...)
	return nil
}

// eraseMemberships ends all memberships of a person, also in direct rooms.
func (s *Service) eraseMemberships(ctx context.Context, e *Erasure) (found bool, err error) {
	mine, err := s.rooms.RoomsOf(ctx, e.UserID)
	if err != nil {
		return false, err
	}
	for _, m := range mine {
		left := false
		err := s.do(ctx, e.UserID, m.RoomID, func(ctx context.Context, v *view) (Commit, error) {
			left = false
			a, err := v.q.member(ctx, e.UserID)
			if err != nil || a == nil {
				return v.begin(), err
			}
			left = true
			return v.leave(ctx, a)
		})
		if err != nil {
			return found, err
		}
		if left {
			found = true
			e.Memberships++
		}
	}
	if found {
		err = s.erasures.NoteErasure(ctx, *e)
	}
	return found, err
}

// eraseEvery is how often erasures that were interrupted are gone on with.
const eraseEvery = time.Minute

// runErase goes on with erasures at the start, for those that an earlier process left, and then from time to time.
func (s *Service) runErase(ctx context.Context) {
	ticker := time.NewTicker(eraseEvery)
	defer ticker.Stop()
	for {
		if err := s.EraseAll(ctx); err != nil && ctx.Err() == nil {
			s.logger.Error("could not erase accounts; trying again later", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
