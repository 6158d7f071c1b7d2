package httpapi

import (
	"context"
	"net/http"

	"parley/chat"
)

// searchQuery is what to find, and where.
type searchQuery struct {
	Query  string `query:"query" required:"true" maxLength:"200" doc:"At most 8 words; what stands in \"quotes\" is one." example:"peas \"pick them\""`
	RoomID string `query:"roomId" doc:"Only in this room; without it, in all rooms that one is in."`
	UserID string `query:"userId" doc:"Only what this person wrote."`
	Paging
}

func (a *api) searchRoutes() {
	handle(a, route{id: "search", method: http.MethodGet, path: "/search", tag: "messages", summary: "Find messages",
		about: "Newest first, out of the rooms that one is in: messages with all of the words, each of them anywhere in the text or the names of the files, also within a word, " +
			"whatever the case and the accents. A page may be short or empty although there is a cursor; searchedTo tells how far back it has looked. Without a cursor all is searched.",
		access: counted, refuses: []chat.Code{chat.Forbidden, chat.NotFound}}, a.search)
}

func (a *api) search(ctx context.Context, in *searchQuery) (*out[chat.SearchPage], error) {
	page, err := a.Service.Search(ctx, me(ctx).UserID, chat.SearchQuery{Text: in.Query, RoomID: in.RoomID, UserID: in.UserID, Cursor: in.Cursor, Limit: limit(in.Limit)})
	page.Messages = wholes(page.Messages)
	return &out[chat.SearchPage]{page}, err
}
