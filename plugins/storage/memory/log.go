package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Append implements storage.Storage.
func (m *Store) Append(_ context.Context, batches []storage.Batch) error {
	hook := m.hook()
	m.mu.Lock()
	if err := m.usableLocked(); err != nil {
		m.mu.Unlock()
		return err
	}
	if err := m.now.CheckAppend(batches, m.limits); err != nil {
		m.mu.Unlock()
		return err
	}
	next, sync := m.now, false
	next.State = m.now.Clone()
	for i := range batches {
		next.apply(&batches[i])
		sync = sync || batches[i].MustSync
	}
	m.mu.Unlock()
	if hook != nil {
		if err := hook(batches); err != nil {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.poison = err
			return err
		}
	}
	return m.publish(next, sync)
}

// publish makes next the content. Compact and snapshots may have run while the
// hook did, so only the log is taken over.
func (m *Store) publish(next image, sync bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(); err != nil {
		return err
	}
	if next.Base < m.now.Base {
		if next.Last < m.now.Base {
			return fmt.Errorf("%w: the log was compacted to %d under an append that cuts it to %d",
				plugins.ErrInvalidArgument, m.now.Base, next.Last)
		}
		next.compact(m.now.Base, m.now.Term(m.now.Base))
	}
	next.snapshots = m.now.snapshots
	m.now = next
	if sync {
		m.syncLocked()
	}
	return nil
}

func (m *Store) hook() func([]storage.Batch) error {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	return m.disk.onAppend
}

// apply takes in a checked batch.
func (im *image) apply(b *storage.Batch) {
	if len(b.Entries) > 0 {
		kept := im.entries[:b.Entries[0].Index-im.Base-1]
		if len(kept) < len(im.entries) {
			kept = slices.Clip(kept) // an older image still has the discarded ones
		}
		im.entries = append(kept, b.Entries...)
	}
	im.Take(b)
}

// compact gives up the entries up to index, of that term. The terms are the image's own.
func (im *image) compact(index, term uint64) {
	im.entries = im.entries[index-im.Base:]
	im.Compact(index, term)
}

// Read implements storage.Storage. maxBytes counts entry data and a few bytes
// for what surrounds it.
func (m *Store) Read(ctx context.Context, lo, hi, maxBytes uint64) ([]storage.Entry, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if err := m.now.CheckRead(lo, hi); err != nil {
		return nil, err
	}
	entries := m.now.entries[lo-m.now.Base-1 : hi-m.now.Base-1]
	size := uint64(0)
	for i, e := range entries {
		size += uint64(len(e.Data)) + 16
		if i > 0 && size > maxBytes {
			entries = entries[:i]
			break
		}
	}
	return slices.Clone(entries), nil
}

// Compact implements storage.Storage.
func (m *Store) Compact(ctx context.Context, index uint64) (uint64, error) {
	if err := m.enter(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	if index <= m.now.Base {
		return m.now.Base + 1, nil
	}
	newest := uint64(0)
	if n := len(m.now.snapshots); n > 0 {
		newest = m.now.snapshots[n-1].meta.Index
	}
	if err := m.now.CheckCompact(index, newest); err != nil {
		return 0, err
	}
	m.now.State = m.now.Clone()
	m.now.compact(index, m.now.Term(index))
	m.syncLocked()
	return index + 1, nil
}
