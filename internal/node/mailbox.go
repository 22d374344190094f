package node

import (
	"slices"
	"sync"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/wake"
)

// The most that a mailbox holds of messages, and of those that forward proposals.
// More is dropped and counted: raft sends its own messages again, and batches of
// proposals are refused, or sent again if even that is too much. The bound on a
// node's own proposals is the admission of internal/server, which counts each until
// it is applied, rejected or withdrawn.
const (
	maxWaitingMessages  = 8192
	maxWaitingBytes     = 128 << 20
	maxWaitingForwarded = 2 * windowBytes
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
	batches      []heard // that peers have forwarded, and answers to batches
	forwarded    int     // bytes of them
	heard        []heard // what came with them and is not for raft
	proposals    []Proposal
	calls        []func(*Core) error
	peers        []peerEvent // each once
	appended     uint64
	applied      uint64
	timer        uint64 // as of applied
	dropped      uint64 // messages, since the last take
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// put changes the contents under the lock and wakes the raft goroutine.
func (b *mailbox) put(change func(in *inputs)) {
	b.mu.Lock()
	change(&b.in)
	b.mu.Unlock()
	wake.Up(b.wake)
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

// takeProposals takes the oldest of the waiting proposals that have so many bytes
// together; the last one may have more than is left. If that is not all, those
// whose time will be up by soon are taken out in favour of the others, and are
// late. Into is where the taken ones go, which is empty.
func (b *mailbox) takeProposals(into []Proposal, room uint64, soon time.Time) (taken []Proposal, late []RequestID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting := b.in.proposals
	if size := uint64(0); !slices.ContainsFunc(waiting, func(p Proposal) bool { size += p.size(); return size > room }) {
		b.in.proposals = into
		return waiting, nil
	}
	n := 0
	for size := uint64(0); n < len(waiting) && size < room; n++ {
		p := waiting[n]
		if !p.Until.IsZero() && p.Until.Before(soon) {
			late = append(late, p.ID)
			continue
		}
		into = append(into, p)
		size += p.size()
	}
	clear(waiting[:n])
	b.in.proposals = waiting[n:]
	return into, late
}

// takeAll takes all waiting proposals.
func (b *mailbox) takeAll() []Proposal {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.in.proposals
	b.in.proposals = nil
	return taken
}

// withdraw takes out the waiting proposals for which gone says so. The raft
// goroutine does not wait for it: meanwhile it finds no proposals.
func (b *mailbox) withdraw(gone func(RequestID) bool) (ids []RequestID) {
	waiting := b.takeAll()
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
	if m.GetType() == pb.MsgProp {
		in.addBatch(heard{message: m, gossip: g}, size)
		return
	}
	if len(in.messages) >= maxWaitingMessages || in.messageBytes+size > maxWaitingBytes {
		in.dropped++
		return
	}
	in.messages = append(in.messages, m)
	if gossips(m.GetType()) || saysClock(m.GetType()) {
		in.heard = append(in.heard, heard{message: m, gossip: g})
	}
	in.messageBytes += size
}

// addBatch puts in what a peer forwards, or its answer. A batch for which there is
// no room is put in without its proposals, to be refused.
func (in *inputs) addBatch(h heard, size int) {
	if len(in.batches) >= maxWaitingMessages {
		in.dropped++
		return
	}
	if n := len(h.message.GetEntries()); n > 0 && in.forwarded > 0 && in.forwarded+size > maxWaitingForwarded {
		h.message.Entries, h.gossip.batch.full = nil, n
		in.dropped++
	} else {
		in.forwarded += size
	}
	in.batches = append(in.batches, h)
}

// empty drops the contents but keeps the room for them.
func (in *inputs) empty() inputs {
	clear(in.messages)
	clear(in.calls)
	clear(in.heard)
	clear(in.batches)
	return inputs{messages: in.messages[:0], calls: in.calls[:0], heard: in.heard[:0], batches: in.batches[:0], peers: in.peers[:0]}
}
