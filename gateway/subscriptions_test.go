package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/chat"
)

// Who enters or leaves hears exactly the numbers from their joining to their leaving, on all devices.
func TestMembershipChangesWhoHears(t *testing.T) {
	each(t, Limits{}, func(t *testing.T, h *house) {
		h.join("r1", "ada")
		ada, bob, phone, eve := h.dial(t, "ada"), h.dial(t, "bob"), h.dial(t, "bob"), h.dial(t, "eve")
		h.say("r1", "before")
		h.change("r1", "bob", chat.MemberJoined)
		h.say("r1", "with bob")
		h.change("r1", "bob", chat.MemberRole) // a step about bob that changes nothing here
		h.change("r1", "bob", chat.MemberRemoved)
		h.say("r1", "after")
		ada.hears("newMessage 1 before", "room 2 joined", "newMessage 3 with bob", "room 4 role", "room 5 removed", "newMessage 6 after")
		for _, c := range []*client{bob, phone} {
			c.hears("room 2 joined", "newMessage 3 with bob", "room 4 role", "room 5 removed")
		}
		eve.hears()

		// Several steps at once, as a commit may hold them; leaving and coming back among them.
		h.hub.Deliver(context.Background(), chat.Delivery{RoomID: "r1", Events: []chat.Event{
			newMessage("r1", "ada", 7, "a"), roomEvent(8, chat.MemberJoined, "r1", "bob"), newMessage("r1", "ada", 9, "b"),
			roomEvent(10, chat.MemberLeft, "r1", "bob"), newMessage("r1", "ada", 11, "c"), roomEvent(12, chat.MemberJoined, "r1", "bob"), newMessage("r1", "ada", 13, "d"),
		}})
		bob.hears("room 8 joined", "newMessage 9 b", "room 10 left", "room 12 joined", "newMessage 13 d")
		ada.hears("newMessage 7 a", "room 8 joined", "newMessage 9 b", "room 10 left", "newMessage 11 c", "room 12 joined", "newMessage 13 d")

		// The end of a room is heard, and nothing after it.
		h.hub.Deliver(context.Background(), chat.Delivery{RoomID: "r1", Events: []chat.Event{roomEvent(14, chat.RoomDeleted, "r1", ""), newMessage("r1", "ada", 15, "ghost")}})
		ada.hears("room 14 deleted")
		phone.hears("room 8 joined", "newMessage 9 b", "room 10 left", "room 12 joined", "newMessage 13 d", "room 14 deleted")
		if h.hub.room("r1") != nil {
			t.Error("a deleted room is kept")
		}

		// A new direct room: each hears from their own joining on.
		h.hub.Deliver(context.Background(), chat.Delivery{RoomID: "d1", Events: []chat.Event{
			roomEvent(1, chat.RoomCreated, "d1", ""), roomEvent(2, chat.MemberJoined, "d1", "ada"), roomEvent(3, chat.MemberJoined, "d1", "bob"), newMessage("d1", "ada", 4, "hi")}})
		ada.hears("room 2 joined", "room 3 joined", "newMessage 4 hi")
		bob.hears("room 14 deleted", "room 3 joined", "newMessage 4 hi")
		eve.hears()
	})
}

// What is told while a connection opens wins over the list of rooms that is older.
func TestEventsWinOverTheListOfRooms(t *testing.T) {
	h := newHouse(t, Config{}, false)
	h.join("r1", "bob")
	h.join("r2", "bob")
	h.mu.Lock()
	h.heads["r2"] = 5
	loading := make(chan chan error)
	h.loading = loading
	h.mu.Unlock()
	opened := make(chan *client)
	go func() { opened <- h.dial(t, "bob") }()
	turn := <-loading // the list is r1, r2
	h.mu.Lock()
	h.loading = nil
	h.mu.Unlock()
	h.say("r1", "before")                    // r1 is not subscribed yet; sync brings it
	h.change("r1", "bob", chat.MemberLeft)   // no longer r1
	h.change("r3", "bob", chat.MemberJoined) // but r3
	turn <- nil
	bob := <-opened
	h.say("r1", "not for bob")
	h.say("r3", "for bob")
	// What was stored before the list was read, but is told after it, is not heard live.
	h.hub.Deliver(context.Background(), chat.Delivery{RoomID: "r2", Events: []chat.Event{newMessage("r2", "x", 4, "old"), newMessage("r2", "x", 5, "old")}})
	h.hub.Deliver(context.Background(), chat.Delivery{RoomID: "r2", Events: []chat.Event{newMessage("r2", "x", 6, "new")}})
	bob.hears("room 1 joined", "newMessage 2 for bob", "newMessage 6 new")
}

func TestForgetting(t *testing.T) {
	h := newHouse(t, Config{}, false)
	h.join("r1", "ada", "bob")
	ada, bob := h.dial(t, "ada"), h.dial(t, "bob")
	ada.ws.CloseNow()
	eventually(t, "ada is gone", func() bool { return h.g.Stats().Connections == 1 })
	h.hub.forget(h.g.now() + linger.Milliseconds() - 5000)
	if h.hub.user("ada") == nil {
		t.Error("forgotten too early")
	}
	h.hub.forget(h.g.now() + linger.Milliseconds() + 1)
	if h.hub.user("ada") != nil || h.hub.user("bob") == nil || len(h.hub.room("r1").subs) != 1 {
		t.Error("not forgotten, or too much")
	}
	h.say("r1", "hello")
	bob.hears("newMessage 1 hello")
	bob.ws.CloseNow()
	eventually(t, "bob is gone", func() bool { return h.g.Stats().Connections == 0 })
	h.hub.forget(h.g.now() + linger.Milliseconds() + 1)
	if h.hub.room("r1") != nil {
		t.Error("a room that nobody hears is kept")
	}
}

// world is a service whose steps are stored first and told later, with other things in between.
type world struct {
	*fakeService
	telling sync.Mutex // one step is told at a time
	told    map[string]int64
	members map[string]map[string][]bool // by room and user: a member at each number
}

var worldUsers = []string{"u0", "u1", "u2", "u3"}

func pause() {
	if rand.IntN(3) == 0 {
		time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
	}
}

// step makes one to three entries in a log at once.
func (w *world) step(room string) {
	w.telling.Lock()
	defer w.telling.Unlock()
	w.mu.Lock()
	var events []chat.Event
	now := w.fakeService.members[room]
	for range 1 + rand.IntN(3) {
		w.heads[room]++
		seq, user := w.heads[room], worldUsers[rand.IntN(len(worldUsers))]
		was := now[user]
		switch {
		case rand.IntN(3) > 0:
			events = append(events, newMessage(room, "x", seq, ""))
			user = ""
		case was:
			delete(now, user)
			events = append(events, roomEvent(seq, chat.MemberLeft, room, user))
		default:
			now[user] = true
			events = append(events, roomEvent(seq, chat.MemberJoined, room, user))
		}
		for _, u := range worldUsers {
			w.members[room][u] = append(w.members[room][u], now[u] || u == user && was)
		}
	}
	head := w.heads[room]
	w.mu.Unlock()
	pause()
	w.hub.Deliver(context.Background(), chat.Delivery{RoomID: room, Events: events})
	w.told[room] = head
}

func (w *world) Heads(ctx context.Context, by string) (map[string]int64, error) {
	pause()
	heads, err := w.fakeService.Heads(ctx, by)
	pause()
	return heads, err
}

// visit opens a connection, listens for a while, and checks what it heard: only numbers at which the person was a
// member, in order, and none left out.
func (w *world) visit(t *testing.T, h *house) {
	user := worldUsers[rand.IntN(len(worldUsers))]
	c := h.dial(t, user)
	defer c.ws.CloseNow()
	w.mu.Lock()
	opened := make(map[string]int64)
	for room, head := range w.heads {
		opened[room] = head
	}
	w.mu.Unlock()
	time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
	w.telling.Lock()
	sure := make(map[string]int64)
	for room, seq := range w.told {
		sure[room] = seq
	}
	w.telling.Unlock()
	c.send(`{"action":"sync","requestId":"end","data":{"rooms":{}}}`)
	heard := map[string][]int64{}
	for {
		r := c.next()
		if r.RequestID == "end" {
			break
		}
		switch r.Type {
		case "newMessage":
			heard[r.Data.Message.RoomID] = append(heard[r.Data.Message.RoomID], r.Data.Message.Seq)
		case "room":
			var room struct{ RoomID string }
			_ = json.Unmarshal(r.Data.Room, &room)
			heard[room.RoomID] = append(heard[room.RoomID], r.Data.Seq)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for room, members := range w.members {
		in, got := members[user], heard[room]
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("%s heard %v of %s", user, got, room)
		}
		for _, seq := range got {
			if !in[seq-1] {
				t.Errorf("%s heard %d of %s without being a member", user, seq, room)
			}
		}
		for seq := opened[room] + 1; seq <= sure[room]; seq++ {
			if in[seq-1] && !slices.Contains(got, seq) {
				t.Errorf("%s did not hear %d of %s, open at %d, heard %v", user, seq, room, opened[room], got)
			}
		}
	}
}

// People come and go, on sockets and as members, while rooms talk: nobody hears what is not theirs or misses what is.
func TestSubscriptionsUnderRace(t *testing.T) {
	for _, goroutines := range []bool{false, true} {
		t.Run(fmt.Sprintf("goroutines=%v", goroutines), func(t *testing.T) {
			h := newHouse(t, Config{Goroutines: goroutines, Limits: Limits{FramesPerSecond: -1}}, false)
			w := &world{fakeService: h.fakeService, told: map[string]int64{}, members: map[string]map[string][]bool{}}
			h.g.service = w
			rooms := []string{"r0", "r1", "r2"}
			for _, r := range rooms {
				w.members[r] = map[string][]bool{}
				h.join(r)
			}
			stop := make(chan struct{})
			var writers, readers sync.WaitGroup
			for range 2 {
				writers.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							w.step(rooms[rand.IntN(len(rooms))])
							pause()
						}
					}
				})
			}
			for range 4 {
				readers.Go(func() {
					for range 60 {
						w.visit(t, h)
					}
				})
			}
			writers.Go(func() { // makes people unknown again, so that opening loads their rooms
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
						h.hub.forget(h.g.now() + linger.Milliseconds() + 1)
					}
				}
			})
			readers.Wait()
			close(stop)
			writers.Wait()
		})
	}
}
