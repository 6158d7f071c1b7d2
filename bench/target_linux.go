package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"parley/admin"
)

// shape is how many people a server has in its rooms, and how much was said there before.
type shape struct{ rooms, members, messages int }

// target is a server under load: a child on its own CPU, with a folder of its own.
type target struct {
	name   string
	dir    string
	wire   wire
	addr   netip.AddrPort
	people [][]person // by room
	child  *exec.Cmd
	tunnel *tunnel // where TLS is spoken for the clients; else nil
	kept   bool    // the folder stays
	pid    int
	idle   int64 // resident bytes before anybody connected
}

// startParley fills a fresh folder and serves it.
func startParley(ctx context.Context, o Options, at places, s shape) (_ *target, err error) {
	t := &target{name: "parley", wire: parleyWire{}}
	if err := t.fill(ctx, o, s); err != nil {
		return nil, errors.Join(err, t.remove())
	}
	t.child = exec.CommandContext(ctx, o.Program, "serve", "--data", t.data(), "--listen", "127.0.0.1:0", "--log-format", "json")
	t.child.Env = append(os.Environ(), "PARLEY_LIMITS=off")
	if o.TLS {
		if t.tunnel, err = newTunnel(t.dir); err != nil {
			return nil, errors.Join(err, t.remove())
		}
		t.child.Args = append(t.child.Args, "--tls-cert", t.tunnel.cert, "--tls-key", t.tunnel.key)
	}
	log, err := t.child.StderrPipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the server: %w", err), t.remove())
	}
	return t, t.start(at, o.Log, log, func(line []byte) string {
		var l struct{ Msg, Address string }
		if json.Unmarshal(line, &l) == nil && l.Msg == "listening" {
			return l.Address
		}
		return ""
	})
}

// fill makes the people, unless there are some already.
func (t *target) fill(ctx context.Context, o Options, s shape) (err error) {
	if t.kept = o.Seeded != "" && s.messages > 0; t.kept {
		t.dir = o.Seeded
	} else if t.dir, err = os.MkdirTemp("", "parley-bench-*"); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	tokens := filepath.Join(t.dir, "tokens.json")
	if !t.kept {
		seed := exec.CommandContext(ctx, o.Program, "seed", "--data", t.data(), "--users", strconv.Itoa(s.rooms*s.members), "--rooms", strconv.Itoa(s.rooms),
			"--members", strconv.Itoa(s.members), "--messages", strconv.Itoa(s.messages), "--tokens", tokens)
		if out, err := seed.CombinedOutput(); err != nil {
			return fmt.Errorf("parley seed: %w: %s", err, bytes.TrimSpace(out))
		}
	}
	t.people, err = readPeople(tokens)
	return err
}

// remove removes the folder, if it is not to be kept.
func (t *target) remove() error {
	if t.kept {
		return nil
	}
	return os.RemoveAll(t.dir)
}

func (t *target) data() string { return filepath.Join(t.dir, "data") }

// startFloor serves the same rooms by Floor.
func startFloor(ctx context.Context, o Options, at places, s shape) (_ *target, err error) {
	t := &target{name: "floor", wire: floorWire{}}
	if t.dir, err = os.MkdirTemp("", "parley-floor-*"); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	for i := range s.rooms {
		members := make([]person, s.members)
		for j := range members {
			members[j].Room = strconv.Itoa(i)
		}
		t.people = append(t.people, members)
	}
	t.child = exec.CommandContext(ctx, o.Program, "floor", filepath.Join(t.dir, "log"))
	log, err := t.child.StdoutPipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the floor: %w", err), t.remove())
	}
	return t, t.start(at, o.Log, log, func(line []byte) string { return string(bytes.TrimSpace(line)) })
}

// start runs the child and waits for the line that tells its address; other lines go to w, but for those of routine.
func (t *target) start(at places, w io.Writer, output io.Reader, address func([]byte) string) error {
	t.child.Cancel = func() error { return t.child.Process.Signal(syscall.SIGTERM) }
	t.child.WaitDelay = 20 * time.Second
	if err := at.onServerCPU(t.child.Start); err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", t.name, err), t.remove())
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		a := address(lines.Bytes())
		if a == "" {
			pass(w, lines.Bytes())
			continue
		}
		addr, err := netip.ParseAddrPort(a)
		if err != nil {
			return errors.Join(fmt.Errorf("the address of %s: %w", t.name, err), t.stop())
		}
		t.addr, t.pid = addr, t.child.Process.Pid
		if t.tunnel != nil {
			if t.addr, err = t.tunnel.to(addr); err != nil {
				return errors.Join(err, t.stop())
			}
		}
		t.idle = resident(t.pid)
		go func() { // ends with the child
			for lines.Scan() {
				pass(w, lines.Bytes())
			}
		}()
		return nil
	}
	return errors.Join(fmt.Errorf("%s ended before it was ready", t.name), t.stop())
}

// pass writes on a line that a server logged, unless it is routine: that would only tear the tables apart.
func pass(w io.Writer, line []byte) {
	if !bytes.Contains(line, []byte(`"level":"INFO"`)) {
		fmt.Fprintf(w, "%s\n", line)
	}
}

// stop ends the server and removes its folder.
func (t *target) stop() error {
	_ = t.child.Process.Kill() // nobody needs what it has
	_ = t.child.Wait()
	if t.tunnel != nil {
		t.tunnel.close()
	}
	return t.remove()
}

func readPeople(file string) ([][]person, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the people: %w", err)
	}
	var all []person
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("read the people: %s: %w", file, err)
	}
	if len(all) == 0 || slices.ContainsFunc(all, func(p person) bool { return p.Token == "" || p.Room == "" }) {
		return nil, fmt.Errorf("read the people: %s is not what parley seed --tokens writes of people in rooms", file)
	}
	var rooms [][]person
	for i, p := range all {
		if i == 0 || p.Room != all[i-1].Room {
			rooms = append(rooms, nil)
		}
		rooms[len(rooms)-1] = append(rooms[len(rooms)-1], p)
	}
	return rooms, nil
}

// profile asks a running Parley for a profile and writes it to a file; what is a kind that package admin knows.
func (t *target) profile(ctx context.Context, what string, d time.Duration, file string) error {
	client, err := admin.Dial(ctx, t.data())
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer client.Close()
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return errors.Join(client.Profile(ctx, what, d, f), f.Close())
}
