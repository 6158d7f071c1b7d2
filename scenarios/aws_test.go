package scenarios

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"parley/awsdev"
	"parley/awsdev/awsdevtest"
)

// onAWS is the AWS house: the true functions behind what AWS has in front of them, on DynamoDB Local.
type onAWS struct{}

func (onAWS) boot(t *testing.T, change ...func(*settings)) *house {
	t.Helper()
	var set settings
	for _, f := range change {
		f(&set)
	}
	if set.filesOff || set.data != "" {
		t.Fatal("a setting of the single machine")
	}
	h, _ := bootAWS(t, func(c *awsdev.Config) {
		if set.limits {
			c.Env = nil
			c.Limits.Workers = 1 // each counts for itself
		}
		if set.pushPrivate {
			c.Env = append(c.Env, "PARLEY_PUSH_ALLOW_PRIVATE=1")
		}
	})
	return h
}

// maintain does what is done there by the clock.
func (h *house) maintain(t *testing.T) {
	t.Helper()
	if _, err := h.aws.Invoke(t.Context(), awsdev.Maintain, struct{}{}); err != nil {
		t.Errorf("maintain: %v", err)
	}
}

// sharedTown is what all AWS houses of this process share.
var sharedTown = sync.OnceValues(func() (*awsdevtest.Town, error) { return awsdevtest.New(context.Background()) })

// inTown runs the tests, and then ends what sharedTown started.
type inTown struct{ *testing.M }

func (m inTown) Run() int {
	code := m.M.Run()
	if asked.Load() {
		if town, err := sharedTown(); err == nil {
			town.Stop()
		}
	}
	return code
}

// asked tells whether sharedTown was called.
var asked atomic.Bool

// bootAWS starts an AWS house with tables of its own.
func bootAWS(t testing.TB, change ...func(*awsdev.Config)) (*house, *awsdev.House) {
	t.Helper()
	asked.Store(true)
	town, err := sharedTown()
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := town.House(t.Context(), logger(t), change...)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{url: a.URL, aws: a, stop: sync.OnceValue(a.Close)}
	h.kill = func(*testing.T) *house { // whatever they are at
		a.Kill(awsdev.Socket, awsdev.HTTP, awsdev.Fanout, awsdev.Stream, awsdev.Notify, awsdev.Maintain)
		return h
	}
	h.restart = h.kill
	t.Cleanup(func() {
		if err := h.stop(); err != nil {
			t.Errorf("the AWS house ended with: %v", err)
		}
	})
	return h, a
}
