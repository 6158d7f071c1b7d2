package cognito_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/cockroachdb/pebble/v2/vfs"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"parley/chat"
	"parley/chattest"
	"parley/files"
	"parley/identity"
	"parley/identity/cognito"
	"parley/identity/cognito/cognitotest"
	"parley/identity/identitytest"
	"parley/limit"
	"parley/names"
	"parley/store"
	"parley/store/pebble"
	"parley/store/table"
	"parley/wiring/accounts"
)

var errKilled = errors.New("the process was killed")

// mortal is a process that dies at a step: from then on nothing that it does happens.
type mortal struct {
	mu    sync.Mutex // guards what follows
	left  int        // steps to live
	steps []string   // made
}

func (m *mortal) step(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left--; m.left < 0 {
		return errKilled
	}
	m.steps = append(m.steps, name)
	return nil
}

func (m *mortal) dead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left < 0
}

// mortalDB has a step at each write.
type mortalDB struct {
	table.DB
	m *mortal
}

func (d *mortalDB) Write(ctx context.Context, ops ...table.Op) error {
	if err := d.m.step(fmt.Sprintf("write %s %s", ops[0].Item.Key.Part, ops[0].Item.Key.Sort)); err != nil {
		return err
	}
	return d.DB.Write(ctx, ops...)
}

// mortalClient has a step at each call of the pool.
type mortalClient struct{ m *mortal }

func (c mortalClient) Do(r *http.Request) (*http.Response, error) {
	if err := c.m.step(r.Header.Get("X-Amz-Target")); err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(r)
}

// household is what processes of one house share.
type household struct {
	t        *testing.T
	db       *pebble.DB
	pictures *blob.Bucket
	pool     cognito.Config
	clock    *chattest.Clock
}

// process is one that takes part in the house.
type process struct {
	*identity.Pooled
	rooms    *chat.Service
	pictures *files.Avatars
}

// process starts one, which lives for some steps.
func (h *household) process(m *mortal) *process {
	h.t.Helper()
	s, quiet := store.New(&mortalDB{h.db, m}, h.clock.Now), slog.New(slog.DiscardHandler)
	c := h.pool
	c.Client = cognitoidp.New(h.pool.Client.Options(), func(o *cognitoidp.Options) { o.HTTPClient = mortalClient{m} })
	pool, err := cognito.New(c)
	if err != nil {
		h.t.Fatal(err)
	}
	p := &process{pictures: files.NewAvatars(h.pictures, 1<<20)}
	limiter := limit.New(limit.Config{Off: true})
	p.rooms = chat.New(chat.Config{Log: s, Rooms: s, Markers: s, Notices: s, Erasures: s, Users: s, Seen: s, Deliverer: nobody{}, Limiter: limiter,
		Names: names.Precis{}, Shared: true, Now: h.clock.Now, Logger: quiet,
		Files: chat.Files{Uploads: s, Contents: files.NewAttachments(files.AttachmentConfig{Bucket: h.pictures, Key: []byte("key")}), MaxBytes: 1 << 20},
		Forget: func(ctx context.Context, e chat.Erasure) error {
			if e.AvatarURL != "" {
				if err := m.step("picture"); err != nil {
					return err
				}
			}
			return accounts.New(p.Local, p.Pooled).Forget(ctx, e, p.pictures)
		}})
	local, err := identity.NewLocal(h.t.Context(), identity.Config{Store: s, Rooms: p.rooms, Limiter: limiter, Connections: nobody{}, Names: names.Precis{},
		Registration: identity.Open, Now: h.clock.Now, Logger: quiet})
	if err != nil {
		h.t.Fatal(err)
	}
	p.Pooled = identity.NewPooled(local, pool)
	return p
}

// nobody is a Deliverer without connections.
type nobody struct{}

func (nobody) Deliver(context.Context, chat.Delivery)             {}
func (nobody) Signal(context.Context, string, string, chat.Event) {}
func (nobody) ToUsers(context.Context, chat.Event, ...string)     {}
func (nobody) Disconnect(context.Context, string, string)         {}
func (nobody) Online(context.Context, ...string) (map[string]bool, error) {
	return map[string]bool{}, nil
}

// erase is what DELETE /me does.
func (p *process) erase(ctx context.Context, who identity.Principal) error {
	if err := p.CheckPassword(ctx, who, identitytest.Password); err != nil {
		return err
	}
	if err := p.rooms.BeginErase(ctx, who.UserID); err != nil {
		return err
	}
	_, err := p.rooms.Erase(ctx, who.UserID)
	return err
}

// TestEraseKilled erases accounts of a pool with a process that is killed at each step in turn. Either nothing has
// happened then, or another process brings it to its end: nothing of the person is left, here or in the pool.
func TestEraseKilled(t *testing.T) {
	g := openGate(t)
	_, pool := g.pool(t)
	for after := 0; ; after++ {
		h := &household{t: t, pictures: memblob.OpenBucket(nil), pool: pool, clock: chattest.NewClock()}
		h.clock.Advance(time.Since(h.clock.Now())) // the pool's tokens are those of now
		var err error
		if h.db, err = pebble.Open(pebble.Options{Dir: "data", FS: vfs.NewMem(), Schemas: store.Schemas(), Now: h.clock.Now}); err != nil {
			t.Fatal(err)
		}
		m := &mortal{left: 1 << 30}
		dying, other := h.process(m), h.process(&mortal{left: 1 << 30})
		name := fmt.Sprintf("berta%d", after)
		who, room := h.live(other, name)
		m.left, m.steps = after, nil
		err = dying.erase(t.Context(), who)
		if finished := !m.dead(); finished {
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("killed after each of %d steps: %s", len(m.steps), strings.Join(m.steps, ", "))
		}
		h.check(other, name, who, room, m)
		if err := errors.Join(h.pictures.Close(), h.db.Close()); err != nil {
			t.Fatal(err)
		}
		if !m.dead() {
			if after < 12 {
				t.Errorf("only %d steps: the test misses some", after)
			}
			return
		}
	}
}

// live makes somebody with all that an account can have: a picture, a message, an invitation, settings, two sign-ins.
func (h *household) live(p *process, name string) (identity.Principal, string) {
	t := h.t
	t.Helper()
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var who identity.Principal
	for _, n := range []string{"first" + strings.TrimPrefix(name, "berta"), name} {
		_, _, err := p.Register(ctx, identity.Registration{Username: n, Email: n + "@secret.example", DisplayName: "Secret " + n, Password: identitytest.Password})
		ok(err)
		ok(p.Confirm(ctx, n, cognitotest.Code))
		for range 2 {
			g, err := p.Login(ctx, identity.Credentials{Username: n, Password: identitytest.Password}, identity.Device{UserAgent: "secret device of " + n})
			ok(err)
			who, err = p.Verify(g.AccessToken)
			ok(err)
		}
	}
	var picture bytes.Buffer
	ok(png.Encode(&picture, image.NewGray(image.Rect(0, 0, 9, 9))))
	avatar, err := p.pictures.Put(ctx, who.UserID, picture.Bytes())
	ok(err)
	_, err = p.rooms.SetAvatar(ctx, who.UserID, "/files/avatars/"+avatar)
	ok(err)
	v, err := p.rooms.CreateRoom(ctx, who.UserID, chat.NewRoom{Kind: chat.Public, Name: "Garden"})
	ok(err)
	_, err = p.rooms.Send(ctx, who.UserID, chat.NewMessage{RoomID: v.RoomID, Content: "secret words of " + name, ClientMessageID: "1"})
	ok(err)
	_, err = p.CreateInvite(ctx, who, identity.NewInvite{RoomID: v.RoomID})
	ok(err)
	ok(p.rooms.SetNotifyRules(ctx, who.UserID, chat.NotifyRules{HideContent: true}))
	return who, v.RoomID
}

// check wants all of an account or nothing, and nothing in the end if its erasure had begun.
func (h *household) check(p *process, name string, who identity.Principal, room string, m *mortal) {
	t, ctx := h.t, h.t.Context()
	t.Helper()
	signIn := identity.Credentials{Username: name, Password: identitytest.Password}
	last := "nothing"
	if len(m.steps) > 0 {
		last = m.steps[len(m.steps)-1]
	}
	s := store.New(h.db, h.clock.Now)
	begun, err := s.Erasures(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(begun) == 0 { // killed before: then all is as it was
		if _, err := p.Login(ctx, signIn, identity.Device{}); err != nil {
			t.Errorf("killed after %s: nothing was erased, but nobody can sign in: %v", last, err)
		}
		if said := h.secrets("secret words of " + name); len(said) != 1 {
			t.Errorf("killed after %s: the message is gone from an account that is not erased", last)
		}
		return
	}
	if _, err := p.Login(ctx, signIn, identity.Device{}); chat.CodeOf(err) != chat.Unauthenticated {
		t.Errorf("killed after %s: one can sign in while the account goes: %v", last, err)
	}
	if _, err := p.CheckSession(ctx, who); chat.CodeOf(err) != chat.Unauthenticated {
		t.Errorf("killed after %s: one can open sockets while the account goes: %v", last, err)
	}
	for range 2 { // soon, and when no access token is valid any more
		if err := p.rooms.EraseAll(ctx); err != nil {
			t.Fatalf("killed after %s: the erasure does not go on: %v", last, err)
		}
		if left := h.secrets("secret "+name, "Secret "+name, name+"@", "words of "+name, "device of "+name, "note#", "invite#"); len(left) > 0 {
			t.Errorf("killed after %s: left are %q", last, left)
		}
		h.clock.Advance(15 * time.Minute)
	}
	if begun, err := s.Erasures(ctx); err != nil || len(begun) != 0 {
		t.Errorf("killed after %s: still under way: %v, %v", last, begun, err)
	}
	if it, err := h.pictures.List(nil).Next(ctx); err == nil {
		t.Errorf("killed after %s: the file %s is left", last, it.Key)
	}
	if _, err := p.Login(ctx, signIn, identity.Device{}); chat.CodeOf(err) != chat.Unauthenticated {
		t.Errorf("killed after %s: the pool knows them: %v", last, err)
	}
	if msgs, err := s.Messages(ctx, room, 1, 100, 10, false); err != nil || len(msgs) != 1 || msgs[0].Username == name || msgs[0].DeletedAt == 0 {
		t.Errorf("killed after %s: their message is %+v, %v", last, msgs, err)
	}
	if _, _, err := p.Register(ctx, identity.Registration{Username: name, Email: "b@example.org", Password: identitytest.Password}); chat.CodeOf(err) != chat.Conflict {
		t.Errorf("killed after %s: the name is given again: %v", last, err)
	}
}

// secrets returns what is stored of some texts.
func (h *household) secrets(texts ...string) (found []string) {
	h.t.Helper()
	for _, schema := range store.Schemas() {
		for after := ""; ; {
			page, err := h.db.Scan(h.t.Context(), schema.Name, after, 0)
			if err != nil {
				h.t.Fatal(err)
			}
			for i := range page.Items {
				row := fmt.Sprintf("%+v", page.Items[i])
				for _, text := range texts {
					if strings.Contains(row, text) {
						found = append(found, row)
						break
					}
				}
			}
			if after = page.Next; after == "" {
				break
			}
		}
	}
	return found
}
