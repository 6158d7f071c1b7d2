package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

const (
	asProgram = "PARLEY_TEST_AS_PROGRAM" // makes the test binary the program itself
	openFiles = "PARLEY_TEST_OPEN_FILES" // how many files such a program may have open
	password  = "a long enough passphrase 7"
	patience  = 20 * time.Second
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		if n, err := strconv.ParseUint(os.Getenv(openFiles), 10, 64); err == nil {
			err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n})
			if err != nil {
				panic(err)
			}
		}
		main()
	}
	for _, name := range []string{"PARLEY_LISTEN", "PARLEY_DATA", "PARLEY_REGISTRATION", "PARLEY_LIMITS", "PARLEY_PASSWORD"} {
		_ = os.Unsetenv(name)
	}
	os.Exit(m.Run())
}

// result is what a command left.
type result struct {
	code     int
	out, err string
}

// parley runs a command in this process, with input as its standard input.
func parley(t *testing.T, input string, args ...string) result {
	t.Helper()
	in := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(in, []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, streams{f, &out, &errs})
	return result{code, out.String(), errs.String()}
}

// must runs a command that has to succeed.
func must(t *testing.T, input string, args ...string) string {
	t.Helper()
	r := parley(t, input, args...)
	if r.code != 0 {
		t.Fatalf("parley %s: exit %d: %s", strings.Join(args, " "), r.code, r.err)
	}
	return r.out
}

// program is `parley serve` in a process of its own.
type program struct {
	url  string
	cmd  *exec.Cmd
	wait func() error
	log  *bytes.Buffer // complete after wait
}

// serve starts `parley serve` on data and waits until it listens.
func serve(t *testing.T, data string, env ...string) *program {
	t.Helper()
	cmd := exec.Command(os.Args[0], "serve", "--listen", "127.0.0.1:0", "--data", data, "--log-format", "json")
	cmd.Env = append(append(os.Environ(), asProgram+"=1", "PARLEY_LIMITS=off"), env...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{cmd: cmd, log: &bytes.Buffer{}}
	address, read := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(read)
		defer close(address)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.log.Write(append(lines.Bytes(), '\n'))
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
				address <- line.Address
			}
		}
	}()
	p.wait = sync.OnceValue(func() error {
		<-read
		return cmd.Wait()
	})
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = p.wait()
	})
	select {
	case a := <-address:
		if a == "" {
			t.Fatalf("the server does not start: %v\n%s", p.wait(), p.log)
		}
		p.url = "http://" + a
	case <-time.After(patience):
		t.Fatal("the server does not listen")
	}
	return p
}

func (p *program) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, p.log)
	}
}

func TestServeAnswersAndStops(t *testing.T) {
	data := t.TempDir()
	p := serve(t, data)
	res, err := http.Get(p.url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("/readyz answers %s", res.Status)
	}
	if r := parley(t, "", "ready", "--url", p.url); r.code != 0 || r.out != "ready\n" {
		t.Errorf("ready: exit %d, %s%s", r.code, r.out, r.err)
	}
	second := parley(t, "", "serve", "--listen", "127.0.0.1:0", "--data", data)
	if second.code != 1 || !strings.Contains(second.err, "in use") || strings.Count(strings.TrimSpace(lastLine(second.err)), "\n") != 0 {
		t.Errorf("a second server on the same data: exit %d, %s", second.code, second.err)
	}
	p.stop(t)
	if r := parley(t, "", "ready", "--url", p.url); r.code != 1 {
		t.Errorf("ready, of a server that is gone: exit %d", r.code)
	}
	if _, err := os.Stat(filepath.Join(data, "admin.sock")); err == nil {
		t.Error("the administration socket is left behind")
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

func TestBadConfigurationExitsWith2(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	data := filepath.Join(dir, "data")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown flag":       {[]string{"serve", "--nonsense"}, "--nonsense"},
		"unknown command":    {[]string{"dance"}, "dance"},
		"no port":            {[]string{"serve", "--listen", "localhost"}, "--listen"},
		"no such port":       {[]string{"serve", "--listen", "127.0.0.1:99999"}, "--listen"},
		"registration":       {[]string{"serve", "--registration", "maybe"}, "--registration"},
		"public URL":         {[]string{"serve", "--public-url", "chat.example.org"}, "--public-url"},
		"public path":        {[]string{"serve", "--public-url", "https://example.org/chat"}, "--public-url"},
		"VAPID subject":      {[]string{"serve", "--vapid-subject", "mailto:root@localhost"}, "--vapid-subject"},
		"log level":          {[]string{"serve", "--log-level", "loud"}, "--log-level"},
		"proxies":            {[]string{"serve", "--trusted-proxies", "nearby"}, "--trusted-proxies"},
		"drain":              {[]string{"serve", "--drain-for", "-1s"}, "--drain-for"},
		"key without cert":   {[]string{"serve", "--tls-key", "key.pem"}, "--tls-cert"},
		"no such cert":       {[]string{"serve", "--tls-cert", filepath.Join(dir, "no"), "--tls-key", filepath.Join(dir, "no")}, "--tls-cert"},
		"cert of nothing":    {[]string{"serve", "--tls-cert", file("e", "x"), "--tls-key", file("f", "x")}, "--tls-cert"},
		"two certificates":   {[]string{"serve", "--tls-cert", "c", "--tls-key", "k", "--acme", "chat.example.org"}, "--acme"},
		"e-mail for nobody":  {[]string{"serve", "--acme-email", "ann@example.org"}, "--acme-email"},
		"bad e-mail":         {[]string{"serve", "--acme", "chat.example.org", "--acme-email", "ann"}, "--acme-email"},
		"ACME of a URL":      {[]string{"serve", "--acme", "https://chat.example.org"}, "--acme"},
		"ACME of an address": {[]string{"serve", "--acme", "192.0.2.1"}, "--acme"},
		"ACME of localhost":  {[]string{"serve", "--acme", "localhost"}, "--acme"},
		"ACME of no port":    {[]string{"serve", "--acme", "chat.example.org", "--acme-listen", "80"}, "--acme-listen"},
		"not public":         {[]string{"serve", "--acme", "chat.example.org", "--public-url", "http://chat.example.org"}, "--public-url"},
		"missing file":       {[]string{"--config", filepath.Join(dir, "no"), "serve"}, "--config"},
		"file is not JSON":   {[]string{"--config", file("a", "listen = 1"), "serve"}, "--config"},
		"unknown setting":    {[]string{"--config", file("b", `{"lisen":"127.0.0.1:1"}`), "serve"}, `"lisen"`},
		"bad setting":        {[]string{"--config", file("c", `{"registration":"maybe"}`), "serve"}, "registration"},
		"setting of no use":  {[]string{"--config", file("d", `{"listen":{}}`), "serve"}, "listen"},
		"nobody":             {[]string{"seed", "--users", "0"}, "user"},
		"too many members":   {[]string{"seed", "--users", "3", "--members", "4"}, "members"},
		"rooms of nobody":    {[]string{"seed", "--members=-1"}, "member"},
		"messages below 0":   {[]string{"seed", "--messages=-1"}, "messages"},
		"no such scenario":   {[]string{"bench", "--scenarios", "F,X"}, `"X"`},
		"no time":            {[]string{"bench", "--seconds", "0"}, "seconds"},
		"no such folder":     {[]string{"bench", "--seeded", filepath.Join(dir, "no")}, "--seeded"},
		"chat without user":  {[]string{"chat"}, "--user"},
		"chat to nowhere":    {[]string{"chat", "--user", "ann", "--server", "example.org"}, "--server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PARLEY_DATA", data)
			r := parley(t, "", c.args...)
			if r.code != 2 || !strings.Contains(r.err, c.want) || strings.Count(r.err, "\n") != 1 || !strings.HasPrefix(r.err, "parley: ") {
				t.Errorf("exit %d and %q; want 2 and one line with %q", r.code, r.err, c.want)
			}
		})
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("a data folder was made")
	}
	t.Setenv("PARLEY_REGISTRATION", "maybe")
	if r := parley(t, "", "serve"); r.code != 2 || !strings.Contains(r.err, "PARLEY_REGISTRATION") && !strings.Contains(r.err, "registration") {
		t.Errorf("bad environment: exit %d, %s", r.code, r.err)
	}
}

func TestSettingsGoFlagsThenEnvironmentThenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "parley.json")
	text := `{"registration":"closed","listen":"127.0.0.1:1","limits":"off","drain-for":"3s","trusted-proxies":["10.0.0.0/8","::1"]}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PARLEY_CONFIG", file)
	t.Setenv("PARLEY_LISTEN", "127.0.0.1:2")
	t.Setenv("PARLEY_LIMITS", "on")
	var c cli
	if _, err := parse(t.Context(), []string{"serve", "--listen", "127.0.0.1:3"}, streams{out: io.Discard, err: io.Discard}, &c); err != nil {
		t.Fatal(err)
	}
	s := c.Serve
	if s.Listen != "127.0.0.1:3" || s.Limits != "on" || s.Registration != "closed" || s.DrainFor != 3*time.Second || len(s.TrustedProxies) != 2 {
		t.Errorf("settings are %+v", s)
	}
	cfg, err := s.config()
	if err != nil || len(cfg.TrustedProxies) != 2 || cfg.TrustedProxies[1].Bits() != 128 || cfg.LimitsOff {
		t.Errorf("config is %+v, %v", cfg, err)
	}
}

func TestEveryFlagIsDocumented(t *testing.T) {
	parser := kong.Must(&cli{}, kong.Bind(streams{}), kong.BindTo(context.Background(), (*context.Context)(nil)))
	err := kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		switch n := node.(type) {
		case *kong.Flag:
			if n.Help == "" {
				t.Errorf("--%s has no help", n.Name)
			}
		case *kong.Command:
			if n.Help == "" {
				t.Errorf("%s has no help", n.Path())
			}
			for _, p := range n.Positional {
				if p.Help == "" {
					t.Errorf("%s %s has no help", n.Path(), p.Name)
				}
			}
		}
		return next(nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	help := must(t, "", "serve", "--help")
	for _, want := range []string{"--listen", "PARLEY_LISTEN", "--data", "PARLEY_DATA", "--registration", "PARLEY_REGISTRATION", "--public-url", "open,invite,closed"} {
		if !strings.Contains(help, want) && !strings.Contains(strings.ReplaceAll(help, ", ", ","), want) {
			t.Errorf("the help of serve lacks %s", want)
		}
	}
	if v := must(t, "", "version"); !strings.HasPrefix(v, "parley ") || !strings.Contains(v, "commit") || !strings.Contains(v, "go1.") {
		t.Errorf("version prints %q", v)
	}
}

// withPassword gives commands a password.
func withPassword(t *testing.T, p string) {
	t.Helper()
	t.Setenv("PARLEY_PASSWORD", p)
}

func TestOperatorWorksWithAndWithoutAServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), strings.Repeat("a-long-path", 12)) // longer than a socket's path may be
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	withPassword(t, password)
	must(t, "", "user", "add", "ann", "--data", data) // nobody serves
	p := serve(t, data)
	if info, err := os.Stat(filepath.Join(data, "admin.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the administration socket is %v, %v", info, err)
	}
	must(t, "", "user", "add", "bob", "--email", "bob@example.org", "--display-name", "Bob B.", "--data", data)
	must(t, "hello\n", "chat", "--server", p.url, "--user", "bob", "--room", "Parley")
	list := must(t, "", "user", "list", "--data", data)
	if !strings.Contains(list, "ann") || !strings.Contains(list, "admin") || !strings.Contains(list, "Bob B.") {
		t.Errorf("user list prints\n%s", list)
	}
	must(t, "", "user", "disable", "bob", "--data", data)
	if r := parley(t, "x\n", "chat", "--server", p.url, "--user", "bob", "--room", "Parley"); r.code != 1 {
		t.Errorf("disabled, bob still talks: %+v", r)
	}
	must(t, "", "user", "enable", "bob", "--data", data)
	must(t, "hello again\n", "chat", "--server", p.url, "--user", "bob", "--room", "Parley")
	withPassword(t, "an entirely different one 8")
	must(t, "", "user", "reset-password", "bob", "--data", data)
	must(t, "with the new password\n", "chat", "--server", p.url, "--user", "bob", "--room", "Parley")
	if r := parley(t, "", "user", "disable", "nobody", "--data", data); r.code != 1 || r.err == "" {
		t.Errorf("disabling nobody: %+v", r)
	}
	online := must(t, "", "room", "list", "--data", data)
	p.stop(t)
	offline := must(t, "", "room", "list", "--data", data)
	if online != offline || !strings.Contains(online, "Parley") {
		t.Errorf("room list prints, with and without a server:\n%s\n%s", online, offline)
	}
	_ = os.Unsetenv("PARLEY_PASSWORD")
	if made := must(t, "", "user", "reset-password", "bob", "--data", data); len(strings.Fields(made)) != 5 {
		t.Errorf("a made-up password is told as %q", made)
	}
}

func TestExportImportBackup(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	withPassword(t, password)
	p := serve(t, data)
	must(t, "", "chat", "--server", p.url, "--user", "ann", "--register", "--room", "Parley")
	must(t, "one\ntwo\n\nthree\n", "chat", "--server", p.url, "--user", "ann", "--room", "Parley")
	exported, copied, imported := filepath.Join(dir, "export"), filepath.Join(dir, "copy"), filepath.Join(dir, "imported")
	must(t, "", "export", "--data", data, "-o", exported) // of a running server
	if info, err := os.Stat(exported); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the export is %v, %v", info, err)
	}
	must(t, "", "backup", copied, "--data", data)
	if r := parley(t, "", "backup", copied, "--data", data); r.code != 1 || !strings.Contains(r.err, "there already") {
		t.Errorf("a backup over another: %+v", r)
	}
	must(t, "four\n", "chat", "--server", p.url, "--user", "ann", "--room", "Parley")
	p.stop(t)

	first, err := os.ReadFile(exported)
	if err != nil {
		t.Fatal(err)
	}
	must(t, string(first), "import", "--data", imported)
	if second := must(t, "", "export", "--data", imported); second != string(first) {
		t.Error("export, import and export give other bytes")
	}
	if r := parley(t, string(first), "import", "--data", imported); r.code != 1 || !strings.Contains(r.err, "data already") {
		t.Errorf("an import over data: %+v", r)
	}
	broken := filepath.Join(dir, "broken")
	if r := parley(t, string(first[:len(first)/2]), "import", "--data", broken); r.code != 1 || !strings.Contains(r.err, "line") {
		t.Errorf("half an import: %+v", r)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".import-*")); len(left) > 0 {
		t.Errorf("half an import leaves %v", left)
	}
	if _, err := os.Stat(broken); err == nil {
		t.Error("half an import leaves a data folder")
	}
	for _, folder := range []string{copied, imported} {
		again := serve(t, folder)
		said := must(t, "five\n", "chat", "--server", again.url, "--user", "ann", "--room", "Parley")
		history := follow(t, again.url, "five")
		again.stop(t)
		if said != "" || strings.Contains(history, "four") || !strings.Contains(history, "three") {
			t.Errorf("%s holds\n%s", folder, history)
		}
	}
}

// follow runs `parley chat --follow` until it printed something, and returns all that it printed.
func follow(t *testing.T, url, until string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out := &watched{until: until, seen: cancel}
	code := run(ctx, append([]string{"chat", "--server", url, "--user", "ann", "--room", "Parley", "--follow"}, args...), streams{in, out, out})
	if !strings.Contains(out.String(), until) || code != 0 {
		t.Fatalf("chat --follow exits %d without %q:\n%s", code, until, out.String())
	}
	return out.String()
}

// watched is a writer that tells when a text went by.
type watched struct {
	mu    sync.Mutex
	b     bytes.Buffer
	until string
	seen  func()
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.b.Write(p)
	if strings.Contains(w.b.String(), w.until) {
		w.seen()
	}
	return n, err
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func TestChatThroughPipes(t *testing.T) {
	withPassword(t, password)
	p := serve(t, t.TempDir())
	must(t, "", "chat", "--server", p.url, "--user", "ann", "--register", "--room", "Parley")
	must(t, "", "chat", "--server", p.url, "--user", "bob", "--register", "--room", "Parley")
	var lines strings.Builder
	for i := range 200 {
		fmt.Fprintf(&lines, "line %d\n", i)
	}
	heard := make(chan string)
	go func() { heard <- follow(t, p.url, "line 199", "--json", "--history", "0") }()
	if out := must(t, lines.String(), "chat", "--server", p.url, "--user", "bob", "--room", "#parley"); out != "" {
		t.Errorf("sending prints %q", out)
	}
	next := 0
	for line := range strings.Lines(<-heard) { // it may have begun to listen in the middle
		var m struct{ Content, Username string }
		if err := json.Unmarshal([]byte(line), &m); err != nil || m.Username != "bob" {
			t.Fatalf("follow prints %q: %v", line, err)
		}
		if next == 0 {
			_, _ = fmt.Sscanf(m.Content, "line %d", &next)
		}
		if m.Content != fmt.Sprintf("line %d", next) {
			t.Fatalf("%q comes where line %d should", m.Content, next)
		}
		next++
	}
	if r := parley(t, "ok\n"+strings.Repeat("x", 9000)+"\n", "chat", "--server", p.url, "--user", "bob", "--room", "Parley"); r.code != 1 || !strings.Contains(r.err, "line 2") {
		t.Errorf("a line that is too long: %+v", r)
	}
	if r := parley(t, "x\n", "chat", "--server", p.url, "--user", "bob", "--room", "nowhere"); r.code != 1 || !strings.Contains(r.err, "nowhere") {
		t.Errorf("a room that is not there: %+v", r)
	}
	must(t, "just between us\n", "chat", "--server", p.url, "--user", "bob", "--direct", "ann")
	withPassword(t, "wrong")
	if r := parley(t, "x\n", "chat", "--server", p.url, "--user", "bob", "--room", "Parley"); r.code != 1 || strings.Contains(r.err, "wrong\"") {
		t.Errorf("a wrong password: %+v", r)
	}
}
