package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// RestoreSnapshot begins a new store for node below dataDir with the exported
// snapshot in path as its only content. The node must be a member in the
// snapshot, and neither its storage nor its state machine may have data.
// Restored on all members of a lost cluster, it is that cluster as it was at
// the snapshot's index.
func RestoreSnapshot(ctx context.Context, path, dataDir string, node Node) (info SnapshotVerdict, err error) {
	e, err := openExport(path)
	if err != nil {
		return SnapshotVerdict{}, err
	}
	defer func() { err = errors.Join(err, e.file.Close()) }()
	if e.header.ClusterID != node.ClusterID {
		return SnapshotVerdict{}, fmt.Errorf("%w: the snapshot is of cluster %x, the node of cluster %x", ErrRefused, e.header.ClusterID, node.ClusterID)
	}
	if m, ok := e.header.Registry.Member(member.ID(node.NodeID)); !ok || m.Learner {
		return SnapshotVerdict{}, fmt.Errorf("%w: node %x is no voting member in the snapshot, which has %v; restore one of these, "+
			"and add others with host member add", ErrRefused, node.NodeID, hexIDs(e.header.Registry.Voters()))
	}
	for _, kind := range []plugins.Kind{plugins.Storage, plugins.StateMachine} {
		if err := mustBeEmpty(filepath.Join(dataDir, string(kind))); err != nil {
			return SnapshotVerdict{}, err
		}
	}
	s, err := OpenWithPlugin(ctx, filepath.Join(dataDir, string(plugins.Storage)), node)
	if err != nil {
		return SnapshotVerdict{}, err
	}
	defer func() { err = errors.Join(err, s.Release()) }()
	meta := storage.SnapshotMetadata{
		Index: e.header.Index, Term: e.header.Term,
		ConfState: storage.ConfState{Voters: e.header.Registry.Voters(), Learners: e.header.Registry.Learners()},
	}
	hs := storage.HardState{Term: meta.Term, Commit: meta.Index}
	if err := begin(ctx, s.Storage, meta, e.stream(), hs); err != nil {
		return SnapshotVerdict{}, err
	}
	infos, err := s.ListSnapshots(ctx)
	if err != nil || len(infos) != 1 {
		return SnapshotVerdict{}, errors.Join(fmt.Errorf("the restored store has %d snapshots, not one", len(infos)), err)
	}
	return listed(infos)[0], nil
}

// begin makes a snapshot the start of a store's log.
func begin(ctx context.Context, s storage.Storage, meta storage.SnapshotMetadata, content io.Reader, hs storage.HardState) error {
	if err := save(ctx, s, meta, content, true); err != nil {
		return err
	}
	return s.InstallSnapshot(ctx, meta.Index, hs)
}

// save copies a snapshot into a store.
func save(ctx context.Context, s storage.Storage, meta storage.SnapshotMetadata, content io.Reader, received bool) error {
	w, err := s.CreateSnapshot(ctx, meta, received)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, content); err != nil {
		return errors.Join(fmt.Errorf("snapshot %d: %w", meta.Index, err), w.Abort())
	}
	_, err = w.Commit()
	return err
}

// mustBeEmpty refuses a directory with anything but a lock file.
func mustBeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.Name() == "LOCK" })
	if len(entries) > 0 {
		return fmt.Errorf("%w: %s is not empty (%s): move it away first", ErrRefused, dir, entries[0].Name())
	}
	return nil
}
