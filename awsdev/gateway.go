package awsdev

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/gobwas/ws"
)

// gateway is the WebSocket API. Its routes are $connect, $disconnect and $default.
type gateway struct {
	house *House

	mu    sync.Mutex // guards what follows
	conns map[string]*conn
	shut  bool
}

// slowest is how long a frame may take on its way.
const slowest = 10 * time.Second

// conn is one WebSocket. Its reader owns the connection; writes are under mu.
type conn struct {
	id        string
	g         *gateway
	nc        net.Conn
	in        *bufio.Reader
	opened    time.Time
	handshake *http.Request

	mu     sync.Mutex
	active time.Time // of the last message, either way
	closed bool
	held   []byte // by a fault
}

func newGateway(h *House) *gateway { return &gateway{house: h, conns: map[string]*conn{}} }

// newConnectionID makes ids that look like those of AWS, which need escaping in a URL.
func newConnectionID() string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}

// open is a handshake: the function decides.
func (g *gateway) open(w http.ResponseWriter, r *http.Request) {
	c := &conn{id: newConnectionID(), g: g, opened: time.Now(), active: time.Now(), handshake: r}
	e := c.event("$connect", "CONNECT")
	e.Headers, e.MultiValueHeaders = joined(r), map[string][]string{}
	for name, values := range r.Header {
		e.Headers[name], e.MultiValueHeaders[name] = values[len(values)-1], values
	}
	e.QueryStringParameters, e.MultiValueQueryStringParameters = map[string]string{}, r.URL.Query()
	for name, values := range r.URL.Query() {
		e.QueryStringParameters[name] = values[len(values)-1]
	}
	var resp events.APIGatewayProxyResponse
	answer, err := g.house.functions[Socket].invoke(r.Context(), e)
	if err == nil {
		err = json.Unmarshal(answer, &resp)
	}
	if err != nil {
		g.house.log.Warn("$connect", "error", err)
		resp.StatusCode = http.StatusInternalServerError
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		gatewayError(w, max(resp.StatusCode, 400), http.StatusText(resp.StatusCode))
		return
	}
	up := ws.HTTPUpgrader{Header: http.Header{}}
	if p := resp.Headers["Sec-WebSocket-Protocol"]; p != "" {
		up.Protocol = func(offered string) bool { return offered == p }
	}
	nc, buffered, _, err := up.Upgrade(r, w)
	if err != nil {
		c.disconnected(ws.StatusAbnormalClosure)
		return
	}
	c.nc, c.in = nc, buffered.Reader
	g.mu.Lock()
	if g.shut {
		g.mu.Unlock()
		_ = nc.Close()
		return
	}
	g.conns[c.id] = c
	// The request ends here and the connection lives on, for as long as the house.
	g.house.work.Go(c.read)
	g.mu.Unlock()
}

func (g *gateway) conn(id string) *conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conns[id]
}

func (g *gateway) closeAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	for _, c := range g.conns {
		_ = c.nc.Close()
	}
}

// event begins an event of the connection.
func (c *conn) event(route, kind string) events.APIGatewayWebsocketProxyRequest {
	now := time.Now()
	return events.APIGatewayWebsocketProxyRequest{RequestContext: events.APIGatewayWebsocketProxyRequestContext{
		RouteKey: route, EventType: kind, ConnectionID: c.id, ConnectedAt: c.opened.UnixMilli(), RequestID: rand.Text(), ExtendedRequestID: rand.Text(),
		RequestTime: now.UTC().Format("02/Jan/2006:15:04:05 -0700"), RequestTimeEpoch: now.UnixMilli(), Stage: stage, APIID: "ws", DomainName: c.handshake.Host,
		MessageDirection: "IN", Identity: events.APIGatewayRequestIdentity{SourceIP: sourceIP(c.handshake), UserAgent: c.handshake.UserAgent()},
	}}
}

// read serves the connection until it ends.
func (c *conn) read() {
	code := c.messages()
	c.end(code)
	_ = c.nc.SetReadDeadline(time.Now().Add(time.Second)) // what is still under way would cut the close frame short
	_, _ = io.Copy(io.Discard, c.in)
	_ = c.nc.Close()
	c.g.mu.Lock()
	delete(c.g.conns, c.id)
	shut := c.g.shut
	c.g.mu.Unlock()
	if !shut && !c.g.house.Faults.LoseDisconnects.Load() {
		c.disconnected(code)
	}
}

// disconnected tells the function, once, whatever becomes of it: that is all that AWS promises.
func (c *conn) disconnected(code ws.StatusCode) {
	e := c.event("$disconnect", "DISCONNECT")
	e.RequestContext.DisconnectStatusCode = int64(code)
	_, err := c.g.house.functions[Socket].invoke(c.g.house.ctx, e)
	if err != nil && c.g.house.ctx.Err() == nil {
		c.g.house.log.Warn("$disconnect", "error", err)
	}
}

// messages reads frames and has each message served by itself: AWS does not keep their order either. It returns the code to
// close with.
func (c *conn) messages() ws.StatusCode {
	var message []byte
	for {
		limits := c.g.house.cfg.Limits
		c.mu.Lock()
		until, closed := c.active.Add(limits.Idle), c.closed
		c.mu.Unlock()
		if closed {
			return ws.StatusNormalClosure
		}
		if end := c.opened.Add(limits.Life); end.Before(until) {
			until = end
		}
		if !time.Now().Before(until) {
			return ws.StatusGoingAway
		}
		_ = c.nc.SetReadDeadline(until)
		if _, err := c.in.Peek(1); errors.Is(err, os.ErrDeadlineExceeded) {
			continue // the loop tells whether it is over; an answer may have been sent meanwhile
		}
		_ = c.nc.SetReadDeadline(time.Now().Add(slowest))
		h, err := ws.ReadHeader(c.in)
		if err != nil {
			return ws.StatusAbnormalClosure
		}
		if h.Length > maxFrame || int64(len(message))+h.Length > maxMessage {
			return ws.StatusMessageTooBig
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(c.in, payload); err != nil {
			return ws.StatusAbnormalClosure
		}
		if h.Masked {
			ws.Cipher(payload, h.Mask, 0)
		}
		switch h.OpCode {
		case ws.OpClose:
			code, _ := ws.ParseCloseFrameData(payload)
			return code
		case ws.OpPing:
			_ = c.write(ws.NewPongFrame(payload))
			continue
		case ws.OpPong:
			continue
		case ws.OpBinary:
			return ws.StatusUnsupportedData
		}
		c.touch()
		message = append(message, payload...)
		if h.Fin {
			text := string(message)
			message = message[:0]
			c.g.house.work.Go(func() { c.serve(text) })
		}
	}
}

func (c *conn) touch() {
	c.mu.Lock()
	c.active = time.Now()
	c.mu.Unlock()
}

// serve has a message served. What the function answers is not sent: the API has no route responses.
func (c *conn) serve(text string) {
	e := c.event("$default", "MESSAGE")
	e.RequestContext.MessageID, e.Body = rand.Text(), text
	if _, err := c.g.house.functions[Socket].invoke(c.g.house.ctx, e); err != nil && c.g.house.ctx.Err() == nil {
		c.g.house.log.Warn("$default", "error", err)
		body, _ := json.Marshal(map[string]string{"message": "Internal server error", "connectionId": c.id, "requestId": e.RequestContext.RequestID})
		_ = c.write(ws.NewTextFrame(body))
	}
}

// write sends a frame.
func (c *conn) write(f ws.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	_ = c.nc.SetWriteDeadline(time.Now().Add(slowest))
	return ws.WriteFrame(c.nc, f)
}

// end says that the connection is over; its reader closes it.
func (c *conn) end(code ws.StatusCode) {
	if code == ws.StatusAbnormalClosure || code == ws.StatusNoStatusRcvd {
		code = ws.StatusGoingAway
	}
	_ = c.write(ws.NewCloseFrame(ws.NewCloseFrameBody(code, "")))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	_ = c.nc.SetReadDeadline(time.Now().Add(time.Second))
}
