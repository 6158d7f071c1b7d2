package dynamo

import (
	"context"
	"math/rand/v2"
	"time"

	"parley/store/table"
)

const (
	maxAttempts = 10
	firstPause  = 20 * time.Millisecond // the longest pause before the second attempt; it doubles each time
	maxPause    = time.Second
)

// pause is how long to wait after an attempt, counted from 1, that may be repeated.
func pause(attempt int) time.Duration {
	return rand.N(min(firstPause<<min(attempt-1, maxAttempts), maxPause))
}

// again calls try until it tells that there is no more to do, or fails. It is for what the SDK does not retry:
// leftovers of a batch, and transactions that met another one. The error is then table.ErrBusy, or that of ctx.
func again(ctx context.Context, try func() (more bool, err error)) error {
	for attempt := 1; ; attempt++ {
		more, err := try()
		if !more || err != nil {
			return err
		}
		if attempt == maxAttempts {
			return table.ErrBusy
		}
		t := time.NewTimer(pause(attempt))
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}
