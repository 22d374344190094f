package pebble

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// maxWriteBytes is how much is gathered for one write to pebble's log, unless
// a single batch is larger.
const maxWriteBytes = 4 << 20

// Append implements storage.Storage: all batches become one write of pebble,
// atomic and with one sync, unless they are very large. It cannot be
// interrupted, so ctx has no effect.
func (s *store) Append(_ context.Context, batches []storage.Batch) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	s.writing.Lock()
	defer s.writing.Unlock()
	next := s.state.clone() // only writers change it
	if err := admit(&next, batches, s.limits); err != nil {
		return err
	}
	state := s.state.clone()
	b := s.db.NewBatch()
	sync := false
	for i := range batches {
		sync = sync || batches[i].MustSync
		if err := encode(b, &state, &batches[i]); err != nil {
			return s.fail(err)
		}
		state.take(&batches[i])
		if b.Len() > maxWriteBytes && i < len(batches)-1 {
			if err := s.write(b, state.clone(), false); err != nil {
				return err
			}
			b = s.db.NewBatch()
		}
	}
	return s.write(b, state, sync)
}

// encode puts a contract's batch into pebble's. state is what comes before it.
func encode(b *pebble.Batch, state *logState, batch *storage.Batch) error {
	if n := len(batch.Entries); n > 0 && batch.Entries[0].Index <= state.last {
		if err := b.DeleteRange(entryKey(batch.Entries[0].Index), entryKey(state.last+1), nil); err != nil {
			return err
		}
	}
	var value []byte
	for i := range batch.Entries {
		key := entryKey(batch.Entries[i].Index)
		value = appendEntry(value[:0], key, &batch.Entries[i])
		if err := b.Set(key, value, nil); err != nil {
			return err
		}
	}
	if batch.HardState == (storage.HardState{}) {
		return nil
	}
	return b.Set([]byte(hardKey), encodeHard(batch.HardState), nil)
}

// write applies a batch and makes state what readers see, together; then it
// waits for the sync. Whoever calls it holds writing. It closes b.
func (s *store) write(b *pebble.Batch, state logState, sync bool) error {
	if b.Empty() && sync {
		// Nothing new, but what was written without a sync must be durable.
		if err := b.LogData(nil, nil); err != nil {
			return s.fail(err)
		}
	}
	if b.Empty() {
		return b.Close()
	}
	s.mu.Lock()
	var err error
	if sync {
		err = s.db.ApplyNoSyncWait(b, pebble.Sync)
	} else {
		err = s.db.Apply(b, pebble.NoSync)
	}
	if err == nil {
		s.state = state
	}
	s.mu.Unlock()
	if err == nil && sync {
		err = b.SyncWait()
	}
	if err != nil {
		return s.fail(fmt.Errorf("write: %w", err))
	}
	return b.Close()
}
