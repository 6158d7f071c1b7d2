package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"
)

// curve offers more and more texts to small rooms, up to twice what the server can take.
func (s *session) curve(ctx context.Context) error {
	sh := shape{rooms: 200, members: 10}
	return s.with(ctx, startParley, sh, true, func(t *target, c *clients) error {
		full, err := c.run(ctx, t, s.at, load{window: 32}, seconds(s.Warm), seconds(s.Seconds))
		if err != nil {
			return err
		}
		tableHead(s.Out, fmt.Sprintf("Load curve. 200 rooms of 10; with 32 texts under way in each room it takes %.0f/s.", full.rate()),
			"wanted", "offered/s", "acked/s", "ack p50, ms", "ack p99, ms", "refused/s", "server CPU", "faults so far")
		faults := full.faults()
		defer func() { s.faults += faults }()
		var points []point
		for _, part := range []float64{.1, .25, .5, .7, .8, .9, 1, 1.1, 1.25, 1.5, 2} {
			r, err := c.run(ctx, t, s.at, load{rate: part * full.rate()}, time.Second, seconds(s.Seconds/2))
			if err != nil {
				return err
			}
			faults = r.faults() // so far
			p := point{offered: float64(r.sent) / r.seconds, acked: r.rate(), refused: float64(r.refused) / r.seconds, p99: r.ack.quantile(.99)}
			p.part = p.offered / full.rate()
			points = append(points, p)
			tableRow(s.Out, fmt.Sprintf("%.0f %%", 100*part), fmt.Sprintf("%.0f", p.offered), fmt.Sprintf("%.0f", p.acked),
				fmt.Sprintf("%.1f", millis(r.ack.quantile(.5))), fmt.Sprintf("%.1f", millis(p.p99)),
				fmt.Sprintf("%.0f", p.refused), share(r.server.Seconds(), r.seconds), r.fault())
		}
		if s.Picture == "" {
			return nil
		}
		var picture bytes.Buffer
		draw(&picture, points)
		if err := os.WriteFile(s.Picture, picture.Bytes(), 0o644); err != nil { //nolint:gosec // a picture for everybody
			return fmt.Errorf("draw the curve: %w", err)
		}
		return nil
	})
}
