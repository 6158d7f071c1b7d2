package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// point is one step of the load curve; rates are a second.
type point struct {
	part, offered, acked, refused float64 // part is of what the server can take
	p99                           time.Duration
}

// Sizes of the picture, in its own units.
const (
	pictureWidth = 720
	panelLeft    = 64
	panelRight   = 16
	panelHeight  = 120
	panelPitch   = 172
	panelTop     = 40
)

const pictureStyle = `<style>
text { font: 13px system-ui, sans-serif; fill: #1c1e21 } .dim { fill: #65696f } .line { fill: none; stroke: #0b6bcb; stroke-width: 2.5; stroke-linejoin: round }
.dot { fill: #0b6bcb } .grid { stroke: #d9dce0 } .ideal { stroke: #8a8f96; stroke-dasharray: 4 4 }
@media (prefers-color-scheme: dark) { text { fill: #e6e8ea } .dim { fill: #a0a5ab } .line { stroke: #6db3f2 } .dot { fill: #6db3f2 } .grid { stroke: #3a3e44 } .ideal { stroke: #7d838a } }
</style>
`

// panel is one diagram over the offered load.
type panel struct {
	title string
	value func(point) float64
	ideal func(point) float64 // a dashed line beside, if not nil
	unit  string
}

// draw draws the load curve as SVG that goes with light and dark pages: what is stored, how long that takes, what is refused.
func draw(w io.Writer, points []point) {
	panels := []panel{
		{"Acknowledged a second; dashed: offered", func(p point) float64 { return p.acked }, func(p point) float64 { return p.offered }, ""},
		{"p99 from due to acknowledged, of what is taken, in ms", func(p point) float64 { return millis(p.p99) }, nil, " ms"},
		{"Refused, in %", func(p point) float64 { return 100 * p.refused / max(p.offered, 1) }, nil, " %"},
	}
	height := panelTop + len(panels)*panelPitch
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Load curve up to twice what one machine can take">`+"\n%s",
		pictureWidth, height, pictureStyle)
	for i := range panels {
		panels[i].draw(w, points, panelTop+i*panelPitch)
	}
	fmt.Fprintf(w, `<text class="dim" x="%d" y="%d" text-anchor="end">offered, in parts of what can be taken</text>`+"\n</svg>\n", pictureWidth-panelRight, height-4)
}

func (d *panel) draw(w io.Writer, points []point, top int) {
	most, widest := 0.0, 0.0
	for _, p := range points {
		most, widest = max(most, d.value(p)), max(widest, p.part)
	}
	step := roundStep(most / 3)
	most = max(step, step*math.Ceil(most/step))
	x := func(part float64) float64 {
		return panelLeft + part/widest*(pictureWidth-panelLeft-panelRight)
	}
	y := func(v float64) float64 { return float64(top+panelHeight) - min(v/most, 1.1)*panelHeight }
	fmt.Fprintf(w, `<text x="%d" y="%d">%s</text>`+"\n", panelLeft, top-14, d.title)
	for v := 0.0; v <= most*1.001; v += step {
		fmt.Fprintf(w, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="dim" x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			panelLeft, pictureWidth-panelRight, y(v), y(v), panelLeft-8, y(v)+4, number(v))
	}
	for part := 0.0; part <= widest+.001; part += .5 {
		fmt.Fprintf(w, `<text class="dim" x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n", x(part), top+panelHeight+18, part)
	}
	var line strings.Builder
	for i, p := range points {
		if d.ideal != nil && i > 0 && d.ideal(p) <= most*1.1 {
			q := points[i-1]
			fmt.Fprintf(w, `<line class="ideal" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", x(q.part), y(d.ideal(q)), x(p.part), y(d.ideal(p)))
		}
		fmt.Fprintf(&line, "%.1f,%.1f ", x(p.part), y(d.value(p)))
	}
	fmt.Fprintf(w, `<polyline class="line" points="%s"/>`+"\n", strings.TrimSpace(line.String()))
	for _, p := range points {
		fmt.Fprintf(w, `<circle class="dot" cx="%.1f" cy="%.1f" r="3.5"><title>%s offered a second: %s%s</title></circle>`+"\n",
			x(p.part), y(d.value(p)), number(p.offered), number(d.value(p)), d.unit)
	}
}

// roundStep is the next of 1, 2, 5, 10, … that is at least v.
func roundStep(v float64) float64 {
	if v <= 0 {
		return 1
	}
	base := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 5} {
		if f*base >= v {
			return f * base
		}
	}
	return 10 * base
}

// number writes thousands apart.
func number(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	if v < 10 && v != math.Trunc(v) {
		s = fmt.Sprintf("%.1f", v)
	}
	if n := len(s); n > 3 {
		s = s[:n-3] + "," + s[n-3:]
	}
	return s
}
