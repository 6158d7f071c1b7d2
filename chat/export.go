package chat

import (
	"cmp"
	"context"
)

// ExportedRoom is a membership as its person takes it home.
type ExportedRoom struct {
	RoomName
	Role     Role   `json:"role"`
	JoinedAt Millis `json:"joinedAt"`
	ReadSeq  int64  `json:"readSeq"`
	Notify   Level  `json:"notify"`
}

// ExportedFile is a file as its person takes it home; its content is at GET /files/{fileId}.
type ExportedFile struct {
	Attachment
	RoomID    string `json:"roomId"`
	CreatedAt Millis `json:"createdAt"`
}

// ExportedAccount is what is kept of a person beside their profile.
type ExportedAccount struct {
	User
	Email    string      `json:"email,omitempty"`
	Settings NotifyRules `json:"settings"`
}

// Exporter takes what is kept of a person, piece by piece.
type Exporter struct {
	Account func(ExportedAccount) error
	Room    func(ExportedRoom) error
	Message func(*Message) error
	File    func(ExportedFile) error
}

// Export calls to with everything that is kept of by in the order of Exporter's fields, page by page, so that memory
// stays bounded: also their messages in rooms that they have left.
func (s *Service) Export(ctx context.Context, by string, to Exporter) error {
	if err := s.exportAccount(ctx, by, to); err != nil {
		return err
	}
	for cursor := ""; ; {
		msgs, next, err := s.log.MessagesOf(ctx, by, cursor, MaxPage)
		if err != nil {
			return err
		}
		for i := range msgs {
			if err := to.Message(&msgs[i]); err != nil {
				return err
			}
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	for cursor := ""; ; {
		files, next, err := s.FilesOf(ctx, by, cursor, MaxPage)
		if err != nil {
			return err
		}
		for i := range files {
			if err := to.File(ExportedFile{files[i].Attachment, files[i].RoomID, files[i].CreatedAt}); err != nil {
				return err
			}
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
}

func (s *Service) exportAccount(ctx context.Context, by string, to Exporter) error {
	a, err := s.users.Account(ctx, by)
	if err != nil {
		return err
	}
	rules, err := s.NotifyRules(ctx, by)
	if err != nil {
		return err
	}
	mine, rooms, err := s.myRooms(ctx, by)
	if err != nil {
		return err
	}
	markers, err := s.markersOf(ctx, by)
	if err != nil {
		return err
	}
	levels, err := s.notices.LevelsOf(ctx, by)
	if err != nil {
		return err
	}
	if err := to.Account(ExportedAccount{a.User, a.Email, rules}); err != nil {
		return err
	}
	for i := range rooms {
		r := &rooms[i]
		m := mine[r.RoomID]
		err := to.Room(ExportedRoom{RoomName{r.RoomID, r.Name, r.Kind}, m.Role, m.JoinedAt, markers[r.RoomID].Seq, cmp.Or(levels[r.RoomID], LevelDefault)})
		if err != nil {
			return err
		}
	}
	return nil
}
