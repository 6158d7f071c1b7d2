package client

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"parley/chat"
)

func message(room string, seq int64) Event {
	return Event{RoomID: room, Seq: seq, NewMessage: &chat.Message{RoomID: room, Seq: seq}}
}

func change(room string, seq int64, kind chat.ChangeKind, user string) Event {
	return Event{RoomID: room, Seq: seq, Room: &chat.RoomEvent{Seq: seq, Change: kind, Membership: &chat.Membership{UserID: user}}}
}

func seqs(events []Event) (out []int64) {
	for _, e := range events {
		out = append(out, e.Seq)
	}
	return out
}

// TestTrackerTellsEachNumberOnce plays a room's log over connections that break anywhere, lose what was under way, repeat
// what was sent, and whose syncs are cut short; whatever happens, the log is told whole and in order.
func TestTrackerTellsEachNumberOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const room = "r"
		start := rapid.Int64Range(0, 3).Draw(t, "start")
		tr := newTracker("me", map[string]int64{room: start}, false)
		var told []int64
		head, sent := start, start // head of the log; up to which the connection has carried it
		take := func(events []Event) { told = append(told, seqs(events)...) }
		sync := func(ask map[string]int64) {
			for len(ask) > 0 {
				last, upTo := ask[room], head
				more := rapid.Bool().Draw(t, "cut") && head > last+1
				if more {
					upTo = last + 1
				}
				answer := roomSync{RoomID: room, HeadSeq: head, Complete: true, More: more}
				for seq := last + 1; seq <= upTo; seq++ {
					answer.Events = append(answer.Events, message(room, seq))
				}
				out, behind := tr.synced(answer)
				take(out)
				ask = nil
				if behind {
					ask = map[string]int64{room: tr.rooms[room].last}
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"happens": func(*rapid.T) { head++ },
			"delivered": func(*rapid.T) {
				if sent < head {
					sent++
					take(tr.add(message(room, sent)))
				}
			},
			"repeated": func(*rapid.T) {
				if sent > start {
					take(tr.add(message(room, sent)))
				}
			},
			"reconnects": func(*rapid.T) {
				tr.forget()
				sent = head
			},
			"pong": func(*rapid.T) {
				take(tr.heads(map[string]int64{room: head}, false))
				sync(tr.gaps(map[string]int64{room: head}))
			},
			"gap": func(*rapid.T) { sync(tr.gaps(nil)) },
		})
		take(tr.heads(map[string]int64{room: head}, false))
		sync(tr.gaps(map[string]int64{room: head}))
		for i, seq := range told {
			if seq != start+int64(i)+1 {
				t.Fatalf("told %v after %d", told, start)
			}
		}
		if int64(len(told)) != head-start {
			t.Fatalf("told up to %d of %d", start+int64(len(told)), head)
		}
	})
}

func TestTrackerStartsAtTheHead(t *testing.T) {
	tr := newTracker("me", nil, false)
	if out := tr.add(message("r", 7)); out != nil {
		t.Errorf("told %v before anything is known of the room", seqs(out))
	}
	if got := seqs(tr.heads(map[string]int64{"r": 6}, true)); !slices.Equal(got, []int64{7}) {
		t.Errorf("told %v, want 7", got)
	}
	if ask := tr.gaps(map[string]int64{"r": 6}); len(ask) != 0 {
		t.Errorf("asks for %v", ask)
	}
	if ask := newAll(t).gaps(map[string]int64{"r": 6}); !maps.Equal(ask, map[string]int64{"r": 0}) {
		t.Errorf("with All it asks for %v", ask)
	}
}

func newAll(t *testing.T) *tracker {
	t.Helper()
	tr := newTracker("me", nil, true)
	tr.heads(map[string]int64{"r": 6}, true)
	return tr
}

func TestTrackerFollowsMembership(t *testing.T) {
	tr := newTracker("me", nil, false)
	tr.heads(nil, true)
	if got := seqs(tr.add(change("r", 5, chat.MemberJoined, "me"))); !slices.Equal(got, []int64{5}) {
		t.Errorf("joining told %v", got)
	}
	if got := seqs(tr.add(message("r", 6))); !slices.Equal(got, []int64{6}) {
		t.Errorf("after joining told %v", got)
	}
	if tr.add(change("r", 7, chat.MemberLeft, "other")); tr.rooms["r"] == nil {
		t.Error("somebody else's leaving ended the room")
	}
	if tr.add(change("r", 8, chat.MemberRemoved, "me")); tr.rooms["r"] != nil {
		t.Error("one's own removal did not end the room")
	}
	if got := seqs(tr.add(change("r", 20, chat.MemberJoined, "me"))); !slices.Equal(got, []int64{20}) {
		t.Errorf("coming back told %v", got)
	}
}

// TestTrackerLeavesAndComesBackWhileAway: who is synced is a member, so that the own leaving in it is past, also when the
// answer ends before one came back.
func TestTrackerLeavesAndComesBackWhileAway(t *testing.T) {
	missed := []Event{
		message("r", 9), change("r", 10, chat.MemberLeft, "me"), message("r", 11), change("r", 12, chat.MemberJoined, "me"), message("r", 13),
	}
	for cut := 1; cut <= len(missed); cut++ {
		tr := newTracker("me", map[string]int64{"r": 8}, false)
		tr.heads(map[string]int64{"r": 13}, true)
		out, behind := tr.synced(roomSync{RoomID: "r", HeadSeq: 13, Complete: true, More: cut < len(missed), Events: missed[:cut]})
		if behind != (cut < len(missed)) {
			t.Errorf("cut after %d: behind %v", cut, behind)
		}
		if behind {
			if last := tr.rooms["r"].last; last != missed[cut-1].Seq {
				t.Errorf("cut after %d it goes on from %d", cut, last)
			}
			more, _ := tr.synced(roomSync{RoomID: "r", HeadSeq: 13, Complete: true, Events: missed[cut:]})
			out = append(out, more...)
		}
		if got := seqs(out); !slices.Equal(got, []int64{9, 10, 11, 12, 13}) {
			t.Errorf("cut after %d: told %v", cut, got)
		}
		if ask := tr.gaps(nil); len(ask) > 0 {
			t.Errorf("cut after %d: still asks for %v", cut, ask)
		}
		if tr.add(change("r", 14, chat.MemberLeft, "me")); tr.rooms["r"] != nil {
			t.Error("leaving now does not end the room")
		}
	}
}

// TestTrackerMissesRoomsThatWentWhileAway: the heads of a new connection lack a room, so it asks what became of it.
func TestTrackerMissesRoomsThatWentWhileAway(t *testing.T) {
	tr := newTracker("me", map[string]int64{"r": 8, "gone": 5}, false)
	heads := map[string]int64{"r": 8}
	tr.heads(heads, true)
	if ask := tr.gaps(heads); !maps.Equal(ask, map[string]int64{"gone": 5}) {
		t.Errorf("asks for %v, want the room that is missing", ask)
	}
	if out, _ := tr.synced(roomSync{RoomID: "gone"}); len(out) != 1 || !out[0].Reset || out[0].Seq != 0 {
		t.Errorf("told %+v", out)
	}
	tr.add(change("new", 3, chat.MemberJoined, "me"))
	if ask := tr.gaps(heads); len(ask) > 0 {
		t.Errorf("asks for %v because of heads that are older", ask)
	}
	tr.forget()
	tr.heads(map[string]int64{}, false)
	if ask := tr.gaps(map[string]int64{}); !maps.Equal(ask, map[string]int64{"r": 8, "new": 3}) {
		t.Errorf("after another connection asks for %v", ask)
	}
}

func TestTrackerFindsRoomsThatCameWhileAway(t *testing.T) {
	tr := newTracker("me", nil, false)
	tr.heads(map[string]int64{"old": 3}, true)
	tr.forget()
	tr.heads(map[string]int64{"old": 3, "new": 4}, false)
	if ask := tr.gaps(map[string]int64{"old": 3, "new": 4}); !maps.Equal(ask, map[string]int64{"new": 0}) {
		t.Errorf("asks for %v, want all of the new room", ask)
	}
	tr.add(message("nowhere", 9))
	if !tr.lost() || tr.lost() {
		t.Error("want to ask once for heads when an event comes from nowhere")
	}
	if tr.heads(map[string]int64{"old": 3, "new": 4}, false); tr.rooms["nowhere"] != nil {
		t.Error("a room that the server does not know is kept")
	}
}

func TestTrackerResets(t *testing.T) {
	tr := newTracker("me", map[string]int64{"r": 1, "gone": 1}, false)
	tr.add(message("r", 900))
	tr.add(message("r", 901))
	out, behind := tr.synced(roomSync{RoomID: "r", HeadSeq: 900})
	if behind || len(out) != 2 || !out[0].Reset || out[0].Seq != 900 || out[1].Seq != 901 {
		t.Errorf("told %+v, behind %v", out, behind)
	}
	out, _ = tr.synced(roomSync{RoomID: "gone"})
	if len(out) != 1 || !out[0].Reset || tr.rooms["gone"] != nil {
		t.Errorf("told %+v of a room one is not in", out)
	}
}
