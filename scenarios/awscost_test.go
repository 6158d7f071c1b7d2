package scenarios

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"parley/awsdev"
	"parley/chat"
	"parley/client"
)

// ledger stands between the functions and DynamoDB and writes down what they ask and what it is billed at.
type ledger struct {
	to string

	mu            sync.Mutex // guards what follows
	calls         map[string]int
	reads, writes float64
	last          time.Time
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	stream := strings.HasPrefix(service, "DynamoDBStreams") // asked for by Lambda, which is free
	in, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var fields map[string]json.RawMessage
	if !stream && json.Unmarshal(in, &fields) == nil {
		fields["ReturnConsumedCapacity"] = json.RawMessage(`"TOTAL"`)
		in, _ = json.Marshal(fields)
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, l.to, bytes.NewReader(in))
	if err != nil {
		return
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	out, _ := io.ReadAll(resp.Body)
	if !stream {
		l.note(operation, out)
	}
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(out)
}

func (l *ledger) note(operation string, answer []byte) {
	type capacity struct{ CapacityUnits float64 }
	var one struct{ ConsumedCapacity capacity }
	var many struct{ ConsumedCapacity []capacity }
	if json.Unmarshal(answer, &one) == nil {
		many.ConsumedCapacity = []capacity{one.ConsumedCapacity}
	} else if json.Unmarshal(answer, &many) != nil {
		many.ConsumedCapacity = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[operation]++
	l.last = time.Now()
	for _, c := range many.ConsumedCapacity {
		switch operation {
		case "BatchGetItem", "GetItem", "Query", "Scan":
			l.reads += c.CapacityUnits
		default:
			l.writes += c.CapacityUnits
		}
	}
}

// take waits until nothing is asked any more, and returns what was since the last time.
func (l *ledger) take() (calls map[string]int, reads, writes float64) {
	for {
		l.mu.Lock()
		if time.Since(l.last) > 700*time.Millisecond {
			break
		}
		l.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
	}
	defer l.mu.Unlock()
	calls, reads, writes = l.calls, l.reads, l.writes
	l.calls, l.reads, l.writes = map[string]int{}, 0, 0
	return calls, reads, writes
}

// bootCounted is bootAWS with a ledger before DynamoDB.
func bootCounted(t *testing.T, change ...func(*awsdev.Config)) (*ledger, *house, *awsdev.House) {
	t.Helper()
	l := &ledger{calls: map[string]int{}}
	front := httptest.NewServer(l)
	t.Cleanup(front.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	h, house := bootAWS(t, append(change, func(c *awsdev.Config) {
		l.to = aws.ToString(c.DynamoDB.BaseEndpoint)
		c.DynamoDB.BaseEndpoint = aws.String(front.URL)
	})...)
	return l, h, house
}

// TestOnAWSBudget counts what the true functions ask of DynamoDB for what people do, all functions together, the repair
// by the stream included, and fails when a budget of docs/cost.md is exceeded or a whole table is read.
func TestOnAWSBudget(t *testing.T) {
	l, h, _ := bootCounted(t)
	ann, bob := h.join(t, "ann"), h.join(t, "bob")
	garden := public(t, "garden", ann, bob)
	bobHears := bob.listen(t)
	l.take()
	var annHears *ear
	var said chat.Message
	send := func() error {
		m, err := annHears.Send(t.Context(), chat.NewMessage{RoomID: garden, Content: "hello", ClientMessageID: fmt.Sprint(time.Now().UnixNano())})
		said = m
		bobHears.awaitMessage(t, m)
		return err
	}
	connection := ""
	poll := func(want string) error {
		body, err := json.Marshal(map[string]any{"rooms": annHears.Positions(), "wait": 20, "connectionId": connection})
		if err != nil {
			return err
		}
		status, _, answer := ask(t, h, ann, "POST", "/api/v1/sync", string(body))
		var a struct {
			ConnectionID string
			RetryAfterMs int
		}
		if err := json.Unmarshal([]byte(answer), &a); err != nil || status != http.StatusOK || a.RetryAfterMs < 1000 || connection != "" && a.ConnectionID != connection ||
			!strings.Contains(answer, want) {
			return fmt.Errorf("asked for %s: %d %s: %w", want, status, answer, err)
		}
		connection = a.ConnectionID
		return nil
	}
	l.spend(t, []action{
		{"connect and sync", 24, 20, 20, func(context.Context) error { annHears = ann.listen(t); return nil }},
		{"send, room of 2", 14, 12, 16, func(context.Context) error { return send() }},
		{"send again, room of 2", 12, 10, 16, func(context.Context) error { return send() }},
		{"typing", 10, 10, 2, func(ctx context.Context) error {
			err := annHears.Typing(ctx, garden)
			bobHears.await(t, "typing", func(e client.Event) bool { return e.Typing != nil })
			return err
		}},
		{"mark read", 13, 11, 2, func(ctx context.Context) error { return bob.MarkRead(ctx, garden, said.Seq) }},
		{"a page of history", 6, 6, 0, func(ctx context.Context) error {
			_, err := ann.History(ctx, garden, chat.PageQuery{})
			return err
		}},
		{"disconnect", 14, 10, 12, func(context.Context) error { return annHears.stop() }},
		{"poll, the first", 19, 17, 12, func(context.Context) error { return poll("") }},
		{"poll, nothing new", 8, 8, 0, func(context.Context) error { return poll("") }},
		{"typing, one polls", 8, 8, 1, func(context.Context) error {
			status, _, answer := ask(t, h, bob, "POST", "/api/v1/rooms/"+garden+"/typing", "")
			if status != http.StatusNoContent {
				return errors.New(answer)
			}
			return nil
		}},
		{"poll, a signal", 9, 9, 2, func(context.Context) error { return poll("typing") }},
	})
}

// action is something that people do, and what it may ask of DynamoDB.
type action struct {
	name          string
	calls         int
	reads, writes float64
	do            func(ctx context.Context) error
}

// spend does actions one after another, and fails when one is over its budget or reads a whole table.
func (l *ledger) spend(t *testing.T, actions []action) {
	t.Helper()
	for _, action := range actions {
		if err := action.do(t.Context()); err != nil && !strings.Contains(err.Error(), "canceled") {
			t.Errorf("%s: %v", action.name, err)
		}
		if action.name == "disconnect" {
			time.Sleep(2500 * time.Millisecond) // that somebody went is told when it has lasted
		}
		calls, reads, writes := l.take()
		total := 0
		var names []string
		for _, name := range slices.Sorted(maps.Keys(calls)) {
			total += calls[name]
			names = append(names, fmt.Sprint(calls[name], " ", name))
		}
		t.Logf("%-22s %2d calls, %g read units, %g write units: %s", action.name, total, reads, writes, strings.Join(names, ", "))
		if calls["Scan"] > 0 {
			t.Errorf("%s: reads a whole table", action.name)
		}
		if total > action.calls || reads > action.reads || writes > action.writes {
			t.Errorf("%s: over its budget of %d calls, %g read and %g write units", action.name, action.calls, action.reads, action.writes)
		}
	}
}
