package foreign

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// TestInstall: one fetches, the others wait for it; what could not be fetched is tried again, and leaves nothing behind.
func TestInstall(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	failure := errors.New("no network")
	if _, err := Install("x-1", func(dir string) error {
		return errors.Join(failure, os.WriteFile(filepath.Join(dir, "half"), nil, 0o644))
	}); !errors.Is(err, failure) {
		t.Errorf("failing: %v", err)
	}
	var fetched atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			dir, err := Install("x-1", func(dir string) error {
				fetched.Add(1)
				return os.WriteFile(filepath.Join(dir, "program"), []byte("p"), 0o644)
			})
			if err != nil {
				t.Error(err)
				return
			}
			if text, err := os.ReadFile(filepath.Join(dir, "program")); err != nil || string(text) != "p" {
				t.Errorf("installed: %q, %v", text, err)
			}
		})
	}
	all.Wait()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(cache, "parley"))
	if err != nil || len(entries) != 2 || fetched.Load() != 1 { // it and the lock
		t.Errorf("fetched %d times; in the cache: %v, %v", fetched.Load(), entries, err)
	}
}
