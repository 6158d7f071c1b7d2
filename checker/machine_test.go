package checker

import (
	"context"
	"fmt"
	"time"
)

// strikes implements house: the process, its disk and its clock.
func (h *machine) strikes(n *nemesis) []strike {
	again := func(context.Context) { h.kill(); h.start() }
	return []strike{
		{"kill -9", again},
		{"kill -9 twice", func(ctx context.Context) { again(ctx); pause(ctx, n.upTo(150*time.Millisecond)); again(ctx) }},
		{"kill -9 under stalls", func(ctx context.Context) { n.stall(); again(ctx) }},
		{"SIGTERM", func(context.Context) { h.terminate(n) }},
		{"disk full", h.fill},
		{"no space for the log", func(context.Context) { h.fail(n, "nospace") }},
		{"failing fsync", func(context.Context) { h.fail(n, "nosync") }},
		{"clock jump", func(ctx context.Context) { h.jump(ctx, n) }},
	}
}

func (h *machine) terminate(n *nemesis) {
	if err := h.stop(); err != nil {
		n.rec.violation(Violation{Impossible, "", fmt.Sprintf("after SIGTERM the server ended with %v", err)})
	}
	h.start()
}

// fill says for a while that the disk is full: writes are refused as unavailable, and go on after.
func (h *machine) fill(ctx context.Context) {
	h.forgiving.Store(true)
	h.tell("full on")
	pause(ctx, 400*time.Millisecond)
	h.tell("full off")
	h.forgiving.Store(false)
}

// fail lets the log of the store fail for good: the server must end by itself, with an error.
func (h *machine) fail(n *nemesis, how string) {
	h.forgiving.Store(true)
	h.tell("%s", how)
	if err := h.ended(); err == nil {
		n.rec.violation(Violation{Impossible, "", "the server ended with 0 although its disk failed"})
	}
	h.start()
	h.forgiving.Store(false)
}

// jump sets the server's clock, so that tokens expire at once or are from the future.
func (h *machine) jump(ctx context.Context, n *nemesis) {
	for _, seconds := range []int64{n.rng.Int64N(7200), -n.rng.Int64N(7200), 0} {
		h.tell("ahead %d", seconds)
		pause(ctx, 300*time.Millisecond)
	}
}
