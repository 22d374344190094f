//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"sync"
	"time"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// loadTally counts what became of the writes of a load.
type loadTally struct {
	took time.Duration // while it was sent

	mu      sync.Mutex
	offered int
	bytes   int64 // offered
	// inTime are those that were acknowledged within their timeout, and goodBytes
	// their sizes; late those that were acknowledged after it.
	inTime, late int
	goodBytes    int64
	// refused says for each write for which there was no room how long it took to
	// say so; expired are those that were not applied for want of time.
	refused          []time.Duration
	expired, unknown int
}

func (t *loadTally) offer(size int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.offered++
	t.bytes += int64(size)
}

func (t *loadTally) answer(w *loadWrite, r *hostv1.ProposalResult) {
	took := time.Since(w.at)
	t.mu.Lock()
	defer t.mu.Unlock()
	outcome := r.GetFailure().GetOutcome()
	switch {
	case outcome == hostv1.Outcome_OUTCOME_UNSPECIFIED && took <= w.timeout:
		t.inTime++
		t.goodBytes += int64(w.size)
	case outcome == hostv1.Outcome_OUTCOME_UNSPECIFIED:
		t.late++
	case outcome == hostv1.Outcome_OUTCOME_UNKNOWN:
		t.unknown++
	case r.GetFailure().GetReason() == "too_many_requests":
		t.refused = append(t.refused, took)
	default:
		t.expired++
	}
}

// goodput is how many writes a second were acknowledged in time.
func (t *loadTally) goodput() float64 { return float64(t.inTime) / t.took.Seconds() }

// rate is how many were offered a second.
func (t *loadTally) rate() float64 { return float64(t.offered) / t.took.Seconds() }

// refusal is within how long a share of the refused were refused.
func (t *loadTally) refusal(share float64) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.refused) == 0 {
		return 0
	}
	slices.Sort(t.refused)
	return t.refused[int(share*float64(len(t.refused)-1))]
}

func (t *loadTally) String() string {
	p50, p99 := t.refusal(0.5), t.refusal(0.99)
	t.mu.Lock()
	defer t.mu.Unlock()
	perSecond := func(n int) float64 { return float64(n) / t.took.Seconds() }
	return fmt.Sprintf("%.0f/s offered (%.1f MB/s), %.0f/s acknowledged in time (%.1f MB/s), %d late; %d refused, half of them in %v, 99%% in %v; "+
		"%d expired, %d unknown", perSecond(t.offered), float64(t.bytes)/t.took.Seconds()/1e6, perSecond(t.inTime),
		float64(t.goodBytes)/t.took.Seconds()/1e6, t.late, len(t.refused), p50, p99, t.expired, t.unknown)
}
