package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"parley/chat"
)

// Upload brings a file to the server, for a message in its room to take along. content has exactly n.Size bytes.
func (c *Client) Upload(ctx context.Context, n chat.NewUpload, content io.Reader) (chat.FileRef, error) {
	var target struct {
		chat.FileRef
		URL     string
		Headers map[string]string
	}
	body := struct {
		RoomID      string `json:"roomId"`
		Filename    string `json:"filename"`
		ContentType string `json:"contentType"`
		Size        int64  `json:"size"`
	}(n)
	if err := c.do(ctx, call{method: http.MethodPost, path: "/uploads", body: body, into: &target}); err != nil {
		return chat.FileRef{}, err
	}
	res, err := c.follow(ctx, http.MethodPut, target.URL, target.Headers, content, n.Size)
	if err != nil {
		return chat.FileRef{}, err
	}
	return target.FileRef, res.Body.Close()
}

// File opens an attachment of a message in one of one's rooms. The caller closes it.
func (c *Client) File(ctx context.Context, fileID string) (io.ReadCloser, error) {
	var links struct{ URL string }
	if err := c.get(ctx, "/files/"+url.PathEscape(fileID), nil, &links); err != nil {
		return nil, err
	}
	res, err := c.follow(ctx, http.MethodGet, links.URL, nil, http.NoBody, 0)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

// follow uses a signed link, to this server or another, without saying who asks.
func (c *Client) follow(ctx context.Context, method, link string, header map[string]string, body io.Reader, size int64) (*http.Response, error) {
	u, err := c.base.Parse(link)
	if err != nil {
		return nil, fmt.Errorf("follow a link to a file: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	req.ContentLength = size
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := c.opt.HTTP.Do(req)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		return nil, problem(ctx, res)
	}
	return res, nil
}
