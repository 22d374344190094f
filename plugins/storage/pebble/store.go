package pebble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	pebblevfs "github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/snapfile"
)

// Name is what the plugin calls itself.
const Name = "pebble"

const version = "1.0.0"

// Backend describes the backend to sdk.Serve.
func Backend() backend.Backend { return backend.Storage(Name, New) }

// New returns a store that is not open yet. It keeps its data in the data
// directory given to Open and nowhere else. It ends the process when pebble
// cannot write its log, so it belongs into a process of its own.
func New(env backend.Env) storage.Storage {
	return newStore(env, func(dir string) (vfs.FS, pebblevfs.FS, error) {
		fsys, err := vfs.OS(dir)
		return fsys, pebblevfs.Default, err
	})
}

// openFunc opens the file systems of a directory: ours, rooted in it, and
// pebble's.
type openFunc func(dir string) (vfs.FS, pebblevfs.FS, error)

func newStore(env backend.Env, open openFunc) *store {
	logger := env.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &store{logger: logger, openFS: open}
}

// store implements the contract.
//
// Locks, in the order in which they are taken: phaseMu, writing, mu.
type store struct {
	logger *slog.Logger
	openFS openFunc

	// phaseMu guards phase; the fields below are set before it becomes open.
	phaseMu sync.RWMutex
	phase   phase
	calls   sync.WaitGroup // calls in flight; Close waits for them
	ended   chan struct{}  // made by the first Close of an open store, closed when it is done
	endOf   error          // what that Close met; set before ended is closed

	fs     vfs.FS
	lock   io.Closer
	cache  *pebble.Cache
	db     *pebble.DB
	shelf  *snapfile.Shelf
	limits plugins.Limits
	floor  *freespace.Floor
	// broken is set once, by the first failed write.
	broken atomic.Pointer[error]

	// writing serialises everything that changes the log.
	writing sync.Mutex
	// mu guards state. It changes together with what an iterator sees, with
	// writing held as well.
	mu    sync.RWMutex
	state logState
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

// Describe implements storage.Storage.
func (s *store) Describe() plugins.Info {
	return plugins.Info{
		Kind: plugins.Storage, Name: Name, Version: version,
		Protocols: []uint32{plugins.ProtocolVersion}, ConfigSchema: []byte(configSchema),
		Capabilities: []plugins.Capability{storage.CapabilitySpace},
	}
}

// Space implements storage.SpaceReporter.
func (s *store) Space(ctx context.Context) (storage.Space, error) {
	if err := s.enterWith(ctx); err != nil {
		return storage.Space{}, err
	}
	defer s.leave()
	return s.floor.Space()
}

// fail poisons the store and returns the error for the call that met it.
func (s *store) fail(err error) error {
	err = damaged(err)
	s.poison(err)
	return err
}

// poison makes every later call but Close fail.
func (s *store) poison(err error) {
	if s.broken.CompareAndSwap(nil, &err) {
		s.logger.Error("storage is poisoned until it is opened again", "error", err, "pid", os.Getpid())
	}
}

// enter begins a call that needs an open store; leave ends it.
func (s *store) enter() error {
	s.phaseMu.RLock()
	defer s.phaseMu.RUnlock()
	switch s.phase {
	case phaseOpen:
	case phaseClosed:
		return plugins.ErrClosed
	default:
		return plugins.ErrNotOpen
	}
	if cause := s.broken.Load(); cause != nil {
		return fmt.Errorf("%w after: %w", plugins.ErrClosed, *cause)
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
	if err := s.endOpen(err); err != nil {
		return storage.State{}, err
	}
	return state, nil
}

func (s *store) beginOpen() error {
	s.phaseMu.Lock()
	defer s.phaseMu.Unlock()
	switch s.phase {
	case phaseNew:
		s.phase = phaseOpening
		return nil
	case phaseClosed:
		return plugins.ErrClosed
	}
	return fmt.Errorf("%w: the store is open", plugins.ErrInvalidArgument)
}

// endOpen ends what beginOpen began. A Close that came meanwhile has found
// nothing to close, so it is done here.
func (s *store) endOpen(err error) error {
	s.phaseMu.Lock()
	defer s.phaseMu.Unlock()
	switch {
	case err == nil && s.phase == phaseClosed:
		return errors.Join(plugins.ErrClosed, s.release())
	case err == nil:
		s.phase = phaseOpen
	case s.phase == phaseOpening:
		s.phase = phaseNew
	}
	return err
}

// Close implements storage.Storage. When ctx ends first, the calls that are
// still running keep the lock until they end or the process does.
func (s *store) Close(ctx context.Context) error {
	s.phaseMu.Lock()
	if s.phase == phaseOpen {
		s.ended = make(chan struct{})
		go func() {
			defer close(s.ended)
			s.calls.Wait()
			s.endOf = s.release()
		}()
	}
	s.phase = phaseClosed
	ended := s.ended
	s.phaseMu.Unlock()
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

// release ends everything that was begun, the lock last.
func (s *store) release() error {
	var errs []error
	if s.shelf != nil {
		s.shelf.Close()
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.cache != nil {
		s.cache.Unref()
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	if s.fs != nil {
		errs = append(errs, s.fs.Close())
	}
	s.shelf, s.db, s.cache, s.lock, s.fs = nil, nil, nil, nil, nil
	return errors.Join(errs...)
}
