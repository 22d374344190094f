package quictransport

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

// An owed is what a peer owes: a live one acknowledges what is written to it within a
// round trip, whether or not its host reads. Nothing else tells of a path that is lost,
// or of a process that was killed, before the connection times out. Time is counted in
// looks, so that time in which this process did not run is one look at most.
type owed struct {
	// asked is one more than the packets that had come before the last write; 0 if there
	// was none.
	asked atomic.Uint64

	looks int
	told  bool
}

// mostLooks are how many times the peer is found to owe before that is told.
const mostLooks = 6

// wrote notes a write that the connection has taken, with what it said before.
func (o *owed) wrote(before quic.ConnectionStats) { o.asked.Store(before.PacketsReceived + 1) }

// look takes what the connection says of itself, once for each span of time, and returns
// true when nothing has come since before the last write for mostLooks of them and four round
// trips. It is for one goroutine.
func (o *owed) look(st quic.ConnectionStats, span time.Duration) bool {
	if st.PacketsReceived+1 != o.asked.Load() {
		o.looks, o.told = 0, false
		return false
	}
	o.looks++
	if o.told || time.Duration(o.looks)*span < mostLooks*span+4*st.SmoothedRTT {
		return false
	}
	o.told = true
	return true
}

// watchOwed reports the peer unreachable, once in each silence, before the
// connection times out (statement B5). The connection stays: messages that were
// written may still arrive.
func (l *link) watchOwed(ctx context.Context) {
	limit := l.peer.e.timing.unanswered
	for !pause.Until(ctx.Done(), limit/mostLooks) {
		if l.owed.look(l.conn.ConnectionStats(), limit/mostLooks) {
			l.peer.e.Reporter.Unreachable(l.peer.id, fmt.Sprintf("it has not acknowledged a packet for %v", limit))
		}
	}
}
