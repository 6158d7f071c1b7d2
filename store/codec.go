package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"parley/chat"
	"parley/store/table"
)

// The codecs turn nouns into items whose attributes a person can read in a table's console. What is empty is left out.

func appendMessage(a []table.Attr, m *chat.Message) []table.Attr {
	a = append(a, table.S("messageId", m.MessageID), table.S("userId", m.UserID), table.S("username", m.Username),
		table.S("content", m.Content), table.N("createdAt", m.CreatedAt), table.S("clientMessageId", m.ClientMessageID),
		table.N("ordinal", m.Ordinal))
	a = number(a, "updatedSeq", m.UpdatedSeq)
	a = number(a, "editedAt", m.EditedAt)
	a = number(a, "deletedAt", m.DeletedAt)
	a = text(a, "replyTo", m.ReplyTo)
	a = text(a, "threadId", m.ThreadID)
	if len(m.Attachments) > 0 {
		a = append(a, table.S("attachments", encode(m.Attachments)))
	}
	if len(m.Reactions) > 0 {
		a = append(a, table.S("reactions", encode(m.Reactions)))
	}
	if len(m.Mentions) > 0 {
		a = append(a, table.S("mentions", encode(m.Mentions)))
	}
	return a
}

func message(it *table.Item) (chat.Message, error) {
	m := chat.Message{RoomID: it.Key.Part}
	var err error
	if m.Seq, err = entrySeq(it); err != nil {
		return m, err
	}
	for i := range it.Attrs {
		switch a := &it.Attrs[i]; a.Name {
		case "messageId":
			m.MessageID = a.Value.Text
		case "userId":
			m.UserID = a.Value.Text
		case "username":
			m.Username = a.Value.Text
		case "content":
			m.Content = a.Value.Text
		case "createdAt":
			m.CreatedAt = a.Value.Num
		case "clientMessageId":
			m.ClientMessageID = a.Value.Text
		case "ordinal":
			m.Ordinal = a.Value.Num
		case "updatedSeq":
			m.UpdatedSeq = a.Value.Num
		case "editedAt":
			m.EditedAt = a.Value.Num
		case "deletedAt":
			m.DeletedAt = a.Value.Num
		case "replyTo":
			m.ReplyTo = a.Value.Text
		case "threadId":
			m.ThreadID = a.Value.Text
		case "attachments":
			err = decode(it, a, &m.Attachments)
		case "reactions":
			err = decode(it, a, &m.Reactions)
		case "mentions":
			err = decode(it, a, &m.Mentions)
		}
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

// entrySeq reads the number of a log entry off its sort key.
func entrySeq(it *table.Item) (int64, error) {
	if len(it.Key.Sort) > 2 {
		if seq, err := strconv.ParseInt(it.Key.Sort[2:], 10, 64); err == nil {
			return seq, nil
		}
	}
	return 0, fmt.Errorf("%w: entry %q of room %s has no number", table.ErrCorrupt, it.Key.Sort, it.Key.Part)
}

func changeItem(c *chat.Change) table.Item {
	a := []table.Attr{table.S("change", string(c.Kind)), table.S("by", c.By), table.N("at", c.At)}
	a = number(a, "messageSeq", c.MessageSeq)
	if c.Room != nil {
		a = append(a, table.S("room", encode(c.Room)))
	}
	if c.Member != nil {
		a = append(a, table.S("member", encode(c.Member)))
	}
	return table.Item{Key: table.Key{Part: c.RoomID, Sort: changeSort(c.Seq)}, Attrs: a}
}

func change(it *table.Item) (chat.Change, error) {
	c := chat.Change{RoomID: it.Key.Part, Kind: chat.ChangeKind(it.Text("change")), By: it.Text("by"), At: it.Num("at"),
		MessageSeq: it.Num("messageSeq")}
	var err error
	if c.Seq, err = entrySeq(it); err != nil {
		return c, err
	}
	for i := range it.Attrs {
		switch a := &it.Attrs[i]; a.Name {
		case "room":
			err = decode(it, a, &c.Room)
		case "member":
			err = decode(it, a, &c.Member)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

func appendRoom(a []table.Attr, r *chat.Room, gone bool) []table.Attr {
	a = append(a, table.S("roomId", r.RoomID), table.S("kind", string(r.Kind)), table.S("name", r.Name), table.S("nameKey", r.NameKey),
		table.S("topic", r.Topic), table.S("createdBy", r.CreatedBy), table.N("createdAt", r.CreatedAt),
		table.N("headSeq", r.HeadSeq), table.N("messageCount", r.MessageCount), table.N("memberCount", int64(r.MemberCount)),
		table.N("lastSeq", r.LastSeq))
	a = number(a, "wideSeq", r.WideSeq)
	if gone {
		a = append(a, table.N("gone", 1))
	}
	return a
}

func room(it *table.Item) chat.Room {
	return chat.Room{RoomID: it.Text("roomId"), Kind: chat.Kind(it.Text("kind")), Name: it.Text("name"), NameKey: it.Text("nameKey"),
		Topic: it.Text("topic"), CreatedBy: it.Text("createdBy"), CreatedAt: it.Num("createdAt"), HeadSeq: it.Num("headSeq"),
		MessageCount: it.Num("messageCount"), MemberCount: int(it.Num("memberCount")), LastSeq: it.Num("lastSeq"), WideSeq: it.Num("wideSeq")}
}

func memberItem(k table.Key, m *chat.Membership) table.Item {
	return table.Item{Key: k, Attrs: []table.Attr{table.S("roomId", m.RoomID), table.S("userId", m.UserID),
		table.S("role", string(m.Role)), table.N("joinedAt", m.JoinedAt)}}
}

func membership(it *table.Item) chat.Membership {
	return chat.Membership{RoomID: it.Text("roomId"), UserID: it.Text("userId"), Role: chat.Role(it.Text("role")), JoinedAt: it.Num("joinedAt")}
}

func appendMarker(a []table.Attr, m chat.Marker) []table.Attr {
	return append(a, table.N("readSeq", m.Seq), table.N("ordinal", m.Ordinal))
}

func marker(it *table.Item) chat.Marker {
	return chat.Marker{RoomID: strings.TrimPrefix(it.Key.Sort, "read#"), Seq: it.Num("readSeq"), Ordinal: it.Num("ordinal")}
}

func number(a []table.Attr, name string, v int64) []table.Attr {
	if v == 0 {
		return a
	}
	return append(a, table.N(name, v))
}

func text(a []table.Attr, name, v string) []table.Attr {
	if v == "" {
		return a
	}
	return append(a, table.S(name, v))
}

// encode writes what has no attribute type of its own; the nouns that come here always encode.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func decode(it *table.Item, a *table.Attr, into any) error {
	if err := json.Unmarshal([]byte(a.Value.Text), into); err != nil {
		return fmt.Errorf("%w: attribute %s of %s %s: %w", table.ErrCorrupt, a.Name, it.Key.Part, it.Key.Sort, err)
	}
	return nil
}
