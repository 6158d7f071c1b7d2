package chat_test

import (
	"testing"
	"time"

	"parley/chat"
)

func TestLevels(t *testing.T) {
	kinds := []chat.NoticeKind{chat.NoticeMention, chat.NoticeReply, chat.NoticeDirect, chat.NoticeMessage}
	for _, tt := range []struct {
		level chat.Level
		room  chat.Kind
		want  string // of each kind
	}{
		{chat.LevelDefault, chat.Public, "yyyn"},
		{chat.LevelDefault, chat.Private, "yyyn"},
		{chat.LevelDefault, chat.Direct, "yyyy"},
		{"", chat.Direct, "yyyy"},
		{"", chat.Public, "yyyn"},
		{chat.LevelAll, chat.Public, "yyyy"},
		{chat.LevelAll, chat.Direct, "yyyy"},
		{chat.LevelMentions, chat.Public, "yynn"},
		{chat.LevelMentions, chat.Direct, "yynn"},
		{chat.LevelNothing, chat.Public, "nnnn"},
		{chat.LevelNothing, chat.Direct, "nnnn"},
	} {
		got := ""
		for _, k := range kinds {
			if tt.level.Tells(tt.room, k) {
				got += "y"
			} else {
				got += "n"
			}
		}
		equal(t, string(tt.level)+" in "+string(tt.room), got, tt.want)
	}
}

func TestQuietHours(t *testing.T) {
	night := &chat.QuietHours{From: "22:00", To: "07:00", TimeZone: "Europe/Berlin"}
	workdays := &chat.QuietHours{From: "22:00", To: "07:00", TimeZone: "Europe/Berlin", Days: []int{1, 2, 3, 4, 5}}
	noon := &chat.QuietHours{From: "12:00", To: "13:30", TimeZone: "Asia/Kolkata"}
	for _, tt := range []struct {
		name  string
		quiet *chat.QuietHours
		pause string // until; empty is none
		now   string
		want  time.Duration
	}{
		{"none", nil, "", "2026-06-10T03:00:00Z", 0},
		{"by day", night, "", "2026-06-10T12:00:00Z", 0},
		{"at the beginning", night, "", "2026-06-10T20:00:00Z", 9 * time.Hour},
		{"a second before", night, "", "2026-06-10T19:59:59Z", 0},
		{"after midnight", night, "", "2026-06-10T03:30:00Z", 90 * time.Minute},
		{"a second before the end", night, "", "2026-06-10T04:59:59Z", time.Second},
		{"at the end", night, "", "2026-06-10T05:00:00Z", 0},
		{"the clock goes forward", night, "", "2026-03-28T21:00:00Z", 8 * time.Hour},
		{"the clock goes back", night, "", "2026-10-24T20:00:00Z", 10 * time.Hour},
		{"Saturday night is none of the workdays", workdays, "", "2026-06-13T21:00:00Z", 0},
		{"the night of Friday ends on Saturday", workdays, "", "2026-06-13T03:00:00Z", 2 * time.Hour},
		{"Monday before dawn is still Sunday's night", workdays, "", "2026-06-15T03:00:00Z", 0},
		{"within one day", noon, "", "2026-06-10T07:00:00Z", time.Hour},
		{"after it", noon, "", "2026-06-10T08:00:00Z", 0},
		{"paused", nil, "2026-06-10T08:00:00Z", "2026-06-10T07:00:00Z", time.Hour},
		{"paused before", nil, "2026-06-10T08:00:00Z", "2026-06-10T09:00:00Z", 0},
		{"the pause ends in the night", night, "2026-06-10T23:00:00Z", "2026-06-10T12:00:00Z", 17 * time.Hour},
		{"the night ends in the pause", night, "2026-06-10T12:00:00Z", "2026-06-10T03:00:00Z", 9 * time.Hour},
		{"the end is in an hour that is left out", &chat.QuietHours{From: "22:00", To: "02:30", TimeZone: "America/New_York"}, "", "2026-03-08T06:45:00Z", 45 * time.Minute},
		{"in an hour that comes again", &chat.QuietHours{From: "22:00", To: "01:30", TimeZone: "America/New_York"}, "", "2026-11-01T06:10:00Z", 20 * time.Minute},
		{"a zone that is gone", &chat.QuietHours{From: "00:00", To: "23:59", TimeZone: "Mars/Olympus"}, "", "2026-06-10T12:00:00Z", 0},
	} {
		rules := chat.NotifyRules{Quiet: tt.quiet}
		at := func(s string) time.Time {
			v, err := time.Parse(time.RFC3339, s)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		if tt.pause != "" {
			rules.PausedUntil = at(tt.pause).UnixMilli()
		}
		equal(t, tt.name, rules.Wait(at(tt.now)), tt.want)
	}
}
