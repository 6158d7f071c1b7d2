package bench

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// The picture is well-formed, has each point in each panel, and stays within its frame, whatever is measured.
func TestPicture(t *testing.T) {
	for name, points := range map[string][]point{
		"curve":   {{.5, 1000, 1000, 0, 5 * time.Millisecond}, {1, 2000, 1990, 10, 50 * time.Millisecond}, {2, 4000, 2000, 2000, time.Second}},
		"nothing": {{.5, 0, 0, 0, 0}, {2, 0, 0, 0, 0}},
	} {
		var b bytes.Buffer
		draw(&b, points)
		circles := 0
		for d := xml.NewDecoder(&b); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			start, ok := token.(xml.StartElement)
			if !ok {
				continue
			}
			for _, a := range start.Attr {
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") || strings.Contains(a.Value, "-1") {
					t.Errorf("%s: %s=%q", name, a.Name.Local, a.Value)
				}
			}
			if start.Name.Local == "circle" {
				circles++
			}
		}
		if circles != 3*len(points) {
			t.Errorf("%s: %d circles of %d points", name, circles, len(points))
		}
	}
}
