package gateway

import "sync/atomic"

// queue holds what a slow reader has still to be sent: runs of whole frames, shared with other connections and never
// written to. It is guarded by its connection's mu. An empty queue holds no memory.
type queue struct {
	runs  [][]byte
	total *atomic.Int64 // bytes in the queues of all connections
	size  int           // bytes
	taken int           // runs that a flusher is writing now
	begun bool          // the first run is partly sent
}

func (q *queue) empty() bool { return len(q.runs) == 0 }

// behind tells whether more waits than is being written now.
func (q *queue) behind() bool { return len(q.runs) > q.taken }

func (q *queue) push(run []byte) {
	q.runs = append(q.runs, run)
	q.grow(len(run))
}

func (q *queue) grow(n int) {
	q.size += n
	q.total.Add(int64(n))
}

// drop empties the queue for good.
func (q *queue) drop() {
	q.grow(-q.size)
	*q = queue{total: q.total}
}

// take returns bytes to write next, joined in scratch if they are of several runs. They stay in the queue until wrote.
func (q *queue) take(scratch []byte) []byte {
	if len(q.runs) == 0 {
		return nil
	}
	if q.taken = 1; len(q.runs) == 1 || len(q.runs[0])+len(q.runs[1]) > cap(scratch) {
		return q.runs[0]
	}
	b := append(scratch[:0], q.runs[0]...)
	for _, run := range q.runs[1:] {
		if len(b)+len(run) > cap(b) {
			break
		}
		b = append(b, run...)
		q.taken++
	}
	return b
}

// wrote removes the first n bytes.
func (q *queue) wrote(n int) {
	q.taken = 0
	q.grow(-n)
	for n > 0 {
		if run := q.runs[0]; n < len(run) {
			q.runs[0], q.begun = run[n:], true
			return
		}
		n -= len(q.runs[0])
		q.begun = false
		q.runs[0] = nil
		q.runs = q.runs[1:]
	}
	if len(q.runs) == 0 {
		q.runs = nil
	}
}

// trim drops all but what is partly sent or being written: the peer gets whole frames only.
func (q *queue) trim() {
	keep := q.taken
	if q.begun {
		keep = max(keep, 1)
	}
	for _, run := range q.runs[keep:] {
		q.grow(-len(run))
	}
	clear(q.runs[keep:])
	if q.runs = q.runs[:keep]; keep == 0 {
		q.runs = nil
	}
}
