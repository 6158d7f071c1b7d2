// Package house keeps the laws of the house as tests: docs/architecture.md says what they are for.
package house

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// place says what a package may import out of this module, and why. Tests may import anything.
type place struct {
	may    []string // paths in this module; "x/..." is everything at and under x
	std    bool     // nothing outside the standard library and may
	reason string
}

// house is the list of all packages: a new one must say here where it stands.
var house = map[string]place{
	"chat":           {nil, true, "the core is rules only: it can be read, tested and kept without any engine or network"},
	"chattest":       {[]string{"chat"}, true, "conformance suites know the ports, never who implements them"},
	"protocol":       {[]string{"chat"}, false, "frames are made of nouns, and serve every edge alike"},
	"store":          {[]string{"chat", "store/table"}, false, "storage is written once over the table port, for every engine"},
	"store/table":    {nil, true, "the driver port knows neither chat nor any engine"},
	"store/transfer": {[]string{"store/table"}, false, "an export knows tables, so that it moves between engines"},
	"store/pebble":   {[]string{"store/table"}, false, "an engine does not know chat, nor another engine"},
	"store/dynamo":   {[]string{"store/table"}, false, "an engine does not know chat, nor another engine"},

	"store/dynamo/dynamotest": {[]string{"internal/foreign"}, false, "it starts the server that tests of any package need, and knows nothing of Parley"},

	"store/table/tabletest": {[]string{"store/table"}, false, "the conformance suite of engines knows the port only"},

	"identity":                     {[]string{"chat"}, false, "an adapter knows the core and its library, never another adapter"},
	"identity/cognito":             {[]string{"chat", "identity"}, false, "a pool of people elsewhere, behind the port of identity"},
	"identity/cognito/cognitotest": {[]string{"internal/foreign"}, false, "it stands in for a service, and knows nothing of ours"},
	"identity/identitytest":        {[]string{"chat", "identity", "limit", "names", "store", "store/pebble"}, false, "the conformance suite of keepers of accounts, on a real store"},
	"limit":                        {[]string{"chat"}, false, "an adapter knows the core and its library, never another adapter"},
	"names":                        {[]string{"chat"}, false, "an adapter knows the core and its library, never another adapter"},
	"files":                        {[]string{"chat"}, false, "an adapter knows the core and its library, never another adapter"},
	"queue":                        {[]string{"chat"}, false, "an adapter knows the core and its library, never another adapter"},
	"notify":                       {[]string{"chat"}, false, "an adapter knows the core and its library, never another adapter"},
	"notify/pushtest":              {nil, false, "a push service for tests knows the standards, and nothing of who pushes"},
	"telemetry":                    {[]string{"chat"}, false, "an adapter knows the core and its library, never another adapter"},
	"gateway":                      {[]string{"chat", "protocol"}, false, "an edge turns frames into commands of the core; it is wired to the rest by interfaces of its own"},
	"httpapi":                      {[]string{"chat", "protocol"}, false, "an edge turns requests into commands of the core; it is wired to the rest by interfaces of its own"},
	"apigateway":                   {[]string{"chat", "protocol"}, false, "an edge turns events into commands of the core; it is wired to the rest by interfaces of its own"},
	"apigateway/apigatewaytest":    {nil, false, "it stands in for a service, and knows nothing of ours"},
	"admin":                        {[]string{"chat"}, false, "administration is an edge for the operator; it is wired to the rest by interfaces of its own"},
	"awsdev":                       {nil, false, "AWS on one machine knows AWS, and Parley only as a program to run"},
	"awsdev/awsdevtest":            {[]string{"awsdev", "store", "store/dynamo", "store/dynamo/dynamotest"}, false, "it puts together the AWS house for tests of any package"},
	"client":                       {[]string{"chat"}, false, "the client speaks the public contract; of this module it knows the nouns only"},
	"seed":                         {[]string{"chat"}, false, "synthetic data goes through the ports, into any store"},
	"bench":                        {[]string{"admin"}, false, "it loads a server from outside: over sockets, and the operator's socket for profiles"},
	"web":                          {nil, true, "the web app's files, nothing else"},
	"scenarios":                    {nil, true, "tests only"},
	"checker":                      {[]string{"chat"}, false, "it judges what clients of any house saw, and knows the nouns only"},

	"wiring/server":    {[]string{"..."}, false, "wiring may import everything"},
	"wiring/accounts":  {[]string{"chat", "identity", "httpapi"}, false, "the edges' view of accounts is the same in both houses"},
	"wiring/lambda":    {[]string{"..."}, false, "wiring may import everything"},
	"cmd/parley":       {[]string{"..."}, false, "a program may import everything"},
	"cmd/lambda/zip":   {nil, true, "a tool of the build"},
	"cmd/lambda":       {[]string{"..."}, false, "a program may import everything"},
	"cmd/devaws":       {[]string{"..."}, false, "a program may import everything"},
	"internal/foreign": {nil, true, "it runs what others wrote, for tests of any package"},
	"internal/tools":   {nil, true, "the tools have a module of their own"},
	".":                {nil, true, "tests only"},
}

// awsPlaces are the only packages that may import the AWS SDK.
var awsPlaces = []string{"store/dynamo", "store/dynamo/dynamotest", "awsdev", "queue", "files", "identity/cognito", "identity/cognito/cognitotest", "apigateway", "apigateway/apigatewaytest", "wiring/lambda", "cmd/lambda"}

const (
	module   = "parley/"
	maxLines = 600
)

// source is one parsed Go file.
type source struct {
	pkg  string // folder, slashes, "." at the top
	path string
	test bool
	file *ast.File
	fset *token.FileSet
}

// skipDir tells folders that are not ours: dependencies, products, hidden ones.
func skipDir(name string) bool {
	return name == "node_modules" || name == "dist" || name == "bin" || name == "testdata" || name == "test-results" ||
		strings.HasPrefix(name, ".") && name != "."
}

// walk calls f with every file of the house.
func walk(t *testing.T, f func(name string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipDir(d.Name()):
			return fs.SkipDir
		case !d.IsDir():
			f(filepath.ToSlash(p))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func sources(t *testing.T) []source {
	t.Helper()
	fset := token.NewFileSet()
	var all []source
	walk(t, func(name string) {
		if path.Ext(name) != ".go" {
			return
		}
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			return
		}
		all = append(all, source{path.Dir(name), name, strings.HasSuffix(name, "_test.go"), file, fset})
	})
	return all
}

func allowed(imported string, may []string) bool {
	return slices.ContainsFunc(may, func(m string) bool {
		root, under := strings.CutSuffix(m, "...")
		return m == imported || under && strings.HasPrefix(imported+"/", root)
	})
}

func TestImports(t *testing.T) {
	for _, s := range sources(t) {
		rule, known := house[s.pkg]
		if !known {
			t.Errorf("%s: package %s has no place in the house: say in house_test.go what it may import and why", s.path, s.pkg)
			continue
		}
		if s.test {
			continue
		}
		for _, spec := range s.file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			own, ours := strings.CutPrefix(imported, module)
			first, _, _ := strings.Cut(imported, "/")
			switch {
			case ours && !allowed(own, rule.may):
				t.Errorf("%s imports %s: %s", s.path, own, rule.reason)
			case !ours && rule.std && strings.Contains(first, "."):
				t.Errorf("%s imports %s: %s", s.path, imported, rule.reason)
			case strings.HasPrefix(imported, "github.com/aws/") && !slices.Contains(awsPlaces, s.pkg):
				t.Errorf("%s imports %s: the AWS SDK stands only in its adapters and their wiring", s.path, imported)
			}
		}
	}
}

func TestNoGlobalState(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, decl := range s.file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s: func init: hidden wiring; pass what is needed to a constructor", s.fset.Position(d.Pos()))
				}
			case *ast.GenDecl:
				if d.Tok == token.VAR {
					checkVars(t, s, d)
				}
			}
		}
	}
}

// checkVars accepts package-level variables that nobody changes: errors, embedded files, compiled patterns, interface
// assertions, and the version that the linker sets.
func checkVars(t *testing.T, s source, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		v := spec.(*ast.ValueSpec)
		for i, name := range v.Names {
			ok := name.Name == "_" || strings.HasPrefix(s.pkg, "cmd/") && (name.Name == "version" || name.Name == "revision") || embedded(d)
			if i < len(v.Values) {
				ok = ok || constantCall(v.Values[i])
			}
			if !ok {
				t.Errorf("%s: package-level variable %s: two servers must be able to live in one process; give it an owner, or make it a function",
					s.fset.Position(name.Pos()), name.Name)
			}
		}
	}
}

func embedded(d *ast.GenDecl) bool {
	return d.Doc != nil && slices.ContainsFunc(d.Doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// constantCall tells whether e makes a value that is not changed afterwards.
func constantCall(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := fun.X.(*ast.Ident)
	return ok && slices.Contains([]string{
		"errors.New", "fmt.Errorf", "regexp.MustCompile", "strings.NewReplacer", "template.Must", "base32.NewEncoding", "base64.NewEncoding",
	}, pkg.Name+"."+fun.Sel.Name)
}

func TestPackageDocs(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.test && s.pkg != "." && s.pkg != "scenarios" {
			continue
		}
		documented[s.pkg] = documented[s.pkg] || s.file.Doc != nil
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no doc comment: its first sentence tells a newcomer why it is there", pkg)
		}
	}
}

func TestFileLength(t *testing.T) {
	walk(t, func(name string) {
		if !slices.Contains([]string{".go", ".ts", ".vue", ".css", ".mjs"}, path.Ext(name)) || strings.Contains(name, "/generated/") {
			return
		}
		text, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Error(err)
			return
		}
		if n := bytes.Count(text, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines, over %d: it has grown a second reason to change; split it", name, n, maxLines)
		}
	})
}
