package httpapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"parley/chat"
)

// eraseFor is how long a request waits for an account to be erased; what is left then follows by itself.
const eraseFor = 20 * time.Second

// ErasePassword confirms that one wants to be erased.
type ErasePassword struct {
	Password string `json:"password"`
}

// EraseReport tells what was removed with an account.
type EraseReport struct {
	Messages      int  `json:"messages" doc:"Without content, in all rooms."`
	Files         int  `json:"files"`
	Subscriptions int  `json:"subscriptions" doc:"Of Web Push."`
	Sessions      int  `json:"sessions"`
	Memberships   int  `json:"memberships"`
	Invites       int  `json:"invites"`
	Complete      bool `json:"complete" doc:"False: there was very much; the rest follows by itself."`
}

// Export is everything that the server keeps of a person.
type Export struct {
	Account       chat.ExportedAccount `json:"account"`
	Rooms         []chat.ExportedRoom  `json:"rooms"`
	Messages      []chat.Message       `json:"messages" doc:"The newest first, also those in rooms that one has left."`
	Files         []chat.ExportedFile  `json:"files"`
	Sessions      []DeviceSession      `json:"sessions"`
	Invites       []ExportedInvite     `json:"invites"`
	Subscriptions []PushDevice         `json:"subscriptions"`
}

// ExportLink is where an Export can be fetched for a quarter of an hour.
type ExportLink struct {
	URL string `json:"url" doc:"Needs no token."`
}

// ExportedInvite is an invitation as its person takes it home.
type ExportedInvite struct {
	InviteID  string      `json:"inviteId"`
	RoomID    string      `json:"roomId,omitempty"`
	CreatedAt chat.Millis `json:"createdAt"`
	ExpiresAt chat.Millis `json:"expiresAt"`
	Uses      int         `json:"uses"`
}

func (a *api) dataRoutes() {
	handle(a, route{id: "eraseMe", method: http.MethodDelete, path: "/me", tag: "profile", summary: "Erase one's account",
		about: "All messages lose their content, files and settings are removed, all sessions end. The username is never given to anybody again. " +
			"This cannot be taken back.", status: http.StatusOK, access: counted}, a.eraseMe)
	op := a.operation(route{id: "exportMe", method: http.MethodGet, path: "/me/export", tag: "profile", summary: "Everything about oneself",
		about: "A download, or where answers cannot be so large a redirect to one, whose link holds for a quarter of an hour; " +
			"with link=1 the link itself (201), for pages that may not follow the redirect. If it was cut off it is no valid JSON.", access: counted})
	op.Responses[strconv.Itoa(http.StatusCreated)] = &huma.Response{Description: "The download is elsewhere, as asked",
		Headers: map[string]*huma.Param{"Location": {Schema: &huma.Schema{Type: huma.TypeString}}},
		Content: map[string]*huma.MediaType{"application/json": {Schema: a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[ExportLink](), true, "")}}}
	op.Responses[strconv.Itoa(http.StatusSeeOther)] = &huma.Response{Description: "The download is elsewhere",
		Headers: map[string]*huma.Param{"Location": {Schema: &huma.Schema{Type: huma.TypeString}}}}
	op.Responses[strconv.Itoa(http.StatusOK)] = &huma.Response{Description: "Everything that the server keeps of oneself",
		Content: map[string]*huma.MediaType{"application/json": {Schema: a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Export](), true, "")}}}
	huma.Register(a.huma, op, func(_ context.Context, in *struct {
		Link bool `query:"link" doc:"Where the download is elsewhere, answer its link in place of a redirect."`
	}) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(hc huma.Context) { a.export(hc, in.Link) }}, nil
	})
}

func (a *api) eraseMe(ctx context.Context, in *struct{ Body ErasePassword }) (*out[EraseReport], error) {
	id := me(ctx).UserID
	sessions, err := a.Identity.Sessions(ctx, id)
	if err != nil {
		return nil, err
	}
	invites, err := a.Identity.Invites(ctx, id)
	if err != nil {
		return nil, err
	}
	devices, err := a.devices(ctx, id)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // who hangs up now must not leave an account behind that is half gone
	if err := a.Identity.CheckPassword(ctx, me(ctx), in.Body.Password); err != nil {
		return nil, err
	}
	if err := a.Service.BeginErase(ctx, id); err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, eraseFor)
	defer cancel()
	e, err := a.Service.Erase(waiting, id)
	if err != nil {
		a.log.WarnContext(ctx, "an account is not erased yet; going on later", slog.Any("error", err))
	}
	return &out[EraseReport]{EraseReport{Messages: e.Messages, Files: e.Files, Subscriptions: len(devices), Sessions: len(sessions),
		Memberships: e.Memberships, Invites: len(invites), Complete: err == nil}}, nil
}

// devices are where a person is pushed to.
func (a *api) devices(ctx context.Context, userID string) ([]chat.PushSubscription, error) {
	if a.Push == nil {
		return nil, nil
	}
	return a.Push.Subscriptions(ctx, userID)
}

// export answers with everything about who asks, or with where that is.
func (a *api) export(hc huma.Context, asLink bool) {
	ctx := hc.Context()
	_, w := humago.Unwrap(hc)
	filename := "parley-" + time.Now().UTC().Format(time.DateOnly) + ".json"
	if a.Exports != nil {
		link, err := a.Exports.Put(ctx, me(ctx).UserID, filename, func(w io.Writer) error { return a.exportTo(ctx, &exporter{w: w}) })
		if err != nil {
			writeProblem(w, a.problem(ctx, err))
			return
		}
		hc.SetHeader("Location", link)
		if !asLink {
			w.WriteHeader(http.StatusSeeOther)
			return
		}
		hc.SetHeader("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = writeJSON(w, ExportLink{URL: link}) // who hangs up needs no answer
		return
	}
	hc.SetHeader("Content-Type", "application/json")
	hc.SetHeader("Content-Disposition", `attachment; filename="`+filename+`"`)
	if err := a.exportTo(ctx, &exporter{w: w, rc: http.NewResponseController(w)}); err != nil && ctx.Err() == nil {
		a.log.ErrorContext(ctx, "an export was cut off", slog.Any("error", err))
		panic(http.ErrAbortHandler) // so that it does not look whole
	}
}

// exportTo writes everything about who asks.
func (a *api) exportTo(ctx context.Context, e *exporter) error {
	err := a.Service.Export(ctx, me(ctx).UserID, chat.Exporter{
		Account: func(v chat.ExportedAccount) error { return e.one("account", v) },
		Room:    func(v chat.ExportedRoom) error { return e.add("rooms", v) },
		Message: func(m *chat.Message) error { return e.add("messages", whole(m)) },
		File:    func(v chat.ExportedFile) error { return e.add("files", v) },
	})
	if err == nil {
		err = a.exportSignIns(ctx, e)
	}
	if err == nil {
		err = e.end()
	}
	return err
}

// exportSignIns writes what identity and push keep.
func (a *api) exportSignIns(ctx context.Context, e *exporter) error {
	sessions, err := a.listSessions(ctx, nil)
	if err != nil {
		return err
	}
	for _, s := range sessions.Body.Sessions {
		if err := e.add("sessions", s); err != nil {
			return err
		}
	}
	invites, err := a.Identity.Invites(ctx, me(ctx).UserID)
	if err != nil {
		return err
	}
	for _, i := range invites {
		if err := e.add("invites", ExportedInvite{i.InviteID, i.RoomID, i.CreatedAt, i.ExpiresAt, i.Uses}); err != nil {
			return err
		}
	}
	devices, err := a.devices(ctx, me(ctx).UserID)
	if err != nil {
		return err
	}
	for _, d := range devices {
		v := PushDevice{SubscriptionID: d.SubscriptionID, Device: d.Device, CreatedAt: d.CreatedAt, LastUsedAt: d.LastUsedAt, Failure: d.Failure}
		if err := e.add("subscriptions", v); err != nil {
			return err
		}
	}
	return nil
}

// exporter writes an Export piece by piece.
type exporter struct {
	w    io.Writer
	rc   *http.ResponseController // nil: it is not an answer
	next int                      // of exportLists
	open bool
}

// exportLists are the lists of an Export, in their order.
func exportLists() []string {
	return []string{"rooms", "messages", "files", "sessions", "invites", "subscriptions"}
}

func (e *exporter) one(name string, v any) error {
	if _, err := io.WriteString(e.w, `{"`+name+`":`); err != nil {
		return err
	}
	return writeJSON(e.w, v)
}

// add appends to a list; those before it end.
func (e *exporter) add(list string, v any) error {
	sep := ","
	for !e.open || exportLists()[e.next-1] != list {
		if err := e.begin(); err != nil {
			return err
		}
		sep = ""
	}
	if _, err := io.WriteString(e.w, sep); err != nil {
		return err
	}
	if e.rc != nil {
		_ = e.rc.SetWriteDeadline(time.Now().Add(time.Minute)) // as long as somebody reads
	}
	return writeJSON(e.w, v)
}

// begin ends the list that is open and begins the next one.
func (e *exporter) begin() error {
	text := `,"` + exportLists()[e.next] + `":[`
	if e.open {
		text = "]" + text
	}
	e.open = true
	e.next++
	_, err := io.WriteString(e.w, text)
	return err
}

func (e *exporter) end() error {
	for e.next < len(exportLists()) {
		if err := e.begin(); err != nil {
			return err
		}
	}
	_, err := io.WriteString(e.w, "]}")
	return err
}
