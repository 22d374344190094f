package wal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/storemark"
	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/dirlock"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/snapfile"
)

// store implements the contract: it knows whether it is open, and hands calls
// to the journal and the shelf.
type store struct {
	logger *slog.Logger
	openFS func(dir string) (vfs.FS, error)

	// mu guards phase; the fields below are set before it becomes open and
	// not changed after.
	mu    sync.RWMutex
	phase phase
	calls sync.WaitGroup // calls in flight; Close waits for them
	ended chan struct{}  // made by the first Close of an open store, closed when it is done
	endOf error          // what that Close met; set before ended is closed

	fs      vfs.FS
	lock    io.Closer
	journal *journal
	shelf   *snapfile.Shelf
}

type phase int

const (
	phaseNew phase = iota
	phaseOpening
	phaseOpen
	phaseClosed
)

var (
	_ storage.Storage       = (*store)(nil)
	_ storage.SpaceReporter = (*store)(nil)
)

// enter begins a call that needs an open store; leave ends it.
func (s *store) enter() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch s.phase {
	case phaseOpen:
	case phaseClosed:
		return plugins.ErrClosed
	default:
		return plugins.ErrNotOpen
	}
	if err := s.journal.health(); err != nil {
		return err
	}
	s.calls.Add(1)
	return nil
}

func (s *store) enterWith(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.enter()
}

func (s *store) leave() { s.calls.Done() }

// Open implements storage.Storage.
func (s *store) Open(ctx context.Context, opts plugins.Options) (storage.State, error) {
	if err := ctx.Err(); err != nil {
		return storage.State{}, err
	}
	if err := s.beginOpen(); err != nil {
		return storage.State{}, err
	}
	state, err := s.recover(opts)
	if err != nil {
		err = fmt.Errorf("open %s: %w", opts.DataDir, spaceError(err))
	}
	if err = s.endOpen(err); err != nil {
		return storage.State{}, err
	}
	return state, nil
}

// endOpen ends what beginOpen began. A Close that came meanwhile has found
// nothing to close, so it is done here.
func (s *store) endOpen(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil && s.phase == phaseClosed:
		return errors.Join(plugins.ErrClosed, s.shutdown())
	case err == nil:
		s.phase = phaseOpen
	case s.phase == phaseOpening:
		s.phase = phaseNew
	}
	return err
}

func (s *store) beginOpen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.phase {
	case phaseNew:
		s.phase = phaseOpening
		return nil
	case phaseClosed:
		return plugins.ErrClosed
	}
	return fmt.Errorf("%w: the store is open", plugins.ErrInvalidArgument)
}

// recover takes the directory and reads what is in it. After an error
// nothing is held.
func (s *store) recover(opts plugins.Options) (state storage.State, err error) {
	cfg, err := parseConfig(opts.Config)
	if err != nil {
		return storage.State{}, err
	}
	if s.fs, err = s.openFS(opts.DataDir); err != nil {
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
	names, err := s.fs.List(".")
	if err != nil {
		return storage.State{}, err
	}
	hasLog, hasSnapshots := dataIn(names)
	if of := storemark.BackendOfFiles(names); of != "" && of != Name && !slices.Contains(names, identityName) {
		return storage.State{}, otherBackend(of)
	}
	id, err := loadIdentity(s.fs, owner{opts.ClusterID, opts.NodeID, opts.Group}, opts.StoreID, hasLog, hasSnapshots)
	if err != nil {
		return storage.State{}, err
	}
	floor, err := freespace.NewFloor(s.fs, cfg.MinFreeBytes)
	if err != nil {
		return storage.State{}, err
	}
	s.journal = &journal{fs: s.fs, logger: s.logger, config: cfg, id: id, limits: opts.Limits, floor: floor}
	if err := s.journal.open(idleTime(opts.Tick)); err != nil {
		return storage.State{}, err
	}
	state = s.journal.describe()
	s.shelf = snapfile.New(s.fs, s.logger)
	if err := s.shelf.Open(state); err != nil {
		return storage.State{}, errors.Join(err, s.journal.abandon())
	}
	s.journal.run()
	state.Snapshots, state.StoreID = s.shelf.List(), id.store
	return state, nil
}

// dataIn reports what a directory has beyond what a first Open leaves if it is
// interrupted.
func dataIn(names []string) (hasLog, hasSnapshots bool) {
	for _, name := range names {
		_, isSegment := parseSegmentName(name)
		_, isSnapshot := snapfile.ParseName(name)
		hasLog = hasLog || isSegment
		hasSnapshots = hasSnapshots || isSnapshot
	}
	return hasLog, hasSnapshots
}

// idleTime is how long the log is quiet before it gets a mark.
func idleTime(tick time.Duration) time.Duration {
	return max(tick/10, time.Millisecond)
}

// Append implements storage.Storage. It cannot be interrupted, so ctx has no
// effect.
func (s *store) Append(_ context.Context, batches []storage.Batch) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.journal.append(batches)
}

// Read implements storage.Storage. maxBytes counts 16 bytes for each entry
// besides its data.
func (s *store) Read(ctx context.Context, lo, hi, maxBytes uint64) ([]storage.Entry, error) {
	if err := s.enterWith(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	return s.journal.read(lo, hi, maxBytes)
}

// Compact implements storage.Storage.
func (s *store) Compact(ctx context.Context, index uint64) (uint64, error) {
	if err := s.enterWith(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	return s.journal.compact(index, s.shelf.Newest())
}

// Close implements storage.Storage. When ctx ends first, the calls that are
// still running keep the lock until they end or the process does; another
// Close waits for the same end.
func (s *store) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.phase == phaseOpen {
		s.ended = make(chan struct{})
		go func() {
			defer close(s.ended)
			s.calls.Wait()
			s.endOf = s.shutdown()
		}()
	}
	s.phase = phaseClosed
	ended := s.ended
	s.mu.Unlock()
	if ended == nil {
		return nil
	}
	select {
	case <-ended:
		return s.endOf
	case <-ctx.Done():
		return fmt.Errorf("close: %w", ctx.Err())
	}
}

// shutdown ends everything, the lock last.
func (s *store) shutdown() error {
	s.shelf.Close()
	return errors.Join(s.journal.close(), s.lock.Close(), s.fs.Close())
}
