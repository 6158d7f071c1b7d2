// Package table is the driver port under every storage port of Parley: ordered tables of items, read by key or by a
// sorted range, written by one atomic conditional transaction. It is the part of DynamoDB's model that an embedded
// ordered key-value store can give as well, so that package store is written once.
//
// An engine (store/pebble, store/dynamo) implements [DB] and passes tabletest.Run. Engines know nothing of chat.
package table

import (
	"context"
	"errors"
	"fmt"
)

// Limits every engine keeps, so that what is accepted by one is accepted by all.
const (
	MaxOps        = 100        // operations in one Write (DynamoDB TransactWriteItems)
	MaxKeys       = 100        // keys in one Get (DynamoDB BatchGetItem)
	MaxItemBytes  = 400 * 1024 // names and values of one item
	MaxWriteBytes = 4 << 20    // items and keys in one Write together
	MaxPartBytes  = 2048       // partition key
	MaxSortBytes  = 1024       // sort key
	MaxLimit      = 1000       // items in one Page
)

// Schema names a table. A table with an empty Sort has one item a partition key.
type Schema struct {
	Name    string
	Part    string // attribute name of the partition key
	Sort    string // attribute name of the sort key, or empty
	Indexes []Index
}

// Index is a secondary index, kept by the engine. An item stands in it while it has both attributes, of which either may
// be the table's own key. An attribute that an index stands on is a key where it is there: text, not empty, within the
// limits. Reads of an index give the whole item, and may lag behind its table on some engines.
type Index struct {
	Name string
	Part string // attribute name
	Sort string // attribute name
}

// Key addresses one item of a table. Both parts are valid UTF-8; Part is not empty; Sort is empty exactly when the
// table has no sort key. Keys order by the bytes of Sort within one Part; there is no order between partitions.
type Key struct{ Part, Sort string }

// Item is one record. Attrs holds everything but the key and the expiry; names are unique within an item, not empty,
// and neither "ttl" nor those of the table's key.
// Items that an engine returns are the caller's. Those handed to it are the caller's again when the call returns.
type Item struct {
	Key   Key
	Attrs []Attr
	// Expires is the epoch second from which the item counts as gone for every read and condition, whether or not the
	// engine has removed it yet. Zero: never. Stored as attribute "ttl".
	Expires int64
}

// Attr is a named value.
type Attr struct {
	Name  string
	Value Value
}

// Kind tells what a Value holds.
type Kind uint8

// The kinds of values, those that DynamoDB and a byte codec share.
const (
	Text   Kind = iota + 1 // valid UTF-8, may be empty
	Number                 // a signed 64-bit integer
	Bytes                  // any bytes, may be empty
)

// Value is one typed value; the zero Value means absent.
type Value struct {
	Kind Kind
	Text string
	Num  int64
	Data []byte
}

// S makes a text attribute.
func S(name, v string) Attr { return Attr{name, Value{Kind: Text, Text: v}} }

// N makes a number attribute.
func N(name string, v int64) Attr { return Attr{name, Value{Kind: Number, Num: v}} }

// B makes a bytes attribute.
func B(name string, v []byte) Attr { return Attr{name, Value{Kind: Bytes, Data: v}} }

// Get returns the value of the named attribute, or the zero Value.
func (it *Item) Get(name string) Value {
	for i := range it.Attrs {
		if it.Attrs[i].Name == name {
			return it.Attrs[i].Value
		}
	}
	return Value{}
}

// Text returns the named text, or "".
func (it *Item) Text(name string) string { return it.Get(name).Text }

// Num returns the named number, or 0.
func (it *Item) Num(name string) int64 { return it.Get(name).Num }

// Data returns the named bytes, or nil.
func (it *Item) Data(name string) []byte { return it.Get(name).Data }

// OpKind is what an Op does.
type OpKind uint8

// The operations of a Write.
const (
	Put    OpKind = iota + 1 // store Item, replacing what is there
	Delete                   // remove Item.Key; nothing there is no error
	Check                    // only test the condition on Item.Key
)

// Op is one operation of an atomic Write, done only if If holds for the item stored under the same key.
type Op struct {
	Kind  OpKind
	Table string
	Item  Item // for Delete and Check only the Key counts
	If    Cond
}

// CondKind is how a Cond tests the stored item.
type CondKind uint8

// The conditions. An expired item counts as absent.
const (
	Always    CondKind = iota
	Absent             // there is no item
	Present            // there is an item
	Equal              // there is an item and its attribute Attr equals Value
	LessOrNew          // there is no item, or it lacks Attr, or its number Attr is less than Value.Num
	// Fresh is a promise, not a test: there has never been an item, as another condition of the same Write makes sure, so
	// that an engine need not look for one to replace. So it is with the next entry of a log whose head is as expected.
	Fresh // of a Put only
	// Once is Absent, with a promise: under this key there has never been an item that does not expire, nor is this one
	// such, so that an engine which remembers what expires need not look. So it is with a record that something was done.
	Once // of a Put only
)

// Cond is a condition on one stored item.
type Cond struct {
	Kind  CondKind
	Attr  string
	Value Value
}

// Query asks for a range of one partition of a table or index.
type Query struct {
	Table string
	Index string // empty: the table itself
	Part  string
	// From and To bound the sort key, both inclusive and valid UTF-8; an empty To has no upper bound.
	From, To string
	Reverse  bool   // descending
	Limit    int    // 1 to MaxLimit; zero means MaxLimit
	After    string // Page.Next of the page before of this same query, or empty
}

// Page is one answer of a Query: the items in order, and where the next page begins.
// A page may be shorter than Limit (even empty) although there is more; only an empty Next says that the range is done.
type Page struct {
	Items []Item
	Next  string
}

// DB is a set of tables, opened with their schemas. All methods are safe for concurrent use.
//
// Reads of a table (not of an index) see every Write that returned before the read began, and never a write that a
// crash could still take back.
type DB interface {
	// Get returns the items under keys of one table, in the order of keys; a missing or expired one is a zero Item
	// (Key.Part is empty). At most MaxKeys.
	Get(ctx context.Context, table string, keys ...Key) ([]Item, error)

	// Query returns one page of a range.
	Query(ctx context.Context, q Query) (Page, error)

	// Write does all of ops or none, at most MaxOps on distinct keys. It returns when they are durable.
	// If conditions fail, the error is a *Failed that names every operation whose condition failed.
	// Engines retry contention and throttling themselves until ctx ends; ErrBusy means they gave up.
	Write(ctx context.Context, ops ...Op) error

	// Close ends the use of the DB; calls after it fail with ErrClosed.
	Close() error
}

// Scanner is the rare power to read whole tables, for export and repair only: never on the path of a message.
type Scanner interface {
	// Scan returns a page of all items that are not expired, of one table, grouped by partition and in key order within
	// one. The order of partitions is the engine's own but does not change between pages.
	Scan(ctx context.Context, table, after string, limit int) (Page, error)
}

// Failed tells which conditions of a Write did not hold; nothing was written.
type Failed struct {
	Ops []int // positions in the call, ascending
}

// Error names the operations by their places in the transaction.
func (e *Failed) Error() string { return fmt.Sprintf("condition failed for operations %v", e.Ops) }

// Errors every engine returns, found by errors.Is.
var (
	ErrBusy    = errors.New("store is busy")                     // contention or throttling outlasted the retries
	ErrClosed  = errors.New("store is closed")                   // used after Close
	ErrFull    = errors.New("no space left on the store's disk") // nothing was written
	ErrCorrupt = errors.New("stored data is damaged")            // a checksum or an encoding is wrong
	ErrLocked  = errors.New("data folder is in use by another process")
	ErrNewer   = errors.New("data was written by a newer version")
	ErrInvalid = errors.New("invalid request to the store") // a caller's mistake: unknown table, key or size out of bounds
)
