package audit

import (
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/wake"
)

const (
	// queueRecords is how many records wait at most for the goroutine that writes
	// them, and queueBytes what they take in memory: that many without a target take
	// half of it.
	queueRecords = 16 << 10
	queueBytes   = 2 * queueRecords * recordMemory
	// refusalsPerSecond is how many requests are recorded in a second that were
	// refused; the others are counted. A client that may do nothing shall not push
	// out of the files what others did.
	refusalsPerSecond = 200
)

// A queue holds the records that wait to be written. Nothing of it waits.
type queue struct {
	// wake holds a token while there is something to take.
	wake chan struct{}

	mu    sync.Mutex
	items []Record
	bytes int // of items
	// reserved is room for outcomes whose intents were taken.
	reserved int
	// lost are the records that were dropped since the last take; spared those of
	// them that were refusals.
	lost, spared uint64
	// second is the second that refusals counts in.
	second   int64
	refusals int
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put adds a record, or counts it as dropped: it reports how many were.
func (q *queue) put(r Record) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case r.Outcome == NotApplied && !q.spareLocked(r.time):
		q.spared++
	case len(q.items)+q.reserved < queueRecords && q.bytes+r.memory() <= queueBytes:
		q.addLocked(r)
		return 0
	}
	q.lost++
	wake.Up(q.wake)
	return 1
}

// spareLocked reports whether one more refusal may be recorded at that time.
func (q *queue) spareLocked(at time.Time) bool {
	if second := at.Unix(); second != q.second {
		q.second, q.refusals = second, 0
	}
	q.refusals++
	return q.refusals <= refusalsPerSecond
}

// intend adds intents and keeps room for their outcomes. It reports whether there
// was room for all; if not it adds none.
func (q *queue) intend(intents []Record) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	bytes := 0
	for i := range intents {
		bytes += intents[i].memory()
	}
	if len(q.items)+q.reserved+2*len(intents) > queueRecords || q.bytes+bytes > queueBytes {
		return false
	}
	q.addLocked(intents...)
	q.reserved += len(intents)
	return true
}

// outcome adds the outcome of an intent, for which there is room.
func (q *queue) outcome(r Record) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reserved--
	q.addLocked(r)
}

func (q *queue) addLocked(records ...Record) {
	for i := range records {
		q.bytes += records[i].memory()
	}
	q.items = append(q.items, records...)
	wake.Up(q.wake)
}

// release gives up the room for outcomes that will not come.
func (q *queue) release(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reserved -= n
}

// count adds requests that were refused because they could not be recorded. The
// next records bring the number with them.
func (q *queue) count(refusals int) { q.lacks(uint64(refusals), uint64(refusals)) }

// lacks adds records that the chain will lack, and how many of them are refusals.
func (q *queue) lacks(lost, spared uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost += lost
	q.spared += spared
}

// take swaps what waits for an empty slice. The dropped records came after those.
func (q *queue) take(empty []Record) (items []Record, lost, spared uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	items, q.items, q.bytes = q.items, empty[:0], 0
	lost, spared = q.lost, q.spared
	q.lost, q.spared = 0, 0
	return items, lost, spared
}
