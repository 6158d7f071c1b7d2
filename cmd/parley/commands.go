package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"parley/chat"
	"parley/client"
)

// command is one /command of the interactive chat.
type command struct {
	usage, help string
	run         func(t *talker, ctx context.Context, argument string) error
}

// commands are all of them, by name.
func commands() map[string]command {
	return map[string]command{
		"rooms":   {"", "list your rooms and the public ones", (*talker).listRooms},
		"join":    {"ROOM", "enter a room", (*talker).join},
		"leave":   {"", "leave this room for good", (*talker).leave},
		"dm":      {"NAME", "talk to a person directly", (*talker).direct},
		"history": {"[N]", "show the last N messages", (*talker).more},
		"search":  {"WORDS", "find messages of this room", (*talker).search},
		"who":     {"", "list the members of this room", (*talker).who},
		"edit":    {"TEXT", "replace your last message here", (*talker).edit},
		"delete":  {"", "delete your last message here", (*talker).remove},
		"help":    {"", "list the commands", (*talker).help},
		"quit":    {"", "end", func(*talker, context.Context, string) error { return errQuit }},
	}
}

// read does what each line says.
func (t *talker) read(ctx context.Context, lines <-chan string) error {
	known := commands()
	for {
		var line string
		var ok bool
		select {
		case <-ctx.Done():
			return ctx.Err()
		case line, ok = <-lines:
		}
		if !ok {
			return errQuit // end of input, or interrupted
		}
		if err := t.line(ctx, known, strings.TrimSpace(line)); err != nil {
			if errors.Is(err, errQuit) || ctx.Err() != nil {
				return err
			}
			t.say("%v", plainError(err))
		}
	}
}

func (t *talker) line(ctx context.Context, known map[string]command, line string) error {
	name, isCommand := strings.CutPrefix(line, "/")
	switch {
	case line == "":
		return nil
	case !isCommand || strings.HasPrefix(name, "/"): // "//x" says "/x"
		return t.send(strings.TrimPrefix(line, "/"))
	}
	name, argument, _ := strings.Cut(name, " ")
	c, ok := known[name]
	if !ok {
		return fmt.Errorf("there is no command /%s; /help lists them", name)
	}
	return c.run(t, ctx, strings.TrimSpace(argument))
}

// room returns where one is.
func (t *talker) room() (chat.RoomView, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.here == nil {
		return chat.RoomView{}, errors.New("enter a room first: /rooms, /join NAME, /dm NAME")
	}
	return *t.here, nil
}

// send leaves a message to deliver.
func (t *talker) send(text string) error {
	here, err := t.room()
	if err != nil {
		return err
	}
	t.mu.Lock()
	offline := t.offline
	t.mu.Unlock()
	if offline {
		t.say("waiting for the network to send this")
	}
	select {
	case t.outbox <- chat.NewMessage{RoomID: here.RoomID, Content: text, ClientMessageID: client.NewID()}:
		return nil
	default:
		return errors.New("too much is waiting for the network; this was not taken")
	}
}

func (t *talker) listRooms(ctx context.Context, _ string) error {
	if err := t.load(ctx); err != nil {
		return err
	}
	t.mu.Lock()
	mine := slices.Collect(maps.Values(t.rooms))
	t.mu.Unlock()
	slices.SortFunc(mine, func(a, b *chat.RoomView) int { return strings.Compare(title(a, ""), title(b, "")) })
	for _, r := range mine {
		unread := ""
		if r.Unread > 0 {
			unread = fmt.Sprintf(", %d unread", r.Unread)
		}
		t.say("%s (%s%s)", title(r, t.me.UserID), r.RoomID, unread)
	}
	public, err := t.cl.PublicRooms(ctx, "")
	if err != nil {
		return err
	}
	for i := range public {
		if !public[i].Joined {
			t.say("#%s, open to all, %d members: /join %s", public[i].Name, public[i].MemberCount, public[i].Name)
		}
	}
	return nil
}

func (t *talker) join(ctx context.Context, name string) error {
	if name == "" {
		return errors.New("which room? /join NAME")
	}
	v, err := joinRoom(ctx, t.cl, name)
	if err != nil {
		return err
	}
	return t.enter(ctx, v)
}

func (t *talker) leave(ctx context.Context, _ string) error {
	here, err := t.room()
	if err != nil {
		return err
	}
	return t.cl.Leave(ctx, here.RoomID)
}

func (t *talker) direct(ctx context.Context, name string) error {
	if name == "" {
		return errors.New("with whom? /dm NAME")
	}
	v, err := openDirect(ctx, t.cl, name)
	if err != nil {
		return err
	}
	return t.enter(ctx, v)
}

func (t *talker) more(ctx context.Context, argument string) error {
	n := t.c.History
	if argument != "" {
		var err error
		if n, err = strconv.Atoi(argument); err != nil || n < 1 || n > chat.MaxPage {
			return fmt.Errorf("/history takes a number from 1 to %d", chat.MaxPage)
		}
	}
	return t.history(ctx, n)
}

// search shows the newest messages with these words, in their order. It may take several pages to find some.
func (t *talker) search(ctx context.Context, words string) error {
	if words == "" {
		return errors.New("for what? /search WORDS")
	}
	here, err := t.room()
	if err != nil {
		return err
	}
	q := chat.SearchQuery{Text: words, RoomID: here.RoomID, Limit: max(t.c.History, 1)}
	var found []chat.Message
	for {
		page, err := t.cl.Search(ctx, q)
		if err != nil {
			return err
		}
		found = append(found, page.Messages...)
		q.Cursor, q.Limit = page.Cursor, q.Limit-len(page.Messages)
		if q.Cursor == "" || q.Limit <= 0 {
			break
		}
	}
	if q.Cursor != "" {
		t.say("there may be more before; one more word finds less")
	}
	for i := range slices.Backward(found) {
		t.print(&found[i], "")
	}
	t.say("%d found", len(found))
	return nil
}

func (t *talker) who(ctx context.Context, _ string) error {
	here, err := t.room()
	if err != nil {
		return err
	}
	members, err := t.cl.Members(ctx, here.RoomID)
	if err != nil {
		return err
	}
	for _, m := range members {
		t.mu.Lock()
		t.names[m.UserID] = m.Username
		t.mu.Unlock()
		state := "away"
		if m.Online {
			state = "here"
		} else if m.LastSeen > 0 {
			state = "last here " + clock(m.LastSeen)
		}
		t.say("%s (%s), %s, %s", m.Username, m.DisplayName, m.Role, state)
	}
	return nil
}

func (t *talker) last() (*chat.Message, error) {
	if _, err := t.room(); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mine == nil {
		return nil, errors.New("you have said nothing here lately")
	}
	return t.mine, nil
}

func (t *talker) edit(ctx context.Context, text string) error {
	m, err := t.last()
	if err != nil {
		return err
	}
	_, err = t.cl.Edit(ctx, m.RoomID, m.MessageID, text)
	return err
}

func (t *talker) remove(ctx context.Context, _ string) error {
	m, err := t.last()
	if err != nil {
		return err
	}
	return t.cl.Delete(ctx, m.RoomID, m.MessageID)
}

func (t *talker) help(context.Context, string) error {
	known := commands()
	for _, name := range slices.Sorted(maps.Keys(known)) {
		c := known[name]
		t.say("%-16s %s", strings.TrimSpace("/"+name+" "+c.usage), c.help)
	}
	t.say("%-16s %s", "//TEXT", "say something that begins with a slash")
	return nil
}
