package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
)

// Reaction is one emoji under a message, with those who reacted with it in the order in which they came.
type Reaction struct {
	Emoji   string
	UserIDs []string // never empty
}

// Reactions are those to one message in the order in which they first came. As JSON they are an object of emoji to lists
// of user ids, whose members stand in that order.
type Reactions []Reaction

// Of returns who reacted with an emoji, in order.
func (rs Reactions) Of(emoji string) []string {
	if i := rs.index(emoji); i >= 0 {
		return rs[i].UserIDs
	}
	return nil
}

func (rs Reactions) index(emoji string) int {
	return slices.IndexFunc(rs, func(r Reaction) bool { return r.Emoji == emoji })
}

// with returns what rs are once userID, who is not among them, has reacted with an emoji.
func (rs Reactions) with(emoji, userID string) Reactions {
	out := slices.Clone(rs)
	i := rs.index(emoji)
	if i < 0 {
		return append(out, Reaction{emoji, []string{userID}})
	}
	out[i].UserIDs = append(slices.Clip(out[i].UserIDs), userID)
	return out
}

// without returns what rs are once userID has taken back one emoji.
func (rs Reactions) without(emoji, userID string) Reactions {
	out := slices.Clone(rs)
	i := rs.index(emoji)
	if i < 0 {
		return out
	}
	if left := slices.DeleteFunc(slices.Clone(out[i].UserIDs), func(id string) bool { return id == userID }); len(left) > 0 {
		out[i].UserIDs = left
		return out
	}
	return slices.Delete(out, i, i+1)
}

// people counts the reactions.
func (rs Reactions) people() int {
	n := 0
	for i := range rs {
		n += len(rs[i].UserIDs)
	}
	return n
}

// MarshalJSON implements json.Marshaler.
func (rs Reactions) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i := range rs {
		emoji, err := json.Marshal(rs[i].Emoji)
		if err != nil {
			return nil, err
		}
		people, err := json.Marshal(rs[i].UserIDs)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, emoji...), ':'), people...)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (rs *Reactions) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	start, err := d.Token()
	if err != nil || start == nil { // null
		return err
	}
	if start != json.Delim('{') {
		return errors.New("chat: reactions are not an object")
	}
	*rs = nil
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		r := Reaction{Emoji: name.(string)} // as names of members are
		if err := d.Decode(&r.UserIDs); err != nil {
			return err
		}
		*rs = append(*rs, r)
	}
	return nil
}
