package files

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"

	"github.com/bep/imagemeta"
	"golang.org/x/image/draw"

	"parley/chat"
)

// Bounds of pictures that are shown. Others are kept as files to be downloaded.
const (
	ThumbnailSide = 640 // pixels of its longer side

	maxPicture   = 64 << 20  // bytes of a file
	maxMemory    = 256 << 20 // bytes that all pictures being decoded take together
	maxFrames    = 2000
	maxAnimation = 1 << 29 // pixels of all frames together
	// A picture that is no larger than its thumbnail would be, in pixels and about in bytes, needs none.
	smallPicture = 100 << 10
)

// picture is what is stored of an uploaded picture.
type picture struct {
	width, height int
	clean         []byte // the picture without metadata
	thumbnail     []byte // nil: the picture is small enough to be shown itself
	extension     string // of the thumbnail: "jpg" or "png"
}

// examinePicture stores a picture without its metadata, and a thumbnail. What cannot be shown becomes an unknown file.
func (a *Attachments) examinePicture(ctx context.Context, u chat.Upload) (chat.Upload, error) {
	p, err := a.decode(ctx, u)
	if err != nil {
		return chat.Upload{}, err
	}
	if p == nil {
		u.ContentType = unknown
		return u, nil
	}
	raw := u.Version
	u.Width, u.Height, u.Size, u.Version = p.width, p.height, int64(len(p.clean)), newVersion()
	if err := a.store(ctx, fileKey(u.FileID, u.Version), u.ContentType, u.Size, bytes.NewReader(p.clean)); err != nil {
		return chat.Upload{}, err
	}
	if u.Thumbnail = p.thumbnail != nil; u.Thumbnail {
		err := a.store(ctx, thumbKey(u.FileID, u.Version), contentType("."+p.extension), int64(len(p.thumbnail)), bytes.NewReader(p.thumbnail))
		if err != nil {
			return chat.Upload{}, err
		}
	}
	return u, a.remove(ctx, fileKey(u.FileID, raw))
}

// decode reads and decodes a stored picture while there is memory for it; nil if it cannot be shown.
func (a *Attachments) decode(ctx context.Context, u chat.Upload) (*picture, error) {
	if u.Size > maxPicture {
		return nil, nil //nolint:nilnil // no picture is an answer
	}
	held := 2 * u.Size // the file and its clean form
	if err := a.memory.Acquire(ctx, held); err != nil {
		return nil, fmt.Errorf("wait for memory for a picture: %w", err)
	}
	defer func() { a.memory.Release(held) }()
	b, err := a.read(ctx, fileKey(u.FileID, u.Version), -1)
	if err != nil {
		return nil, err
	}
	p, need, f := inspect(u.ContentType, b)
	if p == nil || held+need > maxMemory {
		return nil, nil //nolint:nilnil // no picture is an answer
	}
	// Given back first, so that two of them never wait for each other.
	a.memory.Release(held)
	if err := a.memory.Acquire(ctx, held+need); err != nil {
		held = 0
		return nil, fmt.Errorf("wait for memory for a picture: %w", err)
	}
	held += need
	if !p.draw(u.ContentType, b, f) {
		return nil, nil //nolint:nilnil // no picture is an answer
	}
	return p, nil
}

// inspect cleans a picture and tells how many bytes decoding it takes; nil if it is damaged or too large.
func inspect(mediaType string, b []byte) (p *picture, need int64, f facts) {
	c, ok := codecOf(mediaType)
	if !ok {
		return nil, 0, f
	}
	cleaned, f, err := clean(mediaType, b)
	if err != nil {
		return nil, 0, f
	}
	config, err := c.config(bytes.NewReader(cleaned))
	if err != nil || config.Width < 1 || config.Height < 1 || config.Width > 2*maxSide || config.Height > 2*maxSide {
		return nil, 0, f
	}
	pixels := int64(config.Width) * int64(config.Height)
	if f.frames < 1 || f.frames > maxFrames || pixels*int64(f.frames) > maxAnimation {
		return nil, 0, f
	}
	each := int64(4)
	switch {
	case mediaType == "image/gif":
		each = 1
	case mediaType == "image/webp":
		each = 8
	case f.progressive:
		each = 15
	case config.ColorModel == color.NRGBA64Model || config.ColorModel == color.RGBA64Model:
		each = 8
	}
	return &picture{width: config.Width, height: config.Height, clean: cleaned}, pixels*each + thumbnailMemory, f
}

// thumbnailMemory is about what making a thumbnail takes besides the decoded picture: CatmullRom's rows, 32 bytes for each
// pixel as wide as the thumbnail and as high as what is scaled.
const thumbnailMemory = 32 * ThumbnailSide * 4 * ThumbnailSide

// draw decodes the picture, and makes the thumbnail if it needs one. Width and height become those of the upright picture.
func (p *picture) draw(mediaType string, b []byte, f facts) bool {
	c, _ := codecOf(mediaType)
	source := p.clean
	if mediaType == "image/webp" && f.frames > 1 {
		if source = firstFrame(p.clean); source == nil {
			return true // it plays, but there is no still of it
		}
	}
	img, err := c.decode(bytes.NewReader(source))
	if err != nil {
		return false
	}
	turn := 1
	if mediaType == "image/jpeg" {
		turn = orientation(b, imagemeta.JPEG)
	}
	if turn >= 5 {
		p.width, p.height = p.height, p.width
	}
	small := max(p.width, p.height) <= ThumbnailSide && len(p.clean) <= smallPicture
	if small && f.frames == 1 || img.Bounds().Empty() {
		return true
	}
	if p.thumbnail, p.extension, err = encode(upright(fit(img, ThumbnailSide), turn)); err != nil {
		p.thumbnail = nil
	}
	return true
}

// fit returns img so that its longer side has at most so many pixels.
func fit(img image.Image, side int) *image.RGBA {
	b := img.Bounds()
	longer := max(b.Dx(), b.Dy())
	if k := longer / (2 * side); k > 1 {
		img = shrink(img, k)
	}
	w, h := b.Dx(), b.Dy()
	if longer > side {
		w, h = max(1, (w*side+longer/2)/longer), max(1, (h*side+longer/2)/longer)
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.CatmullRom.Scale(out, out.Bounds(), img, img.Bounds(), draw.Src, nil)
	return out
}

// shrink makes one pixel, their mean, of each k by k. It takes little memory besides the result.
func shrink(img image.Image, k int) *image.RGBA {
	b := img.Bounds()
	kx, ky := min(k, b.Dx()), min(k, b.Dy())
	out := image.NewRGBA(image.Rect(0, 0, b.Dx()/kx, b.Dy()/ky))
	rows := image.NewRGBA(image.Rect(0, 0, b.Dx(), ky))
	n := uint32(kx * ky)
	for y := range out.Rect.Dy() {
		draw.Draw(rows, rows.Rect, img, image.Pt(b.Min.X, b.Min.Y+y*ky), draw.Src)
		to := out.Pix[y*out.Stride:]
		for x := range out.Rect.Dx() {
			var sum [4]uint32
			for dy := range ky {
				from := rows.Pix[dy*rows.Stride+4*x*kx:][:4*kx]
				for i := 0; i < len(from); i += 4 {
					sum[0] += uint32(from[i])
					sum[1] += uint32(from[i+1])
					sum[2] += uint32(from[i+2])
					sum[3] += uint32(from[i+3])
				}
			}
			for c := range sum {
				to[4*x+c] = uint8((sum[c] + n/2) / n)
			}
		}
	}
	return out
}
