package core

import (
	"context"
	"errors"
	"sync"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
)

// errNewerSend ends the sending of a snapshot to a peer for which a newer one is asked
// for: raft has forgotten the older one, as after another election.
var errNewerSend = errors.New("a newer snapshot is to be sent to it")

// sends are the snapshots on their way, one for each peer at a time: two would share
// the link, and the report of one could be taken for that of the other. The zero value
// is ready for use.
type sends struct {
	mu     sync.Mutex
	newest map[member.ID]*sendOnce
}

// A sendOnce is the sending of one snapshot.
type sendOnce struct {
	node.SnapshotSend
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{}
	gone   node.Gone // once it has ended
	before *sendOnce // the one that ends first; nil if there is none
	// superseded: the report of a newer one is raft's answer, and this one has none.
	superseded bool
}

// begin takes the place of the snapshot that is on its way to the same peer, which ends.
// It does not wait for that: see sendOnce.await. Each one ends in end.
func (s *sends) begin(ctx context.Context, of node.SnapshotSend) *sendOnce {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest == nil {
		s.newest = map[member.ID]*sendOnce{}
	}
	o := &sendOnce{SnapshotSend: of, done: make(chan struct{}), before: s.newest[of.To]}
	o.ctx, o.cancel = context.WithCancelCause(ctx)
	for b := o.before; b != nil; b = b.before {
		b.cancel(errNewerSend)
		b.superseded = b.superseded || b.StateOnly == of.StateOnly
	}
	s.newest[of.To] = o
	return o
}

// await returns when no other snapshot is on its way to the peer.
func (s *sends) await(o *sendOnce) {
	if o.before == nil {
		return
	}
	<-o.before.done
	s.mu.Lock()
	o.before = nil
	s.mu.Unlock()
}

// end lets the next one begin, and tells whether raft is to hear of this one.
func (s *sends) end(o *sendOnce) (tell bool) {
	o.cancel(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest[o.To] == o {
		delete(s.newest, o.To)
	}
	close(o.done)
	return !o.superseded
}
