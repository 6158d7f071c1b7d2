package awsdev

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// bodies takes what can be worked at now.
func bodies(q *jobQueue) (jobs []*job, all string) {
	jobs, _, _ = q.receive()
	for _, j := range jobs {
		all += j.body
	}
	return jobs, all
}

// TestFIFO: a group in its order, none while an earlier one is under way, and an id once.
func TestFIFO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue("x.fifo", Limits{}.withDefaults())
		for i, group := range []string{"a", "b", "a", "a"} {
			e := &entry{MessageBody: fmt.Sprint(i), MessageGroupId: group, MessageDeduplicationId: fmt.Sprint(i)}
			if err := q.check(e); err != nil {
				t.Fatal(err)
			}
			q.send(e)
			q.send(e) // dropped
		}
		jobs, got := bodies(q)
		if got != "0123" {
			t.Errorf("given %q", got)
		}
		q.send(&entry{MessageBody: "4", MessageGroupId: "a", MessageDeduplicationId: "4"})
		if _, got := bodies(q); got != "" {
			t.Errorf("given %q while others of the group are under way", got)
		}
		q.settle(jobs, func(id string) bool { return id == jobs[2].id || id == jobs[3].id })
		if _, got := bodies(q); got != "" {
			t.Errorf("given %q before one that failed", got)
		}
		time.Sleep(q.limits.Visibility)
		if _, got := bodies(q); got != "234" {
			t.Errorf("given %q", got)
		}
		if q.check(&entry{MessageBody: "5"}) == nil || q.check(&entry{MessageGroupId: "a", MessageDeduplicationId: "5", DelaySeconds: 1}) == nil {
			t.Error("an entry that SQS refuses")
		}
	})
}

// TestStandard: each job for itself, as late as it was wished, as often as it was sent; given up after a few failures.
func TestStandard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue("x", Limits{}.withDefaults())
		for _, e := range []*entry{{MessageBody: "later", DelaySeconds: 4}, {MessageBody: "a", MessageGroupId: "g"}, {MessageBody: "a", MessageGroupId: "g"}} {
			if err := q.check(e); err != nil {
				t.Fatal(err)
			}
			q.send(e)
		}
		jobs, got := bodies(q)
		if got != "aa" {
			t.Errorf("given %q", got)
		}
		q.settle(jobs, func(string) bool { return false })
		time.Sleep(4 * time.Second)
		for range q.limits.Receives {
			jobs, got := bodies(q)
			if got != "later" {
				t.Errorf("given %q", got)
			}
			q.settle(jobs, func(string) bool { return true })
			time.Sleep(q.limits.Visibility)
		}
		if _, got := bodies(q); got != "" || len(q.dead) != 1 {
			t.Errorf("given %q, given up %q", got, q.dead)
		}
		if q.check(&entry{MessageBody: "a", MessageDeduplicationId: "1"}) == nil || q.check(&entry{MessageBody: "a", DelaySeconds: 901}) == nil {
			t.Error("an entry that SQS refuses")
		}
	})
}
