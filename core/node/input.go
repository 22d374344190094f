package node

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Errors of proposals; all of them mean that the proposal has no effect.
var (
	// ErrDropped: there is no leader, or leadership is being transferred, or
	// the uncommitted part of the log is full.
	ErrDropped = errors.New("proposal dropped")
	// ErrNotLeader: only the leader takes membership changes and transfers.
	ErrNotLeader = errors.New("not the leader")
	// ErrNoSuccessor: no other voter was heard lately.
	ErrNoSuccessor = errors.New("no other voter can take over")
	// ErrChangePending: another membership change is not applied yet.
	ErrChangePending = errors.New("another membership change is pending")
)

// Tick advances raft's clock by one tick. A commit index that was only kept in
// memory is put out now.
func (c *Core) Tick() error {
	return c.step(func() error {
		c.hearing.ticks++
		if c.raft.BasicStatus().Lead != raft.None {
			c.hearing.led = c.hearing.ticks
		}
		c.sample()
		if !c.isBarred() || c.leads() {
			c.raft.Tick() // else it might campaign
		}
		c.registrar.due = true
		c.collect()
		c.watch.tick(c)
		c.holdback.tick(c)
		c.leaderSpace.tick(c)
		if c.lazyCommit {
			c.flushCommit(false)
		}
		c.campaignAlone()
		c.promote()
		return nil
	})
}

// campaignAlone starts an election if nobody else could win one, without
// waiting for the election timeout. Raft refuses to campaign before everything
// committed is applied, so this is tried when something was.
func (c *Core) campaignAlone() {
	if !c.alone() || c.isBarred() {
		return
	}
	st := c.raft.BasicStatus()
	if st.RaftState != raft.StateFollower || st.Lead != raft.None || st.Applied < st.GetCommit() {
		return
	}
	_ = c.raft.Campaign() // the election timeout tries again
	c.collect()
}

// alone tells whether this node is the only voter.
func (c *Core) alone() bool {
	voters := c.registry.Voters()
	return len(voters) == 1 && voters[0] == uint64(c.cfg.ID)
}

// ProposeChange hands in a membership change at the leader. What an update
// leaves empty stays as it is; a new voter is added as a learner that is to be
// promoted. A change that would cost the quorum is refused. The outcome appears
// in the Apply that carries its entry, or in Output.Refused.
func (c *Core) ProposeChange(id RequestID, change member.Change) error {
	return c.step(func() error {
		change, err := c.prepare(change)
		if err == nil {
			change, err = c.asLearner(change)
		}
		if err == nil {
			err = c.checkQuorum(change)
		}
		if err != nil {
			return err
		}
		return c.hand(id, change)
	})
}

// ForceChange is ProposeChange for somebody who knows better: nobody is asked
// whether a quorum can be reached, and a new voter is one at once.
func (c *Core) ForceChange(id RequestID, change member.Change) error {
	return c.step(func() error {
		change, err := c.prepare(change)
		if err != nil {
			return err
		}
		return c.hand(id, change)
	})
}

// prepare makes a change whole and refuses one that cannot be judged here and
// now, or that the registry will not take.
func (c *Core) prepare(change member.Change) (member.Change, error) {
	switch {
	case !c.leads():
		if err := c.leaderless(); err != nil {
			return change, err
		}
		return change, ErrNotLeader
	case c.changePending.index != 0 || c.changeUnapplied():
		return change, ErrChangePending
	case !c.reigns() || !c.founded(): // a change would be part of what all founders began with
		return change, ErrTooEarly
	}
	// No other change can come before this one: raft refuses it if one is
	// in the log and not in the registry yet.
	change = c.registry.Complete(change)
	if err := c.registry.Check(change); err != nil {
		return change, err
	}
	if voters := c.registry.Voters(); change.Op == member.Remove && change.Member.ID == c.cfg.ID && len(voters) == 2 {
		// The one that stays must know that the change is committed, or it
		// could never be elected.
		if err := c.noQuorum(); err != nil {
			return change, c.early(err)
		}
		c.raft.TransferLeader(voters[0] + voters[1] - uint64(c.cfg.ID))
		c.collect()
		return change, ErrHandingOver
	}
	return change, nil
}

// hand gives a change to raft.
func (c *Core) hand(id RequestID, change member.Change) error {
	data, err := encodeChange(id, change)
	if err != nil {
		return err
	}
	if len(data) > c.limits.entry { // no peer would take it
		return fmt.Errorf("change of %d bytes, limit %d: %w", len(data), c.limits.entry, member.ErrInvalid)
	}
	index := c.lastIndex() + 1
	err = c.took(uint64(len(data)), c.raft.Step(&pb.Message{
		Type: pb.MsgProp.Enum(), From: new(uint64(c.cfg.ID)),
		Entries: []*pb.Entry{{Type: pb.EntryConfChange.Enum(), Data: data}},
	}))
	if err == nil {
		c.changePending = changeProposal{index: index, term: c.term, id: id}
		c.lastChange = c.changePending
	}
	c.collect()
	return dropped(err)
}

// changeUnapplied tells whether a change of this leader is not applied yet. Raft
// would put an empty entry in the place of another one.
func (c *Core) changeUnapplied() bool {
	return c.lastChange.term == c.term && c.lastChange.index > c.raft.BasicStatus().Applied
}

func dropped(err error) error {
	if errors.Is(err, raft.ErrProposalDropped) {
		return ErrDropped
	}
	return err
}

// ReadIndex asks for the commit index with a fresh context. The answer comes
// out as a Read with this context, or not at all.
func (c *Core) ReadIndex(context []byte) error {
	return c.step(func() error {
		c.reads = append(c.reads, context)
		c.collect()
		return nil
	})
}

// Transferring is the voter that leadership is being handed to; 0 if none, or if
// this node does not lead. Raft gives a transfer up after an election timeout.
func (c *Core) Transferring() member.ID { return member.ID(c.raft.BasicStatus().LeadTransferee) }

// Transfer hands leadership to a voter; 0 stands for Successor.
func (c *Core) Transfer(to member.ID) error {
	return c.step(func() error {
		st := c.raft.Status()
		if st.RaftState != raft.StateLeader {
			return ErrNotLeader
		}
		if to == 0 {
			if to = c.Successor(); to == 0 {
				return ErrNoSuccessor
			}
		}
		if p, ok := st.Progress[uint64(to)]; !ok || p.IsLearner {
			return fmt.Errorf("%s is no voter: %w", to, member.ErrUnknown)
		}
		if !c.elects(uint64(to)) { // the leader would take no proposals until raft gives up
			return fmt.Errorf("%w: %s", ErrNoSuccessor, c.missing([]uint64{uint64(to)}))
		}
		c.raft.TransferLeader(uint64(to))
		c.collect()
		return nil
	})
}

// Step takes a message of a peer, as it came from decode. An error other than
// ErrFailed means that the message was refused; raft is as before.
func (c *Core) Step(m *pb.Message) error {
	return c.step(func() error {
		if err := c.accepts(m); err != nil {
			return err
		}
		if c.keepsOut(m) {
			return nil
		}
		if m.GetType() == pb.MsgReadIndex && c.readsTooEarly() {
			return nil // a learner's; it asks again
		}
		c.note(m)
		switch {
		case m.GetType() == pb.MsgProp && m.GetReject():
			c.noteDropped(m.GetContext())
			return nil
		case m.GetType() == pb.MsgProp:
			return c.stepForwarded(m)
		}
		step := c.raft.Step
		if m.GetType() == pb.MsgAppResp && m.GetReject() && m.GetTerm() == c.term {
			step = c.stepReject
		}
		err := step(m)
		c.collect()
		return dropped(err)
	})
}

// SnapshotReceived announces that the storage plugin has received and verified
// the snapshot that m, a MsgSnap, speaks of; registry is the membership in it.
// Whether raft wants it shows in an Append with Install set.
func (c *Core) SnapshotReceived(m *pb.Message, registry *member.Registry) error {
	meta := toMetadata(m.GetSnapshot().GetMetadata())
	if err := matches(registry, meta.ConfState); err != nil {
		return fmt.Errorf("snapshot %d: %w", meta.Index, err)
	}
	if _, in := registry.Member(c.cfg.ID); !in {
		return fmt.Errorf("snapshot %d does not know this member: %w", meta.Index, member.ErrUnknown) // raft would ignore it
	}
	if c.appends.len() > 0 && c.installing() {
		return fmt.Errorf("snapshot %d: another one is being installed", meta.Index)
	}
	if len(c.changes.deferred) > 0 {
		return fmt.Errorf("snapshot %d: a membership change before it is being stored", meta.Index)
	}
	c.received = receivedSnapshot{index: meta.Index, registry: registry}
	return c.Step(m)
}

// installing tells whether an append in flight installs a snapshot.
func (c *Core) installing() bool {
	for i := range c.appends.items {
		if c.appends.items[i].snapshot != nil {
			return true
		}
	}
	return false
}

// matches checks that a registry and raft's view of it agree.
func matches(r *member.Registry, cs storage.ConfState) error {
	if !slices.Equal(r.Voters(), slices.Sorted(slices.Values(cs.Voters))) ||
		!slices.Equal(r.Learners(), slices.Sorted(slices.Values(cs.Learners))) {
		return fmt.Errorf("%w: members %x and %x, raft has %x and %x", ErrInconsistent,
			r.Voters(), r.Learners(), cs.Voters, cs.Learners)
	}
	return nil
}

// Unreachable reports that messages to a peer were lost.
func (c *Core) Unreachable(id member.ID) error {
	return c.step(func() error {
		c.noteLoss(id)
		c.raft.ReportUnreachable(uint64(id))
		c.collect()
		return nil
	})
}

// SnapshotStatus reports the end of sending a snapshot to a peer.
func (c *Core) SnapshotStatus(id member.ID, ok bool) error {
	return c.step(func() error {
		status := raft.SnapshotFinish
		if !ok {
			status = raft.SnapshotFailure
		}
		c.raft.ReportSnapshot(uint64(id), status)
		c.collect()
		return nil
	})
}

// AppendDone says that all appends up to number n are durable.
func (c *Core) AppendDone(n uint64) error {
	return c.step(func() error {
		for {
			r, ok := c.appends.pop(n)
			if !ok {
				break
			}
			if r.snapshot != nil {
				c.log.restore(r.snapshot)
				c.registry = c.received.registry
				c.changes.applied(r.snapshot.GetIndex())
				c.out.StateChanged = true // the members are others
			}
			c.log.append(r.entries)
			c.respond(r.responses)
			c.settle(r.commit)
		}
		c.collect()
		return nil
	})
}

// ApplyDone says that all applies up to number n have been applied.
func (c *Core) ApplyDone(n uint64) error {
	return c.step(func() error {
		for {
			r, ok := c.applies.pop(n)
			if !ok {
				break
			}
			c.respond(r.responses)
			c.left(r.bytes)
			c.log.appliedTo(r.last)
		}
		c.collect()
		c.campaignAlone()
		return nil
	})
}

// SnapshotSaved says that the storage plugin has a new snapshot of this node's
// own state.
func (c *Core) SnapshotSaved(meta storage.SnapshotMetadata) {
	if c.log.snapshot == nil || meta.Index > c.log.snapshot.GetIndex() {
		c.log.snapshot = fromMetadata(meta)
	}
}

// Compacted says that the storage plugin's log starts at first now. What no
// snapshot covers is kept whatever the plugin says: a follower could not be
// caught up any more.
func (c *Core) Compacted(first uint64) {
	if first > 0 && c.log.snapshot != nil {
		c.log.compact(min(first-1, c.log.snapshot.GetIndex()))
	}
}

// Fetched answers a Fetch; without entries it failed and may be asked again.
func (c *Core) Fetched(entries []storage.Entry) { c.log.fetched(entries) }

// FetchCompacted answers a Fetch from lo on: the storage plugin has not got
// the entry at lo any more. The follower gets a snapshot.
func (c *Core) FetchCompacted(lo uint64) {
	c.log.fetched(nil)
	c.Compacted(lo + 1)
}

// respond delivers the responses that waited for a write: to raft itself, or
// out to peers.
func (c *Core) respond(responses []*pb.Message) {
	for _, m := range responses {
		if m.GetTo() == uint64(c.cfg.ID) {
			// Responses of an earlier term are refused; that is expected.
			_ = c.raft.Step(m)
			continue
		}
		c.send(m)
	}
}

// accepts checks a peer's message against raft's state, where raft itself
// would panic or be misled.
func (c *Core) accepts(m *pb.Message) error {
	if m.GetTo() != uint64(c.cfg.ID) {
		return invalid("%s for %x reached %s", m.GetType(), m.GetTo(), c.cfg.ID)
	}
	if err := c.checkDoubled(m); err != nil {
		return err
	}
	last := c.lastIndex()
	current := m.GetTerm() >= c.term
	switch m.GetType() {
	case pb.MsgSnap:
		if index := m.GetSnapshot().GetMetadata().GetIndex(); c.received.index != index {
			return invalid("snapshot %d was announced without its data", index)
		}
	case pb.MsgApp, pb.MsgHeartbeat:
		if lead := c.raft.BasicStatus().Lead; m.GetTerm() == c.term && lead != raft.None && lead != m.GetFrom() {
			return invalid("%x says that it leads in term %d, in which %x does", m.GetFrom(), c.term, lead)
		}
		if m.GetType() == pb.MsgApp {
			return nil
		}
		if current && (m.GetCommit() > last || c.lost != nil) {
			if c.lost == nil {
				c.lost = fmt.Errorf("%w: leader %x says that this node has entry %d, but its last one is %d",
					ErrLostData, m.GetFrom(), m.GetCommit(), last)
			}
			return c.lost
		}
	case pb.MsgAppResp:
		if c.leads() && !m.GetReject() && m.GetTerm() == c.term && m.GetIndex() > last {
			return invalid("%x acknowledges entry %d, the last one is %d", m.GetFrom(), m.GetIndex(), last)
		}
	case pb.MsgHeartbeatResp:
		if n := readPosition(m.GetContext()); c.leads() && m.GetTerm() == c.term && n > c.heartbeat {
			return invalid("%x confirms read %d, the last one asked for is %d", m.GetFrom(), n, c.heartbeat)
		}
	}
	return nil
}

// leads tells whether answers of peers concern this node: a former leader that
// restarted may get those to what it no longer knows of.
func (c *Core) leads() bool { return c.raft.BasicStatus().RaftState == raft.StateLeader }

// ErrLostData: the cluster counts on entries that this node does not have: its
// disk was wiped or replaced, or another process serves the member and this one
// has a copy of its directory.
var ErrLostData = errors.New("this member lost data: remove it from the cluster, empty its data directory, and add it under a new id; " +
	"if it is a copy of a member that serves elsewhere, delete the copy")
