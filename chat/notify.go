package chat

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // people's time zones must be known wherever Parley runs
)

// Level says of which messages of a room a person wants to be told.
type Level string

// The levels.
const (
	LevelDefault  Level = "default"  // all in direct rooms, mentions elsewhere
	LevelAll      Level = "all"      // every message
	LevelMentions Level = "mentions" // mentions, and replies to one's own messages
	LevelNothing  Level = "nothing"
)

// NoticeKind says why a message concerns a person.
type NoticeKind string

// The kinds, each more urgent than those after it.
const (
	NoticeMention NoticeKind = "mention" // it names them, or everybody
	NoticeReply   NoticeKind = "reply"   // it answers a message of theirs
	NoticeDirect  NoticeKind = "direct"  // it is in a direct room
	NoticeMessage NoticeKind = "message" // it is in a room of theirs, no more
)

// Notice is what a message leaves for those whom it concerns beyond its being in their room, so that they find it again
// and it can be counted. It is kept for 90 days.
type Notice struct {
	RoomID    string
	Seq       int64
	MessageID string
	UserID    string     // whom it concerns; empty for all members of the room but By
	Kind      NoticeKind // NoticeMention or NoticeReply
	By        string     // who sent it
	// Only narrows a notice without UserID down to those who were online.
	Only []string
}

// concerns tells whether a notice for a whole room is one for userID.
func (n *Notice) concerns(userID string) bool {
	return n.By != userID && (n.Only == nil || slices.Contains(n.Only, userID))
}

// NotifyRules are how a person wants to be told when they are away, in all rooms.
type NotifyRules struct {
	PausedUntil  Millis      `json:"pausedUntil,omitempty" doc:"No notifications until then."`
	Quiet        *QuietHours `json:"quiet,omitempty" doc:"No notifications within these hours."`
	HideContent  bool        `json:"hideContent" doc:"Notifications say that somebody wrote, not who and what."`
	ReadReceipts bool        `json:"readReceipts" doc:"Others are told how far one has read, and one is told of them."`
}

// DefaultNotifyRules are those of who never chose any.
func DefaultNotifyRules() NotifyRules { return NotifyRules{ReadReceipts: true} }

// QuietHours are hours of the day without notifications. From after To means over midnight.
type QuietHours struct {
	From     string `json:"from" doc:"HH:MM, 24 hours." example:"22:00"`
	To       string `json:"to" doc:"HH:MM, 24 hours." example:"07:00"`
	TimeZone string `json:"timeZone" doc:"An IANA name." example:"Europe/Berlin"`
	Days     []int  `json:"days,omitempty" doc:"The days on which they begin, 0 is Sunday; without it, every day."`
}

// check refuses rules that make no sense.
func (r *NotifyRules) check() error {
	if r.PausedUntil < 0 || r.PausedUntil > maxMillis {
		return invalid("pausedUntil", "pausedUntil must be a moment in epoch milliseconds.")
	}
	q := r.Quiet
	if q == nil {
		return nil
	}
	from, okFrom := minuteOfDay(q.From)
	to, okTo := minuteOfDay(q.To)
	if !okFrom || !okTo || from == to {
		return invalid("quiet", "from and to must be two times of day, such as 22:00.")
	}
	if _, ok := location(q.TimeZone); !ok {
		return invalid("quiet", "timeZone must be the name of a time zone, such as Europe/Berlin.")
	}
	if len(q.Days) > 7 || slices.ContainsFunc(q.Days, func(d int) bool { return d < 0 || d > 6 }) {
		return invalid("quiet", "days must be numbers from 0 to 6.")
	}
	return nil
}

const maxMillis = 1 << 53 // exact in JavaScript

func minuteOfDay(s string) (int, bool) {
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil && len(s) == 5
}

// location finds a time zone by its IANA name.
func location(name string) (*time.Location, bool) {
	if name == "" || name == "Local" || len(name) > 64 || strings.Contains(name, "..") {
		return nil, false
	}
	l, err := time.LoadLocation(name)
	return l, err == nil
}

// Wait is how long a notification has to wait at now for the pause and the quiet hours to end; zero is not at all.
func (r *NotifyRules) Wait(now time.Time) time.Duration {
	until := now
	for range 4 { // the end of one may lie within the other
		next := until
		if paused := time.UnixMilli(r.PausedUntil); paused.After(next) {
			next = paused
		}
		if end := r.Quiet.end(next); end.After(next) {
			next = end
		}
		if next.Equal(until) {
			break
		}
		until = next
	}
	return until.Sub(now)
}

// end is when the quiet hours around at end; at itself if there are none.
func (q *QuietHours) end(at time.Time) time.Time {
	if q == nil {
		return at
	}
	from, okFrom := minuteOfDay(q.From)
	to, okTo := minuteOfDay(q.To)
	zone, okZone := location(q.TimeZone)
	if !okFrom || !okTo || !okZone {
		return at
	}
	local := at.In(zone)
	minute := local.Hour()*60 + local.Minute()
	began, ends := 0, 0 // days from today
	switch {
	case from < to && minute >= from && minute < to:
	case from > to && minute >= from:
		ends = 1
	case from > to && minute < to:
		began = -1
	default:
		return at
	}
	y, m, d := local.Date()
	if day := int(time.Date(y, m, d+began, 12, 0, 0, 0, zone).Weekday()); len(q.Days) > 0 && !slices.Contains(q.Days, day) {
		return at
	}
	if end := time.Date(y, m, d+ends, to/60, to%60, 0, 0, zone); end.After(at) {
		return end
	}
	return at.Add(time.Duration(to-minute) * time.Minute) // clocks are set today, and it can end twice, or never
}

// Tells says whether a level lets a message of a kind through in a room.
func (l Level) Tells(room Kind, kind NoticeKind) bool {
	switch l {
	case LevelNothing:
		return false
	case LevelAll:
		return true
	case LevelMentions:
		return kind == NoticeMention || kind == NoticeReply
	}
	return kind != NoticeMessage || room == Direct
}

// known tells whether l is a level.
func (l Level) known() bool {
	return slices.Contains([]Level{LevelDefault, LevelAll, LevelMentions, LevelNothing}, l)
}
