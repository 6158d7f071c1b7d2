package store

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"parley/chat"
	"parley/store/table"
)

// CreateUser implements chat.Users.
func (s *Store) CreateUser(ctx context.Context, a chat.Account, first bool) error {
	u := &a.User
	ops := []table.Op{
		{Kind: table.Put, Table: tChat, If: table.Cond{Kind: table.Absent},
			Item: table.Item{Key: nameKey(u.Username), Attrs: []table.Attr{table.S("userId", u.UserID)}}},
		put(accountItem(&a)),
		put(table.Item{Key: personKey(u.Username), Attrs: []table.Attr{table.S("userId", u.UserID)}}),
	}
	if first {
		ops = append(ops, table.Op{Kind: table.Put, Table: tChat, Item: table.Item{Key: firstKey()}, If: table.Cond{Kind: table.Absent}})
	}
	for _, w := range a.Words {
		ops = append(ops, put(wordItem(w, u.UserID)))
	}
	err := s.db.Write(ctx, ops...)
	if _, ok := failed(err); ok {
		return chat.ErrExists
	}
	return wrap("store a new user", err)
}

// UpdateUser implements chat.Users.
func (s *Store) UpdateUser(ctx context.Context, a chat.Account) error {
	was, err := s.Account(ctx, a.User.UserID)
	if err != nil {
		return err
	}
	if was.Version != a.Version {
		return chat.ErrMoved
	}
	a.Version++
	ops := []table.Op{{Kind: table.Put, Table: tChat, Item: accountItem(&a),
		If: table.Cond{Kind: table.Equal, Attr: "version", Value: table.Value{Kind: table.Number, Num: was.Version}}}}
	for _, w := range was.Words {
		if !slices.Contains(a.Words, w) {
			ops = append(ops, del(wordItem(w, a.User.UserID).Key))
		}
	}
	for _, w := range a.Words {
		if !slices.Contains(was.Words, w) {
			ops = append(ops, put(wordItem(w, a.User.UserID)))
		}
	}
	err = s.db.Write(ctx, ops...)
	if _, ok := failed(err); ok {
		return chat.ErrMoved
	}
	return wrap("update a user", err)
}

// Account implements chat.Users.
func (s *Store) Account(ctx context.Context, userID string) (chat.Account, error) {
	it, found, err := s.get(ctx, accountKey(userID))
	if err != nil {
		return chat.Account{}, wrap("read an account", err)
	}
	if !found {
		return chat.Account{}, noUser()
	}
	return account(&it), nil
}

// AccountByName implements chat.Users.
func (s *Store) AccountByName(ctx context.Context, username string) (chat.Account, error) {
	it, found, err := s.get(ctx, nameKey(username))
	if err != nil {
		return chat.Account{}, wrap("look up a username", err)
	}
	if !found {
		return chat.Account{}, noUser()
	}
	return s.Account(ctx, it.Text("userId"))
}

// UserIDs implements chat.Users.
func (s *Store) UserIDs(ctx context.Context, usernames ...string) (map[string]string, error) {
	keys := make([]table.Key, len(usernames))
	for i, name := range usernames {
		keys[i] = nameKey(name)
	}
	items, err := s.getMany(ctx, keys)
	if err != nil {
		return nil, wrap("look up usernames", err)
	}
	out := make(map[string]string, len(items))
	for i := range items {
		out[strings.TrimPrefix(items[i].Key.Part, "name#")] = items[i].Text("userId")
	}
	return out, nil
}

func noUser() error { return chat.Errorf(chat.NotFound, "There is no such user.") }

// Users implements chat.Users.
func (s *Store) Users(ctx context.Context, userIDs ...string) ([]chat.User, error) {
	keys := make([]table.Key, len(userIDs))
	for i, id := range userIDs {
		keys[i] = accountKey(id)
	}
	items, err := s.getMany(ctx, keys)
	if err != nil {
		return nil, wrap("read users", err)
	}
	out := make([]chat.User, len(items))
	for i := range items {
		out[i] = account(&items[i]).User
	}
	return out, nil
}

// SearchUsers implements chat.Users. A person whose words match more than once stands in the answer once, at the first.
func (s *Store) SearchUsers(ctx context.Context, prefix, cursor string, limit int) ([]chat.User, string, error) {
	q := inPrefix("people", "")
	if prefix != "" {
		q = inPrefix(wordItem(prefix, "").Key.Part, prefix)
	}
	items, next, err := s.page(ctx, q, cursor, limit)
	if err != nil {
		return nil, "", wrap("search users", err)
	}
	keys := make([]table.Key, len(items))
	for i := range items {
		keys[i] = accountKey(items[i].Text("userId"))
	}
	found, err := s.getMany(ctx, keys)
	if err != nil {
		return nil, "", wrap("search users", err)
	}
	accounts := make(map[string]chat.Account, len(found))
	for i := range found {
		a := account(&found[i])
		accounts[a.User.UserID] = a
	}
	out := make([]chat.User, 0, len(items))
	for i := range items {
		a, ok := accounts[items[i].Text("userId")]
		if ok && (prefix == "" || firstMatch(a.Words, prefix) == items[i].Text("word")) {
			out = append(out, a.User)
		}
	}
	return out, next, nil
}

// firstMatch is the smallest word with the prefix.
func firstMatch(words []string, prefix string) string {
	best := ""
	for _, w := range words {
		if strings.HasPrefix(w, prefix) && (best == "" || w < best) {
			best = w
		}
	}
	return best
}

// wordItem lists a person under a word of their names.
func wordItem(word, userID string) table.Item {
	_, n := utf8.DecodeRuneInString(word)
	return table.Item{Key: table.Key{Part: "people#" + word[:n], Sort: word + "#" + userID},
		Attrs: []table.Attr{table.S("userId", userID), table.S("word", word)}}
}

func accountItem(a *chat.Account) table.Item {
	u := &a.User
	attrs := []table.Attr{table.S("userId", u.UserID), table.S("username", u.Username), table.S("displayName", u.DisplayName),
		table.N("createdAt", u.CreatedAt), table.N("version", a.Version), table.S("words", strings.Join(a.Words, " "))}
	attrs = text(attrs, "avatarUrl", u.AvatarURL)
	attrs = text(attrs, "email", a.Email)
	attrs = text(attrs, "passwordHash", a.PasswordHash)
	attrs = flag(attrs, "admin", a.Admin)
	attrs = flag(attrs, "disabled", a.Disabled)
	return table.Item{Key: accountKey(u.UserID), Attrs: attrs}
}

func account(it *table.Item) chat.Account {
	return chat.Account{
		User: chat.User{UserID: it.Text("userId"), Username: it.Text("username"), DisplayName: it.Text("displayName"),
			AvatarURL: it.Text("avatarUrl"), CreatedAt: it.Num("createdAt")},
		Email: it.Text("email"), PasswordHash: it.Text("passwordHash"), Admin: it.Num("admin") != 0, Disabled: it.Num("disabled") != 0,
		Words: strings.Fields(it.Text("words")), Version: it.Num("version"),
	}
}

func flag(a []table.Attr, name string, v bool) []table.Attr {
	if !v {
		return a
	}
	return append(a, table.N(name, 1))
}
