package node

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// ErrLostData: the cluster counts on entries that this node does not have: its
// disk was wiped or replaced, or another process serves the member and this one
// has a copy of its directory.
var ErrLostData = errors.New("this member lost data: remove it from the cluster, empty its data directory, and add it under a new id; " +
	"if it is a copy of a member that serves elsewhere, delete the copy")

// For how many election timeouts a leader must say the same before this node
// goes by it, and how old the last word may be.
const (
	// trustedElections: another leader than the accuser. Without a majority
	// beside this node, which answers nothing meanwhile, it leads no longer by
	// then; and with one there is no room for the accuser's.
	trustedElections = 4
	// accusedElections: no leader was heard since the last accusation. Perhaps
	// none can be elected without this node.
	accusedElections = 60
	// vouchedElections is the same for a run that was vouched for before; see
	// accusation.
	vouchedElections = 2
)

// accusation is a leader's word that this node lost data. A loss is for good, and
// any peer can say that it leads: the word is believed of a peer that repeats it for
// an election timeout or longer, while no leader says otherwise. From the
// first word on this node neither votes nor acknowledges anything, until the
// accuser or another leader has said otherwise for long enough.
//
// The repetitions may be far apart, as long as the word before still counts. Two
// processes that serve this member take its connections from each other, and a
// heartbeat may reach the one in doubt now and then only. It answers nothing
// meanwhile, so no other member can see that they are two: its end is the only sign.
//
// The word counts for long after its last repetition: a leader that crashes after a
// single word may be the last one that knew of what is gone. A run that was vouched
// for before is another case. Its store began with what the cluster counts on, and
// a process loses nothing of it. So the word is false, or comes of a leader
// that the one that vouched did not know of, or another process has acknowledged
// something on a copy of the directory. In each of the true cases the accuser leads,
// and says it again with each tick. Once it is silent this node goes by raft's own
// rule: a leader that is not heard has gone, and without a majority beside this
// node, which answers nothing meanwhile, it has stepped down within two election
// timeouts. If the word counted for longer, one message in the name of a member that is
// down would keep the rest, which needs this node, from all writes. An accuser that
// leads no longer may have this node's vote before that; see mayElect.
type accusation struct {
	why    error // nil if there is none
	brief  bool  // this run was vouched for before
	from   member.ID
	term   uint64 // of the latest word
	says   spell
	denier member.ID
	denies spell
}

// spell is a row of words, without a pause that is longer than its hearer allows.
type spell struct {
	since, last uint64 // ticks
	words       int    // in different ticks
}

// add counts a word of tick now.
func (s *spell) add(now, pause uint64) {
	switch {
	case s.words == 0 || now-s.last > pause:
		*s = spell{since: now, last: now, words: 1}
	case s.last != now:
		s.words, s.last = s.words+1, now
	}
}

// lasts tells whether the row is that long.
func (s *spell) lasts(ticks uint64) bool {
	return s.words >= freshHeartbeats && s.last-s.since >= ticks
}

// accused is why this node may have lost data; nil if no word of that counts.
func (c *Core) accused() error {
	a, elections := &c.accusation, uint64(accusedElections)
	if a.brief {
		elections = vouchedElections
	}
	if a.why != nil && c.isWithin(elections, a.says.last) {
		return a.why
	}
	return nil
}

// hearsLeader tells whether a leader was heard within the last election timeout.
func (c *Core) hearsLeader() bool { return c.lead != raft.None && c.hears(c.lead) }

// isVoter tells whether a peer votes, as far as this node knows.
func (c *Core) isVoter(id uint64) bool {
	m, known := c.registry.Member(member.ID(id))
	return known && !m.Learner
}

// hearLeader takes what a heartbeat says that this node has. Before this node
// acknowledges anything in a term, the term is durable, and within a term the log
// never ends before what was acknowledged in it. Less is a loss, and the leader
// counts on what is gone.
func (c *Core) hearLeader(h heard) {
	m, acknowledged := h.message, h.gossip.acknowledged
	if m.GetTerm() < c.term || c.checkLeads(m) != nil || c.checkTerm(m) != nil {
		return
	}
	switch last := c.lastIndex(); {
	case m.GetCommit() > last:
		c.accuse(m, fmt.Errorf("leader %x says that this node has entry %d, but its last one is %d", m.GetFrom(), m.GetCommit(), last))
	case acknowledged > last || acknowledged > 0 && m.GetTerm() > c.term:
		c.accuse(m, fmt.Errorf("leader %x says that this node has acknowledged entry %d in term %d, but its last one is %d, and its term %d",
			m.GetFrom(), acknowledged, m.GetTerm(), last, c.term))
	default:
		c.vouched = c.vouched || m.GetTerm() == c.term
		c.deny(m)
	}
}

// accuse takes a peer's word that this node lost data. Members that are not
// voters lead only where this node's membership is out of date, as when it has
// heard no leader. One that leads has the answers of a majority, in which the
// accuser has none: raft judges between the two.
//
// Data are lost between two runs, and what a process has it does not lose. So
// what the first leader says that a run hears decides, or a majority that elects
// it: once the run is vouched for, words to the contrary are false. An
// acknowledgement was forged, or a copy of this member gave it, and the accuser is
// told.
func (c *Core) accuse(m *pb.Message, why error) {
	a, now := &c.accusation, c.hearing.ticks
	if c.lost != nil || c.leads() || !c.isVoter(m.GetFrom()) && c.hearsLeader() {
		return
	}
	if from, counts := member.ID(m.GetFrom()), c.accused() != nil; a.from != from || !counts {
		*a = accusation{from: from, brief: c.vouched && (a.brief || !counts)}
	}
	a.why, a.denies, a.term = why, spell{}, max(a.term, m.GetTerm())
	a.says.add(now, accusedElections*uint64(c.cfg.ElectionTicks))
	if c.vouched {
		c.contradict(m)
		return
	}
	if a.says.lasts(uint64(c.cfg.ElectionTicks)) {
		c.lost = fmt.Errorf("%w: %w", ErrLostData, why)
		c.out.StateChanged = true // else the host might hear of it much later
	}
}

// deny takes that a leader speaks and does not say that this node lost data.
func (c *Core) deny(m *pb.Message) {
	a, from, election := &c.accusation, member.ID(m.GetFrom()), uint64(c.cfg.ElectionTicks)
	if a.why == nil || from != a.from && !c.isVoter(m.GetFrom()) {
		return
	}
	a.says.words = 0 // the proof begins anew
	if a.denier != from {
		a.denier, a.denies = from, spell{}
	}
	a.denies.add(c.hearing.ticks, election)
	if from == a.from && a.denies.lasts(election/2) || a.denies.lasts(trustedElections*election) || c.isAnew(m) {
		*a = accusation{}
	}
}

// checkAccused refuses what leaders say while this node may have lost data: an
// answer would be an acknowledgement.
func (c *Core) checkAccused(m *pb.Message) error {
	why := c.accused()
	switch {
	case m.GetTerm() < c.term:
		return nil
	case c.lost != nil:
		return c.lost
	case why == nil:
		return nil
	case member.ID(m.GetFrom()) != c.accusation.from && c.isVoter(m.GetFrom()):
		c.accusation.says.words = 0
	}
	return invalid("%s of %x: %v; that is believed if it is repeated for an election timeout, and no leader says otherwise",
		m.GetType(), m.GetFrom(), why)
}
