package server

import (
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
)

// reign is a time with one leader in one term, or with none. It is immutable: the
// raft goroutine puts the next one in its place and waits for no lock.
type reign struct {
	number   uint64 // counts reigns
	leader   member.ID
	term     uint64
	since    time.Time
	lastLost time.Time // when this member last saw a leader go
}

// StateChanged implements the node's port: it records when a leader was lost,
// on every member, and wakes all that wait for a change.
func (s *Server) StateChanged(st node.State) {
	next := *s.reigns.Load()
	if next.leader != 0 && st.Leader != next.leader {
		next.lastLost = time.Now()
		s.metrics.leaderChanges.Inc()
	}
	if st.Leader != next.leader || st.Term != next.term {
		next.number++
		next.since = time.Now()
	}
	next.leader, next.term = st.Leader, st.Term
	s.reigns.Store(&next)
	s.heardAgreed(st.Agreed)
	s.changed.notify()
}

// A brokenPath is when the transport said last that messages to the leader of a
// reign were lost. It is immutable.
type brokenPath struct {
	reign uint64
	at    time.Time
}

// since tells whether messages to the leader of a reign were lost after that time.
func (b *brokenPath) since(r *reign, after time.Time) bool {
	return b != nil && b.reign == r.number && b.at.After(after)
}
