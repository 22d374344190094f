package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// compaction is how giving up the head of the log goes.
type compaction struct {
	since    time.Time // of the one under way; zero if none is
	failures int       // in a row
	why      error
}

// shorten compacts the log after a snapshot was saved. A storage that does not answer
// must not keep back the snapshots that follow: it is given up as a save is, and the
// next snapshot compacts further.
func (p *snapshotter) shorten(ctx context.Context, n *node.Node, st storage.Storage, index uint64) {
	patience := saveGivenUp * SavePatience(p.s.cfg.Election)
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errNoAnswer)
	defer cancel()
	p.mu.Lock()
	p.compaction.since = time.Now()
	p.mu.Unlock()
	err := p.compact(ctx, n, st, index)
	if err != nil && errors.Is(context.Cause(ctx), errNoAnswer) {
		err = fmt.Errorf("%w for %v: %w", errNoAnswer, patience, err)
	}
	p.mu.Lock()
	p.compaction = compaction{failures: p.compaction.failures + 1, why: err}
	if err == nil {
		p.compaction = compaction{}
	}
	p.mu.Unlock()
	if err != nil && !p.s.ended() {
		p.s.logger.Error("log was not compacted; the next snapshot does it", "error", err)
	}
}

// warning says that the log grows because it is not compacted; empty if it is.
func (c *compaction) warning(election time.Duration) string {
	switch stood := time.Since(c.since); {
	case !c.since.IsZero() && stood >= SavePatience(election):
		return fmt.Sprintf("the storage was asked %v ago to compact the log and has not answered, and the log grows; after %v it is given up",
			stood.Round(time.Second), saveGivenUp*SavePatience(election))
	case c.failures >= failuresToTell:
		return fmt.Sprintf("after the last %d snapshots the log was not compacted, and it grows: %v", c.failures, c.why)
	}
	return ""
}

// compact gives up the log up to the snapshot before the one at index, so that a
// state machine that cannot be restored from that has the older one and the log; and up to
// the catch-up entries if those reach back further. More bytes than are to be
// caught up are not kept for either, but, up to a multiple of them, what a
// follower needs that is being sent a snapshot. A snapshot is needed for it, whatever
// the state machine has on its own disk: another member cannot be given that.
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
	p.s.syncUpTo(ctx, to)
	p.mu.Lock()
	p.compaction.since = time.Now() // the storage did not wait for the state machine
	p.mu.Unlock()
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
