// Package dynamo is the engine of package table on Amazon DynamoDB, or anything that speaks its API. It knows nothing of
// chat.
//
// Every attribute of an item is one of DynamoDB's own (S, N or B), so that a table can be read in the console. Reads of
// tables are strongly consistent; reads of indexes are not, and lag behind by some milliseconds. What has expired counts as
// gone at once, though DynamoDB removes it only within days.
//
// A Write of one operation that may be repeated without harm is a PutItem or DeleteItem. Every other is a transaction:
// it costs twice the write units, and carries a token by which DynamoDB knows a request that the SDK repeats
// after its answer was lost, so that no condition fails on the caller's own write.
//
// Items that one Write stored become visible one by one, within milliseconds, before it returns: DynamoDB
// isolates each item, not a query. A reader never sees what will not be committed, and misses nothing that was acknowledged.
package dynamo

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"parley/store/table"
)

// Options says which tables to use. Client and Schemas are required.
type Options struct {
	Client  *dynamodb.Client
	Prefix  string           // before the name of every table
	Schemas []table.Schema   // the tables, which must exist: CreateTables makes them where Terraform does not
	Now     func() time.Time // clock for expiry; nil means time.Now
}

// DB implements table.DB and table.Scanner. It keeps nothing but its options, so there is nothing to fetch, and
// nothing is called, before the first request.
type DB struct {
	client  *dynamodb.Client
	prefix  string
	catalog table.Catalog
	now     func() time.Time
	retryer aws.Retryer
	closed  atomic.Bool
}

var (
	_ table.DB      = (*DB)(nil)
	_ table.Scanner = (*DB)(nil)
)

// Open checks opt (its errors are table.ErrInvalid); whether the tables exist shows at the first request.
func Open(opt Options) (*DB, error) {
	catalog, err := table.NewCatalog(opt.Schemas)
	if err != nil {
		return nil, err
	}
	if opt.Client == nil {
		return nil, table.Invalid("no DynamoDB client given")
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &DB{client: opt.Client, prefix: opt.Prefix, catalog: catalog, now: opt.Now, retryer: newRetryer()}, nil
}

// newRetryer retries throttling and failures of the network or the service, with jitter. It has no budget shared
// between requests: each is bounded by its attempts and its context.
func newRetryer() aws.Retryer {
	r := retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) { return pause(attempt), nil })
		o.RateLimiter = ratelimit.None
	})
	// The first of two requests with one token is still running: the second waits for its outcome.
	return retry.AddWithErrorCodes(r, "TransactionInProgressException")
}

// options sets the retries of one request.
func (d *DB) options(o *dynamodb.Options) { o.Retryer = d.retryer }

// Close implements table.DB. The client stays its owner's.
func (d *DB) Close() error {
	d.closed.Store(true)
	return nil
}

// ready tells why a request cannot begin.
func (d *DB) ready(ctx context.Context) error {
	if d.closed.Load() {
		return table.ErrClosed
	}
	return ctx.Err()
}

func (d *DB) table(name string) *string { return aws.String(d.prefix + name) }

// failure gives an error of the SDK what it means to the port.
func (d *DB) failure(ctx context.Context, doing, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s table %q: %w", doing, name, ctx.Err())
	case errors.Is(err, table.ErrBusy), errors.Is(err, table.ErrCorrupt):
		return fmt.Errorf("%s table %q: %w", doing, name, err)
	case d.retryer.IsErrorRetryable(err):
		return fmt.Errorf("%s table %q: %w: %w", doing, name, table.ErrBusy, err)
	}
	return fmt.Errorf("%s table %q: %w", doing, name, err)
}
