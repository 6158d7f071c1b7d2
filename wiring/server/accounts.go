package server

import (
	"context"
	"time"

	"parley/gateway"
	"parley/httpapi"
)

// authenticate says who opens a socket.
func (s *Server) authenticate(ctx context.Context, c gateway.Credentials) (gateway.Identity, error) {
	p, err := s.who.Authenticate(ctx, c.Ticket, c.Bearer)
	return gateway.Identity{UserID: p.UserID, SessionID: p.SessionID}, err
}

// await serves who has no socket, by the gateway.
func (s *Server) await(ctx context.Context, p httpapi.Principal, id string, wait time.Duration, look func(context.Context) (bool, error)) (httpapi.Mail, error) {
	id, told, err := s.gateway.Await(ctx, gateway.Identity{UserID: p.UserID, SessionID: p.SessionID}, id, wait, look)
	return httpapi.Mail{ConnectionID: id, Signals: told}, err
}
