package node

import (
	"time"

	"go.etcd.io/raft/v3"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// State is what a node knows of itself.
type State struct {
	Role     string
	Leader   member.ID
	Term     uint64
	Commit   uint64
	First    uint64
	Last     uint64
	Snapshot uint64
	// Registry is the membership after entry PutOut, the last one that came out
	// for apply.
	Registry *member.Registry
	PutOut   uint64
	// LostData is set once it is believed that a leader counts on entries that
	// this node does not have. Accused is what a leader says of that while it is
	// not: the node neither votes nor acknowledges anything meanwhile.
	LostData, Accused error
	// Doubled are the members that two processes serve, this one among them if
	// a peer says so.
	Doubled []member.ID
	// Level is the feature level that this node understands; the cluster's is in
	// Registry.
	Level uint64
	// LevelHeld says, on a leader, which members keep the cluster at its level.
	LevelHeld LevelHeld
	// Agreed is the hash of the state that a majority of the voters has, as far as this
	// node has heard in this term. Split, on a leader, is the index at which no majority has
	// the same one, though all have hashes; 0 if there was none since the last check.
	Agreed StateHash
	Split  uint64
	// UncommittedTicks is the age of the oldest entry that this node has and
	// does not know to be committed, LeaderUncommittedTicks what the leader
	// says of its own; in ticks.
	UncommittedTicks, LeaderUncommittedTicks uint64
	// Reigns tells that this node leads and that entry PutOut is of its own term;
	// Transferring, that it is handing leadership over.
	Reigns, Transferring bool
	// LonelyTicks is for how many ticks this node has heard neither a leader nor a
	// majority of the voters that it knows. One that leads hears itself.
	LonelyTicks uint64
	// LeaderCondition is what the leader says of itself; 0 while this node leads.
	LeaderCondition Condition
	// Progress is the leader's view of its followers; nil elsewhere.
	Progress []Progress
}

// State is the node's state as of the last tick or change of leadership.
func (n *Node) State() State { return *n.state.Load() }

// publish makes the present state visible to State.
func (n *Node) publish() {
	st := n.core.raft.BasicStatus()
	s := &State{
		Role: roleName(st), Leader: member.ID(st.Lead), Term: st.GetTerm(), Commit: st.GetCommit(),
		First: n.core.log.first, Last: n.core.lastIndex(), Snapshot: n.core.log.snapshot.GetIndex(),
		Registry: n.core.registry, PutOut: n.core.putOut, LostData: n.core.lost, Accused: n.core.accused(), Doubled: n.core.Doubled(),
		Level:            n.core.cfg.Level,
		Agreed:           n.core.hashes.agreed,
		LeaderCondition:  n.core.leaderCondition(),
		UncommittedTicks: n.core.uncommittedTicks(), LeaderUncommittedTicks: n.core.leaderStalled,
		LonelyTicks: n.core.hearing.ticks - n.core.hearing.met,
	}
	if st.RaftState == raft.StateLeader {
		s.Progress, s.LevelHeld, s.Split = n.core.Progress(), n.core.levels.held, n.core.hashes.split
		s.Reigns, s.Transferring = n.core.reigns(), st.LeadTransferee != raft.None
	}
	if m, ok := s.Registry.Member(n.core.cfg.ID); ok && m.Learner {
		s.Role = "learner"
	}
	n.state.Store(s)
}

func roleName(st raft.BasicStatus) string {
	switch st.RaftState {
	case raft.StateLeader:
		return "leader"
	case raft.StateCandidate:
		return "candidate"
	case raft.StatePreCandidate:
		return "pre_candidate"
	default:
		return "follower"
	}
}

// Began is the last entry that the node took for put out when it was made: an
// entry above the newest snapshot and not above this comes out of no Apply, it is
// in the log alone.
func (n *Node) Began() uint64 { return n.began }

// LastTick is when raft's clock last advanced; when the node was made if it
// has not run yet.
func (n *Node) LastTick() time.Time { return *n.lastTick.Load() }

// Refused counts messages of peers that failed validation.
func (n *Node) Refused() uint64 { return n.refusals.count.Load() }

// RefusedProposals counts proposals that other members have forwarded here, and that
// this node has refused.
func (n *Node) RefusedProposals() uint64 { return n.refused.Load() }
