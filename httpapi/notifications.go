package httpapi

import (
	"context"
	"net/http"

	"parley/chat"
)

// Notifications is a page of the notification centre.
type Notifications struct {
	Notifications []chat.NotificationView `json:"notifications"`
	Cursor        string                  `json:"cursor,omitempty"`
}

// LevelBody is of what one wants to be told.
type LevelBody struct {
	Level chat.Level `json:"level" doc:"all, mentions (and replies), nothing, or default: all in direct rooms, mentions elsewhere." example:"mentions"`
}

// RulesBody are one's notification rules.
type RulesBody struct {
	PausedUntil  chat.Millis      `json:"pausedUntil,omitempty" doc:"No notifications until then." example:"1751742000000"`
	Quiet        *chat.QuietHours `json:"quiet,omitempty" doc:"No notifications within these hours."`
	HideContent  bool             `json:"hideContent,omitempty" doc:"Notifications say that somebody wrote, not who and what."`
	ReadReceipts *bool            `json:"readReceipts,omitempty" doc:"Others are told how far one has read, and one is told of them; true if it is left out."`
}

func (a *api) notificationRoutes() {
	handle(a, route{id: "listNotifications", method: http.MethodGet, path: "/notifications", tag: "notifications", summary: "What concerns oneself",
		about: "Newest first: messages that mention or answer one, of the last 90 days, and of each direct room the newest message of somebody else. " +
			"A page may be shorter than the limit although there is a cursor."}, a.listNotifications)
	handle(a, route{id: "setLevel", method: http.MethodPut, path: "/rooms/{roomId}/notifications", tag: "notifications",
		summary: "Say of which messages of a room one wants to be told", status: http.StatusNoContent, access: counted,
		refuses: []chat.Code{chat.Forbidden, chat.NotFound}}, a.setLevel)
	handle(a, route{id: "getRules", method: http.MethodGet, path: "/me/notifications", tag: "notifications",
		summary: "When and how one is told"}, a.getRules)
	handle(a, route{id: "setRules", method: http.MethodPut, path: "/me/notifications", tag: "notifications",
		summary: "Set when and how one is told", about: "Replaces all of it.", access: counted}, a.setRules)
}

func (a *api) listNotifications(ctx context.Context, in *Paging) (*out[Notifications], error) {
	views, cursor, err := a.Service.Notifications(ctx, me(ctx).UserID, in.Cursor, limit(in.Limit))
	for i := range views {
		whole(&views[i].Message)
	}
	return &out[Notifications]{Notifications{list(views), cursor}}, err
}

func (a *api) setLevel(ctx context.Context, in *struct {
	RoomPath
	Body LevelBody
}) (*none, error) {
	return nil, a.Service.SetLevel(ctx, me(ctx).UserID, in.RoomID, in.Body.Level)
}

func (a *api) getRules(ctx context.Context, _ *none) (*out[chat.NotifyRules], error) {
	r, err := a.Service.NotifyRules(ctx, me(ctx).UserID)
	return &out[chat.NotifyRules]{r}, err
}

func (a *api) setRules(ctx context.Context, in *struct{ Body RulesBody }) (*out[chat.NotifyRules], error) {
	b := in.Body
	r := chat.NotifyRules{PausedUntil: b.PausedUntil, Quiet: b.Quiet, HideContent: b.HideContent, ReadReceipts: b.ReadReceipts == nil || *b.ReadReceipts}
	return &out[chat.NotifyRules]{r}, a.Service.SetNotifyRules(ctx, me(ctx).UserID, r)
}
