package chat

// What the tests reach of the inside.
var (
	// AnnouncePresence does what Run does at each tick.
	AnnouncePresence = (*Service).announcePresence
	MessageSeq       = messageSeq
)

// Waiting is the size of all steps that wait, in bytes.
func Waiting(s *Service) int64 { return s.admission.bytes.Load() }

// MaxWaiting bounds Waiting, MaxWait the time.
const (
	MaxWaiting = maxBytes
	MaxWait    = maxWait
)

// ParseMentions is what a text mentions.
func ParseMentions(text string) (names []string, room, here bool) {
	m := parseMentions(text)
	if m == nil {
		return nil, false, false
	}
	return m.names, m.room, m.here
}
