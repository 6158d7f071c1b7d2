package server

import "testing"

// However many files there may be, each part has some, together they have no more, and most are for connections as soon as
// there are a thousand.
func TestShare(t *testing.T) {
	if b, err := share(fewestFiles - 1); err == nil {
		t.Errorf("shared out too few: %+v", b)
	}
	for _, limit := range []int{fewestFiles, 1000, 1024, 4096, 65536, 1 << 20} {
		b, err := share(limit)
		if err != nil {
			t.Fatal(err)
		}
		if rest := limit - b.connections - b.transfers - b.store; rest < otherFiles {
			t.Errorf("of %d files %d are left to all others: %+v", limit, rest, b)
		}
		if b.connections < limit/4 || limit >= 1000 && b.connections < limit/2 || b.transfers < 64 || b.store < 64 {
			t.Errorf("%d files: %+v", limit, b)
		}
	}
}
