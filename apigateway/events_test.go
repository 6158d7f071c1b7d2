package apigateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"parley/apigateway"
	"parley/chat"
	"parley/protocol"
	"parley/store"
)

// read reads an event as AWS documents it.
func read[T any](t *testing.T, name string) (v T) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".json")
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const documented = "cGBKgdAeliACHXw=" // the connection of the documented events

// TestSocketEvents: a connection's life as API Gateway tells it; what a person's last one leaves is that they went.
func TestSocketEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 2)
		w.makeRoom()
		p := w.process()
		w.Forget(p, 0, "c0")
		got, err := p.Handle(t.Context(), read[events.APIGatewayWebsocketProxyRequest](t, "connect"))
		if err != nil || got.StatusCode != http.StatusOK || got.Headers["Sec-WebSocket-Protocol"] != protocol.Subprotocol {
			t.Fatalf("connect: %+v, %v", got, err)
		}
		w.conns.open[documented] = true
		if n := contains(w.conns.sent["c1"], `"presence","data":{"userId":"u-user000","online":true`); n != 1 {
			t.Errorf("the other heard %q", w.conns.sent["c1"])
		}
		if _, err := p.Handle(t.Context(), read[events.APIGatewayWebsocketProxyRequest](t, "message")); err != nil {
			t.Fatal(err)
		}
		if got := w.conns.sent[documented]; contains(got, `{"type":"pong","requestId":"p1","data":{"rooms":{"`+w.room+`":`) != 1 {
			t.Errorf("answers: %q", got)
		}
		delete(w.conns.open, documented)
		if _, err := p.Handle(t.Context(), read[events.APIGatewayWebsocketProxyRequest](t, "disconnect")); err != nil {
			t.Fatal(err)
		}
		if n := contains(w.conns.sent["c1"], `"presence","data":{"userId":"u-user000","online":false`); n != 1 {
			t.Errorf("the other heard %q", w.conns.sent["c1"])
		}
		if online, err := p.Online(t.Context(), w.users[0].UserID, w.users[1].UserID); err != nil || online[w.users[0].UserID] || !online[w.users[1].UserID] {
			t.Errorf("online: %v, %v", online, err)
		}
	})
}

// Forget takes a connection away without telling anybody.
func (w *town) Forget(p *process, i int, connectionID string) {
	w.Helper()
	delete(w.conns.open, connectionID)
	if _, err := store.New(w.db, nil).Forget(w.Context(), w.users[i].UserID, connectionID); err != nil {
		w.Fatal(err)
	}
}

// TestReloadIsNoGoing: who comes back within a moment has not been away.
func TestReloadIsNoGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 2)
		w.makeRoom()
		var back sync.WaitGroup
		back.Go(func() {
			time.Sleep(500 * time.Millisecond)
			w.connect(w.process(), 0, "again")
		})
		if _, err := w.process().Handle(t.Context(), event("DISCONNECT", "c0", "")); err != nil {
			t.Fatal(err)
		}
		back.Wait()
		if n := contains(w.conns.sent["c1"], `"online":false`); n != 0 {
			t.Errorf("the other heard %q", w.conns.sent["c1"])
		}
	})
}

// TestHostileEvents: whatever comes is answered by one refusal and bounded work, or ends the connection.
func TestHostileEvents(t *testing.T) {
	w := newTown(t, 2)
	w.makeRoom()
	p := w.process()
	for name, e := range map[string]struct {
		headers, query map[string]string
		id             string
		want           int
	}{
		"no ticket":         {nil, nil, "x1", http.StatusUnauthorized},
		"user in query":     {nil, map[string]string{"userId": w.users[0].UserID}, "x2", http.StatusUnauthorized},
		"basic":             {map[string]string{"Authorization": "Basic " + w.users[0].UserID}, map[string]string{"ticket": w.users[0].UserID}, "x3", http.StatusUnauthorized},
		"foreign page":      {map[string]string{"origin": "https://evil.example"}, map[string]string{"ticket": w.users[0].UserID}, "x4", http.StatusForbidden},
		"null origin":       {map[string]string{"Origin": "null"}, map[string]string{"ticket": w.users[0].UserID}, "x5", http.StatusForbidden},
		"no connection id":  {nil, map[string]string{"ticket": w.users[0].UserID}, "", http.StatusForbidden},
		"lower-case header": {map[string]string{"authorization": "bearer " + w.users[0].UserID}, nil, "x6", http.StatusOK},
	} {
		c := event("CONNECT", e.id, "")
		c.Headers, c.QueryStringParameters = e.headers, e.query
		if got, err := p.Handle(t.Context(), c); err != nil || got.StatusCode != e.want {
			t.Errorf("%s: %d, %v", name, got.StatusCode, err)
		}
	}
	if _, err := store.New(w.db, nil).Connection(t.Context(), "x4"); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("a refused connection was noted: %v", err)
	}
	for _, body := range []string{"", "null", "[]", `{"action":"nothing"}`, `{"action":"sendMessage","data":{"roomId":"#","content":"x","clientMessageId":"1"}}`,
		"\xff\xfe", `{"action":"ping","requestId":"` + strings.Repeat("x", 40_000) + `"}`, strings.Repeat("[", 100_000)} {
		w.conns.sent["c0"] = nil
		if got, err := p.Handle(t.Context(), event("MESSAGE", "c0", body)); err != nil || got.StatusCode != http.StatusOK || got.Body != "" {
			t.Errorf("%.20q: %+v, %v", body, got, err)
		}
		if got := w.conns.sent["c0"]; len(got) != 1 || !strings.HasPrefix(got[0], `{"type":"error"`) || !strings.Contains(got[0], `"invalid_request"`) {
			t.Errorf("%.20q: answered %q", body, got)
		}
	}
	binary := event("MESSAGE", "c0", "eyJhY3Rpb24iOiJwaW5nIn0=")
	binary.IsBase64Encoded = true
	if _, err := p.Handle(t.Context(), binary); err != nil || contains(w.conns.sent["c0"], `"invalid_request"`) != 2 {
		t.Errorf("binary: %q, %v", w.conns.sent["c0"], err)
	}
	w.conns.open["stranger"] = true
	if _, err := p.Handle(t.Context(), event("MESSAGE", "stranger", `{"action":"ping"}`)); err != nil || !slices.Contains(w.conns.ended, "stranger") || len(w.conns.sent["stranger"]) != 0 {
		t.Errorf("a connection that nobody knows: ended %v, sent %q, %v", w.conns.ended, w.conns.sent["stranger"], err)
	}
	if got, err := p.Handle(t.Context(), event("SOMETHING", "c0", "")); err != nil || got.StatusCode != http.StatusBadRequest {
		t.Errorf("an event of no kind: %+v, %v", got, err)
	}
}

// TestEndedSession: who is signed out is told why and cut off, on that device alone.
func TestEndedSession(t *testing.T) {
	w := newTown(t, 1)
	w.makeRoom()
	p := w.process()
	w.connect(p, 0, "other")
	p.Disconnect(t.Context(), w.users[0].UserID, "s-of-nobody")
	if len(w.conns.ended) != 0 {
		t.Fatalf("ended: %v", w.conns.ended)
	}
	p.Disconnect(t.Context(), w.users[0].UserID, "s-"+w.users[0].UserID)
	if len(w.conns.ended) != 2 || contains(w.conns.sent["c0"], `"unauthenticated"`) != 1 {
		t.Errorf("ended: %v, told %q", w.conns.ended, w.conns.sent["c0"])
	}
	if online, err := p.Online(t.Context(), w.users[0].UserID); err != nil || len(online) != 0 {
		t.Errorf("online: %v, %v", online, err)
	}
}

// TestHTTPEvents: a request comes out of an event as it went in, and its answer too.
func TestHTTPEvents(t *testing.T) {
	e := read[events.APIGatewayV2HTTPRequest](t, "http")
	handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		cookie, cookieErr := r.Cookie("other")
		if err != nil || cookieErr != nil || string(body) != "\x00\xff\xfe\x01" || r.Method != http.MethodPost || r.URL.EscapedPath() != "/api/v1/rooms/a%2Fb" ||
			!slices.Equal(r.URL.Query()["query"], []string{"a b", "c"}) || r.Host != "chat.example.org" || cookie.Value != "two" ||
			!strings.HasSuffix(r.UserAgent(), "(KHTML, like Gecko)") || r.ContentLength != 4 || r.Header.Get("X-Parley-Origin") != "" {
			t.Errorf("%s %s %v %q: %v, %v", r.Method, r.URL, r.Header, body, err, cookieErr)
		}
		http.SetCookie(rw, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(rw, &http.Cookie{Name: "b", Value: "2"})
		rw.Header().Add("Vary", "Origin")
		rw.Header().Add("Vary", "Accept")
		rw.Header().Set("X-Address", r.RemoteAddr)
		rw.WriteHeader(http.StatusTeapot)
		_, _ = rw.Write([]byte("\xff\x00"))
	})
	for secret, address := range map[string]string{"the secret": "203.0.113.9", "another": "192.0.2.1", "": "192.0.2.1"} {
		got, err := apigateway.HTTP(handler, secret)(t.Context(), e)
		want := events.APIGatewayV2HTTPResponse{StatusCode: http.StatusTeapot, Headers: map[string]string{"Vary": "Origin, Accept", "X-Address": address},
			Cookies: []string{"a=1", "b=2"}, Body: "/wA=", IsBase64Encoded: true}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("secret %q: got %+v, %v", secret, got, err)
		}
	}
	e.Body = "not base64"
	if got, err := apigateway.HTTP(handler, "")(t.Context(), e); err != nil || got.StatusCode != http.StatusBadRequest {
		t.Errorf("a body that is not base64: %+v, %v", got, err)
	}
}

// TestQueueEvents: a job that fails takes only those of its group after it with it.
func TestQueueEvents(t *testing.T) {
	var done, failed []string
	got := apigateway.Batch(t.Context(), read[events.SQSEvent](t, "sqs"), func(_ context.Context, body []byte) error {
		if string(body) == "fails" {
			return errors.New("it fails")
		}
		done = append(done, string(body))
		return nil
	}, func(id string, _ error) { failed = append(failed, id[:1]) })
	if !slices.Equal(done, []string{"one", "four"}) || !slices.Equal(failed, []string{"2"}) || len(got.BatchItemFailures) != 2 ||
		got.BatchItemFailures[0].ItemIdentifier[:1] != "2" || got.BatchItemFailures[1].ItemIdentifier[:1] != "3" {
		t.Errorf("done %v, failed %v, answer %+v", done, failed, got)
	}
	if err := newTown(t, 0).process().Work(t.Context(), []byte("{")); err == nil {
		t.Error("a job of nonsense was done")
	}
}

// TestStreamEvents: new entries count, by room; what is changed or removed does not.
func TestStreamEvents(t *testing.T) {
	e := read[events.DynamoDBEvent](t, "stream")
	got := apigateway.NewMessages(e)
	if len(got) != 1 || got["R1"] != 7 {
		t.Errorf("messages: %+v", got)
	}
	synctest.Test(t, func(t *testing.T) { // rooms that nobody told, and of which there is nothing: that is a failure, and no end
		w := newTown(t, 1)
		answer := w.process().Stream(t.Context(), e)
		if len(answer.BatchItemFailures) != 1 || answer.BatchItemFailures[0].ItemIdentifier != "111" {
			t.Errorf("answer: %+v", answer)
		}
	})
}

func FuzzSocket(f *testing.F) {
	f.Add(`{"action":"ping","requestId":"p1"}`)
	f.Add(`{"action":"sync","data":{"rooms":{"a":0}}}`)
	f.Fuzz(func(t *testing.T, body string) {
		w := newTown(t, 1)
		w.conns.open["c0"] = true
		p := w.process()
		w.connect(p, 0, "c0")
		if got, err := p.Handle(t.Context(), event("MESSAGE", "c0", body)); err != nil || got.StatusCode != http.StatusOK {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
