package notify

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"parley/chat"
	"parley/chattest"
	"parley/notify/pushtest"
	"parley/store"
	"parley/store/pebble"
)

// The child of TestKill is this test binary, with these in its environment.
const (
	childDir  = "PARLEY_NOTIFY_TEST_CHILD" // the data folder
	childStep = "PARLEY_NOTIFY_TEST_STEP"  // at which to die
	childSay  = "PARLEY_NOTIFY_TEST_SAY"   // what ann says to bob; empty: nothing
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv(childStep), os.Getenv(childSay)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// steps are where the child may die, in their order. Before and after what is durable, and before and after the push.
func steps() []string {
	return []string{"before the commit", "after the commit", "before the push", "after the push", "after the note who was told", "before the outbox is settled",
		"after the outbox is settled"}
}

// mortal dies at a step.
type mortal struct {
	*store.Store
	step string
}

func (m *mortal) at(step string) {
	if step == m.step {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until it takes effect
	}
}

func (m *mortal) Commit(ctx context.Context, c chat.Commit) error {
	if len(c.New) > 0 {
		m.at("before the commit")
	}
	err := m.Store.Commit(ctx, c)
	if len(c.New) > 0 {
		m.at("after the commit")
	}
	return err
}

func (m *mortal) PushSubscriptionsOf(ctx context.Context, userID string) ([]chat.PushSubscription, error) {
	m.at("before the push")
	return m.Store.PushSubscriptionsOf(ctx, userID)
}

func (m *mortal) SetReached(ctx context.Context, roomID string, seq int64, userIDs ...string) error {
	m.at("after the push")
	err := m.Store.SetReached(ctx, roomID, seq, userIDs...)
	m.at("after the note who was told")
	return err
}

func (m *mortal) SetOutbox(ctx context.Context, roomID string, seq int64) error {
	m.at("before the outbox is settled")
	err := m.Store.SetOutbox(ctx, roomID, seq)
	m.at("after the outbox is settled")
	return err
}

// child is a house over a folder on disk, with real syncs: ann says something to bob, and the notifier runs until the outbox
// is empty. Time passes ten times as fast.
func child(dir, step, say string) error {
	began := time.Now()
	now := func() time.Time { return began.Add(10 * time.Since(began)) }
	db, err := pebble.Open(pebble.Options{Dir: dir, Schemas: store.Schemas(), Now: now})
	if err != nil {
		return err
	}
	m := &mortal{store.New(db, now), step}
	queue := NewQueue()
	service := newService(m, m, queue, now)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n, err := New(ctx, Config{Key: m, Subscriptions: m, Rules: service, Users: m, Outbox: service, Queue: queue, AllowPrivate: true, Now: now,
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if say != "" {
		r, _, err := service.OpenDirect(ctx, "u-ann", []string{"u-bob"})
		if err != nil {
			return err
		}
		if _, err := service.Send(ctx, "u-ann", chat.NewMessage{RoomID: r.RoomID, Content: say, ClientMessageID: say}); err != nil {
			return err
		}
		fmt.Println("sent")
	}
	ended := make(chan error, 1)
	running, stop := context.WithCancel(ctx)
	defer stop()
	go func() { ended <- n.Run(running) }()
	for {
		left, err := m.Outbox(ctx)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		return err
	}
	return db.Close()
}

// TestKill kills a process at each step of the way from a message to its push, with kill -9, and starts another one on its
// data. The push is there in the end; if it is there twice, the second takes the place of the first.
func TestKill(t *testing.T) {
	for _, step := range steps() {
		t.Run(step, func(t *testing.T) {
			dir := t.TempDir()
			service := pushtest.New(t)
			bob, ann := service.Subscribe(), service.Subscribe()
			prepare(t, dir, bob, ann)
			said, killed := run(t, dir, step, "hello")
			if !killed {
				t.Fatal("the process did not come to this step")
			}
			if step == "before the commit" {
				if said {
					t.Error("acknowledged before it was stored")
				}
				if _, killed := run(t, dir, "", "hello"); killed { // as a client does who got no answer
					t.Fatal("killed again")
				}
			} else if _, killed := run(t, dir, "", ""); killed {
				t.Fatal("killed again")
			}
			pushes := bob.Pushes()
			most := 1
			if step == "after the push" {
				most = 2
			}
			if len(pushes) == 0 || len(pushes) > most {
				t.Fatalf("%d pushes", len(pushes))
			}
			for _, p := range pushes {
				if p.Topic != pushes[0].Topic || p.Topic == "" || p.Payload != pushes[0].Payload || !strings.Contains(p.Payload, `"body":"hello"`) {
					t.Errorf("push: %+v", p)
				}
			}
			if n, _ := ann.Attempts(); n != 0 {
				t.Error("who wrote it is told")
			}
			if _, killed := run(t, dir, "", ""); killed || len(bob.Pushes()) != len(pushes) {
				t.Errorf("another start pushes again: %d", len(bob.Pushes()))
			}
		})
	}
}

// prepare makes the people, and what they subscribed.
func prepare(t *testing.T, dir string, bob, ann *pushtest.Browser) {
	t.Helper()
	db, err := pebble.Open(pebble.Options{Dir: dir, Schemas: store.Schemas()})
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(db, time.Now)
	n, err := New(t.Context(), Config{Key: s, Subscriptions: s, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pushtest.Browser{"ann": ann, "bob": bob} {
		chattest.AddUser(t, s, name)
		if _, err := n.Subscribe(t.Context(), request(b, "u-"+name, "s-"+name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// run starts a child and waits for its end.
func run(t *testing.T, dir, step, say string) (said, killed bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childStep+"="+step, childSay+"="+say)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = said || lines.Text() == "sent"
	}
	err = cmd.Wait()
	if err != nil && !strings.Contains(err.Error(), "killed") {
		t.Fatalf("child: %v", err)
	}
	return said, err != nil
}
