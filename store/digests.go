package store

import (
	"context"
	"strconv"
	"strings"

	"parley/chat"
	"parley/store/table"
)

// Digests implements chat.Digests.
func (s *Store) Digests(ctx context.Context, roomID string, from, to int64) ([]chat.Digest, error) {
	if from > to {
		return nil, nil
	}
	low, high := digestKey(roomID, from), digestKey(roomID, to)
	var out []chat.Digest
	err := s.all(ctx, table.Query{Table: tChat, Part: low.Part, From: low.Sort, To: high.Sort, Reverse: true}, func(it *table.Item) bool {
		out = append(out, digest(it))
		return true
	})
	return out, wrap("read the digests of room "+roomID, err)
}

// PutDigest implements chat.Digests. Each kind of what may stand there has a number that no other has: the form of a
// digest, the head of a mark. That who reads is in the room is also what keeps it from being left behind by Purge.
func (s *Store) PutDigest(ctx context.Context, by string, d, was chat.Digest) error {
	cond := table.Cond{Kind: table.Absent}
	switch {
	case was.Form != 0:
		cond = table.Cond{Kind: table.Equal, Attr: "form", Value: table.Value{Kind: table.Number, Num: int64(was.Form)}}
	case was.Changed != 0:
		cond = table.Cond{Kind: table.Equal, Attr: "after", Value: table.Value{Kind: table.Number, Num: was.After}}
	}
	err := s.db.Write(ctx, table.Op{Kind: table.Put, Table: tChat, Item: digestItem(&d), If: cond},
		table.Op{Kind: table.Check, Table: tChat, Item: table.Item{Key: memberKey(d.RoomID, by)}, If: table.Cond{Kind: table.Present}})
	if _, ok := failed(err); ok {
		return chat.ErrMoved
	}
	return wrap("store a digest of room "+d.RoomID, err)
}

func digestItem(d *chat.Digest) table.Item {
	var a []table.Attr
	if d.Form == 0 {
		a = []table.Attr{table.N("after", d.After), table.N("changed", int64(d.Changed))}
	} else {
		a = number([]table.Attr{table.N("form", int64(d.Form)), table.B("grams", d.Grams)}, "oldest", d.Oldest)
		a = number(a, "newest", d.Newest)
	}
	return table.Item{Key: digestKey(d.RoomID, d.Block), Attrs: a}
}

func digest(it *table.Item) chat.Digest {
	block, _ := strconv.ParseInt(it.Key.Sort, 10, 64) // as padded wrote it
	return chat.Digest{RoomID: strings.TrimPrefix(it.Key.Part, digestPart), Block: block, Form: int(it.Num("form")), Oldest: it.Num("oldest"),
		Newest: it.Num("newest"), Grams: it.Data("grams"), After: it.Num("after"), Changed: int(it.Num("changed"))}
}

// Derived tells whether an item is made of others, and comes back by itself: exports leave it out. Those that are read
// while others write could hold it without what it was made of.
func Derived(name string, k table.Key) bool {
	return name == tChat && strings.HasPrefix(k.Part, digestPart)
}
