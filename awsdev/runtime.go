package awsdev

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// runtime is Lambda: it starts workers and speaks the Runtime API with them.
type runtime struct {
	house *House
	addr  string

	mu      sync.Mutex // guards what follows
	workers map[string]*worker
	closed  bool
}

// function is one function with its workers.
type function struct {
	name string
	env  []string
	rt   *runtime
	// calls hands invocations to workers that wait for one.
	calls chan *invocation

	mu      sync.Mutex // guards what follows
	running int
	stats   Stats
}

// Stats is what was seen of a function.
type Stats struct {
	Cold     []time.Duration // from the start of a process to its first request for work
	Warm     []time.Duration // invocations of a process that was there
	First    []time.Duration // the first invocation of a process, its start not included
	Failed   int
	MaxBytes int64 // the most memory that one worker had resident
}

// worker is one process. mu guards current.
type worker struct {
	id      string
	fn      *function
	cmd     *exec.Cmd
	began   time.Time
	started bool // it has asked for work once

	mu      sync.Mutex
	current *invocation
	ended   bool // or about to: it gets no more work
}

// invocation is one event on its way through a worker.
type invocation struct {
	id       string
	event    []byte
	ctx      context.Context //nolint:containedctx // of who waits for the answer
	deadline time.Time
	began    time.Time
	first    bool        // of its worker
	done     chan result // of size one
}

type result struct {
	body []byte
	err  error
}

// errFunction is what a function answers when it fails; as AWS does, all kinds look alike to who called.
var errFunction = errors.New("the function failed")

func newRuntime(h *House, addr string) *runtime {
	return &runtime{house: h, addr: addr, workers: map[string]*worker{}}
}

func (rt *runtime) function(name string, env []string) *function {
	return &function{name: name, env: env, rt: rt, calls: make(chan *invocation)}
}

// invoke calls the function and waits for its answer. Errors: errFunction, that of ctx.
func (f *function) invoke(ctx context.Context, event any) ([]byte, error) {
	body, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("write an event: %w", err)
	}
	limits := f.rt.house.cfg.Limits
	ctx, cancel := context.WithTimeout(ctx, limits.Timeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	inv := &invocation{id: rand.Text(), event: body, ctx: ctx, deadline: deadline, done: make(chan result, 1)}
	if err := f.give(inv); err != nil {
		return nil, err
	}
	select {
	case r := <-inv.done:
		if r.err != nil {
			f.mu.Lock()
			f.stats.Failed++
			f.mu.Unlock()
		}
		return r.body, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// give hands an invocation to a worker.
func (f *function) give(inv *invocation) error {
	select {
	case f.calls <- inv: // one is waiting
		return nil
	default:
	}
	if err := f.grow(f.rt.house.cfg.Limits.Workers); err != nil {
		return err
	}
	select {
	case f.calls <- inv:
		return nil
	case <-inv.ctx.Done():
		return inv.ctx.Err()
	}
}

// grow starts one more worker unless there are enough.
func (f *function) grow(most int) error {
	f.mu.Lock()
	if f.running >= most {
		f.mu.Unlock()
		return nil
	}
	f.running++
	f.mu.Unlock()
	if err := f.rt.spawn(f); err != nil {
		f.mu.Lock()
		f.running--
		f.mu.Unlock()
		return err
	}
	return nil
}

func (rt *runtime) spawn(f *function) error {
	w := &worker{id: rand.Text(), fn: f, began: time.Now()}
	cmd := exec.Command(rt.house.cfg.Program) //nolint:noctx // it ends with the house, or by a fault
	for _, e := range f.env {
		cmd.Env = append(cmd.Env, strings.ReplaceAll(e, "WORKER", w.id))
	}
	said := &lines{log: rt.house.log.With("function", f.name)}
	cmd.Stdout, cmd.Stderr = said, said
	w.cmd = cmd
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.closed {
		return http.ErrServerClosed
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a worker of %s: %w", f.name, err)
	}
	rt.workers[w.id] = w
	rt.house.work.Go(func() { rt.await(w) })
	return nil
}

// await waits for the end of a worker; what it was doing has failed then.
func (rt *runtime) await(w *worker) {
	err := w.cmd.Wait()
	w.mu.Lock()
	inv := w.current
	w.current, w.ended = nil, true
	w.mu.Unlock()
	if inv != nil {
		inv.done <- result{err: fmt.Errorf("%w: the worker ended: %w", errFunction, err)}
	}
	rt.mu.Lock()
	delete(rt.workers, w.id)
	rt.mu.Unlock()
	w.fn.mu.Lock()
	w.fn.running--
	w.fn.mu.Unlock()
}

func (rt *runtime) worker(id string) *worker {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	return rt.workers[id]
}

func (rt *runtime) stop() {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	rt.closed = true
	for _, w := range rt.workers {
		_ = w.cmd.Process.Kill()
	}
}

// serve answers a worker's requests.
func (rt *runtime) serve(rw http.ResponseWriter, r *http.Request) {
	w := rt.worker(r.PathValue("worker"))
	if w == nil {
		http.Error(rw, "no such worker", http.StatusForbidden)
		return
	}
	path := r.PathValue("path")
	if path == "invocation/next" {
		rt.next(rw, r, w)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return
	}
	id, _ := strings.CutPrefix(path, "invocation/")
	id, what, _ := strings.Cut(id, "/")
	switch what {
	case "response":
		w.answer(id, result{body: body})
	case "error":
		w.answer(id, result{err: fmt.Errorf("%w: %s", errFunction, body)})
	default: // init/error
		rt.house.log.Error("a worker could not start", "function", w.fn.name, "error", string(body))
	}
	rw.WriteHeader(http.StatusAccepted)
}

// next hands the worker its next event, as soon as there is one.
func (rt *runtime) next(rw http.ResponseWriter, r *http.Request, w *worker) {
	w.mu.Lock()
	first := !w.started
	w.started = true
	w.mu.Unlock()
	if first {
		w.fn.mu.Lock()
		w.fn.stats.Cold = append(w.fn.stats.Cold, time.Since(w.began))
		w.fn.mu.Unlock()
	}
	select {
	case <-r.Context().Done():
		panic(http.ErrAbortHandler) // no answer, rather than an empty one
	case inv := <-w.fn.calls:
		inv.began, inv.first = time.Now(), first
		w.mu.Lock()
		if w.ended {
			w.mu.Unlock()
			if err := w.fn.give(inv); err != nil { // it was not begun
				inv.done <- result{err: err}
			}
			panic(http.ErrAbortHandler)
		}
		w.current = inv
		w.mu.Unlock()
		head := rw.Header()
		head.Set("Content-Type", "application/json")
		head.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		head.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		head.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:"+region+":000000000000:function:parley-"+w.fn.name)
		_, _ = rw.Write(inv.event) // a worker that is gone fails its invocation
	}
}

// answer ends the invocation that the worker has under way.
func (w *worker) answer(id string, r result) {
	w.mu.Lock()
	inv := w.current
	if inv == nil || inv.id != id {
		w.mu.Unlock()
		return
	}
	w.current = nil
	w.mu.Unlock()
	took := time.Since(inv.began)
	memory := w.memory()
	w.fn.mu.Lock()
	if inv.first {
		w.fn.stats.First = append(w.fn.stats.First, took)
	} else {
		w.fn.stats.Warm = append(w.fn.stats.Warm, took)
	}
	w.fn.stats.MaxBytes = max(w.fn.stats.MaxBytes, memory)
	w.fn.mu.Unlock()
	inv.done <- r
}

// memory is the most that the process has had resident, zero where the system does not tell.
func (w *worker) memory() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	kilobytes, _, _ := bytes.Cut(rest, []byte("kB"))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(kilobytes)), 10, 64)
	return n << 10
}

// kill ends a worker in the middle of what it does.
func (w *worker) kill() {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	_ = w.cmd.Process.Kill()
}

// Kill ends the workers of some functions, whatever they are at, and returns how many there were. Others take their place
// when they are needed.
func (h *House) Kill(functions ...string) (n int) {
	h.runtime.mu.Lock()
	defer h.runtime.mu.Unlock()
	for _, w := range h.runtime.workers {
		if slices.Contains(functions, w.fn.name) {
			w.kill()
			n++
		}
	}
	return n
}

// Stats returns what was seen of a function so far.
func (h *House) Stats(name string) Stats {
	f := h.functions[name]
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	s.Cold, s.Warm, s.First = append([]time.Duration(nil), s.Cold...), append([]time.Duration(nil), s.Warm...), append([]time.Duration(nil), s.First...)
	return s
}

// Invoke calls a function with an event, as a schedule does.
func (h *House) Invoke(ctx context.Context, name string, event any) ([]byte, error) {
	return h.functions[name].invoke(ctx, event)
}

// lines logs what a worker says, line by line.
type lines struct {
	log *slog.Logger
	mu  sync.Mutex
	buf []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, p...)
	for {
		line, rest, ok := bytes.Cut(l.buf, []byte{'\n'})
		if !ok {
			return len(p), nil
		}
		l.log.Warn(string(line))
		l.buf = rest
	}
}
