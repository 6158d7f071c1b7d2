package chat

// AnnouncePresence does what Run does at each tick.
var AnnouncePresence = (*Service).announcePresence
