// Package awsdev is what AWS puts around Parley's functions, on one machine, for development and tests: API Gateway's
// WebSocket and HTTP APIs, @connections, Lambda with its Runtime API, SQS queues, the polling of a DynamoDB stream, and S3.
// The functions are the true program, in processes of their own, and speak to it by the true SDK and the true Runtime API.
//
// It behaves as AWS documents it, its limits included (see Limits), and misbehaves on request (see Faults). What it leaves
// out: signatures are required but not verified, no permissions, no metrics. DynamoDB itself is DynamoDB Local.
package awsdev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Config says what to run. Program, DynamoDB and TablePrefix are required.
type Config struct {
	Program     string       // the program of all functions, built for this machine
	DynamoDB    aws.Config   // how to reach DynamoDB Local: its BaseEndpoint and credentials
	TablePrefix string       // of tables that exist
	Env         []string     // more of the functions' environment, NAME=value
	Listen      string       // address to serve people at; default a free port of this machine
	App         http.Handler // the web app, at all places that CloudFront does not lead elsewhere; nil: the HTTP API has them
	Limits      Limits
	Logger      *slog.Logger // also what the functions say; nil: none
}

// Limits are those of AWS; zero fields have its values. Tests make the long ones shorter.
type Limits struct {
	Idle       time.Duration // of a WebSocket without messages; default 10 minutes
	Life       time.Duration // of a WebSocket; default 2 hours
	Workers    int           // of one function at once; default 16
	Timeout    time.Duration // of one invocation; default 29 s
	Visibility time.Duration // for which a job is hidden while it is worked at; default 30 s
	Receives   int           // of one job before it goes to the dead-letter queue; default 5
}

// The limits that nothing changes.
const (
	maxFrame   = 32 << 10  // bytes of one WebSocket frame
	maxMessage = 128 << 10 // bytes of one WebSocket message
	maxBody    = 10 << 20  // bytes of an HTTP request
	maxAnswer  = 6 << 20   // bytes of what a function returns
)

func (l Limits) withDefaults() Limits {
	orDuration := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	orDuration(&l.Idle, 10*time.Minute)
	orDuration(&l.Life, 2*time.Hour)
	orDuration(&l.Timeout, 29*time.Second)
	orDuration(&l.Visibility, 30*time.Second)
	if l.Workers == 0 {
		l.Workers = 16
	}
	if l.Receives == 0 {
		l.Receives = 5
	}
	return l
}

// The functions, by what PARLEY_FUNCTION says.
const (
	Socket   = "socket"
	HTTP     = "http"
	Fanout   = "fanout"
	Stream   = "stream"
	Notify   = "notify"
	Maintain = "maintain"
)

const (
	region = "eu-central-1"
	stage  = "dev"
	bucket = "parley-files"
)

// House is all of it, running.
type House struct {
	URL    string // where people reach it: /ws is the WebSocket API, /s3 the bucket, all else the HTTP API and the app
	Faults Faults

	cfg       Config
	log       *slog.Logger
	runtime   *runtime
	gateway   *gateway
	queues    map[string]*jobQueue // by name
	files     *s3mem.Backend
	functions map[string]*function
	servers   []*http.Server
	ctx       context.Context //nolint:containedctx // of the house's own life: what AWS does itself is nobody's request
	cancel    context.CancelFunc
	work      sync.WaitGroup // everything that runs until Close
}

// Start starts a House, which lives until Close or the end of ctx. No worker runs before it is needed.
func Start(ctx context.Context, c Config) (*House, error) {
	c.Limits = c.Limits.withDefaults()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	ctx, cancel := context.WithCancel(ctx)
	h := &House{cfg: c, log: c.Logger, ctx: ctx, cancel: cancel, queues: map[string]*jobQueue{}, functions: map[string]*function{}}
	if err := h.start(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *House) start(ctx context.Context) error {
	var config net.ListenConfig
	front, err := config.Listen(ctx, "tcp", h.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for people: %w", err)
	}
	back, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for functions: %w", err)
	}
	h.URL = "http://" + front.Addr().String()
	inner := "http://" + back.Addr().String()

	h.runtime = newRuntime(h, back.Addr().String())
	for _, name := range []string{Socket, HTTP, Fanout, Stream, Notify, Maintain} {
		h.functions[name] = h.runtime.function(name, h.environment(name, inner))
	}
	h.gateway = newGateway(h)
	for _, name := range queueNames() {
		h.queues[name] = newQueue(name, h.cfg.Limits)
	}
	h.files = s3mem.New()
	if err := h.files.CreateBucket(bucket); err != nil {
		return fmt.Errorf("make the bucket: %w", err)
	}

	bucketHost := http.StripPrefix("/s3", gofakes3.New(h.files).Server())
	h.serve(ctx, front, h.outside(bucketHost))

	inside := http.NewServeMux()
	inside.HandleFunc("/runtime/{worker}/2018-06-01/runtime/{path...}", h.runtime.serve)
	inside.HandleFunc("/gateway/{worker}/"+stage+"/@connections/{id}", h.gateway.manage)
	inside.HandleFunc("/", h.sqs)
	h.serve(ctx, back, inside)

	for name, queue := range queueNames() {
		h.work.Go(func() { h.mapQueue(ctx, h.queues[queue], h.functions[name]) })
	}
	return h.mapStream(ctx, h.functions[Stream])
}

func (h *House) serve(ctx context.Context, l net.Listener, handler http.Handler) {
	s := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return ctx }}
	h.servers = append(h.servers, s)
	h.work.Go(func() { _ = s.Serve(l) }) // it ends with Close
}

// environment is what a function finds in its environment. WORKER stands for the worker.
func (h *House) environment(name, inner string) []string {
	env := []string{
		"PATH=/usr/bin:/bin", "AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
		"AWS_LAMBDA_FUNCTION_NAME=parley-" + name, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(inner, "http://") + "/runtime/WORKER",
		"AWS_ENDPOINT_URL=" + inner, "AWS_ENDPOINT_URL_S3=" + h.URL + "/s3", "AWS_ENDPOINT_URL_DYNAMODB=" + aws.ToString(h.cfg.DynamoDB.BaseEndpoint),
		"PARLEY_FUNCTION=" + name, "PARLEY_TABLE_PREFIX=" + h.cfg.TablePrefix, "PARLEY_FILES_BUCKET=" + bucket,
		"PARLEY_FANOUT_QUEUE_URL=" + inner + "/000000000000/" + queueNames()[Fanout], "PARLEY_NOTIFY_QUEUE_URL=" + inner + "/000000000000/" + queueNames()[Notify],
		"PARLEY_SOCKET_ENDPOINT=" + inner + "/gateway/WORKER/" + stage, "PARLEY_PUBLIC_URL=" + h.URL,
		"PARLEY_SOCKET_LIFE=" + h.cfg.Limits.Life.String(),
		"PARLEY_REGISTRATION=open", "PARLEY_IDENTITY=local", "PARLEY_LOG_FORMAT=text",
	}
	return append(env, h.cfg.Env...)
}

// Files returns the keys of what is in the bucket.
func (h *House) Files() ([]string, error) {
	list, err := h.files.ListBucket(bucket, &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
	if err != nil {
		return nil, fmt.Errorf("list the bucket: %w", err)
	}
	keys := make([]string, len(list.Contents))
	for i, c := range list.Contents {
		keys[i] = c.Key
	}
	return keys, nil
}

// Close ends everything; connections of people are cut.
func (h *House) Close() error {
	h.cancel()
	if h.gateway != nil {
		h.gateway.closeAll()
	}
	if h.runtime != nil {
		h.runtime.stop()
	}
	for _, s := range h.servers {
		_ = s.Close()
	}
	h.work.Wait()
	return nil
}
