//go:build linux && (amd64 || arm64)

package gateway

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel's table of open files need not grow while connections come.
func TestRoomForFiles(t *testing.T) {
	newHouse(t, Config{}, false)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "FDSize:")
	size, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil || uint64(size) < min(limit.Cur, 1<<16) {
		t.Errorf("room for %d files (%v), the limit is %d", size, err, limit.Cur)
	}
}
