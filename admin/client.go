package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"parley/chat"
)

// ErrNobody says that no server runs on the data folder.
var ErrNobody = errors.New("no server runs on this data folder")

// Client is the Operations of a running server.
type Client struct{ http *http.Client }

var _ Operations = (*Client)(nil)

// Dial returns the Operations of the server that runs on the data folder, or ErrNobody. Close ends its use.
func Dial(ctx context.Context, data string) (*Client, error) {
	conn, err := dial(ctx, data)
	if err != nil {
		return nil, ErrNobody
	}
	_ = conn.Close()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, data) },
	}
	return &Client{&http.Client{Transport: transport}}, nil
}

// Close ends idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// AddUser implements Operations.
func (c *Client) AddUser(ctx context.Context, n NewAccount) (a Account, err error) {
	return a, c.post(ctx, "/users", n, &a)
}

// Users implements Operations.
func (c *Client) Users(ctx context.Context, cursor string) ([]Account, string, error) {
	var p page[Account]
	err := c.get(ctx, "/users?cursor="+url.QueryEscape(cursor), &p)
	return p.Items, p.Next, err
}

// SetDisabled implements Operations.
func (c *Client) SetDisabled(ctx context.Context, username string, disabled bool) error {
	return c.post(ctx, "/disabled", disabledRequest{username, disabled}, &none{})
}

// ResetPassword implements Operations.
func (c *Client) ResetPassword(ctx context.Context, username, pass string) (string, error) {
	var p password
	err := c.post(ctx, "/password", password{username, pass}, &p)
	return p.Password, err
}

// Rooms implements Operations.
func (c *Client) Rooms(ctx context.Context, cursor string) ([]Room, string, error) {
	var p page[Room]
	err := c.get(ctx, "/rooms?cursor="+url.QueryEscape(cursor), &p)
	return p.Items, p.Next, err
}

// Backup implements Operations.
func (c *Client) Backup(ctx context.Context, dir string) error {
	return c.post(ctx, "/backup", backupRequest{dir}, &none{})
}

// Export implements Operations.
func (c *Client) Export(ctx context.Context, w io.Writer) error {
	return c.do(ctx, http.MethodGet, "/export", nil, func(body io.Reader) error {
		_, err := io.Copy(w, body)
		return err
	})
}

// Profile writes a profile of the running server to w, in the format of pprof: "profile" is one of its CPU over d, other
// names are those of package runtime/pprof ("heap", "goroutine", …), of which d must be 0.
func (c *Client) Profile(ctx context.Context, name string, d time.Duration, w io.Writer) error {
	path := "/debug/pprof/" + url.PathEscape(name)
	if d > 0 {
		path += fmt.Sprintf("?seconds=%g", d.Seconds())
	}
	return c.do(ctx, http.MethodGet, path, nil, func(body io.Reader) error {
		_, err := io.Copy(w, body)
		return err
	})
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	return c.do(ctx, http.MethodGet, path, nil, func(body io.Reader) error { return json.NewDecoder(body).Decode(into) })
}

func (c *Client) post(ctx context.Context, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode a request: %w", err)
	}
	return c.do(ctx, http.MethodPost, path, text, func(body io.Reader) error { return json.NewDecoder(body).Decode(into) })
}

func (c *Client) do(ctx context.Context, method, path string, text []byte, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://parley"+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the running server: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		var r refusal
		if err := json.NewDecoder(res.Body).Decode(&r); err != nil || r.Code == "" {
			return fmt.Errorf("the running server answered %s", res.Status)
		}
		return &chat.Error{Code: r.Code, Message: r.Message, Field: r.Field}
	}
	if err := read(res.Body); err != nil {
		return fmt.Errorf("read the running server's answer: %w", err)
	}
	return nil
}
