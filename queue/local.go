package queue

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"parley/chat"
)

// Local implements chat.Jobs within one process. Jobs that wait when the process ends are lost.
type Local struct {
	do    func(ctx context.Context, body []byte) error
	tries int
	log   *slog.Logger

	mu     sync.Mutex // guards what follows
	ctx    context.Context
	groups map[string][]chat.Job // what waits, its first job under way
	taken  map[string]bool       // ids
	dead   []chat.Job
	work   sync.WaitGroup
}

var _ chat.Jobs = (*Local)(nil)

// NewLocal makes a Local whose jobs are done by do, tried a few times each. Nothing is done before Run.
func NewLocal(do func(ctx context.Context, body []byte) error, tries int, log *slog.Logger) *Local {
	return &Local{do: do, tries: max(tries, 1), log: log, groups: map[string][]chat.Job{}, taken: map[string]bool{}}
}

// Enqueue implements chat.Jobs.
func (q *Local) Enqueue(_ context.Context, jobs ...chat.Job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range jobs {
		if j.ID != "" && q.taken[j.ID] {
			continue
		}
		q.taken[j.ID] = true
		q.groups[j.Group] = append(q.groups[j.Group], j)
		if len(q.groups[j.Group]) == 1 && q.ctx != nil {
			q.work.Go(func() { q.drain(q.ctx, j.Group) })
		}
	}
	return nil
}

// Run does jobs until ctx ends.
func (q *Local) Run(ctx context.Context) error {
	q.mu.Lock()
	q.ctx = ctx
	for group := range q.groups {
		q.work.Go(func() { q.drain(ctx, group) })
	}
	q.mu.Unlock()
	<-ctx.Done()
	q.work.Wait()
	return nil
}

// drain does the jobs of one group in order.
func (q *Local) drain(ctx context.Context, group string) {
	for ctx.Err() == nil {
		q.mu.Lock()
		j := q.groups[group][0]
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(j.After):
		}
		err := q.do(ctx, j.Body)
		for try := 1; err != nil && try < q.tries && ctx.Err() == nil; try++ {
			time.Sleep(time.Duration(try) * 10 * time.Millisecond)
			err = q.do(ctx, j.Body)
		}
		q.mu.Lock()
		if err != nil && ctx.Err() == nil {
			q.log.Error("a job failed for good", "group", group, "error", err)
			q.dead = append(q.dead, j)
		}
		q.groups[group] = q.groups[group][1:]
		done := len(q.groups[group]) == 0
		if done {
			delete(q.groups, group)
		}
		q.mu.Unlock()
		if done {
			return
		}
	}
}

// Dead returns the jobs that failed for good.
func (q *Local) Dead() []chat.Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]chat.Job(nil), q.dead...)
}
