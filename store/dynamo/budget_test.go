package dynamo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"parley/chat"
	"parley/chattest"
	"parley/names"
	"parley/store"
	"parley/store/dynamo/dynamotest"
)

// budget is what one action may ask of DynamoDB at most. Units are as DynamoDB Local counts them, which for a
// transaction on a table with an index is too much: 8 where AWS says 2 and 1.
type budget struct {
	calls         int
	reads, writes float64
}

// TestBudget: what people do costs what docs/decisions/0007 says, however large the room is, and never a scan.
func TestBudget(t *testing.T) {
	meter := &dynamotest.Meter{}
	s := store.New(open(t, store.Schemas(), nil, meter.Option), nil)
	const people = 60
	members := make([]string, people)
	for i := range members {
		members[i] = chattest.AddUser(t, s, fmt.Sprintf("p%03d", i)).UserID
	}
	ctx, ann, bob := t.Context(), members[0], members[1]
	script, c := chattest.NewScript("hall", chat.Public, "Hall", members[:20]...)
	commit := func(c chat.Commit) {
		t.Helper()
		if err := s.Commit(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	commit(c)
	commit(script.Join(members[20:40]...))
	commit(script.Join(members[40:59]...))
	for i := range 60 {
		commit(script.Say(chattest.Said{UserID: bob, ClientMessageID: fmt.Sprint("c", i), Content: strings.Repeat("word ", 20)}))
	}
	head := script.Room.HeadSeq
	serve := func() *chat.Service { // a worker that knows nothing yet
		return chat.New(chat.Config{Log: s, Rooms: s, Markers: s, Notices: s, Digests: s, Users: s, Seen: s, Deliverer: chattest.NewRecorder(), Limiter: unlimited{}, Names: names.Precis{}})
	}
	warm := serve()
	say := func(c *chat.Service, id string) error {
		_, err := c.Send(ctx, ann, chat.NewMessage{RoomID: "hall", Content: "hello", ClientMessageID: id})
		return err
	}
	for _, action := range []struct {
		name string
		most budget
		do   func(ctx context.Context) error
	}{
		{"send, the first of a worker", budget{4, 3, 12}, func(context.Context) error { return say(warm, "c-first") }},
		{"send, the next", budget{1, 0, 12}, func(context.Context) error { return say(warm, "c-next") }},
		{"send again what was sent", budget{3, 2, 12}, func(context.Context) error { return say(warm, "c-next") }},
		{"edit", budget{3, 2, 16}, func(ctx context.Context) error {
			msgs, err := s.Messages(ctx, "hall", head+1, head+1, 1, false)
			if err == nil {
				_, err = warm.Edit(ctx, ann, "hall", msgs[0].MessageID, "hello!")
			}
			return err
		}},
		{"open a connection: my rooms and their heads", budget{2, 2, 0}, func(ctx context.Context) error {
			_, err := serve().Heads(ctx, ann)
			return err
		}},
		{"sync, nothing missed", budget{3, 3, 0}, func(ctx context.Context) error {
			_, err := serve().Sync(ctx, ann, map[string]int64{"hall": head + 3}, 1<<17)
			return err
		}},
		{"sync, 50 missed", budget{5, 7, 0}, func(ctx context.Context) error {
			got, err := serve().Sync(ctx, ann, map[string]int64{"hall": head + 3 - 50}, 1<<17)
			if err == nil && len(got[0].Events) != 50 {
				err = fmt.Errorf("%d events", len(got[0].Events))
			}
			return err
		}},
		{"a page of history", budget{4, 6, 0}, func(ctx context.Context) error {
			p, err := serve().Messages(ctx, ann, "hall", chat.PageQuery{})
			if err == nil && len(p.Messages) != chat.DefaultPage {
				err = fmt.Errorf("%d messages", len(p.Messages))
			}
			return err
		}},
		{"mark read", budget{4, 3, 1}, func(ctx context.Context) error { return serve().MarkRead(ctx, members[2], "hall", head) }},
		{"typing", budget{2, 2, 0}, func(ctx context.Context) error { return serve().Typing(ctx, ann, "hall") }},
		{"who is here", budget{5, 63, 0}, func(ctx context.Context) error { _, err := serve().Clients(ctx, ann, "hall"); return err }},
		{"join", budget{10, 6, 8}, func(ctx context.Context) error { _, err := serve().Join(ctx, members[people-1], "hall"); return err }},
		{"leave", budget{4, 3, 10}, func(ctx context.Context) error { return serve().Leave(ctx, members[people-1], "hall") }},
		{"my rooms", budget{5, 4, 0}, func(ctx context.Context) error { _, err := serve().MyRooms(ctx, ann); return err }},
		{"unread counts", budget{3, 3, 0}, func(ctx context.Context) error { _, err := serve().UnreadCounts(ctx, ann); return err }},
		{"somebody's messages", budget{4, 5, 0}, func(ctx context.Context) error {
			_, _, err := serve().UserMessages(ctx, ann, bob, "", 0)
			return err
		}},
	} {
		meter.Take()
		if err := action.do(ctx); err != nil {
			t.Errorf("%s: %v", action.name, err)
		}
		used := meter.Take()
		calls := 0
		for _, n := range used.Calls {
			calls += n
		}
		t.Logf("%-45s %2d calls, %v", action.name, calls, used)
		if calls > action.most.calls || used.Reads > action.most.reads || used.Writes > action.most.writes {
			t.Errorf("%s: over its budget of %+v", action.name, action.most)
		}
		if used.Calls["Scan"] > 0 {
			t.Errorf("%s: reads a whole table", action.name)
		}
	}
}
