package files

import (
	"bytes"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"

	"github.com/bep/imagemeta"
	"golang.org/x/image/draw"
	"golang.org/x/image/webp"

	"parley/chat"
)

// Sizes of pictures.
const (
	AvatarSide = 256 // pixels; an avatar is a square

	maxPixels = 1 << 24 // of an upload: 4096 by 4096, about 128 MiB at the largest pixel format
	maxSide   = 1 << 14 // pixels
)

// codec decodes one image format.
type codec struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	meta   imagemeta.ImageFormat // where to look for the orientation; zero is nowhere
}

// codecOf returns the codec of a sniffed media type. What the client says about its upload is not asked.
func codecOf(mediaType string) (codec, bool) {
	switch mediaType {
	case "image/jpeg":
		return codec{jpeg.DecodeConfig, jpeg.Decode, imagemeta.JPEG}, true
	case "image/png":
		return codec{png.DecodeConfig, png.Decode, imagemeta.PNG}, true
	case "image/gif":
		return codec{gif.DecodeConfig, gif.Decode, 0}, true
	case "image/webp":
		return codec{webp.DecodeConfig, webp.Decode, imagemeta.WebP}, true
	}
	return codec{}, false
}

// square turns an uploaded picture into an avatar: its center as an upright square of AvatarSide pixels, as a JPEG, or as
// a PNG when it is transparent anywhere. Nothing of the upload but its pixels survives. Its size is checked before it is
// decoded. The extension names the format of the result.
func square(upload []byte) (encoded []byte, extension string, err error) {
	c, ok := codecOf(http.DetectContentType(upload))
	if !ok {
		return nil, "", chat.Errorf(chat.InvalidRequest, "A picture must be a JPEG, PNG, GIF or WebP file.")
	}
	config, err := c.config(bytes.NewReader(upload))
	if err != nil {
		return nil, "", broken(err)
	}
	if config.Width < 1 || config.Height < 1 {
		return nil, "", broken(nil)
	}
	if config.Width > maxSide || config.Height > maxSide || config.Width*config.Height > maxPixels {
		return nil, "", chat.Errorf(chat.TooLarge, "A picture has at most %d million pixels.", maxPixels/1_000_000)
	}
	img, err := c.decode(bytes.NewReader(upload))
	if err != nil {
		return nil, "", broken(err)
	}
	return encode(upright(scale(img), orientation(upload, c.meta)))
}

func broken(cause error) error {
	return &chat.Error{Code: chat.InvalidRequest, Message: "The picture cannot be read; it may be damaged.", Cause: cause}
}

// scale returns the center square of img in AvatarSide pixels.
func scale(img image.Image) *image.RGBA {
	b := img.Bounds()
	side := min(b.Dx(), b.Dy())
	corner := b.Min.Add(image.Pt((b.Dx()-side)/2, (b.Dy()-side)/2))
	out := image.NewRGBA(image.Rect(0, 0, AvatarSide, AvatarSide))
	draw.CatmullRom.Scale(out, out.Bounds(), img, image.Rectangle{Min: corner, Max: corner.Add(image.Pt(side, side))}, draw.Src, nil)
	return out
}

// orientation reads the EXIF orientation, 1 to 8; 1 where there is none that makes sense.
func orientation(upload []byte, format imagemeta.ImageFormat) int {
	found := 1
	if format == 0 {
		return found
	}
	// Damaged metadata is no reason to refuse a picture.
	_, _ = imagemeta.Decode(imagemeta.Options{
		R:           bytes.NewReader(upload),
		ImageFormat: format,
		Sources:     imagemeta.EXIF,
		ShouldHandleTag: func(t imagemeta.TagInfo) bool {
			return t.Namespace == "IFD0" && t.Tag == "Orientation"
		},
		HandleTag: func(t imagemeta.TagInfo) error {
			if v, ok := t.Value.(uint16); ok && v >= 1 && v <= 8 {
				found = int(v)
			}
			return imagemeta.ErrStopWalking
		},
	})
	return found
}

// upright turns a picture so that EXIF orientation o becomes 1. From 5 on rows and columns are swapped; of the rest each is
// a mirror along one axis, the other, or both.
func upright(src *image.RGBA, o int) *image.RGBA {
	if o == 1 {
		return src
	}
	w, h := src.Rect.Dx(), src.Rect.Dy()
	right, bottom := w-1, h-1
	if o >= 5 {
		w, h = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			sx, sy := x, y
			switch o {
			case 2:
				sx = right - x
			case 3:
				sx, sy = right-x, bottom-y
			case 4:
				sy = bottom - y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, bottom-x
			case 7:
				sx, sy = right-y, bottom-x
			case 8:
				sx, sy = right-y, x
			}
			out.SetRGBA(x, y, src.RGBAAt(sx, sy))
		}
	}
	return out
}

func encode(img *image.RGBA) ([]byte, string, error) {
	var out bytes.Buffer
	if img.Opaque() {
		err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 85})
		return out.Bytes(), "jpg", err
	}
	err := png.Encode(&out, img)
	return out.Bytes(), "png", err
}
