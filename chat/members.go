package chat

import (
	"cmp"
	"context"
	"slices"
)

// Join enters a public room; being in already is no error.
func (s *Service) Join(ctx context.Context, by, roomID string) (RoomView, error) {
	return s.enter(ctx, by, roomID, false)
}

// Admit enters a room of any kind but direct on the strength of an invitation that identity has checked.
func (s *Service) Admit(ctx context.Context, userID, roomID string) (RoomView, error) {
	return s.enter(ctx, userID, roomID, true)
}

func (s *Service) enter(ctx context.Context, userID, roomID string, invited bool) (RoomView, error) {
	if err := checkID("roomId", roomID, maxID); err != nil {
		return RoomView{}, err
	}
	if err := s.allow(ctx, LimitSend, userID); err != nil {
		return RoomView{}, err
	}
	err := s.do(ctx, userID, roomID, func(ctx context.Context, v *view) (Commit, error) {
		c := v.begin()
		if err := v.mustExist(); err != nil {
			return c, err
		}
		a, err := v.q.member(ctx, userID)
		if err != nil || a != nil {
			return c, err
		}
		if v.Kind != Public && (!invited || v.Kind == Direct) {
			return c, s.notAMember(&v.Room)
		}
		if err := s.present(ctx, userID); err != nil {
			return c, err
		}
		if err := s.roomFor(ctx, userID); err != nil {
			return c, err
		}
		role := Member
		if v.MemberCount == 0 { // all had left: whoever comes looks after it
			role = Owner
		}
		v.join(&c, userID, userID, role)
		return c, nil
	})
	if err != nil {
		return RoomView{}, err
	}
	return s.Room(ctx, userID, roomID)
}

// join adds a new member to a commit. What was said before counts as read.
func (v *view) join(c *Commit, by, userID string, role Role) {
	now := v.q.s.now().UnixMilli()
	m := Membership{RoomID: v.RoomID, UserID: userID, Role: role, JoinedAt: now}
	c.Room.MemberCount++
	c.add(MemberJoined, by, now, &m)
	c.Join = append(c.Join, m)
	c.Marks = map[string]Marker{userID: {RoomID: v.RoomID, Seq: c.Room.HeadSeq, Ordinal: c.Room.MessageCount}}
}

// Leave ends one's membership. The last owner hands over to the member of the highest role who has been there longest;
// a private room that nobody is left in ends.
func (s *Service) Leave(ctx context.Context, by, roomID string) error {
	if err := checkID("roomId", roomID, maxID); err != nil {
		return err
	}
	return s.do(ctx, by, roomID, func(ctx context.Context, v *view) (Commit, error) {
		a, err := v.groupActor(ctx, by, Member)
		if err != nil {
			return v.begin(), err
		}
		return v.leave(ctx, a)
	})
}

// leave plans that a member goes.
func (v *view) leave(ctx context.Context, a *author) (Commit, error) {
	c := v.begin()
	now := v.q.s.now().UnixMilli()
	c.Room.MemberCount--
	c.Leave = []Membership{a.Membership}
	c.add(MemberLeft, a.UserID, now, &a.Membership)
	if c.Room.MemberCount == 0 {
		if v.Kind != Public {
			c.add(RoomDeleted, a.UserID, now, nil)
			c.Gone = true
		}
		return c, nil
	}
	if a.Role != Owner {
		return c, nil
	}
	heir, err := v.heir(ctx, a.UserID)
	if err != nil || heir == nil {
		return c, err
	}
	heir.Role = Owner
	c.Join = []Membership{*heir}
	c.add(MemberRole, a.UserID, now, heir)
	return c, nil
}

// heir is who becomes owner when the owner leaving leaves none; nil if there is another.
func (v *view) heir(ctx context.Context, leaving string) (*Membership, error) {
	var best *Membership
	for cursor := ""; ; {
		members, next, err := v.q.s.rooms.Members(ctx, v.RoomID, cursor, 1000)
		if err != nil {
			return nil, err
		}
		for i := range members {
			switch m := &members[i]; {
			case m.UserID == leaving:
			case m.Role == Owner:
				return nil, nil //nolint:nilnil // none is needed
			case best == nil, m.Role.rank() > best.Role.rank(), m.Role == best.Role && m.JoinedAt < best.JoinedAt:
				best = m
			}
		}
		if next == "" {
			return best, nil
		}
		cursor = next
	}
}

// SetMember adds a person to a room (moderators, in a public room anybody, as who is added could come by themselves), or
// gives a member another role (owners). An empty role means Member for a new member and no change for others.
func (s *Service) SetMember(ctx context.Context, by, roomID, userID string, role Role) (Membership, error) {
	if err := s.checkMemberRequest(ctx, by, roomID, userID); err != nil {
		return Membership{}, err
	}
	if role != "" && role.rank() == 0 {
		return Membership{}, invalid("role", "role must be member, moderator or owner.")
	}
	found, err := s.users.Users(ctx, userID)
	if err != nil {
		return Membership{}, err
	}
	if len(found) == 0 || found[0].erased() {
		return Membership{}, Errorf(NotFound, "There is no such user.")
	}
	var out Membership
	err = s.do(ctx, by, roomID, func(ctx context.Context, v *view) (Commit, error) {
		c := v.begin()
		a, err := v.groupActor(ctx, by, Member)
		if err != nil {
			return c, err
		}
		m, err := v.q.member(ctx, userID)
		if err != nil {
			return c, err
		}
		if m == nil {
			out, err = v.addMember(ctx, &c, a, userID, cmp.Or(role, Member))
		} else {
			out, err = v.changeRole(ctx, &c, a, m.Membership, cmp.Or(role, m.Role))
		}
		return c, err
	})
	if err != nil { // out may still be the plan's
		return Membership{}, err
	}
	return out, nil
}

// addMember plans that a brings somebody into the room.
func (v *view) addMember(ctx context.Context, c *Commit, a *author, userID string, role Role) (Membership, error) {
	if v.Kind != Public && a.Role.rank() < Moderator.rank() {
		return Membership{}, Errorf(Forbidden, "Only moderators bring people into a private room.")
	}
	if role.rank() > a.Role.rank() {
		return Membership{}, Errorf(Forbidden, "Nobody can give a role above their own.")
	}
	if err := v.q.s.roomFor(ctx, userID); err != nil {
		return Membership{}, err
	}
	v.join(c, a.UserID, userID, role)
	return c.Join[0], nil
}

// changeRole plans that a gives m another role.
func (v *view) changeRole(ctx context.Context, c *Commit, a *author, m Membership, role Role) (Membership, error) {
	if role == m.Role {
		return m, nil
	}
	if a.Role != Owner {
		return m, Errorf(Forbidden, "Only an owner can change roles.")
	}
	if a.UserID == m.UserID {
		heir, err := v.heir(ctx, m.UserID)
		if err != nil {
			return m, err
		}
		if heir != nil || v.MemberCount == 1 {
			return m, Errorf(Conflict, "A room needs an owner: make somebody else owner first.")
		}
	}
	m.Role = role
	c.Join = []Membership{m}
	c.add(MemberRole, a.UserID, v.q.s.now().UnixMilli(), &m)
	return m, nil
}

func (s *Service) checkMemberRequest(ctx context.Context, by, roomID, userID string) error {
	if err := checkID("roomId", roomID, maxID); err != nil {
		return err
	}
	if err := checkID("userId", userID, maxID); err != nil {
		return err
	}
	return s.allow(ctx, LimitSend, by)
}

// RemoveMember removes somebody of lower rank (moderators), or oneself.
func (s *Service) RemoveMember(ctx context.Context, by, roomID, userID string) error {
	if by == userID {
		return s.Leave(ctx, by, roomID)
	}
	if err := s.checkMemberRequest(ctx, by, roomID, userID); err != nil {
		return err
	}
	return s.do(ctx, by, roomID, func(ctx context.Context, v *view) (Commit, error) {
		c := v.begin()
		a, err := v.groupActor(ctx, by, Moderator)
		if err != nil {
			return c, err
		}
		m, err := v.q.member(ctx, userID)
		if err != nil {
			return c, err
		}
		if m == nil {
			return c, Errorf(NotFound, "This person is not in this room.")
		}
		if m.Role.rank() >= a.Role.rank() {
			return c, Errorf(Forbidden, "Only people of a lower role can be removed.")
		}
		c.Room.MemberCount--
		c.Leave = []Membership{m.Membership}
		c.add(MemberRemoved, by, s.now().UnixMilli(), &m.Membership)
		return c, nil
	})
}

// Member returns one membership to a member of the room.
func (s *Service) Member(ctx context.Context, by, roomID, userID string) (Membership, error) {
	if err := checkID("userId", userID, maxID); err != nil {
		return Membership{}, err
	}
	if _, err := s.member(ctx, roomID, by); err != nil {
		return Membership{}, err
	}
	m, err := s.rooms.Member(ctx, roomID, userID)
	if err != nil || by != userID {
		return m, err
	}
	markers, err := s.markersOf(ctx, by)
	m.ReadSeq = markers[roomID].Seq
	return m, err
}

// Members returns the members of a room to a member, and a cursor for more.
func (s *Service) Members(ctx context.Context, by, roomID, cursor string, limit int) ([]MemberView, string, error) {
	limit, err := clampLimit(limit)
	if err != nil {
		return nil, "", err
	}
	if _, err := s.member(ctx, roomID, by); err != nil {
		return nil, "", err
	}
	members, next, err := s.rooms.Members(ctx, roomID, cursor, limit)
	if err != nil {
		return nil, "", err
	}
	views, err := s.memberViews(ctx, members)
	return views, next, err
}

// searchedPages bounds how many pages of people one search for members looks through.
const searchedPages = 5

// SearchMembers returns to a member at most limit members in whose names every word of query begins a word. It is for
// completing a name as it is typed: there is no more of it, and where very many people have such names, it looks
// through the first of them only.
func (s *Service) SearchMembers(ctx context.Context, by, roomID, query string, limit int) ([]MemberView, error) {
	limit, err := clampLimit(limit)
	if err != nil {
		return nil, err
	}
	if _, err := s.member(ctx, roomID, by); err != nil {
		return nil, err
	}
	var (
		found []Membership
		from  string
	)
	for range searchedPages {
		users, next, err := s.SearchUsers(ctx, query, from, MaxPage)
		if err != nil {
			return nil, err
		}
		ids := make([]string, len(users))
		for i, u := range users {
			ids[i] = u.UserID
		}
		members, err := s.rooms.MembersAmong(ctx, roomID, ids...)
		if err != nil {
			return nil, err
		}
		found, from = append(found, members...), next
		if from == "" || len(found) >= limit {
			break
		}
	}
	return s.memberViews(ctx, found[:min(limit, len(found))])
}

// memberViews are members as a list shows them.
func (s *Service) memberViews(ctx context.Context, members []Membership) ([]MemberView, error) {
	ids := userIDs(members)
	users, err := s.users.Users(ctx, ids...)
	if err != nil {
		return nil, err
	}
	there, err := s.presenceOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]MemberView, 0, len(members))
	for _, m := range members {
		if i := slices.IndexFunc(users, func(u User) bool { return u.UserID == m.UserID }); i >= 0 {
			p := there[m.UserID]
			out = append(out, MemberView{User: users[i], Role: m.Role, JoinedAt: m.JoinedAt, Online: p.Online, LastSeen: p.LastSeen})
		}
	}
	return out, nil
}
