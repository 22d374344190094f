package api

import (
	"runtime"
	"time"

	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/internal/wake"
)

// An answerQueue has answers in the order in which they came.
type answerQueue struct {
	all  []proposalResult
	head int
}

func (q *answerQueue) len() int { return len(q.all) - q.head }

func (q *answerQueue) push(a proposalResult) { q.all = append(q.all, a) }

// spareAnswers is how many answers an empty queue has room for at most: the
// room that a burst has needed is given back.
const spareAnswers = 1024

// pop moves answers to an empty batch, as many as fit one message. With their tags
// they fit a buffer of that size: the pool's next one is thirty times as large.
func (q *answerQueue) pop(batch []proposalResult) (_ []proposalResult, size int) {
	for wire := 0; q.head < len(q.all); {
		outer := q.all[q.head].outer
		if wire += elementSize(outer); len(batch) > 0 && wire > resultBatchBytes {
			break
		}
		size += outer
		batch = append(batch, q.all[q.head])
		q.all[q.head] = proposalResult{}
		q.head++
	}
	switch {
	case q.head < len(q.all):
	case cap(q.all) > spareAnswers:
		*q = answerQueue{}
	default:
		q.all, q.head = q.all[:0], 0
	}
	return batch, size
}

// places are those that the answers have in the window.
func (q *answerQueue) places() int {
	n := 0
	for i := range q.all[q.head:] {
		if q.all[q.head+i].placed {
			n++
		}
	}
	return n
}

// A parcel is what counts of the answers in one message: their bytes, those of
// results, their places in the window, and the refusals among them.
type parcel struct{ bytes, kept, places, refusals int }

func parcelOf(batch []proposalResult, size int) parcel {
	p := parcel{bytes: size}
	for i := range batch {
		if a := &batch[i]; a.placed {
			p.places++
			p.kept += a.keeps()
		} else {
			p.refusals++
		}
	}
	return p
}

// keeps is what the answer counts for among the results of all clients.
func (a *proposalResult) keeps() int {
	if a.Failure != nil || a.outer <= smallAnswer {
		return 0
	}
	return a.outer
}

// pushLocked queues an answer to a proposal that pending counts already.
func (s *proposalStream) pushLocked(a proposalResult) {
	s.bytes += a.outer
	s.unsent += a.outer
	s.answers.push(a)
	if s.answers.len() == 1 {
		wake.Up(s.wake)
	}
}

// freedBytes is how much of answered proposals counts in the window until the
// next message is sent.
const freedBytes = 64 << 10

// answer takes the service's answer to a proposal of the given size.
func (s *proposalStream) answer(id uint64, size int, arrived time.Time, result server.Result, err error) {
	var a proposalResult
	if err != nil {
		a = refusalOf(id, encodeFailure(failureOf(err)))
	} else {
		a = answerOf(id, result)
	}
	if isFull(err) {
		a.refusedAt = arrived
	}
	a.placed = true
	data := int64(size - proposalOverhead)
	s.mu.Lock()
	s.bytes -= size
	if s.dead {
		s.bounds.abandoned.Add(-1)
		s.mu.Unlock()
		s.lane.give(amount{1, data})
		return
	}
	s.pushLocked(s.boundedLocked(a))
	var back amount
	if s.freed += data; s.freed > freedBytes {
		back.bytes, s.freed = s.freed, 0
	}
	s.mu.Unlock()
	s.lane.give(back)
}

// send sends what waits, in messages of a bounded size. It reports over when the
// answers were the last.
func (s *proposalStream) send(batch []proposalResult) (_ []proposalResult, over bool, why, err error) {
	// Let those who answer right now do so: bigger batches, fewer messages, and
	// no delay if there are none.
	runtime.Gosched()
	for {
		batch, over, why = s.next(batch)
		if len(batch) == 0 {
			return batch, over, why, nil
		}
		large := len(batch) == 1 && batch[0].outer > resultBatchBytes
		err = s.stream.SendMsg(&resultBatch{answers: batch, refusals: s.refusals})
		if err == nil && large {
			// gRPC takes a message of any size and lets the next one wait until
			// it has gone: an empty one shows that.
			err = s.stream.SendMsg(&resultBatch{})
		}
		clear(batch)
		if batch = batch[:0]; err != nil {
			return batch, false, nil, err
		}
	}
}

// next notes that the last message has gone, and takes the next one.
func (s *proposalStream) next(batch []proposalResult) (_ []proposalResult, over bool, why error) {
	now := time.Now()
	s.mu.Lock()
	gone := s.message
	back := amount{int64(gone.places), s.freed}
	s.unsent -= gone.bytes
	s.kept -= gone.kept
	s.refused -= gone.refusals
	s.freed = 0
	if gone != (parcel{}) {
		s.lossy = false
	}
	batch, size := s.answers.pop(batch)
	s.message, s.since = parcelOf(batch, size), time.Time{}
	if len(batch) > 0 {
		s.since = now
	}
	s.pending -= len(batch)
	s.bytes -= size
	over, why = s.closing && s.pending == 0 && len(batch) == 0, s.why
	s.room.Signal()
	s.mu.Unlock()
	s.bounds.results.Add(-int64(gone.kept))
	s.bounds.refusals.Add(-int64(gone.refusals))
	s.lane.give(back)
	return batch, over, why
}
