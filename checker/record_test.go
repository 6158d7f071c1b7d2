package checker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/chat"
)

// record is what is written down of a run.
type record struct {
	t     *testing.T
	begun time.Time

	mu     sync.Mutex // guards what follows
	ops    []Op
	pages  []Page
	away   []Away
	wrong  []Violation       // broken promises that need no comparison
	closes map[uint16]int    // how often connections were closed with each code
	frames map[string]shared // by the text as it came: most is told to many
}

// shared is a frame's contents, kept once.
type shared struct {
	canonical string
	message   *chat.Message
}

func newRecord(t *testing.T) *record {
	return &record{t: t, begun: time.Now(), closes: map[uint16]int{}, frames: map[string]shared{}}
}

func (r *record) now() int64 { return int64(time.Since(r.begun)) }

func (r *record) op(op Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, op)
}

func (r *record) page(p Page) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages = append(r.pages, p)
}

// absent takes down that somebody was no member.
func (r *record) absent(p *person, room string, from, to int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away = append(r.away, Away{p.id, room, from, to})
}

// closed takes down that the house closed a connection with a code.
func (r *record) closed(code uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closes[code]++
}

func (r *record) violation(v Violation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = append(r.wrong, v)
}

// canonical is Canonical of a text that a server wrote.
func (r *record) canonical(text []byte) string { return r.shared(text, false).canonical }

// message reads a message that a server wrote; nil if it is none.
func (r *record) message(text []byte) (*chat.Message, string) {
	s := r.shared(text, true)
	return s.message, s.canonical
}

func (r *record) shared(text []byte, message bool) shared {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.frames[string(text)]
	if ok && (s.message != nil || !message) {
		return s
	}
	var err error
	if s.canonical, err = Canonical(text); err == nil && message {
		err = json.Unmarshal(text, &s.message)
	}
	if err != nil {
		r.wrong = append(r.wrong, Violation{Altered, "", fmt.Sprintf("the server wrote %.200q: %v", text, err)})
	}
	r.frames[string(text)] = s
	return s
}

// device holds what one device of a person was told, and what it shows: a timeline for each room. Messages that were
// there before it came are fetched from the history.
type device struct {
	rec   *record
	name  string
	user  string
	pages func(ctx context.Context, room string, q chat.PageQuery) (chat.MessagePage, error)
	ctx   context.Context // of fetching
	tasks sync.WaitGroup

	mu    sync.Mutex // guards what follows
	told  []Told
	heads []Head
	views map[string]*view
	gone  map[string]*view
}

// view is the timeline of one room.
type view struct {
	epoch    int
	position int64
	messages map[string]string
	version  map[string]int64 // the number of the latest change of each message
	fetching bool
}

func newDevice(ctx context.Context, rec *record, p *person, name string) *device {
	return &device{
		rec: rec, name: p.name + "/" + name, user: p.id, pages: p.History, ctx: ctx,
		views: map[string]*view{}, gone: map[string]*view{},
	}
}

// hear writes down what was told.
func (d *device) hear(t Told) {
	t.Observer, t.User = d.name, d.user
	d.told = append(d.told, t)
}

// begin starts the timeline of a room after a number; mu is held. Older messages are fetched.
func (d *device) begin(room string, position int64) *view {
	v := &view{position: position, messages: map[string]string{}, version: map[string]int64{}}
	for _, old := range []*view{d.views[room], d.gone[room]} {
		if old != nil {
			v.epoch = max(v.epoch, old.epoch+1)
		}
	}
	delete(d.gone, room)
	d.views[room] = v
	if position > 0 {
		v.fetching = true
		d.tasks.Go(func() { d.fetch(room, v) })
	}
	return v
}

// end says that the person is not in a room any more; mu is held.
func (d *device) end(room string) {
	if v := d.views[room]; v != nil {
		d.gone[room] = v
		delete(d.views, room)
	}
}

// show takes a message as it is now into a timeline, unless a newer version is there; mu is held.
func (v *view) show(m *chat.Message, canonical string) {
	if at := max(m.Seq, m.UpdatedSeq); at >= v.version[m.MessageID] {
		v.version[m.MessageID], v.messages[m.MessageID] = at, canonical
	}
}

// fetch pages through the history of a room from its beginning.
func (d *device) fetch(room string, v *view) {
	for after := int64(0); d.ctx.Err() == nil; {
		p, err := d.pages(d.ctx, room, chat.PageQuery{After: &after, Limit: 100})
		d.mu.Lock()
		current := d.views[room] == v
		d.mu.Unlock()
		if !current {
			return
		}
		if err != nil { // also a refusal: whoever was removed will hear of it
			pause(d.ctx, 50*time.Millisecond)
			continue
		}
		d.mu.Lock()
		for i := range p.Messages {
			v.show(&p.Messages[i], d.rec.canonical(marshal(&p.Messages[i])))
			after = p.Messages[i].Seq
		}
		v.fetching = p.HasMoreAfter
		d.mu.Unlock()
		if !p.HasMoreAfter {
			return
		}
	}
}

// at tells how far the device has got in each room, and whether its timelines are complete up to there.
func (d *device) at() (positions map[string]int64, whole bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	positions, whole = map[string]int64{}, true
	for room, v := range d.views {
		positions[room] = v.position
		whole = whole && !v.fetching
	}
	return positions, whole
}

// reaches waits until the device has all of a room up to a number.
func (d *device) reaches(t *testing.T, room string, seq int64) {
	t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		at, whole := d.at()
		if whole && at[room] >= seq {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%s is at %d of %d", d.name, at[room], seq)
		}
	}
}

// report adds what the device saw to a history.
func (d *device) report(h *History) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h.Told = append(h.Told, d.told...)
	h.Heads = append(h.Heads, d.heads...)
	for _, room := range slices.Sorted(maps.Keys(d.views)) {
		v := d.views[room]
		h.Views = append(h.Views, View{Observer: d.name, User: d.user, Room: room, Position: v.position, Messages: v.messages})
	}
	for _, room := range slices.Sorted(maps.Keys(d.gone)) {
		v := d.gone[room]
		h.Views = append(h.Views, View{Observer: d.name, User: d.user, Room: room, Position: v.position, Gone: true, Messages: v.messages})
	}
}

func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // types of our own
	}
	return text
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
