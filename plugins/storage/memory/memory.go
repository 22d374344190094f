package memory

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
	"github.com/pontoon-raft/pontoon/plugins/storage/logstate"
)

// A Disk is what outlives a Store: the durable part of its data, and
// its lock. The zero value is an empty disk. All methods may be called
// concurrently.
type Disk struct {
	mu       sync.Mutex
	holder   *Store
	durable  image
	onAppend func([]storage.Batch) error
	short    string
}

// NewDisk returns an empty disk.
func NewDisk() *Disk { return &Disk{} }

// Store returns a new store over the disk, not yet opened. Any number may be
// made, but only one can be open at a time.
func (d *Disk) Store() *Store { return &Store{disk: d} }

// OnAppend sets a function that every later Append calls before it takes
// effect; nil removes it. The function may block, which is a slow disk; an
// error that it returns is a failed write: the batches are lost and the store
// is poisoned.
func (d *Disk) OnAppend(f func([]storage.Batch) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onAppend = f
}

// RunShort makes the disk short of space, for the reason given; "" ends that.
// Nothing else changes: there is always room for the next append.
func (d *Disk) RunShort(why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.short = why
}

// image is the content of a store at one moment. Its slices are never changed
// in place below their length, so that a copy of the struct is a copy of the
// content.
type image struct {
	owner identity.Owner // zero until the first Open
	store uint64         // likewise
	logstate.State
	entries   []storage.Entry  // those after Base
	snapshots []memorySnapshot // visible ones, oldest first
}

// Store is the reference implementation of storage.Storage. Kill loses what
// was not synced, as a power cut does.
type Store struct {
	disk *Disk

	mu       sync.Mutex
	opened   bool
	closed   bool
	poison   error
	limits   plugins.Limits
	now      image
	received map[uint64]memorySnapshot
}

var (
	_ storage.Storage       = (*Store)(nil)
	_ storage.SpaceReporter = (*Store)(nil)
)

// NewStore returns a store over a disk of its own.
func NewStore() *Store { return NewDisk().Store() }

// Disk returns the disk under the store.
func (m *Store) Disk() *Disk { return m.disk }

// Describe implements storage.Storage.
func (m *Store) Describe() plugins.Info {
	return plugins.Info{
		Kind:         plugins.Storage,
		Name:         Name,
		Version:      version,
		Protocols:    []uint32{plugins.ProtocolVersion},
		Capabilities: []plugins.Capability{storage.CapabilitySpace},
	}
}

// Space implements storage.SpaceReporter.
func (m *Store) Space(ctx context.Context) (storage.Space, error) {
	if err := m.enter(ctx); err != nil {
		return storage.Space{}, err
	}
	defer m.mu.Unlock()
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	return storage.Space{Short: m.disk.short != "", Detail: m.disk.short}, nil
}

// Open implements storage.Storage. It takes no config, and opts.DataDir is
// only what the lock error names.
func (m *Store) Open(ctx context.Context, opts plugins.Options) (storage.State, error) {
	if err := ctx.Err(); err != nil {
		return storage.State{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return storage.State{}, plugins.ErrClosed
	}
	if m.opened {
		return storage.State{}, fmt.Errorf("%w: the store is open", plugins.ErrInvalidArgument)
	}
	d := m.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.holder != nil {
		return storage.State{}, &storage.LockedError{Path: opts.DataDir, Holder: "another store of this process"}
	}
	owner := identity.OwnerOf(opts)
	if d.durable.owner != (identity.Owner{}) && d.durable.owner != owner {
		return storage.State{}, fmt.Errorf("%w: the disk is of %v, not of %v", plugins.ErrWrongIdentity, d.durable.owner, owner)
	}
	if d.durable.Terms == nil { // an empty disk
		d.durable.State = logstate.New(0, 0)
	}
	d.durable.owner = owner
	d.durable.store = cmp.Or(d.durable.store, opts.StoreID, rand.Uint64(), 1)
	d.holder = m
	m.opened, m.now, m.limits = true, d.durable, opts.Limits
	m.received = map[uint64]memorySnapshot{}
	return m.stateLocked(), nil
}

func (m *Store) stateLocked() storage.State {
	s := m.now.Opened()
	s.StoreID = m.now.store
	for _, sn := range m.now.snapshots {
		s.Snapshots = append(s.Snapshots, sn.info())
	}
	return s
}

// usableLocked returns the error of a call that needs an open store.
func (m *Store) usableLocked() error {
	switch {
	case m.closed:
		return plugins.ErrClosed
	case !m.opened:
		return plugins.ErrNotOpen
	case m.poison != nil:
		return fmt.Errorf("%w after: %w", plugins.ErrClosed, m.poison)
	}
	return nil
}

// enter begins a call that needs an open store. After nil mu is locked.
func (m *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	if err := m.usableLocked(); err != nil {
		m.mu.Unlock()
		return err
	}
	return nil
}

// syncLocked makes everything durable.
func (m *Store) syncLocked() {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	if m.disk.holder == m {
		m.disk.durable = m.now
	}
}

// Close implements storage.Storage.
func (m *Store) Close(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opened && !m.closed && m.poison == nil {
		m.syncLocked()
	}
	m.releaseLocked()
	return nil
}

// Kill ends the store as a power cut ends a process: all that was not synced
// is lost, and the lock is free.
func (m *Store) Kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.releaseLocked()
}

func (m *Store) releaseLocked() {
	m.closed = true
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	if m.disk.holder == m {
		m.disk.holder = nil
	}
}
