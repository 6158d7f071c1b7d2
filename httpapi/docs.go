package httpapi

import (
	"bytes"
	_ "embed" // the page and its style
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsPage string

//go:embed docs.css
var docsStyle []byte

// documents are what describes the API and the socket, for programs and for people.
type documents struct {
	openAPI, asyncAPI, page []byte
}

// document makes the documents of the routes that are registered.
func document(o *huma.OpenAPI, version string) (documents, error) {
	finish(o)
	socket := asyncAPI(version)
	var d documents
	var err error
	if d.openAPI, err = o.MarshalJSON(); err != nil {
		return d, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	if d.asyncAPI, err = json.Marshal(socket); err != nil {
		return d, fmt.Errorf("write the AsyncAPI document: %w", err)
	}
	if d.page, err = renderDocs(o, version); err != nil {
		return d, fmt.Errorf("write the docs: %w", err)
	}
	return d, nil
}

func (d documents) register(mux *http.ServeMux) {
	const docsPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	serve := func(path, mediaType, policy string, body []byte) {
		a := newAsset(mediaType, policy)
		a.add("", body)
		a.compress(body)
		mux.Handle("GET "+path, a)
	}
	serve("/openapi.json", "application/json", dataPolicy, d.openAPI)
	serve("/asyncapi.json", "application/json", dataPolicy, d.asyncAPI)
	serve("/docs", "text/html; charset=utf-8", docsPolicy, d.page)
	serve("/docs/style.css", "text/css; charset=utf-8", dataPolicy, docsStyle)
}

// The page is made of these.
type (
	docsData struct {
		Version string
		Groups  []docsGroup
		Actions []docsFrame
		Frames  []docsFrame
		Closes  []docsClose
		Types   []docsType
	}
	docsGroup struct {
		Name, About string
		Operations  []docsOperation
	}
	docsOperation struct {
		ID, Method, Path, Summary, About string
		SignedIn                         bool
		Parameters                       []docsField
		Request                          template.HTML
		Answers                          []docsAnswer
	}
	docsAnswer struct {
		Status, About string
		Type          template.HTML
	}
	docsFrame struct {
		Name, About, Answer string
		Type                template.HTML
	}
	docsClose struct {
		Code   int
		Reason string
	}
	docsType struct {
		Name, Example string
		Fields        []docsField
	}
	docsField struct {
		Name, In, About string
		Required        bool
		Type            template.HTML
	}
)

func renderDocs(o *huma.OpenAPI, version string) ([]byte, error) {
	data := docsData{Version: version, Groups: docsGroups(o)}
	socket := newRegistry()
	for _, a := range actions() {
		data.Actions = append(data.Actions, docsFrame{string(a.name), a.about, a.answer, typeName(socket.Schema(a.data, true, ""))})
	}
	for _, f := range frames() {
		data.Frames = append(data.Frames, docsFrame{f.name, f.about, "", typeName(socket.Schema(f.data, true, ""))})
	}
	for _, c := range closeCodes() {
		data.Closes = append(data.Closes, docsClose{int(c), c.Reason()})
	}
	tidy(socket.Map())
	schemas := maps.Clone(socket.Map())
	maps.Copy(schemas, o.Components.Schemas.Map())
	data.Types = docsTypes(schemas)
	t, err := template.New("docs").Parse(docsPage)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, data)
	return out.Bytes(), err
}

// docsGroups are the operations by tag, each group by path.
func docsGroups(o *huma.OpenAPI) []docsGroup {
	groups := make([]docsGroup, len(o.Tags))
	for i, t := range o.Tags {
		groups[i] = docsGroup{Name: t.Name, About: t.Description}
	}
	for _, path := range slices.Sorted(maps.Keys(o.Paths)) {
		item := o.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			i := slices.IndexFunc(groups, func(g docsGroup) bool { return g.Name == op.Tags[0] })
			groups[i].Operations = append(groups[i].Operations, docsOperationOf(path, op))
		}
	}
	return groups
}

func docsOperationOf(path string, op *huma.Operation) docsOperation {
	d := docsOperation{ID: op.OperationID, Method: op.Method, Path: path, Summary: op.Summary, About: op.Description, SignedIn: len(op.Security) > 0}
	for _, p := range op.Parameters {
		d.Parameters = append(d.Parameters, docsField{Name: p.Name, In: p.In, About: p.Description, Required: p.Required, Type: typeName(p.Schema)})
	}
	if op.RequestBody != nil {
		d.Request = contentName(op.RequestBody.Content)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[status]
		d.Answers = append(d.Answers, docsAnswer{status, r.Description, contentName(r.Content)})
	}
	return d
}

func contentName(content map[string]*huma.MediaType) template.HTML {
	for mediaType, m := range content {
		if m.Schema == nil || m.Schema.Format == "binary" {
			return template.HTML(template.HTMLEscapeString(mediaType)) //nolint:gosec // escaped
		}
		return typeName(m.Schema)
	}
	return ""
}

func docsTypes(schemas map[string]*huma.Schema) []docsType {
	var types []docsType
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		s := schemas[name]
		t := docsType{Name: name}
		for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
			p := s.Properties[field]
			t.Fields = append(t.Fields, docsField{Name: field, About: p.Description, Required: slices.Contains(s.Required, field), Type: typeName(p)})
		}
		if len(s.Examples) > 0 {
			example, _ := json.MarshalIndent(s.Examples[0], "", "  ") // examples are of our own types
			t.Example = string(example)
		}
		types = append(types, t)
	}
	return types
}

// typeName names the type of a schema, with links to those described on the page.
func typeName(s *huma.Schema) template.HTML {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		name := template.HTMLEscapeString(s.Ref[strings.LastIndex(s.Ref, "/")+1:])
		return template.HTML(`<a href="#type-` + name + `">` + name + `</a>`) //nolint:gosec // escaped
	case s.Items != nil:
		return "list of " + typeName(s.Items)
	case len(s.OneOf) > 0:
		return "frame"
	case len(s.Enum) > 0:
		return template.HTML(template.HTMLEscapeString(strings.Trim(fmt.Sprint(s.Enum), "[]"))) //nolint:gosec // escaped
	}
	if m, ok := s.AdditionalProperties.(*huma.Schema); ok {
		return "map to " + typeName(m)
	}
	return template.HTML(template.HTMLEscapeString(s.Type)) //nolint:gosec // escaped
}
