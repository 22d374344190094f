// Package sendqueue holds what waits for one connection of a transport.
package sendqueue

import (
	"sync"

	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// MaxMessages is how many messages may wait in one queue.
const MaxMessages = 4096

// A Queue is made with its connection and closed with it: a message that Put
// has accepted is either taken by the connection's writer or counted by
// Close, whatever runs at the same time. All methods may be called at any time
// by anyone; one goroutine takes.
type Queue struct {
	wake     chan struct{} // holds a token while something waits
	maxBytes int64

	mu     sync.Mutex
	items  []transport.Envelope
	bytes  int64
	closed bool
}

// New returns an empty queue for MaxMessages messages of together maxBytes
// bytes.
func New(maxBytes int64) *Queue {
	return &Queue{wake: make(chan struct{}, 1), maxBytes: maxBytes}
}

// A Result says what became of a message.
type Result int

// Results of Put.
const (
	Accepted Result = iota
	Full
	Closed
)

// Put adds a message if there is room. An empty queue takes a message of any
// size.
func (q *Queue) Put(e transport.Envelope) Result {
	size := int64(len(e.Payload))
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return Closed
	}
	if n := len(q.items); n >= MaxMessages || (n > 0 && q.bytes+size > q.maxBytes) {
		q.mu.Unlock()
		return Full
	}
	q.items = append(q.items, e)
	q.bytes += size
	first := len(q.items) == 1
	q.mu.Unlock()
	if first {
		wake.Up(q.wake)
	}
	return Accepted
}

// Wake has a token when something waits. It may have one when nothing does.
func (q *Queue) Wake() <-chan struct{} { return q.wake }

// Take returns all that waits and leaves spare, emptied, in its place.
func (q *Queue) Take(spare []transport.Envelope) []transport.Envelope {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items, q.bytes = spare[:0], 0
	return items
}

// Drain hands out all that waits, and what comes meanwhile, until nothing does or encode
// fails. It returns room for the next Drain, which is given to it as spare.
func (q *Queue) Drain(spare []transport.Envelope, encode func([]transport.Envelope) error) ([]transport.Envelope, error) {
	for {
		batch := q.Take(spare)
		if len(batch) == 0 {
			return batch, nil
		}
		err := encode(batch)
		clear(batch)
		if err != nil {
			return batch, err
		}
		spare = batch
	}
}

// Length is how many messages wait.
func (q *Queue) Length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// Close refuses further messages and returns how many had been waiting.
func (q *Queue) Close() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.items)
	q.items, q.bytes, q.closed = nil, 0, true
	return n
}
