package httpapi_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"parley/chat"
)

// hostile is a request that must be refused.
type hostile struct {
	name, method, path string
	body               any
	status             int
	code               chat.Code
	field              string // empty: not looked at
}

func TestBadInput(t *testing.T) {
	s := newServer(t)
	ada, bob := s.join("ada"), s.join("bob")
	room, private := s.room(ada, "public", "Garden"), s.room(bob, "private", "Attic")
	var m chat.Message
	s.api(bob, "POST", "/rooms/"+private+"/messages", obj{"content": "a secret word", "clientMessageId": "1"}, 201).json(&m)
	to := "/rooms/" + room + "/messages"
	message := func(content string) string { return fmt.Sprintf(`{"content":%q,"clientMessageId":"1"}`, content) }

	for _, h := range []hostile{
		// The text of a body.
		{"no body", "POST", to, nil, 400, chat.InvalidRequest, ""},
		{"empty body", "POST", to, "", 400, chat.InvalidRequest, ""},
		{"not JSON", "POST", to, "hello", 400, chat.InvalidRequest, ""},
		{"cut off", "POST", to, `{"content":"x"`, 400, chat.InvalidRequest, ""},
		{"not an object", "POST", to, `["content"]`, 400, chat.InvalidRequest, ""},
		{"null", "POST", to, `null`, 400, chat.InvalidRequest, ""},
		{"two values", "POST", to, message("x") + message("y"), 400, chat.InvalidRequest, ""},
		{"duplicate keys", "POST", to, `{"content":"x","content":"y","clientMessageId":"1"}`, 400, chat.InvalidRequest, ""},
		{"deep", "POST", to, `{"content":"x","clientMessageId":"1","z":` + strings.Repeat("[", 30000) + strings.Repeat("]", 30000) + `}`, 400, chat.InvalidRequest, ""},
		{"bytes that are no UTF-8", "POST", to, "{\"content\":\"\xff\",\"clientMessageId\":\"1\"}", 400, chat.InvalidRequest, ""},
		{"half of a pair", "POST", to, `{"content":"\ud800","clientMessageId":"1"}`, 400, chat.InvalidRequest, ""},
		{"over the limit", "POST", to, message(strings.Repeat("x", 70<<10)), 413, chat.TooLarge, ""},

		// Members of it.
		{"no content", "POST", to, `{"clientMessageId":"1"}`, 400, chat.InvalidRequest, "content"},
		{"content is null", "POST", to, `{"content":null,"clientMessageId":"1"}`, 400, chat.InvalidRequest, "content"},
		{"content is empty", "POST", to, message(" \n\t "), 400, chat.InvalidRequest, "content"},
		{"content is a number", "POST", to, `{"content":5,"clientMessageId":"1"}`, 400, chat.InvalidRequest, "content"},
		{"content is an object", "POST", to, `{"content":{"a":1},"clientMessageId":"1"}`, 400, chat.InvalidRequest, "content"},
		{"content is too long", "POST", to, message(strings.Repeat("x", chat.MaxContent+1)), 413, chat.TooLarge, "content"},
		{"content has a control character", "POST", to, `{"content":"a\u0000b","clientMessageId":"1"}`, 400, chat.InvalidRequest, "content"},
		{"no clientMessageId", "POST", to, `{"content":"x"}`, 400, chat.InvalidRequest, "clientMessageId"},
		{"empty clientMessageId", "POST", to, `{"content":"x","clientMessageId":""}`, 400, chat.InvalidRequest, "clientMessageId"},
		{"long clientMessageId", "POST", to, obj{"content": "x", "clientMessageId": strings.Repeat("x", 129)}, 400, chat.InvalidRequest, "clientMessageId"},
		{"reply into another room", "POST", to, obj{"content": "x", "clientMessageId": "9", "replyTo": m.MessageID}, 400, chat.InvalidRequest, "replyTo"},
		{"reaction with a word", "PUT", "/rooms/" + private + "/messages/" + m.MessageID + "/reactions/yes", nil, 400, chat.InvalidRequest, "emoji"},
		{"reaction with two emoji", "PUT", "/rooms/" + private + "/messages/" + m.MessageID + "/reactions/👍👍", nil, 400, chat.InvalidRequest, "emoji"},
		{"reaction of 10 kB", "PUT", "/rooms/" + private + "/messages/" + m.MessageID + "/reactions/" + strings.Repeat("👍", 2500), nil, 400, chat.InvalidRequest, "emoji"},
		{"reaction of bytes", "PUT", "/rooms/" + private + "/messages/" + m.MessageID + "/reactions/%FF%00", nil, 400, chat.InvalidRequest, "emoji"},
		{"seq is text", "PUT", "/rooms/" + room + "/read", `{"seq":"1"}`, 400, chat.InvalidRequest, "seq"},
		{"seq is no integer", "PUT", "/rooms/" + room + "/read", `{"seq":1.5}`, 400, chat.InvalidRequest, "seq"},
		{"seq is negative", "PUT", "/rooms/" + room + "/read", `{"seq":-1}`, 400, chat.InvalidRequest, "seq"},
		{"seq is over all numbers", "PUT", "/rooms/" + room + "/read", `{"seq":1e400}`, 400, chat.InvalidRequest, ""},
		{"sync of text", "POST", "/sync", `{"rooms":{"r":"1"}}`, 400, chat.InvalidRequest, ""},
		{"sync without rooms", "POST", "/sync", `{}`, 400, chat.InvalidRequest, "rooms"},
		{"sync that waits long", "POST", "/sync", `{"rooms":{},"wait":26}`, 400, chat.InvalidRequest, "wait"},
		{"sync that waits back", "POST", "/sync", `{"rooms":{},"wait":-1}`, 400, chat.InvalidRequest, "wait"},
		{"sync of a list", "POST", "/sync", `{"rooms":["r"]}`, 400, chat.InvalidRequest, "rooms"},
		{"sync from a negative number", "POST", "/sync", `{"rooms":{"r":-1}}`, 400, chat.InvalidRequest, "rooms"},
		{"kind unknown", "POST", "/rooms", obj{"kind": "secret", "name": "x"}, 400, chat.InvalidRequest, "kind"},
		{"kind direct", "POST", "/rooms", obj{"kind": "direct", "name": "x"}, 400, chat.InvalidRequest, "kind"},
		{"room without a name", "POST", "/rooms", obj{"kind": "public", "name": " "}, 400, chat.InvalidRequest, "name"},
		{"long name", "POST", "/rooms", obj{"kind": "public", "name": strings.Repeat("x", 65)}, 400, chat.InvalidRequest, "name"},
		{"long topic", "POST", "/rooms", obj{"kind": "public", "name": "x", "topic": strings.Repeat("x", 251)}, 400, chat.InvalidRequest, "topic"},
		{"role unknown", "PUT", "/rooms/" + room + "/members/" + bob.user.UserID, obj{"role": "king"}, 400, chat.InvalidRequest, "role"},
		{"direct with nobody", "POST", "/direct", obj{"userIds": []string{}}, 400, chat.InvalidRequest, "userIds"},
		{"direct with a stranger", "POST", "/direct", obj{"userIds": []string{"nobody"}}, 404, chat.NotFound, ""},
		{"direct with a crowd", "POST", "/direct", obj{"userIds": strings.Split("abcdefghijklm", "")}, 400, chat.InvalidRequest, "userIds"},
		{"name that hides", "PATCH", "/me", obj{"displayName": "a\u202eb"}, 400, chat.InvalidRequest, "displayName"},

		// Paths and queries.
		{"limit is huge", "GET", to + "?limit=1000000", nil, 400, chat.InvalidRequest, "limit"},
		{"limit is over all integers", "GET", to + "?limit=99999999999999999999", nil, 400, chat.InvalidRequest, "limit"},
		{"limit is zero", "GET", to + "?limit=0", nil, 400, chat.InvalidRequest, "limit"},
		{"limit is empty", "GET", "/users?limit=", nil, 400, chat.InvalidRequest, "limit"},
		{"before is empty", "GET", to + "?before=&limit=5", nil, 400, chat.InvalidRequest, "before"},
		{"thumbnail is empty", "GET", "/files/x?thumbnail=", nil, 400, chat.InvalidRequest, "thumbnail"},
		{"limit is negative", "GET", "/users?limit=-1", nil, 400, chat.InvalidRequest, "limit"},
		{"limit is text", "GET", to + "?limit=all", nil, 400, chat.InvalidRequest, "limit"},
		{"before is negative", "GET", to + "?before=-5", nil, 400, chat.InvalidRequest, "before"},
		{"before is over all integers", "GET", to + "?before=9223372036854775808", nil, 400, chat.InvalidRequest, "before"},
		{"two bounds", "GET", to + "?before=5&after=1", nil, 400, chat.InvalidRequest, ""},
		{"cursor of nonsense", "GET", "/users?cursor=..%2F..%2Fetc", nil, 400, chat.InvalidRequest, "cursor"},
		{"scope unknown", "GET", "/rooms?scope=all", nil, 400, chat.InvalidRequest, "scope"},
		{"query is long", "GET", "/users?query=" + strings.Repeat("x", 2000), nil, 400, chat.InvalidRequest, "query"},
		{"search without a query", "GET", "/search", nil, 400, chat.InvalidRequest, "query"},
		{"search for nothing", "GET", "/search?query=", nil, 400, chat.InvalidRequest, "query"},
		{"search for space", "GET", "/search?query=%20%09", nil, 400, chat.InvalidRequest, "query"},
		{"search for quotes", "GET", "/search?query=%22%22%22", nil, 400, chat.InvalidRequest, "query"},
		{"search for what cannot be seen", "GET", "/search?query=%E2%80%8B", nil, 400, chat.InvalidRequest, "query"},
		{"search of 201 characters", "GET", "/search?query=" + strings.Repeat("%F0%9F%8C%B1", 201), nil, 400, chat.InvalidRequest, "query"},
		{"search of 9 words", "GET", "/search?query=a+b+c+d+e+f+g+h+i", nil, 400, chat.InvalidRequest, "query"},
		{"search for control characters", "GET", "/search?query=a%1B", nil, 400, chat.InvalidRequest, "query"},
		{"search for bytes", "GET", "/search?query=a%FF", nil, 400, chat.InvalidRequest, "query"},
		{"search with a huge limit", "GET", "/search?query=a&limit=101", nil, 400, chat.InvalidRequest, "limit"},
		{"search with nonsense for a cursor", "GET", "/search?query=a&cursor=AAAA", nil, 400, chat.InvalidRequest, "cursor"},
		{"search with a long cursor", "GET", "/search?query=a&cursor=" + strings.Repeat("A", 50_000), nil, 400, chat.InvalidRequest, "cursor"},
		{"search in a room of bytes", "GET", "/search?query=a&roomId=%FF", nil, 400, chat.InvalidRequest, "roomId"},
		{"search by a person of bytes", "GET", "/search?query=a&userId=%00", nil, 400, chat.InvalidRequest, "userId"},
		{"search in a room unknown", "GET", "/search?query=a&roomId=nothing", nil, 404, chat.NotFound, ""},
		{"search in a room of others", "GET", "/search?query=a&roomId=" + private, nil, 403, chat.Forbidden, ""},
		{"room unknown", "GET", "/rooms/nothing", nil, 404, chat.NotFound, ""},
		{"room of slashes", "GET", "/rooms/..%2F..%2Fme", nil, 404, chat.NotFound, ""},
		{"room of control characters", "GET", "/rooms/a%00b", nil, 400, chat.InvalidRequest, "roomId"},
		{"room that is long", "GET", "/rooms/" + strings.Repeat("x", 5000), nil, 400, chat.InvalidRequest, "roomId"},
		{"message unknown", "DELETE", to + "/nothing", nil, 404, chat.NotFound, ""},
		{"no such route", "GET", "/nothing", nil, 404, chat.NotFound, ""},
		{"method unknown to the route", "PUT", "/rooms", obj{}, 405, chat.InvalidRequest, ""},

		// What belongs to others.
		{"history of others", "GET", "/rooms/" + private + "/messages", nil, 403, chat.Forbidden, ""},
		{"sending to others", "POST", "/rooms/" + private + "/messages", obj{"content": "x", "clientMessageId": "1"}, 403, chat.Forbidden, ""},
		{"editing what others wrote", "PATCH", "/rooms/" + private + "/messages/" + m.MessageID, obj{"content": "x"}, 403, chat.Forbidden, ""},
		{"deleting what others wrote", "DELETE", "/rooms/" + private + "/messages/" + m.MessageID, nil, 403, chat.Forbidden, ""},
		{"members of others", "GET", "/rooms/" + private + "/members", nil, 403, chat.Forbidden, ""},
		{"presence of others", "GET", "/presence?roomId=" + private, nil, 403, chat.Forbidden, ""},
		{"reading of others", "PUT", "/rooms/" + private + "/read", obj{"seq": 1}, 403, chat.Forbidden, ""},
		{"adding oneself", "PUT", "/rooms/" + private + "/members/" + ada.user.UserID, obj{}, 403, chat.Forbidden, ""},
		{"session of others", "DELETE", "/sessions/nothing", nil, 404, chat.NotFound, ""},
	} {
		t.Run(h.name, func(t *testing.T) {
			s := *s
			s.t = t
			a := s.do(call{method: h.method, path: "/api/v1" + h.path, body: h.body, as: ada})
			if a.Status != h.status {
				t.Fatalf("status %d, want %d: %.300s", a.Status, h.status, a.Body)
			}
			p := a.problem()
			if p.Code != h.code || h.field != "" && p.Field != h.field {
				t.Errorf("refused as %s about %q, want %s about %q: %s", p.Code, p.Field, h.code, h.field, p.Detail)
			}
			if strings.Contains(strings.ToLower(p.Detail), "expected") || strings.HasPrefix(p.Detail, "Invalid") || !strings.HasSuffix(p.Detail, ".") {
				t.Errorf("no sentence for people: %s", p.Detail)
			}
			if bytes.Contains(a.Body, []byte("secret word")) || bytes.Contains(a.Body, []byte("goroutine")) || len(a.Body) > 1000 {
				t.Errorf("tells too much: %.2000s", a.Body)
			}
		})
	}
	if n := len(history(s, ada, room)); n != 0 {
		t.Errorf("%d messages came of what was refused", n)
	}
	if strings.Contains(s.log.String(), `"level":"ERROR"`) {
		t.Errorf("garbage is in the log as a fault of the server: %s", s.log)
	}
}

func history(s *server, as *person, room string) []chat.Message {
	var page chat.MessagePage
	s.api(as, "GET", "/rooms/"+room+"/messages", nil, 200).json(&page)
	return page.Messages
}

func TestContentTypes(t *testing.T) {
	s := newServer(t)
	ada := s.join("ada")
	room := s.room(ada, "public", "Garden")
	send := func(contentType string) *answer {
		return s.do(call{method: "POST", path: "/api/v1/rooms/" + room + "/messages", as: ada,
			body: `{"content":"x","clientMessageId":"1","unknown":{"a":[1]},"replyTo":null}`, header: map[string]string{"Content-Type": contentType}})
	}
	for _, good := range []string{"application/json", "application/json; charset=utf-8", ""} {
		if a := send(good); a.Status != 201 {
			t.Errorf("%q: %d %s", good, a.Status, a.Body)
		}
	}
	for _, bad := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "nonsense"} {
		if a := send(bad); a.Status != 415 || a.problem().Code != chat.InvalidRequest {
			t.Errorf("%q: %d %s", bad, a.Status, a.Body)
		}
	}
	if n := len(history(s, ada, room)); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}

// What people write is kept as it is, and comes back as JSON that no browser takes for a page.
func TestScriptIsText(t *testing.T) {
	s := newServer(t)
	ada := s.join("ada")
	room := s.room(ada, "public", "Garden")
	const script = `<script>alert(1)</script><img src=x onerror=alert(1)> & "quotes" '`
	s.api(ada, "POST", "/rooms/"+room+"/messages", obj{"content": script, "clientMessageId": "1"}, 201)
	a := s.api(ada, "GET", "/rooms/"+room+"/messages", nil, 200)
	if got := history(s, ada, room)[0].Content; got != script {
		t.Errorf("got %q", got)
	}
	if a.Header.Get("Content-Type") != "application/json" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers: %v", a.Header)
	}
}

func TestNamesThatLookAlike(t *testing.T) {
	s := newServer(t)
	s.join("ada")
	for _, name := range []string{"ADA", "Ada", "\uff41\uff44\uff41"} { // the last is full width
		a := s.do(call{method: "POST", path: "/api/v1/auth/register", body: obj{"username": name, "email": "a@example.org", "password": password}})
		if a.Status != 409 || a.problem().Field != "username" {
			t.Errorf("%q: %d %s", name, a.Status, a.Body)
		}
	}
	for _, name := range []string{"аda", "ad", "a da", "ada/../bob", strings.Repeat("a", 33), "<b>", ""} { // the first is Cyrillic
		a := s.do(call{method: "POST", path: "/api/v1/auth/register", body: obj{"username": name, "email": "a@example.org", "password": password}})
		if a.Status != 400 || a.problem().Field != "username" {
			t.Errorf("%q: %d %s", name, a.Status, a.Body)
		}
	}
}
