package httpapi_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contract is a document of the server, to hold answers against.
type contract struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
}

func newContract(t testing.TB, document []byte) *contract {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{doc.(map[string]any), jsonschema.NewCompiler()}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	if err := c.compiler.AddResource("urn:parley", doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// at returns the part of the document at a path, or nil.
func (c *contract) at(path ...string) map[string]any {
	v := c.doc
	for _, p := range path {
		v, _ = v[p].(map[string]any)
	}
	return v
}

// check validates a JSON text against the schema at a path.
func (c *contract) check(t testing.TB, text []byte, path ...string) {
	t.Helper()
	var pointer strings.Builder
	for _, p := range path {
		pointer.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(p))
	}
	schema, err := c.compiler.Compile("urn:parley#" + pointer.String())
	if err != nil {
		t.Fatalf("schema at %v: %v", path, err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("%s does not fit its schema: %v", text, err)
	}
}

// template finds the path of the document that a request path is an instance of.
func (c *contract) template(path string) string {
	path, _, _ = strings.Cut(path, "?")
	want := strings.Split(path, "/")
	best := ""
	for _, t := range slices.Sorted(maps.Keys(c.at("paths"))) {
		have := strings.Split(t, "/")
		fits := len(have) == len(want)
		for i := 0; fits && i < len(have); i++ {
			fits = have[i] == want[i] || strings.HasPrefix(have[i], "{") && want[i] != ""
		}
		if fits && (best == "" || strings.Count(t, "{") < strings.Count(best, "{")) {
			best = t
		}
	}
	return best
}

// answer holds an answer of the API against the document: its status must be listed, its body must fit.
func (c *contract) answer(t testing.TB, method, path string, a *answer) {
	t.Helper()
	template := c.template(path)
	if template == "" || a.Status == 405 || a.Status == 415 {
		return
	}
	at := []string{"paths", template, strings.ToLower(method), "responses", strconv.Itoa(a.Status)}
	response := c.at(at...)
	if response == nil {
		t.Errorf("%s %s: status %d is not in the document", method, template, a.Status)
		return
	}
	content, _ := response["content"].(map[string]any)
	mediaType := a.Header.Get("Content-Type")
	switch {
	case len(content) == 0 && len(a.Body) > 0:
		t.Errorf("%s %s: %d has a body that is not in the document", method, template, a.Status)
	case len(content) > 0 && content[mediaType] == nil:
		t.Errorf("%s %s: %d is %q, which is not in the document", method, template, a.Status, mediaType)
	case len(content) > 0:
		c.check(t, a.Body, append(at, "content", mediaType, "schema")...)
	}
}

// refs walks a document and reports references to nothing.
func (c *contract) refs(t *testing.T) {
	t.Helper()
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if r, ok := v["$ref"].(string); ok {
				if c.at(strings.Split(strings.TrimPrefix(r, "#/"), "/")...) == nil {
					t.Errorf("%s leads nowhere", r)
				}
			}
			for _, e := range v {
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(c.doc)
}

func pretty(v any) string {
	b, _ := json.MarshalIndent(v, "", " ")
	return string(b)
}
