package httpapi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// routesOfTheContract are those that this server has.
const routesOfTheContract = `
POST /api/v1/auth/register
POST /api/v1/auth/confirm
POST /api/v1/auth/forgot
POST /api/v1/auth/reset
POST /api/v1/auth/login
POST /api/v1/auth/refresh
POST /api/v1/auth/logout
GET /api/v1/me
PATCH /api/v1/me
DELETE /api/v1/me
GET /api/v1/me/export
PUT /api/v1/me/avatar
DELETE /api/v1/me/avatar
PUT /api/v1/me/password
GET /api/v1/sessions
DELETE /api/v1/sessions
DELETE /api/v1/sessions/{sessionId}
GET /api/v1/users
GET /api/v1/users/{userId}
GET /api/v1/users/{userId}/messages
GET /api/v1/presence
GET /api/v1/rooms
POST /api/v1/rooms
GET /api/v1/rooms/{roomId}
PATCH /api/v1/rooms/{roomId}
DELETE /api/v1/rooms/{roomId}
POST /api/v1/rooms/{roomId}/join
POST /api/v1/rooms/{roomId}/leave
GET /api/v1/rooms/{roomId}/members
GET /api/v1/rooms/{roomId}/members/{userId}
PUT /api/v1/rooms/{roomId}/members/{userId}
DELETE /api/v1/rooms/{roomId}/members/{userId}
POST /api/v1/direct
GET /api/v1/rooms/{roomId}/messages
POST /api/v1/rooms/{roomId}/messages
POST /api/v1/rooms/{roomId}/typing
GET /api/v1/rooms/{roomId}/messages/{messageId}
PATCH /api/v1/rooms/{roomId}/messages/{messageId}
DELETE /api/v1/rooms/{roomId}/messages/{messageId}
PUT /api/v1/rooms/{roomId}/messages/{messageId}/reactions/{emoji}
DELETE /api/v1/rooms/{roomId}/messages/{messageId}/reactions/{emoji}
PUT /api/v1/rooms/{roomId}/read
GET /api/v1/rooms/{roomId}/reads
PUT /api/v1/rooms/{roomId}/notifications
GET /api/v1/me/notifications
PUT /api/v1/me/notifications
GET /api/v1/notifications
GET /api/v1/search
GET /api/v1/unread
POST /api/v1/sync
GET /api/v1/push/key
PUT /api/v1/push/subscriptions
GET /api/v1/push/subscriptions
DELETE /api/v1/push/subscriptions
POST /api/v1/push/test
POST /api/v1/uploads
POST /api/v1/uploads/{fileId}/done
DELETE /api/v1/uploads/{fileId}
GET /api/v1/files/{fileId}
PUT /files/uploads/{fileId}
GET /files/content/{fileId}
GET /api/v1/invites
POST /api/v1/invites
GET /api/v1/invites/{token}
DELETE /api/v1/invites/{token}
POST /api/v1/invites/{token}/accept
GET /api/v1/server
POST /api/v1/ws-tickets
GET /healthz
GET /readyz
GET /metrics
GET /openapi.json
GET /asyncapi.json
GET /docs
GET /.well-known/jwks.json
GET /ws
GET /files/avatars/{name}`

func TestOpenAPIHasExactlyTheRoutes(t *testing.T) {
	s := newServer(t)
	s.docs.refs(t)
	if v := s.docs.doc["openapi"]; v != "3.1.0" {
		t.Errorf("OpenAPI %v", v)
	}
	var have []string
	ids := map[string]bool{}
	for path, methods := range s.docs.at("paths") {
		for method, op := range methods.(map[string]any) {
			have = append(have, strings.ToUpper(method)+" "+path)
			op := op.(map[string]any)
			id, _ := op["operationId"].(string)
			if id == "" || ids[id] || op["summary"] == "" {
				t.Errorf("%s %s has operationId %q and summary %q", method, path, id, op["summary"])
			}
			ids[id] = true
		}
	}
	want := strings.Split(strings.TrimSpace(routesOfTheContract), "\n")
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("routes\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

func TestOpenAPISaysWhoMayAndWhatIsRefused(t *testing.T) {
	s := newServer(t)
	open := []string{"register", "confirm", "forgot", "reset", "login", "refresh", "logout", "getInvite", "getServer"}
	for path, methods := range s.docs.at("paths") {
		if !strings.HasPrefix(path, "/api/") {
			continue
		}
		for method, op := range methods.(map[string]any) {
			op := op.(map[string]any)
			id := op["operationId"].(string)
			if (op["security"] == nil) != slices.Contains(open, id) {
				t.Errorf("%s: security %v", id, op["security"])
			}
			for _, status := range []string{"400", "429", "500", "503"} {
				at := []string{"paths", path, method, "responses", status, "content", "application/problem+json"}
				if r := s.docs.at(at...); r["schema"] == nil || r["example"] == nil {
					t.Errorf("%s: nothing about %s", id, status)
				}
			}
			if _, ok := op["responses"].(map[string]any)["422"]; ok {
				t.Errorf("%s: 422, which is never sent", id)
			}
		}
	}
	if s.docs.at("components", "schemas", "ErrorModel") != nil {
		t.Error("the document has errors that are never sent")
	}
	examples := 0
	for name := range s.docs.at("components", "schemas") {
		schema := s.docs.at("components", "schemas", name)
		list, _ := schema["examples"].([]any)
		for _, e := range list {
			s.docs.check(t, []byte(pretty(e)), "components", "schemas", name)
			examples++
		}
	}
	if examples < 5 {
		t.Errorf("only %d examples", examples)
	}
}

// constants returns the values of the constants of one type in package protocol.
func constants(t *testing.T, typeName string) []string {
	t.Helper()
	var values []string
	files, err := filepath.Glob("../protocol/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if ident, ok := v.Type.(*ast.Ident); ok && ident.Name == typeName && len(v.Values) == 1 {
				values = append(values, v.Values[0].(*ast.BasicLit).Value)
			}
			return true
		})
	}
	return values
}

func TestAsyncAPIHasTheWholeProtocol(t *testing.T) {
	s := newServer(t)
	docs := newContract(t, s.do(call{method: "GET", path: "/asyncapi.json"}).Body)
	docs.refs(t)
	if v := docs.doc["asyncapi"]; v != "3.0.0" {
		t.Errorf("AsyncAPI %v", v)
	}
	actions := constants(t, "Action")
	if len(actions) < 7 {
		t.Fatalf("found only the actions %v", actions)
	}
	for _, a := range actions {
		name, _ := strconv.Unquote(a)
		if docs.at("operations", "receive_"+name) == nil || docs.at("components", "messages", "request_"+name) == nil {
			t.Errorf("action %s is missing", name)
		}
	}
	codes := constants(t, "CloseCode")
	if len(codes) < 6 {
		t.Fatalf("found only the close codes %v", codes)
	}
	var have []string
	for _, row := range docs.at("channels", "socket")["x-close-codes"].([]any) {
		row := row.(map[string]any)
		have = append(have, pretty(row["code"]))
		if row["reason"] == "" {
			t.Errorf("close code %v has no reason", row["code"])
		}
	}
	slices.Sort(codes)
	slices.Sort(have)
	if !slices.Equal(codes, have) {
		t.Errorf("close codes %v, want %v", have, codes)
	}
	for _, name := range frameTypes(t) {
		if docs.at("operations", "send_"+name) == nil {
			t.Errorf("frame %s is missing", name)
		}
	}
}

// frameTypes are the types that package protocol writes: begin and appendMessageFrame get them as literals.
func frameTypes(t *testing.T) []string {
	t.Helper()
	types := map[string]bool{}
	files, _ := filepath.Glob("../protocol/*.go")
	pattern := regexp.MustCompile(`(?:begin|appendMessageFrame)\((?:dst|nil), "(\w+)"`)
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pattern.FindAllSubmatch(source, -1) {
			types[string(m[1])] = true
		}
	}
	if len(types) < 10 {
		t.Fatalf("found only the frames %v", types)
	}
	return slices.Sorted(maps.Keys(types))
}

func TestGoldenFramesFitTheAsyncAPI(t *testing.T) {
	s := newServer(t)
	docs := newContract(t, s.do(call{method: "GET", path: "/asyncapi.json"}).Body)
	golden, err := filepath.Glob("../protocol/testdata/*.json")
	if err != nil || len(golden) < 10 {
		t.Fatal(golden, err)
	}
	frameType := regexp.MustCompile(`^\{"type":"(\w+)"`)
	for _, name := range golden {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			m := frameType.FindSubmatch(text)
			if m == nil {
				t.Skip("not a frame of the server")
			}
			docs.check(t, text, "components", "messages", string(m[1]), "payload")
		})
	}
}

func TestDocsForPeople(t *testing.T) {
	s := newServer(t)
	page := s.do(call{method: "GET", path: "/docs"})
	if page.Status != 200 || page.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatal(page.Status, page.Header)
	}
	text := string(page.Body)
	for _, want := range []string{"/api/v1/rooms/{roomId}/messages", "sendMessage", "4408", "newMessage", `id="type-Message"`, `href="/docs/style.css"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{"<script", "style=", "http://", "https://", "ZgotmplZ", "&lt;a href"} {
		if strings.Contains(strings.ReplaceAll(text, "wss://chat.example.org", ""), not) {
			t.Errorf("the page has %q", not)
		}
	}
	for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(text, `id="`+m[1]+`"`) {
			t.Errorf("a link to %s leads nowhere", m[1])
		}
	}
	policy := page.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "script-src") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy of the page: %s", policy)
	}
	if style := s.do(call{method: "GET", path: "/docs/style.css"}); style.Status != 200 || !strings.HasPrefix(style.Header.Get("Content-Type"), "text/css") {
		t.Error("no style", style.Status)
	}
}
