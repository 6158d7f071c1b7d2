package files_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"math/rand/v2"
	"testing"
	"time"

	"gocloud.dev/blob/memblob"

	"parley/chat"
	"parley/files"
)

// received gives a file to new Attachments and returns it as it was found, with its content and thumbnail.
func received(t testing.TB, declared string, content []byte) (u chat.Upload, stored, thumbnail []byte) {
	t.Helper()
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { bucket.Close() })
	a := files.NewAttachments(files.AttachmentConfig{Bucket: bucket, Key: []byte("key")})
	u, err := a.Receive(t.Context(), announced(declared, len(content)), bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	stored = opened(t, a, u, false)
	if u.Thumbnail {
		thumbnail = opened(t, a, u, true)
	}
	if u.Size != int64(len(stored)) {
		t.Errorf("size %d of %d bytes", u.Size, len(stored))
	}
	return u, stored, thumbnail
}

func announced(declared string, size int) chat.Upload {
	return chat.Upload{Attachment: chat.Attachment{FileID: chat.NewID(time.Now()), Filename: "file", ContentType: declared, Size: int64(size)}}
}

func opened(t testing.TB, a *files.Attachments, u chat.Upload, thumbnail bool) []byte {
	t.Helper()
	c, err := a.Open(t.Context(), u, thumbnail)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// quarter names the colors of the four quarters of a picture in reading order.
func quarter(t *testing.T, encoded []byte) (names string, size image.Point) {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	size = img.Bounds().Size()
	for _, p := range []image.Point{{1, 1}, {3, 1}, {1, 3}, {3, 3}} {
		r, g, b, _ := img.At(p.X*size.X/4, p.Y*size.Y/4).RGBA()
		switch {
		case r > 0x8000 && g > 0x8000:
			names += "y"
		case r > 0x8000:
			names += "r"
		case g > 0x8000:
			names += "g"
		case b > 0x8000:
			names += "b"
		default:
			names += "?"
		}
	}
	return names, size
}

// painted is red, green over blue, yellow.
func painted(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, [][]color.RGBA{{red, green}, {blue, yellow}}[2*y/h][2*x/w])
		}
	}
	return img
}

const secret = "where I live"

// withChunk puts a chunk of text behind the header of a PNG.
func withChunk(b []byte) []byte {
	chunk := append([]byte("tEXtComment\x00"), secret...)
	out := append([]byte{}, b[:33]...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(chunk)-4))
	out = append(out, chunk...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk))
	return append(append(out, b[33:]...), secret...)
}

// withComment puts a comment and another application's data before the first frame of a GIF that has a table of colors.
func withComment(b []byte) []byte {
	at := 13 + 3<<(b[10]&7+1)*int(b[10]>>7)
	out := append([]byte{}, b[:at]...)
	out = append(out, '\x21', '\xfe', byte(len(secret)))
	out = append(append(out, secret...), 0)
	out = append(out, "\x21\xff\x0bXMP DataXMP\x0c"...)
	out = append(append(out, secret...), 0)
	return append(append(out, b[at:]...), secret...)
}

// withXMP wraps a still WebP into one that has metadata.
func withXMP(b []byte, w, h int) []byte {
	body := []byte("WEBPVP8X\x0a\x00\x00\x00\x0c\x00\x00\x00")
	body = append(body, byte(w-1), byte((w-1)>>8), 0, byte(h-1), byte((h-1)>>8), 0)
	body = append(body, b[12:]...)
	for _, name := range []string{"EXIF", "XMP "} {
		body = append(body, name...)
		body = binary.LittleEndian.AppendUint32(body, uint32(len(secret)))
		body = append(body, secret...)
	}
	out := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body)))
	return append(out, body...)
}

func TestPicturesLoseTheirMetadata(t *testing.T) {
	trailing := append(withEXIF(asJPEG(t, painted(800, 400)), 1), secret...)
	for name, test := range map[string]struct {
		upload    []byte
		mediaType string
		size      image.Point // as it is shown
		colors    string
	}{
		"jpeg":            {withEXIF(asJPEG(t, painted(800, 400)), 1), "image/jpeg", image.Pt(800, 400), "rgby"},
		"behind the end":  {trailing, "image/jpeg", image.Pt(800, 400), "rgby"},
		"mirrored":        {withEXIF(asJPEG(t, painted(800, 400)), 2), "image/jpeg", image.Pt(800, 400), "gryb"},
		"upside down":     {withEXIF(asJPEG(t, painted(800, 400)), 3), "image/jpeg", image.Pt(800, 400), "ybgr"},
		"flipped":         {withEXIF(asJPEG(t, painted(800, 400)), 4), "image/jpeg", image.Pt(800, 400), "byrg"},
		"transposed":      {withEXIF(asJPEG(t, painted(800, 400)), 5), "image/jpeg", image.Pt(400, 800), "rbgy"},
		"turned right":    {withEXIF(asJPEG(t, painted(800, 400)), 6), "image/jpeg", image.Pt(400, 800), "bryg"},
		"transversed":     {withEXIF(asJPEG(t, painted(800, 400)), 7), "image/jpeg", image.Pt(400, 800), "ygbr"},
		"turned left":     {withEXIF(asJPEG(t, painted(800, 400)), 8), "image/jpeg", image.Pt(400, 800), "gyrb"},
		"png":             {withChunk(asPNG(t, painted(700, 900))), "image/png", image.Pt(700, 900), "rgby"},
		"gif":             {withComment(asGIF(t, painted(700, 900))), "image/gif", image.Pt(700, 900), "rgby"},
		"animation":       {withComment(asGIF(t, painted(70, 90), painted(70, 90))), "image/gif", image.Pt(70, 90), "rgby"},
		"very wide":       {asPNG(t, painted(30000, 8)), "image/png", image.Pt(30000, 8), ""},
		"large":           {asPNG(t, painted(5000, 3000)), "image/png", image.Pt(5000, 3000), "rgby"},
		"small":           {withEXIF(asJPEG(t, painted(80, 40)), 6), "image/jpeg", image.Pt(40, 80), "-"},
		"webp":            {withXMP([]byte(tinyWebP), 1, 1), "image/webp", image.Pt(1, 1), "-"},
		"webp of an odd.": {[]byte(tinyWebP), "image/webp", image.Pt(1, 1), "-"},
	} {
		t.Run(name, func(t *testing.T) {
			u, stored, thumbnail := received(t, "application/octet-stream", test.upload)
			if u.ContentType != test.mediaType || image.Pt(u.Width, u.Height) != test.size {
				t.Errorf("%s of %d by %d, want %s of %v", u.ContentType, u.Width, u.Height, test.mediaType, test.size)
			}
			if bytes.Contains(stored, []byte(secret)) || bytes.Contains(thumbnail, []byte(secret)) {
				t.Error("metadata survived")
			}
			if u.Thumbnail != (test.colors != "-") {
				t.Fatalf("thumbnail: %v", u.Thumbnail)
			}
			if !u.Thumbnail {
				return
			}
			colors, size := quarter(t, thumbnail)
			if test.colors != "" && colors != test.colors {
				t.Errorf("colors %s, want %s", colors, test.colors)
			}
			longer := min(max(test.size.X, test.size.Y), files.ThumbnailSide)
			if max(size.X, size.Y) != longer || (size.X > size.Y) != (test.size.X > test.size.Y) {
				t.Errorf("a thumbnail of %v for a picture of %v", size, test.size)
			}
		})
	}
}

// TestCleaningChangesNoPixel also holds that what is clean stays as it is, to the byte.
func TestCleaningChangesNoPixel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := image.NewNRGBA(image.Rect(0, 0, 90, 60))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(random.Uint32())
	}
	for name, upload := range map[string][]byte{
		"jpeg": withEXIF(asJPEG(t, noise), 6), "png": withChunk(asPNG(t, noise)), "gif": withComment(asGIF(t, noise, painted(90, 60), noise)),
		"webp": withXMP([]byte(tinyWebP), 1, 1),
	} {
		_, stored, _ := received(t, "", upload)
		if len(stored) >= len(upload) {
			t.Errorf("%s: nothing was taken away", name)
		}
		before, _, err := image.Decode(bytes.NewReader(upload))
		if err != nil {
			t.Fatal(err)
		}
		after, _, err := image.Decode(bytes.NewReader(stored))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for y := range before.Bounds().Dy() {
			for x := range before.Bounds().Dx() {
				if before.At(x, y) != after.At(x, y) {
					t.Fatalf("%s: another pixel at %d, %d", name, x, y)
				}
			}
		}
		if _, again, _ := received(t, "", stored); !bytes.Equal(again, stored) {
			t.Errorf("%s: a clean picture was changed", name)
		}
	}
	two, _, _ := received(t, "", withComment(asGIF(t, painted(9, 9), painted(9, 9))))
	if !two.Thumbnail {
		t.Error("an animation without a still")
	}
}

// gifOf is a GIF of many tiny frames on a canvas.
func gifOf(w, h uint16, frames int) []byte {
	out := append([]byte("GIF89a"), byte(w), byte(w>>8), byte(h), byte(h>>8), 0x80, 0, 0, 0, 0, 0, 255, 255, 255)
	for range frames {
		out = append(out, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 0x01, 0)
	}
	return append(out, 0x3b)
}

// bomb is a whole PNG of one color: some hundred KB that become as many MB.
func bomb(t *testing.T, w, h int) []byte {
	t.Helper()
	out := pngOfSize(uint32(w), uint32(h)) // of four bytes a pixel
	var data bytes.Buffer
	z, err := zlib.NewWriterLevel(&data, zlib.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	row := make([]byte, 1+4*w)
	for range h {
		if _, err := z.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	chunk := func(name string, data []byte) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
		body := append([]byte(name), data...)
		out = binary.BigEndian.AppendUint32(append(out, body...), crc32.ChecksumIEEE(body))
	}
	chunk("IDAT", data.Bytes())
	chunk("IEND", nil)
	return out
}

func TestHostilePictures(t *testing.T) {
	whole := asJPEG(t, painted(300, 300))
	for name, upload := range map[string][]byte{
		"cut off":            whole[:len(whole)/2],
		"a header alone":     pngOfSize(10, 10),
		"a bomb":             bomb(t, 9000, 9000),
		"it says it is huge": pngOfSize(1<<31-1, 1<<31-1),
		"ten thousand":       gifOf(10, 10, 10_000),
		"a huge animation":   gifOf(60_000, 1000, 10),
		"no frame":           gifOf(10, 10, 0),
		"gif without end":    gifOf(10, 10, 3)[:60],
		"webp of nonsense":   append([]byte("RIFF\x1a\x00\x00\x00WEBPVP8X"), make([]byte, 40)...),
		"jpeg of nonsense":   append([]byte("\xff\xd8\xff\xe0"), make([]byte, 100)...),
		"segment too long":   append([]byte("\xff\xd8\xff\xe1\xff\xff"), make([]byte, 100)...),
	} {
		u, stored, _ := received(t, "image/png", upload)
		if u.ContentType != "application/octet-stream" || u.Thumbnail || u.Width != 0 || !bytes.Equal(stored, upload) {
			t.Errorf("%s: %+v", name, u.Attachment)
		}
	}
	if u, _, _ := received(t, "", gifOf(10, 10, 1000)); u.ContentType != "image/gif" || !u.Thumbnail {
		t.Errorf("an animation of a thousand frames: %+v", u.Attachment)
	}
}

// photo is a JPEG as a phone takes it, about: 12 million pixels, some MB.
func photo(b *testing.B) []byte {
	b.Helper()
	img := image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range img.Y {
		img.Y[i] = uint8(i/4000/16) + uint8(random.Uint32()%24)
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = uint8(i/2000/8), uint8(i%2000/8)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 85}); err != nil {
		b.Fatal(err)
	}
	return withEXIF(out.Bytes(), 6)
}

// BenchmarkReceive stores files: a photo with its thumbnail, an animation, and a file that is only stored.
func BenchmarkReceive(b *testing.B) {
	frames := make([]image.Image, 50)
	for i := range frames {
		frames[i] = painted(480, 320)
	}
	for name, content := range map[string][]byte{"photo": photo(b), "gif": asGIF(b, frames...), "25MiB": make([]byte, 25<<20)} {
		b.Run(name, func(b *testing.B) {
			a := files.NewAttachments(files.AttachmentConfig{Bucket: folder(b), Key: []byte("key")})
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				u, err := a.Receive(b.Context(), announced("", len(content)), bytes.NewReader(content))
				if err == nil {
					err = a.Remove(b.Context(), u.FileID, "")
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "files/s")
		})
	}
}

// FuzzReceive: whatever comes, it is stored as it was found, and what is shown is clean.
func FuzzReceive(f *testing.F) {
	f.Add("image/jpeg", withEXIF(asJPEG(f, painted(20, 10)), 6))
	f.Add("image/png", withChunk(asPNG(f, painted(8, 8))))
	f.Add("image/gif", withComment(asGIF(f, painted(8, 8), painted(8, 8))))
	f.Add("image/webp", withXMP([]byte(tinyWebP), 1, 1))
	f.Add("text/html", []byte("<script>"))
	f.Add("application/vnd.openxmlformats-officedocument.wordprocessingml.document", []byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, declared string, content []byte) {
		if len(content) == 0 {
			return
		}
		u, stored, _ := received(t, declared, content)
		if u.Width == 0 {
			if !bytes.Equal(stored, content) {
				t.Fatal("what is no picture was changed")
			}
			return
		}
		again, twice, _ := received(t, declared, stored)
		if !bytes.Equal(twice, stored) || again.ContentType != u.ContentType || again.Width != u.Width || again.Height != u.Height {
			t.Fatalf("a clean %s was changed: %+v", u.ContentType, again.Attachment)
		}
		if u.ContentType == "image/gif" {
			if _, err := gif.DecodeConfig(bytes.NewReader(stored)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
