package storage

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// An Appender is the pipelined form of Append, which the host uses: batches
// go in without waiting for earlier ones, and acknowledgements come out.
//
// Recv may run concurrently with the others; Send and Close are called from one
// goroutine.
type Appender interface {
	// Send hands over the next batch. It may wait for room in a queue, never
	// for the disk. An error means that the appender is broken.
	Send(b Batch) error
	// Recv waits for the next acknowledgement: the number of batches, counted
	// from the first Send, that are durable. It never returns the same number
	// twice, and may skip some. After Close it returns io.EOF. Any other error
	// is final; the outcome of what was not acknowledged is unknown.
	Recv() (durable uint64, err error)
	// Close stops accepting batches; those sent are still made durable and
	// acknowledged.
	Close() error
}

// A Timed is an Appender that says how long the storage was at it.
type Timed interface {
	// Took is how long the newest of the batches was written and synced that the last Recv
	// has called durable; 0 if that is not known. It is for the caller of Recv.
	Took() time.Duration
}

// Streamer is implemented by a Storage that has a pipeline of its own: the
// host's end of an RPC connection.
type Streamer interface {
	Appender(ctx context.Context) (Appender, error)
}

// OpenAppender returns s's own pipeline, or one over s.Append.
func OpenAppender(ctx context.Context, s Storage) (Appender, error) {
	if st, ok := s.(Streamer); ok {
		return st.Appender(ctx)
	}
	return NewAppender(ctx, s), nil
}

// appenderQueue is how many batches wait at most before Send waits too.
const appenderQueue = 64

// NewAppender returns an Appender over s.Append. All batches that wait when an
// Append returns go into the next one together, so that they share a sync:
// group commit without a timer. It ends when ctx does.
func NewAppender(ctx context.Context, s Storage) Appender {
	a := &groupAppender{
		ctx:     ctx,
		storage: s,
		queue:   make(chan Batch, appenderQueue),
		acks:    make(chan struct{}, 1),
		done:    make(chan struct{}),
	}
	go a.run()
	return a
}

type groupAppender struct {
	ctx     context.Context
	storage Storage
	queue   chan Batch
	acks    chan struct{} // capacity 1: "look at the state below"
	done    chan struct{} // closed when run has ended
	said    time.Duration // took, as of the last Recv

	mu      sync.Mutex
	durable uint64
	took    time.Duration // of the last Append
	told    uint64
	err     error
	closed  bool
}

func (a *groupAppender) run() {
	defer close(a.done)
	batches := make([]Batch, 0, appenderQueue)
	for {
		batches = batches[:0]
		select {
		case b, ok := <-a.queue:
			if !ok {
				a.finish(0, 0, io.EOF)
				return
			}
			batches = append(batches, b)
		case <-a.ctx.Done():
			a.finish(0, 0, a.ctx.Err())
			return
		}
		batches = a.drain(batches)
		begun := time.Now()
		if err := a.storage.Append(a.ctx, batches); err != nil {
			a.finish(0, 0, err)
			return
		}
		a.finish(uint64(len(batches)), time.Since(begun), nil)
		clear(batches)
	}
}

// drain adds what waits in the queue.
func (a *groupAppender) drain(batches []Batch) []Batch {
	for len(batches) < appenderQueue {
		select {
		case b, ok := <-a.queue:
			if !ok {
				return batches
			}
			batches = append(batches, b)
		default:
			return batches
		}
	}
	return batches
}

// finish records n more durable batches or the end, and wakes Recv.
func (a *groupAppender) finish(n uint64, took time.Duration, err error) {
	a.mu.Lock()
	if n > 0 {
		a.durable, a.took = a.durable+n, took
	}
	if a.err == nil {
		a.err = err
	}
	a.mu.Unlock()
	select {
	case a.acks <- struct{}{}:
	default:
	}
}

func (a *groupAppender) Send(b Batch) error {
	a.mu.Lock()
	err, closed := a.err, a.closed
	a.mu.Unlock()
	if err != nil {
		return err
	}
	if closed {
		return errors.New("appender is closed")
	}
	select {
	case a.queue <- b:
		return nil
	case <-a.done:
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.err
	}
}

func (a *groupAppender) Recv() (uint64, error) {
	for {
		a.mu.Lock()
		durable, err := a.durable, a.err
		fresh := durable > a.told
		a.told, a.said = durable, a.took
		a.mu.Unlock()
		if fresh {
			return durable, nil
		}
		if err != nil {
			return 0, err
		}
		<-a.acks
	}
}

// Took implements Timed.
func (a *groupAppender) Took() time.Duration { return a.said }

func (a *groupAppender) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.closed = true
		close(a.queue)
	}
	return nil
}
