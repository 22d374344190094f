package pebble

import (
	"context"
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/snapfile"
)

// CreateSnapshot implements storage.Storage.
func (s *store) CreateSnapshot(ctx context.Context, meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error) {
	if err := s.enterWith(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if received {
		s.mu.RLock()
		commit := s.state.hard.Commit
		s.mu.RUnlock()
		s.shelf.ForgetBelow(commit)
	} else if err := s.checkPrefix(meta.Index, meta.Term); err != nil {
		return nil, err
	}
	return s.shelf.Create(meta, received)
}

// OpenSnapshot implements storage.Storage.
func (s *store) OpenSnapshot(ctx context.Context, index uint64) (storage.SnapshotReader, error) {
	if err := s.enterWith(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	return s.shelf.OpenSnapshot(index)
}

// ListSnapshots implements storage.Storage.
func (s *store) ListSnapshots(ctx context.Context) ([]storage.SnapshotInfo, error) {
	if err := s.enterWith(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	return s.shelf.List(), nil
}

// InstallSnapshot implements storage.Storage. A crash between the write and
// the renaming is finished by the next Open, which finds the received snapshot
// where the log begins.
func (s *store) InstallSnapshot(ctx context.Context, index uint64, hs storage.HardState) error {
	if err := s.enterWith(ctx); err != nil {
		return err
	}
	defer s.leave()
	err := s.shelf.Install(index, func(term uint64) error { return s.install(index, term, hs) })
	var late *snapfile.AfterRecordError
	if errors.As(err, &late) {
		err = s.fail(late.Err)
	}
	if err != nil {
		return fmt.Errorf("install snapshot %d: %w", index, err)
	}
	return nil
}
