package pebble

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/logstate"
)

// maxWriteBytes is how much is gathered for one write to pebble's log, unless
// a single batch is larger.
const maxWriteBytes = 4 << 20

// Append implements shell.Log: all batches become one write of pebble, atomic and
// with one sync, unless they are very large.
func (d *database) Append(batches []storage.Batch) error {
	if err := d.beginWriting(); err != nil {
		return err
	}
	defer d.writing.Unlock()
	if err := d.state.CheckAppend(batches, d.limits); err != nil { // only writers change it
		return err
	}
	state := d.state.Clone()
	b := d.db.NewBatch()
	sync := false
	for i := range batches {
		sync = sync || batches[i].MustSync
		if err := encode(b, &state, &batches[i]); err != nil {
			return d.fail(err)
		}
		state.Take(&batches[i])
		if b.Len() > maxWriteBytes && i < len(batches)-1 {
			if err := d.write(b, false); err != nil {
				return err
			}
			b = d.db.NewBatch()
		}
	}
	if err := d.write(b, sync); err != nil {
		return err
	}
	return d.show(state)
}

// encode puts a contract's batch into pebble's. state is what comes before it.
func encode(b *pebble.Batch, state *logstate.State, batch *storage.Batch) error {
	if n := len(batch.Entries); n > 0 && batch.Entries[0].Index <= state.Last {
		if err := b.DeleteRange(entryKey(batch.Entries[0].Index), entryKey(state.Last+1), nil); err != nil {
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

// write applies a batch, which readers do not see before show, and waits for the sync. The
// caller holds writing. It closes b.
func (d *database) write(b *pebble.Batch, sync bool) error {
	durability := pebble.NoSync
	if sync {
		durability = pebble.Sync
	}
	if b.Empty() && sync {
		// Nothing new, but what was written without a sync must be durable.
		if err := b.LogData(nil, nil); err != nil {
			return d.fail(err)
		}
	}
	if b.Empty() {
		return b.Close()
	}
	if err := d.db.Apply(b, durability); err != nil {
		return d.fail(fmt.Errorf("write: %w", err))
	}
	return b.Close()
}

// show makes state, and all that was written, the log that readers see. The caller holds
// writing.
func (d *database) show(state logstate.State) error {
	seen := d.db.NewSnapshot()
	d.mu.Lock()
	before := d.seen
	d.state, d.seen = state, seen
	d.mu.Unlock()
	return before.Close()
}
