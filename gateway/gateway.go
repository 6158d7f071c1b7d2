// Package gateway is the embedded WebSocket edge: it upgrades requests, hands frames to the core, and tells connected
// people what happens (Hub). It is built for many connections that are mostly idle, and for rooms of thousands:
//
//   - Sockets are polled; an idle connection has neither a goroutine nor a buffer (see poller). Connections that cannot
//     be polled (TLS) have a goroutine each (see stream).
//   - Whoever delivers writes straight to the socket, without waiting. Only what a socket does not take goes to the
//     connection's bounded queue; over its bound the reader is closed with 4408 and syncs when it comes back.
//   - Frames are encoded once for all who hear them, and what one step of a room tells is one write for each.
package gateway

import (
	"context"
	"log/slog"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"parley/chat"
	"parley/protocol"
)

// Credentials are what a request to open a socket brings: at most one of the two is set.
type Credentials struct {
	Ticket string // of the URL, for browsers
	Bearer string // an access token in the Authorization header, for programs
}

// Identity is who opens a socket.
type Identity struct{ UserID, SessionID string }

// Limits bound what connections may use. Zero fields have the defaults given.
type Limits struct {
	Files              int           // that connections may keep open, those of HTTP too; an eighth is left to HTTP, who wants a socket beyond that is refused; default 1,048,576
	ConnectionsPerUser int           // default 100, the newest is refused with 4429; negative is no limit
	FramesPerSecond    int           // of one connection, in bursts of five seconds' worth; beyond, it is closed with 4429; default 200; negative is no limit
	InFlight           int           // messages, and other requests, of one connection under way before it is read no further; default 64
	QueueBytes         int           // that wait for one slow reader; default 1 MiB; one step of a room may exceed it
	QueueTotal         int64         // bytes that wait for all slow readers, what they share counted for each; beyond, who is behind is closed; default 512 MiB
	QueueRuns          int           // writes that wait for one slow reader; default 1024
	Requests           int           // that wait for the disk, other than messages, served at once for all connections; default 32
	Silence            time.Duration // until a silent connection is given up; it is pinged before; default 75 s
	SendBuffer         int           // bytes of the socket's send buffer; default is the system's
}

func (l Limits) withDefaults() Limits {
	set := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	set(&l.Files, 1<<20)
	set(&l.ConnectionsPerUser, 100)
	set(&l.FramesPerSecond, 200)
	set(&l.InFlight, 64)
	set(&l.QueueBytes, 1<<20)
	set(&l.QueueRuns, 1024)
	set(&l.Requests, 32)
	if l.QueueTotal == 0 {
		l.QueueTotal = 512 << 20
	}
	if l.Silence == 0 {
		l.Silence = 75 * time.Second
	}
	l.FramesPerSecond = max(l.FramesPerSecond, 0)
	l.ConnectionsPerUser = max(l.ConnectionsPerUser, 0)
	return l
}

// Config is what a Gateway is made of. Service, Hub and Authenticate are required.
type Config struct {
	Service Service
	Hub     *Hub
	// Authenticate says who brings c; an *chat.Error with Unauthenticated or Forbidden if nobody may.
	Authenticate func(ctx context.Context, c Credentials) (Identity, error)
	Origins      []string // further origins (scheme://host[:port]) whose pages may connect; the same host always may
	Limits       Limits
	Logger       *slog.Logger // default slog.Default
	// Goroutines gives every connection a goroutine even where it could be polled; for comparison.
	Goroutines bool
}

// fullAgain is when to come again to a server that is full.
const fullAgain = 10 * time.Second

// Gateway serves sockets. Its methods are safe for concurrent use.
type Gateway struct {
	service      Service
	hub          *Hub
	authenticate func(ctx context.Context, c Credentials) (Identity, error)
	origins      []string
	limits       Limits
	logger       *slog.Logger
	pollers      []*poller // empty where connections cannot be polled

	ctx    context.Context // of requests; ends with Run
	cancel context.CancelFunc
	began  time.Time
	places chan struct{}  // one for each connection that a Listener took
	slots  chan struct{}  // one for each request being served that waits for the disk
	calm   *pacer         // of all other requests, and of connections being opened
	tasks  sync.WaitGroup // goroutines of connections

	scratch sync.Pool // of *[]byte, for the joined writes of streams
	answers sync.Pool // of *[]byte, for frames that one connection is sent

	lastID   atomic.Uint64
	queued   atomic.Int64  // bytes that wait in the queues of connections
	inFlight atomic.Int64  // messages submitted and connections at work
	slow     atomic.Uint64 // connections closed as too slow
	refused  atomic.Uint64 // connections for which there was no room

	mu       sync.Mutex // guards what follows
	conns    map[*conn]struct{}
	stopping bool
}

// New makes a Gateway. Run must be called.
func New(c Config) (*Gateway, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	g := &Gateway{
		service: c.Service, hub: c.Hub, authenticate: c.Authenticate, origins: c.Origins, limits: c.Limits.withDefaults(), logger: c.Logger,
		began: time.Now(), conns: make(map[*conn]struct{}),
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.scratch.New = func() any {
		b := make([]byte, 0, 4*streamBuffer)
		return &b
	}
	g.answers.New = func() any { return new([]byte) }
	g.places = make(chan struct{}, g.limits.Files)
	g.slots = make(chan struct{}, g.limits.Requests)
	g.calm = newPacer(g.look)
	if c.Goroutines {
		return g, nil
	}
	for range runtime.GOMAXPROCS(0) {
		p, err := newPoller(g)
		if err != nil {
			return nil, err
		}
		if p == nil {
			break
		}
		g.pollers = append(g.pollers, p)
	}
	return g, nil
}

// look serves the sockets that have sent something, as their pollers would when they get to run.
func (g *Gateway) look() {
	for _, p := range g.pollers {
		p.look()
	}
}

// now is the gateway's clock, in milliseconds. It does not jump.
func (g *Gateway) now() int64 { return time.Since(g.began).Milliseconds() + 1 }

func (g *Gateway) newConn(session string) *conn {
	return &conn{id: strconv.FormatUint(g.lastID.Add(1), 36), session: session, g: g, out: queue{total: &g.queued}}
}

// Stats are figures for metrics.
type Stats struct {
	Connections int    // open now
	Slow        uint64 // ever closed as too slow
	Refused     uint64 // ever refused as one too many
	InFlight    int64  // messages and requests under way
	Queued      int64  // bytes that wait for slow readers
}

// Stats returns the gateway's figures.
func (g *Gateway) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Stats{Connections: len(g.conns), Slow: g.slow.Load(), Refused: g.refused.Load(), InFlight: g.inFlight.Load(), Queued: g.queued.Load()}
}

// room tells why no further connection can be taken in now, nil if one can.
func (g *Gateway) room() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.roomLocked()
}

func (g *Gateway) roomLocked() error {
	if g.stopping {
		return unavailable(nil)
	}
	if len(g.conns) >= g.limits.Files-g.limits.Files/8 {
		g.refused.Add(1)
		return &chat.Error{Code: chat.Unavailable, Message: "As many people are connected as this server has room for. Please try again.", RetryAfter: fullAgain}
	}
	return nil
}

// add takes a connection into the gateway, if there is room.
func (g *Gateway) add(c *conn) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.roomLocked(); err != nil {
		return err
	}
	g.conns[c] = struct{}{}
	return nil
}

func (g *Gateway) remove(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
}

func (g *Gateway) all() []*conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]*conn, 0, len(g.conns))
	for c := range g.conns {
		out = append(out, c)
	}
	return out
}

// Run serves until ctx ends, then cuts all connections that Shutdown has not closed. It returns the first error of a
// poller, with which no connection can be served any more.
func (g *Gateway) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pollCtx, stopPolling := context.WithCancel(context.Background())
	defer stopPolling()
	var polling sync.WaitGroup
	for _, p := range g.pollers {
		polling.Go(func() {
			if err := p.run(pollCtx); err != nil {
				cancel(err)
			}
		})
	}
	g.tasks.Go(func() { g.hub.runPresence(ctx, func() { g.calm.enter(); g.calm.leave() }) })
	g.sweep(ctx)
	g.stop()
	for _, c := range g.all() {
		c.kill()
	}
	g.await(context.Background(), g.empty, closeWait)
	g.cancel()
	stopPolling()
	polling.Wait()
	g.tasks.Wait()
	if err := context.Cause(ctx); err != nil && ctx.Err() != err { //nolint:errorlint // Cause is Err itself unless a poller failed
		return err
	}
	return nil
}

// sweep looks after silent and closing connections until ctx ends.
func (g *Gateway) sweep(ctx context.Context) {
	ticker := time.NewTicker(max(g.limits.Silence/25, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			now := g.now()
			for _, c := range g.due(now) {
				c.check(now)
			}
			g.hub.forget(now)
		}
	}
}

// due returns the connections that need a look: they are silent, or closing.
func (g *Gateway) due(now int64) (out []*conn) {
	quiet := g.limits.Silence.Milliseconds() * 3 / 5
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		if c.ends.Load() != 0 || now-c.heard.Load() > quiet {
			out = append(out, c)
		}
	}
	return out
}

func (g *Gateway) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopping = true
}

func (g *Gateway) empty() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns) == 0
}

// await waits until done, at most for limit.
func (g *Gateway) await(ctx context.Context, done func() bool, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Shutdown refuses new connections, reads no further requests, waits until those under way are answered, and closes all
// connections with 1012. It returns when the peers have gone or ctx ends. Requests not read are not acknowledged:
// clients repeat them when they come back.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.stop()
	for _, c := range g.all() {
		c.drain()
	}
	const long = 24 * time.Hour // ctx ends it
	g.await(ctx, func() bool { return g.inFlight.Load() == 0 }, long)
	for _, c := range g.all() {
		c.close(protocol.CloseRestarting)
	}
	g.await(ctx, g.empty, long)
	if n := g.Stats(); n.Connections > 0 || n.InFlight > 0 {
		return chat.Errorf(chat.Unavailable, "shutting down the gateway: %d connections and %d requests were cut", n.Connections, n.InFlight)
	}
	return nil
}

// drain stops reading for good.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	if c.state == open {
		c.t.arm(false, !c.out.empty())
	}
}
