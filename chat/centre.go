package chat

import (
	"cmp"
	"context"
	"slices"
)

// NotificationView is one entry of a person's notification centre.
type NotificationView struct {
	Kind    NoticeKind `json:"kind"`
	Message Message    `json:"message"`
	Room    RoomName   `json:"room"`
	Read    bool       `json:"read"`
}

// RoomName is as much of a room as an entry shows.
type RoomName struct {
	RoomID string `json:"roomId"`
	Name   string `json:"name"`
	Kind   Kind   `json:"kind"`
}

// widePerRoom is how many mentions of everybody the centre shows of one room, the newest.
const widePerRoom = 100

// Notifications returns what concerns by, newest first, and a cursor for more: the messages that mention or answer them,
// and of each direct room the newest message of somebody else. A page may be shorter than limit although there is a cursor.
func (s *Service) Notifications(ctx context.Context, by, cursor string, limit int) ([]NotificationView, string, error) {
	limit, err := clampLimit(limit)
	if err != nil {
		return nil, "", err
	}
	if _, ok := messageSeq(cursor); cursor != "" && !ok {
		return nil, "", invalid("cursor", "The cursor is not one of ours.")
	}
	_, rooms, err := s.myRooms(ctx, by)
	if err != nil {
		return nil, "", err
	}
	mine := make(map[string]*Room, len(rooms))
	for i := range rooms {
		mine[rooms[i].RoomID] = &rooms[i]
	}
	personal, err := s.notices.NoticesOf(ctx, by, cursor, limit)
	if err != nil {
		return nil, "", err
	}
	floor := "" // what is older than this comes with the next page
	if len(personal) == limit {
		floor = personal[limit-1].MessageID
	}
	wide, err := s.wideNotices(ctx, by, rooms)
	if err != nil {
		return nil, "", err
	}
	direct, err := s.directNotices(ctx, by, rooms)
	if err != nil {
		return nil, "", err
	}
	all := slices.Concat(personal, wide, direct)
	all = slices.DeleteFunc(all, func(n Notice) bool {
		return mine[n.RoomID] == nil || cursor != "" && n.MessageID >= cursor || n.MessageID < floor
	})
	slices.SortStableFunc(all, func(a, b Notice) int { return cmp.Compare(b.MessageID, a.MessageID) })
	all = slices.CompactFunc(all, func(a, b Notice) bool { return a.MessageID == b.MessageID })
	next := floor
	if len(all) > limit {
		all = all[:limit]
		next = all[limit-1].MessageID
	}
	views, err := s.notificationViews(ctx, by, all, mine)
	return views, next, err
}

// wideNotices are the mentions of everybody in these rooms.
func (s *Service) wideNotices(ctx context.Context, by string, rooms []Room) ([]Notice, error) {
	rooms = slices.DeleteFunc(slices.Clone(rooms), func(r Room) bool { return r.WideSeq == 0 })
	found := make([][]Notice, len(rooms))
	err := each(len(rooms), func(i int) (err error) {
		found[i], err = s.notices.RoomNotices(ctx, rooms[i].RoomID, 1, rooms[i].WideSeq, widePerRoom)
		return err
	})
	return slices.DeleteFunc(slices.Concat(found...), func(n Notice) bool { return !n.concerns(by) }), err
}

// directNotices stand for the newest message of each direct room, if somebody else sent it.
func (s *Service) directNotices(ctx context.Context, by string, rooms []Room) ([]Notice, error) {
	var at []Place
	for i := range rooms {
		if r := &rooms[i]; r.Kind == Direct && r.LastSeq > 0 {
			at = append(at, Place{r.RoomID, r.LastSeq})
		}
	}
	last, err := s.log.MessagesAt(ctx, at...)
	var out []Notice
	for i := range last {
		if m := &last[i]; m.UserID != by {
			out = append(out, Notice{RoomID: m.RoomID, Seq: m.Seq, MessageID: m.MessageID, Kind: NoticeDirect, By: m.UserID})
		}
	}
	return out, err
}

// notificationViews adds the messages, and leaves out those that were deleted, and those of rooms left meanwhile.
func (s *Service) notificationViews(ctx context.Context, by string, notices []Notice, mine map[string]*Room) ([]NotificationView, error) {
	at := make([]Place, len(notices))
	for i := range notices {
		at[i] = Place{notices[i].RoomID, notices[i].Seq}
	}
	messages, err := s.log.MessagesAt(ctx, at...)
	if err != nil {
		return nil, err
	}
	markers, err := s.markersOf(ctx, by)
	if err != nil {
		return nil, err
	}
	still, err := s.roomsOf(ctx, by)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*Message, len(messages))
	for i := range messages {
		byID[messages[i].MessageID] = &messages[i]
	}
	out := make([]NotificationView, 0, len(notices))
	for _, n := range notices {
		m, r := byID[n.MessageID], mine[n.RoomID]
		if m == nil || m.DeletedAt != 0 || !still[n.RoomID] {
			continue
		}
		out = append(out, NotificationView{Kind: n.Kind, Message: *m, Room: RoomName{r.RoomID, r.Name, r.Kind}, Read: markers[r.RoomID].Seq >= n.Seq})
	}
	return out, nil
}
