package house

import (
	"os"
	"regexp"
	"testing"

	"parley/store"
)

// The tables that Terraform makes have the keys and indexes that the store uses.
func TestTerraformTables(t *testing.T) {
	text, err := os.ReadFile("deploy/terraform/modules/parley/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range store.Schemas() {
		module := regexp.MustCompile(`(?s)\nmodule "` + s.Name + `" \{.*?\n\}`).FindString(string(text))
		want := []string{`source\s*= "../table"`, `name\s*= "\$\{local\.prefix\}` + s.Name + `"`, `hash_key\s*= "` + s.Part + `"\n`}
		if s.Sort != "" {
			want = append(want, `\n  range_key\s*= "`+s.Sort+`"\n`)
		}
		for _, ix := range s.Indexes {
			want = append(want, ix.Name+`\s*= \{ hash_key = "`+ix.Part+`", range_key = "`+ix.Sort+`" \}`)
		}
		for _, w := range want {
			if !regexp.MustCompile(w).MatchString(module) {
				t.Errorf("table %s: %s is not in %s", s.Name, w, module)
			}
		}
		if s.Sort == "" && regexp.MustCompile(`\n  range_key`).MatchString(module) {
			t.Errorf("table %s has a sort key: %s", s.Name, module)
		}
	}
}
