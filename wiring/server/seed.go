package server

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/identity"
	"parley/names"
	"parley/seed"
)

// SignedIn is a synthetic person in a room, and an access token of theirs.
type SignedIn struct {
	Token  string `json:"token"`
	UserID string `json:"userId"`
	RoomID string `json:"roomId"`
}

// Seed fills the data with synthetic people, rooms and messages; if tokens hold for any time it also signs the
// people in.
func (s *Server) Seed(ctx context.Context, o seed.Options, tokens time.Duration) ([]SignedIn, error) {
	o.Names, o.Now = names.Precis{}, s.cfg.Now
	people, err := seed.Fill(ctx, s.store, o)
	if err != nil || tokens <= 0 {
		return nil, err
	}
	out := make([]SignedIn, len(people))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(64) // share an fsync
	for i, p := range people {
		g.Go(func() error {
			grant, err := s.accounts.SignIn(ctx, p.UserID, identity.Device{UserAgent: "parley seed"}, tokens)
			out[i] = SignedIn{grant.AccessToken, p.UserID, p.RoomID}
			return err
		})
	}
	return out, g.Wait()
}
