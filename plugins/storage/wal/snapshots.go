package wal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// CreateSnapshot implements storage.Storage.
func (s *store) CreateSnapshot(ctx context.Context, meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error) {
	if err := s.enterWith(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if meta.Index == 0 || meta.Term == 0 {
		return nil, fmt.Errorf("%w: a snapshot at index %d, term %d", plugins.ErrInvalidArgument, meta.Index, meta.Term)
	}
	if received {
		s.shelf.forgetBelow(s.journal.commit())
	} else {
		if err := s.journal.checkPrefix(meta.Index, meta.Term); err != nil {
			return nil, err
		}
	}
	meta = cloneInfo(storage.SnapshotInfo{Metadata: meta}).Metadata
	w, err := s.shelf.create(meta, received)
	if err != nil {
		return nil, fmt.Errorf("create snapshot %d: %w", meta.Index, spaceError(err))
	}
	return w, nil
}

// OpenSnapshot implements storage.Storage.
func (s *store) OpenSnapshot(ctx context.Context, index uint64) (storage.SnapshotReader, error) {
	if err := s.enterWith(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	for {
		found, ok := s.shelf.find(index)
		if !ok {
			return nil, fmt.Errorf("open snapshot %d: %w", index, storage.ErrNoSnapshot)
		}
		f, err := s.fs.Open(found.name.String())
		if errors.Is(err, fs.ErrNotExist) && s.moved(index, found) {
			continue // installed, or replaced by newer ones, since it was found
		}
		if err != nil {
			return nil, fmt.Errorf("open snapshot %d: %w", index, err)
		}
		// The file may have been replaced since; this one is what is read.
		if found, err = inspectSnapshot(f, found.name); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return newSnapshotReader(f, found), nil
	}
}

// moved reports whether the shelf has something else at index by now.
func (s *store) moved(index uint64, was snapshotFile) bool {
	now, ok := s.shelf.find(index)
	return !ok || now.name != was.name
}

// ListSnapshots implements storage.Storage.
func (s *store) ListSnapshots(ctx context.Context) ([]storage.SnapshotInfo, error) {
	if err := s.enterWith(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	return s.shelf.list(), nil
}

// InstallSnapshot implements storage.Storage. docs/formats/wal.md has the crash
// cases.
func (s *store) InstallSnapshot(ctx context.Context, index uint64, hs storage.HardState) error {
	if err := s.enterWith(ctx); err != nil {
		return err
	}
	defer s.leave()
	err := s.shelf.install(index, func(term uint64) error { return s.journal.install(index, term, hs) })
	var late *afterRecordError
	if errors.As(err, &late) {
		err = s.journal.fail(late.error)
	}
	if err != nil {
		return fmt.Errorf("install snapshot %d: %w", index, err)
	}
	return nil
}
