package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"parley/chat"
	"parley/notify/pushtest"
	"parley/queue"
)

// TestAway: what the stream of the table says goes through the queue to the notify function, which pushes to who is away:
// once, although both tell everything twice.
func TestAway(t *testing.T) {
	w, service := newTown(t), pushtest.New(t)
	w.env["PARLEY_PUSH_ALLOW_PRIVATE"], w.env["PARLEY_NOTIFY_QUEUE_URL"] = "1", "notify"
	anna, berta := w.person("anna"), w.person("berta")
	phone, own := service.Subscribe(), service.Subscribe()
	for p, b := range map[*person]*pushtest.Browser{berta: phone, anna: own} {
		body := map[string]any{"endpoint": b.Endpoint, "keys": map[string]string{"p256dh": b.P256dh, "auth": b.Auth}}
		if status := w.ask("PUT", "/push/subscriptions", p.token, body, nil); status != http.StatusOK {
			t.Fatalf("subscribe: %d", status)
		}
	}
	var room struct{ RoomID string }
	var m chat.Message
	w.ask("POST", "/direct", anna.token, map[string]any{"userIds": []string{berta.id}}, &room)
	w.ask("POST", "/rooms/"+room.RoomID+"/messages", anna.token, map[string]any{"content": "supper?", "clientMessageId": "1"}, &m)

	stream, notifier := w.function("stream"), w.function("notify")
	notifier.Identity = "cognito" // whose sessions end here as well
	lost := service.Subscribe()
	tables, err := notifier.tables.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	point, _ := base64.RawURLEncoding.DecodeString(lost.P256dh)
	if err := tables.PutPushSubscription(t.Context(), chat.PushSubscription{SubscriptionID: "lost", UserID: berta.id, SessionID: "expired", Endpoint: lost.Endpoint,
		P256dh: point, Auth: make([]byte, 16), CreatedAt: 1}); err != nil {
		t.Fatal(err)
	}
	jobs := queue.NewLocal(func(ctx context.Context, body []byte) error {
		e := events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", Body: string(body)}, {MessageId: "2", Body: string(body)}}}
		if failed, err := notifier.notify(ctx, e); err != nil || len(failed.BatchItemFailures) != 0 {
			return fmt.Errorf("%+v, %w", failed, err)
		}
		return nil
	}, 1, notifier.Logger)
	for _, h := range []*house{stream, notifier} {
		h.notifyJobs.make = func(context.Context) (chat.Jobs, error) { return jobs, nil }
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- jobs.Run(ctx) }()
	record := events.DynamoDBEventRecord{EventName: "INSERT", Change: events.DynamoDBStreamRecord{SequenceNumber: "1", Keys: map[string]events.DynamoDBAttributeValue{
		"roomId": events.NewStringAttribute(room.RoomID), "entry": events.NewStringAttribute(fmt.Sprintf("m#%016d", m.Seq))}}}
	for range 2 {
		if _, err := stream.stream(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{record, record}}); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(30 * time.Second); len(phone.Pushes()) == 0 && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil || len(jobs.Dead()) != 0 {
		t.Errorf("jobs: %v, dead %+v", err, jobs.Dead())
	}
	got := phone.Pushes()
	if len(got) != 1 || !strings.Contains(got[0].Payload, `"body":"supper?"`) || got[0].Subject != "https://chat.example.org" ||
		!strings.Contains(got[0].Payload, `"navigate":"https://chat.example.org/rooms/`+room.RoomID+"?message="+m.MessageID) {
		t.Errorf("pushes: %+v", got)
	}
	if n, _ := own.Attempts(); n != 0 {
		t.Error("who wrote it is told")
	}
	if n, _ := lost.Attempts(); n != 0 {
		t.Error("a device is told whose session is over")
	}
}

// parameters answer as the parameter store does, with one parameter.
type parameters struct {
	mu    sync.Mutex
	value string
	kind  string
}

func (p *parameters) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var in struct {
		Name, Value, Type         string
		Overwrite, WithDecryption bool
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	refuse := func(kind string) {
		w.Header().Set("X-Amzn-Errortype", kind)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q}`, kind)
	}
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch {
	case in.Name != "/parley/test/vapid":
		refuse("ValidationException")
	case action == "PutParameter" && p.value != "" && !in.Overwrite:
		refuse("ParameterAlreadyExists")
	case action == "PutParameter":
		p.value, p.kind = in.Value, in.Type
		fmt.Fprint(w, `{"Version":1}`)
	case p.value == "" || !in.WithDecryption:
		refuse("ParameterNotFound")
	default:
		fmt.Fprintf(w, `{"Parameter":{"Name":%q,"Value":%q}}`, in.Name, p.value)
	}
}

// TestParameter: the key of Web Push is kept encrypted in the parameter store, and made once.
func TestParameter(t *testing.T) {
	there := &parameters{}
	server := httptest.NewServer(there)
	defer server.Close()
	for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL_SSM": server.URL} {
		t.Setenv(k, v)
	}
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := parameter{ssm.NewFromConfig(cfg), "/parley/test/vapid"}
	if _, err := p.PushKey(t.Context()); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("before it is made: %v", err)
	}
	key := bytes.Repeat([]byte{7}, 32)
	if err := p.CreatePushKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if err := p.CreatePushKey(t.Context(), make([]byte, 32)); err != chat.ErrExists { //nolint:errorlint // it is said so
		t.Errorf("made twice: %v", err)
	}
	if got, err := p.PushKey(t.Context()); err != nil || !bytes.Equal(got, key) || there.kind != "SecureString" {
		t.Errorf("kept: %v, %v, as %s", got, err, there.kind)
	}
	if _, err := (parameter{p.client, "/other"}).PushKey(t.Context()); err == nil || chat.CodeOf(err) == chat.NotFound {
		t.Errorf("another failure: %v", err)
	}
}
