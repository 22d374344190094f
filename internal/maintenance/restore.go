package maintenance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/internal/storecopy"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// Restore says what RestoreSnapshot is to make.
type Restore struct {
	// File is the exported snapshot, DataDir the node's data directory.
	File, DataDir string
	Node          Node
	// Members are those of the node's configuration: they, and no others, are
	// the members of the restored cluster.
	Members []member.Member
	// NewClusterID is the id of the restored cluster; 0 for the snapshot's own,
	// which must then be the node's.
	NewClusterID uint64
}

// Restored is what RestoreSnapshot has made. The ids are in hex.
type Restored struct {
	DataDir   string          `json:"data_dir"`
	ClusterID string          `json:"cluster_id"`
	Founding  string          `json:"founding"`
	StoreID   string          `json:"store_id"`
	Snapshot  SnapshotVerdict `json:"snapshot"`
}

// RestoreSnapshot begins a new store with an exported snapshot as its only
// content. The store has its place when it is whole, so that no host begins a new
// cluster with a part of it. It makes a cluster of its own, with the members and addresses of the
// configuration: members restored from one file with one configuration belong
// together, and neither they nor a live cluster that the snapshot came from take the
// others for their own.
func RestoreSnapshot(ctx context.Context, r Restore) (done Restored, err error) {
	e, err := openExport(r.File)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, e.file.Close()) }()
	header, err := r.header(e)
	if err != nil {
		return done, err
	}
	if err := mustBeNew(r.DataDir); err != nil {
		return done, err // and has made nothing
	}
	if err := vfs.MakeOSDir(r.DataDir); err != nil {
		return done, err
	}
	free, err := hold(r.DataDir)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, free()) }()
	if err := mustBeNew(r.DataDir); err != nil {
		return done, err
	}
	r.Node.ClusterID = header.ClusterID
	place := filepath.Join(r.DataDir, string(plugins.Storage))
	fresh := place + ".restoring"
	if err := os.RemoveAll(fresh); err != nil { // what an interrupted one left
		return done, err
	}
	done, err = r.fill(ctx, e, header, fresh)
	if err == nil {
		err = putInPlace(fresh, place)
	}
	if err != nil {
		return Restored{}, errors.Join(err, os.RemoveAll(fresh))
	}
	return done, nil
}

// fill makes the store in dir.
func (r Restore) fill(ctx context.Context, e *export, header *server.SnapshotHeader, dir string) (done Restored, err error) {
	content, err := e.streamWith(header)
	if err != nil {
		return done, err
	}
	s, err := OpenWithPlugin(ctx, dir, r.Node)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, s.Release()) }()
	meta := storage.SnapshotMetadata{
		Index: header.Index, Term: header.Term, ConfState: storage.ConfState{Voters: header.Registry.Voters()},
	}
	hs := storage.HardState{Term: meta.Term, Commit: meta.Index}
	if err := storecopy.Begin(ctx, s.Storage, meta, content, hs); err != nil {
		return done, err
	}
	infos, err := s.ListSnapshots(ctx)
	if err != nil || len(infos) != 1 {
		return done, errors.Join(fmt.Errorf("the restored store has %d snapshots, not one", len(infos)), err)
	}
	return Restored{
		DataDir: r.DataDir, ClusterID: hexID(header.ClusterID), Founding: hexID(header.Registry.Founding()),
		StoreID: hexID(s.State.StoreID), Snapshot: listed(infos)[0],
	}, nil
}

// putInPlace gives a whole store its name. There may be an empty directory, or one
// with a lock file of a start that was refused.
func putInPlace(fresh, place string) error {
	for _, name := range []string{filepath.Join(place, lockName), place} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(fresh, place); err != nil {
		return err
	}
	return vfs.SyncOSDir(filepath.Dir(place))
}

// header is that of the restored snapshot: the exported one's with another
// membership, and another cluster if that is wanted.
func (r Restore) header(e *export) (*server.SnapshotHeader, error) {
	header := *e.header
	switch {
	case r.NewClusterID == 0 && header.ClusterID != r.Node.ClusterID:
		return nil, fmt.Errorf("%w: the snapshot is of cluster %x, the node of cluster %x; to restore it as another cluster, say so with --new-cluster-id %x",
			ErrRefused, header.ClusterID, r.Node.ClusterID, r.Node.ClusterID)
	case r.NewClusterID != 0 && header.ClusterID == r.NewClusterID:
		return nil, fmt.Errorf("%w: the snapshot is of cluster %x, so that is no new id: choose another, or leave out --new-cluster-id",
			ErrRefused, header.ClusterID)
	case r.NewClusterID != 0:
		header.ClusterID = r.NewClusterID
	}
	if !slices.ContainsFunc(r.Members, func(m member.Member) bool { return uint64(m.ID) == r.Node.NodeID }) {
		return nil, fmt.Errorf("%w: node %x is not among the %d members of its configuration: the restored cluster has exactly those of cluster.members",
			ErrRefused, r.Node.NodeID, len(r.Members))
	}
	if err := header.Registry.CheckLevel(member.Level); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	registry := header.Registry.Emptied() // the state may have what its level and its command version allow
	for _, m := range r.Members {
		m.Learner = false
		next, err := registry.Apply(member.Change{Op: member.Add, Member: m}, header.Index, header.Term)
		if err != nil {
			return nil, fmt.Errorf("%w: cluster.members cannot be the members of a cluster: %w", ErrRefused, err)
		}
		registry = next
	}
	header.Registry = registry.Refound(foundingOf(e.sum[:], header.ClusterID, r.Members))
	return &header, nil
}

// pinsName is the file in which a host remembers its own store and its peers'
// (docs/formats/pins.md). It would refuse the new one.
const pinsName = "pins.json"

// mustBeNew refuses a data directory that a node has used.
func mustBeNew(dataDir string) error {
	if err := mustBeInPlace(filepath.Join(dataDir, string(plugins.Storage))); err != nil {
		return err
	}
	for _, kind := range []plugins.Kind{plugins.Storage, plugins.StateMachine} {
		if err := mustBeEmpty(filepath.Join(dataDir, string(kind))); err != nil {
			return err
		}
	}
	path := filepath.Join(dataDir, pinsName)
	_, err := os.Lstat(path)
	if err == nil {
		return fmt.Errorf("%w: %s is there, so a node has used this data directory: give a new one, or move all of it away first", ErrRefused, path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// lockName is the lock file of a storage plugin.
const lockName = "LOCK"

// mustBeEmpty refuses a directory with anything but a lock file.
func mustBeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.Name() == lockName })
	if len(entries) > 0 {
		return fmt.Errorf("%w: %s is not empty (%s): move it away first", ErrRefused, dir, entries[0].Name())
	}
	return nil
}
