package chattest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/chat"
)

func (e *env) session(id string, lives time.Duration) chat.Session {
	now := e.clock.Now()
	return chat.Session{SessionID: id, UserID: "u-ann", CreatedAt: now.UnixMilli(), LastUsedAt: now.UnixMilli() + 1, ExpiresAt: now.Add(lives).UnixMilli(),
		UserAgent: "Mozilla/5.0 (ä)", Address: "::1", TokenHash: []byte{0, 1, 255}, PreviousHash: []byte{9}, RotatedAt: 7, Sealed: []byte{0, 7}}
}

func sessions(e *env) {
	var want []chat.Session
	for _, id := range ids("s", 120) {
		s := e.session(id, time.Hour)
		want = append(want, s)
		e.ok(e.PutSession(e.ctx, s, nil))
	}
	foreign := e.session("s000", time.Hour)
	foreign.UserID = "u-annika"
	e.ok(e.PutSession(e.ctx, foreign, nil))
	got, err := e.Session(e.ctx, "u-ann", "s003")
	e.ok(err)
	if !reflect.DeepEqual(got, want[3]) {
		e.Fatalf("session: got %+v, want %+v", got, want[3])
	}
	all, err := e.SessionsOf(e.ctx, "u-ann")
	e.ok(err)
	slices.SortFunc(all, func(a, b chat.Session) int { return strings.Compare(a.SessionID, b.SessionID) })
	if !reflect.DeepEqual(all, want) {
		e.Fatalf("sessions: got %d, want %d", len(all), len(want))
	}
	_, err = e.Session(e.ctx, "u-bob", "s003")
	e.code(err, chat.NotFound)
	end := append(ids("s", 119), "s-never-was")
	for range 2 {
		e.ok(e.DeleteSessions(e.ctx, "u-ann", end...))
		left, err := e.SessionsOf(e.ctx, "u-ann")
		e.ok(err)
		if len(left) != 1 || left[0].SessionID != "s119" {
			e.Fatalf("sessions left: got %v", left)
		}
	}
	_, err = e.Session(e.ctx, "u-ann", "s003")
	e.code(err, chat.NotFound)
	_, err = e.Session(e.ctx, "u-annika", "s000")
	e.ok(err)
}

// sessionsSwap: of many who rotate one refresh token one succeeds; an ended session cannot come back.
func sessionsSwap(e *env) {
	s := e.session("s1", time.Hour)
	e.ok(e.PutSession(e.ctx, s, nil))
	var won atomic.Int64
	var winner atomic.Int64
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			next := s
			next.TokenHash, next.PreviousHash = []byte{byte(i), 42}, s.TokenHash
			switch err := e.PutSession(e.ctx, next, s.TokenHash); {
			case err == nil:
				won.Add(1)
				winner.Store(int64(i))
			case !errors.Is(err, chat.ErrMoved):
				e.Error(err)
			}
		})
	}
	all.Wait()
	same(e, "rotations", won.Load(), 1)
	got, err := e.Session(e.ctx, "u-ann", "s1")
	e.ok(err)
	if !slices.Equal(got.TokenHash, []byte{byte(winner.Load()), 42}) || !slices.Equal(got.PreviousHash, s.TokenHash) {
		e.Fatalf("session: got %+v", got)
	}
	e.ok(e.DeleteSessions(e.ctx, "u-ann", "s1"))
	e.is(e.PutSession(e.ctx, s, got.TokenHash), chat.ErrMoved)
	_, err = e.Session(e.ctx, "u-ann", "s1")
	e.code(err, chat.NotFound)
}

func sessionsExpire(e *env) {
	e.ok(e.PutSession(e.ctx, e.session("short", time.Minute), nil))
	long := e.session("long", time.Hour)
	e.ok(e.PutSession(e.ctx, long, nil))
	e.clock.Advance(58 * time.Second)
	_, err := e.Session(e.ctx, "u-ann", "short")
	e.ok(err)
	e.clock.Advance(4 * time.Second)
	_, err = e.Session(e.ctx, "u-ann", "short")
	e.code(err, chat.NotFound)
	left, err := e.SessionsOf(e.ctx, "u-ann")
	e.ok(err)
	if len(left) != 1 || left[0].SessionID != "long" {
		e.Fatalf("sessions: got %v", left)
	}
	e.clock.Advance(time.Hour)
	e.is(e.PutSession(e.ctx, long, long.TokenHash), chat.ErrMoved)
}

func once(e *env) {
	in := func(d time.Duration) chat.Millis { return e.clock.Now().Add(d).UnixMilli() }
	e.ok(e.PutOnce(e.ctx, "k", "value", in(30*time.Second)))
	e.ok(e.PutOnce(e.ctx, "late", "value", in(30*time.Second)))
	got, err := e.TakeOnce(e.ctx, "k")
	e.ok(err)
	same(e, "value", got, "value")
	for _, key := range []string{"k", "never", "l"} {
		_, err = e.TakeOnce(e.ctx, key)
		e.code(err, chat.NotFound)
	}
	e.clock.Advance(32 * time.Second)
	_, err = e.TakeOnce(e.ctx, "late")
	e.code(err, chat.NotFound)
	e.ok(e.PutOnce(e.ctx, "k", "again", in(30*time.Second)))
	got, err = e.TakeOnce(e.ctx, "k")
	e.ok(err)
	same(e, "value", got, "again")
}

func onceOneTaker(e *env) {
	for round := range 40 {
		key := fmt.Sprint("k", round)
		e.ok(e.PutOnce(e.ctx, key, "value", e.clock.Now().Add(time.Minute).UnixMilli()))
		var taken atomic.Int64
		start := make(chan struct{})
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				<-start
				switch v, err := e.TakeOnce(e.ctx, key); {
				case err == nil && v == "value":
					taken.Add(1)
				case chat.CodeOf(err) != chat.NotFound:
					e.Errorf("take: %q, %v", v, err)
				}
			})
		}
		close(start)
		all.Wait()
		same(e, "takers", taken.Load(), 1)
	}
}

func keys(e *env) {
	list := func(want ...string) {
		e.Helper()
		all, err := e.Keys(e.ctx)
		e.ok(err)
		var got []string
		for _, k := range all {
			if string(k.Private) != "private "+k.KeyID || k.CreatedAt != 5 {
				e.Fatalf("key: got %+v", k)
			}
			got = append(got, k.KeyID)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			e.Fatalf("keys: got %v, want %v", got, want)
		}
	}
	add := func(id string, drop ...string) {
		e.Helper()
		e.ok(e.AddKey(e.ctx, chat.SigningKey{KeyID: id, Private: []byte("private " + id), CreatedAt: 5}, drop...))
	}
	list()
	add("a")
	add("b")
	list("a", "b")
	add("c", "a", "never-was")
	list("b", "c")
	// Neighbours in the store stay as they are.
	e.ok(e.SetServer(e.ctx, chat.Server{Name: "x"}))
	list("b", "c")
}

func (e *env) invite(hash string, uses int) chat.Invite {
	now := e.clock.Now()
	return chat.Invite{TokenHash: hash, RoomID: "r1", CreatedBy: "u-ann", CreatedAt: now.UnixMilli(), ExpiresAt: now.Add(time.Hour).UnixMilli(), MaxUses: uses}
}

func invites(e *env) {
	a, b := e.invite("aa", 3), e.invite("bb", 0)
	b.RoomID = ""
	withToken := a
	withToken.Token = "secret"
	e.ok(e.CreateInvite(e.ctx, withToken))
	e.ok(e.CreateInvite(e.ctx, b))
	foreign := e.invite("cc", 1)
	foreign.CreatedBy = "u-annika"
	e.ok(e.CreateInvite(e.ctx, foreign))
	for _, want := range []chat.Invite{a, b} {
		got, err := e.Invite(e.ctx, want.TokenHash)
		e.ok(err)
		same(e, "invitation", got, want) // the token itself is never stored
	}
	for _, hash := range []string{"a", "aaa", "secret"} {
		_, err := e.Invite(e.ctx, hash)
		e.code(err, chat.NotFound)
		e.code(e.UseInvite(e.ctx, hash), chat.NotFound)
	}
	mine, err := e.InvitesBy(e.ctx, "u-ann")
	e.ok(err)
	slices.SortFunc(mine, func(x, y chat.Invite) int { return strings.Compare(x.TokenHash, y.TokenHash) })
	if !slices.Equal(mine, []chat.Invite{a, b}) {
		e.Fatalf("invitations: got %+v", mine)
	}
	e.ok(e.DeleteInvite(e.ctx, "aa"))
	_, err = e.Invite(e.ctx, "aa")
	e.code(err, chat.NotFound)
	e.code(e.UseInvite(e.ctx, "aa"), chat.NotFound)
	mine, err = e.InvitesBy(e.ctx, "u-ann")
	e.ok(err)
	same(e, "invitations left", len(mine), 1)
	e.clock.Advance(time.Hour + 2*time.Second)
	_, err = e.Invite(e.ctx, "bb")
	e.code(err, chat.NotFound)
	e.code(e.UseInvite(e.ctx, "bb"), chat.NotFound)
	mine, err = e.InvitesBy(e.ctx, "u-ann")
	e.ok(err)
	same(e, "invitations after their time", len(mine), 0)
}

// invitesUsedUp: an invitation is used as often as it says, by however many at once; without a number without end.
func invitesUsedUp(e *env) {
	e.ok(e.CreateInvite(e.ctx, e.invite("few", 5)))
	e.ok(e.CreateInvite(e.ctx, e.invite("many", 0)))
	var used, more atomic.Int64
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			switch err := e.UseInvite(e.ctx, "few"); {
			case err == nil:
				used.Add(1)
			case chat.CodeOf(err) != chat.Conflict:
				e.Error(err)
			}
			if err := e.UseInvite(e.ctx, "many"); err != nil {
				e.Error(err)
				return
			}
			more.Add(1)
		})
	}
	all.Wait()
	same(e, "uses", used.Load(), 5)
	i, err := e.Invite(e.ctx, "few")
	e.ok(err)
	same(e, "uses noted", i.Uses, 5)
	i, err = e.Invite(e.ctx, "many")
	e.ok(err)
	same(e, "uses noted", int64(i.Uses), more.Load())
	mine, err := e.InvitesBy(e.ctx, "u-ann")
	e.ok(err)
	same(e, "invitations", len(mine), 2)
}

func settings(e *env) {
	got, err := e.Server(e.ctx)
	e.ok(err)
	same(e, "settings at first", got, chat.Server{})
	for _, want := range []chat.Server{{Name: "Parley ü", RoomID: "r1", CreatedAt: 5}, {Name: "other"}} {
		e.ok(e.SetServer(e.ctx, want))
		got, err = e.Server(e.ctx)
		e.ok(err)
		same(e, "settings", got, want)
	}
	all, err := e.Keys(e.ctx)
	e.ok(err)
	same(e, "keys", len(all), 0)
}
