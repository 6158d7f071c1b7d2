package dynamo

import (
	"context"
	"math/rand/v2"
	"time"

	"parley/store/table"
)

const (
	maxAttempts = 10
	firstPause  = 10 * time.Millisecond // the longest pause before the second attempt; it doubles each time
	maxPause    = time.Second
)

// again calls try until it tells that there is no more to do, or fails. It is for what the SDK does not retry:
// leftovers of a batch, and transactions that met another one. The error is then table.ErrBusy, or that of ctx.
func again(ctx context.Context, try func() (more bool, err error)) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		more, err := try()
		if !more || err != nil {
			return err
		}
		if attempt == maxAttempts {
			return table.ErrBusy
		}
		t := time.NewTimer(rand.N(pause))
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
		pause = min(2*pause, maxPause)
	}
}
