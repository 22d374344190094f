package wal

import "github.com/pontoon-raft/pontoon/plugins/storage"

// Append implements shell.Log: batches become durable in order, all of them with one
// write and one sync, unless they are very large or a segment ends among them.
//
// All batches are checked before the first is encoded, so a refused call leaves the log
// as it was. A batch is one record and therefore atomic. Readers see a batch after the
// last write and sync that it depends on, and never one that a crash may take back
// though its caller wanted it synced.
func (j *journal) Append(batches []storage.Batch) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if err := j.poison.Health(); err != nil {
		return err
	}
	if err := j.state.CheckAppend(batches, j.limits); err != nil {
		return err
	}
	sync, published := false, 0
	for i := range batches {
		b := &batches[i]
		sync = sync || b.MustSync
		if len(b.Entries) == 0 && b.HardState == (storage.HardState{}) {
			continue
		}
		need := headerBytes + padded(batchBytes(b))
		if need > j.room() {
			if err := j.makeRoom(need, batches[published:i]); err != nil {
				return err
			}
			published = i
		} else if int64(len(j.buf))+need > maxWriteBytes {
			if err := j.flush(false); err != nil {
				return err
			}
		}
		j.encodeBatch(b)
	}
	if err := j.flush(sync); err != nil {
		return err
	}
	j.publish(batches[published:])
	j.upkeep.appended(j)
	return nil
}

// encodeBatch appends a batch's record to the buffer, and the places of its
// entries to refs.
func (j *journal) encodeBatch(b *storage.Batch) {
	h := header{kind: kindBatch, count: uint32(len(b.Entries))}
	at := j.openRecord()
	if b.HardState != (storage.HardState{}) {
		h.flags = flagHardState
		j.buf = appendHardState(j.buf, b.HardState)
	}
	for i := range b.Entries {
		from := len(j.buf) // the buffer begins at tail.off until it is flushed
		j.buf = appendEntry(j.buf, &b.Entries[i])
		j.refs = append(j.refs, entryRef{
			segment: uint32(j.tail.segment.number),
			offset:  uint32(j.tail.off + int64(from)),
			length:  uint32(len(j.buf) - from),
			crc:     checksum(j.buf[from:]),
		})
	}
	if n := len(b.Entries); n > 0 {
		h.index, h.term = b.Entries[0].Index, b.Entries[n-1].Term
	}
	j.closeRecord(at, h)
}

// publish makes written batches part of the log that readers see. They are those
// whose refs are in j.refs, all and in order: a batch is published together with every
// other one that was encoded before it.
func (j *journal) publish(batches []storage.Batch) {
	j.mu.Lock()
	defer j.mu.Unlock()
	refs := j.refs
	for i := range batches {
		b := &batches[i]
		if len(b.Entries) > 0 {
			j.state.cut(b.Entries[0].Index)
		}
		for k := range b.Entries {
			j.state.add(b.Entries[k].Term, refs[k])
		}
		refs = refs[len(b.Entries):]
		j.state.SetHard(b.HardState)
	}
	j.refs = j.refs[:0]
}
