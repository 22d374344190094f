package node

import (
	"errors"
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
)

// putApply puts out committed entries. Membership changes take effect here, in
// the order of the log, before anything later is stepped.
//
// Raft may give out more at once than a batch may hold, so the entries come
// out in several runs. Raft hears at once that all are applied (ADR 0031).
// The receiver of the runs must see to it that the state machine gets each.
//
// Raft hears that last, after its configuration has every accepted change among them:
// raft decides by its applied index whether a change is still to come, and with an index
// ahead of the configuration it would campaign, or let the next change into the log, by
// voters that are no longer those of the log.
func (c *Core) putApply(m *pb.Message) {
	entries := m.GetEntries()
	room := func(i int) []Command { return make([]Command, 0, min(len(entries)-i, plugins.MaxBatchEntries)) }
	a := Apply{First: entries[0].GetIndex(), Before: c.registry, Commands: room(0)}
	for i, e := range entries {
		full := a.Bytes+entrySize(e) > c.cfg.Limits.BatchBytes() || len(a.Commands) == plugins.MaxBatchEntries
		if i > 0 && (full || a.Ends()) {
			c.emitApply(a, entries[i-1])
			a = Apply{First: e.GetIndex(), Before: c.registry, Commands: room(i)}
		}
		switch {
		case e.GetType() == pb.EntryConfChange:
			result, ok := c.applyChange(e)
			if !ok {
				return
			}
			a.Changes = append(a.Changes, result)
		case isOwn(e.GetData()):
			if !c.applyOwn(e) {
				return
			}
			a.Switch, a.Check = switchIn(e.GetData()), isCheck(e.GetData())
			if a.Check {
				c.hashes.noteCheck(e.GetIndex(), c.hearing.ticks)
			}
		case len(e.GetData()) > 0:
			h, data, err := decodeCommand(e.GetData())
			if errors.Is(err, member.ErrNewer) {
				c.understands(e.GetIndex(), err)
				return
			}
			if err != nil {
				// Checked when it came in, so the log changed under us.
				panic(fmt.Sprintf("entry %d: %v", e.GetIndex(), err))
			}
			a.Commands = append(a.Commands, Command{ID: h.id, Index: e.GetIndex(), Term: e.GetTerm(), Stamp: h.stamp, Tick: h.tick, Data: data})
			c.hashes.changed = true
			c.stamps.passed = max(c.stamps.passed, h.stamp)
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
	if gone := c.window.gone(a.Term); len(gone) > 0 {
		c.out.Rejected = append(c.out.Rejected, Rejection{gone, ErrLeaderLost})
	}
	c.forwarding.over(a.Term)
	c.out.Applies = append(c.out.Applies, a)
}

// applyChange lets the registry decide about a committed change, and tells
// raft only of an accepted one: a refused one must not reach it. It tells whether this
// build understands the change.
func (c *Core) applyChange(e *pb.Entry) (ChangeResult, bool) {
	id, change, err := decodeChange(e.GetData())
	if errors.Is(err, member.ErrNewer) {
		return ChangeResult{}, c.understands(e.GetIndex(), err)
	}
	if err != nil {
		panic(fmt.Sprintf("entry %d: %v", e.GetIndex(), err))
	}
	if c.changePending.index == e.GetIndex() {
		c.changePending = changeProposal{}
	}
	next, err := c.registry.Apply(change, e.GetIndex(), e.GetTerm())
	if err != nil {
		return ChangeResult{ID: id, Index: e.GetIndex(), Term: e.GetTerm(), Err: err}, true
	}
	cc, err := unmarshalChange(e.GetData())
	if err != nil {
		panic(fmt.Sprintf("entry %d: %v", e.GetIndex(), err))
	}
	c.registry = next
	c.registrar.due = true
	c.hashes.left(next.Voters())
	c.raft.ApplyConfChange(cc)
	c.out.StateChanged = true
	c.cfg.Logger.Info("the membership has changed", "event", events.Membership, "op", string(change.Op), "of", change.Member.ID, "name", change.Member.Name, "index", e.GetIndex(), "voters", len(next.Voters()))
	return ChangeResult{ID: id, Index: e.GetIndex(), Term: e.GetTerm()}, true
}
