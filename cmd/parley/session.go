package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"parley/client"
)

// maxSessions is how many terminals of one person can be signed in at once.
const maxSessions = 20

// sessionFile keeps one sign-in between runs, for its owner only. A running program holds its lock, so that a second
// terminal of the same person uses a file of its own: a refresh token works once, and two who share one lose it.
type sessionFile struct{ file *os.File }

// openSession opens the first file of this person that no other program uses.
func openSession(server, user string) (*sessionFile, error) {
	base, err := os.UserConfigDir()
	if err != nil {
		return nil, fmt.Errorf("find the configuration folder for the session: %w", err)
	}
	dir := filepath.Join(base, "parley", "sessions")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keep the session: %w", err)
	}
	sum := sha256.Sum256([]byte(server + "\x00" + user))
	for i := range maxSessions {
		path := filepath.Join(dir, fmt.Sprintf("%s-%d.json", hex.EncodeToString(sum[:8]), i))
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("keep the session: %w", err)
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			return &sessionFile{f}, nil
		}
		_ = f.Close()
	}
	return nil, errors.New("too many terminals are signed in as this person")
}

// load returns the saved session, an empty one if there is none that can be read.
func (s *sessionFile) load() (session client.Session) {
	if json.NewDecoder(s.file).Decode(&session) != nil {
		return client.Session{}
	}
	return session
}

// save replaces the saved session. A failure costs a log-in later, nothing else.
func (s *sessionFile) save(session client.Session) {
	text, err := json.Marshal(session)
	if err != nil {
		return
	}
	if s.file.Truncate(0) == nil {
		_, _ = s.file.WriteAt(text, 0)
	}
}

func (s *sessionFile) close() { _ = s.file.Close() }
