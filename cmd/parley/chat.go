package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/term"

	"parley/chat"
	"parley/client"
)

type chatCmd struct {
	passwordFlag
	Server   string `help:"Address of the server (${default})." env:"PARLEY_SERVER" default:"http://127.0.0.1:8080" placeholder:"URL"`
	User     string `help:"Your username." env:"PARLEY_USER" required:"" placeholder:"NAME"`
	Room     string `help:"Room to talk in, by name or id; a public one is joined." xor:"where" placeholder:"ROOM"`
	Direct   string `help:"Person to talk to directly." xor:"where" placeholder:"NAME"`
	Register bool   `help:"Make the account first."`
	Invite   string `help:"Token of an invitation to register with." env:"PARLEY_INVITE" placeholder:"TOKEN"`
	History  int    `help:"Messages to show from before, 0 to 100 (${default})." default:"20" placeholder:"N"`
	Follow   bool   `help:"Print what others say, until interrupted, also without a terminal."`
	JSON     bool   `help:"Print messages as one JSON object a line." name:"json"`
}

// Help tells how the command is used in scripts.
func (c *chatCmd) Help() string {
	return `On a terminal: an interactive chat; /help lists its commands. The session is kept in the user's configuration folder.
Without a terminal: each line of the standard input is sent as one message, in order; the exit code is 0 when all are acknowledged.
With --follow what is said is printed, to the end of the input and on until interrupted.
The password comes from PARLEY_PASSWORD, --password-file or a prompt, never from a flag.`
}

// Run chats.
func (c *chatCmd) Run(ctx context.Context, std streams) error {
	if c.History < 0 || c.History > chat.MaxPage {
		return usagef("--history: 0 to %d", chat.MaxPage)
	}
	interactive := term.IsTerminal(int(std.in.Fd())) && !c.Follow && !c.JSON
	s, err := c.signIn(ctx, std)
	if err != nil {
		return plainError(err)
	}
	defer s.close(ctx)
	where, err := c.enter(ctx, s.client)
	if err != nil {
		return plainError(err)
	}
	if interactive {
		return plainError(c.talk(ctx, std, s.client, where))
	}
	if where == nil {
		return usagef("without a terminal, say where: --room or --direct")
	}
	return plainError(c.pipe(ctx, std, s.client, where))
}

// signedIn is a client and what to do with its session at the end.
type signedIn struct {
	client *client.Client
	file   *sessionFile // nil: the session was made for this run and ends with it
}

func (s *signedIn) close(ctx context.Context) {
	if s.file != nil {
		s.file.close()
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	_ = s.client.Logout(ctx) // the session ends by itself otherwise
}

// signIn returns a client that is signed in: by the password that was given, else by the saved session, else by asking.
func (c *chatCmd) signIn(ctx context.Context, std streams) (*signedIn, error) {
	options := client.Options{HTTP: &http.Client{Timeout: 30 * time.Second}, UserAgent: "parley chat"}
	password, given, err := c.given()
	if err != nil {
		return nil, err
	}
	s := &signedIn{}
	if !given {
		if s.file, err = openSession(c.Server, c.User); err != nil {
			return nil, err
		}
		options.Session, options.OnSession = s.file.load(), s.file.save
	}
	if s.client, err = client.New(c.Server, options); err != nil {
		return nil, usageError{fmt.Errorf("--server: %w", err)}
	}
	if options.Session.RefreshToken != "" && !c.Register {
		if _, err := s.client.Me(ctx); chat.CodeOf(err) != chat.Unauthenticated {
			return s, err
		}
	}
	if !given {
		if password, err = c.password(std, c.Register); err != nil {
			return nil, err
		}
	}
	if c.Register {
		if _, err := s.client.Register(ctx, client.Registration{Username: c.User, Password: password, InviteToken: c.Invite}); err != nil {
			return nil, err
		}
	}
	_, err = s.client.Login(ctx, c.User, password)
	return s, err
}

// enter returns the room that the flags name, nil for none.
func (c *chatCmd) enter(ctx context.Context, cl *client.Client) (*chat.RoomView, error) {
	switch {
	case c.Direct != "":
		return openDirect(ctx, cl, c.Direct)
	case c.Room != "":
		return joinRoom(ctx, cl, c.Room)
	}
	return nil, nil
}

// openDirect opens the conversation with a person.
func openDirect(ctx context.Context, cl *client.Client, name string) (*chat.RoomView, error) {
	name = strings.ToLower(strings.TrimPrefix(name, "@"))
	users, err := cl.Users(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		if u.Username == name {
			v, err := cl.OpenDirect(ctx, u.UserID)
			return &v, err
		}
	}
	return nil, fmt.Errorf("there is nobody called %q", name)
}

// joinRoom finds one of one's own rooms by name or id, or else joins a public one.
func joinRoom(ctx context.Context, cl *client.Client, name string) (*chat.RoomView, error) {
	name = strings.TrimPrefix(name, "#")
	mine, err := cl.Rooms(ctx)
	if err != nil {
		return nil, err
	}
	if v, err := pick(mine, name); v != nil || err != nil {
		return v, err
	}
	public, err := cl.PublicRooms(ctx, name)
	if err != nil {
		return nil, err
	}
	found, err := pick(public, name)
	if err != nil {
		return nil, err
	}
	if found == nil {
		if v, err := cl.Join(ctx, name); err == nil {
			return &v, nil
		}
		return nil, fmt.Errorf("there is no room called %q; without --room, /rooms lists those there are", name)
	}
	v, err := cl.Join(ctx, found.RoomID)
	return &v, err
}

// pick returns the room of that id or name, nil if there is none.
func pick(rooms []chat.RoomView, name string) (found *chat.RoomView, err error) {
	for i := range rooms {
		r := &rooms[i]
		if r.RoomID == name {
			return r, nil
		}
		if r.Kind != chat.Direct && strings.EqualFold(r.Name, name) {
			if found != nil {
				return nil, errors.New("several rooms have that name: give the id of one (see /rooms)")
			}
			found = r
		}
	}
	return found, nil
}

// title is what a room is called, by its members if it has no name.
func title(v *chat.RoomView, me string) string {
	if v.Kind != chat.Direct {
		return "#" + v.Name
	}
	var names []string
	for _, u := range v.Members {
		if u.UserID != me {
			names = append(names, "@"+u.Username)
		}
	}
	if len(names) == 0 {
		return "@me"
	}
	return strings.Join(names, " ")
}

// clean keeps control sequences of others from reaching the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069) {
			return '\ufffd'
		}
		return r
	}, s)
}
