package courier

import (
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/repeats"
)

const (
	// reachableAgain is how long the log has no second line that a transport
	// reaches a peer: connections may come and go as fast as two can dial.
	reachableAgain = time.Minute
	// mostReachable bounds what is remembered of that, callers under names of
	// their own choice included.
	mostReachable = 256
)

// passage is how a peer is reached.
type passage struct {
	peer      member.ID
	transport string
}

// newReachable has which connections with peers the log has had lately.
func newReachable() *repeats.Book[passage] {
	return repeats.New[passage](repeats.Rule{Pause: reachableAgain, Most: mostReachable, Forgets: true})
}

// connectedTo says in the log that a peer is reached, unless it was said lately.
func (h handler) connectedTo(peer member.ID) {
	p := passage{peer, h.by.Slot.Status().Name}
	if before, due := h.c.reachable.Note(p, time.Now()); due {
		h.c.logger.Info("peer is reachable", "peer", p.peer, "plugin", p.transport, "more_since_last_line", before)
	}
}
