package gateway

import (
	"bufio"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"parley/chat"
	"parley/protocol"
)

const handshakeWait = 10 * time.Second

// Open upgrades GET /ws. An error, always an *chat.Error, says that nothing was answered yet. Who may not connect is told by
// a close code, because browsers show pages nothing else: 4401 for credentials that are refused, 4429 for too many
// connections. When the handshake is answered, the connection hears all rooms of its person.
func (g *Gateway) Open(w http.ResponseWriter, r *http.Request) error {
	if !g.allowed(r) {
		return chat.Errorf(chat.Forbidden, "Pages of this origin may not connect.")
	}
	if err := g.room(); err != nil { // their ticket is good for another time
		return err
	}
	identity, err := g.identify(r)
	g.calm.enter()
	defer g.calm.leave()
	if r.Context().Err() != nil {
		return unavailable(r.Context().Err())
	}
	refused := protocol.CloseCode(0)
	switch code := chat.CodeOf(err); code {
	case "":
	case chat.Unauthenticated, chat.Forbidden, chat.NotFound:
		refused = protocol.CloseUnauthenticated
	default:
		return unavailable(err)
	}
	c := g.newConn(identity.SessionID)
	if refused == 0 {
		if g.hub.register(c, identity.UserID, g.limits.ConnectionsPerUser) {
			if err := g.hub.load(r.Context(), c.user, g.service); err != nil {
				c.leave()
				return unavailable(err)
			}
		} else {
			refused = protocol.CloseTooMany
		}
	}
	if err := g.add(c); err != nil {
		c.leave()
		return err
	}
	if refused != 0 {
		c.close(refused) // is sent after the handshake
	} else {
		c.user.tell(g.service)
	}
	g.open(w, r, c)
	return nil
}

// identify says who comes.
func (g *Gateway) identify(r *http.Request) (Identity, error) {
	c := credentials(r)
	if c.Ticket == "" {
		g.calm.enter()
		defer g.calm.leave()
		if err := r.Context().Err(); err != nil { // who has given up comes back by another connection
			return Identity{}, err
		}
		return g.authenticate(r.Context(), c)
	}
	select { // a ticket is used up: that waits for the disk, not for the processor
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
		return g.authenticate(r.Context(), c)
	case <-r.Context().Done():
		return Identity{}, r.Context().Err()
	}
}

// open does the handshake and begins the connection.
func (g *Gateway) open(w http.ResponseWriter, r *http.Request, c *conn) {
	upgrader := ws.HTTPUpgrader{Timeout: handshakeWait, Protocol: func(p string) bool { return p == protocol.Subprotocol }}
	nc, rw, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		if nc != nil {
			nc.Close()
		}
		c.gone()
		return
	}
	if err := c.start(early(rw.Reader), func(c *conn) (transport, error) { return g.attach(c, nc) }); err != nil {
		g.logger.Warn("could not serve a connection", "error", err)
		nc.Close()
		c.gone()
		return
	}
}

// attach gives a connection to a poller, or else a goroutine.
func (g *Gateway) attach(c *conn, nc net.Conn) (transport, error) {
	inner := nc
	if taken, ok := nc.(*counted); ok {
		inner = taken.Conn
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		if g.limits.SendBuffer > 0 {
			_ = tcp.SetWriteBuffer(g.limits.SendBuffer) // a smaller queue in the kernel is a wish, not a need
		}
		if len(g.pollers) > 0 {
			return g.pollers[g.lastID.Load()%uint64(len(g.pollers))].attach(c, tcp, inner != nc)
		}
	}
	return newStream(c, nc), nil
}

// early returns what the client sent right after its handshake.
func early(r *bufio.Reader) []byte {
	b, _ := r.Peek(r.Buffered())
	return append([]byte(nil), b...)
}

func credentials(r *http.Request) Credentials {
	if value := r.Header.Get("Authorization"); value != "" {
		scheme, token, _ := strings.Cut(value, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			token = ""
		}
		return Credentials{Bearer: token}
	}
	return Credentials{Ticket: r.URL.Query().Get("ticket")}
}

// allowed checks the origin that browsers send, so that no foreign page speaks in the name of its visitor.
func (g *Gateway) allowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	if strings.EqualFold(u.Host, r.Host) {
		return true
	}
	for _, o := range g.origins {
		if strings.EqualFold(o, origin) {
			return true
		}
	}
	return false
}

func unavailable(cause error) error {
	return &chat.Error{Code: chat.Unavailable, Message: "The server cannot serve now. Please try again.", RetryAfter: time.Second, Cause: cause}
}
