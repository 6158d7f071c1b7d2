package protocol

import (
	"strconv"

	"parley/chat"
)

// AppendHistory appends the answer to getMessages. If the page does not fit into a frame, messages are dropped at the
// end that the query does not hold on to (the oldest of a page before, the newest of a page after, the outermost of a
// page around), and hasMoreBefore or hasMoreAfter says so. At least one message stays.
func AppendHistory(dst []byte, requestID, roomID string, q chat.PageQuery, p chat.MessagePage) []byte {
	const tail = `],"hasMoreBefore":false,"hasMoreAfter":false}}`
	origin := len(dst)
	dst = appendString(append(begin(dst, "messageHistory", requestID), `{"roomId":`...), roomID)
	dst = append(dst, `,"messages":[`...)
	budget := MaxFrame - (len(dst) - origin) - len(tail)

	start := len(dst)
	ends := make([]int, len(p.Messages)) // of each message, from start on
	for i := range p.Messages {
		dst = AppendMessage(comma(dst, i), &p.Messages[i])
		ends[i] = len(dst) - start
	}
	from, to := window(q, p.Messages, ends, budget)
	body := dst[start:]
	if to < len(ends) {
		body = body[:ends[to-1]]
	}
	if from > 0 {
		body = body[:copy(body, body[ends[from-1]+1:])] // behind the comma
	}
	dst = dst[:start+len(body)]
	dst = strconv.AppendBool(append(dst, `],"hasMoreBefore":`...), p.HasMoreBefore || from > 0)
	dst = strconv.AppendBool(append(dst, `,"hasMoreAfter":`...), p.HasMoreAfter || to < len(p.Messages))
	return append(dst, '}', '}')
}

// window chooses which messages [from, to) fit into budget.
func window(q chat.PageQuery, messages []chat.Message, ends []int, budget int) (from, to int) {
	to = len(messages)
	size := func() int {
		if from == 0 {
			return ends[to-1]
		}
		return ends[to-1] - ends[from-1]
	}
	for to-from > 1 && size() > budget {
		dropNewest := q.After != nil
		if q.Around != nil { // whichever end is further from the message asked for
			dropNewest = messages[to-1].Seq-*q.Around >= *q.Around-messages[from].Seq
		}
		if dropNewest {
			to--
		} else {
			from++
		}
	}
	return from, to
}

// AppendSynced appends the answer to sync, cut to fit into a frame: a room whose events do not all fit has "more":true,
// and rooms that do not fit at all are left out, which "more":true of the data says. The client asks again for those
// rooms. The first room always brings one event, so that asking again gets further.
func AppendSynced(dst []byte, requestID string, rooms []chat.RoomSync) []byte {
	const tail = `],"more":true}}`
	origin := len(dst)
	dst = append(begin(dst, "synced", requestID), `{"rooms":[`...)
	for i := range rooms {
		was := len(dst)
		var fits bool
		dst, fits = appendRoomSync(comma(dst, i), &rooms[i], origin+MaxFrame-len(tail), i == 0)
		if !fits {
			return append(dst[:was], tail...)
		}
	}
	return append(dst, `]}}`...)
}

// appendRoomSync appends as much of r as fits before limit. With force the first event counts as fitting.
func appendRoomSync(dst []byte, r *chat.RoomSync, limit int, force bool) (_ []byte, fits bool) {
	const moreTail = `],"complete":false,"more":true}`
	dst = appendString(append(dst, `{"roomId":`...), r.RoomID)
	dst = strconv.AppendInt(append(dst, `,"headSeq":`...), r.HeadSeq, 10)
	dst = append(dst, `,"events":[`...)
	more, n := r.More, 0
	for i := range r.Events {
		was := len(dst)
		dst = AppendEvent(comma(dst, i), &r.Events[i])
		if len(dst)+len(moreTail) > limit && (!force || i > 0) {
			dst, more = dst[:was], true
			break
		}
		n++
	}
	if n == 0 && len(r.Events) > 0 { // nothing of it fits: leave the room out
		return dst, false
	}
	dst = strconv.AppendBool(append(dst, `],"complete":`...), r.Complete)
	if more {
		dst = append(dst, `,"more":true`...)
	}
	dst = append(dst, '}')
	return dst, len(dst) <= limit || force
}
