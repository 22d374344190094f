package httptransport

import (
	"io"
	"sync/atomic"
	"time"
)

// facts are what can be said of a peer. They are written and read by any
// goroutine.
type facts struct {
	since   atomic.Int64 // when the peer became active, Unix nanoseconds; 0 if it is not
	rtt     atomic.Int64 // nanoseconds; 0 if never measured
	skew    atomic.Int64 // nanoseconds by which the peer's clock is ahead
	dropped atomic.Uint64
	stream  [streamKinds]atomic.Uint64 // payload bytes queued for each stream
	posted  atomic.Uint64              // payload bytes queued for the pipeline
	// Bytes of snapshots given to connections, and how often one went on
	// after a break.
	snapshot, resumed atomic.Uint64
}

func (f *facts) probed(rtt, skew time.Duration) {
	f.rtt.Store(max(int64(rtt), 1))
	f.skew.Store(int64(skew))
}

func (f *facts) active(is bool) {
	if is {
		f.since.Store(time.Now().UnixNano())
	} else {
		f.since.Store(0)
	}
}

// WriteMetrics implements shell.Endpoint.
func (e *endpoint) WriteMetrics(w io.Writer) error { return e.WriteFacts(w, peerFamilies()) }
