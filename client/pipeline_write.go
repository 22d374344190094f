package client

import (
	"runtime"
	"time"

	"google.golang.org/grpc/mem"

	"github.com/pontoon-raft/pontoon/internal/proposalwire"
)

const (
	// A batch is closed at batchBytes or batchCount, whichever comes first.
	batchBytes = 256 << 10
	batchCount = 4096
	// Values above aloneBytes go by the unary form: they gain nothing from
	// batching and would hold up the others.
	aloneBytes = 128 << 10
)

// write sends batches until the pipeline is retired and empty, or broken.
func (p *pipeline) write(stop <-chan struct{}) {
	defer close(p.writing)
	var queue []*waiter
	for {
		select {
		case <-p.wake:
		case <-stop:
			return
		}
		// Callers that were just answered are about to propose again: let
		// them, so that they share this batch.
		runtime.Gosched()
		var last bool
		queue, last = p.takeQueue(queue)
		if !p.sendAll(queue) {
			return
		}
		clear(queue)
		if last {
			_ = p.stream.CloseSend()
			return
		}
	}
}

// takeQueue swaps the queue for an empty one. Last says that no more comes.
func (p *pipeline) takeQueue(empty []*waiter) (queue []*waiter, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	queue, p.queue = p.queue, empty[:0]
	return queue, p.closed
}

// sendAll sends the waiters in batches. It reports false when the stream is
// broken; the reader learns why.
func (p *pipeline) sendAll(queue []*waiter) bool {
	for len(queue) > 0 {
		n, size := 0, 0
		for n < len(queue) && n < batchCount && (n == 0 || size+len(queue[n].data) <= batchBytes) {
			size += len(queue[n].data)
			n++
		}
		batch, ok := p.encode(queue[:n], size)
		if !ok {
			p.unsend(queue)
			return false
		}
		queue = queue[n:]
		if len(*batch.bytes) == 0 {
			// Every caller has left meanwhile.
			mem.DefaultBufferPool().Put(batch.bytes)
			continue
		}
		if err := p.stream.SendMsg(batch); err != nil {
			p.unsend(queue)
			return false
		}
	}
	return true
}

// encode registers waiters and encodes their proposals. It reports false, with
// nothing registered, if the stream has ended.
func (p *pipeline) encode(batch []*waiter, size int) (encodedBatch, bool) {
	pool := mem.DefaultBufferPool()
	buf := pool.Get(size + len(batch)*proposalOverhead)
	b := (*buf)[:0]
	now := p.c.now()

	p.tableMu.Lock()
	defer p.tableMu.Unlock()
	if p.ended {
		pool.Put(buf)
		return encodedBatch{}, false
	}
	for _, w := range batch {
		if p.table.full() {
			p.c.waiters.finish(w, queued, Result{}, tooMany(p.endpoint))
			continue
		}
		if !w.state.CompareAndSwap(queued, sent) {
			p.c.waiters.put(w)
			continue
		}
		b = proposalwire.Proposal{ID: p.table.put(w), Data: w.data, TimeoutMs: timeoutMs(w.deadline - now)}.AppendTo(b)
	}
	*buf = b
	return encodedBatch{buf}, true
}

// proposalOverhead is the most that a proposal is larger than its data: four
// tags, two lengths, an id, a timeout.
const proposalOverhead = 4 + 2*5 + 10 + 5

// timeoutMs is how long the host shall work on a proposal.
func timeoutMs(left int64) uint32 {
	return uint32(min(max(time.Duration(left)/time.Millisecond, 1), 1<<31))
}

func tooMany(endpoint string) *Error {
	return &Error{Outcome: NotApplied, Reason: "too_many_requests", Message: "too many proposals in flight", Endpoint: endpoint}
}
