package node

import (
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// collect moves everything that raft has ready into the output. It goes on until raft
// has nothing, because a response that raft gets at once (respond) may make more ready.
//
// In each Ready, role and term come first: the messages beside them are sent, and
// appends put out, by the role and the term in which raft made them. Only after the last
// Ready may the log give up entries, since messages that raft holds back share their
// memory (see trim).
func (c *Core) collect() {
	for c.failed == nil {
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
			c.out.StateChanged = true
		}
		if rd.HardState != nil && rd.GetTerm() != c.term {
			c.term, c.heartbeat, c.news, c.registrar.written = rd.GetTerm(), 0, commitNews{}, 0
			c.levels.written, c.levels.switched = 0, 0
			c.hashes.written, c.hashes.agreed = 0, StateHash{}
			c.uncommitted, c.leaderStalled = 0, 0
			c.out.StateChanged = true
		}
		if c.lead != raft.None {
			c.ledBy = reignOf{c.lead, c.term}
		}
		c.vouched = c.vouched || c.leads()
		if rd.SoftState != nil && rd.RaftState == raft.StateLeader && c.reign.term != c.term {
			c.begin()
		}
		if rd.SoftState != nil {
			c.witness.tell(c)
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

// putAppend puts out what must be stored.
//
// Safety rests on an order: no message leaves before the state that it speaks of is
// on disk. Raft hands a batch out together with the responses that are true only
// when the batch is durable: votes and acknowledgements for peers, and the news for
// raft itself that the entries are stable. They stay in the batch's appendRecord
// until the storage has acknowledged it; AppendDone then gives them to respond.
// Batches come out in the order of their numbers and are acknowledged in that order,
// so responses leave in the order in which raft made them. Responses that come
// without anything to write join the last batch in flight, for that reason: they may
// speak of what it writes. A leader's MsgApp does not wait: a quorum that has the
// entries commits them, whether this node is part of it or not.
//
// A commit index alone waits for the next batch or tick: nothing depends on its being
// on disk (ADR 0005), except membership changes, which wait for it in changeLog.
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
	c.sizes.appended(m.GetEntries())
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

// lastIndex is raft's last index, unstable entries included.
func (c *Core) lastIndex() uint64 {
	last, _ := c.lastEntry()
	return last
}

// lastEntry is the index and the term of raft's last entry, unstable ones included.
func (c *Core) lastEntry() (index, term uint64) {
	for _, r := range slices.Backward(c.appends.items) {
		if n := len(r.entries); n > 0 {
			return r.entries[n-1].GetIndex(), r.entries[n-1].GetTerm()
		}
		if r.snapshot != nil {
			return r.snapshot.GetIndex(), r.snapshot.GetTerm()
		}
	}
	return c.log.last, c.log.terms.term(c.log.last)
}
