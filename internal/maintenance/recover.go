package maintenance

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Recovery is what makes a survivor a cluster of its own.
type Recovery struct {
	ClusterID string `json:"cluster_id"`
	Self      string `json:"self"`
	// Removed are the members that will be no more, in the order of their ids.
	Removed []string `json:"removed"`
	// LastIndex is the end of the log before, whose last entry is of LastTerm, and of
	// which Uncommitted entries were not known to be committed and will be.
	LastIndex   uint64 `json:"last_index"`
	LastTerm    uint64 `json:"last_term"`
	Uncommitted uint64 `json:"uncommitted"`
	Term        uint64 `json:"term"`

	batch storage.Batch
}

// PlanRecovery says what ForceNewCluster would do with the store in place, and
// changes nothing.
func PlanRecovery(ctx context.Context, place Place, n Node) (r Recovery, err error) {
	if err := mustNotBeLeft(place.Dir); err != nil {
		return r, err
	}
	s, err := OpenToRead(ctx, place, &n)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Release()) }()
	return planFor(ctx, s, place, n)
}

// planFor is the plan for an open store.
func planFor(ctx context.Context, s *Store, place Place, n Node) (r Recovery, err error) {
	if err := mustBeWhole(place, s.State.StoreID); err != nil {
		return r, err
	}
	header, err := newestHeader(ctx, s)
	if err != nil {
		return r, classify(err)
	}
	if header != nil && header.ClusterID != n.ClusterID {
		return r, fmt.Errorf("%w: the snapshot at %d is of cluster %x, the node of cluster %x", ErrRefused, header.Index, header.ClusterID, n.ClusterID)
	}
	registry, err := membership(ctx, s, header)
	if err != nil {
		return r, classify(err)
	}
	return plan(registry, s.State, n)
}

// mustBeWhole refuses a store of which a host has noted that it lost data. No host
// would start with it, and what it voted and acknowledged is gone.
func mustBeWhole(place Place, store uint64) error {
	why, err := datadir.LossOf(place.Data, store)
	if err != nil || why == "" {
		return err
	}
	return fmt.Errorf("%w: this member lost data, so no host starts with it: %s; recover another survivor, or restore a snapshot; "+
		"if there is nothing else, what is missing here is lost for good: move %s away, and recover again",
		ErrRefused, why, filepath.Join(place.Data, pinsName))
}

// uncommitted is how many entries are not known to be committed. The stored commit may lag
// behind the newest snapshot.
func uncommitted(st storage.State) uint64 {
	known := st.HardState.Commit
	if n := len(st.Snapshots); n > 0 {
		known = max(known, st.Snapshots[n-1].Metadata.Index)
	}
	return st.LastIndex - min(known, st.LastIndex)
}

// plan makes the entries: the survivor becomes a voter if it is not one, all
// others are removed, one by one as in any change, and the last one makes it
// another cluster than that of the others, should they ever be started again.
func plan(registry *member.Registry, st storage.State, n Node) (Recovery, error) {
	self, ok := registry.Member(member.ID(n.NodeID))
	if !ok {
		return Recovery{}, fmt.Errorf("%w: node %x is no member; the members are %v", ErrRefused, n.NodeID, hexIDs(registry.Voters()))
	}
	last := lastTerm(st)
	r := Recovery{
		ClusterID: hexID(n.ClusterID), Self: self.ID.String(), Removed: []string{},
		LastIndex: st.LastIndex, LastTerm: last, Uncommitted: uncommitted(st), Term: max(last, st.HardState.Term) + 1,
	}
	var changes []member.Change
	if self.Learner {
		self.Learner = false
		changes = append(changes, member.Change{Op: member.Add, Member: self})
	}
	for _, m := range registry.Members() {
		if m.ID != self.ID {
			changes = append(changes, member.Change{Op: member.Remove, Member: member.Member{ID: m.ID}})
			r.Removed = append(r.Removed, m.ID.String())
		}
	}
	if len(changes) == 0 {
		return r, fmt.Errorf("%w: node %s is the only member already", ErrRefused, r.Self)
	}
	for i, c := range changes {
		e, err := node.ChangeEntry(st.LastIndex+1+uint64(i), r.Term, c)
		if err != nil {
			return r, err
		}
		r.batch.Entries = append(r.batch.Entries, e)
	}
	end := st.LastIndex + uint64(len(changes)) + 1
	e, err := node.RegistrationEntry(end, r.Term, member.Registration{
		Refound: true, Founding: recoveredFounding(st.LastIndex, last, st.StoreID),
	})
	if err != nil {
		return r, err
	}
	r.batch.Entries = append(r.batch.Entries, e)
	r.batch.HardState = storage.HardState{Term: r.Term, Vote: n.NodeID, Commit: end}
	r.batch.MustSync = true
	return r, nil
}

// says is what was confirmed of a plan.
func (r Recovery) says() string {
	r.batch = storage.Batch{}
	return fmt.Sprintf("%+v", r)
}

// ForceNewCluster does what was planned, in one append: all of it or nothing
// is in the log. It is refused if the plan would be another one by now, as a host has run meanwhile. The whole log counts as committed from then on: any entry of
// the survivor may have been acknowledged.
func ForceNewCluster(ctx context.Context, place Place, n Node, r Recovery) (err error) {
	free, err := hold(place.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, free()) }()
	s, err := OpenWithPlugin(ctx, place.Dir, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Release()) }()
	now, err := planFor(ctx, s, place, n)
	if err != nil {
		return err
	}
	if now.says() != r.says() {
		return fmt.Errorf("%w: the log has changed since: it ends at %d in term %d", ErrRefused, s.State.LastIndex, s.State.HardState.Term)
	}
	return s.Append(ctx, []storage.Batch{now.batch})
}
