package checker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/awsdev"
	"parley/awsdev/awsdevtest"
	"parley/store"
	"parley/store/dynamo"
)

// cloud is the AWS house: the true functions, and around them what AWS puts there, with all the faults it warns of.
type cloud struct {
	t      *testing.T
	aws    *awsdev.House
	tables *tables
	db     *dynamo.DB // past all faults of tables
	stop1  func() error

	mu         sync.Mutex
	complaints []string
	said       []string // the latest of what the functions logged
}

// shorter are limits of AWS that no test can wait for, scaled.
func shorter(l *awsdev.Limits) {
	l.Life = 15 * time.Second // 2 hours
	l.Visibility = 2 * time.Second
	l.Receives = 20
}

// openCloud starts an AWS house. Rooms that more than direct connections hear are told by the queue.
func openCloud(t *testing.T, town *awsdevtest.Town, direct int) *cloud {
	t.Helper()
	h := &cloud{t: t, tables: newTables(t, town.Tables.URL)}
	a, prefix, err := town.House(t.Context(), slog.New(slog.NewTextHandler(h, &slog.HandlerOptions{Level: slog.LevelWarn})), func(c *awsdev.Config) {
		c.DynamoDB.BaseEndpoint = &h.tables.url
		c.Env = append(c.Env, fmt.Sprint("PARLEY_DIRECT=", direct))
		shorter(&c.Limits)
	})
	if err != nil {
		t.Fatal(err)
	}
	h.aws, h.stop1 = a, sync.OnceValue(a.Close)
	t.Cleanup(h.explain)
	t.Cleanup(func() { _ = h.stop() })
	if h.db, err = dynamo.Open(dynamo.Options{Client: town.Tables.Client(), Prefix: prefix, Schemas: store.Schemas()}); err != nil {
		t.Fatal(err)
	}
	return h
}

// Write takes what the functions log.
func (h *cloud) Write(line []byte) (int, error) {
	if os.Getenv("TESTLOG") != "" {
		_, _ = os.Stderr.Write(line)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	text := string(line)
	if h.said = append(h.said, text); len(h.said) > 2000 {
		h.said = h.said[1000:]
	}
	if strings.Contains(text, "panic") || strings.Contains(text, "numbers are missing") {
		h.complaints = append(h.complaints, text)
	}
	return len(line), nil
}

// explain shows what the functions logged, if the test has failed.
func (h *cloud) explain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.t.Failed() {
		_, _ = h.t.Output().Write([]byte(strings.Join(h.said, "")))
	}
}

func (h *cloud) where() string  { return strings.TrimPrefix(h.aws.URL, "http://") }
func (h *cloud) forgives() bool { return true } // tables that refuse everything for a while are an internal error
func (h *cloud) retells() bool  { return true }
func (h *cloud) stop() error    { return h.stop1() }

func (h *cloud) pace() pace {
	return pace{silence: 4 * time.Second, within: 8 * time.Second, rest: 400 * time.Millisecond}
}

func (h *cloud) complained() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append(h.complaints, h.dead()...)
}

// dead are jobs that were given up.
func (h *cloud) dead() (out []string) {
	for _, body := range h.aws.Dead("fanout") {
		out = append(out, fmt.Sprintf("a job was given up: %.300s", body))
	}
	return out
}

func (h *cloud) stored(rooms []string) []Log { return logs(h.t, store.New(h.db, nil), rooms) }

// functions are those that serve people and tell them.
func functions() []string { return []string{awsdev.Socket, awsdev.HTTP, awsdev.Fanout, awsdev.Stream} }

// strikes implements house.
func (h *cloud) strikes(n *nemesis) []strike {
	f, ms := &h.aws.Faults, time.Millisecond
	during := func(last time.Duration, on func(bool)) func(context.Context) {
		return func(ctx context.Context) {
			on(true)
			pause(ctx, last)
			on(false)
		}
	}
	share := func(what *share, of int64) func(context.Context) {
		return func(ctx context.Context) {
			what.Store(of)
			pause(ctx, 700*ms)
			what.Store(0)
		}
	}
	spend := func(times *atomic.Int32, most int32, last time.Duration) func(context.Context) {
		return func(ctx context.Context) {
			times.Add(1 + n.rng.Int32N(most))
			for limit := time.Now().Add(last); times.Load() > 0 && time.Now().Before(limit) && ctx.Err() == nil; { // a heal would take back what did not happen yet
				pause(ctx, 20*ms)
			}
		}
	}
	return []strike{
		{"functions killed between storing and telling", spend(&f.KillBeforePush, 3, 3*time.Second)},
		{"functions killed", func(ctx context.Context) {
			for range 4 {
				h.aws.Kill(functions()[n.rng.IntN(len(functions()))])
				pause(ctx, n.upTo(300*ms))
			}
		}},
		{"all functions killed", func(context.Context) { h.aws.Kill(functions()...) }},
		{"stream replayed", during(900*ms, f.ReplayStream.Store)},
		{"stream late", func(ctx context.Context) {
			f.DelayStream.Store(int64(2 * time.Second))
			pause(ctx, 900*ms)
			f.DelayStream.Store(0)
		}},
		{"jobs delivered twice", during(900*ms, f.DuplicateJobs.Store)},
		{"jobs refused in part", spend(&f.RefuseJobs, 10, 700*ms)}, // in rooms that are told at once there are few
		{"pushes throttled", spend(&f.ThrottlePushes, 20, 3*time.Second)},
		{"pushes failed after they were sent", spend(&f.FailPushes, 3, 3*time.Second)},
		{"disconnects lost", func(ctx context.Context) {
			f.LoseDisconnects.Store(true)
			n.proxy.strike(n.rng, 0.5, (*link).cut)
			pause(ctx, 900*ms)
			f.LoseDisconnects.Store(false)
		}},
		{"tables throttled", share(&h.tables.throttle, 30)},
		{"batches done in part", share(&h.tables.partial, 70)},
		{"transactions in conflict", share(&h.tables.conflict, 50)},
		{"answers of tables lost", share(&h.tables.lose, 15)},
		{"tables slow", share(&h.tables.slow, 50)},
		{"maintenance", func(ctx context.Context) { _, _ = h.aws.Invoke(ctx, awsdev.Maintain, struct{}{}) }},
	}
}

// heal implements house. What was killed is made anew by itself.
func (h *cloud) heal() {
	f := &h.aws.Faults
	f.KillBeforePush.Store(0)
	f.ThrottlePushes.Store(0)
	f.FailPushes.Store(0)
	f.RefuseJobs.Store(0)
}

// TestDeliveryOnAWS is the short run in the AWS house, once with rooms that are told at once and once by the queue.
func TestDeliveryOnAWS(t *testing.T) {
	last := 10 * time.Second
	if testing.Short() {
		last = 0
	}
	town := openTown(t)
	first := chance(t)
	for i := range 2 {
		seed := first + uint64(i)
		deliver(t, openCloud(t, town, toldAtOnce(seed)), seed, i, last)
	}
}

// toldAtOnce is up to how many connections a room is told without the queue, as a seed has it: then all rooms are, or the duel alone.
func toldAtOnce(seed uint64) int { return []int{100, 5}[seed%2] }

func openTown(t *testing.T) *awsdevtest.Town {
	t.Helper()
	town, err := awsdevtest.New(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(town.Stop)
	return town
}

// TestSoakOnAWS runs such rounds for SOAK, such as 1h, each in a new house.
func TestSoakOnAWS(t *testing.T) {
	soak(t, func(t *testing.T, seed uint64) house {
		return openCloud(t, openTown(t), toldAtOnce(seed))
	})
}
