package node

import (
	"fmt"
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// SnapshotReceived announces that the storage plugin has received and verified
// the snapshot that m, a MsgSnap, speaks of; registry is the membership in it, and time
// the largest stamp up to it.
// Whether raft wants it shows in an Append with Install set.
func (c *Core) SnapshotReceived(m *pb.Message, registry *member.Registry, time uint64) error {
	if err := c.wants(m, registry); err != nil {
		return err
	}
	c.received = receivedSnapshot{index: m.GetSnapshot().GetMetadata().GetIndex(), registry: registry, time: time}
	return c.Step(m)
}

// CheckSnapshot is why a snapshot that arrives would be refused as it stands: it is
// asked before its data are stored, and before they are kept, because a snapshot that is
// not installed stays on the disk.
func (c *Core) CheckSnapshot(m *pb.Message, registry *member.Registry) error {
	return c.step(func() error {
		if err := c.wants(m, registry); err != nil {
			return err
		}
		if m.GetTerm() < c.term {
			return invalid("snapshot %d is of term %d, it is term %d here", m.GetSnapshot().GetMetadata().GetIndex(), m.GetTerm(), c.term)
		}
		if err := c.checkSender(m); err != nil {
			return err
		}
		return c.acceptsSnapshot(m)
	})
}

// wants refuses a snapshot that has no place here.
func (c *Core) wants(m *pb.Message, registry *member.Registry) error {
	meta := toMetadata(m.GetSnapshot().GetMetadata())
	if err := matches(registry, meta.ConfState); err != nil {
		return fmt.Errorf("snapshot %d: %w", meta.Index, err)
	}
	if c.isVoter(uint64(c.cfg.ID)) { // as with an entry: see checkUnderstood
		if err := c.checkCommandVersion(registry.CommandVersion()); err != nil {
			return fmt.Errorf("snapshot %d: %w", meta.Index, err)
		}
	}
	if _, in := registry.Member(c.cfg.ID); !in {
		return fmt.Errorf("snapshot %d does not know this member: %w", meta.Index, member.ErrUnknown) // raft would ignore it
	}
	if c.appends.len() > 0 && c.installing() { // AppendDone takes the membership of the one from c.received
		return fmt.Errorf("snapshot %d: another one is being installed", meta.Index)
	}
	if len(c.changes.deferred) > 0 { // they would come out after the snapshot that has them
		return fmt.Errorf("snapshot %d: a membership change before it is being stored", meta.Index)
	}
	return nil
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
