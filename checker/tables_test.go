package checker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// share is of how many requests in 100 something happens.
type share struct{ atomic.Int64 }

func (s *share) strikes() bool { return rand.Int64N(100) < s.Load() }

// tables stand between the functions and DynamoDB, and fail as AWS says that DynamoDB may.
type tables struct {
	url, to string
	client  *http.Client

	throttle share // refused, to be tried again
	partial  share // of batches a part is left undone
	conflict share // transactions and conditional writes refused because of another that is under way
	lose     share // done, and answered by 500
	slow     share // late by up to 300 ms

	tamper atomic.Pointer[func(operation string, request map[string]any)] // what DynamoDB does not do
}

func newTables(t *testing.T, to string) *tables {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	s := &tables{to: to, client: &http.Client{Transport: transport}}
	front := httptest.NewServer(s)
	s.url = front.URL
	t.Cleanup(func() {
		front.Close()
		transport.CloseIdleConnections()
	})
	return s
}

// ServeHTTP implements http.Handler.
func (s *tables) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if strings.HasPrefix(service, "DynamoDBStreams") { // asked for by Lambda
		s.forward(w, r, body, nil)
		return
	}
	if s.slow.strikes() {
		time.Sleep(rand.N(300 * time.Millisecond))
	}
	write := strings.HasPrefix(operation, "Transact") || strings.HasPrefix(operation, "Put") || strings.HasPrefix(operation, "Delete")
	switch {
	case s.throttle.strikes():
		deny(w, http.StatusBadRequest, "ProvisionedThroughputExceededException", nil)
	case write && s.conflict.strikes():
		conflict(w, operation, body)
	case s.lose.strikes():
		s.forward(httptest.NewRecorder(), r, body, nil)
		deny(w, http.StatusInternalServerError, "InternalServerError", nil)
	case strings.HasPrefix(operation, "Batch") && s.partial.strikes():
		s.part(w, r, operation, body)
	default:
		if do := s.tamper.Load(); do != nil {
			var request map[string]any
			if json.Unmarshal(body, &request) == nil {
				(*do)(operation, request)
				body = marshal(request)
			}
		}
		s.forward(w, r, body, nil)
	}
}

// forward asks DynamoDB, and answers what it answers, changed by change if that is given.
func (s *tables) forward(w http.ResponseWriter, r *http.Request, body []byte, change func(answer map[string]any)) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, s.to, bytes.NewReader(body))
	if err != nil {
		return
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding")
	res, err := s.client.Do(req)
	if err != nil {
		deny(w, http.StatusInternalServerError, "InternalServerError", nil)
		return
	}
	defer res.Body.Close()
	out, _ := io.ReadAll(res.Body)
	maps.Copy(w.Header(), res.Header)
	if change != nil && res.StatusCode == http.StatusOK {
		var answer map[string]any
		if json.Unmarshal(out, &answer) == nil {
			change(answer)
			out = marshal(answer)
			w.Header().Del("X-Amz-Crc32")
			w.Header().Del("Content-Length")
		}
	}
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(out)
}

// part does the first half of each table's part of a batch, and says that it left out the rest.
func (s *tables) part(w http.ResponseWriter, r *http.Request, operation string, body []byte) {
	var request map[string]any
	if err := json.Unmarshal(body, &request); err != nil {
		s.forward(w, r, body, nil)
		return
	}
	left := map[string]any{}
	of, _ := request["RequestItems"].(map[string]any)
	for name, v := range of {
		switch v := v.(type) {
		case []any: // of a batch of writes
			if half := len(v) / 2; half > 0 {
				of[name], left[name] = v[:half], v[half:]
			}
		case map[string]any: // of a batch of reads
			if keys, _ := v["Keys"].([]any); len(keys) > 1 {
				rest := maps.Clone(v)
				v["Keys"], rest["Keys"] = keys[:len(keys)/2], keys[len(keys)/2:]
				left[name] = rest
			}
		}
	}
	undone := "UnprocessedKeys"
	if operation == "BatchWriteItem" {
		undone = "UnprocessedItems"
	}
	s.forward(w, r, marshal(request), func(answer map[string]any) { answer[undone] = left })
}

// conflict refuses a write because of another.
func conflict(w http.ResponseWriter, operation string, body []byte) {
	if operation != "TransactWriteItems" {
		deny(w, http.StatusBadRequest, "TransactionConflictException", nil)
		return
	}
	var request struct{ TransactItems []json.RawMessage }
	_ = json.Unmarshal(body, &request)
	reasons := make([]map[string]string, len(request.TransactItems))
	for i := range reasons {
		reasons[i] = map[string]string{"Code": "None"}
	}
	if len(reasons) > 0 {
		reasons[rand.IntN(len(reasons))] = map[string]string{"Code": "TransactionConflict", "Message": "another one is under way"}
	}
	deny(w, http.StatusBadRequest, "TransactionCanceledException", map[string]any{"CancellationReasons": reasons})
}

// deny answers as DynamoDB refuses.
func deny(w http.ResponseWriter, status int, kind string, more map[string]any) {
	answer := map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#" + kind, "message": fmt.Sprint("a fault of the test: ", kind)}
	maps.Copy(answer, more)
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_, _ = w.Write(marshal(answer))
}
