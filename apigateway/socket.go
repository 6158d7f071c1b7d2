package apigateway

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"parley/chat"
	"parley/protocol"
)

// Service is what the edge needs of the core; *chat.Service has it.
type Service interface {
	protocol.Service
	Submit(ctx context.Context, by string, m chat.NewMessage, origin chat.Origin, done func(m chat.Message, repeat bool, err error))
	// RoomIDs returns the rooms of a person.
	RoomIDs(ctx context.Context, userID string) ([]string, error)
	// TellPresence tells that a person came or went.
	TellPresence(ctx context.Context, userID string, online bool)
}

// Credentials are what a request to open a socket brings: at most one of the two is set.
type Credentials struct {
	Ticket string // of the URL, for browsers
	Bearer string // an access token in the Authorization header, for programs
}

// Identity is who opens a socket.
type Identity struct{ UserID, Username, SessionID string }

// SocketConfig is what a Socket is made of. Service, Deliverer and Authenticate are required.
type SocketConfig struct {
	Service   Service
	Deliverer *Deliverer
	// Authenticate says who brings c; an *chat.Error with Unauthenticated or Forbidden if nobody may.
	Authenticate func(ctx context.Context, c Credentials) (Identity, error)
	Origins      []string      // (scheme://host[:port]) whose pages may connect; others that name one may not
	PerUser      int           // connections of one person, default 100
	GoneAfter    time.Duration // for which a person must be away before it is told, default 2 s
	Logger       *slog.Logger  // default slog.Default
}

// Socket serves the events of a WebSocket API. It is safe for concurrent use.
type Socket struct {
	SocketConfig
	d *Deliverer
}

// NewSocket makes a Socket.
func NewSocket(c SocketConfig) *Socket {
	if c.PerUser == 0 {
		c.PerUser = 100
	}
	if c.GoneAfter == 0 {
		c.GoneAfter = 2 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Socket{c, c.Deliverer}
}

// What is noted of a person who connects.
const (
	hearFor     = 24 * time.Hour  // their rooms
	hearAnew    = 12 * time.Hour  // left of that when they connect again: then it is done anew
	aliveAfter  = 5 * time.Minute // a connection is noted as alive again
	connectFor  = 10 * time.Second
	presenceFor = 2 * time.Second
)

// Handle serves one event. What a request is answered goes to its connection; refusals are frames too. The error is
// always nil: API Gateway would answer it with a frame of its own, that no client understands.
func (s *Socket) Handle(ctx context.Context, e events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
	switch e.RequestContext.EventType {
	case "CONNECT":
		return s.connect(ctx, &e), nil
	case "DISCONNECT":
		s.disconnect(ctx, e.RequestContext.ConnectionID)
	case "MESSAGE":
		s.message(ctx, &e)
	default:
		return events.APIGatewayProxyResponse{StatusCode: http.StatusBadRequest}, nil
	}
	return events.APIGatewayProxyResponse{StatusCode: http.StatusOK}, nil
}

// connect lets a person in or refuses them, by the status of the handshake.
func (s *Socket) connect(ctx context.Context, e *events.APIGatewayWebsocketProxyRequest) events.APIGatewayProxyResponse {
	header := func(name string) string {
		for k, v := range e.Headers {
			if strings.EqualFold(k, name) {
				return v
			}
		}
		return ""
	}
	if !s.allowed(header("Origin")) || e.RequestContext.ConnectionID == "" {
		return events.APIGatewayProxyResponse{StatusCode: http.StatusForbidden}
	}
	ctx, cancel := context.WithTimeout(ctx, connectFor)
	defer cancel()
	who, err := s.Authenticate(ctx, credentials(header("Authorization"), e.QueryStringParameters["ticket"]))
	first := false
	if err == nil {
		now := s.d.now().UnixMilli()
		if err = s.subscribe(ctx, who.UserID); err == nil {
			first, err = s.d.store.Connect(ctx, chat.Connection{ConnectionID: e.RequestContext.ConnectionID, UserID: who.UserID, Username: who.Username,
				SessionID: who.SessionID, ConnectedAt: now, LastSeen: now}, s.PerUser)
		}
	}
	if err != nil {
		return s.refuse(ctx, err)
	}
	if first {
		ctx, cancel := context.WithTimeout(ctx, presenceFor)
		defer cancel()
		s.Service.TellPresence(ctx, who.UserID, true)
	}
	answer := events.APIGatewayProxyResponse{StatusCode: http.StatusOK}
	for p := range strings.SplitSeq(header("Sec-WebSocket-Protocol"), ",") {
		if strings.TrimSpace(p) == protocol.Subprotocol {
			answer.Headers = map[string]string{"Sec-WebSocket-Protocol": protocol.Subprotocol}
		}
	}
	return answer
}

func (s *Socket) refuse(ctx context.Context, err error) events.APIGatewayProxyResponse {
	status := http.StatusServiceUnavailable
	switch chat.CodeOf(err) {
	case chat.Unauthenticated, chat.NotFound:
		status = http.StatusUnauthorized
	case chat.Forbidden:
		status = http.StatusForbidden
	case chat.RateLimited:
		status = http.StatusTooManyRequests
	default:
		s.Logger.ErrorContext(ctx, "could not open a connection", "error", err)
	}
	return events.APIGatewayProxyResponse{StatusCode: status}
}

func credentials(authorization, ticket string) Credentials {
	if authorization == "" {
		return Credentials{Ticket: ticket}
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	return Credentials{Bearer: token}
}

// allowed checks the origin that browsers send, so that no foreign page speaks in the name of its visitor.
func (s *Socket) allowed(origin string) bool {
	if origin == "" || len(s.Origins) == 0 {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && slices.ContainsFunc(s.Origins, func(o string) bool { return strings.EqualFold(o, origin) })
}

// subscribe notes the rooms of a person, unless that was done lately: until then whoever tells of memberships keeps it
// true. So a person in very many rooms costs very many writes once in hours, however often their socket opens.
func (s *Socket) subscribe(ctx context.Context, userID string) error {
	store, now := s.d.store, s.d.now()
	until, err := store.Subscribed(ctx, userID)
	if err != nil || until > now.Add(hearAnew).UnixMilli() {
		return err
	}
	until = now.Add(hearFor).UnixMilli()
	if err := store.Subscribe(ctx, userID, until); err != nil { // from here on joinings and leavings are noted
		return err
	}
	rooms, err := s.Service.RoomIDs(ctx, userID)
	if err != nil || len(rooms) == 0 {
		return err
	}
	if err := store.Hear(ctx, userID, until, rooms...); err != nil {
		return err
	}
	still, err := s.Service.RoomIDs(ctx, userID) // who left meanwhile may have been noted after it was told
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(rooms, func(id string) bool { return slices.Contains(still, id) })
	if len(left) == 0 {
		return nil
	}
	return store.Unhear(ctx, userID, left...)
}

// disconnect forgets a connection. That a person went is told when it has lasted.
func (s *Socket) disconnect(ctx context.Context, connectionID string) {
	c, err := s.d.store.Connection(ctx, connectionID)
	if chat.CodeOf(err) == chat.NotFound {
		return
	}
	last := false
	if err == nil {
		last, err = s.d.store.Forget(ctx, c.UserID, connectionID)
	}
	if err != nil {
		s.Logger.WarnContext(ctx, "could not forget a connection", "connection", connectionID, "error", err)
	}
	if !last {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(s.GoneAfter):
	}
	if online, err := s.d.Online(ctx, c.UserID); err == nil && !online[c.UserID] {
		s.Service.TellPresence(ctx, c.UserID, false)
	}
}

// message serves a frame.
func (s *Socket) message(ctx context.Context, e *events.APIGatewayWebsocketProxyRequest) {
	id := e.RequestContext.ConnectionID
	c, err := s.d.store.Connection(ctx, id)
	if chat.CodeOf(err) == chat.NotFound { // forgotten, or never let in: the client comes back
		s.d.end(ctx, target{id: id})
		return
	}
	to := target{id, c.UserID, c.LastSeen}
	r, frames := protocol.Request{}, []string(nil)
	if err == nil {
		r, err = decode(e)
	}
	if err == nil {
		frames, err = s.serve(ctx, &c, &r)
	}
	if err != nil {
		if chat.CodeOf(err) == chat.Internal {
			s.Logger.ErrorContext(ctx, "request failed", "user", c.UserID, "error", err)
		}
		frames = []string{string(protocol.AppendError(nil, r.RequestID, err))}
	}
	if len(frames) > 0 {
		out, err := s.d.push(ctx, []parcel{{to: to, frames: frames}})
		if err == nil {
			s.d.settle(ctx, out)
		}
	}
	if now := s.d.now(); now.UnixMilli()-c.LastSeen > aliveAfter.Milliseconds() {
		if err := s.d.store.Alive(ctx, c, now.UnixMilli()); err != nil {
			s.Logger.WarnContext(ctx, "could not keep a connection", "connection", id, "error", err)
		}
	}
}

func decode(e *events.APIGatewayWebsocketProxyRequest) (protocol.Request, error) {
	if e.IsBase64Encoded {
		return protocol.Request{}, chat.Errorf(chat.InvalidRequest, "Frames are texts.")
	}
	return protocol.Decode([]byte(e.Body))
}

// serve does what a request asks, and returns the frames of the answer. The acknowledgement of a new message is not
// among them: it was told in its place in the log.
func (s *Socket) serve(ctx context.Context, c *chat.Connection, r *protocol.Request) (frames []string, err error) {
	defer func() {
		if p := recover(); p != nil { // a fault in one request costs that request
			frames, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	send := func(appendTo func(dst []byte) []byte) { frames = append(frames, string(appendTo(nil))) }
	if r.Action != protocol.SendMessage {
		err := protocol.Answer(ctx, s.Service, c.UserID, r, send)
		return frames, err
	}
	type result struct {
		m      chat.Message
		repeat bool
		err    error
	}
	done := make(chan result, 1)
	s.Service.Submit(ctx, c.UserID, r.Message, chat.Origin{ConnectionID: c.ConnectionID, RequestID: r.RequestID},
		func(m chat.Message, repeat bool, err error) { done <- result{m, repeat, err} })
	select {
	case <-ctx.Done():
		return nil, &chat.Error{Code: chat.Unavailable, Message: "The server is busy. Please send the message again.", Cause: ctx.Err()}
	case d := <-done:
		if d.repeat {
			send(func(dst []byte) []byte { return protocol.AppendAck(dst, r.RequestID, &d.m) })
		}
		return frames, d.err
	}
}
