package chat

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a search.
const (
	MaxSearchText  = 200 // characters of a query
	MaxSearchWords = 8   // words and quoted parts of a query

	searchesAtOnce = 4 // in one process; others wait for them
)

// SearchQuery asks for the messages that have a text. All words of Text must occur, anywhere in a message's text or the
// names of its files, also within words; what stands in quotes is one word. Case, accents and width do not count.
type SearchQuery struct {
	Text   string
	RoomID string // only in this room; empty: in all rooms of who asks
	UserID string // only messages of this person; empty: of anybody
	Cursor string // of the page before, or empty
	Limit  int    // 1 to MaxPage, zero means DefaultPage
}

// SearchPage is a part of what a search finds, the newest first. A page may be short, or empty, although there is a
// Cursor: the work of one is bounded, and the next goes on.
type SearchPage struct {
	Messages []Message `json:"messages"`
	Cursor   string    `json:"cursor,omitempty" doc:"For the next page; without it, all was searched."`
	// SearchedTo is the moment down to which everything was searched; zero when all was.
	SearchedTo Millis `json:"searchedTo,omitempty" doc:"With a cursor: the moment down to which everything was searched."`
}

// Search returns messages with a text out of the rooms that by may read. Every message that was there when the search
// began is found exactly once over its pages, whatever is sent meanwhile. InvalidRequest, RateLimited; for a RoomID that
// by is not in, as Messages.
func (s *Service) Search(ctx context.Context, by string, q SearchQuery) (SearchPage, error) {
	limit, err := clampLimit(q.Limit)
	if err != nil {
		return SearchPage{}, err
	}
	words, err := s.searchWords(q.Text)
	if err != nil {
		return SearchPage{}, err
	}
	if q.UserID != "" {
		if err := checkID("userId", q.UserID, maxID); err != nil {
			return SearchPage{}, err
		}
	}
	from, err := parseSearchCursor(q.Cursor)
	if err != nil {
		return SearchPage{}, err
	}
	if err := s.allow(ctx, LimitSearch, by); err != nil {
		return SearchPage{}, err
	}
	if s.shed("") { // messages come first
		return SearchPage{}, busy(serverBusy, 0)
	}
	select {
	case s.searches <- struct{}{}:
		defer func() { <-s.searches }()
	case <-ctx.Done():
		return SearchPage{}, &Error{Code: Unavailable, Message: serverBusy, Cause: ctx.Err()}
	}
	rooms, err := s.searchRooms(ctx, by, q.RoomID)
	if err != nil {
		return SearchPage{}, err
	}
	f := &finder{s: s, by: by, words: words, grams: gramsOf(words), userID: q.UserID, left: searchBudget()}
	if err := f.begin(ctx, rooms, from); err != nil {
		return SearchPage{}, err
	}
	found, err := f.page(ctx, limit)
	if err != nil {
		return SearchPage{}, err
	}
	if q.RoomID != "" {
		err = s.stillMember(ctx, &rooms[0], by)
	} else {
		found, err = s.stillReadable(ctx, by, found)
	}
	if err != nil {
		return SearchPage{}, err
	}
	p := SearchPage{Messages: found}
	p.Cursor, p.SearchedTo = f.cursor()
	return p, nil
}

// searchRooms returns the rooms to search: one, or all of a person.
func (s *Service) searchRooms(ctx context.Context, by, roomID string) ([]Room, error) {
	if roomID == "" {
		_, rooms, err := s.myRooms(ctx, by) // not those that are gone and wait to be purged
		return rooms, err
	}
	r, err := s.member(ctx, roomID, by)
	return []Room{r}, err
}

// stillReadable leaves out messages of rooms that somebody left while they were read: they may have come after.
func (s *Service) stillReadable(ctx context.Context, by string, msgs []Message) ([]Message, error) {
	still, err := s.roomsOf(ctx, by)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(msgs, func(m Message) bool { return !still[m.RoomID] }), nil
}

// searchWords are the different words of a query, folded.
func (s *Service) searchWords(text string) ([]string, error) {
	if err := checkText("query", text); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(text) > MaxSearchText {
		return nil, invalid("query", "A search has at most %d characters.", MaxSearchText)
	}
	var words []string
	for _, w := range splitQuoted(text) {
		if w = strings.TrimSpace(s.names.SearchKey(w)); w != "" && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	switch {
	case len(words) == 0:
		return nil, invalid("query", "A search needs a text.")
	case len(words) > MaxSearchWords:
		return nil, invalid("query", "A search has at most %d words.", MaxSearchWords)
	}
	return words, nil
}

// splitQuoted cuts a text at white space, but not between quotes, straight or those that phones make of them.
func splitQuoted(text string) []string {
	quoted := false
	return strings.FieldsFunc(text, func(r rune) bool {
		if strings.ContainsRune("\"“”„", r) {
			quoted = !quoted
			return true
		}
		return !quoted && unicode.IsSpace(r)
	})
}

// searchText is what of a message is searched, folded: its text, and on lines of their own the names of its files.
func (s *Service) searchText(m *Message) string {
	if len(m.Attachments) == 0 {
		return s.names.SearchKey(m.Content)
	}
	var b strings.Builder
	b.WriteString(s.names.SearchKey(m.Content))
	for i := range m.Attachments {
		b.WriteByte('\n')
		b.WriteString(s.names.SearchKey(m.Attachments[i].Filename))
	}
	return b.String()
}
