package identity

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"runtime"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/ccojocar/zxcvbn-go"
	"golang.org/x/crypto/argon2"
	"golang.org/x/text/secure/precis"

	"parley/chat"
)

// Limits of passwords.
const (
	MinPassword   = 8   // bytes
	MaxPassword   = 256 // bytes
	MinScore      = 3   // of zxcvbn's 0 to 4: "safely unguessable", more than 10^8 guesses
	maxWaiting    = 256 // passwords waiting for a processor, some seconds' work
	maxAtOnce     = 8   // passwords worked on, each with 19 MiB
	strengthRunes = 20  // zxcvbn's cost grows exponentially: 36 s for 234 bytes were seen
)

// passwords hashes and checks passwords, so many at a time as there are processors: a burst of log-ins waits, and
// takes neither all memory nor all time.
type passwords struct {
	params  argon2id.Params
	unknown string // the hash checked where there is no account, so that the work is the same
	queue   chan struct{}
	slots   chan struct{}
	compare func(password, hash string) (bool, error)
}

// newPasswords uses the parameters that OWASP's Password Storage Cheat Sheet names for Argon2id: 19 MiB, 2 passes, 1 lane.
func newPasswords() *passwords {
	return makePasswords(argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32})
}

func makePasswords(params argon2id.Params) *passwords {
	return &passwords{
		params:  params,
		unknown: noHash(params),
		queue:   make(chan struct{}, maxWaiting),
		slots:   make(chan struct{}, min(runtime.GOMAXPROCS(0), maxAtOnce)),
		compare: argon2id.ComparePasswordAndHash,
	}
}

// noHash is what a hash looks like, of no password: comparing with it costs as much as with any, making it nothing, which
// processes that live for seconds are glad of.
func noHash(params argon2id.Params) string {
	salt, key := make([]byte, params.SaltLength), make([]byte, params.KeyLength)
	_, _ = rand.Read(salt) // never fails
	_, _ = rand.Read(key)
	text := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, params.Memory, params.Iterations, params.Parallelism,
		text.EncodeToString(salt), text.EncodeToString(key))
}

// do runs work when there is room. Unavailable if too many wait or ctx ends before.
func (p *passwords) do(ctx context.Context, work func() error) error {
	busy := &chat.Error{Code: chat.Unavailable, Message: "The server is busy. Please try again.", RetryAfter: time.Second}
	select {
	case p.queue <- struct{}{}:
		defer func() { <-p.queue }()
	default:
		return busy
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
		return work()
	case <-ctx.Done():
		busy.Cause = ctx.Err()
		return busy
	}
}

// hash makes the text to store of a password that passed strong.
func (p *passwords) hash(ctx context.Context, password string) (h string, err error) {
	password, err = parsePassword(password)
	if err != nil {
		return "", err
	}
	err = p.do(ctx, func() error {
		h, err = argon2id.CreateHash(password, &p.params)
		return err
	})
	return h, err
}

// matches compares a password with a hash. What cannot be a password, and an empty hash, match nothing at the same cost.
func (p *passwords) matches(ctx context.Context, password, hash string) (ok bool, err error) {
	password, _ = parsePassword(password) // empty if it cannot be one, and no hash is of that
	if hash == "" {
		hash = p.unknown
	}
	err = p.do(ctx, func() error {
		ok, err = p.compare(password, hash)
		return err
	})
	return ok, err
}

// strong refuses passwords that are easy to guess, for one who knows what about the person and the server is public.
// A password is as strong as its stronger end.
func (p *passwords) strong(ctx context.Context, password string, known ...string) error {
	password, err := parsePassword(password)
	if err != nil {
		return err
	}
	r := []rune(password)
	n := min(len(r), strengthRunes)
	score := 0
	err = p.do(ctx, func() error {
		for _, end := range [][]rune{r[:n], r[len(r)-n:]} {
			score = max(score, zxcvbn.PasswordStrength(string(end), known).Score)
			if score >= MinScore || n == len(r) {
				break
			}
		}
		return nil
	})
	if err == nil && score < MinScore {
		return passwordError("This password is easy to guess. Take a longer one, such as a few unrelated words.")
	}
	return err
}

// parsePassword checks the length and normalises by PRECIS OpaqueString (RFC 8265), so that the same keys give the same
// password on every device.
func parsePassword(s string) (string, error) {
	if len(s) < MinPassword || len(s) > MaxPassword {
		return "", passwordError(fmt.Sprintf("A password has %d to %d bytes.", MinPassword, MaxPassword))
	}
	if !utf8.ValidString(s) {
		return "", passwordError("The password is not valid UTF-8.")
	}
	out, err := precis.OpaqueString.String(s)
	if err != nil {
		return "", passwordError("The password has characters that cannot stand in a password.")
	}
	return out, nil
}

func passwordError(message string) error {
	return &chat.Error{Code: chat.InvalidRequest, Field: "password", Message: message}
}
