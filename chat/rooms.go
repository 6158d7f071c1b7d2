package chat

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// CreateRoom makes a public or private room whose owner is by.
func (s *Service) CreateRoom(ctx context.Context, by string, n NewRoom) (RoomView, error) {
	if n.Kind != Public && n.Kind != Private {
		return RoomView{}, invalid("kind", `kind must be "public" or "private".`)
	}
	r := Room{RoomID: NewID(s.now()), Kind: n.Kind}
	var err error
	if err = s.setName(&r, n.Name); err != nil {
		return RoomView{}, err
	}
	if r.Topic, err = parseTopic(n.Topic); err != nil {
		return RoomView{}, err
	}
	if err := s.allow(ctx, LimitSend, by); err != nil {
		return RoomView{}, err
	}
	if err := s.create(ctx, by, r, []string{by}); err != nil {
		return RoomView{}, err
	}
	return s.Room(ctx, by, r.RoomID)
}

func (s *Service) setName(r *Room, name string) error {
	var err error
	if r.Name, err = parseNickname(s.names, "name", name, MaxRoomName); err != nil {
		return err
	}
	r.NameKey, err = s.names.NicknameKey(r.Name)
	return err
}

// OpenDirect finds or makes the direct room of by and the others; created tells which.
func (s *Service) OpenDirect(ctx context.Context, by string, userIDs []string) (v RoomView, created bool, err error) {
	if len(userIDs) > MaxDirect {
		return RoomView{}, false, invalid("userIds", "A direct conversation has 2 to %d people.", MaxDirect)
	}
	ids := append(slices.Clone(userIDs), by)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) < 2 || len(ids) > MaxDirect {
		return RoomView{}, false, invalid("userIds", "A direct conversation has 2 to %d people.", MaxDirect)
	}
	for _, id := range ids {
		if err := checkID("userIds", id, maxID); err != nil {
			return RoomView{}, false, err
		}
	}
	found, err := s.users.Users(ctx, ids...)
	if err != nil {
		return RoomView{}, false, err
	}
	if len(found) != len(ids) {
		return RoomView{}, false, Errorf(NotFound, "There is no such user.")
	}
	roomID := DirectID(ids)
	if v, err := s.Room(ctx, by, roomID); CodeOf(err) != NotFound {
		return v, false, err
	}
	if slices.ContainsFunc(found, func(u User) bool { return u.erased() }) {
		return RoomView{}, false, Errorf(NotFound, "There is no such user.")
	}
	if err := s.allow(ctx, LimitSend, by); err != nil {
		return RoomView{}, false, err
	}
	err = s.create(ctx, by, Room{RoomID: roomID, Kind: Direct}, ids)
	if err != nil && !errors.Is(err, ErrExists) {
		return RoomView{}, false, err
	}
	created = err == nil
	v, err = s.Room(ctx, by, roomID)
	return v, created, err
}

// create writes the first entries of a room's log: its creation, and the joining of each first member. ErrExists if the
// room is there already.
func (s *Service) create(ctx context.Context, by string, r Room, members []string) error {
	if err := s.present(ctx, by); err != nil {
		return err
	}
	for _, id := range members {
		if err := s.roomFor(ctx, id); err != nil {
			return err
		}
	}
	return s.do(ctx, by, r.RoomID, func(_ context.Context, v *view) (Commit, error) {
		if v.HeadSeq != 0 {
			return v.begin(), ErrExists
		}
		now := s.now().UnixMilli()
		r.CreatedBy, r.CreatedAt, r.MemberCount, r.HeadSeq = by, now, len(members), 0
		c := Commit{Room: r}
		c.add(RoomCreated, by, now, nil)
		for _, id := range members {
			role := Member
			if id == by && r.Kind != Direct {
				role = Owner
			}
			m := Membership{RoomID: r.RoomID, UserID: id, Role: role, JoinedAt: now}
			c.Join = append(c.Join, m)
			c.add(MemberJoined, by, now, &m)
		}
		return c, nil
	})
}

// roomFor refuses when a person is in as many rooms as one can be.
func (s *Service) roomFor(ctx context.Context, userID string) error {
	memberships, err := s.rooms.RoomsOf(ctx, userID)
	if err != nil {
		return err
	}
	if len(memberships) >= MaxRoomsOf {
		return Errorf(Conflict, "One can be in at most %d rooms.", MaxRoomsOf)
	}
	return nil
}

// UpdateRoom changes name or topic (moderators).
func (s *Service) UpdateRoom(ctx context.Context, by, roomID string, change RoomChange) (RoomView, error) {
	if err := checkID("roomId", roomID, maxID); err != nil {
		return RoomView{}, err
	}
	var to Room // the new name and topic
	var err error
	if change.Name != nil {
		if err = s.setName(&to, *change.Name); err != nil {
			return RoomView{}, err
		}
	}
	if change.Topic != nil {
		if to.Topic, err = parseTopic(*change.Topic); err != nil {
			return RoomView{}, err
		}
	}
	if err := s.allow(ctx, LimitSend, by); err != nil {
		return RoomView{}, err
	}
	err = s.do(ctx, by, roomID, func(ctx context.Context, v *view) (Commit, error) {
		c := v.begin()
		if _, err := v.groupActor(ctx, by, Moderator); err != nil {
			return c, err
		}
		if change.Name != nil {
			c.Room.Name, c.Room.NameKey = to.Name, to.NameKey
		}
		if change.Topic != nil {
			c.Room.Topic = to.Topic
		}
		if c.Room.Name == v.Name && c.Room.Topic == v.Topic {
			return c, nil
		}
		if c.Room.NameKey != v.NameKey {
			c.OldNameKey = v.NameKey
		}
		c.add(RoomUpdated, by, s.now().UnixMilli(), nil)
		return c, nil
	})
	if err != nil {
		return RoomView{}, err
	}
	return s.Room(ctx, by, roomID)
}

// groupActor is actor for what makes no sense in a direct conversation.
func (v *view) groupActor(ctx context.Context, userID string, least Role) (*author, error) {
	a, err := v.actor(ctx, userID, least)
	if err == nil && v.Kind == Direct {
		return nil, Errorf(Forbidden, "A direct conversation stays as it is.")
	}
	return a, err
}

// DeleteRoom ends a room for all (owners).
func (s *Service) DeleteRoom(ctx context.Context, by, roomID string) error {
	if err := checkID("roomId", roomID, maxID); err != nil {
		return err
	}
	return s.do(ctx, by, roomID, func(ctx context.Context, v *view) (Commit, error) {
		c := v.begin()
		if _, err := v.groupActor(ctx, by, Owner); err != nil {
			return c, err
		}
		c.add(RoomDeleted, by, s.now().UnixMilli(), nil)
		c.Gone = true
		return c, nil
	})
}

// Room returns a room to a member, or a public one to anybody.
func (s *Service) Room(ctx context.Context, by, roomID string) (RoomView, error) {
	if err := checkID("roomId", roomID, maxID); err != nil {
		return RoomView{}, err
	}
	rooms, err := s.rooms.Rooms(ctx, roomID)
	if err != nil {
		return RoomView{}, err
	}
	if len(rooms) == 0 {
		return RoomView{}, noRoom()
	}
	m, err := s.rooms.Member(ctx, roomID, by)
	if CodeOf(err) == NotFound {
		if rooms[0].Kind != Public {
			return RoomView{}, s.notAMember(&rooms[0])
		}
		return RoomView{Room: rooms[0], MemberCount: rooms[0].MemberCount}, nil
	}
	if err != nil {
		return RoomView{}, err
	}
	views, err := s.viewsOf(ctx, by, map[string]Membership{roomID: m}, rooms)
	if err != nil {
		return RoomView{}, err
	}
	return views[0], nil
}

// MyRooms returns all rooms of by.
func (s *Service) MyRooms(ctx context.Context, by string) ([]RoomView, error) {
	mine, rooms, err := s.myRooms(ctx, by)
	if err != nil {
		return nil, err
	}
	return s.viewsOf(ctx, by, mine, rooms)
}

// myRooms returns a person's memberships by room, and those rooms.
func (s *Service) myRooms(ctx context.Context, userID string) (map[string]Membership, []Room, error) {
	memberships, err := s.rooms.RoomsOf(ctx, userID)
	if err != nil {
		return nil, nil, err
	}
	mine := make(map[string]Membership, len(memberships))
	ids := make([]string, len(memberships))
	for i, m := range memberships {
		mine[m.RoomID], ids[i] = m, m.RoomID
	}
	rooms, err := s.rooms.Rooms(ctx, ids...)
	return mine, rooms, err
}

// viewsOf are rooms as a member of them sees them. What the rooms have in common is read at once.
func (s *Service) viewsOf(ctx context.Context, by string, mine map[string]Membership, rooms []Room) ([]RoomView, error) {
	markers, err := s.markersOf(ctx, by)
	if err != nil {
		return nil, err
	}
	levels, err := s.notices.LevelsOf(ctx, by)
	if err != nil {
		return nil, err
	}
	mentions, err := s.mentions(ctx, by, rooms, markers)
	if err != nil {
		return nil, err
	}
	out := make([]RoomView, len(rooms))
	for i := range rooms {
		r := &rooms[i]
		m := mine[r.RoomID]
		m.ReadSeq = markers[r.RoomID].Seq
		out[i] = RoomView{Room: *r, MemberCount: r.MemberCount, Joined: true, Membership: &m, Unread: r.unread(markers[r.RoomID]),
			Mentions: mentions[r.RoomID], Notify: cmp.Or(levels[r.RoomID], LevelDefault)}
	}
	if err := s.addLast(ctx, out); err != nil {
		return nil, err
	}
	return out, s.addPeople(ctx, out)
}

// addLast adds the newest message to each room.
func (s *Service) addLast(ctx context.Context, views []RoomView) error {
	at := make([]Place, 0, len(views))
	for i := range views {
		if views[i].LastSeq > 0 {
			at = append(at, Place{views[i].RoomID, views[i].LastSeq})
		}
	}
	last, err := s.log.MessagesAt(ctx, at...)
	byRoom := make(map[string]*Message, len(last))
	for i := range last {
		byRoom[last[i].RoomID] = &last[i]
	}
	for i := range views {
		views[i].LastMessage = byRoom[views[i].RoomID]
	}
	return err
}

// addPeople adds their members to direct rooms.
func (s *Service) addPeople(ctx context.Context, views []RoomView) error {
	var direct []*RoomView
	for i := range views {
		if views[i].Kind == Direct {
			direct = append(direct, &views[i])
		}
	}
	if len(direct) == 0 {
		return nil
	}
	members := make([][]Membership, len(direct))
	err := each(len(direct), func(i int) (err error) {
		members[i], _, err = s.rooms.Members(ctx, direct[i].RoomID, "", MaxDirect)
		return err
	})
	if err != nil {
		return err
	}
	var ids []string
	for _, m := range members {
		ids = append(ids, userIDs(m)...)
	}
	slices.Sort(ids)
	users, err := s.users.Users(ctx, slices.Compact(ids)...)
	byID := make(map[string]User, len(users))
	for _, u := range users {
		byID[u.UserID] = u
	}
	for i, v := range direct {
		for _, m := range members[i] {
			if u, ok := byID[m.UserID]; ok {
				v.Members = append(v.Members, u)
			}
		}
	}
	return err
}

func userIDs(members []Membership) []string {
	ids := make([]string, len(members))
	for i := range members {
		ids[i] = members[i].UserID
	}
	return ids
}

func (s *Service) markersOf(ctx context.Context, userID string) (map[string]Marker, error) {
	markers, err := s.markers.MarkersOf(ctx, userID)
	byRoom := make(map[string]Marker, len(markers))
	for _, m := range markers {
		byRoom[m.RoomID] = m
	}
	return byRoom, err
}

// PublicRooms returns public rooms whose name begins with query, and a cursor for more.
func (s *Service) PublicRooms(ctx context.Context, by, query, cursor string, limit int) ([]RoomView, string, error) {
	limit, err := clampLimit(limit)
	if err != nil {
		return nil, "", err
	}
	prefix, err := s.searchKey(query)
	if err != nil {
		return nil, "", err
	}
	rooms, next, err := s.rooms.PublicRooms(ctx, prefix, cursor, limit)
	if err != nil {
		return nil, "", err
	}
	mine, err := s.roomsOf(ctx, by)
	if err != nil {
		return nil, "", err
	}
	out := make([]RoomView, len(rooms))
	for i := range rooms {
		out[i] = RoomView{Room: rooms[i], MemberCount: rooms[i].MemberCount, Joined: mine[rooms[i].RoomID]}
	}
	return out, next, nil
}

// searchKey folds what somebody types into a search.
func (s *Service) searchKey(query string) (string, error) {
	if query == "" {
		return "", nil
	}
	if len(query) > 4*MaxRoomName {
		return "", invalid("query", "The query is too long.")
	}
	key, err := s.names.NicknameKey(query)
	if err != nil {
		return "", invalid("query", "The query has characters that cannot stand in a name.")
	}
	return key, nil
}
