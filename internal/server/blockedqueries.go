package server

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// blockTime is how long a query is kept from the state machine.
	blockTime = time.Minute
	// maxStrikes is how often in a row a query may hang, or be under way when the
	// state machine ends, before it is kept from it.
	maxStrikes = 2
	// strikeMemory is for how long that counts.
	strikeMemory = 10 * time.Minute
	// maxSuspects bounds the queries that are remembered.
	maxSuspects = 1024
)

// blockedQueries keeps queries from the state machine that hang in it or end it: a
// client asks again, and would end the next one too. They are known by their
// digest. One that did it once is a suspect, and suspects are asked one at a
// time: of several that were under way when the state machine ended, all but one
// are innocent, and an answer clears them. The zero value is not usable.
type blockedQueries struct {
	turn  chan struct{} // holds a token while a suspect is asked
	known atomic.Int32  // len(suspects), so that queries cost nothing while there are none

	mu       sync.Mutex
	suspects map[digest]*suspect
}

type digest [sha256.Size]byte

// suspect is what a query has done.
type suspect struct {
	strikes int
	last    time.Time
	until   time.Time // kept from the state machine; zero if it is not yet
	what    string    // what it did last
}

func newBlockedQueries() *blockedQueries {
	return &blockedQueries{turn: make(chan struct{}, 1), suspects: map[digest]*suspect{}}
}

// refuse returns the error of a query that is kept from the state machine.
func (q *blockedQueries) refuse(data []byte) error {
	if q.known.Load() == 0 {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	s := q.find(sha256.Sum256(data), now)
	if s == nil || !now.Before(s.until) {
		return nil
	}
	left := s.until.Sub(now)
	return &Error{
		Err: ErrQueryFailed, RetryAfter: left,
		Detail: fmt.Sprintf("%d times in a row this query %s; it is kept from the state machine for another %v", s.strikes, s.what, left.Round(time.Second)),
	}
}

// enter waits for the turn of a query that is a suspect, but no longer than
// patience: one that hangs, whose clients give up soon, must not keep the innocent
// waiting for ever. leave must be called when it is answered.
func (q *blockedQueries) enter(ctx context.Context, data []byte, patience time.Duration) (leave func(), err error) {
	if !q.suspected(data) {
		return func() {}, nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case q.turn <- struct{}{}:
		leave = func() { <-q.turn }
	case <-timer.C:
		leave = func() {}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := q.refuse(data); err != nil || !q.suspected(data) { // while it waited
		leave()
		return func() {}, err
	}
	return leave, nil
}

func (q *blockedQueries) suspected(data []byte) bool {
	if q.known.Load() == 0 {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.find(sha256.Sum256(data), time.Now()) != nil
}

// find returns what is known of a query, and forgets it if that was long ago.
// It needs q.mu.
func (q *blockedQueries) find(key digest, now time.Time) *suspect {
	s := q.suspects[key]
	if s == nil || now.Sub(s.last) <= strikeMemory {
		return s
	}
	q.forget(key)
	return nil
}

// forget needs q.mu.
func (q *blockedQueries) forget(key digest) {
	delete(q.suspects, key)
	q.known.Store(int32(len(q.suspects)))
}

// clear forgets a query that was answered.
func (q *blockedQueries) clear(data []byte) {
	if q.known.Load() == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget(sha256.Sum256(data))
}

// strike notes what a query did that began at begun, and tells whether that is why
// it is kept away from now on. The same query asked by several at a time did it
// once.
func (q *blockedQueries) strike(data []byte, begun time.Time, what string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	now, key := time.Now(), digest(sha256.Sum256(data))
	s := q.find(key, now)
	if s == nil {
		q.makeRoom(now)
		s = &suspect{}
		q.suspects[key] = s
	}
	if begun.Before(s.last) {
		return false
	}
	s.strikes, s.last, s.what = s.strikes+1, now, what
	if s.strikes >= maxStrikes {
		s.until = now.Add(blockTime)
	}
	q.known.Store(int32(len(q.suspects)))
	return s.strikes >= maxStrikes
}

// makeRoom forgets what was long ago, and if need be the oldest.
func (q *blockedQueries) makeRoom(now time.Time) {
	var oldest digest
	var at time.Time
	for key, s := range q.suspects {
		if now.Sub(s.last) > strikeMemory {
			delete(q.suspects, key)
			continue
		}
		if at.IsZero() || s.last.Before(at) {
			oldest, at = key, s.last
		}
	}
	if len(q.suspects) >= maxSuspects {
		delete(q.suspects, oldest)
	}
}
