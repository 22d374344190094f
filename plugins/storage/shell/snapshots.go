package shell

import (
	"context"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// CreateSnapshot implements storage.Storage.
func (s *Store) CreateSnapshot(ctx context.Context, meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error) {
	if err := s.beginWith(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if received {
		s.snapshots.ForgetBelow(s.log.Commit())
	} else if err := s.log.CheckSnapshot(meta.Index, meta.Term); err != nil {
		return nil, err
	}
	return s.snapshots.Create(meta, received)
}

// OpenSnapshot implements storage.Storage.
func (s *Store) OpenSnapshot(ctx context.Context, index uint64) (storage.SnapshotReader, error) {
	if err := s.beginWith(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	return s.snapshots.OpenSnapshot(index)
}

// ListSnapshots implements storage.Storage.
func (s *Store) ListSnapshots(ctx context.Context) ([]storage.SnapshotInfo, error) {
	if err := s.beginWith(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	return s.snapshots.List(), nil
}

// InstallSnapshot implements storage.Storage. A crash between the record in the
// log and the snapshot's new name is finished by the next Open, which finds the
// received snapshot where the log begins.
func (s *Store) InstallSnapshot(ctx context.Context, index uint64, hs storage.HardState) error {
	if err := s.beginWith(ctx); err != nil {
		return err
	}
	defer s.leave()
	recorded := false
	err := s.snapshots.Install(index, func(term uint64) error {
		err := s.log.Install(index, term, hs)
		recorded = err == nil
		return err
	})
	if err != nil && recorded {
		err = s.poison.Fail(err) // the log begins at a snapshot that is not visible
	}
	if err != nil {
		return fmt.Errorf("install snapshot %d: %w", index, err)
	}
	return nil
}
