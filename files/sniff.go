package files

import (
	"mime"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

const unknown = "application/octet-stream"

// sniff tells the type of a file by its beginning. What the client declared counts only where the beginning leaves it
// open, and never makes a file one that is shown.
func sniff(head []byte, declared string) string {
	found := mimetype.Detect(head)
	name := plainType(found.String())
	switch {
	case name == declared || sameContainer(name, declared):
		return declared
	case inline(name) || inline(declared) || markup(declared):
		return name
	case name == unknown: // a type that the library does not know
		top, _, _ := strings.Cut(declared, "/")
		if top != "text" && top != "image" && top != "audio" && top != "video" && mimetype.Lookup(declared) == nil {
			return declared
		}
	case name == "text/plain" && strings.HasPrefix(declared, "text/"):
		return declared
	default: // a kind of what was found, as a document is a kind of ZIP file
		for m := mimetype.Lookup(declared); m != nil; m = m.Parent() {
			if m.Is(name) {
				return declared
			}
		}
	}
	return name
}

// plainType is a media type without parameters, under the name that browsers know.
func plainType(s string) string {
	t, _, err := mime.ParseMediaType(s)
	if err != nil {
		return unknown
	}
	switch t {
	case "audio/x-m4a":
		return "audio/mp4"
	case "audio/x-wav", "audio/vnd.wave":
		return "audio/wav"
	}
	return t
}

// sameContainer tells whether a declared type differs from the one found only by what is inside of a container, which
// its beginning does not tell: sound alone, or pictures too.
func sameContainer(found, declared string) bool {
	switch found {
	case "video/webm":
		return declared == "audio/webm"
	case "video/mp4":
		return declared == "audio/mp4"
	case "application/ogg":
		return declared == "audio/ogg" || declared == "video/ogg"
	}
	return false
}

// inline is the short list of what a browser shows or plays in a page without running anything of it.
func inline(mediaType string) bool {
	switch mediaType {
	case "image/jpeg", "image/png", "image/gif", "image/webp",
		"audio/mpeg", "audio/ogg", "audio/wav", "audio/flac", "audio/aac", "audio/mp4", "audio/webm",
		"video/mp4", "video/webm", "video/ogg", "video/quicktime":
		return true
	}
	return false
}

// markup is what a browser could run: it is never believed, only found.
func markup(mediaType string) bool {
	return mediaType == "text/html" || strings.HasSuffix(mediaType, "xml") || strings.Contains(mediaType, "script")
}
