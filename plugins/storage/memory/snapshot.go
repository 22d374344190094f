package memory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/logstate"
)

// memorySnapshot is a finished snapshot; its data is immutable.
type memorySnapshot struct {
	meta storage.SnapshotMetadata
	data []byte
	sum  [sha256.Size]byte // of data
}

func (s memorySnapshot) info() storage.SnapshotInfo {
	return storage.SnapshotInfo{Metadata: cloneMetadata(s.meta), Bytes: uint64(len(s.data)), Sha256: s.sum[:]}
}

func cloneMetadata(m storage.SnapshotMetadata) storage.SnapshotMetadata {
	c := &m.ConfState
	c.Voters = slices.Clone(c.Voters)
	c.Learners = slices.Clone(c.Learners)
	c.VotersOutgoing = slices.Clone(c.VotersOutgoing)
	c.LearnersNext = slices.Clone(c.LearnersNext)
	return m
}

// CreateSnapshot implements storage.Storage.
func (m *Store) CreateSnapshot(ctx context.Context, meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if meta.Index == 0 || meta.Term == 0 {
		return nil, fmt.Errorf("%w: a snapshot at index %d, term %d", plugins.ErrInvalidArgument, meta.Index, meta.Term)
	}
	if !received {
		if err := m.now.CheckSnapshot(meta.Index, meta.Term); err != nil {
			return nil, err
		}
	}
	return &memoryWriter{store: m, meta: cloneMetadata(meta), received: received}, nil
}

type memoryWriter struct {
	store    *Store
	meta     storage.SnapshotMetadata
	received bool
	data     []byte
	ended    bool
}

func (w *memoryWriter) Write(p []byte) (int, error) {
	if w.ended {
		return 0, plugins.ErrClosed
	}
	w.data = append(w.data, p...)
	return len(p), nil
}

func (w *memoryWriter) Abort() error {
	w.ended, w.data = true, nil
	return nil
}

func (w *memoryWriter) Commit() (storage.SnapshotInfo, error) {
	m, sum := w.store, sha256.Sum256(w.data)
	m.mu.Lock()
	defer m.mu.Unlock()
	if w.ended {
		return storage.SnapshotInfo{}, plugins.ErrClosed
	}
	w.ended = true
	if err := m.usableLocked(); err != nil {
		return storage.SnapshotInfo{}, err
	}
	s := memorySnapshot{meta: w.meta, data: w.data, sum: sum}
	if w.received {
		m.received[w.meta.Index] = s
		return s.info(), nil
	}
	m.showLocked(s)
	// Only the snapshot becomes durable, not what else is not synced yet.
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	if m.disk.holder == m {
		m.disk.durable.snapshots = m.now.snapshots
	}
	return s.info(), nil
}

// showLocked makes s visible and forgets all but the newest two.
func (m *Store) showLocked(s memorySnapshot) {
	kept := slices.DeleteFunc(slices.Clone(m.now.snapshots), func(o memorySnapshot) bool {
		return o.meta.Index == s.meta.Index
	})
	kept = append(kept, s)
	slices.SortFunc(kept, func(a, b memorySnapshot) int {
		if a.meta.Index < b.meta.Index {
			return -1
		}
		return 1
	})
	m.now.snapshots = kept[max(0, len(kept)-2):]
}

// OpenSnapshot implements storage.Storage.
func (m *Store) OpenSnapshot(ctx context.Context, index uint64) (storage.SnapshotReader, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	visible := m.now.snapshots
	if index == 0 && len(visible) > 0 {
		return newMemoryReader(visible[len(visible)-1]), nil
	}
	for _, s := range visible {
		if s.meta.Index == index {
			return newMemoryReader(s), nil
		}
	}
	if s, ok := m.received[index]; ok {
		return newMemoryReader(s), nil
	}
	return nil, fmt.Errorf("open snapshot %d: %w", index, storage.ErrNoSnapshot)
}

type memoryReader struct {
	*bytes.Reader
	info storage.SnapshotInfo
}

func newMemoryReader(s memorySnapshot) *memoryReader {
	return &memoryReader{Reader: bytes.NewReader(s.data), info: s.info()}
}

func (r *memoryReader) Info() storage.SnapshotInfo { return r.info }
func (r *memoryReader) Close() error               { return nil }

// ListSnapshots implements storage.Storage.
func (m *Store) ListSnapshots(ctx context.Context) ([]storage.SnapshotInfo, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var infos []storage.SnapshotInfo
	for _, s := range m.now.snapshots {
		infos = append(infos, s.info())
	}
	return infos, nil
}

// InstallSnapshot implements storage.Storage.
func (m *Store) InstallSnapshot(ctx context.Context, index uint64, hs storage.HardState) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	s, ok := m.received[index]
	if !ok {
		return fmt.Errorf("install snapshot %d: %w", index, storage.ErrNoSnapshot)
	}
	hs, err := m.now.CheckInstall(index, hs)
	if err != nil {
		return fmt.Errorf("install snapshot %d: %w", index, err)
	}
	for i := range m.received {
		if i <= index {
			delete(m.received, i)
		}
	}
	m.now.State, m.now.entries = logstate.New(index, s.meta.Term), nil
	m.now.Hard = hs
	m.showLocked(s)
	m.syncLocked()
	return nil
}
