package awsdev

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPlaces: what goes to the HTTP API here goes there at CloudFront, and the other way round.
func TestPlaces(t *testing.T) {
	text, err := os.ReadFile("../deploy/terraform/modules/cdn/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?m)^  api_paths = \[(.*)\]$`).FindSubmatch(text)
	if list == nil {
		t.Fatal("no api_paths found")
	}
	want := []string{"/files/"} // of a behaviour of their own
	for path := range strings.SplitSeq(string(list[1]), ", ") {
		want = append(want, strings.TrimSuffix(strings.Trim(path, `"`), "*"))
	}
	got := places()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("here %q, at CloudFront %q", got, want)
	}
}
