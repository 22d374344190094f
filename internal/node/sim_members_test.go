package node

import (
	"encoding/binary"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// memberSim is the part of the simulation that is about members and reads.
type memberSim struct {
	refused    map[RequestID]bool
	confs      map[place]string // the members at an index
	ackedIndex uint64           // highest index of an acknowledged proposal
	numbers    uint64
	removals   int
}

func newMemberSim() memberSim {
	return memberSim{refused: map[RequestID]bool{}, confs: map[place]string{}}
}

// change proposes to add, promote, update or remove a member.
func (n *simNode) change() {
	s := n.s
	s.numbers++
	id := RequestID{Origin: n.id, Number: s.numbers}
	m := member.Member{ID: member.ID(1 + s.rnd.Intn(5))}
	m.Name, m.PeerURLs = m.ID.String(), []string{"http://" + m.ID.String() + ":1"}
	m.Learner = s.rnd.Intn(2) == 0
	c := member.Change{Op: member.Add, Member: m}
	switch s.rnd.Intn(4) {
	case 0:
		if s.removals == 2 { // three stay, whatever else happens
			return
		}
		c.Op = member.Remove
	case 1:
		c.Op = member.Update
	}
	propose := func(id RequestID, c member.Change) error { return n.core.ProposeChange(id, c, nil) }
	if s.rnd.Intn(3) == 0 {
		propose = n.core.ForceChange
	}
	err := propose(id, c)
	if err == nil && c.Op == member.Remove {
		s.removals++
	}
	n.check(err)
}

// applied checks what a node applies: equal members at equal indexes, and no
// change of which its proposer was told that it never will be.
func (s *sim) applied(a Apply) {
	for _, c := range a.Changes {
		if c.Err == nil && s.refused[c.ID] {
			s.t.Fatalf("change %v was refused and is applied", c.ID)
		}
	}
	conf := fmt.Sprint(a.Registry.Members(), a.Registry.RemovedMembers())
	at := place{a.Registry.Number(), a.Last}
	if other, ok := s.confs[at]; ok && other != conf && at.number != 0 {
		s.t.Fatalf("members at %d are %s, elsewhere %s", a.Last, conf, other)
	}
	s.confs[at] = conf
}

// read asks for the read index, with a context that is never used twice.
func (n *simNode) read() {
	n.s.numbers++
	context := make([]byte, readContextSize)
	binary.BigEndian.PutUint64(context, uint64(n.id))
	binary.BigEndian.PutUint64(context[8:], n.s.numbers)
	n.reads[string(context)] = n.s.ackedIndex
	n.check(n.core.ReadIndex(context))
}

// answered checks that reads reflect every write that was acknowledged before
// they were asked.
func (n *simNode) answered(reads []Read) {
	for _, r := range reads {
		floor, ok := n.reads[string(r.Context)]
		if !ok || n.s.twice {
			continue // of an earlier life, or of another history
		}
		if r.Index < floor {
			n.s.t.Fatalf("node %s reads at %d, entry %d was acknowledged before", n.id, r.Index, floor)
		}
	}
}

// furthest is the node that has applied most, of those that lost nothing.
func (s *sim) furthest() *simNode {
	var best *simNode
	for _, n := range s.nodes {
		if !n.lostData && (best == nil || n.index > best.index) {
			best = n
		}
	}
	return best
}
