package chattest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/chat"
)

// note is the notice that a message leaves for somebody, or with an empty userID for its room.
func note(m *chat.Message, userID string, only ...string) chat.Notice {
	return chat.Notice{RoomID: m.RoomID, Seq: m.Seq, MessageID: m.MessageID, UserID: userID, Kind: chat.NoticeMention, By: m.UserID, Only: only}
}

func noticeIDs(notices []chat.Notice) string {
	var out []string
	for _, n := range notices {
		out = append(out, fmt.Sprint(n.RoomID, "/", n.Seq))
	}
	return strings.Join(out, " ")
}

// noticesKept: notices are stored and removed with the messages they belong to, found newest first, and end by themselves.
func noticesKept(e *env) {
	s1, s2 := e.begin("r1", chat.Public, "Lobby", "u-ann", "u-bob"), e.begin("r2", chat.Private, "Team", "u-ann", "u-bob")
	var all []chat.Message
	for i := range 6 {
		s := []*Script{s1, s2}[i%2]
		s.At = s1.At.Add(time.Duration(i) * time.Second)
		c := s.Say(Said{"u-ann", fmt.Sprint(i), "@bob"})
		c.New[0].Mentions = []string{"u-bob"}
		c.Notices = []chat.Notice{note(&c.New[0], "u-bob")}
		if i == 4 {
			c.Notices[0].Kind = chat.NoticeReply
			c.Room.WideSeq = c.New[0].Seq
			s.Room.WideSeq = c.Room.WideSeq
			c.Notices = append(c.Notices, note(&c.New[0], ""))
		}
		e.commit(c)
		all = append(all, c.New[0])
	}
	got, err := e.NoticesOf(e.ctx, "u-bob", "", 10)
	e.ok(err)
	same(e, "notices", noticeIDs(got), "r2/6 r1/6 r2/5 r1/5 r2/4 r1/4")
	same(e, "a notice", fmt.Sprintf("%+v", got[5]), fmt.Sprintf("%+v", note(&all[0], "u-bob")))
	same(e, "a reply", got[1].Kind, chat.NoticeReply)
	for _, limit := range []int{1, 2, 5} {
		var paged []chat.Notice
		for before := ""; ; {
			page, err := e.NoticesOf(e.ctx, "u-bob", before, limit)
			e.ok(err)
			paged = append(paged, page...)
			if len(page) < limit {
				break
			}
			before = page[len(page)-1].MessageID
		}
		same(e, "notices in pages", noticeIDs(paged), noticeIDs(got))
	}
	same(e, "widest number", e.room("r1").WideSeq, all[4].Seq)
	for _, other := range []string{"u-ann", "u-bo", "u-bobo"} {
		none, err := e.NoticesOf(e.ctx, other, "", 10)
		e.ok(err)
		same(e, "notices of "+other, len(none), 0)
	}

	gone := s1.Change(all[2], func(m *chat.Message) { m.Content, m.DeletedAt = "", 1 })
	gone.Obsolete = []chat.Notice{note(&all[2], "u-bob"), note(&all[2], ""), note(&all[2], "u-cid")}
	e.commit(gone)
	got, err = e.NoticesOf(e.ctx, "u-bob", "", 10)
	e.ok(err)
	same(e, "notices after a deletion", noticeIDs(got), "r2/6 r1/6 r2/5 r2/4 r1/4")

	moved := s1.Say(Said{"u-ann", "late", "@bob"})
	moved.After--
	moved.Notices = []chat.Notice{note(&moved.New[0], "u-bob")}
	e.is(e.Commit(e.ctx, moved), chat.ErrMoved)
	again := s2.Say(Said{"u-ann", "1", "@bob"})
	again.Notices = []chat.Notice{note(&again.New[0], "u-bob")}
	if err := e.Commit(e.ctx, again); err == nil {
		e.Fatal("a message was sent twice")
	}
	got, err = e.NoticesOf(e.ctx, "u-bob", "", 10)
	e.ok(err)
	same(e, "notices after refused commits", len(got), 5)

	e.clock.Advance(80 * 24 * time.Hour)
	got, err = e.NoticesOf(e.ctx, "u-bob", "", 10)
	e.ok(err)
	same(e, "notices after eighty days", len(got), 5)
	e.clock.Advance(20 * 24 * time.Hour)
	got, err = e.NoticesOf(e.ctx, "u-bob", "", 10)
	e.ok(err)
	same(e, "notices after a hundred days", len(got), 0)
}

// noticesOfRooms: notices for everybody, and for those who were online.
func noticesOfRooms(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann", "u-bob")
	e.begin("r10", chat.Public, "Lobby", "u-ann", "u-bob")
	for i := range 5 {
		c := s.Say(Said{"u-ann", fmt.Sprint(i), "@here"})
		c.Notices = []chat.Notice{note(&c.New[0], "")}
		if i == 3 {
			c.Notices[0].Only = []string{"u-bob", "u-cid"}
		}
		e.commit(c)
	}
	head := s.Room.HeadSeq
	got, err := e.RoomNotices(e.ctx, "r1", 1, head, 10)
	e.ok(err)
	same(e, "notices", noticeIDs(got), "r1/8 r1/7 r1/6 r1/5 r1/4")
	if got[0].UserID != "" || got[0].Only != nil || !slices.Equal(got[1].Only, []string{"u-bob", "u-cid"}) || got[1].By != "u-ann" {
		e.Fatalf("notices: %+v", got[:2])
	}
	got, err = e.RoomNotices(e.ctx, "r1", 5, 7, 2)
	e.ok(err)
	same(e, "some notices", noticeIDs(got), "r1/7 r1/6")
	for _, at := range []struct {
		room     string
		from, to int64
	}{{"r1", head + 1, 1 << 40}, {"r1", 5, 4}, {"r10", 1, head}, {"r", 1, head}} {
		none, err := e.RoomNotices(e.ctx, at.room, at.from, at.to, 10)
		e.ok(err)
		same(e, "no notices", len(none), 0)
	}
	e.commit(s.End())
	e.ok(e.Purge(e.ctx))
	none, err := e.RoomNotices(e.ctx, "r1", 1, head, 10)
	e.ok(err)
	same(e, "notices of a room that is gone", len(none), 0)
}

// noticesLargest: the largest commits of messages with notices fit into a transaction.
func noticesLargest(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann")
	for said := 1; 3*said < chat.MaxCommitRows && said <= chat.MaxCommitMessages; said++ {
		var all []Said
		for i := range said {
			all = append(all, Said{fmt.Sprintf("u-%d", i), fmt.Sprint(said), "text"})
		}
		c := s.Say(all...)
		for i := range chat.MaxCommitRows - 3*said {
			c.Notices = append(c.Notices, note(&c.New[i%said], fmt.Sprintf("u-%03d", i)))
		}
		e.commit(c)
	}
	m := s.Say(Said{"u-ann", "last", "text"})
	e.commit(m)
	c := s.Change(m.New[0], func(m *chat.Message) { m.Content = "edited" })
	for i := range chat.MaxCommitRows - 3 {
		if i%2 == 0 {
			c.Notices = append(c.Notices, note(&m.New[0], fmt.Sprintf("u-%03d", i)))
		} else {
			c.Obsolete = append(c.Obsolete, note(&m.New[0], fmt.Sprintf("u-%03d", i)))
		}
	}
	e.commit(c)
}

// levels: both sides of what members chose agree, and it goes when they leave or the room ends.
func levels(e *env) {
	s := e.begin("r1", chat.Public, "Lobby", "u-ann", "u-bob", "u-cid", "u-dan")
	e.begin("r2", chat.Public, "Lobby", "u-ann", "u-bob")
	set := func(user, room string, l chat.Level) { e.Helper(); e.ok(e.SetLevel(e.ctx, user, room, l)) }
	loud := func(room string, want ...string) {
		e.Helper()
		got := pages(e, 1, func(cursor string) ([]string, string, error) { return e.Loud(e.ctx, room, cursor, 1) })
		same(e, "who wants all of "+room, fmt.Sprint(got), fmt.Sprint(want))
	}
	set("u-ann", "r1", chat.LevelAll)
	set("u-bob", "r1", chat.LevelAll)
	set("u-bob", "r2", chat.LevelNothing)
	set("u-cid", "r1", chat.LevelMentions)
	of, err := e.LevelsOf(e.ctx, "u-bob")
	e.ok(err)
	same(e, "levels of a person", fmt.Sprint(of), "map[r1:all r2:nothing]")
	in, err := e.Levels(e.ctx, "r1", "u-ann", "u-dan", "u-cid", "u-eve")
	e.ok(err)
	same(e, "levels in a room", fmt.Sprint(in), "map[u-ann:all u-cid:mentions]")
	loud("r1", "u-ann", "u-bob")
	set("u-ann", "r1", chat.LevelMentions)
	loud("r1", "u-bob")
	set("u-ann", "r1", chat.LevelAll)
	set("u-ann", "r1", chat.LevelDefault)
	set("u-ann", "r2", chat.LevelDefault)
	loud("r1", "u-bob")
	of, err = e.LevelsOf(e.ctx, "u-ann")
	e.ok(err)
	same(e, "levels of who chose the default", len(of), 0)
	e.commit(s.Leave("u-bob"))
	loud("r1")
	of, err = e.LevelsOf(e.ctx, "u-bob")
	e.ok(err)
	same(e, "levels of who left", fmt.Sprint(of), "map[r2:nothing]")
	set("u-dan", "r1", chat.LevelAll)
	e.commit(s.End())
	e.ok(e.Purge(e.ctx))
	loud("r1")
	for _, p := range []string{"u-cid", "u-dan"} {
		of, err := e.LevelsOf(e.ctx, p)
		e.ok(err)
		same(e, "levels in a room that is gone", len(of), 0)
	}
	in, err = e.Levels(e.ctx, "r1", "u-cid", "u-dan")
	e.ok(err)
	same(e, "levels in a room that is gone", len(in), 0)
}

// levelsAtOnce: of many who choose at once for one person, both sides end the same.
func levelsAtOnce(e *env) {
	e.begin("r1", chat.Public, "Lobby", "u-ann")
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			l := []chat.Level{chat.LevelAll, chat.LevelMentions, chat.LevelDefault}[i%3]
			if err := e.SetLevel(e.ctx, "u-ann", "r1", l); err != nil && chat.CodeOf(err) != chat.Unavailable {
				e.Error(err)
			}
		})
	}
	all.Wait()
	of, err := e.LevelsOf(e.ctx, "u-ann")
	e.ok(err)
	in, err := e.Levels(e.ctx, "r1", "u-ann")
	e.ok(err)
	loud, _, err := e.Loud(e.ctx, "r1", "", 10)
	e.ok(err)
	same(e, "the two sides", of["r1"], in["u-ann"])
	same(e, "who wants all", len(loud) == 1, of["r1"] == chat.LevelAll)
}

func notifyRules(e *env) {
	rules := chat.NotifyRules{PausedUntil: 1 << 50, HideContent: true,
		Quiet: &chat.QuietHours{From: "22:00", To: "07:00", TimeZone: "Europe/Berlin", Days: []int{0, 6}}}
	e.ok(e.SetRules(e.ctx, "u-ann", rules))
	e.ok(e.SetRules(e.ctx, "u-bob", chat.NotifyRules{PausedUntil: 5}))
	e.ok(e.SetRules(e.ctx, "u-bob", chat.NotifyRules{ReadReceipts: true}))
	got, err := e.Rules(e.ctx, "u-cid", "u-bob", "u-ann")
	e.ok(err)
	same(e, "rules", len(got), 2)
	same(e, "hours", fmt.Sprintf("%+v", *got["u-ann"].Quiet), fmt.Sprintf("%+v", *rules.Quiet))
	a := got["u-ann"]
	a.Quiet, rules.Quiet = nil, nil
	same(e, "the rest", a, rules)
	same(e, "rules set twice", got["u-bob"], chat.NotifyRules{ReadReceipts: true})
}

// readsOfMany: what is asked of several people or messages at once.
func readsOfMany(e *env) {
	people := ids("u-", 130)
	s := e.begin("r1", chat.Public, "Lobby", "u-ann")
	for some := range slices.Chunk(people, 10) {
		e.commit(s.Join(some...))
	}
	among, err := e.MembersAmong(e.ctx, "r1", append([]string{"u-ann", "nobody"}, people...)...)
	e.ok(err)
	same(e, "members", len(among), 131)
	same(e, "the first", among[0].Role, chat.Owner)
	same(e, "the last", among[130].UserID, people[129])
	_, err = e.Mark(e.ctx, "u-ann", chat.Marker{RoomID: "r1", Seq: 3, Ordinal: 1})
	e.ok(err)
	_, err = e.Mark(e.ctx, "u-ann", chat.Marker{RoomID: "r2", Seq: 9, Ordinal: 1})
	e.ok(err)
	marks, err := e.MarkersIn(e.ctx, "r1", "u-ann", "u-000")
	e.ok(err)
	same(e, "markers", fmt.Sprint(marks), "map[u-ann:{r1 3 1}]")
	a := NewAccount("ann")
	e.ok(e.CreateUser(e.ctx, a, false))
	found, err := e.UserIDs(e.ctx, "nobody", "ann", "an")
	e.ok(err)
	same(e, "user ids", fmt.Sprint(found), "map[ann:u-ann]")

	c := s.Say(Said{"u-ann", "1", "one"}, Said{"u-ann", "2", "two"})
	e.commit(c)
	other := e.begin("r2", chat.Public, "Lobby", "u-ann")
	d := other.Say(Said{"u-ann", "1", "three"})
	e.commit(d)
	got, err := e.MessagesAt(e.ctx, chat.Place{RoomID: "r2", Seq: d.New[0].Seq}, chat.Place{RoomID: "r1", Seq: 1}, chat.Place{RoomID: "r1", Seq: c.New[1].Seq},
		chat.Place{RoomID: "nowhere", Seq: 1})
	e.ok(err)
	same(e, "messages", len(got), 2)
	e.equalMessage(&got[0], &d.New[0])
	e.equalMessage(&got[1], &c.New[1])
	none, err := e.MessagesAt(e.ctx)
	e.ok(err)
	same(e, "no messages", len(none), 0)
}
