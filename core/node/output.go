package node

import (
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Output is what came out of a Core: work for others, in order within each
// slice.
type Output struct {
	Appends   []Append
	Applies   []Apply
	Messages  []transport.Envelope
	Snapshots []SnapshotSend
	Reads     []Read
	Fetches   []Fetch
	// Refused are membership changes that raft would not take: another one
	// was pending.
	Refused []RequestID
	// Dropped are proposals of this node that a member, to which they were
	// forwarded, has dropped: they are in no log.
	Dropped []RequestID
	// SnapshotWanted tells that a new member can be caught up only by a
	// snapshot newer than the newest: that one does not know it.
	SnapshotWanted bool
	// StateChanged tells that leader, term or role may have changed.
	StateChanged bool
}

// Append is one batch for the storage plugin. AppendDone(Number) follows when
// it is durable.
type Append struct {
	Number uint64
	// Install, if set, comes first: the received snapshot at its index
	// becomes the start of the log, with the batch's hard state; the state
	// machine is to be restored from it before any later Apply.
	Install *storage.SnapshotMetadata
	Batch   storage.Batch
}

// Apply is a run of committed entries. For raft they are applied: nothing is
// heard of it again. Until the state machine has them they are in the log, which
// is compacted only up to a snapshot.
type Apply struct {
	// First and Last bound the run, Term is the last entry's.
	First, Last, Term uint64
	// Commands are the entries with a client's data. Bytes is their size, and
	// that of what surrounds each on the way.
	Commands []Command
	Bytes    uint64
	// Changes are the membership changes among them, accepted or not.
	Changes []ChangeResult
	// Before is the membership before the run, Registry that after it.
	Before, Registry *member.Registry
}

// Command is one entry for the state machine.
type Command struct {
	ID    RequestID
	Index uint64
	Data  []byte
}

// ChangeResult is what became of a membership change.
type ChangeResult struct {
	ID  RequestID
	Err error
}

// SnapshotSend asks for a snapshot to be sent: the one at Index, announced by
// Message. SnapshotStatus(To, …) follows exactly once.
type SnapshotSend struct {
	To      member.ID
	Index   uint64
	Message []byte
	// StateOnly: it is for the receiver's state machine, and no part of what raft
	// does. StateSent follows instead.
	StateOnly bool
}

// Read is the answer to a ReadIndex.
type Read struct {
	Context []byte
	Index   uint64
}

// Fetch asks for entries [Lo, Hi) to be read from the storage plugin, as many
// as fit MaxBytes. Fetched follows exactly once.
type Fetch struct{ Lo, Hi, MaxBytes uint64 }

// fetchBytes is the size of the window that serves a slow follower. At times
// the next window and the messages made of both are in memory as well, and as
// much again until it is collected.
const fetchBytes = 4 << 20

// collect moves everything that raft has ready into the output.
func (c *Core) collect() {
	for {
		c.askReads()
		if !c.raft.HasReady() {
			c.register()
		}
		if !c.raft.HasReady() {
			break
		}
		rd := c.raft.Ready()
		if rd.SoftState != nil {
			c.role, c.lead = rd.RaftState, rd.Lead
			c.window.reset()
			c.out.StateChanged = true
		}
		if rd.HardState != nil && rd.GetTerm() != c.term {
			c.term, c.heartbeat, c.news, c.registrar.written = rd.GetTerm(), 0, commitNews{}, 0
			c.uncommitted, c.leaderStalled = 0, 0
			c.window.reset()
			c.out.StateChanged = true
		}
		if c.lead != raft.None {
			c.ledBy = reignOf{c.lead, c.term}
		}
		if rd.SoftState != nil && rd.RaftState == raft.StateLeader && c.reign.term != c.term {
			c.begin()
		}
		for _, s := range rd.ReadStates {
			c.out.Reads = append(c.out.Reads, Read{Context: s.RequestCtx, Index: s.Index})
		}
		for _, m := range rd.Messages {
			switch m.GetTo() {
			case raft.LocalAppendThread:
				c.putAppend(m)
			case raft.LocalApplyThread:
				c.apply(m)
			default:
				c.send(m)
			}
		}
	}
	c.log.trim()
	if f, ok := c.log.takeFetch(); ok {
		c.out.Fetches = append(c.out.Fetches, Fetch{Lo: f.lo, Hi: f.hi, MaxBytes: fetchBytes})
	}
}

// putAppend puts out what must be stored. A commit index alone waits for the
// next batch or tick: nothing depends on its being on disk.
func (c *Core) putAppend(m *pb.Message) {
	hs := c.saved
	if m.Term != nil {
		hs = storage.HardState{Term: m.GetTerm(), Vote: m.GetVote(), Commit: m.GetCommit()}
	}
	voted := hs.Term != c.saved.Term || hs.Vote != c.saved.Vote
	c.lazyCommit = c.lazyCommit || hs.Commit != c.saved.Commit
	c.saved = hs
	snapshot := m.GetSnapshot().GetMetadata()
	if len(m.GetEntries()) == 0 && snapshot.GetIndex() == 0 && !voted {
		// Nothing to write, but the responses must not overtake earlier
		// writes.
		if c.appends.len() > 0 {
			last := c.appends.last()
			last.responses = append(last.responses, m.GetResponses()...)
			return
		}
		c.respond(m.GetResponses())
		return
	}
	c.watchChange(m.GetEntries())
	c.news.appended(c.cfg.ID, m.GetEntries())
	c.changes.appended(m.GetEntries())
	record := appendRecord{entries: m.GetEntries(), responses: m.GetResponses(), commit: hs.Commit}
	a := Append{Batch: storage.Batch{
		Entries:   toEntries(make([]storage.Entry, 0, len(m.GetEntries())), m.GetEntries()),
		HardState: hs,
		MustSync:  true,
	}}
	if snapshot.GetIndex() != 0 {
		record.snapshot = snapshot
		meta := toMetadata(snapshot)
		a.Install = &meta
		if c.changePending.index <= meta.Index {
			c.changePending = changeProposal{} // whatever became of it, it is in the snapshot
		}
	}
	a.Number = c.appends.push(record)
	c.lazyCommit = false
	c.out.Appends = append(c.out.Appends, a)
}

// watchChange finds out what raft made of a proposed membership change.
func (c *Core) watchChange(entries []*pb.Entry) {
	p := &c.changePending
	if p.index == 0 || len(entries) == 0 || p.index < entries[0].GetIndex() {
		return
	}
	at := p.index - entries[0].GetIndex()
	if at >= uint64(len(entries)) {
		return
	}
	e := entries[at]
	if e.GetType() == pb.EntryConfChange {
		if id, _, err := decodeChange(e.GetData()); err == nil && id == p.id {
			return // in the log; its Apply will tell
		}
	}
	if e.GetTerm() == p.term && p.id.Number != 0 { // this node's own entry as the leader
		c.out.Refused = append(c.out.Refused, p.id)
	}
	// Another leader's entry stands there: ours may still come back by a third
	// one, so nothing can be said of the outcome.
	*p = changeProposal{}
}

// putApply puts out committed entries. Membership changes take effect here, in
// the order of the log, before anything later is stepped.
//
// What raft gives out at once may be more than a batch may hold, so it comes
// out in several runs. Raft hears at once that all are applied (ADR 0031).
// Whoever takes them must see to it that the state machine gets each.
func (c *Core) putApply(m *pb.Message) {
	entries := m.GetEntries()
	room := func(i int) []Command { return make([]Command, 0, min(len(entries)-i, plugins.MaxBatchEntries)) }
	a := Apply{First: entries[0].GetIndex(), Before: c.registry, Commands: room(0)}
	for i, e := range entries {
		full := a.Bytes+entrySize(e) > c.cfg.Limits.BatchBytes() || len(a.Commands) == plugins.MaxBatchEntries
		if i > 0 && full {
			c.emitApply(a, entries[i-1])
			a = Apply{First: e.GetIndex(), Before: c.registry, Commands: room(i)}
		}
		switch {
		case e.GetType() == pb.EntryConfChange:
			a.Changes = append(a.Changes, c.applyChange(e))
		case isRegistration(e.GetData()):
			c.applyRegistration(e)
		case len(e.GetData()) > 0:
			id, data, err := decodeCommand(e.GetData())
			if err != nil {
				// Checked when it came in, so the log changed under us.
				panic(fmt.Sprintf("entry %d: %v", e.GetIndex(), err))
			}
			a.Commands = append(a.Commands, Command{ID: id, Index: e.GetIndex(), Data: data})
			a.Bytes += uint64(len(data)) + entryOverhead
		}
	}
	last := entries[len(entries)-1]
	c.changes.applied(last.GetIndex())
	c.emitApply(a, last)
	c.left(payload(entries))
	c.respond(m.GetResponses())
	c.log.putOutTo(last.GetIndex())
}

// emitApply puts out a run that ends with entry last.
func (c *Core) emitApply(a Apply, last *pb.Entry) {
	a.Last, a.Term, a.Registry = last.GetIndex(), last.GetTerm(), c.registry
	c.putOut = a.Last
	c.window.out(c.cfg.ID, a.Commands)
	c.out.Applies = append(c.out.Applies, a)
}

// applyChange lets the registry decide about a committed change, and tells
// raft only of an accepted one: a refused one must not reach it.
func (c *Core) applyChange(e *pb.Entry) ChangeResult {
	id, change, err := decodeChange(e.GetData())
	if err != nil {
		panic(fmt.Sprintf("entry %d: %v", e.GetIndex(), err))
	}
	if c.changePending.index == e.GetIndex() {
		c.changePending = changeProposal{}
	}
	next, err := c.registry.Apply(change, e.GetIndex(), e.GetTerm())
	if err != nil {
		return ChangeResult{ID: id, Err: err}
	}
	cc, err := unmarshalChange(e.GetData())
	if err != nil {
		panic(fmt.Sprintf("entry %d: %v", e.GetIndex(), err))
	}
	c.registry = next
	c.registrar.due = true
	c.raft.ApplyConfChange(cc)
	c.out.StateChanged = true
	return ChangeResult{ID: id}
}

// send puts out a message to a peer.
func (c *Core) send(m *pb.Message) {
	self := uint64(c.cfg.ID)
	if m.GetTo() == 0 || m.GetTo() == self {
		return
	}
	class := pluginv1.MessageClass_CLASS_CONTROL
	switch m.GetType() {
	case pb.MsgApp:
		class = pluginv1.MessageClass_CLASS_APPEND
		c.clamp(m)
		if c.canWait(m) {
			return
		}
		c.news.sent(member.ID(m.GetTo()), m.GetCommit())
	case pb.MsgProp:
		class = pluginv1.MessageClass_CLASS_PROPOSAL
		m.From = new(self) // passed on for another: the origin is in each entry
	case pb.MsgReadIndex:
		class = pluginv1.MessageClass_CLASS_PROPOSAL
		if m.GetFrom() != self {
			return // another's read: its answer could not find the way back
		}
	case pb.MsgSnap:
		if !knows(m.GetSnapshot().GetMetadata().GetConfState(), m.GetTo()) {
			// Its receiver would not take it. Raft asks again at the next
			// heartbeat.
			c.out.SnapshotWanted = true
			c.raft.ReportSnapshot(m.GetTo(), raft.SnapshotFailure)
			return
		}
	case pb.MsgPreVote:
		if m.GetIndex() > 0 && (c.isBarred() || c.holdsBack()) { // else it asks for terms alone
			return
		}
	case pb.MsgHeartbeat:
		c.clamp(m)
		c.heartbeat = max(c.heartbeat, readPosition(m.GetContext()))
	}
	c.encoder.gossip = c.gossip(m)
	payload, err := c.encoder.encode(m)
	if err != nil {
		panic(fmt.Sprintf("encode %s: %v", m.GetType(), err))
	}
	if m.GetType() == pb.MsgSnap {
		c.out.Snapshots = append(c.out.Snapshots, SnapshotSend{
			To: member.ID(m.GetTo()), Index: m.GetSnapshot().GetMetadata().GetIndex(), Message: payload,
		})
		return
	}
	c.out.Messages = append(c.out.Messages, transport.Envelope{
		Group: c.cfg.Group, To: m.GetTo(), From: self, Class: class, Payload: payload,
	})
}

// knows tells whether a node is among the members of a snapshot.
func knows(cs *pb.ConfState, id uint64) bool {
	return slices.Contains(cs.GetVoters(), id) || slices.Contains(cs.GetLearners(), id)
}

// readPosition is the position of a read that a heartbeat carries.
func readPosition(context []byte) uint64 {
	if len(context) < 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(context)
}

// lastIndex is raft's last index, unstable entries included.
func (c *Core) lastIndex() uint64 {
	last := c.log.last
	for _, r := range c.appends.items {
		if r.snapshot != nil {
			last = r.snapshot.GetIndex()
		}
		if n := len(r.entries); n > 0 {
			last = r.entries[n-1].GetIndex()
		}
	}
	return last
}
