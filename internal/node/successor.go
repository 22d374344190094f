package node

import (
	"cmp"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// candidate is a voter that could lead instead of this node.
type candidate struct {
	id    member.ID
	match uint64
	unfit int // Condition.Unfitness, by its own word
}

// Successor names the voter that leadership goes to, for every reason to hand
// it over. Those in tried are left out. It is 0 if no voter is left, or this
// node does not lead.
//
// Only a voter counts that was heard within the last election timeout, that nothing sent is known to be
// lost for since, that does not say it is barred, and that is not waiting for a snapshot. Among those that
// are in contact and have everything committed it is the next after this node in the order of ids, and
// after the last one the first: members that hand leadership on in this order, each to the next, miss
// none. If there is no such voter, it is the one with the longest log. In both cases those that are less
// fit count only if there is no other.
func (c *Core) Successor(tried ...member.ID) member.ID {
	if !c.leads() {
		return 0
	}
	return c.choose(c.candidates(tried))
}

// Fitter is Successor for a node that is unfit itself: only those count that
// are fitter. It is 0 too while leadership is being handed over: another
// transfer would end that one.
func (c *Core) Fitter(tried ...member.ID) member.ID {
	if !c.leads() || c.raft.BasicStatus().LeadTransferee != raft.None {
		return 0
	}
	own := c.fitness.Condition.Unfitness()
	return c.choose(slices.DeleteFunc(c.candidates(tried), func(v candidate) bool { return v.unfit >= own }))
}

// fittest leaves those out that are less fit than another one.
func fittest(list []candidate) []candidate {
	if len(list) == 0 {
		return nil
	}
	best := slices.MinFunc(list, func(a, b candidate) int { return cmp.Compare(a.unfit, b.unfit) }).unfit
	return slices.DeleteFunc(list, func(v candidate) bool { return v.unfit > best })
}

// choose is the order that Successor describes.
func (c *Core) choose(live []candidate) member.ID {
	commit := c.raft.BasicStatus().GetCommit()
	ready := fittest(slices.DeleteFunc(slices.Clone(live), func(v candidate) bool { return v.match < commit || !c.InContact(v.id) }))
	live = fittest(live)
	switch {
	case len(ready) > 0:
		if i := slices.IndexFunc(ready, func(v candidate) bool { return v.id > c.cfg.ID }); i >= 0 {
			return ready[i].id
		}
		return ready[0].id
	case len(live) > 0:
		return slices.MaxFunc(live, func(a, b candidate) int { return cmp.Compare(a.match, b.match) }).id
	}
	return 0
}

// candidates are the voters that may live, but those in tried, in the order of
// their ids.
func (c *Core) candidates(tried []member.ID) []candidate {
	var live []candidate
	c.raft.WithProgress(func(id uint64, kind raft.ProgressType, pr tracker.Progress) {
		v := candidate{id: member.ID(id), match: pr.Match, unfit: c.conditions[member.ID(id)].Unfitness()}
		switch {
		case v.id == c.cfg.ID || kind != raft.ProgressTypePeer || pr.State == tracker.StateSnapshot:
		case c.conditions[v.id].Has(Barred):
		case slices.Contains(tried, v.id) || !c.hears(id) || c.hearing.lost[v.id]:
		default:
			live = append(live, v)
		}
	})
	slices.SortFunc(live, func(a, b candidate) int { return cmp.Compare(a.id, b.id) })
	return live
}
