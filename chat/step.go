package chat

import (
	"context"
	"errors"
	"strings"
	"sync"
)

// maxBatch is how many digests are read at once at most; the first of a room are few, since a page may end soon.
const maxBatch = 256

// stretch is a part of a room's log, within one block, on the way of a walk.
type stretch struct {
	block    int64
	from, to int64
	skip     bool   // its digest says that nothing is there
	digest   Digest // what is known of the block
	learn    bool   // leave a digest behind

	msgs  []Message // of the stretch, or of the whole block to learn, newest first
	texts []string  // of msgs, folded
}

// step goes on in one room: it reads the next blocks that may hold what is looked for, at once.
func (f *finder) step(ctx context.Context, w *walk, blocks, digests int) error {
	w.begun = true
	way, err := f.look(ctx, w, blocks, digests)
	if err != nil {
		return err
	}
	errs := make([]error, len(way))
	var all sync.WaitGroup
	for i := range way {
		if !way[i].skip {
			all.Go(func() { errs[i] = f.read(ctx, w, &way[i]) })
		}
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i := range way {
		f.pass(w, &way[i])
	}
	return nil
}

// look plans the way down until so many blocks are to be read, or so many digests were.
func (f *finder) look(ctx context.Context, w *walk, blocks, digests int) ([]stretch, error) {
	var way []stretch
	for w.next > 0 && blocks > 0 {
		t := stretch{block: w.next >> blockBits, to: w.next}
		t.from = max(1, t.block<<blockBits)
		if f.s.digests != nil && sealed(t.block, w.room.HeadSeq) {
			if t.block < w.lowest {
				if w.used.digests >= digests && len(way) > 0 {
					break
				}
				if err := f.learned(ctx, w, t.block); err != nil {
					return nil, err
				}
			}
			t.digest = w.digests[t.block]
			t.learn = !t.digest.current()
			t.skip = !t.learn && !t.digest.mayHold(f.grams)
		}
		if !t.skip {
			blocks--
		}
		w.next = t.from - 1
		way = append(way, t)
	}
	return way, nil
}

// learned reads the digests of a block and those before it.
func (f *finder) learned(ctx context.Context, w *walk, block int64) error {
	w.batch = min(max(8, 2*w.batch), maxBatch)
	w.lowest = max(0, block-w.batch+1)
	got, err := f.s.digests.Digests(ctx, w.room.RoomID, w.lowest, block)
	if err != nil {
		return err
	}
	w.used.digests += len(got)
	w.digests = make(map[int64]Digest, len(got))
	for i := range got {
		w.digests[got[i].Block] = got[i]
	}
	return nil
}

// read reads the messages of a stretch, and leaves a digest of the whole block behind if there is none.
func (f *finder) read(ctx context.Context, w *walk, t *stretch) error {
	to := t.to
	if t.learn {
		to = blockEnd(t.block)
	}
	var err error
	if t.msgs, err = f.s.log.Messages(ctx, w.room.RoomID, t.from, to, blockSize, true); err != nil {
		return err
	}
	t.texts = make([]string, len(t.msgs))
	for i := range t.msgs {
		if m := &t.msgs[i]; m.DeletedAt == 0 && (t.learn || f.userID == "" || f.userID == m.UserID) {
			t.texts[i] = f.s.searchText(m)
		}
	}
	if t.learn && t.digest.shows(t.msgs) {
		d := newDigest(w.room.RoomID, t.block, t.msgs, t.texts)
		err := f.s.digests.PutDigest(ctx, f.by, d, t.digest)
		if err != nil && !errors.Is(err, ErrMoved) && ctx.Err() == nil { // another search will
			f.s.logger.Warn("could not keep what a search read", "error", err)
		}
	}
	return nil
}

// pass takes what is to be found in a stretch.
func (f *finder) pass(w *walk, t *stretch) {
	defer func() {
		if next := w.digests[t.block-1]; next.Newest > 0 {
			w.at = min(w.at, next.Newest)
		}
	}()
	if t.skip {
		if t.digest.Oldest > 0 {
			w.at = min(w.at, t.digest.Oldest)
		}
		return
	}
	w.used.reads++
	w.used.messages += len(t.msgs)
	for i := range t.msgs {
		m := &t.msgs[i]
		if m.Seq > t.to {
			continue
		}
		w.at = min(w.at, m.CreatedAt)
		if m.CreatedAt <= w.upTo && f.matches(m, t.texts[i]) {
			w.hits = append(w.hits, *m)
		}
	}
}

// matches tells whether a message is looked for.
func (f *finder) matches(m *Message, text string) bool {
	if m.DeletedAt != 0 || f.userID != "" && m.UserID != f.userID {
		return false
	}
	for _, w := range f.words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}
