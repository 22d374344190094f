package node

import (
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// place is an index or a term in the history of one cluster: a majority that
// founds a cluster anew makes another history, which must never mix with the
// first.
type place struct{ number, at uint64 }

// lossSim is the part of the simulation that is about disks that lose data. One
// schedule has one such loss.
type lossSim struct {
	lost     bool
	honest   bool                  // no member says anything wrong by mistake
	twice    bool                  // a majority was emptied: two histories, and no end to wait for
	survivor uint64                // its number
	copies   map[member.ID]simDisk // older copies of disks
}

// simIdentity is what a node shows its peers, and what it remembers of theirs
// beside its store: a host does so, with the same judgement.
type simIdentity struct {
	store    uint64
	pins     map[member.ID]uint64
	atBoot   *member.Registry
	readTo   uint64
	lostData bool // its peers must refuse it
	marked   bool // it noticed the loss itself, and remembers that
}

func (n *simNode) readIdentity(cfg Config) {
	var err error
	if n.atBoot, n.readTo, err = BootRegistry(cfg); err != nil {
		n.s.t.Fatalf("node %s: %v", n.id, err)
	}
}

func (n *simNode) registry() *member.Registry {
	if n.core.putOut < n.readTo {
		return n.atBoot
	}
	return n.core.registry
}

func (n *simNode) number() uint64 { return n.registry().Number() }

func (n *simNode) greeting() transport.Greeting {
	return Greeting(n.store, n.registry(), len(n.bootstrap) > 0)
}

// knows is the store that a node expects of another one.
func (n *simNode) knows(id member.ID) uint64 {
	if store := n.registry().Store(id); store != 0 {
		return store
	}
	return n.pins[id]
}

// meet makes the connection that a message needs: both sides judge.
func (s *sim) meet(a, b *simNode) bool {
	if a.greeting().Judge(b.greeting(), a.knows(b.id)) != nil || b.greeting().Judge(a.greeting(), b.knows(a.id)) != nil {
		return false
	}
	for _, pair := range [][2]*simNode{{a, b}, {b, a}} {
		if pair[0].pins[pair[1].id] == 0 {
			pair[0].pins[pair[1].id] = pair[1].store
		}
		pair[0].check(pair[0].core.Greeted(pair[1].id, pair[1].store))
	}
	return true
}

// loseDisk empties a disk, puts an older copy in its place, or empties those of
// a majority. It happens where the cluster promises to survive it: all others
// have met the store; with an older copy, a leader that counts on it is there.
func (s *sim) loseDisk() {
	if s.lost || s.removals > 0 || s.inDoubt() {
		return
	}
	n := s.nodes[s.rnd.Intn(3)]
	switch s.rnd.Intn(3) {
	case 0:
		if s.allKnow(n) {
			s.wipe(n)
		}
	case 1:
		s.oldCopy(n)
	default:
		s.foundTwice()
	}
}

// allKnow tells whether every other node that may vote would notice another
// store of n.
func (s *sim) allKnow(n *simNode) bool {
	for _, o := range s.nodes {
		if _, in := o.registry().Member(o.id); in && o != n && o.knows(n.id) != n.store {
			return false
		}
	}
	return true
}

// ends notes the loss: from now on no member is removed, since a quorum of the
// others must stay.
func (s *sim) ends(n *simNode) {
	s.lost, s.removals, n.lostData = true, 2, true
	s.wire = slices.DeleteFunc(s.wire, func(m simMessage) bool {
		if m.snapshot != nil && (m.to == n.id || m.from == n.id) {
			from := s.nodes[m.from-1]
			from.check(from.core.SnapshotStatus(m.to, false))
		}
		return m.to == n.id || m.from == n.id
	})
}

func (s *sim) wipe(n *simNode) {
	s.ends(n)
	s.t.Logf("disk of node %s is emptied", n.id)
	s.note("wipe", n.id)
	n.emptyHome()
	if s.rnd.Intn(2) == 0 {
		n.bootstrap = nil
	}
	n.boot()
}

// oldCopy puts an earlier state of the disk in place, if a leader is there that
// counts on more: its heartbeat is the first that the node hears.
func (s *sim) oldCopy(n *simNode) {
	if s.copies == nil {
		s.copies = map[member.ID]simDisk{}
	}
	old, ok := s.copies[n.id]
	if !ok {
		s.copies[n.id] = n.disk.clone()
		return
	}
	last := max(old.first-1+uint64(len(old.entries)), uint64(len(n.bootstrap))) // an empty one is begun again
	for _, l := range s.nodes {
		if l == n || !l.core.leads() || l.core.raft.BasicStatus().GetTerm() < n.core.term {
			continue
		}
		p, has := l.core.raft.Status().Progress[uint64(n.id)]
		if has && p.Match > last && s.meet(l, n) {
			s.ends(n)
			s.t.Logf("node %s gets an older copy of its disk", n.id)
			s.note("old copy", n.id)
			n.disk = old.clone()
			n.boot()
			heartbeat := &pb.Message{
				Type: pb.MsgHeartbeat.Enum(), From: new(uint64(l.id)), To: new(uint64(n.id)), Term: new(l.core.term),
				Commit: new(min(p.Match, last)),
			}
			n.core.hear(heard{heartbeat, gossip{acknowledged: p.Match}})
			if err := n.core.Step(heartbeat); err == nil {
				s.t.Fatalf("node %s does not notice that entry %d is missing", n.id, p.Match)
			}
			n.marked = true // for the next start: none within the election timeout that the proof takes
			return
		}
	}
}

// marks remembers a loss that is believed, as a host does.
func (n *simNode) marks() {
	if n.core.lost == nil {
		return
	}
	if !n.lostData {
		n.s.t.Fatalf("node %s lost nothing, and believes: %v", n.id, n.core.lost)
	}
	n.marked = true
}

// inDoubt tells whether a member may have lost data, as far as it knows.
func (s *sim) inDoubt() bool {
	return slices.ContainsFunc(s.nodes, func(n *simNode) bool { return n.core.accused() != nil })
}

// lie falsifies one message in some hundred: a voter or a learner says by mistake
// that the receiver has lost data, or that it is served by two processes.
func (s *sim) lie(m *pb.Message, g gossip) gossip {
	if s.lied || s.rnd.Intn(300) > 0 || s.honest {
		return g
	}
	switch p := s.rnd.Intn(3); {
	case p == 0:
		g.doubled = true
	case s.lost || s.inDoubt(): // one member at a time is out of it
	case p == 1:
		g.acknowledged = s.rnd.Uint64()
	default:
		g.acknowledged = uint64(s.rnd.Intn(500))
	}
	s.note("lie", m.GetFrom(), m.GetTo())
	return g
}

// foundTwice empties the disks of two founders, which are not cut off: they
// may found a cluster anew among themselves, and the third one must never
// follow them.
func (s *sim) foundTwice() {
	for _, n := range s.nodes {
		if _, in := n.registry().Member(n.id); in && n.id > 3 || len(n.registry().Members()) > 3 {
			return
		}
	}
	if !s.allKnow(s.nodes[0]) || !s.allKnow(s.nodes[1]) || s.nodes[2].number() == 0 {
		return
	}
	for _, n := range s.nodes[:2] {
		s.wipe(n)
		n.bootstrap = s.nodes[2].bootstrap
		n.boot()
	}
	s.twice, s.survivor, s.ackedIndex = true, s.nodes[2].number(), 0
}

func (d simDisk) clone() simDisk {
	c := d
	c.entries = slices.Clone(d.entries)
	c.received = map[uint64]*simSnapshot{}
	return c
}

// neverMixed checks, after a majority was emptied, that the survivor has kept
// its history: it followed no member into another one. Right after a restart it
// may not know yet that its number is committed; its peers' stores it knows all
// the same.
func (s *sim) neverMixed() {
	if n := s.nodes[2]; n.number() != s.survivor && n.number() != 0 {
		s.t.Fatalf("node %s belonged to cluster number %x and belongs to %x", n.id, s.survivor, n.number())
	}
}
