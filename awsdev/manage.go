package awsdev

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// manage is @connections: what a function sends to one connection, asks of it, or its end.
func (g *gateway) manage(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		refuse(w, http.StatusForbidden, "ForbiddenException", "the request is not signed")
		return
	}
	faults := &g.house.Faults
	if from := g.house.runtime.worker(r.PathValue("worker")); r.Method == http.MethodPost && from != nil && (from.fn.name == Socket || from.fn.name == HTTP) && take(&faults.KillBeforePush) {
		from.kill()
		return
	}
	if r.Method == http.MethodPost && take(&faults.ThrottlePushes) {
		refuse(w, http.StatusTooManyRequests, "LimitExceededException", "too many requests")
		return
	}
	c := g.conn(r.PathValue("id"))
	if c == nil {
		refuse(w, http.StatusGone, "GoneException", "the connection is gone")
		return
	}
	switch r.Method {
	case http.MethodPost:
		c.post(w, r)
	case http.MethodGet:
		c.mu.Lock()
		active := c.active
		c.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"connectedAt": c.opened.UTC().Format(time.RFC3339), "lastActiveAt": active.UTC().Format(time.RFC3339),
			"identity": map[string]string{"sourceIp": sourceIP(c.handshake), "userAgent": c.handshake.UserAgent()},
		})
	case http.MethodDelete:
		c.end(ws.StatusNormalClosure)
		w.WriteHeader(http.StatusNoContent)
	}
}

// post sends a message. One that is larger than a frame may be goes in several.
func (c *conn) post(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxMessage+1))
	if err != nil {
		return
	}
	if len(data) > maxMessage {
		refuse(w, http.StatusRequestEntityTooLarge, "PayloadTooLargeException", "the message is too large")
		return
	}
	for _, data := range c.due(data) {
		if err := c.message(data); err != nil {
			refuse(w, http.StatusGone, "GoneException", "the connection is gone")
			return
		}
	}
	if take(&c.g.house.Faults.FailPushes) {
		refuse(w, http.StatusInternalServerError, "InternalServerError", "something went wrong")
		return
	}
	w.WriteHeader(http.StatusOK)
}

// due is what to send now: the message, unless a fault that AWS does not have takes it.
func (c *conn) due(data []byte) [][]byte {
	faults := &c.g.house.Faults
	c.mu.Lock()
	defer c.mu.Unlock()
	isNew := bytes.HasPrefix(data, []byte(`{"type":"newMessage"`))
	switch {
	case c.held != nil && isNew:
		both := [][]byte{data, c.held}
		c.held = nil
		return both
	case isNew && take(&faults.DropPushes):
		return nil
	case isNew && take(&faults.SwapPushes):
		c.held = data
		return nil
	}
	return [][]byte{data}
}

// message sends a text in frames.
func (c *conn) message(data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return http.ErrServerClosed
	}
	c.active = time.Now()
	_ = c.nc.SetWriteDeadline(time.Now().Add(slowest))
	for op := ws.OpText; ; op = ws.OpContinuation {
		n := min(len(data), maxFrame)
		if err := ws.WriteFrame(c.nc, ws.NewFrame(op, n == len(data), data[:n])); err != nil {
			return err
		}
		if data = data[n:]; len(data) == 0 {
			return nil
		}
	}
}

// refuse answers as the services do that speak JSON.
func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-ErrorType", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": kind, "message": message})
}
