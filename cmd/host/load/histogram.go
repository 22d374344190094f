package load

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// direct is how many microseconds have a counter of their own in a run: about
// a second. Longer latencies are rare and kept one by one.
const direct = 1 << 20

// A histogram counts latencies to the microsecond, in constant memory however
// long a run takes. All methods may be called concurrently.
type histogram struct {
	counts []atomic.Uint64 // by microsecond
	total  atomic.Uint64
	mu     sync.Mutex
	longer []time.Duration // under mu; whole microseconds
}

func newHistogram(direct int) *histogram { return &histogram{counts: make([]atomic.Uint64, direct)} }

// add counts one latency, rounded up to a microsecond.
func (h *histogram) add(d time.Duration) {
	micros := (max(d, 0) + time.Microsecond - 1) / time.Microsecond
	if int64(micros) < int64(len(h.counts)) {
		h.counts[micros].Add(1)
	} else {
		h.mu.Lock()
		h.longer = append(h.longer, micros*time.Microsecond)
		h.mu.Unlock()
	}
	h.total.Add(1)
}

func (h *histogram) count() uint64 { return h.total.Load() }

// quantile returns the smallest latency that at least the share q of all do
// not exceed; 0 without any. It must not run together with add.
func (h *histogram) quantile(q float64) time.Duration {
	total := h.total.Load()
	if total == 0 {
		return 0
	}
	rank := max(1, uint64(math.Ceil(q*float64(total))))
	var seen uint64
	for micros := range h.counts {
		if seen += h.counts[micros].Load(); seen >= rank {
			return time.Duration(micros) * time.Microsecond
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	slices.Sort(h.longer)
	return h.longer[min(rank-seen, uint64(len(h.longer)))-1]
}
