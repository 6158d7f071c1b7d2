package chat

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// User returns one person.
func (s *Service) User(ctx context.Context, userID string) (User, error) {
	if err := checkID("userId", userID, maxID); err != nil {
		return User{}, err
	}
	users, err := s.users.Users(ctx, userID)
	if err != nil {
		return User{}, err
	}
	if len(users) == 0 {
		return User{}, Errorf(NotFound, "There is no such user.")
	}
	return users[0], nil
}

// SearchUsers returns people in whose names every word of query begins a word, and a cursor for more. A
// page may be shorter than limit although there is a cursor.
func (s *Service) SearchUsers(ctx context.Context, query, cursor string, limit int) ([]User, string, error) {
	limit, err := clampLimit(limit)
	if err != nil {
		return nil, "", err
	}
	key, err := s.searchKey(query)
	if err != nil {
		return nil, "", err
	}
	words := strings.Fields(key)
	if len(words) == 0 {
		return s.users.SearchUsers(ctx, "", cursor, limit)
	}
	longest := slices.MaxFunc(words, func(a, b string) int { return len(a) - len(b) }) // the rarest, most likely
	found, next, err := s.users.SearchUsers(ctx, longest, cursor, limit)
	found = slices.DeleteFunc(found, func(u User) bool {
		names := SearchWords(s.names, u.Username, u.DisplayName)
		return slices.ContainsFunc(words, func(w string) bool {
			return !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, w) })
		})
	})
	return found, next, err
}

// SetDisplayName changes one's display name; an empty one falls back to the username.
func (s *Service) SetDisplayName(ctx context.Context, by, name string) (User, error) {
	return s.updateProfile(ctx, by, func(a *Account) error {
		var err error
		if a.User.DisplayName, err = ParseDisplayName(s.names, name, a.User.Username); err != nil {
			return err
		}
		a.Words = SearchWords(s.names, a.User.Username, a.User.DisplayName)
		return nil
	})
}

// SetAvatar sets the path of one's picture; empty removes it.
func (s *Service) SetAvatar(ctx context.Context, by, url string) (User, error) {
	return s.updateProfile(ctx, by, func(a *Account) error {
		a.User.AvatarURL = url
		return nil
	})
}

func (s *Service) updateProfile(ctx context.Context, by string, change func(*Account) error) (User, error) {
	if err := s.allow(ctx, LimitRequests, by); err != nil {
		return User{}, err
	}
	for {
		a, err := s.users.Account(ctx, by)
		if err != nil {
			return User{}, err
		}
		if a.Disabled {
			return User{}, noAccount()
		}
		if err := change(&a); err != nil {
			return User{}, err
		}
		if err := s.users.UpdateUser(ctx, a); !errors.Is(err, ErrMoved) {
			return a.User, err
		}
	}
}
