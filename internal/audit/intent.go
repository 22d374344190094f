package audit

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// intentPatience is how long requests wait for their intents to be written. A
// disk that takes longer does not keep the record.
const intentPatience = 5 * time.Second

// An intent is what is recorded of requests before they are proposed.
type intent struct {
	records []Record
	// done is closed when it is known of each whether it was written.
	done chan struct{}

	mu sync.Mutex
	// numbers are those of the records that were written; 0 for the others.
	numbers []uint64
	left    int
	err     error
	// gone: the requests wait no longer, and were refused.
	gone bool
}

// newIntent makes the intents of requests, which it leaves as they are.
func newIntent(requests []Record) *intent {
	in := &intent{
		records: make([]Record, len(requests)), numbers: make([]uint64, len(requests)),
		left: len(requests), done: make(chan struct{}),
	}
	copy(in.records, requests)
	now := time.Now()
	for i := range in.records {
		r := &in.records[i]
		*r = r.bounded()
		r.time, r.intent, r.place = now, in, i
	}
	return in
}

// wait returns when all are written, or with the reason why the requests have to
// be refused. They are recorded as refused as far as their intents are written.
func (in *intent) wait(ctx context.Context, l *Log) error {
	patience := time.NewTimer(intentPatience)
	defer patience.Stop()
	why := fmt.Errorf("%w: a record was not written within %v", ErrUnavailable, intentPatience)
	select {
	case <-in.done:
	case <-patience.C:
	case <-ctx.Done():
		why = fmt.Errorf("%w: its client did not wait for that", ErrUnavailable)
	}
	in.mu.Lock()
	over := in.left == 0
	in.gone = !over
	in.mu.Unlock()
	switch {
	case !over:
		return why
	case in.err != nil:
		in.refuse(l)
		return fmt.Errorf("%w: %w", ErrUnavailable, in.err)
	}
	return nil
}

// settle says what became of one record: its number, or the error for which it
// was not written or may be lost.
func (in *intent) settle(l *Log, place int, number uint64, err error) {
	in.mu.Lock()
	in.numbers[place] = number
	if err != nil && in.err == nil {
		in.err = err
	}
	in.left--
	over, gone := in.left == 0, in.gone
	in.mu.Unlock()
	if !over {
		return
	}
	close(in.done)
	if gone {
		in.refuse(l)
	}
}

// refuse records the end of requests that were refused because of their intents.
// It is called once, when each is settled.
func (in *intent) refuse(l *Log) {
	lost := 0
	for i, number := range in.numbers {
		if number == 0 {
			lost++
			continue
		}
		r := in.records[i]
		r.intent, r.of, r.time, r.Outcome, r.Reason = nil, number, time.Now(), NotApplied, reasonUnavailable
		l.queue.outcome(r)
	}
	if lost > 0 {
		l.queue.release(lost)
		l.refuse(lost)
	}
}
