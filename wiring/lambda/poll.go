package lambda

import (
	"context"
	"time"

	"parley/apigateway"
	"parley/httpapi"
	"parley/identity"
)

// How soon somebody without a socket asks again: while people talk, and while nothing happens. What either costs is in
// docs/decisions/0013-without-a-socket.md.
const (
	pollBusy  = time.Second
	pollQuiet = 3 * time.Second
)

// await serves who has no socket. It answers at once, whatever there is.
func (h *house) await(ctx context.Context, p httpapi.Principal, id string, _ time.Duration, look func(context.Context) (bool, error)) (httpapi.Mail, error) {
	sockets, err := h.sockets.get(ctx)
	if err != nil {
		return httpapi.Mail{}, err
	}
	who, err := h.accounts.get(ctx)
	if err != nil {
		return httpapi.Mail{}, err
	}
	id, told, err := sockets.Poll(ctx, apigateway.Identity{UserID: p.UserID, SessionID: p.SessionID}, id, func(ctx context.Context) error {
		_, err := who.CheckSession(ctx, identity.Principal(p))
		return err
	})
	if err != nil {
		return httpapi.Mail{}, err
	}
	found, err := look(ctx)
	mail := httpapi.Mail{ConnectionID: id, Signals: told, Retry: pollQuiet}
	if found || len(told) > 0 {
		mail.Retry = pollBusy
	}
	return mail, err
}
