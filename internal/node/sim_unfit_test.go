package node

import (
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// unfitSim is what a simulated member is unfit for, and what its host has done
// about it. It outlives a crash, as the disk and the state machine do.
type unfitSim struct {
	condition Condition
	tried     []member.ID // those asked to take over since all were asked
}

// setCondition makes a node unfit, or fit again, and lets its core know: a part
// that is stalled or down gets nothing done from here on.
func (n *simNode) setCondition(c Condition) {
	n.condition, n.tried = c, nil
	n.s.note("unfit", n.id, uint64(c))
	n.core.SetFitness(n.fitness())
}

func (n *simNode) fitness() Fitness {
	return Fitness{Condition: n.condition, Space: storage.Space{Short: n.condition.Has(ShortOfSpace)}}
}

// flip makes an unfit node fit, and of the fit ones every other one unfit.
func (n *simNode) flip() {
	all := Unfitting()
	switch {
	case n.condition != 0:
		n.setCondition(0)
	case n.s.rnd.Intn(2) == 0:
		n.setCondition(all[n.s.rnd.Intn(len(all))])
	}
}

// handOver is what the host of an unfit leader does: it asks one fitter member
// after the other to lead.
func (n *simNode) handOver() {
	if n.condition == 0 || !n.core.leads() || n.core.Transferring() != 0 {
		return
	}
	to := n.core.Fitter(n.tried...)
	if to == 0 {
		n.tried = nil
		return
	}
	n.tried = append(n.tried, to)
	n.check(n.core.Transfer(to))
}

// fitLeads ends all faults but those of fitness: some members stay unfit, as
// many as leave a majority that gets things done. A fit one must come to lead.
func (s *sim) fitLeads() {
	s.until("a fit member to lead", func() bool {
		s.keepMajority()
		return s.ledByFit()
	})
	for _, n := range s.nodes {
		n.setCondition(0)
	}
}

// keepMajority lets members get something done again, though they stay unfit,
// if too few of the voters do.
func (s *sim) keepMajority() {
	voters := s.furthest().core.Registry().Voters()
	spare := len(voters) - (len(voters)/2 + 1) // so many may get nothing done
	for _, id := range voters {
		if s.nodes[id-1].lostData {
			spare--
		}
	}
	for _, id := range voters {
		if n := s.nodes[id-1]; n.condition.Unfitness() == 2 && !n.lostData {
			if spare--; spare < 0 {
				n.setCondition(LogStuck)
			}
		}
	}
}

// ledByFit tells whether the latest leader is fit, or no member that could lead
// is.
func (s *sim) ledByFit() bool {
	var leader *simNode
	for _, n := range s.nodes {
		if n.core.leads() && (leader == nil || n.core.term > leader.core.term) {
			leader = n
		}
	}
	if leader == nil {
		return false
	}
	for _, id := range leader.core.Registry().Voters() {
		if n := s.nodes[id-1]; n.condition == 0 && !n.lostData {
			return leader.condition == 0
		}
	}
	return true
}
