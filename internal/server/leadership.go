package server

import (
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
)

// Changed returns a channel that is closed at the next change of leader, term, role or
// membership, and when the state machine begins or ends to serve. Take it before
// looking at what may have changed.
func (s *Server) Changed() <-chan struct{} { return s.changed.next() }

// Leadership is what plugins are told of the leader. It is called by one goroutine.
//
// All of it is of one state of the node. A reign is told of after that, and when a node
// has taken the place of one that led, the last reign is still that one's.
//
// Ready needs that the state machine has applied an entry of the leader's own term.
// Which index that is the node does not say; what it has put out last, it says as of its
// last tick, and whether that is of its term. So Ready comes once the state machine has
// that much, and is then kept for the term, in which only the state machine's next start
// takes it away: a new one serves when it has all that was applied. While the member is
// quarantined, what its state machine has is behind, or wrong, and nothing is ready.
func (s *Server) Leadership() plugins.Leadership {
	n, _ := s.attached()
	if n == nil {
		return plugins.Leadership{Term: s.reigns.Load().term}
	}
	return s.leadership(n.State())
}

func (s *Server) leadership(st node.State) plugins.Leadership {
	l := plugins.Leadership{Term: st.Term, Leader: uint64(st.Leader), Leads: st.Leader == s.cfg.ID}
	if !l.Leads {
		return l
	}
	l.Transferring = st.Transferring
	if st.Reigns && s.Applied() >= st.PutOut {
		s.readyIn = st.Term
	}
	l.Ready = s.readyIn == st.Term && s.machine.isOpen() && s.isolated.Load() == nil
	return l
}
