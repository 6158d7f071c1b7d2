// Package seed fills a store with synthetic people, rooms and history, for load tests and demonstrations. It writes through
// the ports that the program itself uses, so that what it makes cannot be told from what was said.
package seed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/chat"
)

// Options say how much to make. People are spread over the rooms in order: the first Members people are in the first
// room, the next in the second, and around again when there are fewer people than places.
type Options struct {
	Users    int
	Rooms    int
	Members  int // people in each room, at most Users
	Messages int // messages in each room, from its members in turn
	Names    chat.Names
	Now      func() time.Time // default time.Now
}

// Check tells what of the numbers makes no sense.
func (o Options) Check() error {
	switch {
	case o.Users < 1:
		return errors.New("there must be a user")
	case o.Rooms < 0 || o.Messages < 0:
		return errors.New("rooms and messages cannot be fewer than 0")
	case o.Members < 1 && o.Rooms > 0:
		return errors.New("a room must have a member")
	case o.Members > o.Users:
		return fmt.Errorf("%d users are fewer than %d members of a room", o.Users, o.Members)
	}
	return nil
}

// Ports are what Fill writes to.
type Ports interface {
	chat.Log
	chat.Users
}

// Person is one member of one room.
type Person struct{ UserID, RoomID string }

// joinsPerCommit keeps a commit of joins within a transaction's 100 items: each is two memberships, a marker and an entry.
const joinsPerCommit = 24

// parallel is how many writers share an fsync.
const parallel = 64

// Fill makes people and rooms, and returns who is where: room by room, each with its members.
func Fill(ctx context.Context, p Ports, o Options) ([]Person, error) {
	if err := o.Check(); err != nil {
		return nil, fmt.Errorf("seed: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	run := fmt.Sprintf("%05x", rand.N(1<<20)) // two fills of one store do not collide
	all, err := people(ctx, p, o, run)
	if err != nil {
		return nil, err
	}
	out := make([]Person, 0, o.Rooms*o.Members)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range o.Rooms {
		members := make([]chat.User, o.Members)
		for j := range members {
			members[j] = all[(i*o.Members+j)%len(all)]
		}
		r := room{ports: p, now: o.Now, members: members}
		r.Room = chat.Room{RoomID: chat.NewID(o.Now()), Kind: chat.Public, Name: fmt.Sprintf("Room %s %d", run, i+1), CreatedBy: members[0].UserID}
		if r.NameKey, err = o.Names.NicknameKey(r.Name); err != nil {
			return nil, err
		}
		for _, u := range members {
			out = append(out, Person{UserID: u.UserID, RoomID: r.RoomID})
		}
		g.Go(func() error { return r.fill(ctx, o.Messages) })
	}
	return out, g.Wait()
}

func people(ctx context.Context, p Ports, o Options, run string) ([]chat.User, error) {
	users := make([]chat.User, o.Users)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range users {
		u := chat.User{UserID: chat.NewID(o.Now()), Username: fmt.Sprintf("seed-%s-%d", run, i+1), DisplayName: fmt.Sprintf("Person %d", i+1),
			CreatedAt: o.Now().UnixMilli()}
		users[i] = u
		a := chat.Account{User: u, Words: chat.SearchWords(o.Names, u.Username, u.DisplayName)}
		g.Go(func() error { return p.CreateUser(ctx, a, false) })
	}
	return users, g.Wait()
}

// room is one room being filled, by one goroutine.
type room struct {
	chat.Room
	ports   Ports
	now     func() time.Time
	members []chat.User
}

func (r *room) fill(ctx context.Context, messages int) error {
	for at := 0; at < len(r.members); at += joinsPerCommit {
		if err := r.join(ctx, r.members[at:min(at+joinsPerCommit, len(r.members))]); err != nil {
			return err
		}
	}
	for at := 0; at < messages; at += chat.MaxCommitMessages {
		if err := r.say(ctx, at, min(chat.MaxCommitMessages, messages-at)); err != nil {
			return err
		}
	}
	return nil
}

// join adds people, the first time together with the room itself.
func (r *room) join(ctx context.Context, users []chat.User) error {
	now := r.now().UnixMilli()
	c := chat.Commit{After: r.HeadSeq, Room: r.Room}
	c.Room.CreatedAt = max(c.Room.CreatedAt, now)
	entry := func(kind chat.ChangeKind, m *chat.Membership) {
		c.Room.HeadSeq++
		at := c.Room
		c.Changes = append(c.Changes, chat.Change{RoomID: r.RoomID, Seq: at.HeadSeq, Kind: kind, By: r.CreatedBy, At: now, Room: &at, Member: m})
	}
	if c.After == 0 {
		entry(chat.RoomCreated, nil)
	}
	for i := range users {
		m := chat.Membership{RoomID: r.RoomID, UserID: users[i].UserID, Role: chat.Member, JoinedAt: now}
		if m.UserID == r.CreatedBy {
			m.Role = chat.Owner
		}
		c.Room.MemberCount++
		c.Join = append(c.Join, m)
		entry(chat.MemberJoined, &m)
	}
	return r.commit(ctx, c)
}

// say adds n messages, the first of which is the at-th of the room.
func (r *room) say(ctx context.Context, at, n int) error {
	c := chat.Commit{After: r.HeadSeq, Room: r.Room}
	for i := range n {
		from := &r.members[(at+i)%len(r.members)]
		now := r.now()
		c.Room.HeadSeq++
		c.Room.MessageCount++
		c.Room.LastSeq = c.Room.HeadSeq
		c.New = append(c.New, chat.Message{RoomID: r.RoomID, Seq: c.Room.HeadSeq, Ordinal: c.Room.MessageCount,
			MessageID: chat.NewMessageID(now.UnixMilli(), c.Room.HeadSeq), UserID: from.UserID, Username: from.Username,
			Content: sentence(at + i), CreatedAt: now.UnixMilli(), ClientMessageID: fmt.Sprintf("seed-%d", at+i)})
	}
	return r.commit(ctx, c)
}

func (r *room) commit(ctx context.Context, c chat.Commit) error {
	if err := r.ports.Commit(ctx, c); err != nil {
		return err
	}
	r.Room = c.Room
	return nil
}

// sentence is the n-th message: always the same for the same number, of differing length.
func sentence(n int) string {
	words := strings.Fields("the quick message found its way through every network and was read by all who were in the room that day")
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	picked := make([]string, 4+rng.IntN(16))
	for i := range picked {
		picked[i] = words[rng.IntN(len(words))]
	}
	return fmt.Sprintf("%d: %s", n+1, strings.Join(picked, " "))
}
