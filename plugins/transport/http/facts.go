package httptransport

import (
	"io"
	"sync/atomic"
	"time"

	peerfacts "github.com/pontoon-raft/pontoon/plugins/transport/internal/facts"
)

// facts are what can be said of a peer. They are written and read by any
// goroutine.
type facts struct {
	peerfacts.Standing

	rtt    atomic.Int64               // nanoseconds; 0 if never measured
	stream [streamKinds]atomic.Uint64 // payload bytes queued for each stream
	posted atomic.Uint64              // payload bytes queued for the pipeline
	// Bytes of snapshots given to connections, and how often one went on
	// after a break.
	snapshot, resumed atomic.Uint64
}

func (f *facts) probed(rtt, skew time.Duration) {
	f.rtt.Store(max(int64(rtt), 1))
	f.Skew.Store(int64(skew))
}

// WriteMetrics implements shell.Endpoint.
func (e *endpoint) WriteMetrics(w io.Writer) error { return e.WriteFacts(w, peerFamilies()) }
