package awsdev

import (
	"context"
	"crypto/md5" //nolint:gosec // SQS answers with it
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// fifo is a FIFO queue: jobs of a group are given out in order, none while an earlier one is being worked at; an id is
// taken once.
type fifo struct {
	limits Limits

	mu      sync.Mutex // guards what follows
	waiting []*job
	taken   map[string]time.Time // ids, and when they were
	locked  map[string]bool      // groups with a job under way
	dead    []string             // bodies of the jobs that were given up
	changed chan struct{}        // closed, and replaced, when there may be something to do
}

type job struct {
	id, group, body string
	received        int
	sent            time.Time
	visible         time.Time
}

// dedupeFor is how long an id is remembered.
const dedupeFor = 5 * time.Minute

func newFIFO(l Limits) *fifo {
	return &fifo{limits: l, taken: map[string]time.Time{}, locked: map[string]bool{}, changed: make(chan struct{})}
}

func (q *fifo) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *fifo) send(group, id, body string) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	name := rand.Text()
	if at, known := q.taken[id]; known && now.Sub(at) < dedupeFor {
		return name
	}
	q.taken[id] = now
	q.waiting = append(q.waiting, &job{id: name, group: group, body: body, sent: now, visible: now})
	q.wake()
	return name
}

// receive takes up to ten jobs that may be worked at now, and locks their groups. next is when there may be more.
func (q *fifo) receive() (jobs []*job, next time.Time, changed <-chan struct{}) {
	const batch = 10
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	next = now.Add(time.Minute)
	blocked, mine := map[string]bool{}, map[string]bool{}
	for _, j := range q.waiting {
		switch {
		case blocked[j.group], q.locked[j.group] && !mine[j.group]:
		case j.visible.After(now):
			blocked[j.group] = true
			if j.visible.Before(next) {
				next = j.visible
			}
		case len(jobs) < batch:
			mine[j.group], q.locked[j.group] = true, true
			j.received++
			jobs = append(jobs, j)
		}
	}
	return jobs, next, q.changed
}

// settle ends the work at jobs: those that failed come again later, or are given up.
func (q *fifo) settle(jobs []*job, failed func(id string) bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	done := map[*job]bool{}
	for _, j := range jobs {
		delete(q.locked, j.group)
		switch {
		case !failed(j.id):
			done[j] = true
		case j.received >= q.limits.Receives:
			done[j] = true
			q.dead = append(q.dead, j.body)
		default:
			j.visible = time.Now().Add(q.limits.Visibility)
		}
	}
	kept := q.waiting[:0]
	for _, j := range q.waiting {
		if !done[j] {
			kept = append(kept, j)
		}
	}
	q.waiting = kept
	q.wake()
}

// Dead returns the bodies of the jobs of a queue ("fanout" or "notify") that were given up.
func (h *House) Dead(queue string) []string {
	q := h.queues[queue+".fifo"]
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]string(nil), q.dead...)
}

// mapQueue is the event source mapping of a queue: batches go to the function, several at once.
func (h *House) mapQueue(ctx context.Context, q *fifo, f *function) {
	var batches sync.WaitGroup
	defer batches.Wait()
	slots := make(chan struct{}, h.cfg.Limits.Workers)
	for {
		jobs, next, changed := q.receive()
		if len(jobs) == 0 {
			wait := time.NewTimer(time.Until(next))
			select {
			case <-ctx.Done():
				return
			case <-changed:
			case <-wait.C:
			}
			wait.Stop()
			continue
		}
		select {
		case <-ctx.Done():
			return
		case slots <- struct{}{}:
		}
		batches.Go(func() {
			defer func() { <-slots }()
			h.deliverJobs(ctx, q, f, jobs)
		})
	}
}

func (h *House) deliverJobs(ctx context.Context, q *fifo, f *function, jobs []*job) {
	var e events.SQSEvent
	for _, j := range jobs {
		e.Records = append(e.Records, events.SQSMessage{MessageId: j.id, ReceiptHandle: rand.Text(), Body: j.body, AWSRegion: region,
			EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:" + region + ":000000000000:" + strings.TrimPrefix(f.name, "parley-") + ".fifo",
			Attributes: map[string]string{"MessageGroupId": j.group, "ApproximateReceiveCount": strconv.Itoa(j.received),
				"SentTimestamp": strconv.FormatInt(j.sent.UnixMilli(), 10)}})
	}
	answer, err := f.invoke(ctx, e)
	if h.Faults.DuplicateJobs.Load() {
		answer, err = f.invoke(ctx, e)
	}
	var resp events.SQSEventResponse
	if err == nil {
		err = json.Unmarshal(answer, &resp)
	}
	if err != nil && ctx.Err() == nil {
		h.log.Warn("a batch of jobs failed", "function", f.name, "error", err)
	}
	failed := map[string]bool{}
	for _, item := range resp.BatchItemFailures {
		failed[item.ItemIdentifier] = true
	}
	q.settle(jobs, func(id string) bool { return err != nil || failed[id] })
}

// sqs is the queue service as far as functions use it: SendMessageBatch in the JSON protocol.
func (h *House) sqs(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Amz-Target") != "AmazonSQS.SendMessageBatch" {
		refuse(w, http.StatusBadRequest, "UnsupportedOperation", "not in this emulation: "+r.Header.Get("X-Amz-Target"))
		return
	}
	type entry struct{ Id, MessageBody, MessageGroupId, MessageDeduplicationId string } //nolint:revive,staticcheck // names of the protocol
	var in struct {
		QueueUrl string //nolint:revive,staticcheck // its name
		Entries  []entry
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 2<<20)).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "InvalidParameterValue", err.Error())
		return
	}
	q, err := h.queues[path.Base(in.QueueUrl)], error(nil)
	size := 0
	for _, e := range in.Entries {
		size += len(e.MessageBody)
		if e.MessageGroupId == "" || e.MessageDeduplicationId == "" {
			err = errors.New("a FIFO queue needs a group and a deduplication id")
		}
	}
	switch {
	case q == nil:
		refuse(w, http.StatusBadRequest, "QueueDoesNotExist", in.QueueUrl)
		return
	case len(in.Entries) == 0 || len(in.Entries) > 10:
		err = errors.New("a batch has 1 to 10 entries")
	case size > 1<<20:
		err = errors.New("a batch has at most 1 MiB")
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidParameterValue", err.Error())
		return
	}
	out := []map[string]string{}
	for _, e := range in.Entries {
		sum := md5.Sum([]byte(e.MessageBody)) //nolint:gosec // SQS answers with it
		out = append(out, map[string]string{"Id": e.Id, "MessageId": q.send(e.MessageGroupId, e.MessageDeduplicationId, e.MessageBody), "MD5OfMessageBody": hex.EncodeToString(sum[:])})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(map[string]any{"Successful": out, "Failed": []string{}})
}
