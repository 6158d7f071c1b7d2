package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"parley/apigateway/apigatewaytest"
	"parley/store"
	"parley/store/dynamo"
	"parley/store/dynamo/dynamotest"
)

var local *dynamotest.Server //nolint:gochecknoglobals // one for all tests of the package

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if local, err = dynamotest.Start(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer local.Stop()
		return m.Run()
	}())
}

// town is a whole house on DynamoDB Local, whose functions are called as Lambda would.
type town struct {
	*testing.T
	gateway *apigatewaytest.Gateway
	env     map[string]string
}

func newTown(t *testing.T) *town {
	t.Helper()
	g := apigatewaytest.New(t)
	prefix := strings.ToLower(strings.NewReplacer("/", "-", "#", "-").Replace(t.Name())) + "-"
	if err := dynamo.CreateTables(t.Context(), local.Client(), prefix, store.Schemas(), "messages"); err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "eu-central-1",
		"AWS_ENDPOINT_URL_DYNAMODB": local.URL} {
		t.Setenv(k, v)
	}
	return &town{t, g, map[string]string{"PARLEY_TABLE_PREFIX": prefix, "PARLEY_SOCKET_ENDPOINT": g.URL, "PARLEY_FILES_BUCKET": "files",
		"PARLEY_PUBLIC_URL": "https://chat.example.org", "PARLEY_REGISTRATION": "open", "PARLEY_LOG_FORMAT": "text"}}
}

// function makes a fresh function, as a cold start does.
func (w *town) function(name string) *house {
	w.Helper()
	c, err := FromEnv(func(k string) string {
		if k == "PARLEY_FUNCTION" {
			return name
		}
		return w.env[k]
	}, "test")
	if err != nil {
		w.Fatal(err)
	}
	return newHouse(c)
}

// ask sends one HTTP request through a fresh function.
func (w *town) ask(method, path, token string, body, into any) int {
	w.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		w.Fatal(err)
	}
	headers := map[string]string{"content-type": "application/json", "accept": "application/json", "host": "chat.example.org"}
	if token != "" {
		headers["authorization"] = "Bearer " + token
	}
	e := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: "/api/v1" + path, Headers: headers, Body: string(text)}
	e.RequestContext.HTTP = events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: method, Path: e.RawPath, Protocol: "HTTP/1.1", SourceIP: "192.0.2.1"}
	e.RequestContext.Stage = "$default"
	if u, err := url.Parse(e.RawPath); err == nil {
		e.RawPath, e.RawQueryString = u.Path, u.RawQuery
	}
	got, err := w.function("http").http(w.Context(), e)
	if err != nil {
		w.Fatal(err)
	}
	if into != nil && got.StatusCode < 300 {
		if err := json.Unmarshal([]byte(got.Body), into); err != nil {
			w.Fatalf("%s %s: %d %s: %v", method, path, got.StatusCode, got.Body, err)
		}
	}
	if got.StatusCode >= 500 {
		w.Fatalf("%s %s: %d %s", method, path, got.StatusCode, got.Body)
	}
	return got.StatusCode
}

// person is somebody who is registered and signed in.
type person struct {
	town  *town
	id    string
	token string
}

func (w *town) person(name string) *person {
	w.Helper()
	if status := w.ask("POST", "/auth/register", "", map[string]string{"username": name, "email": name + "@example.org", "password": "correct horse battery " + name}, nil); status != http.StatusCreated {
		w.Fatalf("register %s: %d", name, status)
	}
	var grant struct {
		AccessToken string
		User        struct{ UserID string }
	}
	if status := w.ask("POST", "/auth/login", "", map[string]string{"username": name, "password": "correct horse battery " + name}, &grant); status != http.StatusOK {
		w.Fatalf("log in %s: %d", name, status)
	}
	return &person{w, grant.User.UserID, grant.AccessToken}
}

// event calls a fresh socket function.
func (w *town) event(ctx context.Context, e events.APIGatewayWebsocketProxyRequest) events.APIGatewayProxyResponse {
	w.Helper()
	got, err := w.function("socket").socket(ctx, e)
	if err != nil {
		w.Fatal(err)
	}
	return got
}

func (p *person) connect(connectionID string) {
	p.town.Helper()
	var ticket struct {
		Ticket, URL   string
		MaxAgeSeconds int
	}
	p.town.ask("POST", "/ws-tickets", p.token, nil, &ticket)
	if ticket.URL != "wss://chat.example.org/ws" || ticket.MaxAgeSeconds != 7200 {
		p.town.Errorf("ticket: %+v", ticket)
	}
	e := events.APIGatewayWebsocketProxyRequest{Headers: map[string]string{"Origin": "https://chat.example.org", "Sec-WebSocket-Protocol": "parley.v1"},
		QueryStringParameters: map[string]string{"ticket": ticket.Ticket}}
	e.RequestContext.EventType, e.RequestContext.RouteKey, e.RequestContext.ConnectionID = "CONNECT", "$connect", connectionID
	got := p.town.event(p.town.Context(), e)
	if got.StatusCode != http.StatusOK || got.Headers["Sec-WebSocket-Protocol"] != "parley.v1" {
		p.town.Fatalf("connect: %+v", got)
	}
	p.town.gateway.Open(connectionID)
	if again := p.town.event(p.town.Context(), e); again.StatusCode != http.StatusUnauthorized {
		p.town.Errorf("the ticket opened a second socket: %d", again.StatusCode)
	}
}

func (w *town) say(connectionID, frame string) {
	w.Helper()
	e := events.APIGatewayWebsocketProxyRequest{Body: frame}
	e.RequestContext.EventType, e.RequestContext.RouteKey, e.RequestContext.ConnectionID = "MESSAGE", "$default", connectionID
	if got := w.event(w.Context(), e); got.StatusCode != http.StatusOK {
		w.Fatalf("%s: %d", frame, got.StatusCode)
	}
}

// only returns the frames of a type that a connection was sent.
func (w *town) only(connectionID, frameType string) (out []string) {
	for _, f := range w.gateway.Sent(connectionID) {
		if strings.HasPrefix(f, `{"type":"`+frameType+`"`) {
			out = append(out, f)
		}
	}
	return out
}

func TestTwoPeopleTalk(t *testing.T) {
	w := newTown(t)
	anna, berta, cleo := w.person("anna"), w.person("berta"), w.person("cleo")
	anna.connect("a1=")
	anna.connect("a2=")
	berta.connect("b1=")
	cleo.connect("c1=")
	var room struct{ RoomID string }
	if status := w.ask("POST", "/direct", anna.token, map[string]any{"userIds": []string{berta.id}}, &room); status >= 300 {
		t.Fatalf("direct: %d", status)
	}
	if got := w.only("b1=", "room"); len(got) != 1 || !strings.Contains(got[0], `"joined"`) { // of her own joining, being the last
		t.Errorf("berta heard of the room: %q", got)
	}
	w.say("a1=", `{"action":"sendMessage","requestId":"r1","data":{"roomId":"`+room.RoomID+`","content":"hello","clientMessageId":"m1"}}`)
	w.say("b1=", `{"action":"sendMessage","requestId":"r2","data":{"roomId":"`+room.RoomID+`","content":"hi","clientMessageId":"m2"}}`)
	w.say("a1=", `{"action":"sendMessage","requestId":"r1 again","data":{"roomId":"`+room.RoomID+`","content":"hello","clientMessageId":"m1"}}`)
	for id, want := range map[string][2]int{"a1=": {2, 1}, "a2=": {0, 2}, "b1=": {1, 1}, "c1=": {0, 0}} {
		if acks, news := w.only(id, "ack"), w.only(id, "newMessage"); len(acks) != want[0] || len(news) != want[1] {
			t.Errorf("%s: acks %q, messages %q", id, acks, news)
		}
	}
	for _, f := range w.gateway.Sent("c1=") {
		if strings.Contains(f, room.RoomID) || strings.Contains(f, "hello") {
			t.Errorf("who is not a member was sent %s", f)
		}
	}
	w.say("b1=", `{"action":"sync","requestId":"s","data":{"rooms":{"`+room.RoomID+`":0}}}`)
	if got := w.only("b1=", "synced"); len(got) != 1 || strings.Count(got[0], `"newMessage"`) != 2 {
		t.Errorf("synced: %q", got)
	}
	w.say("b1=", `{"action":`)
	w.say("b1=", `{"action":"ping","requestId":"p"}`)
	if errs, pongs := w.only("b1=", "error"), w.only("b1=", "pong"); len(errs) != 1 || len(pongs) != 1 || !strings.Contains(errs[0], "invalid_request") {
		t.Errorf("errors %q, pongs %q", errs, pongs)
	}
}
