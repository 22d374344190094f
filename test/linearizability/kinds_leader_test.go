//go:build linux

package linearizability

import (
	"time"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// moveLeadership hands the leadership to a member by the leader's own hand.
func (s *storm) moveLeadership() *fault {
	leader := s.freeLeader()
	if leader == nil {
		return nil
	}
	for _, i := range s.random.Perm(len(s.c.members)) {
		to := s.c.members[i]
		if to == leader || to.down || s.held(to.name) || !leader.handOver(to) {
			continue
		}
		return &fault{target: leader.name + " to " + to.name}
	}
	return nil
}

// handOver asks a member to hand the leadership over, and reports whether it did.
func (m *member) handOver(to *member) bool {
	return m.ask("/v1/leader/transfer", &hostv1.TransferLeaderRequest{To: to.hexID()}, 2*time.Second)
}

// forceSnapshot keeps a member away until the leader's log does not reach back to
// its own any more: it needs a snapshot.
func (s *storm) forceSnapshot() *fault {
	m := s.free()
	leader := s.freeLeader()
	if m == nil || m == leader {
		return nil
	}
	last := m.status().GetLastIndex()
	if last == 0 {
		return nil
	}
	m.kill()
	needed := false
	f := &fault{target: m.name, hit: m, holds: []string{m.name}, dwell: 4 * longest, healed: m.ready}
	asked := time.Now()
	f.over = func() bool {
		if time.Since(asked) < 200*time.Millisecond {
			return false
		}
		asked = time.Now()
		if leader := s.c.leader(); leader != nil {
			needed = leader.status().GetFirstIndex() > last+1
		}
		return needed || s.paused() // a log without writes does not grow
	}
	f.took = func() bool { return needed }
	f.undo = m.start
	return f
}
