package shell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/dirlock"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/poison"
	"github.com/pontoon-raft/pontoon/plugins/storage/snapfile"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// Store implements storage.Storage and storage.SpaceReporter.
type Store struct {
	logger  *slog.Logger
	backend Backend
	life

	// Set before the store is open, and not changed after.
	fs        vfs.FS
	lock      io.Closer
	log       Log
	snapshots Snapshots
	poison    Poison
}

var (
	_ storage.Storage       = (*Store)(nil)
	_ storage.SpaceReporter = (*Store)(nil)
	_ Snapshots             = (*snapfile.Shelf)(nil)
)

// New returns a store that is not open yet. A nil logger says nothing.
func New(logger *slog.Logger, b Backend) *Store {
	logger = cmp.Or(logger, slog.New(slog.DiscardHandler))
	if b.Snapshots == nil {
		b.Snapshots = func(p Place) Snapshots { return snapfile.New(p.FS, p.Logger) }
	}
	return &Store{logger: logger, backend: b}
}

// Describe implements storage.Storage.
func (s *Store) Describe() plugins.Info { return s.backend.Info }

// Open implements storage.Storage.
func (s *Store) Open(ctx context.Context, opts plugins.Options) (storage.State, error) {
	if err := ctx.Err(); err != nil {
		return storage.State{}, err
	}
	if err := s.beginOpen(); err != nil {
		return storage.State{}, err
	}
	state, err := s.recover(opts)
	if err != nil {
		err = fmt.Errorf("open %s: %w", opts.DataDir, freespace.Error(err))
	}
	if err = s.endOpen(err, s.shut); err != nil {
		return storage.State{}, err
	}
	return state, nil
}

// recover takes the directory and reads what is in it. After an error
// nothing is held.
func (s *Store) recover(opts plugins.Options) (state storage.State, err error) {
	recoverLog, err := s.backend.Configure(opts.Config)
	if err != nil {
		return storage.State{}, err
	}
	if s.fs, err = s.backend.OpenFS(opts.DataDir); err != nil {
		return storage.State{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.fs.Close())
		}
	}()
	if s.lock, err = dirlock.Take(s.fs, opts); err != nil {
		return storage.State{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.lock.Close())
		}
	}()
	return s.load(opts, recoverLog)
}

// load reads the directory, which is locked: first whose data it is, then the log,
// then the snapshots.
func (s *Store) load(opts plugins.Options, recoverLog Recover) (state storage.State, err error) {
	id, err := s.backend.Identity.Load(s.fs, opts, s.backend.Stray)
	if err != nil {
		return storage.State{}, err
	}
	s.poison = poison.New(s.logger)
	place := Place{FS: s.fs, Logger: s.logger, Options: opts, Identity: id, Poison: s.poison}
	if s.log, state, err = recoverLog(place); err != nil {
		return storage.State{}, err
	}
	s.snapshots = s.backend.Snapshots(place)
	err = s.backend.Identity.MarkBegun(s.fs, id)
	if err == nil {
		err = s.snapshots.Open(state)
	}
	if err != nil {
		return storage.State{}, errors.Join(err, s.log.Close())
	}
	s.log.Begin()
	state.Snapshots, state.StoreID = s.snapshots.List(), id.Store
	return state, nil
}

// shut ends everything, the lock last.
func (s *Store) shut() error {
	s.snapshots.Close()
	return errors.Join(s.log.Close(), s.lock.Close(), s.fs.Close())
}

// begin is the beginning of every call that needs an open store which is not
// poisoned; leave ends it.
func (s *Store) begin() error {
	if err := s.enter(); err != nil {
		return err
	}
	if err := s.poison.Health(); err != nil {
		s.leave()
		return err
	}
	return nil
}

func (s *Store) beginWith(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.begin()
}

// Append implements storage.Storage. It cannot be interrupted, so ctx has no
// effect.
func (s *Store) Append(_ context.Context, batches []storage.Batch) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.leave()
	return s.log.Append(batches)
}

// Read implements storage.Storage.
func (s *Store) Read(ctx context.Context, lo, hi, maxBytes uint64) ([]storage.Entry, error) {
	if err := s.beginWith(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	return s.log.Read(lo, hi, maxBytes)
}

// Compact implements storage.Storage.
func (s *Store) Compact(ctx context.Context, index uint64) (uint64, error) {
	if err := s.beginWith(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	return s.log.Compact(index, s.snapshots.Newest())
}

// Space implements storage.SpaceReporter.
func (s *Store) Space(ctx context.Context) (storage.Space, error) {
	if err := s.beginWith(ctx); err != nil {
		return storage.Space{}, err
	}
	defer s.leave()
	return s.log.Space()
}

// Close implements storage.Storage. When ctx ends first, the calls that are
// still running keep the lock until they end or the process does; another
// Close waits for the same end.
func (s *Store) Close(ctx context.Context) error { return s.close(ctx, s.shut) }
