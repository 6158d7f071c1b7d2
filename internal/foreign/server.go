package foreign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Command says how to run a server.
type Command struct {
	Dir  string                     // to run it in
	Args func(port string) []string // the program and its arguments, to serve at a port of this machine
	Env  func(port string) []string // more of its environment; may be nil
}

// Server is a running program that answers HTTP.
type Server struct {
	URL string

	watchdog *exec.Cmd
	lifeline io.Closer // the program ends when this is closed, so also when this process dies
	ended    chan struct{}
	once     sync.Once
}

// Serve runs a server on a free port and waits until it answers. It lives until Stop or the end of ctx, at most as long as
// this process.
func Serve(ctx context.Context, c Command) (*Server, error) {
	for attempt := 1; ; attempt++ { // somebody else may take the free port first
		s, err := serve(ctx, c)
		if err == nil || attempt == 3 {
			return s, err
		}
	}
}

func serve(ctx context.Context, c Command) (*Server, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	// The shell waits for its input to end, which it does with whoever holds the other end: nothing is left behind.
	const script = `"$@" & pid=$!; read -r _; kill -9 $pid 2>/dev/null; wait $pid`
	args := c.Args(port)
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", script, args[0]}, args...)...)
	var said lockedBuffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, &said, &said
	if c.Env != nil {
		cmd.Env = append(os.Environ(), c.Env(port)...)
	}
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	cmd.Cancel = lifeline.Close // not a kill: the shell must live to end the server
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &Server{URL: "http://127.0.0.1:" + port, watchdog: cmd, lifeline: lifeline, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // it is killed: that is no error
		close(s.ended)
	}()
	if err := s.awaken(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start %s: %w; it said: %s", args[0], err, said.text())
	}
	return s, nil
}

func freePort(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// awaken waits until the server answers, whatever it answers.
func (s *Server) awaken(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client := http.Client{Timeout: time.Second}
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			return resp.Body.Close()
		}
		select {
		case <-s.ended:
			return errors.New("it ended")
		case <-time.After(50 * time.Millisecond):
		}
	}
	return ctx.Err()
}

// Stop ends the server.
func (s *Server) Stop() {
	s.once.Do(func() {
		_ = s.lifeline.Close()
		<-s.ended
	})
}

// lockedBuffer keeps what a server says.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
