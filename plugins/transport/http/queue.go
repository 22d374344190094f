package httptransport

import (
	"sync"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// queueMessages is how many messages may wait for one stream.
const queueMessages = 4096

// A queue holds what waits for one connection. It is made with the connection
// and closed with it: a message that put has accepted is either taken by the
// connection's writer or counted by close, whatever runs at the same time.
type queue struct {
	wake     chan struct{} // holds a token while something waits
	maxBytes int64

	mu     sync.Mutex
	items  []transport.Envelope
	bytes  int64
	closed bool
}

func newQueue(maxBytes int64) *queue {
	return &queue{wake: make(chan struct{}, 1), maxBytes: maxBytes}
}

type putResult int

const (
	putAccepted putResult = iota
	putFull
	putClosed
)

// put adds a message if there is room. An empty queue takes a message of any
// size.
func (q *queue) put(e transport.Envelope) putResult {
	size := int64(len(e.Payload))
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return putClosed
	}
	if n := len(q.items); n >= queueMessages || (n > 0 && q.bytes+size > q.maxBytes) {
		q.mu.Unlock()
		return putFull
	}
	q.items = append(q.items, e)
	q.bytes += size
	first := len(q.items) == 1
	q.mu.Unlock()
	if first {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return putAccepted
}

// take returns all that waits and leaves spare, emptied, in its place.
func (q *queue) take(spare []transport.Envelope) []transport.Envelope {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items, q.bytes = spare[:0], 0
	return items
}

// length is how many messages wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// close refuses further messages and returns how many had been waiting.
func (q *queue) close() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.items)
	q.items, q.bytes, q.closed = nil, 0, true
	return n
}
