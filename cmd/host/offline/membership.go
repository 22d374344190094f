package offline

import (
	"context"
	"errors"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/node"
	"github.com/pontoon-raft/pontoon/core/server"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// membership is that at the end of the log, which follows the newest snapshot. It is
// member.ErrNewer if a newer build wrote what this one does not understand: no host of
// this build would go on with the store.
func membership(ctx context.Context, s *Store, newest *server.SnapshotHeader) (*member.Registry, error) {
	registry, from := &member.Registry{}, uint64(1)
	if newest != nil {
		registry, from = newest.Registry, newest.Index+1
	}
	err := readLog(ctx, s, from, func(entries []storage.Entry) (err error) {
		registry, err = node.ReplayMembership(registry, entries)
		return err
	})
	if err != nil {
		return nil, err
	}
	return registry, registry.CheckLevel(member.Level)
}

// newestHeader is that of the newest snapshot; nil if the store has none.
func newestHeader(ctx context.Context, s *Store) (*server.SnapshotHeader, error) {
	n := len(s.State.Snapshots)
	if n == 0 {
		return nil, nil
	}
	return snapshotHeader(ctx, s, s.State.Snapshots[n-1].Metadata.Index)
}

func snapshotHeader(ctx context.Context, s *Store, index uint64) (_ *server.SnapshotHeader, err error) {
	r, err := s.OpenSnapshot(ctx, index)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return server.ReadSnapshotHeader(r)
}

// logUnderstood refuses a store with anything that this build does not understand.
// Other errors are for the reading of all of the log, which says them better.
func logUnderstood(ctx context.Context, s *Store) error {
	header, err := newestHeader(ctx, s)
	if err == nil {
		_, err = membership(ctx, s, header)
	}
	return onlyNewer(err)
}

// snapshotUnderstood refuses a snapshot with a header that this build does not
// understand, or of a cluster at a level above its own.
func snapshotUnderstood(ctx context.Context, s *Store, index uint64) error {
	header, err := snapshotHeader(ctx, s, index)
	if err == nil {
		err = header.Registry.CheckLevel(member.Level)
	}
	return onlyNewer(err)
}

func onlyNewer(err error) error {
	if errors.Is(err, member.ErrNewer) {
		return classify(err)
	}
	return nil
}
