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
	// All are checked against a copy first: a refusal leaves nothing behind.
	next, sync := m.now, false
	for i, b := range batches {
		if err := checkBatch(&next, b, m.limits); err != nil {
			m.mu.Unlock()
			return fmt.Errorf("append batch %d of %d: %w", i+1, len(batches), err)
		}
		next.apply(b)
		sync = sync || b.MustSync
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
	if next.base < m.now.base {
		if next.last() < m.now.base {
			return fmt.Errorf("%w: the log was compacted to %d under an append that cuts it to %d",
				plugins.ErrInvalidArgument, m.now.base, next.last())
		}
		next.entries = next.entries[m.now.base-next.base:]
		next.base, next.baseTerm = m.now.base, m.now.baseTerm
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

// checkBatch refuses what breaks the contract of storage.Batch.
func checkBatch(im *image, b storage.Batch, limits plugins.Limits) error {
	last := im.last()
	if len(b.Entries) > 0 {
		first := b.Entries[0].Index
		if first > last+1 || first <= im.base || first <= im.hard.Commit {
			return fmt.Errorf("%w: entries begin at %d, the log is [%d,%d] with commit %d",
				plugins.ErrInvalidArgument, first, im.base+1, last, im.hard.Commit)
		}
		if err := checkEntries(b.Entries, im.term(first-1), limits); err != nil {
			return err
		}
		last = b.Entries[len(b.Entries)-1].Index
	}
	if b.HardState.Commit > last {
		return fmt.Errorf("%w: commit %d is beyond the last index %d", plugins.ErrInvalidArgument, b.HardState.Commit, last)
	}
	return nil
}

func checkEntries(entries []storage.Entry, term uint64, limits plugins.Limits) error {
	size := uint64(0)
	for i, e := range entries {
		if e.Index != entries[0].Index+uint64(i) {
			return fmt.Errorf("%w: entry %d follows entry %d", plugins.ErrInvalidArgument, e.Index, entries[i-1].Index)
		}
		if e.Term < term || e.Term == 0 {
			return fmt.Errorf("%w: entry %d has term %d after term %d", plugins.ErrInvalidArgument, e.Index, e.Term, term)
		}
		if n := uint64(len(e.Data)); n > limits.MaxEntryBytes {
			return fmt.Errorf("%w: entry %d has %d bytes, the limit is %d", plugins.ErrLimit, e.Index, n, limits.MaxEntryBytes)
		}
		size += uint64(len(e.Data))
		term = e.Term
	}
	if len(entries) > 1 && size > limits.MaxBatchBytes {
		return fmt.Errorf("%w: %d entries have %d bytes, the limit of a batch is %d",
			plugins.ErrLimit, len(entries), size, limits.MaxBatchBytes)
	}
	return nil
}

// apply takes in a checked batch.
func (im *image) apply(b storage.Batch) {
	if len(b.Entries) > 0 {
		kept := im.entries[:b.Entries[0].Index-im.base-1]
		if len(kept) < len(im.entries) {
			kept = slices.Clip(kept) // an older image still has the discarded ones
		}
		im.entries = append(kept, b.Entries...)
	}
	if b.HardState != (storage.HardState{}) {
		im.hard = b.HardState
	}
}

// Read implements storage.Storage. maxBytes counts entry data and a few bytes
// for what surrounds it.
func (m *Store) Read(ctx context.Context, lo, hi, maxBytes uint64) ([]storage.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(); err != nil {
		return nil, err
	}
	switch {
	case lo > hi:
		return nil, fmt.Errorf("%w: read [%d,%d)", plugins.ErrInvalidArgument, lo, hi)
	case lo <= m.now.base:
		return nil, fmt.Errorf("read [%d,%d): %w: the first index is %d", lo, hi, storage.ErrCompacted, m.now.base+1)
	case hi > m.now.last()+1:
		return nil, fmt.Errorf("read [%d,%d): %w: the last index is %d", lo, hi, storage.ErrUnavailable, m.now.last())
	}
	entries := m.now.entries[lo-m.now.base-1 : hi-m.now.base-1]
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
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(); err != nil {
		return 0, err
	}
	if index <= m.now.base {
		return m.now.base + 1, nil
	}
	newest := uint64(0)
	if n := len(m.now.snapshots); n > 0 {
		newest = m.now.snapshots[n-1].meta.Index
	}
	if index > newest || index > m.now.last() {
		return 0, fmt.Errorf("compact to %d: %w: the newest snapshot is at %d, the last entry at %d",
			index, plugins.ErrInvalidArgument, newest, m.now.last())
	}
	term := m.now.term(index)
	m.now.entries = m.now.entries[index-m.now.base:]
	m.now.base, m.now.baseTerm = index, term
	m.syncLocked()
	return index + 1, nil
}
