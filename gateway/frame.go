package gateway

import (
	"encoding/binary"
	"errors"

	"github.com/gobwas/ws"

	"parley/protocol"
)

// errBadFrame is a violation of RFC 6455 or of the contract: the connection ends with 4400.
var errBadFrame = errors.New("bad frame")

// parseHeader reads the header of a client's frame that b begins with, and its length n; zero if b does not hold all
// of it. Frames that nobody may send are refused here, before their payload has come.
func parseHeader(b []byte) (h ws.Header, n int, err error) {
	if len(b) < 2 {
		return h, 0, nil
	}
	h.Fin, h.Rsv, h.OpCode = b[0]&0x80 != 0, b[0]>>4&7, ws.OpCode(b[0]&0x0f)
	h.Masked, h.Length = b[1]&0x80 != 0, int64(b[1]&0x7f)
	n = 2
	switch {
	case h.Rsv != 0 || !h.Masked || h.OpCode == ws.OpBinary || h.OpCode.IsReserved():
		return h, 0, errBadFrame
	case h.OpCode.IsControl() && (!h.Fin || h.Length > ws.MaxControlFramePayloadSize):
		return h, 0, errBadFrame
	case h.Length == 126:
		if n += 2; len(b) < n {
			return h, 0, nil
		}
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
	case h.Length == 127:
		if n += 8; len(b) < n {
			return h, 0, nil
		}
		if size := binary.BigEndian.Uint64(b[2:]); size > protocol.MaxFrame {
			return h, 0, errBadFrame
		}
		h.Length = int64(binary.BigEndian.Uint64(b[2:])) //nolint:gosec // at most MaxFrame, see above
	}
	if h.Length > protocol.MaxFrame {
		return h, 0, errBadFrame
	}
	if n += 4; len(b) < n {
		return h, 0, nil
	}
	copy(h.Mask[:], b[n-4:n])
	return h, n, nil
}

// A server's frame is written in place: openFrame leaves room for a header, closeFrame fills it in once the length of
// the payload is known.
const headerRoom = 4

func openFrame(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// closeFrame completes the frame opened at start.
func closeFrame(dst []byte, start int, op ws.OpCode) []byte {
	const fin = 0x80
	size := len(dst) - start - headerRoom
	switch {
	case size < 126:
		copy(dst[start+2:], dst[start+headerRoom:])
		dst = dst[:len(dst)-2]
		dst[start+1] = byte(size)
	case size < 1<<16:
		dst[start+1] = 126
		binary.BigEndian.PutUint16(dst[start+2:], uint16(size))
	default:
		dst = append(dst, 0, 0, 0, 0, 0, 0)
		copy(dst[start+10:], dst[start+headerRoom:len(dst)-6])
		dst[start+1] = 127
		binary.BigEndian.PutUint64(dst[start+2:], uint64(size))
	}
	dst[start] = fin | byte(op)
	return dst
}

// frame makes one frame of a payload.
func frame(op ws.OpCode, payload []byte) []byte {
	dst := make([]byte, 0, headerRoom+len(payload)+6)
	return closeFrame(append(openFrame(dst), payload...), 0, op)
}

// textFrame makes a frame of what appendTo appends.
func textFrame(appendTo func(dst []byte) []byte) []byte {
	return appendText(make([]byte, 0, 512), appendTo)
}

// appendText is textFrame in the room of dst, which is empty.
func appendText(dst []byte, appendTo func(dst []byte) []byte) []byte {
	return closeFrame(appendTo(openFrame(dst)), 0, ws.OpText)
}

// closeMessage makes the frame that ends a connection.
func closeMessage(code protocol.CloseCode) []byte {
	return frame(ws.OpClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), code.Reason()...))
}
