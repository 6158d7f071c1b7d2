package bench

import (
	"context"
	"fmt"
	"time"
)

const (
	quietRooms = 100
	loudRooms  = 10
	quietRate  = 200 // texts a second in all quiet rooms
	loudWindow = 64  // texts of one person under way: more are not read from one connection
)

// noisy lets people talk in quiet rooms, alone and beside rooms in which one person sends all that the server takes.
func (s *session) noisy(ctx context.Context) error {
	return s.with(ctx, startParley, shape{rooms: quietRooms + loudRooms, members: 10}, true, func(t *target, c *clients) error {
		tableHead(s.Out, fmt.Sprintf("Noisy neighbours. %d rooms of 10 at %d texts/s in all; in each loud room one person has %d under way.", quietRooms, quietRate, loudWindow),
			"loud rooms", "their acked/s", "others' ack p50, ms", "p99, ms", "× alone", "delivery p99, ms", "refused of others", "server CPU", "faults")
		for _, r := range c.rooms[quietRooms:] {
			r.loud = true
		}
		var alone time.Duration
		for _, loud := range []int{0, 1, loudRooms} {
			talk := c.sender(load{rate: quietRate, rooms: c.rooms[:quietRooms]})
			speak := func(r *room) { c.publish(r.members[0], c.now()) }
			for _, r := range c.rooms[quietRooms : quietRooms+loud] {
				for range loudWindow {
					speak(r)
				}
			}
			c.done = func(r *room) {
				if r.loud {
					speak(r)
				}
			}
			r, err := c.measure(ctx, t, s.at, talk, seconds(s.Warm), seconds(s.Seconds))
			if err != nil {
				return err
			}
			p99 := r.ack.quantile(.99)
			if loud == 0 {
				alone = p99
			}
			tableRow(s.Out, loud, fmt.Sprintf("%.0f", float64(r.loud.acked)/r.seconds), fmt.Sprintf("%.1f", millis(r.ack.quantile(.5))), fmt.Sprintf("%.1f", millis(p99)),
				fmt.Sprintf("%.1f", millis(p99)/millis(alone)), fmt.Sprintf("%.1f", millis(r.delivery.quantile(.99))), r.refused,
				share(r.server.Seconds(), r.seconds), r.fault())
			if loud == loudRooms {
				s.faults += r.faults() // of all so far
			}
		}
		return nil
	})
}
