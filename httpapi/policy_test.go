package httpapi

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// CloudFront sends the app's pages with the policy that this server would send, and the bucket of signed links added.
func TestPolicyOfPagesAtCloudFront(t *testing.T) {
	text, err := os.ReadFile("../deploy/terraform/modules/cdn/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^  policy = "(.*)"$`).FindSubmatch(text)
	if m == nil {
		t.Fatal("no policy found")
	}
	if got := strings.ReplaceAll(string(m[1]), " ${local.files}", ""); got != pagePolicy {
		t.Errorf("at CloudFront: %s\nhere:          %s", got, pagePolicy)
	}
}
