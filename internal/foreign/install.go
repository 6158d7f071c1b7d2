// Package foreign fetches and runs programs of others that tests and the development house need beside them. They come
// from npm, once, into the user's cache folder, and end with whoever started them, however that ends.
package foreign

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Install returns the folder of a program in the cache; name says which, in which version. If it is not there, fill makes
// it, in a folder that is empty. Of several processes that want it one fetches it, and the others wait.
func Install(name string, fill func(dir string) error) (string, error) {
	dir, err := install(name, fill)
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", name, err)
	}
	return dir, nil
}

func install(name string, fill func(dir string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "parley")
	dir := filepath.Join(cache, name)
	if there(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close() // and gives up the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if there(dir) {
		return dir, nil
	}
	half, err := os.MkdirTemp(cache, "fetching-")
	if err != nil {
		return "", err
	}
	if err := fill(half); err != nil {
		return "", errors.Join(err, os.RemoveAll(half))
	}
	return dir, os.Rename(half, dir)
}

func there(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil
}

// NPM runs npm in a folder.
func NPM(ctx context.Context, dir string, args ...string) error {
	npm := exec.CommandContext(ctx, "npm", args...)
	npm.Dir = dir
	if said, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm %s: %w: %s", args[0], err, said)
	}
	return nil
}
