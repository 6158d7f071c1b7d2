package identity

import (
	"cmp"
	"context"
	"errors"
	"net/mail"
	"strings"

	"parley/chat"
)

// MaxEmail is the most bytes of an e-mail address (RFC 5321).
const MaxEmail = 254

// Register implements Provider; no confirmation is ever required.
func (l *Local) Register(ctx context.Context, r Registration) (chat.User, bool, error) {
	n, err := l.newcomer(ctx, r)
	if err != nil {
		return chat.User{}, false, err
	}
	a := n.account
	if a.PasswordHash, err = l.passwords.hash(ctx, r.Password); err != nil {
		return chat.User{}, false, err
	}
	if n.empty {
		err := l.createFirst(ctx, a, n.serverName)
		if !errors.Is(err, chat.ErrExists) {
			return a.User, false, err
		}
		if n.invite, err = l.admission(ctx, r.InviteToken); err != nil { // somebody else was first
			return chat.User{}, false, err
		}
	}
	if err := l.create(ctx, a, n.invite); err != nil {
		return chat.User{}, false, err
	}
	l.welcome(ctx, a.User.UserID, n.invite)
	return a.User, false, nil
}

// newcomer is somebody who may have an account.
type newcomer struct {
	account    chat.Account
	serverName string
	empty      bool         // nobody is here yet
	invite     *chat.Invite // not yet used; nil without one
}

// newcomer checks a registration, up to what only who keeps the accounts can tell.
func (l *Local) newcomer(ctx context.Context, r Registration) (n newcomer, err error) {
	if n.account, err = l.newAccount(r.Username, r.DisplayName); err != nil {
		return n, err
	}
	if n.account.Email, err = parseEmail(r.Email); err != nil {
		return n, err
	}
	if n.serverName, err = l.parseServerName(r.ServerName); err != nil {
		return n, err
	}
	server, err := l.store.Server(ctx)
	if err != nil {
		return n, err
	}
	if n.empty = server.Name == ""; !n.empty {
		if n.invite, err = l.admission(ctx, r.InviteToken); err != nil {
			return n, err
		}
	}
	return n, l.mayTake(ctx, &n.account, r)
}

// newAccount checks what a person is to be called.
func (l *Local) newAccount(username, displayName string) (chat.Account, error) {
	username, err := chat.ParseUsername(l.names, username)
	if err != nil {
		return chat.Account{}, err
	}
	if displayName, err = chat.ParseDisplayName(l.names, displayName, username); err != nil {
		return chat.Account{}, err
	}
	now := l.clock()
	return chat.Account{
		User:  chat.User{UserID: chat.NewID(now), Username: username, DisplayName: displayName, CreatedAt: now.UnixMilli()},
		Words: chat.SearchWords(l.names, username, displayName),
	}, nil
}

func parseEmail(s string) (string, error) {
	bad := &chat.Error{Code: chat.InvalidRequest, Field: "email", Message: "This is not an e-mail address."}
	s = strings.TrimSpace(s)
	if s == "" { // nothing here is sent by e-mail yet
		return "", nil
	}
	if len(s) > MaxEmail {
		return "", bad
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s { // no display names, no comments
		return "", bad
	}
	return s, nil
}

func (l *Local) parseServerName(s string) (string, error) {
	name, err := chat.ParseDisplayName(l.names, s, DefaultServerName)
	if err != nil {
		e := *chat.AsError(err)
		e.Field = "serverName"
		return "", &e
	}
	return name, nil
}

// admission says by which invitation, if any, one more may register now.
func (l *Local) admission(ctx context.Context, token string) (*chat.Invite, error) {
	switch {
	case l.registration == Closed:
		return nil, chat.Errorf(chat.Forbidden, "This server does not take new people by itself. Ask its administrator.")
	case token != "":
		return l.invite(ctx, token)
	case l.registration == InviteOnly:
		return nil, chat.Errorf(chat.Forbidden, "On this server you need an invitation to register.")
	}
	return nil, nil
}

// mayTake says whether a new account may have its name and password, within the rate limit of the address: from there on
// the answers say which names are taken, and cost work.
func (l *Local) mayTake(ctx context.Context, a *chat.Account, r Registration) error {
	if err := l.passwords.strong(ctx, r.Password, append(l.known(ctx, a), r.ServerName)...); err != nil {
		return err
	}
	if key := addressKey(r.Address); key != "" {
		if wait := l.limiter.Allow(ctx, chat.LimitRegister, key); wait > 0 {
			return limited(wait)
		}
	}
	_, err := l.store.AccountByName(ctx, a.User.Username)
	if err == nil {
		return errTaken()
	}
	if chat.CodeOf(err) != chat.NotFound {
		return err
	}
	return nil
}

// known is what a guesser knows of an account.
func (l *Local) known(ctx context.Context, a *chat.Account) []string {
	local, domain, _ := strings.Cut(a.Email, "@")
	known := append(strings.Fields(a.User.DisplayName), a.User.Username, a.User.DisplayName, a.Email, local, domain, DefaultServerName)
	if server, err := l.store.Server(ctx); err == nil {
		known = append(known, server.Name)
	}
	return known
}

func errTaken() error {
	return &chat.Error{Code: chat.Conflict, Field: "username", Message: "This username is taken."}
}

// create stores an account, and counts the use of its invitation.
func (l *Local) create(ctx context.Context, a chat.Account, invite *chat.Invite) error {
	if invite != nil {
		if err := l.store.UseInvite(ctx, invite.TokenHash); err != nil {
			return err
		}
	}
	if err := l.store.CreateUser(ctx, a, false); errors.Is(err, chat.ErrExists) {
		return errTaken()
	} else if err != nil {
		return err
	}
	return nil
}

// createFirst stores the first account of a server, its administrator. ErrExists if it is not the first.
func (l *Local) createFirst(ctx context.Context, a chat.Account, serverName string) error {
	a.Admin = true
	if err := l.store.CreateUser(ctx, a, true); err != nil {
		return err
	}
	l.log.InfoContext(ctx, "first user made, who is the administrator", "userId", a.User.UserID)
	if err := l.nameServer(ctx, serverName); err != nil {
		l.log.ErrorContext(ctx, "server not named", "error", err)
	}
	l.finishSetUp(ctx, a.User.UserID)
	return nil
}

func (l *Local) nameServer(ctx context.Context, name string) error {
	l.setUp.Lock()
	defer l.setUp.Unlock()
	s, err := l.store.Server(ctx)
	if err != nil || s.Name != "" {
		return err
	}
	return l.store.SetServer(ctx, chat.Server{Name: name, RoomID: s.RoomID, CreatedAt: l.now()})
}

// finishSetUp makes the first room, for everybody and named as the server, unless there is one. An administrator's
// log-in calls it too, so that a crash in the first registration, or a first user from the command line, loses nothing.
func (l *Local) finishSetUp(ctx context.Context, admin string) {
	if l.rooms == nil {
		return
	}
	l.setUp.Lock()
	defer l.setUp.Unlock()
	s, err := l.store.Server(ctx)
	if err == nil && s.RoomID == "" {
		var room chat.RoomView
		s.Name = cmp.Or(s.Name, DefaultServerName)
		s.CreatedAt = cmp.Or(s.CreatedAt, l.now())
		room, err = l.rooms.CreateRoom(ctx, admin, chat.NewRoom{Kind: chat.Public, Name: s.Name})
		if err == nil {
			s.RoomID = room.RoomID
			err = l.store.SetServer(ctx, s)
		}
	}
	if err != nil {
		l.log.ErrorContext(ctx, "first room not made, will try again when an administrator logs in", "error", err)
	}
}

// welcome lets a new person into the room of their invitation, and into the first room, unless the server takes people
// by invitation and theirs names a room. The account is there already: what fails is logged, and can be done by hand.
func (l *Local) welcome(ctx context.Context, userID string, invite *chat.Invite) {
	invited := invite != nil && invite.RoomID != ""
	if invited {
		if _, err := l.rooms.Admit(ctx, userID, invite.RoomID); err != nil {
			l.log.WarnContext(ctx, "invited person not let into the room", "userId", userID, "roomId", invite.RoomID, "error", err)
		}
	}
	if invited && l.registration != Open {
		return
	}
	s, err := l.store.Server(ctx)
	if err == nil && s.RoomID != "" {
		_, err = l.rooms.Join(ctx, userID, s.RoomID)
	}
	if code := chat.CodeOf(err); err != nil && code != chat.NotFound && code != chat.Forbidden { // the room is gone
		l.log.WarnContext(ctx, "new person not let into the first room", "userId", userID, "error", err)
	}
}

func errNoCodes() error { return chat.Errorf(chat.NotFound, "This server does not use e-mail codes.") }

// Confirm implements Provider: local accounts need no codes.
func (l *Local) Confirm(context.Context, string, string) error { return errNoCodes() }

// Forgot implements Provider: local accounts need no codes.
func (l *Local) Forgot(context.Context, string) error { return errNoCodes() }

// Reset implements Provider: local accounts need no codes.
func (l *Local) Reset(context.Context, string, string, string) error { return errNoCodes() }
