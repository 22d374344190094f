package wal

import (
	"errors"
	"fmt"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// preparation is the segment after the current one, if it is ready.
type preparation struct {
	// mu is held while a segment is made, so that an append which needs it
	// waits for the background and does not make another.
	mu   sync.Mutex
	next *segment
	// failed is the number of the segment that the background could not
	// make. It does not try that one again; the append that needs it will.
	failed uint64
}

// take hands out the prepared segment, or nil.
func (p *preparation) take() *segment {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.next
	p.next = nil
	return next
}

// prepareNext makes the segment after current, if there is none yet.
func (j *journal) prepareNext(current *segment) error {
	p := &j.prepare
	p.mu.Lock()
	defer p.mu.Unlock()
	number := current.number + 1
	if p.next != nil || p.failed == number {
		return nil
	}
	next, err := j.newSegment(number, nextSegmentBytes(current.size, 0, j.config.SegmentBytes))
	if err != nil {
		p.failed = number
		return err
	}
	p.next = next
	return nil
}

// newSegment prepares a segment and gives it its name.
func (j *journal) newSegment(number uint64, size int64) (*segment, error) {
	s, err := prepareSegment(j.fs, number, size, j.upkeep.stop)
	if err != nil {
		return nil, fmt.Errorf("prepare segment %d of %d bytes: %w", number, size, err)
	}
	if err := s.place(j.fs); err != nil {
		return nil, fmt.Errorf("prepare segment %d of %d bytes: %w", number, size, errors.Join(err, s.retire()))
	}
	return s, nil
}

// takeNext returns a segment to follow current with room for need bytes.
func (j *journal) takeNext(current *segment, need int64) (*segment, error) {
	need += headerBytes + startBytes + headerBytes // the record, behind a start and before a seal
	p := &j.prepare
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.next
	p.next = nil
	if next != nil && next.size >= need {
		return next, nil
	}
	if next != nil {
		// Too small for this record; the new one takes over its name.
		if err := next.retire(); err != nil {
			return nil, err
		}
	}
	return j.newSegment(current.number+1, nextSegmentBytes(current.size, need, j.config.SegmentBytes))
}

// makeRoom makes sure that a record of need bytes fits, going on to the next
// segment if it does not. What waits in the buffer, which is the given
// batches, becomes durable and readable before that: the next segment's start
// record sums it up.
func (j *journal) makeRoom(need int64, waiting []storage.Batch) error {
	if need <= j.room() {
		return nil
	}
	next, err := j.takeNext(j.tail.segment, need)
	if err != nil {
		return j.fail(err)
	}
	at := j.openRecord()
	j.closeRecord(at, header{kind: kindSeal, index: j.state.last(), term: j.state.lastTerm()})
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
