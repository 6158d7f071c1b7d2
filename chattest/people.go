package chattest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"parley/chat"
)

func usersRoundTrip(e *env) {
	a := NewAccount("anna")
	a.User.AvatarURL, a.Admin, a.Disabled, a.Words = "/avatars/x.png", true, true, []string{"anna", "żółw", "a#b"}
	e.ok(e.CreateUser(e.ctx, a, true))
	b := NewAccount("berta")
	e.ok(e.CreateUser(e.ctx, b, false))
	for _, want := range []chat.Account{a, b} {
		got, err := e.Account(e.ctx, want.User.UserID)
		e.ok(err)
		byName, err := e.AccountByName(e.ctx, want.User.Username)
		e.ok(err)
		if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(byName, want) {
			e.Fatalf("account:\n got %+v\n  by name %+v\nwant %+v", got, byName, want)
		}
	}
	_, err := e.Account(e.ctx, "u-ann")
	e.code(err, chat.NotFound)
	_, err = e.AccountByName(e.ctx, "ann")
	e.code(err, chat.NotFound)
	users, err := e.Users(e.ctx, "u-berta", "u-nobody", "u-anna")
	e.ok(err)
	if !slices.Equal(users, []chat.User{b.User, a.User}) {
		e.Fatalf("users: got %+v", users)
	}
}

// usersUnique: of many who want a name one gets it, and the others leave nothing behind.
func usersUnique(e *env) {
	var made atomic.Int64
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			a := NewAccount("anna")
			a.User.UserID = fmt.Sprintf("u-%d", i)
			switch err := e.CreateUser(e.ctx, a, false); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, chat.ErrExists):
				e.Error(err)
			}
		})
	}
	all.Wait()
	same(e, "accounts made", made.Load(), 1)
	winner, err := e.AccountByName(e.ctx, "anna")
	e.ok(err)
	users, err := e.Users(e.ctx, "u-0", "u-1", "u-2", "u-3", "u-4", "u-5", "u-6", "u-7", "u-8", "u-9")
	e.ok(err)
	if len(users) != 1 || users[0] != winner.User {
		e.Fatalf("users: got %+v, want only %+v", users, winner.User)
	}
	for _, prefix := range []string{"", "tester"} {
		found, _, err := e.SearchUsers(e.ctx, prefix, "", 100)
		e.ok(err)
		same(e, "people found", len(found), 1)
	}
}

// usersFirst: only one account is ever the first.
func usersFirst(e *env) {
	var first atomic.Int64
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			switch err := e.CreateUser(e.ctx, NewAccount(fmt.Sprintf("anna%d", i)), true); {
			case err == nil:
				first.Add(1)
			case !errors.Is(err, chat.ErrExists):
				e.Error(err)
			}
		})
	}
	all.Wait()
	same(e, "first accounts", first.Load(), 1)
	found, _, err := e.SearchUsers(e.ctx, "", "", 100)
	e.ok(err)
	same(e, "accounts", len(found), 1)
	e.is(e.CreateUser(e.ctx, NewAccount("late"), true), chat.ErrExists)
	e.ok(e.CreateUser(e.ctx, NewAccount("late"), false))
}

func usersUpdate(e *env) {
	e.ok(e.CreateUser(e.ctx, NewAccount("anna"), false))
	a, err := e.Account(e.ctx, "u-anna")
	e.ok(err)
	stale := a
	a.User.DisplayName, a.User.AvatarURL, a.PasswordHash, a.Disabled = "Żółw", "/a.png", "other", true
	a.Words = []string{"anna", "żółw"}
	e.ok(e.UpdateUser(e.ctx, a))
	got, err := e.Account(e.ctx, "u-anna")
	e.ok(err)
	want := a
	want.Version++
	if !reflect.DeepEqual(got, want) {
		e.Fatalf("account: got %+v, want %+v", got, want)
	}
	stale.User.DisplayName, stale.Words = "Lost", []string{"lost"}
	e.is(e.UpdateUser(e.ctx, stale), chat.ErrMoved)
	for prefix, n := range map[string]int{"żó": 1, "anna": 1, "tester": 0, "lost": 0} {
		found, _, err := e.SearchUsers(e.ctx, prefix, "", 10)
		e.ok(err)
		same(e, "people found by "+prefix, len(found), n)
	}
	e.code(e.UpdateUser(e.ctx, NewAccount("nobody")), chat.NotFound)
	_, err = e.Account(e.ctx, "u-nobody")
	e.code(err, chat.NotFound)
}

// usersUpdateAtOnce: no update is lost, and the words in the index are those of the account.
func usersUpdateAtOnce(e *env) {
	e.ok(e.CreateUser(e.ctx, NewAccount("anna"), false))
	var all sync.WaitGroup
	const writers, each = 5, 6
	for w := range writers {
		all.Go(func() {
			for i := range each {
				for {
					a, err := e.Account(e.ctx, "u-anna")
					if err != nil {
						e.Error(err)
						return
					}
					a.Email += "+"
					a.Words = []string{"anna", fmt.Sprintf("w%dx%d", w, i)}
					err = e.UpdateUser(e.ctx, a)
					if err == nil {
						break
					}
					if !errors.Is(err, chat.ErrMoved) && chat.CodeOf(err) != chat.Unavailable {
						e.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	a, err := e.Account(e.ctx, "u-anna")
	e.ok(err)
	same(e, "updates", len(a.Email), len(NewAccount("anna").Email)+writers*each)
	same(e, "version", a.Version, writers*each)
	found, _, err := e.SearchUsers(e.ctx, "w", "", 100)
	e.ok(err)
	same(e, "people found by their last word", len(found), 1)
}

// usersSearch: a person is found by the beginning of each of their words, and once if several match.
func usersSearch(e *env) {
	words := map[string][]string{"anna": {"anna", "anton", "müller"}, "annika": {"annika"}, "berta": {"berta", "anders", "öz"}, "otto": {"otto"}}
	for name, w := range words {
		a := NewAccount(name)
		a.Words = w
		e.ok(e.CreateUser(e.ctx, a, false))
	}
	for prefix, want := range map[string][]string{
		"an": {"anna", "annika", "berta"}, "ann": {"anna", "annika"}, "anna": {"anna"}, "ant": {"anna"}, "a": {"anna", "annika", "berta"},
		"m": {"anna"}, "ö": {"berta"}, "o": {"otto"}, "nna": nil, "annaa": nil, "": {"anna", "annika", "berta", "otto"}, "\U0001f980": nil,
	} {
		for _, limit := range []int{1, 2, 100} {
			var got []string
			for _, u := range pages(e, limit, func(cursor string) ([]chat.User, string, error) {
				return e.SearchUsers(e.ctx, prefix, cursor, limit)
			}) {
				got = append(got, u.Username)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				e.Fatalf("people found by %q in pages of %d: got %v, want %v", prefix, limit, got, want)
			}
		}
	}
}

func usersSearchPaging(e *env) {
	var want []string
	for _, id := range ids("anna", 30) {
		e.ok(e.CreateUser(e.ctx, NewAccount(id), false))
		want = append(want, id)
	}
	for _, prefix := range []string{"", "an", "tester"} {
		var got []string
		for _, u := range pages(e, 4, func(cursor string) ([]chat.User, string, error) {
			return e.SearchUsers(e.ctx, prefix, cursor, 4)
		}) {
			got = append(got, u.Username)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			e.Fatalf("people found by %q: got %v", prefix, got)
		}
	}
	many := append(ids("u-anna", 30), ids("u-nobody", 120)...)
	users, err := e.Users(e.ctx, many...)
	e.ok(err)
	same(e, "users", len(users), 30)
}

func seen(e *env) {
	people := ids("u-", 130)
	e.ok(e.SetSeen(e.ctx, 1000, people...))
	e.ok(e.SetSeen(e.ctx, 2000, people[7]))
	e.ok(e.SetSeen(e.ctx, 3000))
	got, err := e.Ports.Seen(e.ctx, append(people, "u-nobody")...)
	e.ok(err)
	same(e, "people seen", len(got), len(people))
	for i, id := range people {
		want := chat.Millis(1000)
		if i == 7 {
			want = 2000
		}
		same(e, id, got[id], want)
	}
}
