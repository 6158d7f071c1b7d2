package chat

// What the tests reach of the inside.
var (
	// AnnouncePresence does what Run does at each tick.
	AnnouncePresence = (*Service).announcePresence
	MessageSeq       = messageSeq
)
