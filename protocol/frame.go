package protocol

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"parley/chat"
)

// begin appends a frame up to where its data stands; "}" ends it.
func begin(dst []byte, frameType, requestID string) []byte {
	dst = append(append(dst, `{"type":"`...), frameType...)
	if requestID == "" {
		return append(dst, `","data":`...)
	}
	dst = appendString(append(dst, `","requestId":`...), requestID)
	return append(dst, `,"data":`...)
}

func appendMessageFrame(dst []byte, frameType, requestID string, m *chat.Message) []byte {
	dst = append(begin(dst, frameType, requestID), `{"message":`...)
	return append(AppendMessage(dst, m), '}', '}')
}

// AppendAck appends the answer to sendMessage: m is durable.
func AppendAck(dst []byte, requestID string, m *chat.Message) []byte {
	return appendMessageFrame(dst, "ack", requestID, m)
}

// AppendDone appends the answer to a request that has nothing to return (markRead).
func AppendDone(dst []byte, requestID string) []byte {
	return append(begin(dst, "ack", requestID), `{}}`...)
}

// AppendEvent appends the frame of e: newMessage, messageUpdated, room, presence, typing, read or notification. It does not look at
// e.Origin: the origin of a message is told by AppendAck.
func AppendEvent(dst []byte, e *chat.Event) []byte {
	switch {
	case e.NewMessage != nil:
		return appendMessageFrame(dst, "newMessage", "", e.NewMessage)
	case e.Updated != nil:
		return appendMessageFrame(dst, "messageUpdated", "", e.Updated)
	case e.Room != nil:
		return appendRoomEvent(begin(dst, "room", ""), e.Room)
	case e.Presence != nil:
		dst = appendString(append(begin(dst, "presence", ""), `{"userId":`...), e.Presence.UserID)
		return append(appendPresence(dst, e.Presence.Online, e.Presence.LastSeen), '}', '}')
	case e.Typing != nil:
		dst = appendString(append(begin(dst, "typing", ""), `{"roomId":`...), e.Typing.RoomID)
		dst = appendString(append(dst, `,"userId":`...), e.Typing.UserID)
		return append(dst, '}', '}')
	case e.Notified != nil:
		dst = appendString(append(begin(dst, "notification", ""), `{"kind":`...), string(e.Notified.Kind))
		return append(AppendMessage(append(dst, `,"message":`...), e.Notified.Message), '}', '}')
	case e.Read != nil:
		dst = appendString(append(begin(dst, "read", ""), `{"roomId":`...), e.Read.RoomID)
		dst = appendString(append(dst, `,"userId":`...), e.Read.UserID)
		dst = strconv.AppendInt(append(dst, `,"seq":`...), e.Read.Seq, 10)
		return append(dst, '}', '}')
	}
	return dst
}

func appendRoomEvent(dst []byte, e *chat.RoomEvent) []byte {
	dst = strconv.AppendInt(append(dst, `{"seq":`...), e.Seq, 10)
	dst = appendString(append(dst, `,"change":`...), string(e.Change))
	dst = appendOptional(dst, `,"by":`, e.By)
	dst = appendOptionalInt(dst, `,"at":`, e.At)
	if e.Room != nil {
		dst = appendRoom(append(dst, `,"room":`...), e.Room)
	}
	if e.Membership != nil {
		dst = appendMembership(append(dst, `,"membership":`...), e.Membership)
	}
	return append(dst, '}', '}')
}

func appendPresence(dst []byte, online bool, lastSeen chat.Millis) []byte {
	dst = strconv.AppendBool(append(dst, `,"online":`...), online)
	return strconv.AppendInt(append(dst, `,"lastSeen":`...), lastSeen, 10)
}

// AppendError appends a refusal. Causes stay here; any error without a code becomes internal.
func AppendError(dst []byte, requestID string, err error) []byte {
	e := chat.AsError(err)
	dst = appendString(append(begin(dst, "error", requestID), `{"code":`...), string(e.Code))
	dst = appendString(append(dst, `,"message":`...), e.Message)
	dst = appendOptional(dst, `,"field":`, e.Field)
	if e.RetryAfter > 0 { // rounded up: a client that comes then is not too early
		ms := (e.RetryAfter + time.Millisecond - 1).Milliseconds()
		dst = appendOptionalInt(dst, `,"retryAfterMs":`, ms)
	}
	return append(dst, '}', '}')
}

// Pongs returns the answer to ping: the newest number of each room, in as many frames as MaxFrame demands (one but for
// people in very many rooms). All carry the request id.
func Pongs(requestID string, heads map[string]int64) [][]byte {
	var out [][]byte
	start := func() []byte { return append(begin(nil, "pong", requestID), `{"rooms":{`...) }
	dst := start()
	empty := len(dst)
	for _, room := range slices.Sorted(maps.Keys(heads)) {
		was := len(dst)
		dst = appendHead(dst, was > empty, room, heads[room])
		if len(dst)+3 > MaxFrame && was > empty {
			out = append(out, append(dst[:was], `}}}`...))
			dst = appendHead(start(), false, room, heads[room])
		}
	}
	return append(out, append(dst, `}}}`...))
}

func appendHead(dst []byte, comma bool, room string, head int64) []byte {
	if comma {
		dst = append(dst, ',')
	}
	return strconv.AppendInt(append(appendString(dst, room), ':'), head, 10)
}

// AppendClients appends the answer to getClients. If not all fit into a frame, the rest is left out and the data has
// "more":true; the HTTP API has them all.
func AppendClients(dst []byte, requestID string, clients []chat.Client) []byte {
	origin := len(dst)
	dst = append(begin(dst, "clients", requestID), `{"clients":[`...)
	for i := range clients {
		c, was := &clients[i], len(dst)
		dst = appendString(append(comma(dst, i), `{"userId":`...), c.UserID)
		dst = appendString(append(dst, `,"username":`...), c.Username)
		dst = append(appendPresence(dst, c.Online, c.LastSeen), '}')
		if len(dst)-origin+len(`],"more":true}}`) > MaxFrame {
			return append(dst[:was], `],"more":true}}`...)
		}
	}
	return append(dst, `]}}`...)
}
