package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/patience"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// usableSnapshot returns the index of the newest snapshot whose header can be
// read and from which the log goes on, with the membership in it; 0 if there is
// none. Newer ones are left out of the state. Its data are verified when they
// are used.
func (g *generation) usableSnapshot(ctx context.Context) (uint64, error) {
	var damaged error
	for n := len(g.state.Snapshots); n > 0; n-- {
		meta := g.state.Snapshots[n-1].Metadata
		if damaged != nil && meta.Index+1 < g.state.FirstIndex {
			break // what lies between is in no log
		}
		var header *server.SnapshotHeader
		err := g.ask(ctx, func(ctx context.Context) (err error) {
			header, err = g.snapshotHeader(ctx, meta)
			return err
		})
		if err == nil {
			g.registry, g.time = header.Registry, header.Time
			g.state.Snapshots = g.state.Snapshots[:n]
			return meta.Index, nil
		}
		if !errors.Is(err, storage.ErrCorrupt) {
			return 0, err
		}
		g.h.logger.Error("snapshot cannot be read", "error", err)
		damaged = errors.Join(damaged, err)
	}
	if damaged != nil && g.state.FirstIndex > 1 {
		return 0, damaged
	}
	g.state.Snapshots = nil // the log has everything
	return 0, nil
}

// snapshotHeader reads a snapshot's header and checks that it is the right one.
func (g *generation) snapshotHeader(ctx context.Context, meta storage.SnapshotMetadata) (*server.SnapshotHeader, error) {
	r, err := g.storage.OpenSnapshot(ctx, meta.Index)
	if err != nil {
		return nil, fmt.Errorf("open snapshot %d: %w", meta.Index, err)
	}
	defer r.Close()
	header, err := server.ReadSnapshotHeader(r)
	switch {
	case err != nil && ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, plugins.ErrGone), errors.Is(err, member.ErrNewer):
		return nil, fmt.Errorf("snapshot %d: %w", meta.Index, err)
	case err != nil:
		return nil, fmt.Errorf("snapshot %d: %w: %w", meta.Index, storage.ErrCorrupt, err)
	case header.ClusterID != g.h.cfg.ClusterID || header.Index != meta.Index || header.Term != meta.Term:
		return nil, fmt.Errorf("snapshot %d: %w: its header says cluster %x and (%d, %d)",
			meta.Index, storage.ErrCorrupt, header.ClusterID, header.Index, header.Term)
	}
	return header, nil
}

// load goes through the log from the newest snapshot on. The part that is known to be
// committed passes through memory, a batch at a time, for the membership in it: the
// server reads it again for the state machine. The rest must be at hand for raft,
// since it may be overwritten, sent on or committed: that is what leaders have taken
// without a quorum (node.Config.MaxUncommittedBytes) and the few batches since the
// commit index was last written, which goes with every batch.
func (g *generation) load(ctx context.Context, snapshot uint64) (node.Replayed, []storage.Entry, error) {
	at := node.Replayed{Index: snapshot, Registry: g.registry, Time: g.time}
	if at.Registry == nil {
		at.Registry = &member.Registry{}
	}
	last := g.state.LastIndex
	committed := min(max(g.state.HardState.Commit, snapshot), last)
	for at.Index < committed {
		part, err := g.read(ctx, at.Index+1, committed)
		if err == nil {
			err = at.Add(part)
		}
		if err != nil {
			return at, nil, err
		}
	}
	var entries []storage.Entry // how many there are is the plugin's word; it gets no memory for that
	for lo := at.Index + 1; lo <= last; {
		part, err := g.read(ctx, lo, last)
		if err != nil {
			return at, nil, err
		}
		entries = append(entries, part...)
		lo += uint64(len(part))
	}
	return at, entries, nil
}

// read reads entries from lo on, up to hi, as many as fit one batch.
func (g *generation) read(ctx context.Context, lo, hi uint64) ([]storage.Entry, error) {
	var part []storage.Entry
	err := g.ask(ctx, func(ctx context.Context) (err error) {
		part, err = g.storage.Read(ctx, lo, hi+1, g.h.cfg.Limits.BatchBytes())
		return err
	})
	if err == nil && len(part) == 0 {
		err = storage.ErrUnavailable
	}
	if err != nil {
		return nil, fmt.Errorf("read entries [%d,%d]: %w", lo, hi, err)
	}
	return part, nil
}

// ask asks the storage something before the node runs, when no append shows yet that
// it hangs. One that does not answer is taken for hung as it would be then. A connection
// may see the deadline before the context does.
func (g *generation) ask(ctx context.Context, question func(context.Context) error) error {
	limit := patience.Append(g.h.cfg.Election)
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := question(limited)
	if ctx.Err() == nil && (err != nil && limited.Err() != nil || errors.Is(err, context.DeadlineExceeded)) {
		return fmt.Errorf("it has not answered for %v: %w: %w", limit, catalog.ErrHung, err)
	}
	return err
}
