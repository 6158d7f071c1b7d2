// Package queue hands jobs to other processes: by Amazon SQS, or within one process for tests and emulation. Both
// implement chat.Jobs.
package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"parley/chat"
)

// Limits of one SendMessageBatch.
const (
	maxEntries = 10
	maxBytes   = 256 << 10 // of all bodies together
	attempts   = 5
	maxDelay   = 15 * time.Minute
)

// Sender is what is used of SQS; *sqs.Client has it.
type Sender interface {
	SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, o ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// SQS implements chat.Jobs by one queue. Groups keep their order and repeated ids are dropped if it is a FIFO queue (its
// URL ends with ".fifo"). It is safe for concurrent use.
type SQS struct {
	client Sender
	url    string
}

var _ chat.Jobs = (*SQS)(nil)

// NewSQS makes an SQS.
func NewSQS(client Sender, url string) *SQS { return &SQS{client, url} }

// Enqueue implements chat.Jobs. What SQS did not take of a batch is sent again after a pause.
func (q *SQS) Enqueue(ctx context.Context, jobs ...chat.Job) error {
	for len(jobs) > 0 {
		n, size := 0, 0
		for n < len(jobs) && n < maxEntries && (n == 0 || size+len(jobs[n].Body) <= maxBytes) {
			size += len(jobs[n].Body)
			n++
		}
		if err := q.send(ctx, jobs[:n]); err != nil {
			return fmt.Errorf("enqueue %d jobs: %w", len(jobs), err)
		}
		jobs = jobs[n:]
	}
	return nil
}

// send sends one batch.
func (q *SQS) send(ctx context.Context, jobs []chat.Job) error {
	entries := make([]types.SendMessageBatchRequestEntry, len(jobs))
	for i := range jobs {
		entries[i] = types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(jobs[i].Body))}
		if !strings.HasSuffix(q.url, ".fifo") {
			entries[i].DelaySeconds = int32(min(jobs[i].After+time.Second-1, maxDelay) / time.Second) //nolint:gosec // at most 900
		} else {
			entries[i].MessageGroupId, entries[i].MessageDeduplicationId = aws.String(jobs[i].Group), aws.String(jobs[i].ID)
		}
	}
	for attempt := 1; ; attempt++ {
		out, err := q.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return err
		}
		if len(out.Failed) == 0 {
			return nil
		}
		failed := make(map[string]bool, len(out.Failed))
		var reason error
		for _, f := range out.Failed {
			failed[aws.ToString(f.Id)] = true
			reason = fmt.Errorf("%s: %s", aws.ToString(f.Code), aws.ToString(f.Message))
			if f.SenderFault {
				return errors.Join(errors.New("a job was refused"), reason)
			}
		}
		if attempt == attempts {
			return reason
		}
		var left []types.SendMessageBatchRequestEntry
		for _, e := range entries {
			if failed[aws.ToString(e.Id)] {
				left = append(left, e)
			}
		}
		entries = left
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(time.Duration(attempt) * 50 * time.Millisecond)):
		}
	}
}
