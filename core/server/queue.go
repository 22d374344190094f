package server

import (
	"sync"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// work is one item for the state machine, in the order of the log: a run of
// committed entries, or an installed snapshot to restore from.
type work struct {
	node     *node.Node // who hears that it is done; nil if nobody does
	apply    node.Apply
	restore  *storage.SnapshotMetadata
	registry *member.Registry // at restore; nil if only the snapshot has it
}

// last is the applied index after the work.
func (w *work) last() uint64 {
	if w.restore != nil {
		return w.restore.Index
	}
	return w.apply.Last
}

// applyQueue holds what the state machine has not been given yet. The raft
// goroutine puts things in; what raft has out for apply is bounded in bytes,
// so the queue is too.
type applyQueue struct {
	wake chan struct{} // capacity 1: something came in
	done chan struct{} // closed by close

	mu     sync.Mutex
	items  []work
	node   *node.Node // of the present generation; what comes from another is ignored
	closed bool
}

func newApplyQueue() *applyQueue {
	return &applyQueue{wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// attach begins a generation: raft hands out again everything above its
// newest snapshot, at index, and counts on the state machine to have that. It
// may not, even if it runs: the storage may have installed the snapshot, and
// died before it could say so.
func (q *applyQueue) attach(n *node.Node, index uint64, registry *member.Registry) {
	q.mu.Lock()
	q.items, q.node = nil, n
	q.mu.Unlock()
	if index > 0 {
		q.push(work{restore: &storage.SnapshotMetadata{Index: index}, registry: registry})
	}
}

// detach ends a generation.
func (q *applyQueue) detach() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items, q.node = nil, nil
}

func (q *applyQueue) push(w work) {
	q.mu.Lock()
	if !q.closed {
		q.items = append(q.items, w)
	}
	q.mu.Unlock()
	q.signal()
}

// signal wakes the driver.
func (q *applyQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// close ends the queue; what is in it is not given out any more.
func (q *applyQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.items, q.closed = nil, true
		close(q.done)
	}
}

// take removes what waits: a restore alone, or as many applies as fit limit
// bytes and plugins.MaxBatchEntries. Several applies go to the state machine as
// one batch.
func (q *applyQueue) take(limit uint64) []work {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil
	}
	n, size, entries := 1, q.items[0].apply.Bytes, len(q.items[0].apply.Commands)
	if q.items[0].restore == nil {
		for ; n < len(q.items) && q.items[n].restore == nil; n++ {
			a := &q.items[n].apply
			size, entries = size+a.Bytes, entries+len(a.Commands)
			if size > limit || entries > plugins.MaxBatchEntries {
				break
			}
		}
	}
	taken := append([]work(nil), q.items[:n]...)
	rest := copy(q.items, q.items[n:])
	clear(q.items[rest:])
	q.items = q.items[:rest]
	return taken
}

// Apply implements the node's port.
func (s *Server) Apply(a node.Apply) {
	s.queue.mu.Lock()
	n := s.queue.node
	s.queue.mu.Unlock()
	s.queue.push(work{node: n, apply: a})
}

// Restore queues an installed snapshot: the state machine continues from it.
// It must be called before the node is told that the install is done, so that
// it comes before every later apply.
func (s *Server) Restore(meta storage.SnapshotMetadata) {
	s.queue.push(work{restore: &meta})
	s.endPlea() // whatever it was for: the log begins anew
}

// batch makes the state machine's form of applies.
func batch(items []work) statemachine.Batch {
	n := 0
	for i := range items {
		n += len(items[i].apply.Commands)
	}
	b := statemachine.Batch{Entries: make([]statemachine.Entry, 0, n), Through: items[len(items)-1].last()}
	for i := range items {
		for _, c := range items[i].apply.Commands {
			b.Entries = append(b.Entries, statemachine.Entry{Index: c.Index, Data: c.Data})
		}
	}
	return b
}
