package lambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parley/files"
)

// task is a part of what maintain does.
type task struct {
	name string
	do   func(ctx context.Context) error
}

// maintain removes what is over, by the clock. The event says nothing.
func (h *house) maintain(ctx context.Context, _ any) error {
	ctx, cancel := shorten(ctx)
	defer cancel()
	return inTurn(ctx, h.Logger, []task{
		{"look after connections", h.heal},
		{"purge rooms", h.purge},
		{"erase accounts", h.erase},
		{"remove files", h.sweep},
		{"remove downloads", h.sweepExports},
	})
}

// inTurn does tasks one after another. Each has an equal share of the time that is left, so that what one does not need is
// for those after it; one that fails, panics or does not end takes nothing from the others, and goes on the next time.
func inTurn(ctx context.Context, log *slog.Logger, tasks []task) error {
	var failed error
	for i, t := range tasks {
		share, cancel := ctx, context.CancelFunc(func() {})
		if end, ok := ctx.Deadline(); ok {
			share, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(len(tasks)-i))
		}
		if err := attempt(share, t); err != nil {
			log.ErrorContext(ctx, "a task failed", "task", t.name, "error", err)
			failed = errors.Join(failed, fmt.Errorf("%s: %w", t.name, err))
		}
		cancel()
	}
	return failed
}

func attempt(ctx context.Context, t task) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return t.do(ctx)
}

func (h *house) heal(ctx context.Context) error {
	d, err := h.deliverer.get(ctx)
	if err != nil {
		return err
	}
	return d.Heal(ctx)
}

func (h *house) purge(ctx context.Context) error {
	tables, err := h.tables.get(ctx)
	if err != nil {
		return err
	}
	return tables.Purge(ctx)
}

func (h *house) erase(ctx context.Context) error {
	service, err := h.service.get(ctx)
	if err != nil {
		return err
	}
	return service.EraseAll(ctx)
}

func (h *house) sweep(ctx context.Context) error {
	service, err := h.service.get(ctx)
	if err != nil {
		return err
	}
	return service.SweepFiles(ctx)
}

func (h *house) sweepExports(ctx context.Context) error {
	bucket, err := h.bucket.get(ctx)
	if err != nil {
		return err
	}
	return files.NewExports(bucket, nil).Sweep(ctx)
}
