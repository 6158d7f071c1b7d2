package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/oklog/ulid/v2"

	"parley/chat"
)

// get reads one thing.
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	return c.do(ctx, call{method: http.MethodGet, path: path, query: query, into: into, repeatable: true})
}

func room(roomID string, more ...string) string {
	path := "/rooms/" + url.PathEscape(roomID)
	for _, part := range more {
		path += "/" + url.PathEscape(part)
	}
	return path
}

// Me returns the person who is signed in.
func (c *Client) Me(ctx context.Context) (u chat.User, err error) {
	return u, c.get(ctx, "/me", nil, &u)
}

// Users returns people one of whose names has a word that begins with query, at most a page of them.
func (c *Client) Users(ctx context.Context, query string) ([]chat.User, error) {
	var page struct{ Users []chat.User }
	err := c.get(ctx, "/users", url.Values{"query": {query}}, &page)
	return page.Users, err
}

// Rooms returns one's own rooms, all of them.
func (c *Client) Rooms(ctx context.Context) ([]chat.RoomView, error) { return c.rooms(ctx, "mine", "") }

// PublicRooms returns the public rooms whose name begins with query, all of them.
func (c *Client) PublicRooms(ctx context.Context, query string) ([]chat.RoomView, error) {
	return c.rooms(ctx, "public", query)
}

func (c *Client) rooms(ctx context.Context, scope, query string) (all []chat.RoomView, err error) {
	q := url.Values{"scope": {scope}}
	if query != "" {
		q.Set("query", query)
	}
	for {
		var page struct {
			Rooms  []chat.RoomView
			Cursor string
		}
		if err := c.get(ctx, "/rooms", q, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Rooms...)
		if page.Cursor == "" {
			return all, nil
		}
		q.Set("cursor", page.Cursor)
	}
}

// Room returns one room.
func (c *Client) Room(ctx context.Context, roomID string) (v chat.RoomView, err error) {
	return v, c.get(ctx, room(roomID), nil, &v)
}

// CreateRoom makes a public or private room.
func (c *Client) CreateRoom(ctx context.Context, kind chat.Kind, name, topic string) (v chat.RoomView, err error) {
	body := map[string]string{"kind": string(kind), "name": name, "topic": topic}
	return v, c.do(ctx, call{method: http.MethodPost, path: "/rooms", body: body, into: &v})
}

// DeleteRoom ends a room for all.
func (c *Client) DeleteRoom(ctx context.Context, roomID string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: room(roomID)})
}

// Join enters a public room.
func (c *Client) Join(ctx context.Context, roomID string) (v chat.RoomView, err error) {
	return v, c.do(ctx, call{method: http.MethodPost, path: room(roomID, "join"), into: &v, repeatable: true})
}

// Leave leaves a room.
func (c *Client) Leave(ctx context.Context, roomID string) error {
	return c.do(ctx, call{method: http.MethodPost, path: room(roomID, "leave")})
}

// OpenDirect finds or makes the direct room with these people.
func (c *Client) OpenDirect(ctx context.Context, userIDs ...string) (v chat.RoomView, err error) {
	body := map[string][]string{"userIds": userIDs}
	return v, c.do(ctx, call{method: http.MethodPost, path: "/direct", body: body, into: &v, repeatable: true})
}

// Members returns all members of a room.
func (c *Client) Members(ctx context.Context, roomID string) (all []chat.MemberView, err error) {
	for q := (url.Values{}); ; {
		var page struct {
			Members []chat.MemberView
			Cursor  string
		}
		if err := c.get(ctx, room(roomID, "members"), q, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Members...)
		if page.Cursor == "" {
			return all, nil
		}
		q.Set("cursor", page.Cursor)
	}
}

// SetMember adds a person to a room or changes their role; an empty role means member, or no change.
func (c *Client) SetMember(ctx context.Context, roomID, userID string, role chat.Role) (m chat.Membership, err error) {
	body := map[string]string{}
	if role != "" {
		body["role"] = string(role)
	}
	return m, c.do(ctx, call{method: http.MethodPut, path: room(roomID, "members", userID), body: body, into: &m, repeatable: true})
}

// RemoveMember removes a person from a room.
func (c *Client) RemoveMember(ctx context.Context, roomID, userID string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: room(roomID, "members", userID)})
}

// History returns a page of messages, ascending.
func (c *Client) History(ctx context.Context, roomID string, q chat.PageQuery) (p chat.MessagePage, err error) {
	v := url.Values{}
	for name, bound := range map[string]*int64{"before": q.Before, "after": q.After, "around": q.Around, "at": q.At} {
		if bound != nil {
			v.Set(name, strconv.FormatInt(*bound, 10))
		}
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return p, c.get(ctx, room(roomID, "messages"), v, &p)
}

// Search returns a page of the messages that q finds, the newest first, and the cursor for more. A page may be short or
// empty although there is more; SearchedTo is the moment down to which all was searched.
func (c *Client) Search(ctx context.Context, q chat.SearchQuery) (p chat.SearchPage, err error) {
	v := url.Values{"query": {q.Text}}
	for name, value := range map[string]string{"roomId": q.RoomID, "userId": q.UserID, "cursor": q.Cursor} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return p, c.get(ctx, "/search", v, &p)
}

// Send sends a message and returns it once it is durable. It is repeated with the same ClientMessageID, which is
// made up if empty, so that the message is sent once however often the connection breaks; after an error it may have
// been sent or not, and sending it again with the same id is safe.
func (c *Client) Send(ctx context.Context, n chat.NewMessage) (m chat.Message, err error) {
	if n.ClientMessageID == "" {
		n.ClientMessageID = NewID()
	}
	return m, c.do(ctx, call{method: http.MethodPost, path: room(n.RoomID, "messages"), body: newMessage(n), into: &m, repeatable: true})
}

// newMessage is the body of a message to a room that stands in the path.
func newMessage(n chat.NewMessage) any {
	return struct {
		Content         string         `json:"content"`
		ClientMessageID string         `json:"clientMessageId"`
		ReplyTo         string         `json:"replyTo,omitempty"`
		Attachments     []chat.FileRef `json:"attachments,omitempty"`
	}{n.Content, n.ClientMessageID, n.ReplyTo, n.Attachments}
}

// NewID makes a ClientMessageID.
func NewID() string { return ulid.Make().String() }

// Edit replaces the text of one's own message.
func (c *Client) Edit(ctx context.Context, roomID, messageID, content string) (m chat.Message, err error) {
	body := map[string]string{"content": content}
	return m, c.do(ctx, call{method: http.MethodPatch, path: room(roomID, "messages", messageID), body: body, into: &m, repeatable: true})
}

// Delete empties a message.
func (c *Client) Delete(ctx context.Context, roomID, messageID string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: room(roomID, "messages", messageID), repeatable: true})
}

// React adds one's reaction, an emoji, to a message.
func (c *Client) React(ctx context.Context, roomID, messageID, emoji string) (m chat.Message, err error) {
	return m, c.do(ctx, call{method: http.MethodPut, path: room(roomID, "messages", messageID, "reactions", emoji), into: &m, repeatable: true})
}

// Unreact takes it back.
func (c *Client) Unreact(ctx context.Context, roomID, messageID, emoji string) (m chat.Message, err error) {
	return m, c.do(ctx, call{method: http.MethodDelete, path: room(roomID, "messages", messageID, "reactions", emoji), into: &m, repeatable: true})
}

// EraseMe removes one's own account and all that is in it, and tells how much that was.
func (c *Client) EraseMe(ctx context.Context, password string) (removed map[string]any, err error) {
	return removed, c.do(ctx, call{method: http.MethodDelete, path: "/me", body: map[string]string{"password": password}, into: &removed})
}

// Export returns everything that the server keeps of oneself, as JSON.
func (c *Client) Export(ctx context.Context) (all json.RawMessage, err error) {
	return all, c.get(ctx, "/me/export", nil, &all)
}

// MarkRead moves one's read marker.
func (c *Client) MarkRead(ctx context.Context, roomID string, seq int64) error {
	return c.do(ctx, call{method: http.MethodPut, path: room(roomID, "read"), body: map[string]int64{"seq": seq}, repeatable: true})
}

// Unread returns the counts of one's rooms.
func (c *Client) Unread(ctx context.Context) ([]chat.Unread, error) {
	var answer struct{ Rooms []chat.Unread }
	err := c.get(ctx, "/unread", nil, &answer)
	return answer.Rooms, err
}
