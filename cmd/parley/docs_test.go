package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestConversationByHand runs what docs/protocol.md shows.
func TestConversationByHand(t *testing.T) {
	text, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, script, _ := strings.Cut(string(text), "```sh\n")
	script, _, ok := strings.Cut(script, "```")
	if !ok || !strings.Contains(script, "http://127.0.0.1:8080/") {
		t.Fatal("the page has no conversation")
	}
	p := serve(t, t.TempDir())
	defer p.stop(t)
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.Replace(script, "http://127.0.0.1:8080", p.url, 1))
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	history, found := lines[max(0, len(lines)-2)], lines[len(lines)-1]
	if !strings.Contains(history, `"content":"The peas are up!"`) || !strings.Contains(history, `"hasMoreBefore":false`) {
		t.Errorf("the history: %s", history)
	}
	if !strings.Contains(found, `"content":"The peas are up!"`) || strings.Contains(found, "cursor") {
		t.Errorf("what is found: %s", found)
	}
}
