package bench

import (
	"math/bits"
	"time"
)

// hist counts durations in 64 steps for each power of two, so that a quantile is within 1.6 %.
type hist struct {
	counts [58 * 64]uint32
	n      uint64
	max    time.Duration
}

func (h *hist) add(d time.Duration) {
	d = max(d, 0)
	h.max = max(h.max, d)
	h.n++
	h.counts[slot(uint64(d))]++
}

func slot(v uint64) int {
	if v < 64 {
		return int(v)
	}
	e := bits.Len64(v) - 7
	return (e+1)<<6 | int(v>>e)&63
}

// quantile returns the duration below which the part p of all lie.
func (h *hist) quantile(p float64) time.Duration {
	want, seen := uint64(p*float64(h.n)), uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); seen <= want {
			continue
		}
		if i < 64 {
			return time.Duration(i)
		}
		return time.Duration(uint64(i&63|64) << (i>>6 - 1))
	}
	return h.max
}
