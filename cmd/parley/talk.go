package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"parley/chat"
	"parley/client"
)

// typingEvery is the least time between two hints that one is writing.
const typingEvery = 3 * time.Second

// errQuit ends an interactive chat.
var errQuit = errors.New("quit")

// talk is an interactive chat on the terminal.
func (c *chatCmd) talk(ctx context.Context, std streams, cl *client.Client, where *chat.RoomView) error {
	fd := int(std.in.Fd())
	old, err := term.MakeRaw(fd)
	if err != nil {
		return fmt.Errorf("use the terminal: %w", err)
	}
	defer func() { _ = term.Restore(fd, old) }()
	screen := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{std.in, std.out}, "> ")
	if width, height, err := term.GetSize(fd); err == nil {
		_ = screen.SetSize(width, height)
	}
	t := &talker{outbox: make(chan chat.NewMessage, 256), typing: make(chan string, 1), c: c, cl: cl, me: cl.Session().User, screen: screen, rooms: map[string]*chat.RoomView{}, names: map[string]string{}}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := t.load(ctx); err != nil {
		return err
	}
	screen.AutoCompleteCallback = t.keyPressed
	t.stream = cl.Stream(client.StreamOptions{Handle: t.handle, OnState: t.state})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return t.stream.Run(ctx) })
	g.Go(func() error { return t.begin(ctx, where) })
	g.Go(func() error { return t.deliver(ctx) })
	g.Go(func() error { return t.tellTyping(ctx) })
	// Reading the terminal cannot be interrupted: the reader hands lines over and ends with the program.
	lines := make(chan string)
	go func() {
		defer close(lines)
		for {
			line, err := screen.ReadLine()
			if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
				return
			}
			lines <- line
		}
	}()
	g.Go(func() error { return t.read(ctx, lines) })
	if err = g.Wait(); errors.Is(err, errQuit) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// talker is one interactive chat. The stream and the reader of lines share it under mu.
type talker struct {
	c      *chatCmd
	cl     *client.Client
	me     chat.User
	screen *term.Terminal
	stream *client.Stream
	outbox chan chat.NewMessage // what was said, in order, for deliver
	typing chan string          // rooms in which a key was pressed, for tellTyping

	mu      sync.Mutex
	rooms   map[string]*chat.RoomView // one's own
	names   map[string]string         // of people, by id
	here    *chat.RoomView            // where one talks now; nil is nowhere
	mine    *chat.Message             // one's own last message here, for /edit and /delete
	offline bool
}

func (t *talker) load(ctx context.Context) error {
	mine, err := t.cl.Rooms(ctx)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.rooms)
	for i := range mine {
		t.rooms[mine[i].RoomID] = &mine[i]
		for _, u := range mine[i].Members {
			t.names[u.UserID] = u.Username
		}
	}
	return nil
}

// deliver sends what was said, one after another; each waits for the network as long as it takes.
func (t *talker) deliver(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m := <-t.outbox:
			if _, err := t.stream.Send(ctx, m); err != nil && ctx.Err() == nil {
				t.say("not sent: %q: %v", first(m.Content), plainError(err))
			}
		}
	}
}

// tellTyping tells the others of a room, now and then, that one is writing.
func (t *talker) tellTyping(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case room := <-t.typing:
			_ = t.stream.Typing(ctx, room) // a hint: it may get lost
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(typingEvery):
		}
	}
}

// keyPressed is told each key; it changes nothing.
func (t *talker) keyPressed(line string, _ int, key rune) (string, int, bool) {
	if key < ' ' || strings.HasPrefix(line, "/") || line == "" && key == '/' {
		return "", 0, false
	}
	if here, err := t.room(); err == nil {
		select {
		case t.typing <- here.RoomID:
		default: // told a moment ago
		}
	}
	return "", 0, false
}

// begin shows where one is.
func (t *talker) begin(ctx context.Context, where *chat.RoomView) error {
	if where == nil {
		t.say("Signed in as %s. /rooms lists your rooms, /join NAME and /dm NAME enter one, /help tells more.", t.me.Username)
		return nil
	}
	return t.enter(ctx, where)
}

// say prints a line that nobody said.
func (t *talker) say(format string, args ...any) {
	_, _ = fmt.Fprintf(t.screen, "%s* %s%s\n", t.screen.Escape.Cyan, clean(fmt.Sprintf(format, args...)), t.screen.Escape.Reset)
}

// enter makes v the room that one talks in, and shows what was said there.
func (t *talker) enter(ctx context.Context, v *chat.RoomView) error {
	t.mu.Lock()
	t.here, t.mine, t.rooms[v.RoomID] = v, nil, v
	t.mu.Unlock()
	t.screen.SetPrompt(clean(title(v, t.me.UserID)) + "> ")
	topic := ""
	if v.Topic != "" {
		topic = ": " + v.Topic
	}
	t.say("%s%s", title(v, t.me.UserID), topic)
	return t.history(ctx, t.c.History)
}

func (t *talker) history(ctx context.Context, n int) error {
	t.mu.Lock()
	here := t.here
	t.mu.Unlock()
	if here == nil || n == 0 {
		return nil
	}
	page, err := t.cl.History(ctx, here.RoomID, chat.PageQuery{Limit: n})
	if err != nil {
		return err
	}
	if page.HasMoreBefore {
		t.say("there is more before: /history %d", min(2*n, chat.MaxPage))
	}
	for i := range page.Messages {
		t.show(&page.Messages[i], "")
	}
	if k := len(page.Messages); k > 0 {
		return t.cl.MarkRead(ctx, here.RoomID, page.Messages[k-1].Seq)
	}
	return nil
}

// show prints a message, and remembers whose it is.
func (t *talker) show(m *chat.Message, note string) {
	t.mu.Lock()
	if m.UserID == t.me.UserID {
		t.mine = m
	}
	t.names[m.UserID] = m.Username
	t.mu.Unlock()
	t.print(m, note)
}

// print writes a message on the screen.
func (t *talker) print(m *chat.Message, note string) {
	text := clean(m.Content)
	for _, a := range m.Attachments {
		text += clean(" [" + a.Filename + "]")
	}
	if m.DeletedAt != 0 {
		text = "(deleted)"
	} else if m.EditedAt != 0 && note == "" {
		note = " (edited)"
	}
	e := t.screen.Escape
	color := e.Green
	if m.UserID == t.me.UserID {
		color = e.Yellow
	}
	_, _ = fmt.Fprintf(t.screen, "%s %s%s%s %s%s\n", clock(m.CreatedAt), color, m.Username, e.Reset,
		strings.ReplaceAll(text, "\n", "\n      "), note)
}

// clock is a time of today, or a day and a time.
func clock(ms chat.Millis) string {
	at := time.UnixMilli(ms)
	if at.Format(time.DateOnly) == time.Now().Format(time.DateOnly) {
		return at.Format("15:04")
	}
	return at.Format("2 Jan 15:04")
}

func (t *talker) state(s client.State, _ error) {
	t.mu.Lock()
	was := t.offline
	t.offline = s == client.Offline || was && s != client.Current
	t.mu.Unlock()
	switch {
	case s == client.Offline && !was:
		t.say("the connection is lost; trying again")
	case s == client.Current && was:
		t.say("connected again")
	}
}

// handle prints what happens.
func (t *talker) handle(e client.Event) error {
	t.mu.Lock()
	here, known := t.here, t.rooms[e.RoomID]
	t.mu.Unlock()
	inside := here != nil && here.RoomID == e.RoomID
	switch {
	case e.NewMessage != nil && inside:
		t.show(e.NewMessage, "")
	case e.NewMessage != nil && e.NewMessage.UserID != t.me.UserID && known != nil:
		t.say("%s in %s: %s", e.NewMessage.Username, title(known, t.me.UserID), first(e.NewMessage.Content))
	case e.NewMessage != nil && e.NewMessage.UserID != t.me.UserID:
		t.say("%s writes to you elsewhere: %s (see /rooms)", e.NewMessage.Username, first(e.NewMessage.Content))
	case e.Updated != nil && inside:
		t.show(e.Updated, " (changed)")
	case e.Room != nil:
		t.change(e.Room, inside)
	case e.Typing != nil && inside && e.Typing.UserID != t.me.UserID:
		t.say("%s is writing", t.name(e.Typing.UserID))
	case e.Presence != nil && e.Presence.UserID != t.me.UserID:
		t.presence(e.Presence)
	case e.Reset && inside:
		t.say("much has happened meanwhile: /history shows the newest")
	}
	return nil
}

func (t *talker) name(userID string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if name, ok := t.names[userID]; ok {
		return name
	}
	return "somebody"
}

func (t *talker) presence(p *chat.Presence) {
	name := t.name(p.UserID)
	if name == "somebody" {
		return
	}
	if p.Online {
		t.say("%s is here", name)
	} else {
		t.say("%s has gone", name)
	}
}

// change prints a change of a room, and keeps the list of one's own rooms.
func (t *talker) change(e *chat.RoomEvent, inside bool) {
	own := e.Membership != nil && e.Membership.UserID == t.me.UserID
	gone := e.Change == chat.RoomDeleted || own && (e.Change == chat.MemberLeft || e.Change == chat.MemberRemoved)
	t.mu.Lock()
	switch {
	case gone:
		delete(t.rooms, e.Room.RoomID)
		if inside {
			t.here = nil
		}
	case t.rooms[e.Room.RoomID] == nil:
		t.rooms[e.Room.RoomID] = &chat.RoomView{Room: *e.Room, Joined: true}
	case inside:
		t.here.Name, t.here.Topic = e.Room.Name, e.Room.Topic
	}
	t.mu.Unlock()
	if !inside && !own {
		return
	}
	who := "somebody"
	if e.Membership != nil {
		who = t.name(e.Membership.UserID)
	}
	if own {
		who = "you"
	}
	room := "#" + e.Room.Name
	if e.Room.Kind == chat.Direct {
		room = "direct conversation"
	}
	switch e.Change {
	case chat.MemberJoined:
		t.say("%s: %s joined", room, who)
	case chat.MemberLeft:
		t.say("%s: %s left", room, who)
	case chat.MemberRemoved:
		t.say("%s: %s was removed", room, who)
	case chat.RoomUpdated:
		t.say("the room is called %s now; topic: %s", room, e.Room.Topic)
	case chat.RoomDeleted:
		t.say("%s was deleted", room)
	}
	if gone && inside {
		t.screen.SetPrompt("> ")
	}
}

// first is the beginning of a text, on one line.
func first(s string) string {
	runes := []rune(strings.Join(strings.Fields(s), " "))
	if len(runes) > 80 {
		return string(runes[:79]) + "…"
	}
	return string(runes)
}
