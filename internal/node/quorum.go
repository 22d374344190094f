package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// Refusals of membership changes that would stop the cluster, or could not be
// committed. None of them has an effect.
var (
	// ErrQuorumAtRisk: after the change, the voters that can be reached would
	// not be a majority. ProposeChange returns it, with their names and the
	// way out.
	ErrQuorumAtRisk = errors.New("the change would cost the cluster its quorum")
	// ErrNoQuorum: the voters that can be reached are not a majority now, so no
	// change can be committed. ProposeChange returns it.
	ErrNoQuorum = errors.New("the cluster has no quorum")
	// ErrTooEarly: this leader cannot judge the change yet: it has not applied an
	// entry of its own term, has not had the time to hear from all, or something
	// that it sent was lost and may be answered in a moment.
	ErrTooEarly = errors.New("it is too early to judge the change")
	// ErrHandingOver: of two voters, the leader does not remove itself: it hands
	// leadership to the other one, which can. ProposeChange returns it.
	ErrHandingOver = errors.New("leadership is handed to the other voter first")
)

// hearing is when this node last heard from its peers, in ticks of its own
// clock. Raft's own RecentActive lags by up to two election timeouts.
type hearing struct {
	ticks uint64
	last  map[member.ID]uint64
	lost  map[member.ID]bool // what was sent since is known not to have arrived
	led   uint64             // the last tick at which there was a leader
	met   uint64             // the last one at which a leader or a majority of the voters was heard
}

// note takes down a peer's message. A leader counts answers to itself alone:
// a peer that only talks may hear nothing, and an answer of an earlier term may
// have been on its way for long.
func (c *Core) note(m *pb.Message) {
	if c.leads() && (!isAnswer(m.GetType()) || m.GetTerm() != c.term) {
		return
	}
	c.following.hear(m.GetFrom(), c.hearing.ticks)
	if c.hearing.last == nil {
		c.hearing.last, c.hearing.lost = map[member.ID]uint64{}, map[member.ID]bool{}
	}
	if _, known := c.registry.Member(member.ID(m.GetFrom())); known {
		c.hearing.last[member.ID(m.GetFrom())] = c.hearing.ticks
		delete(c.hearing.lost, member.ID(m.GetFrom()))
	}
}

// notice takes down, with each tick, whether this node has company.
func (h *hearing) notice(c *Core) {
	h.ticks++
	if c.lead != raft.None {
		h.led = h.ticks
	}
	if c.hearsLeader() || isMajority(c.registry.Voters(), c.hears) {
		h.met = h.ticks
	}
}

func isAnswer(t pb.MessageType) bool {
	switch t {
	case pb.MsgAppResp, pb.MsgHeartbeatResp, pb.MsgVoteResp, pb.MsgPreVoteResp:
		return true
	default:
		return false
	}
}

// hears tells whether a member was heard from within the last election
// timeout.
func (c *Core) hears(id uint64) bool {
	at, ok := c.hearing.last[member.ID(id)]
	return id == uint64(c.cfg.ID) || ok && c.hearing.ticks-at <= uint64(c.cfg.ElectionTicks)
}

// isMajority tells whether a majority of the voters fulfils a condition.
func isMajority(voters []uint64, fulfils func(id uint64) bool) bool {
	count := 0
	for _, id := range voters {
		if fulfils(id) {
			count++
		}
	}
	return count > len(voters)/2
}

// elects tells whether a voter can be counted on in an election: it is there, and
// is not barred from voting.
func (c *Core) elects(id uint64) bool {
	if id == uint64(c.cfg.ID) {
		return !c.isBarred()
	}
	return c.hears(id) && !c.conditions[member.ID(id)].Has(Barred)
}

// standstill is why a voter that answers cannot be counted on to commit anything: it
// has acknowledged nothing for an election timeout though there is more for it, or
// waits for a snapshot. It is empty for one that gets on. Heartbeats do not tell: they
// pass where large messages do not, and no disk is asked for them.
func (c *Core) standstill(id uint64) string {
	p := c.watch.peers[member.ID(id)]
	switch {
	case p == nil || id == uint64(c.cfg.ID):
		return ""
	case c.progressOf(id).State == tracker.StateSnapshot:
		return "it is sent a snapshot"
	case c.watch.ticks-p.since > uint64(c.cfg.ElectionTicks):
		return p.why(c, member.ID(id))
	default:
		return ""
	}
}

// checkQuorum refuses a change that cannot be committed, or after which nothing
// can.
//
// A change that takes nothing away passes first, since it may be the repair. The others
// need a majority now, to be committed at all; then one after the change, to elect a
// leader and to commit what comes. Both majorities must hold without the voters to which a message was lost since
// they answered: such a voter may be gone, and the end of the election timeout tells, so
// that refusal is one of the moment (ErrTooEarly).
func (c *Core) checkQuorum(change member.Change, pings Pings) error {
	a := c.after(change, pings)
	if a.harmless() {
		return nil
	}
	err := c.noQuorum()
	switch {
	case err != nil:
	case a.outdated():
		return fmt.Errorf("%w: the members have other addresses by now", ErrTooEarly)
	case !isMajority(a.voters, a.stands):
		err = fmt.Errorf("%w: of the %d voters after it %d must be there for an election, and %s; %s; --force if you know better",
			ErrQuorumAtRisk, len(a.voters), len(a.voters)/2+1, a.missing(), a.remedy())
	case !c.isCertain(c.registry.Voters()) || !c.isCertain(a.voters):
		return fmt.Errorf("%w: messages to voters that it depends on were lost", ErrTooEarly)
	}
	return c.early(err)
}

// early marks what a leader finds too soon after it began.
func (c *Core) early(err error) error {
	if err != nil && c.hearing.ticks-c.reign.since < uint64(c.cfg.ElectionTicks) {
		return fmt.Errorf("%w: %w", ErrTooEarly, err)
	}
	return err
}

// isCertain tells whether there is a majority even without the voters that
// something was lost to since they answered. They may be gone; if they are, the
// end of the election timeout shows it.
func (c *Core) isCertain(voters []uint64) bool {
	return isMajority(voters, func(id uint64) bool { return c.hears(id) && !c.hearing.lost[member.ID(id)] })
}

// noQuorum is why nothing can be committed; nil if a majority is there.
func (c *Core) noQuorum() error {
	voters := c.registry.Voters()
	if isMajority(voters, c.hears) {
		return nil
	}
	return fmt.Errorf("%w: of %d voters %d must be reachable, and %s; bring them back, "+
		"or if they are gone for good, stop what is left, and go on with the survivor whose log goes furthest (host log verify says how that is told): "+
		"host recover --force-new-cluster",
		ErrNoQuorum, len(voters), len(voters)/2+1, c.missing(voters))
}

// missing names those of the members that were not heard from, and those that
// must not vote.
func (c *Core) missing(ids []uint64) string {
	silent := slices.DeleteFunc(slices.Clone(ids), c.hears)
	var parts []string
	if len(silent) > 0 {
		parts = append(parts, "not heard from within an election timeout: "+c.names(silent))
	}
	barred := slices.DeleteFunc(slices.Clone(ids), func(id uint64) bool { return !c.hears(id) || c.elects(id) })
	if len(barred) > 0 {
		parts = append(parts, "barred from voting, as their status says: "+c.names(barred))
	}
	return strings.Join(parts, "; ")
}

// missing names the voters that cannot be counted on after the change.
func (a aftermath) missing() string {
	parts := []string{a.c.missing(a.voters)}
	if unreached := a.unreached(); len(unreached) > 0 {
		parts = append(parts, "not reached under the peer URLs that they have then: "+a.c.names(unreached))
	}
	for _, id := range a.atStandstill() {
		parts = append(parts, a.c.names([]uint64{id})+": "+a.c.standstill(id))
	}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "; ")
}

// remedy is what an operator can do about it.
func (a aftermath) remedy() string {
	switch id, unreached := uint64(a.change.Member.ID), a.unreached(); {
	case len(unreached) == 0 && len(a.atStandstill()) > 0:
		return "repair first what keeps those that answer from getting on, or remove them"
	case len(unreached) == 0:
		return "bring them back, or remove first what is gone for good"
	case !slices.Contains(unreached, id):
		return "bring them back, or mend first the addresses under which they are not reached (member update)"
	case id == uint64(a.c.cfg.ID):
		return "a leader cannot ask for itself: hand leadership over and try again"
	default:
		return "start its host at the new address first, or leave an address under which it is reached in the list until then"
	}
}

func (c *Core) names(ids []uint64) string {
	var names []string
	for _, id := range ids {
		name := member.ID(id).String()
		if m, ok := c.registry.Member(member.ID(id)); ok {
			name += " (" + m.Name + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// leaderless is why there is no leader, if the reason is that too few voters
// can be reached for one: elections that come to nothing go on for longer than
// those that just happen.
func (c *Core) leaderless() error {
	if c.hearing.ticks-c.hearing.led <= 2*uint64(c.cfg.ElectionTicks) {
		return nil
	}
	return c.noQuorum()
}
