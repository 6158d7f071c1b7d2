package httpapi

import (
	"context"
	"net/http"
	"net/url"

	"parley/chat"
)

// Server is what anybody may know of a server.
type Server struct {
	Name          string   `json:"name" example:"Garden club"`
	Registration  string   `json:"registration" doc:"Who may make an account: anybody, who has an invitation, or nobody." enum:"open,invite,closed"`
	SetupRequired bool     `json:"setupRequired" doc:"Nobody is registered: the first to do so becomes the administrator."`
	Version       string   `json:"version" example:"1.0.0"`
	Limits        Limits   `json:"limits"`
	Features      Features `json:"features"`
}

// Features are what not every server has.
type Features struct {
	Push  bool `json:"push" doc:"People who are away are told by Web Push."`
	Files bool `json:"files" doc:"Messages can have attachments."`
}

// Limits are those that a client may want to know before it asks.
type Limits struct {
	MessageBytes  int   `json:"messageBytes"`
	AvatarBytes   int64 `json:"avatarBytes"`
	DirectMembers int   `json:"directMembers"`
	FileBytes     int64 `json:"fileBytes" doc:"Of one attachment."`
}

// Ticket opens one socket.
type Ticket struct {
	Ticket    string `json:"ticket" doc:"Works once."`
	URL       string `json:"url" doc:"Connect to this with ?ticket= and the ticket, and the subprotocol parley.v1." example:"wss://chat.example.org/ws"`
	ExpiresIn int64  `json:"expiresIn" doc:"Seconds." example:"30"`
	MaxAge    int64  `json:"maxAgeSeconds,omitempty" doc:"Seconds after which the socket is ended, however busy it is: open the next one before that. Absent where sockets live as long as they like." example:"7200"`
}

func (a *api) serverRoutes() {
	handle(a, route{id: "getServer", method: http.MethodGet, path: "/server", tag: "server", summary: "The server itself", access: open}, a.getServer)
	handle(a, route{id: "createTicket", method: http.MethodPost, path: "/ws-tickets", tag: "server", summary: "A ticket for a socket",
		about: "Single use. Programs can open a socket with their access token instead."}, a.createTicket)
}

func (a *api) getServer(ctx context.Context, _ *none) (*out[Server], error) {
	s, err := a.Identity.ServerInfo(ctx)
	return &out[Server]{Server{
		Name: s.Name, Registration: s.Registration, SetupRequired: s.Empty, Version: a.Version,
		Limits:   Limits{MessageBytes: chat.MaxContent, AvatarBytes: a.Avatars.MaxBytes(), DirectMembers: chat.MaxDirect, FileBytes: a.Service.MaxFile()},
		Features: Features{Push: a.Push != nil, Files: a.Service.FilesOn()},
	}}, err
}

func (a *api) createTicket(ctx context.Context, _ *none) (*out[Ticket], error) {
	ticket, life, err := a.Identity.IssueTicket(ctx, me(ctx))
	return &out[Ticket]{Ticket{ticket, a.socketURL(ctx), int64(life.Seconds()), int64(a.SocketLife.Seconds())}}, err
}

// publicURL is where the client sees this server.
func (a *api) publicURL(ctx context.Context) *url.URL {
	if a.PublicURL != nil {
		return a.PublicURL
	}
	u := &url.URL{Scheme: "http", Host: requestOf(ctx).host}
	if requestOf(ctx).tls {
		u.Scheme = "https"
	}
	return u
}

// absolute is a link as a client can follow it from anywhere; one to this server has no host yet.
func (a *api) absolute(ctx context.Context, link string) string {
	u, err := a.publicURL(ctx).Parse(link)
	if err != nil {
		return link
	}
	return u.String()
}

func (a *api) socketURL(ctx context.Context) string {
	if a.SocketURL != "" {
		return a.SocketURL
	}
	u := *a.publicURL(ctx).JoinPath("ws")
	u.Scheme = map[bool]string{true: "wss", false: "ws"}[u.Scheme == "https"]
	return u.String()
}

// routes registers all of the API.
func (a *api) routes() {
	a.accountRoutes()
	a.profileRoutes()
	a.dataRoutes()
	a.peopleRoutes()
	a.roomRoutes()
	a.messageRoutes()
	a.searchRoutes()
	a.notificationRoutes()
	a.fileRoutes()
	a.inviteRoutes()
	a.pushRoutes()
	a.serverRoutes()
}
