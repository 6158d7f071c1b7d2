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

// jobQueue is a queue. In a FIFO queue jobs of a group are given out in order, none while an earlier one is being worked
// at, and an id is taken once; in a standard one each job stands for itself, and may be sent for later.
type jobQueue struct {
	name   string
	fifo   bool
	limits Limits

	mu      sync.Mutex // guards what follows
	waiting []*job
	taken   map[string]time.Time // ids, and when they were
	locked  map[string]bool      // groups with a job under way
	dead    []string             // bodies of the jobs that were given up
	calls   int                  // of the service: to send, and to receive and delete a batch
	changed chan struct{}        // closed, and replaced, when there may be something to do
}

type job struct {
	id, group, body string
	received        int
	sent            time.Time
	visible         time.Time
}

const (
	dedupeFor  = 5 * time.Minute // for which an id is remembered
	queueBatch = 10              // jobs that a function is given at once
)

// queueNames are those of the queues, by the function that they feed. The kinds are those of Terraform.
func queueNames() map[string]string {
	return map[string]string{Fanout: "fanout.fifo", Notify: "notify"}
}

func newQueue(name string, l Limits) *jobQueue {
	return &jobQueue{name: name, fifo: strings.HasSuffix(name, ".fifo"), limits: l, taken: map[string]time.Time{}, locked: map[string]bool{}, changed: make(chan struct{})}
}

func (q *jobQueue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// entry is one job of a call, by the names of the protocol.
type entry struct {
	Id, MessageBody, MessageGroupId, MessageDeduplicationId string //nolint:revive,staticcheck // names of the protocol
	DelaySeconds                                            int
}

// check tells what SQS would refuse of an entry.
func (q *jobQueue) check(e *entry) error {
	switch {
	case q.fifo && (e.MessageGroupId == "" || e.MessageDeduplicationId == ""):
		return errors.New("a FIFO queue needs a group and a deduplication id")
	case q.fifo && e.DelaySeconds != 0:
		return errors.New("a FIFO queue delays no single message")
	case !q.fifo && e.MessageDeduplicationId != "":
		return errors.New("a standard queue has no deduplication")
	case e.DelaySeconds < 0 || e.DelaySeconds > 900:
		return errors.New("a message is delayed by 0 to 900 seconds")
	}
	return nil
}

func (q *jobQueue) send(e *entry) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	now, group := time.Now(), e.MessageGroupId
	name := rand.Text()
	if !q.fifo {
		group = name // it waits for no other
	} else {
		if at, known := q.taken[e.MessageDeduplicationId]; known && now.Sub(at) < dedupeFor {
			return name
		}
		q.taken[e.MessageDeduplicationId] = now
	}
	q.waiting = append(q.waiting, &job{id: name, group: group, body: e.MessageBody, sent: now, visible: now.Add(time.Duration(e.DelaySeconds) * time.Second)})
	q.wake()
	return name
}

func (q *jobQueue) called(n int) {
	q.mu.Lock()
	q.calls += n
	q.mu.Unlock()
}

// receive takes up to ten jobs that may be worked at now, and locks their groups. next is when there may be more.
func (q *jobQueue) receive() (jobs []*job, next time.Time, changed <-chan struct{}) {
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
		case len(jobs) < queueBatch:
			mine[j.group], q.locked[j.group] = true, true
			j.received++
			jobs = append(jobs, j)
		}
	}
	return jobs, next, q.changed
}

// settle ends the work at jobs: those that failed come again later, or are given up.
func (q *jobQueue) settle(jobs []*job, failed func(id string) bool) {
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

// QueueCalls counts the requests of a queue ("fanout" or "notify") so far: those of functions to send jobs, and those of
// Lambda to take a batch and to delete it. It asks for nothing in vain here, as it does on AWS.
func (h *House) QueueCalls(queue string) int {
	q := h.queues[queueNames()[queue]]
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.calls
}

// Dead returns the bodies of the jobs of a queue ("fanout" or "notify") that were given up.
func (h *House) Dead(queue string) []string {
	q := h.queues[queueNames()[queue]]
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]string(nil), q.dead...)
}

// mapQueue is the event source mapping of a queue: batches go to the function, several at once.
func (h *House) mapQueue(ctx context.Context, q *jobQueue, f *function) {
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

func (h *House) deliverJobs(ctx context.Context, q *jobQueue, f *function, jobs []*job) {
	var e events.SQSEvent
	for _, j := range jobs {
		r := events.SQSMessage{MessageId: j.id, ReceiptHandle: rand.Text(), Body: j.body, AWSRegion: region,
			EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:" + region + ":000000000000:" + q.name,
			Attributes: map[string]string{"ApproximateReceiveCount": strconv.Itoa(j.received), "SentTimestamp": strconv.FormatInt(j.sent.UnixMilli(), 10)}}
		if q.fifo {
			r.Attributes["MessageGroupId"] = j.group
		}
		e.Records = append(e.Records, r)
	}
	q.called(2)
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
	for i := range in.Entries {
		size += len(in.Entries[i].MessageBody)
		if q != nil {
			err = errors.Join(err, q.check(&in.Entries[i]))
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
	q.called(1)
	out, failed := []map[string]string{}, []map[string]any{}
	for i := range in.Entries {
		e := &in.Entries[i]
		if take(&h.Faults.RefuseJobs) {
			failed = append(failed, map[string]any{"Id": e.Id, "Code": "InternalError", "Message": "not taken", "SenderFault": false})
			continue
		}
		sum := md5.Sum([]byte(e.MessageBody)) //nolint:gosec // SQS answers with it
		out = append(out, map[string]string{"Id": e.Id, "MessageId": q.send(e), "MD5OfMessageBody": hex.EncodeToString(sum[:])})
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(map[string]any{"Successful": out, "Failed": failed})
}
