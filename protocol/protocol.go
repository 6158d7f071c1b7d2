// Package protocol is the socket's language: it reads the requests of clients and writes the frames that answer and
// tell them. Both edges (the embedded gateway and API Gateway) speak it. A frame is one compact JSON object; messages
// and ids are written by hand, without reflection, because each is encoded once and sent to a whole room.
package protocol

// Subprotocol is offered by clients in Sec-WebSocket-Protocol, and echoed.
const Subprotocol = "parley.v1"

// MaxFrame is the size in bytes that no frame exceeds, either way. A single message that is larger by itself (core
// limits keep it from that) is still sent.
const MaxFrame = 32 << 10

// MaxRequestID is the longest request id in bytes. A longer one is refused, by an error that carries so much of it.
const MaxRequestID = 128

// Action says what a client asks for.
type Action string

// The actions, as they stand on the wire.
const (
	SendMessage Action = "sendMessage"
	GetMessages Action = "getMessages"
	GetClients  Action = "getClients"
	Sync        Action = "sync"
	Typing      Action = "typing"
	MarkRead    Action = "markRead"
	Ping        Action = "ping"
)

// CloseCode tells a client why its connection ends, and so what to do next.
type CloseCode uint16

// The close codes. After a 44xx below 4408 a client does not reconnect by itself.
const (
	CloseRestarting      CloseCode = 1012 // the server restarts: reconnect with backoff
	CloseBadFrame        CloseCode = 4400 // binary, too large or against RFC 6455
	CloseUnauthenticated CloseCode = 4401 // ticket refused, or the session has ended
	CloseRemoved         CloseCode = 4403 // the account was removed or disabled
	CloseTooSlow         CloseCode = 4408 // the reader is too far behind: reconnect and sync
	CloseTooMany         CloseCode = 4429 // too many connections or frames: reconnect later
)

// Reason is the code's sentence for people, short enough for a close frame.
func (c CloseCode) Reason() string {
	switch c {
	case CloseRestarting:
		return "restarting, reconnect with backoff"
	case CloseBadFrame:
		return "bad frame"
	case CloseUnauthenticated:
		return "ticket refused or session ended"
	case CloseRemoved:
		return "removed"
	case CloseTooSlow:
		return "too slow, reconnect and sync"
	case CloseTooMany:
		return "too many connections or frames"
	}
	return ""
}
