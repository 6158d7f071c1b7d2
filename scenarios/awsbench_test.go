package scenarios

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"parley/awsdev"
	"parley/chat"
	"parley/notify/pushtest"
)

// BenchmarkOnAWS measures, once, how long a message takes from one person to another, and every function: the start of
// its process, its first invocation, those after it, and its memory. The table of docs/performance.md is what it says.
func BenchmarkOnAWS(b *testing.B) {
	const messages, starts = 100, 5
	h, aws := bootAWS(b, func(c *awsdev.Config) { c.Env = append(c.Env, "PARLEY_PUSH_ALLOW_PRIVATE=1") })
	all := []string{awsdev.Socket, awsdev.HTTP, awsdev.Fanout, awsdev.Stream, awsdev.Notify, awsdev.Maintain}
	ann, bob, cid := h.join(b, "ann"), h.join(b, "bob"), h.join(b, "cid")
	garden, square := public(b, "garden", ann, bob), public(b, "square", ann, bob, cid)
	private := direct(b, ann, cid) // who is away
	phone := pushtest.New(b).Subscribe()
	annHears, bobHears := ann.listen(b), bob.listen(b)
	send := func(room string, n int) (acked, received time.Duration) {
		b.Helper()
		began := time.Now()
		m, err := annHears.Send(b.Context(), chat.NewMessage{RoomID: room, Content: fmt.Sprint("message ", n), ClientMessageID: fmt.Sprint(n)})
		if err != nil {
			b.Fatal(err)
		}
		acked = time.Since(began)
		if room != private {
			bobHears.awaitMessage(b, m)
		}
		return acked, time.Since(began)
	}
	exchange := func(room, name string) {
		b.Helper()
		acked, received := make([]time.Duration, messages), make([]time.Duration, messages)
		for i := range messages {
			acked[i], received[i] = send(room, i)
		}
		b.Logf("%s: sent to acknowledged: %s; sent to received: %s", name, spread(acked), spread(received))
	}
	exchange(garden, "room of two")
	maintain := func() {
		b.Helper()
		if _, err := aws.Invoke(b.Context(), awsdev.Maintain, struct{}{}); err != nil {
			b.Error(err)
		}
	}
	ann.crowd(b, h, 55) // heard by way of the queue
	bob.crowd(b, h, 55)
	for i := range starts {
		restart(aws, awsdev.Fanout)
		send(square, -1-i) // numbers of their own
	}
	exchange(square, "room of 110 connections, by the queue")
	cid.subscribe(b, h, phone) // from here on pushes are queued
	for i := range starts + 10 {
		if i < starts {
			restart(aws, all...)
		}
		send(private, i) // socket, stream, and notify a few seconds later
		maintain()
		if _, err := ann.Rooms(b.Context()); err != nil {
			b.Error(err)
		}
		awaitPush(b, phone, i+1)
	}
	for _, name := range all {
		s := aws.Stats(name)
		b.Logf("%-8s process start: %s; first invocation: %s; warm: %s; memory: %d MiB", name, spread(s.Cold), spread(s.First), spread(s.Warm), s.MaxBytes>>20)
		if len(s.First) < starts {
			b.Errorf("%s was started %d times", name, len(s.First))
		}
	}
}

// restart ends the workers of functions when they have nothing to do, and waits until they are gone: these figures are
// not those of faults.
func restart(aws *awsdev.House, functions ...string) {
	const settled = 500 * time.Millisecond
	time.Sleep(settled)
	aws.Kill(functions...)
	time.Sleep(settled)
}

// spread is the median, the 99th percentile and the number of some durations.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	return fmt.Sprintf("p50 %v, p99 %v (%d)", all[len(all)/2].Round(100*time.Microsecond), all[len(all)*99/100].Round(100*time.Microsecond), len(all))
}
