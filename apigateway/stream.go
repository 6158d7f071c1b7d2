package apigateway

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-lambda-go/events"
)

// entry is one entry of a room's log, as the stream of the messages table tells of it.
type entry struct {
	room string
	kind string // "m" for a new message, "c" for any other
	seq  int64
}

// entryOf reads a record; false for what is no new entry: a changed message has one of its own, and nothing is told of
// what is removed.
func entryOf(r *events.DynamoDBEventRecord) (entry, bool) {
	room, sort := r.Change.Keys["roomId"], r.Change.Keys["entry"]
	if r.EventName != string(events.DynamoDBOperationTypeInsert) || room.DataType() != events.DataTypeString || sort.DataType() != events.DataTypeString {
		return entry{}, false
	}
	kind, number, ok := strings.Cut(sort.String(), "#")
	seq, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || seq < 1 || kind != "m" && kind != "c" || room.String() == "" {
		return entry{}, false
	}
	return entry{room.String(), kind, seq}, true
}

// NewMessages returns, of each room in which a stream event tells of new messages, the number of the first one.
func NewMessages(e events.DynamoDBEvent) map[string]int64 {
	rooms := map[string]int64{}
	for i := range e.Records {
		n, ok := entryOf(&e.Records[i])
		if !ok || n.kind != "m" {
			continue
		}
		if first, known := rooms[n.room]; !known || n.seq < first {
			rooms[n.room] = n.seq
		}
	}
	return rooms
}

// Stream repairs what the records of one stream event tell of, room by room side by side: a function may have died between
// writing and telling. A failure is that of the room's first record; the stream begins there anew.
func (d *Deliverer) Stream(ctx context.Context, e events.DynamoDBEvent) events.DynamoDBEventResponse {
	type span struct {
		first, last int64
		record      int // the first
	}
	rooms := map[string]*span{}
	for i := range e.Records {
		entry, ok := entryOf(&e.Records[i])
		if !ok {
			continue
		}
		s := rooms[entry.room]
		if s == nil {
			rooms[entry.room] = &span{entry.seq, entry.seq, i}
			continue
		}
		s.first, s.last = min(s.first, entry.seq), max(s.last, entry.seq)
	}
	var mu sync.Mutex // guards failed
	failed := -1
	var all sync.WaitGroup
	for room, s := range rooms {
		all.Go(func() {
			err := d.Repair(ctx, room, s.first, s.last)
			if err == nil {
				return
			}
			d.logger.ErrorContext(ctx, "could not repair what a room was told", "error", fmt.Errorf("room %s, %d to %d: %w", room, s.first, s.last, err))
			mu.Lock()
			defer mu.Unlock()
			if failed < 0 || s.record < failed {
				failed = s.record
			}
		})
	}
	all.Wait()
	if failed < 0 {
		return events.DynamoDBEventResponse{}
	}
	return events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{{ItemIdentifier: e.Records[failed].Change.SequenceNumber}}}
}
