package maintenance

import (
	"context"
	"errors"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/internal/storecopy"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// A replay takes the membership of the newest snapshot, or the empty one, along the
// entries of a log that follow.
type replay struct {
	registry *member.Registry
	next     uint64 // index of the first entry that is not in registry
	err      error  // why it went no further
}

func replayFrom(newest *server.SnapshotHeader) *replay {
	if newest == nil {
		return &replay{registry: &member.Registry{}, next: 1}
	}
	return &replay{registry: newest.Registry, next: newest.Index + 1}
}

// take takes entries in the order of the log. It passes over those that the snapshot
// has, and over all that follow an error.
func (r *replay) take(entries []storage.Entry) {
	for len(entries) > 0 && entries[0].Index < r.next {
		entries = entries[1:]
	}
	if r.err == nil && len(entries) > 0 {
		r.registry, r.err = node.ReplayMembership(r.registry, entries)
	}
}

// end is the membership at the end of the log. It is member.ErrNewer if a newer build
// wrote what this one does not understand: no host of this build would go on with the
// store.
func (r *replay) end() (*member.Registry, error) {
	if r.err != nil {
		return nil, r.err
	}
	return r.registry, r.registry.CheckLevel(member.Level)
}

// membership is that at the end of the log, which follows the newest snapshot.
func membership(ctx context.Context, s *Store, newest *server.SnapshotHeader) (*member.Registry, error) {
	r := replayFrom(newest)
	err := storecopy.ReadLog(ctx, s.opened(), r.next, func(entries []storage.Entry) error {
		r.take(entries)
		return r.err
	})
	if err != nil {
		return nil, err
	}
	return r.end()
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

// snapshotUnderstood refuses a snapshot with a header that this build does not
// understand, or of a cluster at a level above its own.
func snapshotUnderstood(ctx context.Context, s *Store, index uint64) error {
	header, err := snapshotHeader(ctx, s, index)
	if err == nil {
		err = header.Registry.CheckLevel(member.Level)
	}
	return onlyNewer(err)
}

// onlyNewer keeps the word of a newer build, and no other error: the reading of all of
// a log or a snapshot says those better.
func onlyNewer(err error) error {
	if errors.Is(err, member.ErrNewer) {
		return classify(err)
	}
	return nil
}
