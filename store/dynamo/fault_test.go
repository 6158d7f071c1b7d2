package dynamo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"parley/store/dynamo"
	"parley/store/table"
)

// wire stands between the SDK and the server: answer may replace an answer; nil leaves it.
type wire struct {
	answer func(operation string, n int32, truth func() *http.Response) (*http.Response, error)
	calls  atomic.Int32
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var failed error
	truth := func() *http.Response {
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			failed = err
		}
		return resp
	}
	resp, err := w.answer(operation, w.calls.Add(1), truth)
	return resp, errors.Join(err, failed)
}

func (w *wire) option(o *dynamodb.Options) { o.HTTPClient = w }

func refusal(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body: io.NopCloser(strings.NewReader(body))}
}

func schemas() []table.Schema {
	return []table.Schema{{Name: "messages", Part: "roomId", Sort: "entry"}}
}

func put(sort string, cond table.CondKind) table.Op {
	return table.Op{Kind: table.Put, Table: "messages", If: table.Cond{Kind: cond},
		Item: table.Item{Key: table.Key{Part: "r", Sort: sort}, Attrs: []table.Attr{table.S("content", sort)}}}
}

const (
	throttled = `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}`
	conflict  = `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"conflict",` +
		`"CancellationReasons":[{"Code":"ConditionalCheckFailed"},{"Code":"TransactionConflict"}]}`
)

// TestLostAnswer: a write that was done although its answer was lost is not taken for somebody else's.
func TestLostAnswer(t *testing.T) {
	w := &wire{answer: func(_ string, n int32, truth func() *http.Response) (*http.Response, error) {
		resp := truth()
		if n == 1 {
			_ = resp.Body.Close()
			return nil, io.ErrUnexpectedEOF
		}
		return resp, nil
	}}
	db := open(t, schemas(), nil, w.option)
	if err := db.Write(t.Context(), put("1", table.Absent)); err != nil {
		t.Errorf("write whose answer was lost: %v", err)
	}
	if n := w.calls.Load(); n != 2 {
		t.Errorf("%d requests, want the write and its repetition", n)
	}
	var failed *table.Failed
	if err := db.Write(t.Context(), put("1", table.Absent)); !errors.As(err, &failed) {
		t.Errorf("the same from somebody else: %v", err)
	}
}

// TestThrottled: throttling is waited out; when it lasts, the store is busy, and nothing was written.
func TestThrottled(t *testing.T) {
	var lasting atomic.Bool
	w := &wire{answer: func(_ string, n int32, truth func() *http.Response) (*http.Response, error) {
		if lasting.Load() || n%3 != 0 {
			return refusal(http.StatusBadRequest, throttled), nil
		}
		return truth(), nil
	}}
	db := open(t, schemas(), nil, w.option)
	if err := db.Write(t.Context(), put("1", table.Always)); err != nil {
		t.Errorf("write: %v", err)
	}
	if err := db.Write(t.Context(), put("2", table.Absent)); err != nil {
		t.Errorf("transaction: %v", err)
	}
	if p, err := db.Query(t.Context(), table.Query{Table: "messages", Part: "r"}); err != nil || len(p.Items) != 2 {
		t.Errorf("query: %v, %v", p, err)
	}
	lasting.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := db.Write(ctx, put("3", table.Always)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("throttled until the context ended: %v", err)
	}
	if _, err := db.Get(t.Context(), "messages", table.Key{Part: "r", Sort: "1"}); !errors.Is(err, table.ErrBusy) {
		t.Errorf("throttled for good: %v", err)
	}
}

// TestConflict: a transaction that met another is tried again, also if a condition failed in it, since only an
// undisturbed answer tells all conditions that failed.
func TestConflict(t *testing.T) {
	var lasting atomic.Bool
	w := &wire{answer: func(_ string, n int32, truth func() *http.Response) (*http.Response, error) {
		if lasting.Load() || n < 3 {
			return refusal(http.StatusBadRequest, conflict), nil
		}
		return truth(), nil
	}}
	db := open(t, schemas(), nil, w.option)
	if err := db.Write(t.Context(), put("1", table.Absent), put("2", table.Absent)); err != nil {
		t.Errorf("met two others: %v", err)
	}
	var failed *table.Failed
	err := db.Write(t.Context(), put("3", table.Absent), put("1", table.Absent), put("2", table.Absent))
	if !errors.As(err, &failed) || !slices.Equal(failed.Ops, []int{1, 2}) {
		t.Errorf("failed conditions: %v", err)
	}
	lasting.Store(true)
	if err := db.Write(t.Context(), put("4", table.Absent), put("5", table.Absent)); !errors.Is(err, table.ErrBusy) {
		t.Errorf("met others for good: %v", err)
	}
}

// TestLeftovers: keys that a batch left over are asked for again.
func TestLeftovers(t *testing.T) {
	w := &wire{answer: func(_ string, _ int32, truth func() *http.Response) (*http.Response, error) { return truth(), nil }}
	db := open(t, schemas(), nil, w.option)
	var keys []table.Key
	for _, sort := range []string{"1", "2", "3"} {
		if err := db.Write(t.Context(), put(sort, table.Always)); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, table.Key{Part: "r", Sort: sort})
	}
	w.calls.Store(0)
	w.answer = func(_ string, n int32, truth func() *http.Response) (*http.Response, error) {
		resp := truth()
		if n > 1 {
			return resp, nil
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		if body, err = leaveOver(body, 2); err != nil {
			return nil, err
		}
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		resp.Header.Del("X-Amz-Crc32")
		return resp, nil
	}
	got, err := db.Get(t.Context(), "messages", append(keys, keys[0])...)
	if err != nil || len(got) != 4 || w.calls.Load() != 2 {
		t.Fatalf("%d items after %d requests, %v", len(got), w.calls.Load(), err)
	}
	for i, want := range []string{"1", "2", "3", "1"} {
		if got[i].Text("content") != want {
			t.Errorf("item %d: %v", i, got[i])
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, opt := range map[string]dynamo.Options{
		"no client":  {Schemas: schemas()},
		"bad schema": {Client: server.Client(), Schemas: []table.Schema{{Name: "t"}}},
	} {
		if _, err := dynamo.Open(opt); !errors.Is(err, table.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestForeignItem: what another program wrote and the port has no words for is damage, not silence.
func TestForeignItem(t *testing.T) {
	db := open(t, schemas(), nil)
	_, err := server.Client().PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String(fmt.Sprintf("t%d-messages", prefix.Load())),
		Item: map[string]types.AttributeValue{
			"roomId": &types.AttributeValueMemberS{Value: "r"}, "entry": &types.AttributeValueMemberS{Value: "1"},
			"flag": &types.AttributeValueMemberBOOL{Value: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := db.Query(t.Context(), table.Query{Table: "messages", Part: "r"}); !errors.Is(err, table.ErrCorrupt) {
		t.Errorf("query: %v, %v", p, err)
	}
	if p, err := db.Get(t.Context(), "messages", table.Key{Part: "r", Sort: "1"}); !errors.Is(err, table.ErrCorrupt) {
		t.Errorf("get: %v, %v", p, err)
	}
}

// leaveOver takes all but n items out of the answer to a BatchGetItem of one table and names their keys as unprocessed.
func leaveOver(body []byte, n int) ([]byte, error) {
	type item = map[string]map[string]string
	var answer struct {
		Responses       map[string][]item
		UnprocessedKeys map[string]map[string]any
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	answer.UnprocessedKeys = map[string]map[string]any{}
	for name, items := range answer.Responses {
		var keys []item
		for _, it := range items[n:] {
			keys = append(keys, item{"roomId": it["roomId"], "entry": it["entry"]})
		}
		answer.Responses[name] = items[:n]
		answer.UnprocessedKeys[name] = map[string]any{"Keys": keys, "ConsistentRead": true}
	}
	return json.Marshal(answer)
}
