package chat_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"parley/chat"
)

// TestBadInput: each field has limits, checked by the core, and the refusal names the field.
func TestBadInput(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Public, "u-ann")
	other := h.room(chat.Public, "u-ann")
	elsewhere := h.say("u-ann", other, "elsewhere")
	gone := h.say("u-ann", room, "gone")
	mine := h.say("u-ann", room, "mine")
	_, err := h.svc.Delete(h.ctx, "u-ann", room, gone.MessageID)
	h.ok(err)
	head := h.head(room)
	long := strings.Repeat("x", 5000)
	send := func(change func(m *chat.NewMessage)) error {
		m := chat.NewMessage{RoomID: room, Content: "hello", ClientMessageID: "k"}
		change(&m)
		return errOf(h.svc.Send(h.ctx, "u-ann", m))
	}
	content := func(s string) error { return send(func(m *chat.NewMessage) { m.Content = s }) }
	key := func(s string) error { return send(func(m *chat.NewMessage) { m.ClientMessageID = s }) }
	reply := func(s string) error { return send(func(m *chat.NewMessage) { m.ReplyTo = s }) }
	inRoom := func(s string) error { return send(func(m *chat.NewMessage) { m.RoomID = s }) }
	create := func(n chat.NewRoom) error { return errOf(h.svc.CreateRoom(h.ctx, "u-ann", n)) }
	name := func(s string) error { return create(chat.NewRoom{Kind: chat.Public, Name: s}) }
	direct := func(ids ...string) error {
		_, _, err := h.svc.OpenDirect(h.ctx, "u-ann", ids)
		return err
	}
	page := func(q chat.PageQuery) error { return errOf(h.svc.Messages(h.ctx, "u-ann", room, q)) }
	n := func(v int64) *int64 { return &v }
	search := func(query, cursor string, limit int) error {
		_, _, err := h.svc.SearchUsers(h.ctx, query, cursor, limit)
		return err
	}
	sync := func(rooms map[string]int64) error { return errOf(h.svc.Sync(h.ctx, "u-ann", rooms, 1000)) }
	many := map[string]int64{}
	for i := range chat.MaxSyncRooms + 1 {
		many[chat.NewID(time.UnixMilli(int64(i)))] = 0
	}
	inv, tooBig := chat.InvalidRequest, chat.TooLarge
	for _, tt := range []struct {
		name, field string
		err         error
		code        chat.Code
	}{
		{"empty content", "content", content(""), inv},
		{"blank content", "content", content(" \t\n\r\n\u00a0\u2003 "), inv},
		{"content too large", "content", content(strings.Repeat("ä", 4097)), tooBig},
		{"not UTF-8", "content", content("a\xffb"), inv},
		{"surrogate", "content", content("a\xed\xa0\x80b"), inv},
		{"NUL", "content", content("a\x00b"), inv},
		{"escape", "content", content("a\x1b[2Jb"), inv},
		{"delete character", "content", content("a\x7fb"), inv},
		{"no key", "clientMessageId", key(""), inv},
		{"long key", "clientMessageId", key(strings.Repeat("k", 129)), inv},
		{"key on two lines", "clientMessageId", key("a\nb"), inv},
		{"key not UTF-8", "clientMessageId", key("\xff"), inv},
		{"reply to no id", "replyTo", reply("x"), inv},
		{"reply to nothing", "replyTo", reply("01ARZ3NDEKTSV4RRFFQ69G5FAV"), inv},
		{"reply into another room", "replyTo", reply(elsewhere.MessageID), inv},
		{"reply to a deleted message", "replyTo", reply(gone.MessageID), inv},
		{"attachment", "attachments", send(func(m *chat.NewMessage) { m.Attachments = make([]chat.FileRef, 1) }), inv},
		{"no room", "roomId", inRoom(""), inv},
		{"long room id", "roomId", inRoom(strings.Repeat("r", 65)), inv},
		{"room id with a separator", "roomId", inRoom("room#x"), inv},
		{"room id with a blank", "roomId", inRoom("a b"), inv},
		{"room id with a letter beyond ASCII", "roomId", inRoom("ä"), inv},
		{"no kind", "kind", create(chat.NewRoom{Name: "x"}), inv},
		{"direct by the wrong way", "kind", create(chat.NewRoom{Kind: chat.Direct, Name: "x"}), inv},
		{"no name", "name", name(""), inv},
		{"blank name", "name", name("  "), inv},
		{"long name", "name", name(strings.Repeat("ä", 65)), inv},
		{"very long name", "name", name(long), inv},
		{"name with a line", "name", name("a\nb"), inv},
		{"long topic", "topic", create(chat.NewRoom{Kind: chat.Public, Name: "x", Topic: strings.Repeat("ä", 251)}), inv},
		{"topic not UTF-8", "topic", create(chat.NewRoom{Kind: chat.Public, Name: "x", Topic: "\xff"}), inv},
		{"direct with nobody", "userIds", direct(), inv},
		{"direct with oneself", "userIds", direct("u-ann", "u-ann"), inv},
		{"direct with too many", "userIds", direct("1", "2", "3", "4", "5", "6", "7", "8", "9"), inv},
		{"direct with a bad id", "userIds", direct("u#1"), inv},
		{"direct with no user", "", direct("u-nobody"), nof},
		{"negative limit", "limit", page(chat.PageQuery{Limit: -1}), inv},
		{"huge limit", "limit", page(chat.PageQuery{Limit: 101}), inv},
		{"negative before", "before", page(chat.PageQuery{Before: n(-1)}), inv},
		{"negative after", "after", page(chat.PageQuery{After: n(-1 << 62)}), inv},
		{"two bounds", "before", page(chat.PageQuery{Before: n(1), After: n(2)}), inv},
		{"search with a bad cursor", "cursor", search("a", "!", 5), inv},
		{"search for too much", "query", search(long, "", 5), inv},
		{"search for what no name has", "query", search("a\x00", "", 5), inv},
		{"search with a huge limit", "limit", search("a", "", 1000), inv},
		{"sync of too many rooms", "rooms", sync(many), inv},
		{"sync of a bad room", "rooms", sync(map[string]int64{"a#b": 1}), inv},
		{"sync from a negative number", "rooms", sync(map[string]int64{room: -1}), inv},
		{"negative read", "seq", h.svc.MarkRead(h.ctx, "u-ann", room, -1), inv},
		{"role", "role", errOf(h.svc.SetMember(h.ctx, "u-ann", room, "u-bob", "king")), inv},
		{"member id", "userId", errOf(h.svc.SetMember(h.ctx, "u-ann", room, "u#b", "")), inv},
		{"no such member to be", "", errOf(h.svc.SetMember(h.ctx, "u-ann", room, "u-nobody", "")), nof},
		{"user id", "userId", errOf(h.svc.User(h.ctx, "")), inv},
		{"no such user", "", errOf(h.svc.User(h.ctx, "u-nobody")), nof},
		{"display name", "displayName", errOf(h.svc.SetDisplayName(h.ctx, "u-ann", long)), inv},
		{"edit to nothing", "content", errOf(h.svc.Edit(h.ctx, "u-ann", room, mine.MessageID, " ")), inv},
		{"edit of another room's", "", errOf(h.svc.Edit(h.ctx, "u-ann", room, elsewhere.MessageID, "x")), nof},
		{"edit of no id", "", errOf(h.svc.Edit(h.ctx, "u-ann", room, "../x", "x")), nof},
		{"edit of a deleted message", "", errOf(h.svc.Edit(h.ctx, "u-ann", room, gone.MessageID, "x")), chat.Conflict},
	} {
		e := chat.AsError(tt.err)
		if e == nil || e.Code != tt.code || e.Field != tt.field || e.Message == "" {
			t.Errorf("%s: got %+v, want %s about %q", tt.name, e, tt.code, tt.field)
		}
	}
	equal(t, "head", h.head(room), head)
}

// TestGoodInput: what is at the limit passes, and is trimmed as it should be.
func TestGoodInput(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Public, "u-ann")
	for in, want := range map[string]string{
		"  hello \r\n\t": "hello", "a\r\nb\rc\td": "a\nb\nc\td", "<script>": "<script>", "\u202eabc\u200b": "\u202eabc\u200b",
		"  " + strings.Repeat("x", chat.MaxContent) + "\n": strings.Repeat("x", chat.MaxContent),
	} {
		key := chat.NewID(h.clock.Advance(time.Millisecond))
		m, err := h.svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: in, ClientMessageID: key})
		h.ok(err)
		equal(t, "content", m.Content, want)
		equal(t, "key", m.ClientMessageID, key)
		equal(t, "username", m.Username, "ann")
		equal(t, "time", m.CreatedAt, h.clock.Now().UnixMilli())
	}
	v, err := h.svc.CreateRoom(h.ctx, "u-ann", chat.NewRoom{Kind: chat.Private, Name: "  Team   " + strings.Repeat("ä", 59), Topic: " t "})
	h.ok(err)
	equal(t, "name", v.Name, "Team "+strings.Repeat("ä", 59))
	equal(t, "topic", v.Topic, "t")
	key := strings.Repeat("k", chat.MaxClientMessageID)
	_, err = h.svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: "x", ClientMessageID: key})
	h.ok(err)
	first := h.say("u-ann", room, "first")
	m, err := h.svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: "x", ClientMessageID: "reply", ReplyTo: first.MessageID})
	h.ok(err)
	equal(t, "reply", m.ReplyTo, first.MessageID)
	largest := int64(math.MaxInt64) // stands for the end of a log, whatever its length
	for what, tt := range map[string]struct {
		q    chat.PageQuery
		want int
	}{
		"before": {chat.PageQuery{Before: &largest, Limit: 1}, 1}, "around": {chat.PageQuery{Around: &largest, Limit: 1}, 1}, "after": {chat.PageQuery{After: &largest}, 0},
	} {
		page, err := h.svc.Messages(h.ctx, "u-ann", room, tt.q)
		h.ok(err)
		if len(page.Messages) != tt.want || tt.want > 0 && page.Messages[0].MessageID != m.MessageID || page.HasMoreAfter || !page.HasMoreBefore {
			t.Errorf("%s the largest number: %+v", what, page)
		}
	}
	h.ok(h.svc.MarkRead(h.ctx, "u-ann", room, largest))
	counts, err := h.svc.UnreadCounts(h.ctx, "u-ann")
	h.ok(err)
	equal(t, "read", counts[0].ReadSeq, m.Seq)
}

// TestRateLimits: each use case asks for its rule, by user, and refuses with the time to wait; nothing happens then.
func TestRateLimits(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	room := h.room(chat.Public, "u-ann")
	m := h.say("u-ann", room, "one")
	var asked []string
	svc := h.service(h.ears, nil, func(rule chat.Rule, key string) time.Duration {
		asked = append(asked, string(rule)+" "+key)
		return 3 * time.Second
	})
	name := "Other"
	head := h.head(room)
	h.ears.Forget()
	for what, tt := range map[string]struct {
		rule chat.Rule
		do   func() error
	}{
		"send": {chat.LimitSend, func() error {
			return errOf(svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: "x", ClientMessageID: "x"}))
		}},
		"edit":   {chat.LimitSend, func() error { return errOf(svc.Edit(h.ctx, "u-ann", room, m.MessageID, "two")) }},
		"delete": {chat.LimitSend, func() error { return errOf(svc.Delete(h.ctx, "u-ann", room, m.MessageID)) }},
		"create": {chat.LimitSend, func() error {
			return errOf(svc.CreateRoom(h.ctx, "u-ann", chat.NewRoom{Kind: chat.Public, Name: "x"}))
		}},
		"update": {chat.LimitSend, func() error { return errOf(svc.UpdateRoom(h.ctx, "u-ann", room, chat.RoomChange{Name: &name})) }},
		"join":   {chat.LimitSend, func() error { return errOf(svc.Join(h.ctx, "u-ann", room)) }},
		"add":    {chat.LimitSend, func() error { return errOf(svc.SetMember(h.ctx, "u-ann", room, "u-bob", "")) }},
		"remove": {chat.LimitSend, func() error { return svc.RemoveMember(h.ctx, "u-ann", room, "u-bob") }},
		"direct": {chat.LimitSend, func() error {
			_, _, err := svc.OpenDirect(h.ctx, "u-ann", []string{"u-bob"})
			return err
		}},
		"typing":  {chat.LimitTyping, func() error { return svc.Typing(h.ctx, "u-ann", room) }},
		"read":    {chat.LimitTyping, func() error { return svc.MarkRead(h.ctx, "u-ann", room, 3) }},
		"clients": {chat.LimitRequests, func() error { return errOf(svc.Clients(h.ctx, "u-ann", room)) }},
		"profile": {chat.LimitRequests, func() error { return errOf(svc.SetDisplayName(h.ctx, "u-ann", "Ann")) }},
	} {
		asked = nil
		e := chat.AsError(tt.do())
		if e == nil || e.Code != chat.RateLimited || e.RetryAfter != 3*time.Second {
			t.Errorf("%s: got %+v", what, e)
		}
		if len(asked) != 1 || asked[0] != string(tt.rule)+" u-ann" {
			t.Errorf("%s asks for %v", what, asked)
		}
	}
	equal(t, "head", h.head(room), head)
	h.hears("u-ann")
	h.hears("u-bob")
}
