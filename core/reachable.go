package core

import (
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/core/member"
)

const (
	// reachableAgain is how long the log has no second line that a transport
	// reaches a peer: connections may come and go as fast as two can dial.
	reachableAgain = time.Minute
	// mostReachable bounds what is remembered of that, callers under names of
	// their own choice included.
	mostReachable = 256
)

// reachable tells which connections with peers the log has had lately.
type reachable struct {
	mu   sync.Mutex
	said map[passage]time.Time
}

// passage is how a peer is reached.
type passage struct {
	peer      member.ID
	transport string
}

// due tells whether the log may have a line about the connection, and notes that
// it has.
func (r *reachable) due(w passage) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if at, said := r.said[w]; said && now.Sub(at) < reachableAgain {
		return false
	}
	for other, at := range r.said {
		if now.Sub(at) >= reachableAgain {
			delete(r.said, other)
		}
	}
	if len(r.said) >= mostReachable {
		return false
	}
	if r.said == nil {
		r.said = map[passage]time.Time{}
	}
	r.said[w] = now
	return true
}
