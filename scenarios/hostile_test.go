package scenarios

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"parley/chat"
	"parley/client"
)

// ask sends one HTTP request as it is, and returns the status and the problem's code, if it is one.
func ask(t *testing.T, h *house, p *person, method, path, body string) (status int, code chat.Code, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if p != nil {
		req.Header.Set("Authorization", "Bearer "+p.Session().AccessToken)
	}
	res, err := transport(t).Transport.RoundTrip(req) // follows no redirects
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var problem struct {
		Code   chat.Code
		Detail string
	}
	if res.Header.Get("Content-Type") == "application/problem+json" {
		if err := json.Unmarshal(text, &problem); err != nil || problem.Detail == "" {
			t.Errorf("%s %s: a problem without a sentence: %s", method, path, text)
		}
	}
	return res.StatusCode, problem.Code, string(text)
}

func badRequestsGetTheirCode(t *testing.T, in home) {
	h := in.boot(t)
	ann, eve := h.join(t, "ann"), h.join(t, "eve")
	room := public(t, "garden", ann)
	m := ann.say(t, room, "hello")
	messages, message := "/api/v1/rooms/"+room+"/messages", "/api/v1/rooms/"+room+"/messages/"+m.MessageID
	deep := strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)
	text := func(content, id string) string {
		b, _ := json.Marshal(map[string]string{"content": content, "clientMessageId": id})
		return string(b)
	}
	cases := []struct {
		name         string
		by           *person
		method, path string
		body         string
		status       int
		code         chat.Code
	}{
		{"nobody", nil, "GET", "/api/v1/me", "", 401, chat.Unauthenticated},
		{"no such route", ann, "GET", "/api/v1/nothing", "", 404, chat.NotFound},
		{"no such room", ann, "POST", "/api/v1/rooms/nothing/messages", text("x", "1"), 404, chat.NotFound},
		{"a path for a room", ann, "GET", "/api/v1/rooms/..%2f..%2fetc%2fpasswd/messages", "", 404, chat.NotFound},
		{"not a member", eve, "POST", messages, text("x", "1"), 403, chat.Forbidden},
		{"empty", ann, "POST", messages, text(" \n ", "1"), 400, chat.InvalidRequest},
		{"too long", ann, "POST", messages, text(strings.Repeat("x", 8193), "1"), 413, chat.TooLarge},
		{"control characters", ann, "POST", messages, text("a\x00b", "1"), 400, chat.InvalidRequest},
		{"no client id", ann, "POST", messages, `{"content":"x"}`, 400, chat.InvalidRequest},
		{"client id too long", ann, "POST", messages, text("x", strings.Repeat("i", 129)), 400, chat.InvalidRequest},
		{"wrong type", ann, "POST", messages, `{"content":7,"clientMessageId":"1"}`, 400, chat.InvalidRequest},
		{"not JSON", ann, "POST", messages, `{"content":`, 400, chat.InvalidRequest},
		{"two values", ann, "POST", messages, text("x", "1") + text("x", "1"), 400, chat.InvalidRequest},
		{"repeated name", ann, "POST", messages, `{"content":"a","content":"b","clientMessageId":"1"}`, 400, chat.InvalidRequest},
		{"deep", ann, "POST", messages, deep, 400, chat.InvalidRequest},
		{"invalid UTF-8", ann, "POST", messages, "{\"content\":\"\xff\",\"clientMessageId\":\"1\"}", 400, chat.InvalidRequest},
		{"lone surrogate", ann, "POST", messages, `{"content":"\ud800","clientMessageId":"1"}`, 400, chat.InvalidRequest},
		{"huge body", ann, "POST", messages, text(strings.Repeat("x", 2<<20), "1"), 413, chat.TooLarge},
		{"huge limit", ann, "GET", messages + "?limit=1000000", "", 400, chat.InvalidRequest},
		{"zero limit", ann, "GET", messages + "?limit=0", "", 400, chat.InvalidRequest},
		{"negative number", ann, "GET", messages + "?before=-1", "", 400, chat.InvalidRequest},
		{"no number", ann, "GET", messages + "?before=x", "", 400, chat.InvalidRequest},
		{"two bounds", ann, "GET", messages + "?before=1&after=1", "", 400, chat.InvalidRequest},
		{"a cursor of one's own", ann, "GET", "/api/v1/users?cursor=%00%ff", "", 400, chat.InvalidRequest},
		{"search for nothing", ann, "GET", "/api/v1/search", "", 400, chat.InvalidRequest},
		{"search for space", ann, "GET", "/api/v1/search?query=%20%0A", "", 400, chat.InvalidRequest},
		{"a long search", ann, "GET", "/api/v1/search?query=" + strings.Repeat("x", 201), "", 400, chat.InvalidRequest},
		{"search for many words", ann, "GET", "/api/v1/search?query=a+b+c+d+e+f+g+h+i", "", 400, chat.InvalidRequest},
		{"search in another's room", eve, "GET", "/api/v1/search?query=hello&roomId=" + room, "", 403, chat.Forbidden},
		{"search by nobody", nil, "GET", "/api/v1/search?query=hello", "", 401, chat.Unauthenticated},
		{"no such message", ann, "PATCH", messages + "/01ARZ3NDEKTSV4RRFFQ69G5FAV", `{"content":"x"}`, 404, chat.NotFound},
		{"somebody else's message", eve, "PATCH", message, `{"content":"x"}`, 403, chat.Forbidden},
		{"reading beyond the end", ann, "PUT", "/api/v1/rooms/" + room + "/read", `{"seq":-5}`, 400, chat.InvalidRequest},
		{"taken name", nil, "POST", "/api/v1/auth/register", `{"username":"ANN","password":"` + password + `"}`, 409, chat.Conflict},
		{"a name that looks alike", nil, "POST", "/api/v1/auth/register", `{"username":"аnn","password":"` + password + `"}`, 400, chat.InvalidRequest},
		{"weak password", nil, "POST", "/api/v1/auth/register", `{"username":"weak","password":"password1"}`, 400, chat.InvalidRequest},
		{"wrong password", nil, "POST", "/api/v1/auth/login", `{"username":"ann","password":"wrong"}`, 401, chat.Unauthenticated},
		{"nobody's password", nil, "POST", "/api/v1/auth/login", `{"username":"nobody-here","password":"wrong"}`, 401, chat.Unauthenticated},
		{"direct with a stranger to the server", ann, "POST", "/api/v1/direct", `{"userIds":["01ARZ3NDEKTSV4RRFFQ69G5FAV"]}`, 404, chat.NotFound},
		{"room of no kind", ann, "POST", "/api/v1/rooms", `{"kind":"direct","name":"x"}`, 400, chat.InvalidRequest},
		{"push to this machine", ann, "PUT", "/api/v1/push/subscriptions", subscription("https://127.0.0.1/x", 65), 400, chat.InvalidRequest},
		{"push to the cloud's own", ann, "PUT", "/api/v1/push/subscriptions", subscription("https://169.254.169.254/latest", 65), 400, chat.InvalidRequest},
		{"push without TLS", ann, "PUT", "/api/v1/push/subscriptions", subscription("http://push.example.org/x", 65), 400, chat.InvalidRequest},
		{"a key of another curve", ann, "PUT", "/api/v1/push/subscriptions", subscription("https://push.example.org/x", 97), 400, chat.InvalidRequest},
		{"a key on no curve", ann, "PUT", "/api/v1/push/subscriptions", subscription("https://push.example.org/x", 65), 400, chat.InvalidRequest},
		{"an emoji that is none", ann, "PUT", message + "/reactions/a", "", 400, chat.InvalidRequest},
		{"two emoji", ann, "PUT", message + "/reactions/%F0%9F%91%8D%F0%9F%91%8D", "", 400, chat.InvalidRequest},
		{"ten thousand mentions", ann, "POST", messages, text(strings.Repeat("@eve ", 10_000), "1"), 413, chat.TooLarge},
		{"a file of no size", ann, "POST", "/api/v1/uploads", `{"roomId":"` + room + `","filename":"a","size":0}`, 400, chat.InvalidRequest},
		{"a file too large", ann, "POST", "/api/v1/uploads", `{"roomId":"` + room + `","filename":"a","size":1099511627776}`, 413, chat.TooLarge},
		{"a path for a picture", nil, "GET", "/files/avatars/..%2f..%2fstore", "", 404, chat.NotFound},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			status, code, answer := ask(t, h, c.by, c.method, c.path, c.body)
			if status != c.status || code != c.code {
				t.Errorf("%s %s answers %d %s, want %d %s: %.300s", c.method, c.path, status, code, c.status, c.code, answer)
			}
		})
	}
	page, err := ann.History(t.Context(), room, chat.PageQuery{})
	if err != nil || len(page.Messages) != 1 || page.Messages[0].Content != "hello" {
		t.Errorf("after all that the room holds %+v, %v", page.Messages, err)
	}
	_, _, a := ask(t, h, nil, "POST", "/api/v1/auth/login", `{"username":"ann","password":"wrong"}`)
	_, _, b := ask(t, h, nil, "POST", "/api/v1/auth/login", `{"username":"nobody-here","password":"wrong"}`)
	if withoutID(a) != withoutID(b) {
		t.Errorf("a log-in tells who has an account:\n%s\n%s", a, b)
	}
}

// subscription is one of Web Push, with a key of so many bytes that is on no curve.
func subscription(endpoint string, keyBytes int) string {
	key := base64.RawURLEncoding.EncodeToString(append([]byte{4}, bytes.Repeat([]byte{0x11}, keyBytes-1)...))
	return fmt.Sprintf(`{"endpoint":%q,"keys":{"p256dh":%q,"auth":"BTBZMqHH6r4Tts7J_aSIgg"}}`, endpoint, key)
}

// withoutID removes the request's id from a problem.
func withoutID(problem string) string {
	before, after, _ := strings.Cut(problem, `"requestId":"`)
	_, after, _ = strings.Cut(after, `"`)
	return before + after
}

func markupStaysText(t *testing.T, in home) {
	h := in.boot(t)
	ann := h.join(t, "ann")
	room := public(t, "<b>room</b>", ann)
	const content = `<script>alert("1")</script> [x](javascript:alert(1)) & ` + "\u2028"
	m := ann.say(t, room, "%s", content)
	if m.Content != strings.TrimSpace(content) {
		t.Errorf("%q came back as %q", content, m.Content)
	}
	res, err := transport(t).Get(h.url + "/api/v1/server")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("an answer of the API could become a page: %v", res.Header)
	}
}

func badFramesGetTheirCode(t *testing.T, in home) {
	h := in.boot(t)
	ann, eve := h.join(t, "ann"), h.join(t, "eve")
	room := public(t, "garden", ann)
	annHears := dialRaw(t, h.url, ann)
	send := func(content, id string) string {
		b, _ := json.Marshal(map[string]any{"roomId": room, "content": content, "clientMessageId": id})
		return `{"action":"sendMessage","requestId":"r","data":` + string(b) + `}`
	}
	cases := []struct {
		name, frame string
		code        chat.Code
	}{
		{"not a member", send("let me in", "1"), chat.Forbidden},
		{"unknown room", `{"action":"sendMessage","requestId":"r","data":{"roomId":"nowhere","content":"x","clientMessageId":"1"}}`, chat.NotFound},
		{"empty", send("", "1"), chat.InvalidRequest},
		{"too long", send(strings.Repeat("x", 8193), "1"), chat.TooLarge},
		{"unknown action", `{"action":"dance","requestId":"r","data":{}}`, chat.InvalidRequest},
		{"no data", `{"action":"sendMessage","requestId":"r"}`, chat.InvalidRequest},
		{"wrong type", `{"action":"sendMessage","requestId":"r","data":{"roomId":1,"content":"x","clientMessageId":"1"}}`, chat.InvalidRequest},
		{"huge limit", `{"action":"getMessages","requestId":"r","data":{"roomId":"` + room + `","limit":100000}}`, chat.InvalidRequest},
		{"negative number", `{"action":"sync","requestId":"r","data":{"rooms":{"` + room + `":-1}}}`, chat.InvalidRequest},
		{"history of others", `{"action":"getMessages","requestId":"r","data":{"roomId":"` + room + `"}}`, chat.Forbidden},
	}
	socket := dialRaw(t, h.url, eve)
	for _, c := range cases {
		socket.send(t, c.frame)
		f := socket.receive(t, "error", "ack", "messageHistory", "synced")
		var refusal struct{ Code, Message string }
		if err := json.Unmarshal(f.Data, &refusal); err != nil || f.Type != "error" || refusal.Code != string(c.code) || f.RequestID != "r" || refusal.Message == "" {
			t.Errorf("%s: answered by %.300s, want %s", c.name, f.text, c.code)
		}
	}
	socket.quiet(t, "error") // and the connection lives on
	annHears.quiet(t, "newMessage", "error", "messageUpdated")
}

// garbageCostsOnlyItsOwnConnection sends what is no request: text gets a refusal, and what is no frame of the contract
// ends its connection with 4400. Nobody else notices.
func garbageCostsOnlyItsOwnConnection(t *testing.T, in home) {
	h := in.boot(t)
	ann, eve := h.join(t, "ann"), h.join(t, "eve")
	room := public(t, "garden", ann, eve)
	annHears := ann.listen(t)
	socket := dialRaw(t, h.url, eve)
	for name, text := range map[string]string{
		"not JSON":       "hello",
		"nothing":        "",
		"half JSON":      `{"action":"ping"`,
		"no object":      `[]`,
		"repeated names": `{"action":"ping","action":"ping"}`,
		"deep":           `{"action":"ping","data":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`,
		"invalid UTF-8":  "{\"action\":\"\xff\"}",
		"no action":      `{"data":{}}`,
	} {
		socket.send(t, text)
		f := socket.receive(t, "error", "pong")
		var refusal struct{ Code chat.Code }
		if err := json.Unmarshal(f.Data, &refusal); err != nil || f.Type != "error" || refusal.Code != chat.InvalidRequest {
			t.Errorf("%s is answered by %.300s", name, f.text)
		}
	}
	socket.quiet(t, "error")
	for name, f := range map[string]struct {
		kind websocket.MessageType
		text []byte
		aws  int // with what API Gateway closes
	}{
		"binary":    {websocket.MessageBinary, []byte(`{"action":"ping"}`), 1003},
		"oversized": {websocket.MessageText, bytes.Repeat([]byte("x"), 33<<10), 1009},
	} {
		want := 4400
		if h.aws != nil {
			want = f.aws
		}
		bad := dialRaw(t, h.url, eve)
		_ = bad.Write(t.Context(), f.kind, f.text) // the server may close before it has read all
		if code := bad.closeCode(t); code != want {
			t.Errorf("%s is closed with %d, want %d", name, code, want)
		}
	}
	socket.quiet(t, "error")
	annHears.awaitMessage(t, eve.say(t, room, "still here"))
	annHears.never(t, "anything but that", func(e client.Event) bool { return e.NewMessage != nil && e.NewMessage.Content != "still here" })
}

func socketsNeedAnIdentity(t *testing.T, in home) {
	h := in.boot(t)
	ann := h.join(t, "ann")
	if _, res, err := tryDial(t, h.url, nil); err == nil || res == nil || res.StatusCode != http.StatusUnauthorized {
		// A refusal may also come as a close code, which browsers can read.
		refusedByClose(t, h.url+"/ws")
	}
	refusedByClose(t, h.url+"/ws?ticket=made-up")
	status, _, answer := ask(t, h, ann, "POST", "/api/v1/ws-tickets", "")
	var ticket struct {
		Ticket, URL string
		ExpiresIn   int
	}
	if err := json.Unmarshal([]byte(answer), &ticket); err != nil || status/100 != 2 || ticket.ExpiresIn < 1 || ticket.ExpiresIn > 30 {
		t.Fatalf("a ticket is %d %s", status, answer)
	}
	url := fmt.Sprintf("%s?ticket=%s", ticket.URL, ticket.Ticket)
	socket := dialWith(t, url, nil)
	socket.quiet(t, "error")
	refusedByClose(t, url) // a ticket works once

	if _, _, err := tryDial(t, h.url, http.Header{"Authorization": {"Bearer " + ann.Session().AccessToken}, "Origin": {"https://evil.example"}}); err == nil {
		t.Error("a page of another site opened a socket")
	}
	if err := ann.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h.aws != nil { // which knows no close codes of ours: a frame says why
		if f := socket.receive(t, "error"); !strings.Contains(f.text, string(chat.Unauthenticated)) {
			t.Errorf("after the log-out the socket is told %s", f.text)
		}
		socket.closeCode(t)
	} else if code := socket.closeCode(t); code != 4401 {
		t.Errorf("after the log-out the socket is closed with %d, want 4401", code)
	}
}

// refusedByClose asserts that a socket is refused, by status 401 or close code 4401.
func refusedByClose(t *testing.T, url string) {
	t.Helper()
	conn, res, err := tryDial(t, url, nil)
	if err != nil {
		if res == nil || res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%.60s: refused with %v, %v", url, res, err)
		}
		return
	}
	if code := (&raw{conn}).closeCode(t); code != 4401 {
		t.Errorf("%.60s: closed with %d, want 4401", url, code)
	}
}
