package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/chattest"
	"parley/names"
)

func TestErase(t *testing.T) {
	h := newHouse(t, "ann", "bob", "cid")
	room, direct, alone := h.room(chat.Public, "u-ann", "u-bob"), h.room(chat.Direct, "u-ann", "u-bob"), h.room(chat.Private, "u-ann")
	var mine []chat.Message
	for i := range 130 {
		m := h.say("u-ann", room, fmt.Sprint("secret ", i))
		mine = append(mine, m)
		h.say("u-bob", room, fmt.Sprint("stays ", i))
	}
	named := h.say("u-ann", room, "secret @bob")
	mine = append(mine, named, h.say("u-ann", direct, "secret direct"), h.say("u-ann", alone, "secret alone"))
	before, err := h.svc.Delete(h.ctx, "u-ann", room, mine[3].MessageID)
	h.ok(err)
	equal(t, "mentions of bob", h.counted("u-bob", room), 1)
	head := h.head(room)
	h.ears.Forget()

	_, err = h.svc.Erase(h.ctx, "u-ann")
	h.code(err, chat.NotFound) // nothing is erased that was not begun
	h.ok(h.svc.BeginErase(h.ctx, "u-ann"))
	e, err := h.svc.Erase(h.ctx, "u-ann")
	h.ok(err)
	equal(t, "messages, files and memberships", fmt.Sprint(e.Messages, e.Files, e.Memberships), "133 0 3")
	if !slices.Contains(h.ears.Disconnected(), "u-ann/") {
		t.Errorf("ended connections: %v", h.ears.Disconnected())
	}

	// Every client learns of it, number by number: 131 deletions, one of them of what was deleted before, and who leaves.
	heard := h.ears.HeardIn("u-bob", room)
	for i, ev := range heard {
		equal(t, "number", ev.Seq, head+int64(i)+1)
	}
	last := heard[len(heard)-1]
	equal(t, "last told", tell(last), fmt.Sprintf("%d role u-bob", h.head(room)))
	equal(t, "told", len(heard), 131+2)
	missed, err := h.svc.Sync(h.ctx, "u-bob", map[string]int64{room: head}, 1<<20)
	h.ok(err)
	equal(t, "missed", len(missed[0].Events), len(heard))
	for _, m := range h.history(room) {
		switch {
		case m.UserID == "u-bob" && strings.HasPrefix(m.Content, "stays "):
		case m.UserID == "u-ann" && m.Content == "" && m.DeletedAt != 0 && m.Username == "deleted-u-ann" && len(m.Mentions) == 0:
		default:
			t.Fatalf("left: %+v", m)
		}
		if m.MessageID == before.MessageID && m.DeletedAt != before.DeletedAt {
			t.Error("what was deleted before is deleted again")
		}
	}
	equal(t, "mentions of bob", h.counted("u-bob", room), 0)
	equal(t, "room of nobody", h.head(alone), 0)
	v, err := h.svc.Room(h.ctx, "u-bob", direct)
	h.ok(err)
	equal(t, "people in the direct room", len(v.Members), 1)
	_, _, err = h.svc.OpenDirect(h.ctx, "u-bob", []string{"u-ann"})
	h.ok(err) // what is left of it can still be read
	_, _, err = h.svc.OpenDirect(h.ctx, "u-cid", []string{"u-ann"})
	h.code(err, chat.NotFound)
	_, err = h.svc.SetMember(h.ctx, "u-bob", room, "u-ann", "")
	h.code(err, chat.NotFound)
	u, err := h.svc.User(h.ctx, "u-ann")
	h.ok(err)
	equal(t, "name", u.Username+" "+u.DisplayName, "deleted-u-ann Deleted account")
	h.code(errOf(h.svc.Send(h.ctx, "u-ann", chat.NewMessage{RoomID: room, Content: "x", ClientMessageID: "x"})), chat.Forbidden)
	if err := h.store.CreateUser(h.ctx, chattest.NewAccount("ann"), false); !errors.Is(err, chat.ErrExists) {
		t.Errorf("the name is given again: %v", err)
	}
}

// TestErasedCannotReturn: an access token that outlives its account in another process makes nothing any more, and what
// slipped in while the account went is removed before the erasure ends.
func TestErasedCannotReturn(t *testing.T) {
	h := newHouse(t, "ann", "bob")
	lobby := h.room(chat.Public, "u-bob")
	var forgotten []chat.Erasure
	fails := errors.New("the pool does not answer")
	svc := chat.New(chat.Config{Log: h.store, Rooms: h.store, Markers: h.store, Notices: h.store, Erasures: h.store, Users: h.store, Seen: h.store,
		Deliverer: h.ears, Limiter: limiter(nil), Names: names.Precis{}, Now: h.clock.Now,
		Forget: func(_ context.Context, e chat.Erasure) error {
			forgotten = append(forgotten, e)
			return fails
		}})
	h.say("u-ann", h.room(chat.Private, "u-ann"), "secret")
	h.ok(svc.BeginErase(h.ctx, "u-ann"))
	h.ok(svc.BeginErase(h.ctx, "u-ann")) // asked twice: what she was called is not lost
	e, err := svc.Erase(h.ctx, "u-ann")
	if !errors.Is(err, fails) || e.Messages != 1 {
		t.Fatalf("while her password cannot be removed: %+v, %v", e, err)
	}
	fails = nil
	h.ok(svc.EraseAll(h.ctx))
	equal(t, "asked to forget", fmt.Sprintf("%d %s", len(forgotten), forgotten[1].Username), "2 ann")

	for what, err := range map[string]error{
		"create": errOf(svc.CreateRoom(h.ctx, "u-ann", chat.NewRoom{Kind: chat.Public, Name: "Mine"})),
		"join":   errOf(svc.Join(h.ctx, "u-ann", lobby)),
		"admit":  errOf(svc.Admit(h.ctx, "u-ann", lobby)),
		"name":   errOf(svc.SetDisplayName(h.ctx, "u-ann", "Ann again")),
		"avatar": errOf(svc.SetAvatar(h.ctx, "u-ann", "/files/avatars/x.png")),
		"rules":  svc.SetNotifyRules(h.ctx, "u-ann", chat.NotifyRules{}),
	} {
		if chat.CodeOf(err) != chat.Unauthenticated {
			t.Errorf("%s after the erasure: %v", what, err)
		}
	}
	_, _, err = svc.OpenDirect(h.ctx, "u-ann", []string{"u-bob"})
	h.code(err, chat.NotFound)
	h.ok(h.store.SetRules(h.ctx, "u-ann", chat.NotifyRules{HideContent: true})) // by a request that was under way
	h.ok(svc.EraseAll(h.ctx))
	equal(t, "asked to forget too early", len(forgotten), 2)
	h.clock.Advance(15 * time.Minute)
	h.ok(svc.EraseAll(h.ctx))
	equal(t, "asked to forget what has no name any more", fmt.Sprintf("%d %s", len(forgotten), forgotten[2].Username), "3 ")
	rules, err := h.store.Rules(h.ctx, "u-ann")
	h.ok(err)
	equal(t, "rules", len(rules), 0)
	_, err = svc.Erase(h.ctx, "u-ann")
	h.code(err, chat.NotFound) // it has ended
}

// TestEraseInterrupted: an erasure that is cut off anywhere goes on where it was.
func TestEraseInterrupted(t *testing.T) {
	for after := range 12 {
		h := newHouse(t, "ann", "bob")
		room, other := h.room(chat.Public, "u-bob", "u-ann"), h.room(chat.Private, "u-bob", "u-ann")
		for i := range 120 {
			h.say("u-ann", []string{room, other}[i%2], fmt.Sprint("secret ", i))
		}
		h.ok(h.svc.BeginErase(h.ctx, "u-ann"))
		cut := h.service(h.ears, &dying{Log: h.store, left: after}, nil)
		if _, err := cut.Erase(h.ctx, "u-ann"); err == nil {
			if after == 0 {
				t.Fatal("nothing was cut off")
			}
			break
		}
		ctx, stop := context.WithCancel(h.ctx)
		ended := make(chan error, 1)
		again := h.service(h.ears, nil, nil) // another process, at its start
		go func() { ended <- again.Run(ctx) }()
		deadline := time.Now().Add(20 * time.Second)
		for {
			under, err := h.store.Erasures(h.ctx)
			h.ok(err)
			if len(under) == 1 && under[0].DoneAt != 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the erasure does not end")
			}
			time.Sleep(time.Millisecond)
		}
		stop()
		h.ok(<-ended)
		for _, id := range []string{room, other} {
			for _, m := range h.history(id) {
				if m.Content != "" {
					t.Fatalf("cut off after %d commits: %q is left", after, m.Content)
				}
			}
			if _, err := h.store.Member(h.ctx, id, "u-ann"); chat.CodeOf(err) != chat.NotFound {
				t.Fatalf("cut off after %d commits: still a member", after)
			}
		}
	}
}

// dying is a log that stores some commits and then no more.
type dying struct {
	chat.Log
	left int
}

func (d *dying) Commit(ctx context.Context, c chat.Commit) error {
	if d.left--; d.left < 0 {
		return errors.New("the process was killed")
	}
	return d.Log.Commit(ctx, c)
}
