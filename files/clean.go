package files

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/bep/imagemeta"
)

// errDamaged says that a picture does not have the structure of its format.
var errDamaged = errors.New("the picture is damaged")

// facts are what the structure of a picture tells, without decoding it.
type facts struct {
	frames      int  // at least 1 of a picture that can be shown
	progressive bool // a JPEG that needs all of its coefficients in memory
}

// clean returns a picture without anything but what is shown: no place, camera, comment, preview, nor what stands behind
// its end. Pixels, colors and animation stay as they are, bit by bit; so does the orientation of a JPEG. Its work is
// linear in the size.
func clean(mediaType string, b []byte) ([]byte, facts, error) {
	switch mediaType {
	case "image/jpeg":
		return cleanJPEG(b)
	case "image/png":
		return cleanPNG(b)
	case "image/gif":
		return cleanGIF(b)
	case "image/webp":
		return cleanWebP(b)
	}
	return nil, facts{}, errDamaged
}

// cleanJPEG keeps the segments that decoding needs, the color profile, and the orientation.
func cleanJPEG(b []byte) ([]byte, facts, error) {
	f := facts{frames: 1}
	if !bytes.HasPrefix(b, []byte("\xff\xd8")) {
		return nil, f, errDamaged
	}
	out := append(make([]byte, 0, len(b)+64), b[:2]...)
	out = appendOrientation(out, orientation(b, imagemeta.JPEG))
	for pos := 2; pos+4 <= len(b) && b[pos] == 0xff; {
		marker := b[pos+1]
		if marker == 0xff { // filling
			pos++
			continue
		}
		end := pos + 2 + int(binary.BigEndian.Uint16(b[pos+2:]))
		if end < pos+4 || end > len(b) || marker >= 0xd0 && marker <= 0xd9 || marker < 0xc0 {
			return nil, f, errDamaged
		}
		f.progressive = f.progressive || marker == 0xc2
		if marker == 0xda {
			end += scanLength(b[end:])
		}
		if shown(marker, b[pos+4:end]) {
			out = append(out, b[pos:end]...)
		}
		if pos = end; marker == 0xda && bytes.HasPrefix(b[pos:], []byte("\xff\xd9")) {
			return append(out, 0xff, 0xd9), f, nil
		}
	}
	return nil, f, errDamaged
}

// shown tells whether a JPEG segment has to do with how the picture looks.
func shown(marker byte, data []byte) bool {
	switch marker {
	case 0xe0:
		return bytes.HasPrefix(data, []byte("JFIF\x00"))
	case 0xe2:
		return bytes.HasPrefix(data, []byte("ICC_PROFILE\x00"))
	case 0xee:
		return bytes.HasPrefix(data, []byte("Adobe"))
	}
	return marker < 0xe0 // tables, frames and scans; behind are other applications' data and comments
}

// scanLength is how many bytes of a JPEG's scan come before the next segment.
func scanLength(b []byte) int {
	for i := 0; ; {
		next := bytes.IndexByte(b[i:], 0xff)
		if next < 0 || i+next+1 >= len(b) {
			return len(b)
		}
		i += next
		if m := b[i+1]; m != 0 && (m < 0xd0 || m > 0xd7) && m != 0xff {
			return i
		}
		i++
	}
}

// appendOrientation appends a segment of EXIF that says nothing but how the picture is turned.
func appendOrientation(out []byte, o int) []byte {
	if o == 1 {
		return out
	}
	out = append(out, "\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"...)
	return append(out, byte(o), 0, 0, 0, 0, 0, 0)
}

// cleanPNG keeps the chunks of picture, colors and animation.
func cleanPNG(b []byte) ([]byte, facts, error) {
	f := facts{frames: 1}
	const signature = "\x89PNG\r\n\x1a\n"
	if !bytes.HasPrefix(b, []byte(signature)) {
		return nil, f, errDamaged
	}
	out := append(make([]byte, 0, len(b)), signature...)
	for pos := len(signature); pos+12 <= len(b); {
		size := int(binary.BigEndian.Uint32(b[pos:]))
		if size > len(b)-pos-12 {
			return nil, f, errDamaged
		}
		chunk := b[pos : pos+12+size]
		pos += len(chunk)
		switch string(chunk[4:8]) {
		case "fcTL":
			f.frames++
			out = append(out, chunk...)
		case "IHDR", "PLTE", "IDAT", "tRNS", "cHRM", "gAMA", "iCCP", "sBIT", "sRGB", "cICP", "bKGD", "pHYs", "acTL", "fdAT":
			out = append(out, chunk...)
		case "IEND":
			return append(out, chunk...), f, nil
		}
	}
	return nil, f, errDamaged
}

// cleanGIF drops comments, texts, and the data of all applications but those that tell how often to repeat.
func cleanGIF(b []byte) ([]byte, facts, error) {
	f := facts{}
	if len(b) < 13 || !bytes.HasPrefix(b, []byte("GIF8")) {
		return nil, f, errDamaged
	}
	pos := 13 + colorTable(b[10])
	if pos > len(b) {
		return nil, f, errDamaged
	}
	out := append(make([]byte, 0, len(b)), b[:pos]...)
	for pos < len(b) {
		start, keep := pos, true
		switch b[pos] {
		case 0x3b:
			return append(out, 0x3b), f, nil
		case 0x2c:
			f.frames++
			if pos+10 > len(b) {
				return nil, f, errDamaged
			}
			pos += 10 + colorTable(b[pos+9]) + 1
		case 0x21:
			if pos+2 > len(b) {
				return nil, f, errDamaged
			}
			label := b[pos+1]
			pos += 2
			rest := b[pos:]
			keep = label == 0xf9 || label == 0xff &&
				(bytes.HasPrefix(rest, []byte("\x0bNETSCAPE2.0")) || bytes.HasPrefix(rest, []byte("\x0bANIMEXTS1.0")))
		default:
			return nil, f, errDamaged
		}
		for { // blocks of data
			if pos >= len(b) {
				return nil, f, errDamaged
			}
			size := int(b[pos])
			if pos += 1 + size; size == 0 {
				break
			}
		}
		if keep {
			out = append(out, b[start:pos]...)
		}
	}
	return nil, f, errDamaged
}

// colorTable is the size of the table of colors that the flags of a GIF or of one of its frames announce.
func colorTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// cleanWebP keeps the chunks of picture, colors and animation.
func cleanWebP(b []byte) ([]byte, facts, error) {
	f := facts{}
	if len(b) < 12 || !bytes.HasPrefix(b, []byte("RIFF")) || string(b[8:12]) != "WEBP" {
		return nil, f, errDamaged
	}
	end := 8 + int64(binary.LittleEndian.Uint32(b[4:]))
	if end > int64(len(b)) {
		return nil, f, errDamaged
	}
	out := append(make([]byte, 0, end), b[:12]...)
	for pos := int64(12); pos < end; {
		if pos+8 > end {
			return nil, f, errDamaged
		}
		name, size := string(b[pos:pos+4]), int64(binary.LittleEndian.Uint32(b[pos+4:]))
		next := pos + 8 + size + size&1
		if next > end {
			return nil, f, errDamaged
		}
		at := len(out)
		switch name {
		case "VP8 ", "VP8L", "ANMF":
			f.frames++
			out = append(out, b[pos:next]...)
		case "VP8X":
			out = append(out, b[pos:next]...)
			if size > 0 {
				out[at+8] &^= 0x0c // there is neither EXIF nor XMP
			}
		case "ALPH", "ANIM", "ICCP":
			out = append(out, b[pos:next]...)
		}
		pos = next
	}
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out, f, nil
}

// firstFrame makes a still picture of the first frame of a clean animated WebP, nil if that is not as large as the whole.
func firstFrame(b []byte) []byte {
	at := bytes.Index(b, []byte("ANMF")) + 8
	if len(b) < 30 || at < 38 || at+16 > len(b) {
		return nil
	}
	canvas, frame := b[24:30], b[at+6:at+12]
	end := at + int(binary.LittleEndian.Uint32(b[at-4:]))
	if !bytes.Equal(canvas, frame) || end > len(b) {
		return nil
	}
	data := b[at+16 : end]
	flags := byte(0)
	if bytes.HasPrefix(data, []byte("ALPH")) {
		flags = 0x10
	}
	out := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00"), flags, 0, 0, 0)
	out = append(append(out, frame...), data...)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}
