package apigateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"parley/chat"
	"parley/protocol"
)

const (
	// groups is into how many groups of jobs the connections of a room are divided: each connection always stands in the
	// same one, in which jobs keep their order, and the groups are done side by side.
	groups = 16
	// stayQueued is how long a room is told by the queue after it was the last time: what is pushed at once must not
	// overtake what still waits there.
	stayQueued = time.Minute
	jobTargets = 1000 // connections in one job
	// jobFrames bounds the frames in one job, as JSON, unless it is one alone: with as much of acknowledgements and all the
	// connections it stays below the 256 KiB of a message of SQS.
	jobFrames = 64 << 10
)

// job is the body of a chat.Job: frames for a part of a room's connections.
type job struct {
	RoomID string      `json:"roomId"`
	Frames []string    `json:"frames"`
	To     []jobTarget `json:"to"`
}

type jobTarget struct {
	ConnectionID string         `json:"connectionId"`
	UserID       string         `json:"userId,omitempty"`
	Seen         chat.Millis    `json:"seen,omitempty"`
	Own          map[int]string `json:"own,omitempty"`
	Only         bool           `json:"only,omitempty"`
}

func group(connectionID string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(connectionID)) // never fails
	return int(h.Sum32() % groups)
}

// enqueue hands events for connections to the queue, some at a time.
func (d *Deliverer) enqueue(ctx context.Context, roomID string, turn int64, told []chat.Event, to []target) error {
	for len(told) > 0 {
		n, size := 0, 0
		for n < len(told) {
			frame, err := json.Marshal(string(protocol.AppendEvent(nil, &told[n])))
			if err != nil {
				return fmt.Errorf("write a job: %w", err)
			}
			if size += len(frame); n > 0 && size > jobFrames {
				break
			}
			n++
		}
		if err := d.enqueuePart(ctx, roomID, turn, told[:n], pack(told[:n], to)); err != nil {
			return err
		}
		told = told[n:]
	}
	return nil
}

// enqueuePart hands the parcels of as many events to the queue as fit into one job. Jobs of one telling have ids by which
// a repeated call is none; those of another telling of the same, after somebody died, have others: it may divide the
// connections otherwise, since some came or went, and a job that was taken for one of the first would leave out somebody.
// Told twice is harmless: each connection hears the numbers again before it hears new ones.
func (d *Deliverer) enqueuePart(ctx context.Context, roomID string, turn int64, told []chat.Event, parcels []parcel) error {
	var byGroup [groups][]jobTarget
	for i := range parcels {
		p := &parcels[i]
		n := group(p.to.id)
		byGroup[n] = append(byGroup[n], jobTarget{p.to.id, p.to.userID, p.to.seen, p.own, p.only})
	}
	var jobs []chat.Job
	for n, to := range byGroup {
		for part := 0; len(to) > 0; part++ {
			size := min(len(to), d.perJob)
			body, err := json.Marshal(job{roomID, parcels[0].frames, to[:size]})
			if err != nil {
				return fmt.Errorf("write a job: %w", err)
			}
			sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d %d %d", roomID, turn, told[0].Seq, n, part))
			jobs = append(jobs, chat.Job{Group: fmt.Sprintf("%s/%d", roomID, n), ID: hex.EncodeToString(sum[:]), Body: body})
			to = to[size:]
		}
	}
	return d.jobs.Enqueue(ctx, jobs...)
}

// Work does one job: it pushes to all its connections.
func (d *Deliverer) Work(ctx context.Context, body []byte) error {
	var j job
	if err := json.Unmarshal(body, &j); err != nil {
		return fmt.Errorf("read a job: %w", err)
	}
	parcels := make([]parcel, len(j.To))
	for i, t := range j.To {
		parcels[i] = parcel{target{t.ConnectionID, t.UserID, t.Seen}, j.Frames, t.Own, t.Only}
	}
	out, err := d.push(ctx, parcels)
	if err == nil {
		d.settle(ctx, out)
	}
	return err
}

// Batch does the jobs of one SQS event. Jobs of one group are done in order, so a failure fails those of its group after
// it, and no others.
func Batch(ctx context.Context, e events.SQSEvent, do func(ctx context.Context, body []byte) error, failed func(id string, err error)) events.SQSEventResponse {
	var answer events.SQSEventResponse
	held := map[string]bool{}
	for i := range e.Records {
		r := &e.Records[i]
		of := r.Attributes["MessageGroupId"]
		if of == "" || !held[of] {
			err := do(ctx, []byte(r.Body))
			if err == nil {
				continue
			}
			failed(r.MessageId, err)
			held[of] = true
		}
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
	}
	return answer
}
