package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"parley/chat"
)

const avatarPath = "/files/avatars/"

// Me is oneself.
type Me struct {
	chat.User
	Admin bool `json:"admin" doc:"May administer the server."`
}

// ProfileChange changes what is given.
type ProfileChange struct {
	DisplayName *string `json:"displayName,omitempty" doc:"Empty is the username." example:"Ada Lovelace"`
}

// PasswordChange is the old password and the new one.
type PasswordChange struct {
	CurrentPassword string `json:"currentPassword"`
	NewPassword     string `json:"newPassword"`
}

// DeviceSession is one sign-in on one device.
type DeviceSession struct {
	SessionID  string      `json:"sessionId"`
	CreatedAt  chat.Millis `json:"createdAt"`
	LastUsedAt chat.Millis `json:"lastUsedAt"`
	UserAgent  string      `json:"userAgent"`
	Address    string      `json:"address"`
	Current    bool        `json:"current" doc:"The one that asks."`
}

// DeviceSessions are one's sign-ins.
type DeviceSessions struct {
	Sessions []DeviceSession `json:"sessions"`
}

func (a *api) profileRoutes() {
	handle(a, route{id: "getMe", method: http.MethodGet, path: "/me", tag: "profile", summary: "Oneself"}, a.getMe)
	handle(a, route{id: "updateMe", method: http.MethodPatch, path: "/me", tag: "profile", summary: "Change one's profile", access: counted}, a.updateMe)
	handle(a, route{id: "setAvatar", method: http.MethodPut, path: "/me/avatar", tag: "profile", summary: "Set one's picture",
		about:   "The body is a JPEG, PNG, GIF or WebP file. Its center is kept as a square; nothing but pixels survives.",
		maxBody: a.Avatars.MaxBytes() + 1}, a.setAvatar)
	handle(a, route{id: "deleteAvatar", method: http.MethodDelete, path: "/me/avatar", tag: "profile", summary: "Remove one's picture"}, a.deleteAvatar)
	handle(a, route{id: "setPassword", method: http.MethodPut, path: "/me/password", tag: "profile", summary: "Change one's password",
		about: "All other sessions end.", status: http.StatusNoContent, refuses: []chat.Code{chat.Forbidden}}, a.setPassword)
	handle(a, route{id: "listSessions", method: http.MethodGet, path: "/sessions", tag: "profile", summary: "Where one is signed in"}, a.listSessions)
	handle(a, route{id: "endSessions", method: http.MethodDelete, path: "/sessions", tag: "profile", summary: "Sign out everywhere"}, a.endSessions)
	handle(a, route{id: "endSession", method: http.MethodDelete, path: "/sessions/{sessionId}", tag: "profile", summary: "Sign out one device",
		refuses: []chat.Code{chat.NotFound}}, a.endSession)
}

func (a *api) getMe(ctx context.Context, _ *none) (*out[Me], error) {
	u, err := a.Service.User(ctx, me(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return &out[Me]{Me{u, me(ctx).Admin}}, nil
}

func (a *api) updateMe(ctx context.Context, in *struct{ Body ProfileChange }) (*out[Me], error) {
	if in.Body.DisplayName == nil {
		return a.getMe(ctx, nil)
	}
	u, err := a.Service.SetDisplayName(ctx, me(ctx).UserID, *in.Body.DisplayName)
	if err != nil {
		return nil, err
	}
	return &out[Me]{Me{u, me(ctx).Admin}}, nil
}

func (a *api) setAvatar(ctx context.Context, in *struct {
	RawBody []byte `contentType:"image/*"`
}) (*out[Me], error) {
	id := me(ctx).UserID
	before, err := a.Service.User(ctx, id)
	if err != nil {
		return nil, err
	}
	name, err := a.Avatars.Put(ctx, id, in.RawBody)
	if err != nil {
		return nil, err
	}
	u, err := a.Service.SetAvatar(ctx, id, avatarPath+name)
	if err != nil {
		a.dropAvatar(ctx, avatarPath+name, before.AvatarURL)
		return nil, err
	}
	a.dropAvatar(ctx, before.AvatarURL, u.AvatarURL)
	return &out[Me]{Me{u, me(ctx).Admin}}, nil
}

func (a *api) deleteAvatar(ctx context.Context, _ *none) (*none, error) {
	before, err := a.Service.User(ctx, me(ctx).UserID)
	if err != nil || before.AvatarURL == "" {
		return nil, err
	}
	if _, err := a.Service.SetAvatar(ctx, me(ctx).UserID, ""); err != nil {
		return nil, err
	}
	a.dropAvatar(ctx, before.AvatarURL, "")
	return nil, nil //nolint:nilnil // an answer of nothing
}

// dropAvatar removes a picture that nobody has any more. If that fails a file is left over, and no more.
func (a *api) dropAvatar(ctx context.Context, old, current string) {
	name, ours := strings.CutPrefix(old, avatarPath)
	if !ours || old == current {
		return
	}
	if err := a.Avatars.Delete(ctx, name); err != nil {
		a.log.WarnContext(ctx, "an old avatar is left over", slog.Any("error", err))
	}
}

// avatar serves a picture. Its name is not guessable and never stands for another picture.
func (a *api) avatar(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	h := w.Header()
	if etag := `"` + name + `"`; matches(r.Header.Get("If-None-Match"), etag) {
		h.Set("ETag", etag)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	image, mediaType, err := a.Avatars.Open(r.Context(), name)
	if err != nil {
		writeProblem(w, a.problem(r.Context(), err))
		return
	}
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", `"`+name+`"`)
	_, _ = w.Write(image) // a client that is gone gets nothing
}

func (a *api) setPassword(ctx context.Context, in *struct{ Body PasswordChange }) (*none, error) {
	return nil, a.Identity.ChangePassword(ctx, me(ctx), in.Body.CurrentPassword, in.Body.NewPassword)
}

func (a *api) listSessions(ctx context.Context, _ *none) (*out[DeviceSessions], error) {
	sessions, err := a.Identity.Sessions(ctx, me(ctx).UserID)
	if err != nil {
		return nil, err
	}
	answer := DeviceSessions{make([]DeviceSession, len(sessions))}
	for i, s := range sessions {
		answer.Sessions[i] = DeviceSession{
			SessionID: s.SessionID, CreatedAt: s.CreatedAt, LastUsedAt: s.LastUsedAt, UserAgent: s.UserAgent, Address: s.Address,
			Current: s.SessionID == me(ctx).SessionID,
		}
	}
	return &out[DeviceSessions]{answer}, nil
}

func (a *api) endSessions(ctx context.Context, _ *none) (*none, error) {
	return nil, a.Identity.EndAllSessions(ctx, me(ctx).UserID)
}

func (a *api) endSession(ctx context.Context, in *struct {
	SessionID string `path:"sessionId" doc:"The session."`
}) (*none, error) {
	return nil, a.Identity.EndSession(ctx, me(ctx).UserID, in.SessionID)
}
