// Package client is a small client of Parley's public contract: sign in, rooms, history, send, and a live stream that
// tells every change exactly once and in order, over lost connections and restarted servers.
//
//	c, err := client.New("http://127.0.0.1:8080", client.Options{})
//	_, err = c.Login(ctx, "alice", password)
//	message, err := c.Send(ctx, chat.NewMessage{RoomID: room, Content: "hello"})
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"parley/chat"
)

// Options of a Client; the zero value works.
type Options struct {
	HTTP *http.Client // default: one with a time-out of 30 s
	// Session is one saved from before; the client signs in with it.
	Session Session
	// OnSession is called, one call after another, whenever the session changes, so that the caller can save it: a
	// refresh token works only once. A session without tokens means signed out.
	OnSession func(Session)
	UserAgent string       // how the session is called in the person's list; default "parley-client"
	Logger    *slog.Logger // default: silent
	// Retries is how often Send and reads are repeated when the server cannot be reached or is busy; default 5,
	// negative: never. Waits grow from MinBackoff to MaxBackoff, with full jitter.
	Retries                int
	MinBackoff, MaxBackoff time.Duration // default 250 ms and 10 s
}

// Client is one person's access to one server. Its methods are safe for concurrent use. Refusals of the server are
// *chat.Error values; a server that cannot be reached is chat.Unavailable.
type Client struct {
	base *url.URL
	opt  Options

	// mu guards session. refreshing is held by the one goroutine that refreshes it or signs in.
	mu         sync.Mutex
	session    Session
	refreshing chan struct{}
}

// New makes a client of the server at base, such as "https://chat.example.org". It does not connect.
func New(base string, o Options) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("server address %q: want http://HOST or https://HOST", base)
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: 30 * time.Second}
	}
	if o.OnSession == nil {
		o.OnSession = func(Session) {}
	}
	if o.UserAgent == "" {
		o.UserAgent = "parley-client"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Retries == 0 {
		o.Retries = 5
	}
	if o.MinBackoff <= 0 {
		o.MinBackoff = 250 * time.Millisecond
	}
	if o.MaxBackoff < o.MinBackoff {
		o.MaxBackoff = max(10*time.Second, o.MinBackoff)
	}
	return &Client{base: u, opt: o, session: o.Session, refreshing: make(chan struct{}, 1)}, nil
}

// call is one request of the API.
type call struct {
	method, path string
	query        url.Values
	body         any // nil: none
	into         any // nil: the answer does not matter
	public       bool
	repeatable   bool // doing it twice is doing it once
}

// do sends c, refreshes the session when it has expired, and repeats c if that is safe.
func (c *Client) do(ctx context.Context, r call) error {
	var payload []byte
	if r.body != nil {
		var err error
		if payload, err = json.Marshal(r.body); err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
	}
	for attempt := 0; ; attempt++ {
		err := c.authorized(ctx, r, payload)
		refusal, ok := errors.AsType[*chat.Error](err)
		again := ok && (refusal.Code == chat.Unavailable || refusal.Code == chat.RateLimited)
		if !again || !r.repeatable || attempt >= c.opt.Retries || ctx.Err() != nil {
			return err
		}
		if err := sleep(ctx, max(refusal.RetryAfter, c.backoff(attempt))); err != nil {
			return err
		}
	}
}

// authorized sends r with an access token; with a fresh one if the server says that it has expired.
func (c *Client) authorized(ctx context.Context, r call, payload []byte) error {
	if r.public {
		return c.once(ctx, r, payload, "")
	}
	token, err := c.token(ctx, "")
	if err != nil {
		return err
	}
	err = c.once(ctx, r, payload, token)
	if chat.CodeOf(err) != chat.Unauthenticated {
		return err
	}
	if token, err = c.token(ctx, token); err != nil {
		return err
	}
	return c.once(ctx, r, payload, token)
}

// once sends one request.
func (c *Client) once(ctx context.Context, r call, payload []byte, token string) error {
	u := *c.base
	u.RawPath = strings.TrimSuffix(u.EscapedPath(), "/") + "/api/v1" + r.path
	var err error
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	u.RawQuery = r.query.Encode()
	var body io.Reader = http.NoBody
	if r.body != nil {
		body = bytes.NewReader(payload)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("User-Agent", c.opt.UserAgent)
	req.Header.Set("Accept", "application/json")
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.opt.HTTP.Do(req)
	if err != nil {
		return unreachable(ctx, err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		return problem(ctx, res)
	}
	if r.into == nil || res.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(r.into); err != nil {
		return unreachable(ctx, fmt.Errorf("read the answer to %s %s: %w", r.method, r.path, err))
	}
	return nil
}

// unreachable is a failure of the connection.
func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &chat.Error{Code: chat.Unavailable, Message: "The server cannot be reached.", Cause: err}
}

// problem reads an RFC 9457 refusal. One that is cut short says nothing.
func problem(ctx context.Context, res *http.Response) error {
	var p struct {
		Detail       string
		Code         chat.Code
		Field        string
		RetryAfterMs int64
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err != nil {
		return unreachable(ctx, fmt.Errorf("read a refusal: %w", err))
	}
	if json.Unmarshal(text, &p) == nil && p.Code != "" {
		return &chat.Error{Code: p.Code, Message: p.Detail, Field: p.Field, RetryAfter: time.Duration(p.RetryAfterMs) * time.Millisecond}
	}
	code := chat.Internal
	if res.StatusCode >= http.StatusInternalServerError { // not from Parley: what stands before it did not reach it
		code = chat.Unavailable
	}
	seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
	return &chat.Error{Code: code, Message: "The server answered " + res.Status + ".", RetryAfter: time.Duration(seconds) * time.Second}
}

// backoff is how long to wait after the failed attempt of that number: exponential, with full jitter.
func (c *Client) backoff(attempt int) time.Duration {
	limit := min(c.opt.MaxBackoff, c.opt.MinBackoff<<min(attempt, 16))
	return time.Duration(rand.Int64N(int64(limit))) + time.Millisecond //nolint:gosec // spreads load, keeps no secret
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
