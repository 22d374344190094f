package node

import (
	"strings"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
)

// Condition is what a member says of itself beside raft's own words, as a set
// of bits. It travels with heartbeats and their answers. A member that says
// nothing, of an older version say, is well.
type Condition uint64

// The conditions. All but Refusing make a member unfit to lead; a Barred one
// cannot.
const (
	// ShortOfSpace: its storage is short of space.
	ShortOfSpace Condition = 1 << iota
	// DiskStalled: its storage leaves an append unanswered.
	DiskStalled
	// MachineDown: its state machine is not up: it starts, restores or replays.
	MachineDown
	// ApplyLagging: its state machine does not keep up with what is committed.
	ApplyLagging
	// LogStuck: its log is not read.
	LogStuck
	// Refusing: it refused messages of its peers lately.
	Refusing
	// Barred: it neither votes nor leads; see Core.Bar.
	Barred
	// Quarantined: one entry has ended its state machine again and again, or its state is not
	// that of a majority, and it applies nothing. It says MachineDown too, which older members understand.
	Quarantined
)

// conditionNames are the words of status and metrics, in the order of the bits.
func conditionNames() [8]string {
	return [...]string{"space", "disk", "state_machine", "apply_lag", "log", "refusing", "barred", "quarantined"}
}

// Unfitting are the conditions that make a member unfit, one by one.
func Unfitting() []Condition {
	return []Condition{Quarantined, ShortOfSpace, DiskStalled, MachineDown, ApplyLagging, LogStuck}
}

// Names are the words for the bits that are set, in the order of the bits.
func (c Condition) Names() []string {
	var names []string
	for i, name := range conditionNames() {
		if c&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String is the words in one.
func (c Condition) String() string { return strings.Join(c.Names(), ", ") }

// Has tells whether any bit of other is set.
func (c Condition) Has(other Condition) bool { return c&other != 0 }

// Unfitness orders members for leadership: 0 is fit, 1 leads badly, 2 gets
// nothing done as the leader, 3 will get nothing done either.
func (c Condition) Unfitness() int {
	switch {
	case c.Has(Quarantined):
		return 3
	case c.Has(DiskStalled | MachineDown):
		return 2
	case c.Has(ShortOfSpace | ApplyLagging | LogStuck):
		return 1
	default:
		return 0
	}
}

// gossip is what a heartbeat or its answer carries besides raft's fields.
type gossip struct {
	condition   Condition
	uncommitted uint64 // of a leader: age of its oldest uncommitted entry, in ticks
	run         uint64 // see doubling
	// acknowledged, in a heartbeat, is the entry up to which the receiver has
	// acknowledged this leader's log.
	acknowledged uint64
	doubled      bool    // the sender sees two processes that serve the receiver
	wanted       uint64  // in an answer to a heartbeat: see wishes
	stateOnly    bool    // in a MsgSnap: see SnapshotSend.StateOnly
	content      Content // in a MsgSnap: see Announcement
	offset       uint64  // in a MsgSnap: see Announcement
	kept         Kept    // in an answer to a heartbeat
	level        uint64  // of the sender: see levels
	commands     plugins.Versions
	hash         StateHash // in a heartbeat: what a majority has, in an answer: that of the sender
	clock        uint64    // of the sender: see stamps
	batch        batchHeader
	sent         uint64 // in a heartbeat and in its answer: see trips
}

// heard is gossip with the message that carried it.
type heard struct {
	message *pb.Message
	gossip  gossip
}

// gossips tells whether messages of this type carry gossip.
func gossips(t pb.MessageType) bool {
	return saysCondition(t) || t == pb.MsgVote || t == pb.MsgPreVote || t == pb.MsgAppResp
}

// saysCondition tells whether the gossip has the sender's condition.
func saysCondition(t pb.MessageType) bool { return t == pb.MsgHeartbeat || t == pb.MsgHeartbeatResp }

// gossip is what goes with m.
func (c *Core) gossip(m *pb.Message) (g gossip) {
	if saysClock(m.GetType()) {
		g.clock = c.clock()
	}
	if !gossips(m.GetType()) {
		return g
	}
	g.run, g.doubled = c.doubling.own, c.doubled(member.ID(m.GetTo()))
	if !saysCondition(m.GetType()) {
		return g
	}
	g.level, g.commands = c.cfg.Level, c.commands.Versions
	switch m.GetType() {
	case pb.MsgHeartbeat:
		g.sent = c.elapsed()
		g.acknowledged, g.hash = c.progressOf(m.GetTo()).Match, c.hashes.agreed
	case pb.MsgHeartbeatResp:
		g.wanted, g.kept, g.hash = c.wishes.own, c.kept, c.hashes.own
		g.sent = c.trips.answer(member.ID(m.GetTo()))
	}
	if g.condition = c.fitness.Condition; c.refusing {
		g.condition |= Refusing
	}
	if c.isBarred() {
		g.condition |= Barred
	}
	if c.leads() {
		g.uncommitted = c.uncommittedTicks()
	}
	return g
}

// hear takes what comes with a message and is not for raft. A message for
// another member is not heard; of a member that two processes serve it is heard
// only that they are two.
func (c *Core) hear(h heard) {
	m, from := h.message, member.ID(h.message.GetFrom())
	if m.GetTo() != uint64(c.cfg.ID) {
		return
	}
	_, known := c.registry.Member(from)
	if known {
		c.stamps.hear(from, h.gossip.clock, c.hearing.ticks)
	}
	if !gossips(m.GetType()) {
		return
	}
	if known {
		c.doubling.see(from, h.gossip.run, c.hearing.ticks, c.cfg.ElectionTicks)
	}
	if c.doubled(from) {
		return
	}
	if m.GetType() == pb.MsgHeartbeat {
		c.hearLeader(h)
		c.trips.hear(from, h.gossip.sent)
	}
	if known {
		c.hearMember(from, h)
	}
}

// hearMember takes what a member says of itself, and of this one.
func (c *Core) hearMember(from member.ID, h heard) {
	if saysCondition(h.message.GetType()) {
		if c.conditions == nil {
			c.conditions = map[member.ID]Condition{}
		}
		c.hearBetter(from, c.conditions[from], h.gossip.condition, h.gossip.run)
		c.conditions[from] = h.gossip.condition
	}
	c.hearLevel(from, h)
	if h.message.GetType() == pb.MsgHeartbeatResp {
		c.wishes.hear(from, h.gossip.wanted)
		c.hearKept(from, h.gossip.kept)
		c.hearTrip(from, h)
	}
	if c.isVoter(uint64(from)) {
		c.hearDoubled(from, h.gossip)
	}
	if h.message.GetType() == pb.MsgHeartbeat && h.message.GetTerm() == c.term && uint64(from) == c.lead {
		c.leaderStalled = h.gossip.uncommitted
		c.agree(h.gossip.hash)
	}
}
