package logsink

import (
	"sync"
	"time"
)

// A backlog is what waits for a slow writer, the oldest first, up to MaxRecords
// and MaxBytes. Records beyond either are dropped and counted. Its head may be
// with the writer: it counts, and its age shows. Methods in lower case need mu.
type backlog[T any] struct {
	mu    sync.Mutex
	queue []waiting[T]
	bytes int // of all that waits
	// taken counts what was queued since the start, dropped what was not; lost
	// counts what was dropped since the last report: from lostSince on, after
	// lostAfter had been queued.
	taken, dropped, lost, lostAfter uint64
	lostSince                       time.Time
}

// waiting is one record with its number, from 1 on, and its time.
type waiting[T any] struct {
	record T
	size   int
	number uint64
	at     time.Time
}

// Dropped counts the records that were dropped since the start.
func (b *backlog[T]) Dropped() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

// Stuck is the age of the oldest record that is not written yet; 0 if all are.
// More than a moment means that the log is not read.
func (b *backlog[T]) Stuck() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		return 0
	}
	return time.Since(b.queue[0].at)
}

// hasRoom tells whether another record of that size fits.
func (b *backlog[T]) hasRoom(size int) bool {
	return len(b.queue) < MaxRecords && b.bytes+size <= MaxBytes
}

func (b *backlog[T]) put(record T, size int) {
	b.taken++
	b.queue = append(b.queue, waiting[T]{record, size, b.taken, time.Now()})
	b.bytes += size
}

// drop counts a record that is lost.
func (b *backlog[T]) drop() {
	if b.lost == 0 {
		b.lostSince, b.lostAfter = time.Now(), b.taken
	}
	b.lost++
	b.dropped++
}

// pop takes the oldest record out.
func (b *backlog[T]) pop() {
	b.bytes -= b.queue[0].size
	b.queue[0] = waiting[T]{}
	if b.queue = b.queue[1:]; len(b.queue) == 0 {
		b.queue = nil // what a burst took is given back
	}
}
