package storagetest_test

import (
	"context"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

// mutantStore is the reference with what a mutant puts in its place. A nil
// function is the reference itself.
type mutantStore struct {
	*storagetest.Memory
	fault mutant

	mu sync.Mutex
	// described is how often it was asked what it is.
	described int
	// entries are what was appended last at each index.
	entries map[uint64]storage.Entry
	// hard is the hard state that was appended last.
	hard storage.HardState
	// begun are the snapshots being written.
	begun []storage.SnapshotInfo
	// writer is the one that was made last.
	writer storage.SnapshotWriter
}

// mutant is one fault.
type mutant struct {
	name string
	part string // of the kit, which must fail it
	// keepsWiped: the data of a directory stay though that is emptied.
	keepsWiped bool

	describe   func(m *mutantStore, info plugins.Info) plugins.Info
	open       func(m *mutantStore, ctx context.Context, o plugins.Options) (storage.State, error)
	append     func(m *mutantStore, ctx context.Context, b []storage.Batch) error
	read       func(m *mutantStore, ctx context.Context, lo, hi, maxBytes uint64) ([]storage.Entry, error)
	compact    func(m *mutantStore, ctx context.Context, index uint64) (uint64, error)
	create     func(m *mutantStore, ctx context.Context, meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error)
	openSnap   func(m *mutantStore, ctx context.Context, index uint64) (storage.SnapshotReader, error)
	list       func(m *mutantStore, ctx context.Context) ([]storage.SnapshotInfo, error)
	install    func(m *mutantStore, ctx context.Context, index uint64, hs storage.HardState) error
	space      func(m *mutantStore, ctx context.Context) (storage.Space, error)
	closeStore func(m *mutantStore, ctx context.Context) error
}

func (m *mutantStore) Describe() plugins.Info {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.described++
	if f := m.fault.describe; f != nil {
		return f(m, m.Memory.Describe())
	}
	return m.Memory.Describe()
}

func (m *mutantStore) Open(ctx context.Context, o plugins.Options) (storage.State, error) {
	if f := m.fault.open; f != nil {
		return f(m, ctx, o)
	}
	return m.Memory.Open(ctx, o)
}

func (m *mutantStore) Append(ctx context.Context, b []storage.Batch) error {
	if f := m.fault.append; f != nil {
		return f(m, ctx, b)
	}
	return m.Memory.Append(ctx, b)
}

func (m *mutantStore) Read(ctx context.Context, lo, hi, maxBytes uint64) ([]storage.Entry, error) {
	if f := m.fault.read; f != nil {
		return f(m, ctx, lo, hi, maxBytes)
	}
	return m.Memory.Read(ctx, lo, hi, maxBytes)
}

func (m *mutantStore) Compact(ctx context.Context, index uint64) (uint64, error) {
	if f := m.fault.compact; f != nil {
		return f(m, ctx, index)
	}
	return m.Memory.Compact(ctx, index)
}

func (m *mutantStore) CreateSnapshot(ctx context.Context, meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error) {
	if f := m.fault.create; f != nil {
		return f(m, ctx, meta, received)
	}
	return m.Memory.CreateSnapshot(ctx, meta, received)
}

func (m *mutantStore) OpenSnapshot(ctx context.Context, index uint64) (storage.SnapshotReader, error) {
	if f := m.fault.openSnap; f != nil {
		return f(m, ctx, index)
	}
	return m.Memory.OpenSnapshot(ctx, index)
}

func (m *mutantStore) ListSnapshots(ctx context.Context) ([]storage.SnapshotInfo, error) {
	if f := m.fault.list; f != nil {
		return f(m, ctx)
	}
	return m.Memory.ListSnapshots(ctx)
}

func (m *mutantStore) InstallSnapshot(ctx context.Context, index uint64, hs storage.HardState) error {
	if f := m.fault.install; f != nil {
		return f(m, ctx, index, hs)
	}
	return m.Memory.InstallSnapshot(ctx, index, hs)
}

func (m *mutantStore) Space(ctx context.Context) (storage.Space, error) {
	if f := m.fault.space; f != nil {
		return f(m, ctx)
	}
	return m.Memory.Space(ctx)
}

func (m *mutantStore) Close(ctx context.Context) error {
	if f := m.fault.closeStore; f != nil {
		return f(m, ctx)
	}
	return m.Memory.Close(ctx)
}

// remember notes what was appended.
func (m *mutantStore) remember(b []storage.Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		m.entries = map[uint64]storage.Entry{}
	}
	for _, batch := range b {
		for _, e := range batch.Entries {
			m.entries[e.Index] = e
		}
	}
}

func (m *mutantStore) entry(index uint64) (storage.Entry, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[index]
	return e, ok
}
