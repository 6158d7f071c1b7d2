package store

import (
	"context"
	"slices"
	"strings"

	"parley/chat"
	"parley/store/table"
)

// seconds turns an end in milliseconds into an expiry, rounded up.
func seconds(ms chat.Millis) int64 {
	if ms == 0 {
		return 0
	}
	return (ms + 999) / 1000
}

// PutSession implements chat.Sessions.
func (s *Store) PutSession(ctx context.Context, n chat.Session, previous []byte) error {
	op := put(table.Item{Key: sessionKey(n.UserID, n.SessionID), Expires: seconds(n.ExpiresAt), Attrs: []table.Attr{
		table.S("userId", n.UserID), table.N("createdAt", n.CreatedAt), table.N("lastUsedAt", n.LastUsedAt), table.N("expiresAt", n.ExpiresAt),
		table.S("userAgent", n.UserAgent), table.S("address", n.Address), table.B("tokenHash", n.TokenHash),
		table.B("previousHash", n.PreviousHash), table.N("rotatedAt", n.RotatedAt)}})
	if len(n.Sealed) > 0 {
		op.Item.Attrs = append(op.Item.Attrs, table.B("sealed", n.Sealed))
	}
	if previous != nil {
		op.If = table.Cond{Kind: table.Equal, Attr: "tokenHash", Value: table.Value{Kind: table.Bytes, Data: previous}}
	}
	err := s.db.Write(ctx, op)
	if _, ok := failed(err); ok {
		return chat.ErrMoved
	}
	return wrap("store a session", err)
}

// Session implements chat.Sessions.
func (s *Store) Session(ctx context.Context, userID, sessionID string) (chat.Session, error) {
	it, found, err := s.get(ctx, sessionKey(userID, sessionID))
	if err != nil {
		return chat.Session{}, wrap("read a session", err)
	}
	if !found {
		return chat.Session{}, chat.Errorf(chat.NotFound, "There is no such session.")
	}
	return session(&it), nil
}

// SessionsOf implements chat.Sessions.
func (s *Store) SessionsOf(ctx context.Context, userID string) ([]chat.Session, error) {
	var out []chat.Session
	err := s.all(ctx, inPrefix("user#"+userID, "session#"), func(it *table.Item) bool {
		out = append(out, session(it))
		return true
	})
	return out, wrap("list sessions", err)
}

// DeleteSessions implements chat.Sessions.
func (s *Store) DeleteSessions(ctx context.Context, userID string, sessionIDs ...string) error {
	for len(sessionIDs) > 0 {
		n := min(len(sessionIDs), table.MaxOps/2)
		if err := s.deleteSessions(ctx, userID, sessionIDs[:n]); err != nil {
			return err
		}
		sessionIDs = sessionIDs[n:]
	}
	return nil
}

func (s *Store) deleteSessions(ctx context.Context, userID string, sessionIDs []string) error {
	ops := make([]table.Op, len(sessionIDs))
	for i, id := range sessionIDs {
		ops[i] = del(sessionKey(userID, id))
	}
	return wrap("end sessions", s.withoutPush(ctx, userID, ops, func(p *chat.PushSubscription) bool {
		return slices.Contains(sessionIDs, p.SessionID)
	}))
}

func session(it *table.Item) chat.Session {
	return chat.Session{SessionID: strings.TrimPrefix(it.Key.Sort, "session#"), UserID: it.Text("userId"), CreatedAt: it.Num("createdAt"),
		LastUsedAt: it.Num("lastUsedAt"), ExpiresAt: it.Num("expiresAt"), UserAgent: it.Text("userAgent"), Address: it.Text("address"),
		TokenHash: it.Data("tokenHash"), PreviousHash: it.Data("previousHash"), RotatedAt: it.Num("rotatedAt"), Sealed: it.Data("sealed")}
}

// PutOnce implements chat.Once.
func (s *Store) PutOnce(ctx context.Context, key, value string, expires chat.Millis) error {
	return wrap("store a ticket", s.db.Write(ctx, put(table.Item{Key: onceKey(key), Attrs: []table.Attr{table.S("value", value)}, Expires: seconds(expires)})))
}

// TakeOnce implements chat.Once: who removes it has it.
func (s *Store) TakeOnce(ctx context.Context, key string) (string, error) {
	gone := chat.Errorf(chat.NotFound, "The ticket was used or has expired.")
	it, found, err := s.get(ctx, onceKey(key))
	if err != nil {
		return "", wrap("read a ticket", err)
	}
	if !found {
		return "", gone
	}
	err = s.db.Write(ctx, table.Op{Kind: table.Delete, Table: tChat, Item: table.Item{Key: it.Key}, If: table.Cond{Kind: table.Present}})
	if _, ok := failed(err); ok {
		return "", gone
	}
	return it.Text("value"), wrap("take a ticket", err)
}

// Keys implements chat.Keys.
func (s *Store) Keys(ctx context.Context) ([]chat.SigningKey, error) {
	var out []chat.SigningKey
	err := s.all(ctx, inPrefix("server", "key#"), func(it *table.Item) bool {
		out = append(out, chat.SigningKey{KeyID: strings.TrimPrefix(it.Key.Sort, "key#"), Private: it.Data("private"), CreatedAt: it.Num("createdAt")})
		return true
	})
	return out, wrap("read the signing keys", err)
}

// AddKey implements chat.Keys.
func (s *Store) AddKey(ctx context.Context, k chat.SigningKey, drop ...string) error {
	ops := []table.Op{put(table.Item{Key: signingKey(k.KeyID), Attrs: []table.Attr{table.B("private", k.Private), table.N("createdAt", k.CreatedAt)}})}
	for _, id := range drop {
		ops = append(ops, del(signingKey(id)))
	}
	return wrap("store a signing key", s.db.Write(ctx, ops...))
}

// CreateInvite implements chat.Invites.
func (s *Store) CreateInvite(ctx context.Context, i chat.Invite) error {
	return wrap("store an invitation", s.db.Write(ctx, put(inviteItem(&i)),
		put(table.Item{Key: inviteByKey(i.CreatedBy, i.TokenHash), Expires: seconds(i.ExpiresAt)})))
}

// Invite implements chat.Invites.
func (s *Store) Invite(ctx context.Context, tokenHash string) (chat.Invite, error) {
	it, found, err := s.get(ctx, inviteKey(tokenHash))
	if err != nil {
		return chat.Invite{}, wrap("read an invitation", err)
	}
	if !found {
		return chat.Invite{}, chat.Errorf(chat.NotFound, "This invitation does not exist or has expired.")
	}
	return invite(&it), nil
}

// InvitesBy implements chat.Invites.
func (s *Store) InvitesBy(ctx context.Context, userID string) ([]chat.Invite, error) {
	var keys []table.Key
	err := s.all(ctx, inPrefix("user#"+userID, "invite#"), func(it *table.Item) bool {
		keys = append(keys, inviteKey(strings.TrimPrefix(it.Key.Sort, "invite#")))
		return true
	})
	if err != nil {
		return nil, wrap("list invitations", err)
	}
	items, err := s.getMany(ctx, keys)
	if err != nil {
		return nil, wrap("list invitations", err)
	}
	out := make([]chat.Invite, len(items))
	for i := range items {
		out[i] = invite(&items[i])
	}
	return out, nil
}

// UseInvite implements chat.Invites: of several who want the last use one gets it.
func (s *Store) UseInvite(ctx context.Context, tokenHash string) error {
	for {
		i, err := s.Invite(ctx, tokenHash)
		if err != nil {
			return err
		}
		if i.MaxUses > 0 && i.Uses >= i.MaxUses {
			return chat.Errorf(chat.Conflict, "This invitation is used up.")
		}
		op := table.Op{Kind: table.Put, Table: tChat,
			If: table.Cond{Kind: table.Equal, Attr: "uses", Value: table.Value{Kind: table.Number, Num: int64(i.Uses)}}}
		i.Uses++
		op.Item = inviteItem(&i)
		err = s.db.Write(ctx, op)
		if _, ok := failed(err); !ok {
			return wrap("use an invitation", err)
		}
	}
}

// DeleteInvite implements chat.Invites.
func (s *Store) DeleteInvite(ctx context.Context, tokenHash string) error {
	i, err := s.Invite(ctx, tokenHash)
	if err != nil {
		return err
	}
	return wrap("delete an invitation", s.db.Write(ctx, del(inviteKey(tokenHash)), del(inviteByKey(i.CreatedBy, tokenHash))))
}

func inviteItem(i *chat.Invite) table.Item {
	return table.Item{Key: inviteKey(i.TokenHash), Expires: seconds(i.ExpiresAt), Attrs: []table.Attr{table.S("roomId", i.RoomID),
		table.S("createdBy", i.CreatedBy), table.N("createdAt", i.CreatedAt), table.N("expiresAt", i.ExpiresAt),
		table.N("maxUses", int64(i.MaxUses)), table.N("uses", int64(i.Uses))}}
}

func invite(it *table.Item) chat.Invite {
	return chat.Invite{TokenHash: strings.TrimPrefix(it.Key.Part, "invite#"), RoomID: it.Text("roomId"), CreatedBy: it.Text("createdBy"),
		CreatedAt: it.Num("createdAt"), ExpiresAt: it.Num("expiresAt"), MaxUses: int(it.Num("maxUses")), Uses: int(it.Num("uses"))}
}

// Server implements chat.Settings.
func (s *Store) Server(ctx context.Context) (chat.Server, error) {
	it, _, err := s.get(ctx, settingsKey())
	return chat.Server{Name: it.Text("name"), RoomID: it.Text("roomId"), CreatedAt: it.Num("createdAt")}, wrap("read the server's settings", err)
}

// SetServer implements chat.Settings.
func (s *Store) SetServer(ctx context.Context, v chat.Server) error {
	return wrap("store the server's settings", s.db.Write(ctx, put(table.Item{Key: settingsKey(),
		Attrs: []table.Attr{table.S("name", v.Name), table.S("roomId", v.RoomID), table.N("createdAt", v.CreatedAt)}})))
}
