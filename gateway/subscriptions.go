package gateway

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"parley/chat"
)

// Hub knows who is connected on this machine and which rooms they hear. Subscriptions belong to people, not to their
// connections: Deliver keeps them right for all devices at once, and a second device needs no look at the store. It
// implements chat.Deliverer.
//
// Locks, taken in this order and never during a write to a socket: user.mu, a shard's mu, room.mu.
type Hub struct {
	seed      maphash.Seed
	users     [shards]userShard
	rooms     [shards]roomShard
	smallRoom int
	presence  presence
}

const (
	shards = 64
	// linger is how long a person stays subscribed after their last connection ended: their going can still be told to
	// those who share their rooms, and a short break costs no look at the store.
	linger = 30 * time.Second
)

type userShard struct {
	mu    sync.RWMutex // guards users, and changes of their conns and goneAt
	users map[string]*user
}

type roomShard struct {
	mu    sync.RWMutex // guards rooms
	rooms map[string]*room
}

// user is one person who is connected, or was a moment ago.
type user struct {
	id     string
	conns  atomic.Pointer[devices] // replaced as a whole, so that it can be read without a lock
	goneAt int64                   // when the last connection ended, in milliseconds of the gateway's clock

	loading sync.Mutex // held by who loads the rooms

	mu      sync.Mutex // guards what follows
	rooms   []*room
	loaded  bool
	gone    bool                // no longer in the hub
	changed map[string]struct{} // rooms that the person entered or left while loading: events win over the list

	telling sync.Mutex // guards told, and the order of what the service is told
	told    bool       // the service was last told Connected
}

// devices are the connections of one person. They never change.
type devices struct {
	all []*conn
	one [1]*conn // backs all for nearly everybody, a cache line less to fetch for each who hears a message
}

func newDevices(conns ...*conn) *devices {
	d := new(devices)
	d.all = append(d.one[:0], conns...)
	return d
}

// room is one room that somebody here hears.
type room struct {
	id      string
	mu      sync.Mutex // guards what follows
	subs    []sub      // never changed where a reader may look, but appended to
	readers int        // who go through subs now
}

// sub is one person's subscription: they hear numbers after from.
type sub struct {
	user *user
	from int64
}

// NewHub makes a Hub. The presence of a person is told in rooms that at most smallRoom people hear (default 100).
func NewHub(smallRoom int) *Hub {
	if smallRoom == 0 {
		smallRoom = 100
	}
	h := &Hub{seed: maphash.MakeSeed(), smallRoom: smallRoom, presence: presence{pending: make(map[string][]byte), wake: make(chan struct{}, 1)}}
	for i := range shards {
		h.users[i].users = make(map[string]*user)
		h.rooms[i].rooms = make(map[string]*room)
	}
	return h
}

func (h *Hub) userShard(id string) *userShard { return &h.users[maphash.String(h.seed, id)%shards] }
func (h *Hub) roomShard(id string) *roomShard { return &h.rooms[maphash.String(h.seed, id)%shards] }

func (h *Hub) user(id string) *user {
	s := h.userShard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.users[id]
}

func (h *Hub) room(id string) *room {
	s := h.roomShard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.rooms[id]
}

// register adds a connection to its person, so that membership events are heard of from here on; false if they have
// limit connections already.
func (h *Hub) register(c *conn, userID string, limit int) bool {
	s := h.userShard(userID)
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[userID]
	if u == nil {
		u = &user{id: userID}
		s.users[userID] = u
	}
	conns := u.connections()
	if limit > 0 && len(conns) >= limit {
		return false
	}
	c.user = u
	u.conns.Store(newDevices(append(slices.Clip(conns), c)...))
	return true
}

// unregister removes a connection; doing so again changes nothing.
func (h *Hub) unregister(c *conn, service Service) {
	u, s := c.user, h.userShard(c.user.id)
	s.mu.Lock()
	conns := u.connections()
	i := slices.Index(conns, c)
	if i >= 0 {
		u.conns.Store(newDevices(slices.Concat(conns[:i], conns[i+1:])...))
		u.goneAt = c.g.now()
	}
	s.mu.Unlock()
	if i >= 0 {
		u.tell(service)
	}
}

// tell brings the service to know whether the person is there. Whoever changes the connections calls it after, so the
// last call tells what is so.
func (u *user) tell(service Service) {
	u.telling.Lock()
	defer u.telling.Unlock()
	there := len(u.connections()) > 0
	if there == u.told {
		return
	}
	if u.told = there; there {
		service.Connected(u.id)
	} else {
		service.Disconnected(u.id)
	}
}

// load subscribes a person to their rooms, unless another connection of theirs did. Events that Deliver tells meanwhile
// are newer than the list, or will be followed by those that are.
func (h *Hub) load(ctx context.Context, u *user, service Service) error {
	u.loading.Lock()
	defer u.loading.Unlock()
	u.mu.Lock()
	loaded := u.loaded
	u.mu.Unlock()
	if loaded {
		return nil
	}
	heads, err := service.Heads(ctx, u.id)
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.rooms = slices.Grow(u.rooms, len(heads))
	for roomID, head := range heads {
		if _, ok := u.changed[roomID]; !ok {
			h.subscribe(u, roomID, head)
		}
	}
	u.loaded, u.changed = true, nil
	return nil
}

// subscribe makes a person hear a room that they do not hear yet; u.mu is held.
func (h *Hub) subscribe(u *user, roomID string, from int64) {
	s := h.roomShard(roomID)
	s.mu.Lock()
	r := s.rooms[roomID]
	if r == nil {
		r = &room{id: roomID}
		s.rooms[roomID] = r
	}
	r.mu.Lock()
	r.subs = append(r.subs, sub{u, from})
	r.mu.Unlock()
	s.mu.Unlock()
	u.rooms = append(u.rooms, r)
}

// unsubscribe ends a subscription; u.mu is held, and the caller takes r out of u.rooms.
func (h *Hub) unsubscribe(u *user, r *room) {
	s := h.roomShard(r.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.subs, func(s sub) bool { return s.user == u })
	if i < 0 {
		return
	}
	if r.readers > 0 {
		r.subs = slices.Clone(r.subs)
	}
	if r.subs = slices.Delete(r.subs, i, i+1); len(r.subs) == 0 && s.rooms[r.id] == r {
		delete(s.rooms, r.id)
	}
}

func (u *user) indexOf(roomID string) int {
	return slices.IndexFunc(u.rooms, func(r *room) bool { return r.id == roomID })
}

// changes notes that an event tells of the person and the room; u.mu is held.
func (u *user) changes(roomID string) {
	if u.loaded {
		return
	}
	if u.changed == nil {
		u.changed = make(map[string]struct{})
	}
	u.changed[roomID] = struct{}{}
}

func (h *Hub) memberJoined(userID, roomID string, seq int64) {
	u := h.user(userID)
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.changes(roomID)
	if !u.gone && u.indexOf(roomID) < 0 {
		h.subscribe(u, roomID, seq-1)
	}
}

func (h *Hub) memberLeft(userID, roomID string) {
	u := h.user(userID)
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.changes(roomID)
	if i := u.indexOf(roomID); i >= 0 {
		h.unsubscribe(u, u.rooms[i])
		u.rooms = slices.Delete(u.rooms, i, i+1)
	}
}

// dropRoom ends all subscriptions to a room that is no more.
func (h *Hub) dropRoom(roomID string) {
	r := h.room(roomID)
	if r == nil {
		return
	}
	defer r.release()
	for _, s := range r.acquire() {
		h.memberLeft(s.user.id, roomID)
	}
}

// acquire returns who hears the room now; it stays as it is until release.
func (r *room) acquire() []sub {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.readers++
	return slices.Clip(r.subs)
}

func (r *room) release() {
	r.mu.Lock()
	r.readers--
	r.mu.Unlock()
}

func (u *user) connections() []*conn {
	if d := u.conns.Load(); d != nil {
		return d.all
	}
	return nil
}

// send tells a person on all their connections.
func (u *user) send(b []byte, is trait) {
	for _, c := range u.connections() {
		c.send(b, is)
	}
}

func (u *user) subscriptions() []*room {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.rooms)
}

func (u *user) in(r *room) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Contains(u.rooms, r)
}

// forget removes people who have been gone for long.
func (h *Hub) forget(now int64) {
	for i := range h.users {
		s := &h.users[i]
		var gone []*user
		s.mu.Lock()
		for id, u := range s.users {
			if len(u.connections()) == 0 && now-u.goneAt > linger.Milliseconds() {
				gone = append(gone, u)
				delete(s.users, id)
			}
		}
		s.mu.Unlock()
		for _, u := range gone {
			u.mu.Lock()
			for _, r := range u.rooms {
				h.unsubscribe(u, r)
			}
			u.rooms, u.gone = nil, true
			u.mu.Unlock()
		}
	}
}

var _ Service = (*chat.Service)(nil)
