package node

import (
	"slices"
	"sync"

	pb "go.etcd.io/raft/v3/raftpb"
)

// What a mailbox holds at most of messages. Those beyond that are dropped and
// counted: raft sends its own again, but proposals that a peer has forwarded are
// lost, and end at their origin as unknown. The bound on a node's own proposals is
// the admission of core/server, which counts each until it is applied, rejected
// or withdrawn.
const (
	maxWaitingMessages = 8192
	maxWaitingBytes    = 128 << 20
)

// mailbox collects what the raft goroutine has to take in. Any goroutine puts
// things in without waiting; the raft goroutine takes all of them at once.
type mailbox struct {
	wake chan struct{} // capacity 1: something is there

	mu sync.Mutex
	in inputs
}

// inputs are the contents of a mailbox.
type inputs struct {
	messages     []*pb.Message
	messageBytes int
	heard        []heard // what came with them and is not for raft
	proposals    []Proposal
	calls        []func(*Core) error
	appended     uint64
	dropped      uint64 // messages, since the last take
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// put changes the contents under the lock and wakes the raft goroutine.
func (b *mailbox) put(change func(in *inputs)) {
	b.mu.Lock()
	change(&b.in)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take exchanges the contents, but for the proposals, for spare, which the
// caller has emptied.
func (b *mailbox) take(spare inputs) inputs {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.in
	b.in = spare
	b.in.proposals, taken.proposals = taken.proposals, nil
	return taken
}

// takeProposals exchanges the waiting proposals for spare.
func (b *mailbox) takeProposals(spare []Proposal) []Proposal {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.in.proposals
	b.in.proposals = spare
	return taken
}

// withdraw takes out the waiting proposals for which gone says so. The raft
// goroutine does not wait for it: meanwhile it finds no proposals.
func (b *mailbox) withdraw(gone func(RequestID) bool) (ids []RequestID) {
	waiting := b.takeProposals(nil)
	if len(waiting) == 0 {
		return nil
	}
	kept := slices.DeleteFunc(waiting, func(p Proposal) bool {
		if !gone(p.ID) {
			return false
		}
		ids = append(ids, p.ID)
		return true
	})
	b.put(func(in *inputs) { in.proposals = append(kept, in.proposals...) })
	return ids
}

// add puts a message in if there is room.
func (in *inputs) add(m *pb.Message, g gossip, size int) {
	if len(in.messages) >= maxWaitingMessages || in.messageBytes+size > maxWaitingBytes {
		in.dropped++
		return
	}
	in.messages = append(in.messages, m)
	if gossips(m.GetType()) {
		in.heard = append(in.heard, heard{m, g})
	}
	in.messageBytes += size
}

// empty drops the contents but keeps the room for them.
func (in *inputs) empty() inputs {
	clear(in.messages)
	clear(in.calls)
	clear(in.heard)
	return inputs{messages: in.messages[:0], calls: in.calls[:0], heard: in.heard[:0]}
}
