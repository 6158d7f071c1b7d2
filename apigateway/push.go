package apigateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"

	"parley/chat"
)

// Bounds of pushing.
const (
	parallel   = 128              // connections pushed to at once by one function
	postFor    = time.Second      // for the frames of one step to one connection, or its end, with repetitions
	noteFor    = time.Second      // for noting that a connection is to end, also when all else is over
	settleFor  = 10 * time.Second // a connection heard of so lately may not be open yet: 410 says nothing of it
	postTries  = 5
	maxBackoff = 300 * time.Millisecond
)

// Management is what is used of API Gateway's @connections; *apigatewaymanagementapi.Client has it.
type Management interface {
	PostToConnection(ctx context.Context, in *apigatewaymanagementapi.PostToConnectionInput, o ...func(*apigatewaymanagementapi.Options)) (*apigatewaymanagementapi.PostToConnectionOutput, error)
	DeleteConnection(ctx context.Context, in *apigatewaymanagementapi.DeleteConnectionInput, o ...func(*apigatewaymanagementapi.Options)) (*apigatewaymanagementapi.DeleteConnectionOutput, error)
	GetConnection(ctx context.Context, in *apigatewaymanagementapi.GetConnectionInput, o ...func(*apigatewaymanagementapi.Options)) (*apigatewaymanagementapi.GetConnectionOutput, error)
}

// NewManagement makes the client of one stage's @connections, endpoint being its https URL with the stage. Throttling
// (429) and faults of the gateway (5xx) are tried again after pauses that grow and vary.
func NewManagement(cfg aws.Config, endpoint string) *apigatewaymanagementapi.Client {
	return apigatewaymanagementapi.NewFromConfig(cfg, func(o *apigatewaymanagementapi.Options) {
		o.BaseEndpoint = aws.String(endpoint)
		o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns, t.MaxIdleConnsPerHost = parallel, parallel // no handshake for what is pushed at once again
		})
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts, r.MaxBackoff, r.RateLimiter = postTries, maxBackoff, ratelimit.None
			r.Backoff = retry.NewExponentialJitterBackoff(maxBackoff)
		})
	})
}

// target is a connection to push to.
type target struct {
	id, userID string
	seen       chat.Millis
}

// each calls f for all, many at once, until ctx ends.
func each[T any](ctx context.Context, all []T, f func(T)) {
	var calls sync.WaitGroup
	defer calls.Wait()
	slots := make(chan struct{}, parallel)
	for _, v := range all {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		calls.Go(func() {
			defer func() { <-slots }()
			f(v)
		})
	}
}

// parcel is frames for one connection, in order; frames are shared by all who hear the same.
type parcel struct {
	to     target
	frames []string
	own    map[int]string // in the place of frames, by index
	only   bool           // own and nothing else
}

// frame returns a frame by its index; false if it is not for this connection.
func (p *parcel) frame(i int) (string, bool) {
	if f, ok := p.own[i]; ok || p.only {
		return f, ok
	}
	return p.frames[i], true
}

// outcome is what became of parcels.
type outcome struct {
	gone []target // not there any more
	deaf []target // there, but does not take what it is sent
}

// push sends parcels, many at once, and each one's frames in order. The error is that of ctx: then it is not known who
// got what.
func (d *Deliverer) push(ctx context.Context, parcels []parcel) (outcome, error) {
	var out outcome
	var mu sync.Mutex // guards out
	var all sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i := range parcels {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			all.Wait()
			return out, ctx.Err()
		}
		all.Go(func() {
			defer func() { <-slots }()
			p := &parcels[i]
			gone, err := d.post(ctx, p)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case gone:
				out.gone = append(out.gone, p.to)
			case err != nil:
				out.deaf = append(out.deaf, p.to)
			}
		})
	}
	all.Wait()
	return out, ctx.Err()
}

// post sends the frames of a parcel.
func (d *Deliverer) post(ctx context.Context, p *parcel) (gone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, postFor)
	defer cancel()
	for i := range p.frames {
		frame, ok := p.frame(i)
		if !ok {
			continue
		}
		_, err := d.client.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &p.to.id, Data: []byte(frame)})
		if err != nil {
			return isGone(err), err
		}
	}
	return false, nil
}

func isGone(err error) bool {
	var response *awshttp.ResponseError
	return errors.As(err, &response) && response.HTTPStatusCode() == http.StatusGone
}

// settle forgets the connections that are gone, and ends those that would miss something without noticing: their clients
// come back and sync.
func (d *Deliverer) settle(ctx context.Context, out outcome) {
	d.endDeaf(ctx, out)
	d.forgetGone(ctx, out)
}

func (d *Deliverer) endDeaf(ctx context.Context, out outcome) {
	each(ctx, distinct(out.deaf), func(to target) {
		d.logger.WarnContext(ctx, "ending a connection that takes nothing", "connection", to.id, "user", to.userID)
		d.end(ctx, to)
	})
}

func (d *Deliverer) forgetGone(ctx context.Context, out outcome) {
	now := d.now().UnixMilli()
	settled := slices.DeleteFunc(distinct(out.gone), func(to target) bool { return now-to.seen <= settleFor.Milliseconds() })
	each(ctx, settled, func(to target) { d.forget(ctx, to) })
}

// distinct leaves out what is there twice.
func distinct(all []target) []target {
	slices.SortFunc(all, func(a, b target) int { return strings.Compare(a.id, b.id) })
	return slices.CompactFunc(all, func(a, b target) bool { return a.id == b.id })
}

// end closes a connection and forgets it. One that cannot be closed now, the gateway being busy, is noted as ending: it is
// told nothing from then on, and closed by whoever tells its person something, by Heal, or when it says something itself.
func (d *Deliverer) end(ctx context.Context, to target) {
	err := d.close(ctx, to)
	if err == nil || isGone(err) {
		d.forget(ctx, to)
		return
	}
	d.logger.WarnContext(ctx, "could not end a connection yet", "connection", to.id, "error", err)
	if to.userID == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteFor)
	defer cancel()
	last, err := d.store.End(ctx, to.userID, to.id)
	if err != nil {
		d.logger.ErrorContext(ctx, "could not note that a connection is to end", "connection", to.id, "error", err)
	}
	if last {
		d.offline(ctx, to.userID)
	}
}

// close asks the gateway to close a connection.
func (d *Deliverer) close(ctx context.Context, to target) error {
	ctx, cancel := context.WithTimeout(ctx, postFor)
	defer cancel()
	_, err := d.client.DeleteConnection(ctx, &apigatewaymanagementapi.DeleteConnectionInput{ConnectionId: &to.id})
	return err
}

// forget removes a connection, and tells that its person went if it was their last one.
func (d *Deliverer) forget(ctx context.Context, to target) {
	if to.userID == "" {
		return
	}
	last, err := d.store.Forget(ctx, to.userID, to.id)
	if err != nil {
		d.logger.WarnContext(ctx, "could not forget a connection", "connection", to.id, "error", err)
	}
	if last {
		d.offline(ctx, to.userID)
	}
}

// reach is how people are reached.
type reach struct {
	open   []target // by their sockets
	ending []target // not: these are still to be closed
	polls  []target // when they ask
	silent []target // not: they do not ask any more
}

// reach finds how people are reached.
func (d *Deliverer) reach(ctx context.Context, userIDs []string) (reach, error) {
	found, err := d.store.ConnectionsOf(ctx, userIDs...)
	if err != nil {
		return reach{}, err
	}
	r := reach{open: make([]target, 0, len(found))}
	for _, id := range userIDs {
		for _, c := range found[id] {
			to := target{c.ConnectionID, id, c.LastSeen}
			switch {
			case c.Polls && d.alive(c):
				r.polls = append(r.polls, to)
			case c.Polls:
				r.silent = append(r.silent, to)
			case c.Ending:
				r.ending = append(r.ending, to)
			default:
				r.open = append(r.open, to)
			}
		}
	}
	return r, nil
}
