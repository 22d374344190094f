package server

import (
	"sync"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// queueBytes is how much of committed entries waits in memory for the state
// machine. It is room for some seconds of a busy cluster; a state machine that
// is further behind is limited by itself, and reading the log does not slow it
// down.
const queueBytes = 32 << 20

// The memory of a run and of a command beside the command's data.
const (
	runOverhead     = 256
	commandOverhead = 64
)

// work is one item for the state machine, in the order of the log: a run of
// committed entries, or an installed snapshot to restore from.
type work struct {
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

// weight is about what the work takes in memory.
func (w *work) weight() uint64 {
	return runOverhead + w.apply.Bytes + commandOverhead*uint64(len(w.apply.Commands))
}

// applyQueue holds what the state machine has not been given yet, in the order
// of the log: first items, then rest.
//
// Raft puts out everything that is committed, however slow the state machine
// is, so the items are bounded here: a run that would exceed the limit goes into
// the rest, which is only named and is read from the log again. As long as there
// is a rest every run goes there: the order needs no more than that, and neighbours
// in the log are one rest, whose size does not grow with them (ADR 0031).
type applyQueue struct {
	wake  chan struct{} // capacity 1: something came in
	done  chan struct{} // closed by close
	limit uint64        // of bytes

	mu     sync.Mutex
	items  []work
	bytes  uint64 // the weight of items
	rest   *rest  // nil if there is none
	closed bool
}

// rest is a run of committed entries that are only in the log. The log has them
// until the state machine does: it is compacted up to a snapshot of that, or
// replaced by an installed snapshot, which takes the place of the rest too.
type rest struct {
	first, last, term uint64           // term is that of last; 0 if it is not known
	before            *member.Registry // the membership before first
}

func newApplyQueue(limit uint64) *applyQueue {
	return &applyQueue{wake: make(chan struct{}, 1), done: make(chan struct{}), limit: limit}
}

// attach begins a generation. The state machine is to have its newest snapshot, at
// index, and may not, even if it runs: the storage may have installed the snapshot,
// and died before it could say so. Then come the entries up to began, which raft
// takes for put out, from the log; raft puts out those above that.
func (q *applyQueue) attach(index uint64, registry *member.Registry, began uint64) {
	q.detach()
	if index > 0 {
		q.restore(work{restore: &storage.SnapshotMetadata{Index: index}, registry: registry})
	}
	if began <= index {
		return
	}
	if registry == nil {
		registry = &member.Registry{}
	}
	q.mu.Lock()
	if !q.closed {
		q.rest = &rest{first: index + 1, last: began, before: registry}
	}
	q.mu.Unlock()
	q.signal()
}

// detach ends a generation.
func (q *applyQueue) detach() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items, q.bytes, q.rest = nil, 0, nil
}

// push takes a run that raft has put out.
func (q *applyQueue) push(a node.Apply) {
	w := work{apply: a}
	q.mu.Lock()
	switch {
	case q.closed:
	case q.rest != nil:
		q.rest.last, q.rest.term = a.Last, a.Term
	case q.bytes+w.weight() > q.limit && len(q.items) > 0:
		q.rest = &rest{first: a.First, last: a.Last, term: a.Term, before: a.Before}
	default:
		q.items, q.bytes = append(q.items, w), q.bytes+w.weight()
	}
	q.mu.Unlock()
	q.signal()
}

// restore takes a snapshot, which comes in place of a rest: that is not in the
// log any more. Raft installs only what is ahead of everything that it has put
// out.
func (q *applyQueue) restore(w work) {
	q.mu.Lock()
	if q.rest != nil && q.rest.last <= w.last() {
		q.rest = nil
	}
	if !q.closed {
		q.items, q.bytes = append(q.items, w), q.bytes+w.weight()
	}
	q.mu.Unlock()
	q.signal()
}

// signal wakes the driver.
func (q *applyQueue) signal() {
	wake.Up(q.wake)
}

// close ends the queue; the work in it is not given out any more.
func (q *applyQueue) close() {
	q.detach()
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.done)
	}
}

// take removes what waits in memory: a restore alone, or as many applies as fit
// limit bytes and plugins.MaxBatchEntries. Several applies go to the state
// machine as one batch, which ends with a switch of the command version or a check.
func (q *applyQueue) take(limit uint64) []work {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil
	}
	n, size, entries := 1, q.items[0].apply.Bytes, len(q.items[0].apply.Commands)
	if q.items[0].restore == nil {
		for ; n < len(q.items) && q.items[n].restore == nil && !q.items[n-1].apply.Ends(); n++ {
			a := &q.items[n].apply
			size, entries = size+a.Bytes, entries+len(a.Commands)
			if size > limit || entries > plugins.MaxBatchEntries {
				break
			}
		}
	}
	taken := append([]work(nil), q.items[:n]...)
	for i := range taken {
		q.bytes -= taken[i].weight()
	}
	clear(q.items[:n])
	if q.items = q.items[n:]; len(q.items) == 0 {
		q.items = nil
	}
	return taken
}

// next is the rest if nothing comes before it, and what it is at the moment; it
// may grow.
func (q *applyQueue) next() (*rest, rest) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.rest == nil || len(q.items) > 0 {
		return nil, rest{}
	}
	return q.rest, *q.rest
}

// taken tells that the entries of r up to a.Last were read and go to the state
// machine. It says nothing of another rest that has taken its place.
func (q *applyQueue) taken(r *rest, a *node.Apply) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if r != q.rest {
		return
	}
	if q.rest.first, q.rest.before = a.Last+1, a.Registry; q.rest.first > q.rest.last {
		q.rest = nil
	}
}

// waiting is how much waits in memory, and how many entries only in the log.
func (q *applyQueue) waiting() (bytes, inLog uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.rest != nil {
		inLog = q.rest.last + 1 - q.rest.first
	}
	return q.bytes, inLog
}

// Apply implements the node's port.
func (s *Server) Apply(a node.Apply) { s.queue.push(a) }

// Restore queues an installed snapshot: the state machine continues from it.
// It must be called before the node is told that the install is done, so that
// it comes before every later apply.
func (s *Server) Restore(meta storage.SnapshotMetadata) {
	s.queue.restore(work{restore: &meta})
	s.received.Store(meta.Index)
	s.endPlea() // whatever it was for: the log begins anew
}
