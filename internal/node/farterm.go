package node

import (
	"math"
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// A peer moves this node's term with any message of a later term, and a term
// never goes back. So how far one message may move it is bounded: the terms
// would come to an end otherwise, and every election with them.
const (
	// maxTerm is the last term that a peer's message may have. An election needs
	// one more each time, and so many are left behind it.
	maxTerm = math.MaxUint64 - 1<<32
	// maxTermJump is how far peers may move the term at once: eight years of an
	// election each second, while no election is tried that a majority would
	// not grant (pre-vote). With a rest of three elections after each
	// jump, the terms last for longer than thousands of years.
	maxTermJump = 1 << 28
	// termRest is for how many election timeouts no other jump is taken after
	// one. Until then the others have heard of the new term, or of a later one,
	// and stand within a jump of each other again.
	termRest = 3
	// termSlack is how much terms may grow without being a jump, and during the
	// rest after one: elections go on.
	termSlack = 16
	// shownElections is for how many election timeouts the term counts that a
	// voter has shown.
	shownElections = 10
)

// farTerms decides which terms are too far away to be believed on the word of
// one peer.
type farTerms struct {
	base  uint64 // this node's term before the last jump
	since uint64 // the tick at which base was its term
	shown map[member.ID]shownTerm
	asked uint64 // the tick at which the voters were asked last; 0 if never
}

// shownTerm is the last term of a voter that was too far away.
type shownTerm struct{ term, at uint64 }

// plusTerm adds without going beyond maxTerm.
func plusTerm(term, n uint64) uint64 {
	if term >= maxTerm-n {
		return maxTerm
	}
	return term + n
}

// tick follows the own term.
func (f *farTerms) tick(c *Core) {
	now := c.hearing.ticks
	if c.term-f.base <= termSlack || now-f.since > c.termRest() {
		f.base, f.since = c.term, now
	}
}

func (c *Core) termRest() uint64 { return termRest * uint64(c.cfg.ElectionTicks) }

// termBound is the last term that one peer's word can bring this node to.
func (c *Core) termBound() uint64 {
	return max(plusTerm(c.farTerms.base, maxTermJump), plusTerm(c.term, termSlack))
}

// checkTerm refuses a message whose term is far beyond this node's, unless a
// majority of the voters has shown such terms: this node was away for long. Of two
// voters the other one is enough, since no other voter can. One that knows no voters
// yet has nothing to compare with.
func (c *Core) checkTerm(m *pb.Message) error {
	f, term, now := &c.farTerms, m.GetTerm(), c.hearing.ticks
	if term <= c.termBound() { // each message comes by here
		return nil
	}
	voters := c.registry.Voters()
	if len(voters) == 0 {
		return nil
	}
	if f.shown == nil {
		f.shown = map[member.ID]shownTerm{}
	}
	if _, known := c.registry.Member(member.ID(m.GetFrom())); known {
		f.shown[member.ID(m.GetFrom())] = shownTerm{term: term, at: now}
	}
	shows := func(id uint64) bool {
		s, ok := f.shown[member.ID(id)]
		return ok && now-s.at <= shownElections*uint64(c.cfg.ElectionTicks) && term <= plusTerm(s.term, maxTermJump)
	}
	if isMajority(voters, shows) || len(voters) == 2 && slices.ContainsFunc(voters, shows) {
		return nil
	}
	c.askTerms(voters)
	return invalid("%s of %x with term %d, far beyond this member's %d: a majority of the voters must show it",
		m.GetType(), m.GetFrom(), term, c.term)
}

// askTerms asks the voters for their terms, once in an election timeout: by the
// question of a pre-vote that no voter grants, since it speaks of an empty log. To
// one of an earlier term than its own a voter answers with its own.
func (c *Core) askTerms(voters []uint64) {
	f, now := &c.farTerms, c.hearing.ticks
	if f.asked > 0 && now-f.asked < uint64(c.cfg.ElectionTicks) {
		return
	}
	f.asked = max(now, 1)
	for _, id := range voters {
		c.send(&pb.Message{
			Type: pb.MsgPreVote.Enum(), From: new(uint64(c.cfg.ID)), To: new(id), Term: new(max(c.term, 1)),
		})
	}
}
