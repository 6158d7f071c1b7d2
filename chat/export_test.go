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

// SearchesAtOnce is how many searches a process does at once.
const SearchesAtOnce = searchesAtOnce

// ParseMentions is what a text mentions.
func ParseMentions(text string) (names []string, room, here bool) {
	m := parseMentions(text)
	if m == nil {
		return nil, false, false
	}
	return m.names, m.room, m.here
}

// MakeDigest is the digest of a block with these messages, newest first.
func MakeDigest(s *Service, roomID string, block int64, msgs []Message) Digest {
	texts := make([]string, len(msgs))
	for i := range msgs {
		texts[i] = s.searchText(&msgs[i])
	}
	return newDigest(roomID, block, msgs, texts)
}
