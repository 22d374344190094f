package plugins

// CapabilityLeadership: the plugin is a LeadershipWatcher, of any kind. Describe says so.
const CapabilityLeadership Capability = "leadership"

// Leadership is what a member knows of its cluster's leader.
type Leadership struct {
	// Group is the Raft group; 1 for now.
	Group uint64
	// Term is raft's.
	Term uint64
	// Leader is the id of the member that leads in Term, as far as this member knows;
	// 0 if it knows none.
	Leader uint64
	// Leads tells that this member is Leader.
	Leads bool
	// Ready tells that this member leads and has committed and applied an entry of
	// Term: the state machine has everything that any leader before it has
	// acknowledged. It goes away while the state machine is started again.
	Ready bool
	// Transferring tells that this member leads and is handing leadership over. It
	// takes no proposals meanwhile.
	Transferring bool
}

// LeadershipWatcher is implemented by a backend that has work which one member alone
// does: sending what is due, say, or collecting garbage elsewhere. It announces
// CapabilityLeadership.
//
// What it is told is an observation, and not a lock: another member may lead already
// when it arrives, for as long as this one hears nothing of that. So no two
// notices with Leads on two members have the same Term, but two members may believe to lead,
// in different terms. Work that must not be done twice carries Term to where it has
// its effect, and is refused there if a larger one was seen. A command is such a place:
// the state machine refuses one that names another term than its entry has.
//
// Notices come in order, with gaps: the last one counts, and those that it has
// overtaken are left out. The first comes soon after Open.
type LeadershipWatcher interface {
	// SetLeadership is called after Open has returned, beside any other call, one at a
	// time. It returns at once: a plugin's process answers no probe meanwhile. A call
	// beside Close, or after it, has no meaning.
	SetLeadership(Leadership)
}
