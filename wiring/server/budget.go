package server

import (
	"fmt"
	"syscall"

	"parley/store/pebble"
)

// budget shares out the files that the process may have open, so that none of its parts takes them from another: without
// one the store could not go on writing.
type budget struct {
	connections int // sockets and HTTP
	transfers   int // attachments being received and served
	store       int // beside an export's own, which are few
}

const (
	fewestFiles = 512 // with which it can be served
	otherFiles  = 128 // pictures, pushes, pollers, the operator's socket, a backup, sockets while they change hands
)

// shareFiles shares out the files that s may have open, if it serves.
func (s *Server) shareFiles() error {
	if !s.serves() {
		return nil
	}
	limit, err := fileLimit()
	if err == nil {
		s.budget, err = share(limit)
	}
	return err
}

// share shares out limit files.
func share(limit int) (budget, error) {
	if limit < fewestFiles {
		return budget{}, fmt.Errorf("this process may have %d files open, and needs %d: raise the limit (LimitNOFILE= for systemd, ulimit -n)", limit, fewestFiles)
	}
	b := budget{transfers: min(limit/8, 1024), store: max(pebble.FewFiles, min(limit/8, pebble.ManyFiles))}
	b.connections = limit - b.store - pebble.FewFiles - b.transfers - otherFiles
	return b, nil
}

// fileLimit is how many files this process may have open. Go has raised it as far as it may be at the start.
func fileLimit() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	return int(min(limit.Cur, 1<<20)), nil //nolint:gosec // at most as many
}
