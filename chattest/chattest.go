// Package chattest helps to test everything around package chat: Run states each promise of the storage ports as a
// test, for every store; Clock, Recorder and the builders stand in for time and for connected people.
package chattest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"parley/chat"
)

// Ports are all storage ports together, as one store implements them.
type Ports interface {
	chat.Log
	chat.Rooms
	chat.Markers
	chat.Notices
	chat.Erasures
	chat.Digests
	chat.Users
	chat.Seen
	chat.Sessions
	chat.Once
	chat.Keys
	chat.Invites
	chat.Settings
	chat.PushKey
	chat.PushSubscriptions
	chat.Uploads
	chat.Secrets
	chat.Outbox
	chat.Reached
}

// Run tests the storage ports that open makes. Each test calls open once for a store of its own, which must be empty and
// tell the time by now; open cleans up by t.Cleanup. Run expects nothing of when a store physically removes what has
// expired, and lets MessagesOf lag behind the log for a few seconds, as indexes do on some engines.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) Ports) {
	tests := []struct {
		name string
		run  func(e *env)
	}{
		{"Log/RoundTrip", logRoundTrip},
		{"Log/Moved", logMoved},
		{"Log/Duplicates", logDuplicates},
		{"Log/DuplicateScope", logDuplicateScope},
		{"Log/RememberedForADay", logRemembered},
		{"Log/Changed", logChanged},
		{"Log/Ranges", logRanges},
		{"Log/LargeContents", logLarge},
		{"Log/LargestCommits", logLargest},
		{"Log/OneWinner", logOneWinner},
		{"Log/SameMessageAtOnce", logSameMessage},
		{"Log/AtomicToReaders", logAtomic},
		{"Log/MessagesOf", logMessagesOf},
		{"Log/Gone", logGone},
		{"Log/PurgeInterrupted", logPurgeTogether},
		{"Rooms/Memberships", roomsMemberships},
		{"Rooms/MembersPaging", roomsMembersPaging},
		{"Rooms/ManyAtOnce", roomsMany},
		{"Rooms/Public", roomsPublic},
		{"Rooms/PublicPaging", roomsPublicPaging},
		{"Cursors", badCursors},
		{"Markers/Forward", markersForward},
		{"Markers/AtOnce", markersAtOnce},
		{"Markers/Commit", markersCommit},
		{"Notices/Kept", noticesKept},
		{"Notices/OfRooms", noticesOfRooms},
		{"Notices/LargestCommits", noticesLargest},
		{"Notices/Levels", levels},
		{"Notices/LevelsAtOnce", levelsAtOnce},
		{"Notices/Rules", notifyRules},
		{"ManyAtOnce", readsOfMany},
		{"Digests/RoundTrip", digests},
		{"Digests/Stale", digestsStale},
		{"Digests/AtOnce", digestsAtOnce},
		{"Digests/RoomGone", digestsOfRooms},
		{"Users/RoundTrip", usersRoundTrip},
		{"Users/UniqueName", usersUnique},
		{"Users/First", usersFirst},
		{"Users/Update", usersUpdate},
		{"Users/UpdateAtOnce", usersUpdateAtOnce},
		{"Users/Search", usersSearch},
		{"Users/SearchPaging", usersSearchPaging},
		{"Users/Erased", usersErased},
		{"Seen", seen},
		{"Sessions", sessions},
		{"Sessions/CompareAndSwap", sessionsSwap},
		{"Sessions/Expire", sessionsExpire},
		{"Once", once},
		{"Once/OneTaker", onceOneTaker},
		{"Keys", keys},
		{"Invites", invites},
		{"Invites/UsedUp", invitesUsedUp},
		{"Settings", settings},
		{"PushKey", pushKey},
		{"PushSubscriptions", pushSubscriptions},
		{"PushSubscriptions/OnePerson", pushOwner},
		{"Outbox", outbox},
		{"Reached", reached},
		{"PushSubscriptions/EndWithSessions", pushSessions},
		{"Secrets", secrets},
		{"Uploads/RoundTrip", uploads},
		{"Uploads/Attach", uploadsAttach},
		{"Uploads/OneClaim", uploadsOneClaim},
		{"Uploads/LargestCommit", uploadsLargest},
		{"Uploads/Quota", uploadsQuota},
		{"Uploads/Due", uploadsDue},
		{"Uploads/RoomGone", uploadsRoomGone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clock := NewClock()
			tt.run(&env{T: t, Ports: open(t, clock.Now), ctx: t.Context(), clock: clock})
		})
	}
}

// env is what one test works with.
type env struct {
	*testing.T
	Ports
	ctx   context.Context
	clock *Clock
}

// ok ends the test if err is not nil.
func (e *env) ok(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

// is ends the test unless err is target.
func (e *env) is(err, target error) {
	e.Helper()
	if !errors.Is(err, target) {
		e.Fatalf("error: got %v, want %v", err, target)
	}
}

// code ends the test unless err has the code.
func (e *env) code(err error, want chat.Code) {
	e.Helper()
	if chat.CodeOf(err) != want {
		e.Fatalf("error: got %v, want one with code %s", err, want)
	}
}

// eventually repeats check for as long as an index may lag.
func (e *env) eventually(check func() error) {
	e.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			e.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// same ends the test unless got and want are equal.
func same[T comparable](e *env, what string, got, want T) {
	e.Helper()
	if got != want {
		e.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// pages walks a paged list to its end and returns all of it. It ends the test if a page is too long or the list has
// no end.
func pages[T any](e *env, limit int, page func(cursor string) ([]T, string, error)) []T {
	e.Helper()
	var all []T
	cursor := ""
	for range 10_000 {
		items, next, err := page(cursor)
		e.ok(err)
		if len(items) > limit {
			e.Fatalf("page of %d items, asked for at most %d", len(items), limit)
		}
		all = append(all, items...)
		if next == "" {
			return all
		}
		if next == cursor {
			e.Fatalf("a page's cursor leads to the same page again")
		}
		cursor = next
	}
	e.Fatal("the list has no end")
	return nil
}

// ids are n different ids in order.
func ids(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%03d", prefix, i)
	}
	return out
}
