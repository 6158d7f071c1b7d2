package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"parley/chat"
	"parley/queue"
)

// sender is SQS that refuses some entries the first time.
type sender struct {
	batches [][]string
	refuse  func(body string) *types.BatchResultErrorEntry
	groups  []string
}

func (s *sender) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	out := &sqs.SendMessageBatchOutput{}
	var batch []string
	size := 0
	for _, e := range in.Entries {
		body := aws.ToString(e.MessageBody)
		size += len(body)
		if f := s.refuse(body); f != nil {
			f.Id = e.Id
			out.Failed = append(out.Failed, *f)
			continue
		}
		batch = append(batch, body)
		s.groups = append(s.groups, aws.ToString(e.MessageGroupId)+"|"+aws.ToString(e.MessageDeduplicationId))
	}
	if len(in.Entries) > 10 || size > 256<<10 {
		return nil, errors.New("the batch is too large")
	}
	s.batches = append(s.batches, batch)
	return out, nil
}

// TestSQS: batches keep their bounds, and what SQS did not take is sent again, alone.
func TestSQS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var jobs []chat.Job
		for i := range 23 {
			jobs = append(jobs, chat.Job{Group: "g", ID: fmt.Sprint(i), Body: []byte(fmt.Sprintf("%02d", i))})
		}
		jobs = append(jobs, chat.Job{Group: "g", ID: "large", Body: []byte(strings.Repeat("x", 250<<10))}, chat.Job{Group: "g", ID: "after", Body: []byte(strings.Repeat("y", 10<<10))})
		times := map[string]int{}
		s := &sender{refuse: func(body string) *types.BatchResultErrorEntry {
			if times[body]++; body == "05" && times[body] <= 2 {
				return &types.BatchResultErrorEntry{Code: aws.String("InternalError")}
			}
			return nil
		}}
		if err := queue.NewSQS(s, "https://sqs/1/q.fifo").Enqueue(t.Context(), jobs...); err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, b := range s.batches {
			all = append(all, b...)
		}
		slices.Sort(all)
		if len(all) != len(jobs) || len(slices.Compact(all)) != len(jobs) || times["05"] != 3 || times["04"] != 1 {
			t.Errorf("sent %d of %d, tries %d and %d", len(all), len(jobs), times["05"], times["04"])
		}
		if !slices.Contains(s.groups, "g|large") {
			t.Errorf("groups: %v", s.groups)
		}
	})
}

// TestSQSRefuses: what SQS will never take is an error at once, and what it keeps refusing one in the end.
func TestSQSRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, fault := range []bool{true, false} {
			tries := 0
			s := &sender{refuse: func(string) *types.BatchResultErrorEntry {
				tries++
				return &types.BatchResultErrorEntry{Code: aws.String("No"), SenderFault: fault}
			}}
			err := queue.NewSQS(s, "https://sqs/1/q").Enqueue(t.Context(), chat.Job{Body: []byte("x")})
			if err == nil || tries > 5 || fault && tries != 1 {
				t.Errorf("fault %v: %v after %d tries", fault, err, tries)
			}
		}
	})
}

// TestLocal: groups keep their order, repeated ids are none, what fails is tried again and then put aside.
func TestLocal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var done []string
		tries := map[string]int{}
		q := queue.NewLocal(func(_ context.Context, body []byte) error {
			mu.Lock()
			defer mu.Unlock()
			b := string(body)
			if tries[b]++; b == "bad" || b == "a1" && tries[b] == 1 {
				return errors.New("it fails")
			}
			done = append(done, b)
			return nil
		}, 3, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- q.Run(ctx) }()
		for _, b := range []string{"a0", "a1", "a2", "a1", "bad", "a3"} {
			if err := q.Enqueue(ctx, chat.Job{Group: "a", ID: b, Body: []byte(b)}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if !slices.Equal(done, []string{"a0", "a1", "a2", "a3"}) || tries["bad"] != 3 || len(q.Dead()) != 1 {
			t.Errorf("done %v, tries %v, dead %v", done, tries, q.Dead())
		}
	})
}
