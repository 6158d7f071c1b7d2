package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"parley/seed"
	"parley/wiring/server"
)

type seedCmd struct {
	dataFlag
	Users    int    `help:"People (${default})." default:"100" placeholder:"N"`
	Rooms    int    `help:"Public rooms (${default})." default:"10" placeholder:"N"`
	Members  int    `help:"People in each room (${default})." default:"10" placeholder:"N"`
	Messages int    `help:"Messages in each room (${default})." default:"0" placeholder:"N"`
	Tokens   string `help:"Also sign everybody in, and write a JSON array of {token,userId,roomId} to this file. The tokens hold for 24 hours." type:"path" placeholder:"FILE"`
}

// Help tells what is needed.
func (c *seedCmd) Help() string {
	return "Nothing is required. No server may have the folder open; what is in it already stays."
}

// tokensHold is how long the tokens of synthetic people are good: a day of load tests.
const tokensHold = 24 * time.Hour

// Run fills the data folder, which no server may have open.
func (c *seedCmd) Run(ctx context.Context, std streams) (err error) {
	o := seed.Options{Users: c.Users, Rooms: c.Rooms, Members: c.Members, Messages: c.Messages}
	if err := o.Check(); err != nil {
		return usagef("seed: %w", err)
	}
	s, err := server.New(ctx, server.Config{Data: c.Data, Bulk: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var hold time.Duration
	var tokens *os.File
	if c.Tokens != "" { // opened now: filling takes minutes
		hold = tokensHold
		if tokens, err = os.OpenFile(c.Tokens, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
			return fmt.Errorf("tokens: %w", err)
		}
		defer func() { err = errors.Join(err, tokens.Close()) }()
	}
	people, err := s.Seed(ctx, o, hold)
	if err != nil {
		return plainError(err)
	}
	if tokens != nil {
		if err := json.NewEncoder(tokens).Encode(people); err != nil {
			return fmt.Errorf("tokens: %w", err)
		}
	}
	_, err = fmt.Fprintf(std.out, "%d people in %d rooms are in %s\n", c.Users, c.Rooms, c.Data)
	return err
}
