package server

import (
	"context"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// compact gives up the log up to the snapshot before the one at index, so that a
// state machine that cannot be restored from that has the older one and the log; and up to
// the catch-up entries if those reach back further. More bytes than are to be
// caught up are not kept for either, but, up to a multiple of them, what a
// follower needs that is being sent a snapshot.
func (p *snapshotter) compact(ctx context.Context, n *node.Node, st storage.Storage, index uint64) error {
	older := index // one that was restored for trial can be restored
	if !p.s.cfg.RehearseAll {
		var err error
		if older, err = olderSnapshot(ctx, st, index); err != nil {
			return err
		}
	}
	p.mu.Lock()
	to := max(min(index-min(index, p.s.cfg.CatchUpEntries), older), p.kept.floor(index))
	to = p.held(to)
	p.mu.Unlock()
	if to == 0 {
		return nil
	}
	first, err := st.Compact(ctx, to)
	if err != nil {
		return fmt.Errorf("compact to %d: %w", to, err)
	}
	n.Do(func(c *node.Core) error { c.Compacted(first); return nil })
	return nil
}

// olderSnapshot is the index of the newest snapshot before the one at index; 0
// if there is none.
func olderSnapshot(ctx context.Context, st storage.Storage, index uint64) (older uint64, err error) {
	snapshots, err := st.ListSnapshots(ctx)
	if err != nil {
		return 0, fmt.Errorf("list snapshots: %w", err)
	}
	for i := range snapshots {
		if at := snapshots[i].Metadata.Index; at < index {
			older = max(older, at)
		}
	}
	return older, nil
}
