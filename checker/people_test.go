package checker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat"
	"parley/client"
)

const (
	password = "a long enough passphrase 7"
	patience = 60 * time.Second       // for what must happen; nothing waits so long unless it fails
	silence  = 800 * time.Millisecond // for which clients of an unsteady network wait
)

// person is somebody with an account and two devices, one of each kind of client.
type person struct {
	*client.Client
	rec    *record
	name   string
	id     string
	stream *steady
	raw    *raw

	signing   sync.Mutex // one sign-in at a time
	sent      atomic.Int64
	forgiving func() bool   // whether internal errors are expected now
	within    time.Duration // for one attempt

	mu    sync.Mutex // guards what follows
	rooms []string
	own   []chat.Message // acknowledged, neither edited nor deleted since
}

// caller makes requests; its connections are its own.
func caller(t *testing.T) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.MaxConnsPerHost = 8, 64
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}
}

// newPerson makes the client of somebody, with a session if there is one already.
func newPerson(rec *record, name, address string, http *http.Client, session client.Session) *person {
	c, err := client.New(address, client.Options{
		HTTP: http, Session: session, Retries: -1, MinBackoff: 5 * time.Millisecond, MaxBackoff: 200 * time.Millisecond,
	})
	if err != nil {
		rec.t.Fatal(err)
	}
	return &person{Client: c, rec: rec, name: name, id: session.User.UserID, within: 3 * time.Second, forgiving: func() bool { return false }}
}

// join makes the account and signs in.
func (p *person) join(ctx context.Context) {
	p.until(ctx, func() error {
		_, err := p.Register(ctx, client.Registration{Username: p.name, Password: password})
		return err
	})
	p.signIn(ctx)
	p.id = p.Session().User.UserID
}

// until repeats what may be repeated until it succeeds; a conflict says that an earlier attempt did. It tells how many it took.
func (p *person) until(ctx context.Context, do func() error) (tries int) {
	for ctx.Err() == nil {
		tries++
		switch err := do(); chat.CodeOf(err) {
		case "", chat.Conflict, chat.NotFound, chat.Forbidden:
			return tries
		case chat.Unauthenticated:
			p.signIn(ctx)
		default:
			p.note(err)
			pause(ctx, 20*time.Millisecond)
		}
	}
	return tries
}

// signIn signs in anew: for the first time, or because the answer to a refresh was lost on the way.
func (p *person) signIn(ctx context.Context) {
	p.signing.Lock()
	defer p.signing.Unlock()
	for ctx.Err() == nil {
		_, err := p.Login(ctx, p.name, password)
		if err == nil {
			return
		}
		p.note(err)
		pause(ctx, 50*time.Millisecond)
	}
}

// token is an access token for a socket.
func (p *person) token(ctx context.Context) string {
	if p.Session().AccessToken == "" {
		p.signIn(ctx)
	}
	return p.Session().AccessToken
}

// expired says that the server refused the token: asking anything over HTTP refreshes it.
func (p *person) expired(ctx context.Context) {
	if _, err := p.Me(ctx); chat.CodeOf(err) == chat.Unauthenticated {
		p.signIn(ctx)
	}
}

// note takes down an error that no network explains.
func (p *person) note(err error) {
	if chat.CodeOf(err) == chat.Internal && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !p.forgiving() {
		p.rec.violation(Violation{Impossible, "", fmt.Sprintf("%s was answered: %v", p.name, err)})
	}
}

// definite tells the refusals that repeating cannot change.
func definite(err error) bool {
	return slices.Contains([]chat.Code{chat.InvalidRequest, chat.Forbidden, chat.NotFound, chat.Conflict, chat.TooLarge}, chat.CodeOf(err))
}

// attempt is one try of an operation; once tells that the server was asked at most once.
type attempt func(ctx context.Context) (m chat.Message, once bool, err error)

// perform repeats an operation until its end is known, or with tries at most so often, and takes it down.
func (p *person) perform(ctx context.Context, op Op, tries int, do attempt) Op {
	op.User, op.Call = p.id, p.rec.now()
	for try := 1; tries == 0 || try <= tries; try++ {
		limited, cancel := context.WithTimeout(ctx, p.within)
		m, once, err := do(limited)
		cancel()
		op.Return = p.rec.now()
		if err == nil {
			op.Outcome, op.Message = Acknowledged, &m
			break
		}
		if ctx.Err() == nil && definite(err) {
			if once && try == 1 {
				op.Outcome = Refused
			}
			break
		}
		p.note(err)
		if chat.CodeOf(err) == chat.Unauthenticated {
			p.expired(ctx)
		}
		if pause(ctx, time.Millisecond+rand.N(100*time.Millisecond)); ctx.Err() != nil {
			break
		}
	}
	p.rec.op(op)
	return op
}

// say sends the next message to a room in one of the ways there are.
func (p *person) say(ctx context.Context, room string, rng *rand.Rand) {
	n := p.sent.Add(1)
	msg := chat.NewMessage{RoomID: room, ClientMessageID: fmt.Sprintf("%s-%d", p.name, n), Content: text(rng, p.name, n)}
	how := attempt(func(ctx context.Context) (chat.Message, bool, error) {
		m, err := p.Send(ctx, msg)
		return m, true, err
	})
	switch way := rng.IntN(3); {
	case way == 0 && p.stream != nil:
		how = func(ctx context.Context) (chat.Message, bool, error) {
			m, err := p.stream.send(ctx, msg)
			return m, false, err
		}
	case way == 1 && p.raw != nil:
		how = func(ctx context.Context) (chat.Message, bool, error) {
			m, err := p.raw.send(ctx, msg)
			return m, false, err // the network may have doubled it
		}
	}
	tries := 0
	if rng.IntN(20) == 0 { // gives up, and never knows
		tries = 1
	}
	op := p.perform(ctx, Op{Room: room, Kind: Send, ID: msg.ClientMessageID, Content: msg.Content}, tries, how)
	if op.Outcome == Acknowledged {
		p.mu.Lock()
		p.own = append(p.own, *op.Message)
		p.mu.Unlock()
	}
}

// text makes a content that is like no other, and hard on encoders now and then.
func text(rng *rand.Rand, name string, n int64) string {
	s := fmt.Sprintf("%s says %d", name, n)
	switch rng.IntN(8) {
	case 0:
		s += ` <b>&"\/</b>` + "\n\t\u2028 \U0001F469\u200D\U0001F680 e\u0301 \u202Eabc."
	case 1:
		s += strings.Repeat(" so on", rng.IntN(600)) + "."
	}
	return s
}

// take returns one of the person's own messages and forgets it, so that each is edited at most once: an edit has no id,
// so a lost one that arrives late would undo a later one.
func (p *person) take(rng *rand.Rand, rooms func(string) bool) (chat.Message, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range 5 {
		if len(p.own) == 0 {
			break
		}
		if i := rng.IntN(len(p.own)); rooms(p.own[i].RoomID) {
			m := p.own[i]
			p.own = slices.Delete(p.own, i, i+1)
			return m, true
		}
	}
	return chat.Message{}, false
}

func (p *person) edit(ctx context.Context, m chat.Message, rng *rand.Rand) {
	content := text(rng, p.name+" edits", p.sent.Add(1))
	op := p.perform(ctx, Op{Room: m.RoomID, Kind: Edit, ID: m.MessageID, Content: content}, 0, func(ctx context.Context) (chat.Message, bool, error) {
		edited, err := p.Edit(ctx, m.RoomID, m.MessageID, content)
		return edited, true, err
	})
	if op.Outcome == Acknowledged && rng.IntN(2) == 0 {
		p.remove(ctx, m)
	}
}

func (p *person) remove(ctx context.Context, m chat.Message) {
	op := Op{User: p.id, Room: m.RoomID, Kind: Delete, ID: m.MessageID, Call: p.rec.now()}
	for ctx.Err() == nil {
		err := p.Delete(ctx, m.RoomID, m.MessageID)
		if op.Return = p.rec.now(); err == nil {
			op.Outcome = Acknowledged
			break
		}
		if definite(err) {
			break
		}
		p.note(err)
		pause(ctx, 20*time.Millisecond)
	}
	p.rec.op(op)
}

// read reads a page of the history and takes it down.
func (p *person) read(ctx context.Context, room string, q chat.PageQuery) {
	call := p.rec.now()
	m, err := p.History(ctx, room, q)
	if err == nil {
		p.rec.page(Page{User: p.id, Room: room, Query: q, Call: call, Return: p.rec.now(), Messages: m.Messages, More: [2]bool{m.HasMoreBefore, m.HasMoreAfter}})
		return
	}
	p.note(err)
	if chat.CodeOf(err) == chat.Unauthenticated {
		p.expired(ctx)
	}
}

// word sends a message that counts, over HTTP on a good network.
func (p *person) word(t *testing.T, room string) chat.Message {
	t.Helper()
	return p.words(t, room, 0)
}

// words is a word with so many bytes after it.
func (p *person) words(t *testing.T, room string, more int) chat.Message {
	t.Helper()
	id := fmt.Sprintf("word %d", p.sent.Add(1))
	content := id + strings.Repeat(".", more)
	op := p.perform(t.Context(), Op{Room: room, Kind: Send, ID: id, Content: content}, 0, func(ctx context.Context) (chat.Message, bool, error) {
		m, err := p.Send(ctx, chat.NewMessage{RoomID: room, ClientMessageID: id, Content: content})
		return m, true, err
	})
	if op.Message == nil {
		t.Fatalf("%s was not sent", id)
	}
	return *op.Message
}

// room is one of the rooms that the person believes to be in, or was in.
func (p *person) room(rng *rand.Rand) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rooms[rng.IntN(len(p.rooms))]
}

func (p *person) enters(room string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rooms = append(p.rooms, room)
}
