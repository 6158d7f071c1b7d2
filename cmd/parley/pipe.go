package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"parley/chat"
	"parley/client"
)

// pipe sends each line of the input as a message, in order, each when the one before is acknowledged; with --follow it
// prints what others say meanwhile and afterwards.
func (c *chatCmd) pipe(ctx context.Context, std streams, cl *client.Client, where *chat.RoomView) error {
	g, ctx := errgroup.WithContext(ctx)
	following := make(chan struct{})
	if !c.Follow {
		close(following)
	} else {
		p := printer{w: std.out, json: c.JSON}
		from, err := c.past(ctx, cl, where, &p)
		if err != nil {
			return err
		}
		g.Go(func() error { return c.follow(ctx, std, cl, where, &p, from, following) })
	}
	if !term.IsTerminal(int(std.in.Fd())) {
		g.Go(func() error {
			select {
			case <-following: // so that nothing said in answer is missed
			case <-ctx.Done():
				return ctx.Err()
			}
			return sendLines(ctx, std.in, cl, where.RoomID)
		})
	}
	err := g.Wait()
	if c.Follow && errors.Is(err, context.Canceled) {
		return nil // interrupted, as it is meant to end
	}
	return err
}

// sendLines sends the lines of r that are not blank.
func sendLines(ctx context.Context, r io.Reader, cl *client.Client, roomID string) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, chat.MaxContent+2)
	n := 0
	for lines.Scan() {
		n++
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		if err := sendPatiently(ctx, cl, chat.NewMessage{RoomID: roomID, Content: lines.Text(), ClientMessageID: client.NewID()}); err != nil {
			return fmt.Errorf("line %d was not sent: %w", n, plainError(err))
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d was not sent: a message has at most %d bytes", n+1, chat.MaxContent)
	}
	return lines.Err()
}

// sendPatiently goes on for as long as the server only asks to wait.
func sendPatiently(ctx context.Context, cl *client.Client, m chat.NewMessage) error {
	for {
		_, err := cl.Send(ctx, m)
		if chat.CodeOf(err) != chat.RateLimited || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(max(time.Second, chat.AsError(err).RetryAfter)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// past prints what was said before, and returns the last number of the room's log that is then known.
func (c *chatCmd) past(ctx context.Context, cl *client.Client, where *chat.RoomView, p *printer) (int64, error) {
	if c.History == 0 {
		return where.HeadSeq, nil
	}
	page, err := cl.History(ctx, where.RoomID, chat.PageQuery{Limit: c.History})
	if err != nil {
		return 0, err
	}
	for i := range page.Messages {
		if err := p.message(&page.Messages[i]); err != nil {
			return 0, err
		}
	}
	from := where.HeadSeq
	if n := len(page.Messages); n > 0 {
		from = max(from, page.Messages[n-1].Seq)
	}
	return from, nil
}

// follow prints the room's messages from a number on; it closes following when it has caught up first.
func (c *chatCmd) follow(ctx context.Context, std streams, cl *client.Client, where *chat.RoomView, p *printer, from int64,
	following chan struct{}) error {
	var once sync.Once
	stream := cl.Stream(client.StreamOptions{
		From: map[string]int64{where.RoomID: from},
		Handle: func(e client.Event) error {
			switch {
			case e.RoomID != where.RoomID:
				return nil
			case e.NewMessage != nil:
				return p.message(e.NewMessage)
			case e.Updated != nil && c.JSON:
				return p.message(e.Updated)
			case e.Reset && e.Seq == 0:
				return errors.New("you are not in this room any more")
			case e.Reset:
				fmt.Fprintln(std.err, "parley: too much was missed; going on with what is new")
			}
			return nil
		},
		OnState: func(s client.State, _ error) {
			if s == client.Current {
				once.Do(func() { close(following) })
			}
		},
	})
	return stream.Run(ctx)
}

// printer writes messages, one a line.
type printer struct {
	w    io.Writer
	json bool
}

func (p *printer) message(m *chat.Message) error {
	if p.json {
		return json.NewEncoder(p.w).Encode(m)
	}
	if m.DeletedAt != 0 {
		return nil
	}
	at := time.UnixMilli(m.CreatedAt).Format(time.DateTime)
	_, err := fmt.Fprintf(p.w, "%s %s: %s\n", at, m.Username, strings.ReplaceAll(clean(m.Content), "\n", "\n    "))
	return err
}
