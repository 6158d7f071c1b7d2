package awsdev

import "sync/atomic"

// Faults are switched on while the house runs. They are what AWS warns of, made frequent.
type Faults struct {
	LoseDisconnects atomic.Bool  // a connection that ends is not told to the function
	KillBeforePush  atomic.Int32 // so many workers of the functions that write are killed at their first push: what they stored is not told
	DuplicateJobs   atomic.Bool  // every batch of jobs is delivered twice
	ReplayStream    atomic.Bool  // every batch of stream records is delivered twice
	ThrottlePushes  atomic.Int32 // so many pushes are refused by 429
	FailPushes      atomic.Int32 // so many pushes are answered by 500, although they were sent
	RefuseJobs      atomic.Int32 // so many jobs of batches are not taken, while others of the batch are
	DelayStream     atomic.Int64 // before each batch of stream records, in nanoseconds

	// What AWS does not do. Tests show by these that they would notice.
	DropPushes atomic.Int32 // so many pushes of new messages are said to be sent, and are not
	SwapPushes atomic.Int32 // so many pushes of new messages are sent after the next one of their connection
}

// take counts one off; false if none is left.
func take(n *atomic.Int32) bool {
	for {
		left := n.Load()
		if left <= 0 {
			return false
		}
		if n.CompareAndSwap(left, left-1) {
			return true
		}
	}
}
