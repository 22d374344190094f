package node

import (
	"errors"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Errors of proposals; all of them mean that the proposal has no effect.
var (
	// ErrDropped: there is no leader, or it takes nothing for the moment: it
	// hands leadership over, has not founded the cluster yet, or the
	// uncommitted part of its log is full. Propose returns it.
	ErrDropped = errors.New("proposal dropped")
	// ErrTooLate: its client would wait no longer by the time that it is applied,
	// and there are others that have the time. Ports.Rejected gives it before
	// raft has seen the proposal.
	ErrTooLate = errors.New("proposal would come too late")
	// ErrNotLeader: only the leader takes membership changes and transfers.
	// ProposeChange and Transfer return it.
	ErrNotLeader = errors.New("not the leader")
	// ErrNoSuccessor: no other voter was heard lately, or not the one that was
	// named. Transfer returns it.
	ErrNoSuccessor = errors.New("no other voter can take over")
	// ErrChangePending: another membership change is not applied yet.
	// ProposeChange returns it, and Ports.Rejected gives it for a change that
	// raft itself has refused.
	ErrChangePending = errors.New("another membership change is pending")
)

// Tick advances raft's clock by one tick. A commit index that was only kept in
// memory is put out now.
func (c *Core) Tick() error {
	return c.step(func() error {
		c.hearing.notice(c)
		c.trips.forget()
		c.sample()
		c.judgeDoubled()
		c.endDoubt()
		if c.mayTick() {
			c.raft.Tick()
		}
		c.forgetLeader()
		c.registrar.due = true
		c.collect()
		c.farTerms.tick(c)
		c.firstElection.tick(c)
		c.rivalry.tick(c)
		c.deposed.tick(c)
		c.watch.tick(c)
		c.holdback.tick(c)
		c.leaderRefuses.tick(c)
		c.window.tick()
		c.tickForwarding()
		c.tickTakings()
		if c.lazyCommit {
			c.flushCommit(false)
		}
		c.campaignAlone()
		c.raiseLevel()
		c.switchCommands()
		c.checkStates()
		c.stamps.stale = true
		c.tickTimer()
		c.promote()
		c.grant()
		return nil
	})
}

// campaignAlone starts an election if no other member could win one, without
// waiting for the election timeout. Raft refuses to campaign while a committed
// change has not come out for apply.
func (c *Core) campaignAlone() {
	if !c.alone() || c.isBarred() {
		return
	}
	st := c.raft.BasicStatus()
	if st.RaftState != raft.StateFollower || st.Lead != raft.None || st.Applied < st.GetCommit() {
		return
	}
	c.campaign(causeAlone)
}

// alone tells whether this node is the only voter.
func (c *Core) alone() bool {
	voters := c.registry.Voters()
	return len(voters) == 1 && voters[0] == uint64(c.cfg.ID)
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

// Step takes a message of a peer, as it came from decode. An error other than
// ErrFailed means that the message was refused; raft is as before.
func (c *Core) Step(m *pb.Message) error {
	return c.step(func() error {
		if m.GetType() == pb.MsgProp {
			return invalid("%s is not for raft", m.GetType()) // see StepForwarded
		}
		if err := c.accepts(m); err != nil {
			return err
		}
		if c.keepsOut(m) {
			return nil
		}
		c.hearCandidate(m)
		c.hearRival(m)
		c.yieldsLease(m)
		c.holdback.hear(c, m)
		if m.GetType() == pb.MsgReadIndex && c.readsTooEarly() {
			return nil // a learner's; it asks again
		}
		c.note(m)
		step := c.raft.Step
		if m.GetType() == pb.MsgAppResp && m.GetReject() && m.GetTerm() == c.term && c.leads() {
			step = c.stepReject
		}
		deposes := c.isDeposing(m)
		if m.GetType() == pb.MsgTimeoutNow {
			c.witness.cause = causeTransfer
		}
		err := step(m)
		c.collect()
		c.witness.cause = ""
		if deposes && !c.leads() {
			c.deposed = deposed{term: c.term, since: c.hearing.ticks}
		} else {
			c.deposed.hear(c, m)
		}
		return dropped(err)
	})
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
		} else {
			c.snapshotSent(id)
		}
		c.raft.ReportSnapshot(uint64(id), status)
		c.collect()
		return nil
	})
}

// AppendDone says that all appends up to number n are durable.
//
// The records are taken over one by one, in the order in which they came out. Of each,
// the log has snapshot and entries before raft hears that they are stable, because raft
// lets go of its own copy then (respond). A snapshot comes before the entries of the same
// record, which follow it. Its membership is the present one from the same moment on.
// Entries that waited for the commit index come out last (settle).
func (c *Core) AppendDone(n uint64) error {
	return c.step(func() error {
		for {
			r, ok := c.appends.pop(n)
			if !ok {
				break
			}
			if r.snapshot != nil {
				c.log.restore(r.snapshot)
				c.window.forget(r.snapshot.GetTerm() + 1)
				c.registry, c.putOut = c.received.registry, r.snapshot.GetIndex()
				c.stamps.passed = max(c.stamps.passed, c.received.time)
				c.changes.applied(r.snapshot.GetIndex())
				c.out.StateChanged = true // the members are others
				if !c.understands(r.snapshot.GetIndex(), nil) {
					return nil
				}
			}
			c.log.append(r.entries)
			c.respond(r.responses)
			c.settle(r.commit)
		}
		c.collect()
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

// Compacted says that the storage plugin's log starts at first now. Entries
// that no snapshot covers are kept whatever the plugin says: a follower could
// not be caught up any more.
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

// respond delivers the responses that waited for a write: to raft itself, or out to
// peers. It is called when the write, and all writes before it, are durable; see
// putAppend. Raft's own come without a check by accepts, since they do not come from
// a peer. The log has the entries before raft hears that they are stable: raft lets
// go of its copy then, and asks the log for them.
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
