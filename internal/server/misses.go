package server

import (
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// A member that passes proposals on and never learns what became of them hears
// its leader all the same: a path may carry heartbeats and swallow what is
// large. After some in a row it is not ready, so that clients go elsewhere.
const (
	// minMisses is how many proposals in a row must end so: one or two may
	// go down with a connection.
	minMisses = 3
	// missedElections is for how many election timeouts the last of them
	// counts: without clients there is nothing that could show an end.
	missedElections = 30
)

// misses are proposals in a row that this member passed on to one leader, and
// whose outcome it has not learnt within their time.
type misses struct {
	reign uint64
	count int
	since time.Time // the start of the first
	last  time.Time // the end of the time of the last
}

// missed takes note of one. Callers hold mu.
func (s *Server) missed(w *waiter, now time.Time) {
	reign := s.reigns.Load()
	if w.change || w.reign != reign.number || reign.leader == 0 || reign.leader == s.cfg.ID {
		return
	}
	m := &s.misses
	if m.reign != reign.number || m.count == 0 {
		*m = misses{reign: reign.number, since: w.start}
	}
	m.count, m.last = m.count+1, now
}

// heardOf takes note that the outcome of a request of this process has come, from
// the log or from its leader. A refusal of this member itself shows no path to a
// leader. Callers hold mu.
func (s *Server) heardOf(id node.RequestID) {
	if s.misses.count > 0 && id.Origin == s.cfg.ID && s.waiters[id.Number] != nil {
		s.misses = misses{}
	}
}

// whyMissing is why this member does not serve, if it is that; otherwise empty.
func (s *Server) whyMissing(now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, reign := s.misses, s.reigns.Load()
	switch {
	case m.count < minMisses, m.reign != reign.number, now.Sub(m.last) > missedElections*s.cfg.Election,
		m.last.Sub(m.since) < StallAfter(s.cfg.Election):
		return ""
	}
	return fmt.Sprintf("the last %d proposals that were passed on to leader %s were not answered within their time: what is large may not reach it",
		m.count, reign.leader)
}
