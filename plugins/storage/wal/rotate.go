package wal

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
)

// preparation is the segment after the current one, if it is ready.
type preparation struct {
	// mu is held while a segment is made, so that an append which needs it
	// waits for the background and does not make another.
	mu   sync.Mutex
	next *segment
	// failed is the number of the segment that the background could not
	// make, tried when that was. It tries that one again when spaceRetries is
	// over and it is asked to; the append that needs it tries at once.
	failed uint64
	tried  time.Time
	// full is set while the next segment is missing for want of space.
	full atomic.Bool
	// taken is the number of the last segment that was handed out: one of that
	// number must never be made again, as it would replace the log's.
	taken uint64
}

// take hands out the prepared segment, or nil.
func (p *preparation) take() *segment {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.next
	p.next = nil
	return next
}

// prepareNext makes the segment after current, if there is none yet. An error
// that it met before it does not return again.
func (j *journal) prepareNext(current *segment, now time.Time) error {
	p := &j.prepare
	p.mu.Lock()
	defer p.mu.Unlock()
	number := current.number + 1
	if p.next != nil || number <= p.taken {
		return nil // the log may have gone on since current was looked at
	}
	again := p.failed == number
	if again && now.Sub(p.tried) < j.upkeep.spaceRetry() {
		return nil
	}
	size := nextSegmentBytes(current.size, 0, j.config.SegmentBytes)
	s, err := prepareSegment(j.fs, number, size, j.upkeep.stop)
	if err == nil {
		p.next, err = j.named(s)
	}
	p.full.Store(errors.Is(freespace.Error(err), storage.ErrNoSpace))
	if err != nil {
		p.failed, p.tried = number, now
		if again {
			return nil
		}
		return fmt.Errorf("prepare segment %d of %d bytes: %w", number, size, err)
	}
	p.failed = 0
	return nil
}

// named gives a prepared segment its name.
func (j *journal) named(s *segment) (*segment, error) {
	if err := s.place(j.fs); err != nil {
		return nil, errors.Join(err, s.retire())
	}
	return s, nil
}

// takeNext returns a segment to follow current with room for need bytes.
func (j *journal) takeNext(current *segment, need int64) (*segment, error) {
	need += headerBytes + startBytes + markBytes + headerBytes // the record, after a start and before marks and a seal
	p := &j.prepare
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.next
	p.next = nil
	if next != nil && next.size >= need {
		p.taken = next.number
		return next, nil
	}
	if next != nil {
		// Too small for this record; the new one takes over its name.
		if err := next.retire(); err != nil {
			return nil, err
		}
	}
	number, size := current.number+1, nextSegmentBytes(current.size, need, j.config.SegmentBytes)
	s, err := j.makeSegment(number, size)
	if err == nil {
		s, err = j.named(s)
	}
	if err != nil {
		return nil, fmt.Errorf("make segment %d of %d bytes: %w", number, size, err)
	}
	p.failed, p.taken = 0, number
	p.full.Store(false)
	return s, nil
}

// makeRoom makes sure that a record of need bytes fits, going on to the next
// segment if it does not. The given batches, which wait in the buffer, become
// durable and readable before that, because the start record of the next
// segment sums up all that stands before it.
//
// The order is what recovery relies on. The next segment has its name before the seal
// is written, so a seal without a segment after it is damage. The old segment is synced
// with its seal before a byte goes into the next one, so a segment that is followed by
// one with a start record must be whole. The start record itself waits for the sync of
// the record that it makes room for. A crash before that may leave the segment without
// one, and then nothing in it counts (splitSpare).
func (j *journal) makeRoom(need int64, waiting []storage.Batch) error {
	if need <= j.room() {
		return nil
	}
	next, err := j.takeNext(j.tail.segment, need)
	if err != nil {
		if err := freespace.Error(err); errors.Is(err, storage.ErrNoSpace) && len(j.buf) == 0 && len(waiting) == 0 {
			return err // nothing was written: the log is as it was, and may be tried again
		}
		return j.poison.Fail(err)
	}
	at := j.openRecord()
	j.closeRecord(at, header{kind: kindSeal, index: j.state.Last, term: j.state.LastTerm()})
	if err := j.flush(true); err != nil {
		return err
	}
	j.publish(waiting)
	j.mu.Lock()
	j.segments = append(j.segments, next)
	j.mu.Unlock()
	j.tail.segment, j.tail.off = next, 0
	j.startRecord(0)
	return nil
}
