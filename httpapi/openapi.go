package httpapi

import (
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"parley/chat"
)

// newRegistry makes the place where schemas of Go types are collected.
func newRegistry() huma.Registry {
	r := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	r.RegisterTypeAlias(reflect.TypeFor[chat.Kind](), reflect.TypeFor[kindSchema]())
	r.RegisterTypeAlias(reflect.TypeFor[chat.Role](), reflect.TypeFor[roleSchema]())
	r.RegisterTypeAlias(reflect.TypeFor[chat.ChangeKind](), reflect.TypeFor[changeSchema]())
	r.RegisterTypeAlias(reflect.TypeFor[chat.Code](), reflect.TypeFor[codeSchema]())
	r.RegisterTypeAlias(reflect.TypeFor[chat.Reactions](), reflect.TypeFor[map[string][]string]())
	return r
}

type (
	kindSchema   string
	roleSchema   string
	changeSchema string
	codeSchema   string
)

func enum[T ~string](values ...T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	s.PrecomputeMessages()
	return s
}

func codes() []chat.Code {
	return []chat.Code{
		chat.InvalidRequest, chat.Unauthenticated, chat.Forbidden, chat.NotFound, chat.Conflict, chat.TooLarge, chat.RateLimited, chat.Unavailable, chat.Internal,
	}
}

// Schema lists the kinds.
func (kindSchema) Schema(huma.Registry) *huma.Schema {
	return enum(chat.Public, chat.Private, chat.Direct)
}

// Schema lists the roles.
func (roleSchema) Schema(huma.Registry) *huma.Schema {
	return enum(chat.Member, chat.Moderator, chat.Owner)
}

// Schema lists the changes that are told as such.
func (changeSchema) Schema(huma.Registry) *huma.Schema {
	return enum(chat.RoomCreated, chat.RoomUpdated, chat.RoomDeleted, chat.MemberJoined, chat.MemberLeft, chat.MemberRemoved, chat.MemberRole)
}

// Schema lists the codes.
func (codeSchema) Schema(huma.Registry) *huma.Schema { return enum(codes()...) }

// finish completes the document that huma has made of the routes.
func finish(o *huma.OpenAPI) {
	schemas := o.Components.Schemas.Map()
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} { // huma's own errors, which are not sent
		delete(schemas, unused)
	}
	tidy(schemas)
	direct := o.Paths[prefix+"/direct"].Post
	direct.Responses["201"] = &huma.Response{Description: "Created", Content: direct.Responses["200"].Content}
	file := o.Paths[prefix+"/files/{fileId}"].Get
	file.Responses["302"] = &huma.Response{Description: "Found", Headers: file.Responses["200"].Headers, Content: file.Responses["200"].Content}
	o.Tags = append(o.Tags, &huma.Tag{Name: "operations", Description: "Running the server, and documents."})
	for _, op := range plainOperations() {
		o.AddOperation(op)
	}
}

// tidy adds examples, and takes back that lists may be null: nulls of requests stand for absent members, and answers
// have none.
func tidy(schemas map[string]*huma.Schema) {
	for name, s := range schemas {
		notNull(s)
		if e, ok := examples()[name]; ok {
			s.Examples = []any{e}
		}
	}
}

func notNull(s *huma.Schema) {
	if s == nil {
		return
	}
	s.Nullable = false
	notNull(s.Items)
	if m, ok := s.AdditionalProperties.(*huma.Schema); ok {
		notNull(m)
	}
	for _, p := range s.Properties {
		notNull(p)
	}
	for _, o := range s.OneOf {
		notNull(o)
	}
}

// plainOperations describe the routes that are not huma's.
func plainOperations() []*huma.Operation {
	op := func(id, path, summary, mediaType string, statuses ...int) *huma.Operation {
		o := &huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Tags: []string{"operations"}, Responses: map[string]*huma.Response{}}
		for _, status := range statuses {
			r := &huma.Response{Description: http.StatusText(status)}
			if status == http.StatusOK {
				r.Content = map[string]*huma.MediaType{mediaType: {}}
			}
			o.Responses[strconv.Itoa(status)] = r
		}
		return o
	}
	avatar := op("getAvatar", avatarPath+"{name}", "A person's picture", "image/*", http.StatusOK, http.StatusNotModified, http.StatusNotFound)
	avatar.Parameters = []*huma.Param{{Name: "name", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}}
	socket := op("openSocket", "/ws", "The socket; /asyncapi.json describes it", "", http.StatusSwitchingProtocols, http.StatusUnauthorized)
	socket.Parameters = []*huma.Param{{Name: "ticket", In: "query", Description: "From POST /ws-tickets; programs can send their access token instead.",
		Schema: &huma.Schema{Type: huma.TypeString}}}
	content := op("getContent", getPath+"{fileId}", "A file, by a link of GET /files/{fileId}", "*/*", http.StatusOK, http.StatusPartialContent,
		http.StatusNotModified, http.StatusForbidden, http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable)
	put := op("putContent", putPath+"{fileId}", "Send a file, by the link of POST /uploads", "", http.StatusNoContent, http.StatusBadRequest,
		http.StatusForbidden, http.StatusNotFound, http.StatusConflict)
	put.Method = http.MethodPut
	for _, o := range []*huma.Operation{content, put} {
		o.Tags = []string{"files"}
		o.Parameters = []*huma.Param{
			{Name: "fileId", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}},
			{Name: "expires", In: "query", Required: true, Schema: &huma.Schema{Type: huma.TypeInteger}},
			{Name: "signature", In: "query", Required: true, Schema: &huma.Schema{Type: huma.TypeString}},
		}
	}
	return []*huma.Operation{
		content, put,
		op("getHealth", "/healthz", "The program runs", "text/plain", http.StatusOK),
		op("getReady", "/readyz", "The program can serve", "text/plain", http.StatusOK, http.StatusServiceUnavailable),
		op("getMetrics", "/metrics", "Metrics for Prometheus", "text/plain", http.StatusOK),
		op("getOpenAPI", "/openapi.json", "This document", "application/json", http.StatusOK),
		op("getAsyncAPI", "/asyncapi.json", "The description of the socket", "application/json", http.StatusOK),
		op("getDocs", "/docs", "Both descriptions for people", "text/html", http.StatusOK),
		op("getKeys", "/.well-known/jwks.json", "The keys that sign access tokens", "application/jwk-set+json", http.StatusOK),
		avatar, socket,
	}
}
