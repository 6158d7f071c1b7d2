package bench

// Opcodes of WebSocket frames.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// appendFrame appends a final frame as clients send it. Its mask is zero: legal, free for the sender, and unmasked by the
// receiver as ever.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	if n := len(payload); n < 126 {
		dst = append(dst, 0x80|op, 0x80|byte(n))
	} else {
		dst = append(dst, 0x80|op, 0x80|126, byte(n>>8), byte(n)) // nothing here is over 64 KiB
	}
	dst = append(dst, 0, 0, 0, 0)
	return append(dst, payload...)
}

// parseFrame reads one unmasked frame; size is 0 while b does not hold all of it.
func parseFrame(b []byte) (op byte, payload []byte, size int) {
	if len(b) < 2 {
		return 0, nil, 0
	}
	head, n := 2, int(b[1]&0x7f)
	switch n {
	case 126:
		if len(b) < 4 {
			return 0, nil, 0
		}
		head, n = 4, int(b[2])<<8|int(b[3])
	case 127:
		if len(b) < 10 {
			return 0, nil, 0
		}
		head, n = 10, int(b[6])<<24|int(b[7])<<16|int(b[8])<<8|int(b[9])
	}
	if len(b) < head+n {
		return 0, nil, 0
	}
	return b[0] & 15, b[head : head+n], head + n
}

// putHex fills b with the digits of v; hex reads them.
func putHex(b []byte, v uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = "0123456789abcdef"[v&15]
		v >>= 4
	}
}

func hex(b []byte) (v int) {
	for _, c := range b {
		v = v<<4 | int(c&15+c>>6*9)
	}
	return v
}
