package chat_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parley/chat"
	"parley/names"
)

// disk is a store of rooms that are all there with everybody in them. It commits as the embedded one does: what waits
// together is written together, which takes a time for each write and each message; all on the clock of a bubble.
type disk struct {
	chat.Log
	chat.Rooms
	chat.Users
	commits  chan chan struct{}
	messages atomic.Int64 // waiting to be written with the next
	stored   atomic.Int64
}

const (
	perWrite   = 4 * time.Millisecond
	perMessage = 100 * time.Microsecond // so 8,000 to 10,000 a second are the most
)

func (d *disk) Commit(_ context.Context, c chat.Commit) error {
	done := make(chan struct{})
	d.messages.Add(int64(len(c.New)))
	d.commits <- done
	<-done
	return nil
}

func (d *disk) Room(id string) chat.Room { return chat.Room{RoomID: id, Kind: chat.Public, HeadSeq: 1} }

func (d *disk) run(ctx context.Context) {
	for {
		var group []chan struct{}
		select {
		case <-ctx.Done():
			return
		case c := <-d.commits:
			group = append(group, c)
		}
		for more := true; more && len(group) < 512; {
			select {
			case c := <-d.commits:
				group = append(group, c)
			default:
				more = false
			}
		}
		n := d.messages.Swap(0) // those of later groups too, on whose side the error is
		time.Sleep(perWrite + time.Duration(n)*perMessage)
		d.stored.Add(n)
		for _, c := range group {
			close(c)
		}
	}
}

// shelf answers the reads of a disk.
type shelf struct{ *disk }

func (s shelf) Rooms(_ context.Context, ids ...string) ([]chat.Room, error) {
	return []chat.Room{s.Room(ids[0])}, nil
}

func (s shelf) Member(_ context.Context, roomID, userID string) (chat.Membership, error) {
	return chat.Membership{RoomID: roomID, UserID: userID, Role: chat.Member}, nil
}

func (s shelf) Users(_ context.Context, ids ...string) ([]chat.User, error) {
	return []chat.User{{UserID: ids[0], Username: ids[0]}}, nil
}

// outcome is what became of messages that came at a steady rate.
type outcome struct {
	acked, refused int
	p50, p99, max  time.Duration // from sending to the acknowledgement
	most           int64         // bytes that waited at most
}

func (o *outcome) String() string {
	return fmt.Sprintf("%6d acknowledged, %6d refused, p50 %4d ms, p99 %4d ms, max %4d ms, at most %5d KiB waiting", o.acked, o.refused,
		o.p50.Milliseconds(), o.p99.Milliseconds(), o.max.Milliseconds(), o.most>>10)
}

// stream is a part of the load: rate messages a second, spread over rooms.
type stream struct {
	rooms []string
	rate  int
}

// offer sends streams for a while, without waiting for answers, and tells what became of each.
func offer(t *testing.T, long time.Duration, streams ...stream) []outcome {
	t.Helper()
	out := make([]outcome, len(streams))
	synctest.Test(t, func(t *testing.T) {
		d := &disk{commits: make(chan chan struct{}, 4096)}
		ctx, stop := context.WithCancel(t.Context())
		go d.run(ctx)
		svc := chat.New(chat.Config{Log: d, Rooms: shelf{d}, Users: shelf{d}, Deliverer: deaf{}, Limiter: limiter(nil), Names: names.Precis{},
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		waits := make([]chan time.Duration, len(streams))
		for i := range waits {
			waits[i] = make(chan time.Duration, streams[i].rate*int(long/time.Second)+1)
		}
		keys := 0
		for began := time.Now(); time.Since(began) < long; time.Sleep(5 * time.Millisecond) {
			tick := int(time.Since(began) / (5 * time.Millisecond))
			for i, s := range streams {
				for n := tick * s.rate / 200; n < (tick+1)*s.rate/200; n++ {
					keys++
					at := time.Now()
					svc.Submit(ctx, "u", chat.NewMessage{RoomID: s.rooms[n%len(s.rooms)], Content: "hello", ClientMessageID: fmt.Sprint(keys)},
						chat.Origin{}, func(_ chat.Message, _ bool, err error) {
							if err != nil {
								waits[i] <- -1
								return
							}
							waits[i] <- time.Since(at)
						})
				}
				out[i].most = max(out[i].most, chat.Waiting(svc))
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "bytes waiting at the end", chat.Waiting(svc), 0)
		all := 0
		for i, w := range waits {
			out[i].read(w)
			all += out[i].acked
		}
		equal(t, "messages stored", int(d.stored.Load()), all)
		stop()
	})
	return out
}

func (o *outcome) read(waits chan time.Duration) {
	close(waits)
	var took []time.Duration
	for w := range waits {
		if w < 0 {
			o.refused++
			continue
		}
		took = append(took, w)
	}
	o.acked = len(took)
	slices.Sort(took)
	if len(took) > 0 {
		o.p50, o.p99, o.max = took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
	}
}

func roomNames(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint("room-", i)
	}
	return out
}

// TestOverload offers up to four times what can be stored: what is stored stays the same, and what is taken does not
// wait long, whether few rooms are busy or very many.
func TestOverload(t *testing.T) {
	const seconds = 8
	const bound = chat.MaxWait * 5 / 2 // with what comes before the pace is known
	for _, rooms := range []int{10, 200, 20_000} {
		names := roomNames(rooms)
		var least int
		for _, rate := range []int{4000, 7000, 16_000, 32_000} {
			o := offer(t, seconds*time.Second, stream{names, rate})[0]
			t.Logf("%5d rooms, %5d/s: %v", rooms, rate, &o)
			if o.acked+o.refused != rate*seconds {
				t.Fatalf("%d answers to %d messages", o.acked+o.refused, rate*seconds)
			}
			switch {
			case rate < 8000:
				if o.refused > 0 {
					t.Errorf("%d rooms, %d/s: %d refused, though they can be stored", rooms, rate, o.refused)
				}
				least = o.acked
			case o.acked < least*95/100:
				t.Errorf("%d rooms, %d/s: %d are stored, %d of less load", rooms, rate, o.acked, least)
			case o.p99 > bound:
				t.Errorf("%d rooms, %d/s: p99 is %v", rooms, rate, o.p99)
			}
		}
	}
}

// TestNoisyNeighbours: rooms that get far more than they can take do not keep the others from being served: nothing of
// theirs is refused, and a message of theirs waits at most for the group that is being written and its own. Of each loud
// room a group has one commit.
func TestNoisyNeighbours(t *testing.T) {
	quiet := stream{roomNames(100), 200}
	const inTime = 20 // quiet messages that come while two groups are written
	for _, noisy := range []int{0, 1, 10} {
		var loud []string
		for i := range noisy {
			loud = append(loud, fmt.Sprint("loud-", i))
		}
		load := []stream{quiet}
		if noisy > 0 {
			load = append(load, stream{loud, 20_000})
		}
		out := offer(t, 8*time.Second, load...)
		for i := range out {
			t.Logf("%2d loud, %v: %v", noisy, i > 0, &out[i])
		}
		if out[0].refused > 0 {
			t.Errorf("%d messages of quiet rooms are refused", out[0].refused)
		}
		group := perWrite + time.Duration(noisy*chat.MaxCommitMessages+inTime)*perMessage
		if out[0].max > 2*group {
			t.Errorf("beside %d loud rooms a message takes %v, and a group %v", noisy, out[0].max, group)
		}
		if noisy > 0 && out[1].refused == 0 {
			t.Errorf("%d loud rooms get all they ask for: this shows nothing", noisy)
		}
	}
}
