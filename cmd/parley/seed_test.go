package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSeed: what `parley seed` writes is what load harnesses read, and its people are signed in.
func TestSeed(t *testing.T) {
	data, tokens := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "tokens.json")
	must(t, "", "seed", "--data", data, "--users", "7", "--rooms", "2", "--members", "5", "--messages", "3", "--tokens", tokens)
	text, err := os.ReadFile(tokens)
	if err != nil {
		t.Fatal(err)
	}
	var people []map[string]string
	if err := json.Unmarshal(text, &people); err != nil || len(people) != 2*5 || !strings.HasPrefix(string(text), `[{"token":"`) {
		t.Fatalf("%d people, %v: %.60s", len(people), err, text)
	}
	if info, err := os.Stat(tokens); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the tokens: %v, %v", info.Mode(), err)
	}
	p := serve(t, data)
	ask := func(token, path string, into any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/api/v1"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(into); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d, %v", path, res.StatusCode, err)
		}
	}
	rooms := map[string]int{}
	for _, who := range people {
		if len(who) != 3 {
			t.Fatalf("%v is not a token, a userId and a roomId", who)
		}
		rooms[who["roomId"]]++
		var me struct{ UserID string }
		if ask(who["token"], "/me", &me); me.UserID != who["userId"] {
			t.Errorf("the token of %s is that of %s", who["userId"], me.UserID)
		}
		var page struct{ Messages []struct{ Content string } }
		if ask(who["token"], "/rooms/"+who["roomId"]+"/messages", &page); len(page.Messages) != 3 {
			t.Errorf("%s reads %d messages", who["userId"], len(page.Messages))
		}
	}
	if len(rooms) != 2 {
		t.Errorf("people are in rooms %v", rooms)
	}
	if r := parley(t, "", "seed", "--data", data); r.code != 1 || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, "use") {
		t.Errorf("of a folder in use: exit %d, %q", r.code, r.err)
	}

	other := filepath.Join(t.TempDir(), "data")
	if r := parley(t, "", "seed", "--data", other, "--tokens", filepath.Join(data, "no", "tokens.json")); r.code != 1 || !strings.Contains(r.err, "tokens") {
		t.Errorf("of tokens that cannot be written: exit %d, %q", r.code, r.err)
	}
	if out := must(t, "", "export", "--data", other); strings.Contains(out, "seed-") {
		t.Error("a folder was filled though nobody gets the tokens")
	}
}
