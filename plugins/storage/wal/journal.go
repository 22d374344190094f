package wal

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
	"github.com/pontoon-raft/pontoon/plugins/storage/shell"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

const (
	// maxWriteBytes is how much is gathered for one write at most, unless a
	// single record is larger.
	maxWriteBytes = 4 << 20
	// keptBufferBytes bounds what the buffer keeps after an unusual record.
	keptBufferBytes = maxWriteBytes + 1<<20
)

// journal is the log: segments on disk and the state they amount to.
//
// Locks, in the order in which they are taken: writing, prepare.mu, reserve.mu, mu.
type journal struct {
	fs     vfs.FS
	logger *slog.Logger
	config config
	id     identity.Identity
	limits plugins.Limits
	poison shell.Poison

	// mu guards state and segments. They change only with writing held as
	// well, so a holder of writing may read them without mu.
	mu       sync.RWMutex
	state    logState
	segments []*segment // consecutive; the last one is written to

	// writing serialises everything that writes records.
	writing sync.Mutex
	tail    tail
	buf     []byte     // encoded records for tail.off
	refs    []entryRef // of the entries in buf, in order

	prepare preparation
	reserve reserve
	upkeep  upkeep
	stats   stats
	floor   *freespace.Floor
}

// tail is where the log goes on; guarded by journal.writing.
type tail struct {
	segment *segment
	off     int64  // where journal.buf will be written
	seq     uint64 // of the next record
	chain   uint32 // header CRC of the last record
	durable uint64 // last sequence that is known to be synced
	marked  uint64 // last sequence that a written record says is synced
}

// markBytes is the most that two marks take (markRecords).
const markBytes = 2*headerBytes + sectorBytes

// room is how many bytes a record may have in the segment, after what waits in
// the buffer. The places of a seal and of the marks after the last record are
// never given away: without marks, damage to that record would pass for a torn
// tail, also after an orderly end.
func (j *journal) room() int64 {
	return j.tail.segment.size - j.tail.off - int64(len(j.buf)) - headerBytes - markBytes
}

// openRecord makes room for a header at the end of the buffer and returns its
// place; the caller appends the payload and calls closeRecord.
func (j *journal) openRecord() int {
	at := len(j.buf)
	j.buf = append(j.buf, make([]byte, headerBytes)...)
	return at
}

// closeRecord completes the record begun at place at. The caller has set kind,
// flags, index, term and count.
//
// Two fields let recovery judge the end of the log. The chain is the CRC of the header
// before, and a header has the CRC of its payload, so each record vouches for all before
// it. The mark says up to which record the log was synced when this one was encoded:
// where one of those is missing later, it was lost after its sync (judgeTail).
func (j *journal) closeRecord(at int, h header) {
	payload := at + headerBytes
	h.length = uint32(len(j.buf) - payload)
	for len(j.buf)%recordAlign != at%recordAlign {
		j.buf = append(j.buf, 0)
	}
	h.payloadCRC = checksum(j.buf[payload:])
	h.segment = j.tail.segment.number
	h.seq = j.tail.seq
	h.mark = max(h.mark, j.tail.durable)
	h.chain = j.tail.chain
	h.encode(j.buf[at:], j.id.Salt)
	j.tail.seq++
	j.tail.chain = h.crc
	j.tail.marked = max(j.tail.marked, h.mark)
}

// flush writes the buffer at the tail, in one write, and syncs if asked to.
//
// An error is final. After a failed sync the kernel may hold the pages as clean though
// they never reached the disk, so that the next sync of the same file succeeds and proves
// nothing. Only a new Open, which writes the doubtful records to another file (salvage),
// can tell what is durable.
func (j *journal) flush(sync bool) error {
	if len(j.buf) > 0 {
		if _, err := j.tail.segment.file.WriteAt(j.buf, j.tail.off); err != nil {
			return j.poison.Fail(fmt.Errorf("write %s at offset %d: %w", j.tail.segment.name(), j.tail.off, err))
		}
		j.tail.off += int64(len(j.buf))
		j.stats.written.Add(uint64(len(j.buf)))
		j.buf = j.buf[:0]
	}
	if cap(j.buf) > keptBufferBytes {
		j.buf = nil
	}
	if !sync || j.tail.durable == j.tail.seq-1 {
		return nil
	}
	start := time.Now()
	if err := j.tail.segment.file.Sync(); err != nil {
		return j.poison.Fail(fmt.Errorf("sync %s: %w", j.tail.segment.name(), err))
	}
	j.stats.synced(time.Since(start))
	j.tail.durable = j.tail.seq - 1
	return nil
}

// segmentCount is how many segments the log has.
func (j *journal) segmentCount() int {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return len(j.segments)
}

// startRecord encodes the first record of the segment at the tail.
func (j *journal) startRecord(mark uint64) {
	s := start{
		salt:          j.id.Salt,
		owner:         j.id.Owner,
		size:          j.tail.segment.size,
		hard:          j.state.Hard,
		compacted:     j.state.compacted,
		compactedTerm: j.state.compactedTerm,
	}
	at := j.openRecord()
	j.buf = s.append(j.buf)
	j.closeRecord(at, header{kind: kindStart, index: j.state.Last, term: j.state.LastTerm(), mark: mark})
}

// control writes and syncs one record without entries, and then applies it to
// the state. It does so in that order because the state decides which segments are
// removed: none may go by a record that a crash could take back.
func (j *journal) control(h header, payload []byte, apply func(*logState)) error {
	if err := j.poison.Health(); err != nil {
		return err
	}
	if err := j.makeRoom(headerBytes+padded(int64(len(payload))), nil); err != nil {
		return err
	}
	at := j.openRecord()
	j.buf = append(j.buf, payload...)
	j.closeRecord(at, h)
	if err := j.flush(true); err != nil {
		return err
	}
	j.mu.Lock()
	apply(&j.state)
	j.mu.Unlock()
	return nil
}

// Close implements shell.Log: the log says that all of it is durable before its
// files are closed. Of a journal that never began nothing is said: its Open failed.
func (j *journal) Close() error {
	j.upkeep.end()
	j.writing.Lock()
	defer j.writing.Unlock()
	var err error
	if j.upkeep.begun() && j.poison.Health() == nil {
		if err = j.flush(true); err == nil {
			err = j.writeMark(true)
		}
	}
	return errors.Join(err, j.abandon())
}

// abandon closes the files as they are.
func (j *journal) abandon() error {
	var errs []error
	for _, s := range append(j.upkeep.retired, j.segments...) {
		errs = append(errs, s.retire())
	}
	if next := j.prepare.take(); next != nil {
		errs = append(errs, next.retire())
	}
	return errors.Join(errs...)
}
