package files_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"

	"parley/chat"
	"parley/files"
)

const limit = 1 << 20

func open(t testing.TB) *files.Avatars {
	t.Helper()
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { bucket.Close() })
	return files.NewAvatars(bucket, limit)
}

var (
	red    = color.RGBA{R: 220, A: 255}
	green  = color.RGBA{G: 200, A: 255}
	blue   = color.RGBA{B: 220, A: 255}
	yellow = color.RGBA{R: 220, G: 200, A: 255}
)

// quarters paints a picture whose center square has the colors red, green over blue, yellow, with black at both ends.
func quarters(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	side := min(w, h)
	x0, y0 := (w-side)/2, (h-side)/2
	for y := range h {
		for x := range w {
			c := color.RGBA{A: 255}
			if x >= x0 && x < x0+side && y >= y0 && y < y0+side {
				c = [][]color.RGBA{{red, green}, {blue, yellow}}[2*(y-y0)/side][2*(x-x0)/side]
			}
			img.Set(x, y, c)
		}
	}
	return img
}

// corners names the colors of a decoded square in reading order.
func corners(t *testing.T, encoded []byte) string {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() != files.AvatarSide || b.Dy() != files.AvatarSide {
		t.Fatalf("size %v, want a square of %d", b, files.AvatarSide)
	}
	var names strings.Builder
	for _, p := range []image.Point{{64, 64}, {192, 64}, {64, 192}, {192, 192}} {
		r, g, b, _ := img.At(p.X, p.Y).RGBA()
		switch {
		case r > 0x8000 && g > 0x8000:
			names.WriteByte('y')
		case r > 0x8000:
			names.WriteByte('r')
		case g > 0x8000:
			names.WriteByte('g')
		case b > 0x8000:
			names.WriteByte('b')
		default:
			names.WriteByte('?')
		}
	}
	return names.String()
}

func asJPEG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asGIF(t testing.TB, frames ...image.Image) []byte {
	t.Helper()
	all := &gif.GIF{}
	for _, f := range frames {
		p := image.NewPaletted(f.Bounds(), color.Palette{color.RGBA{A: 255}, red, green, blue, yellow})
		for y := range f.Bounds().Dy() {
			for x := range f.Bounds().Dx() {
				p.Set(x, y, f.At(x, y))
			}
		}
		all.Image, all.Delay = append(all.Image, p), append(all.Delay, 10)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, all); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withEXIF puts an APP1 segment with an orientation and a comment that must not survive behind the start of a JPEG.
func withEXIF(jpegData []byte, orientation uint16) []byte {
	tiff := []byte("MM\x00*\x00\x00\x00\x08\x00\x02")
	entry := func(tag, kind uint16, count uint32, value []byte) {
		tiff = binary.BigEndian.AppendUint16(tiff, tag)
		tiff = binary.BigEndian.AppendUint16(tiff, kind)
		tiff = binary.BigEndian.AppendUint32(tiff, count)
		tiff = append(tiff, value...)
	}
	secret := "where I live\x00"
	entry(0x010e, 2, uint32(len(secret)), binary.BigEndian.AppendUint32(nil, 8+2+24+4))
	entry(0x0112, 3, 1, []byte{byte(orientation >> 8), byte(orientation), 0, 0})
	tiff = append(tiff, 0, 0, 0, 0)
	tiff = append(tiff, secret...)
	segment := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{}, jpegData[:2]...)
	out = append(out, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(segment)+2))
	out = append(out, segment...)
	return append(out, jpegData[2:]...)
}

// A lossless WebP of 1 by 1 pixel, as cwebp writes it.
const tinyWebP = "RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"

func TestPutMakesOneSquareOfEveryFormat(t *testing.T) {
	seeThrough := quarters(40, 40)
	seeThrough.Set(0, 0, color.RGBA{})
	for name, test := range map[string]struct {
		upload    []byte
		mediaType string
		corners   string
	}{
		"jpeg":           {asJPEG(t, quarters(400, 400)), "image/jpeg", "rgby"},
		"wide":           {asJPEG(t, quarters(900, 300)), "image/jpeg", "rgby"},
		"tall, odd":      {asJPEG(t, quarters(301, 777)), "image/jpeg", "rgby"},
		"small":          {asPNG(t, quarters(16, 16)), "image/jpeg", "rgby"},
		"png":            {asPNG(t, quarters(300, 300)), "image/jpeg", "rgby"},
		"transparent":    {asPNG(t, seeThrough), "image/png", "rgby"},
		"first of a gif": {asGIF(t, quarters(64, 64), image.NewRGBA(image.Rect(0, 0, 64, 64))), "image/jpeg", "rgby"},
		"webp":           {[]byte(tinyWebP), "image/png", "????"},
		"mirrored":       {withEXIF(asJPEG(t, quarters(400, 400)), 2), "image/jpeg", "gryb"},
		"upside down":    {withEXIF(asJPEG(t, quarters(400, 400)), 3), "image/jpeg", "ybgr"},
		"flipped":        {withEXIF(asJPEG(t, quarters(400, 400)), 4), "image/jpeg", "byrg"},
		"transposed":     {withEXIF(asJPEG(t, quarters(400, 400)), 5), "image/jpeg", "rbgy"},
		"turned right":   {withEXIF(asJPEG(t, quarters(400, 400)), 6), "image/jpeg", "bryg"},
		"transversed":    {withEXIF(asJPEG(t, quarters(400, 400)), 7), "image/jpeg", "ygbr"},
		"turned left":    {withEXIF(asJPEG(t, quarters(400, 400)), 8), "image/jpeg", "gyrb"},
		"orientation 9":  {withEXIF(asJPEG(t, quarters(400, 400)), 9), "image/jpeg", "rgby"},
	} {
		t.Run(name, func(t *testing.T) {
			a := open(t)
			stored, err := a.Put(t.Context(), "u1", test.upload)
			if err != nil {
				t.Fatal(err)
			}
			got, mediaType, err := a.Open(t.Context(), stored)
			if err != nil {
				t.Fatal(err)
			}
			if mediaType != test.mediaType {
				t.Errorf("media type %q, want %q", mediaType, test.mediaType)
			}
			if c := corners(t, got); c != test.corners {
				t.Errorf("corners %q, want %q", c, test.corners)
			}
			if bytes.Contains(got, []byte("where I live")) || bytes.Contains(got, []byte("Exif")) {
				t.Error("metadata of the upload survived")
			}
		})
	}
}

// pngOfSize is a small file that says it is huge.
func pngOfSize(w, h uint32) []byte {
	header := []byte("IHDR")
	header = binary.BigEndian.AppendUint32(header, w)
	header = binary.BigEndian.AppendUint32(header, h)
	header = append(header, 8, 6, 0, 0, 0)
	out := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d")
	out = append(out, header...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(header))
}

func TestPutRefuses(t *testing.T) {
	whole := asJPEG(t, quarters(100, 100))
	for name, test := range map[string]struct {
		upload []byte
		code   chat.Code
	}{
		"nothing":          {nil, chat.InvalidRequest},
		"text":             {[]byte("not a picture"), chat.InvalidRequest},
		"script":           {[]byte("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"), chat.InvalidRequest},
		"cut off":          {whole[:len(whole)/2], chat.InvalidRequest},
		"a header alone":   {pngOfSize(10, 10), chat.InvalidRequest},
		"a bomb":           {pngOfSize(16000, 16000), chat.TooLarge},
		"a narrow bomb":    {pngOfSize(1, 1<<20), chat.TooLarge},
		"an overflow":      {pngOfSize(1<<31-1, 1<<31-1), chat.InvalidRequest},
		"too many bytes":   {make([]byte, limit+1), chat.TooLarge},
		"webp of nonsense": {append([]byte("RIFF\x1a\x00\x00\x00WEBPVP8X"), make([]byte, 40)...), chat.InvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			stored, err := open(t).Put(t.Context(), "u1", test.upload)
			if chat.CodeOf(err) != test.code || stored != "" {
				t.Errorf("got %q, %v; want %s", stored, err, test.code)
			}
		})
	}
}

func TestNamesFollowPersonAndContent(t *testing.T) {
	a, ctx := open(t), t.Context()
	put := func(user string, side int) string {
		t.Helper()
		name, err := a.Put(ctx, user, asPNG(t, quarters(side, side)))
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	mine := put("u1", 64)
	if again := put("u1", 64); again != mine {
		t.Errorf("the same picture has names %q and %q", mine, again)
	}
	theirs := put("u2", 64)
	if theirs == mine {
		t.Error("two people share one file")
	}
	if err := a.Delete(ctx, mine); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Open(ctx, mine); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("after Delete: %v", err)
	}
	if _, _, err := a.Open(ctx, theirs); err != nil {
		t.Errorf("the other's picture: %v", err)
	}
	if err := a.Delete(ctx, mine); err != nil {
		t.Errorf("second Delete: %v", err)
	}
}

func TestNamesAreNotPaths(t *testing.T) {
	bucket, err := fileblob.OpenBucket(t.TempDir(), &fileblob.Options{NoTempDir: true})
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	if err := bucket.WriteAll(t.Context(), "secret", []byte("x"), nil); err != nil {
		t.Fatal(err)
	}
	a := files.NewAvatars(bucket, limit)
	for _, name := range []string{"", ".", "..", "../secret", "..%2fsecret", "/etc/passwd", "a.jpg", strings.Repeat("a", 32), strings.Repeat("A", 32) + ".jpg", strings.Repeat("a", 32) + ".jpg.attrs", strings.Repeat("a", 32) + ".jpg/../../secret"} {
		if _, _, err := a.Open(t.Context(), name); chat.CodeOf(err) != chat.NotFound {
			t.Errorf("Open(%q): %v", name, err)
		}
		if err := a.Delete(t.Context(), name); err != nil {
			t.Errorf("Delete(%q): %v", name, err)
		}
	}
	if ok, _ := bucket.Exists(t.Context(), "secret"); !ok {
		t.Error("a file outside was removed")
	}
	name, err := a.Put(t.Context(), "u1", asPNG(t, quarters(8, 8)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Open(t.Context(), name); err != nil {
		t.Error(err)
	}
}

func TestPutGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := open(t)
	for range 50 { // a free slot and a context that is over are both ready
		if _, err := a.Put(ctx, "u1", asPNG(t, quarters(8, 8))); err == nil {
			t.Fatal("stored for nobody")
		}
	}
}

func FuzzPut(f *testing.F) {
	f.Add(asJPEG(f, quarters(20, 10)))
	f.Add(withEXIF(asJPEG(f, quarters(10, 20)), 6))
	f.Add(asPNG(f, quarters(8, 8)))
	f.Add(asGIF(f, quarters(8, 8)))
	f.Add([]byte(tinyWebP))
	f.Add(pngOfSize(1<<31-1, 1<<31-1))
	f.Fuzz(func(t *testing.T, upload []byte) {
		a := open(t)
		name, err := a.Put(t.Context(), "u1", upload)
		if err != nil {
			if c := chat.CodeOf(err); c != chat.InvalidRequest && c != chat.TooLarge {
				t.Fatalf("refused with %s: %v", c, err)
			}
			return
		}
		stored, _, err := a.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		corners(t, stored)
	})
}
