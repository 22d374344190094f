package node

import (
	"encoding/binary"
	"slices"
	"sync/atomic"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/core/member"
)

const (
	// dropPause is for how many election timeouts the log says nothing of drops
	// after it has said so.
	dropPause = 10
	// maxToldDropped is how many dropped proposals one message names.
	maxToldDropped = 4096
)

// drops are what peers have sent and this node could not keep. All but the
// counters belong to the raft goroutine.
type drops struct {
	messages  atomic.Uint64 // that found the mailbox full
	proposals atomic.Uint64 // that peers have forwarded, and raft did not take

	unsaid struct{ messages, proposals uint64 }
	pause  int // ticks until the log may speak again
}

// drop ends proposals that peers have forwarded and that raft did not take, or
// never saw: they are in no log, so their origins may tell their clients.
func (n *Node) drop(ids []RequestID) {
	count := uint64(len(ids))
	n.drops.proposals.Add(count)
	n.drops.unsaid.proposals += count
	n.core.tellDropped(ids)
}

// requestsOf are the requests of a message that forwards proposals.
func requestsOf(m *pb.Message) []RequestID {
	ids := make([]RequestID, 0, len(m.GetEntries()))
	for _, e := range m.GetEntries() {
		if id, _, err := decodeCommand(e.GetData()); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// tick tells the log what was dropped, but not too often.
func (d *drops) tick(n *Node) {
	if d.pause > 0 {
		d.pause--
	}
	if d.pause > 0 || d.unsaid.messages+d.unsaid.proposals == 0 {
		return
	}
	n.logger.Warn("dropped what peers have sent: too much at once, or no leader to pass proposals on to",
		"messages", d.unsaid.messages, "proposals", d.unsaid.proposals)
	d.unsaid.messages, d.unsaid.proposals = 0, 0
	d.pause = dropPause * n.core.cfg.ElectionTicks
}

// Dropped counts messages of peers that found the mailbox full.
func (n *Node) Dropped() uint64 { return n.drops.messages.Load() }

// DroppedProposals counts proposals that peers have forwarded here and that were
// held for a leader in vain, or found no room to wait. Their origins were told.
func (n *Node) DroppedProposals() uint64 { return n.drops.proposals.Load() }

// tellDropped tells the origins of forwarded proposals that this node has
// dropped them: a MsgProp that rejects, without entries, has the numbers of the
// requests as its context, 8 bytes each in big endian.
func (c *Core) tellDropped(ids []RequestID) {
	if len(ids) == 0 {
		return
	}
	numbers := map[member.ID][]byte{}
	for _, id := range ids {
		numbers[id.Origin] = binary.BigEndian.AppendUint64(numbers[id.Origin], id.Number)
	}
	for _, m := range c.registry.Members() {
		if m.ID == c.cfg.ID {
			c.noteDropped(numbers[m.ID])
			continue
		}
		for part := range slices.Chunk(numbers[m.ID], maxToldDropped*8) {
			c.send(&pb.Message{Type: pb.MsgProp.Enum(), To: new(uint64(m.ID)), Reject: new(true), Context: part})
		}
	}
}

// noteDropped takes a peer's word that it has dropped proposals of this node.
func (c *Core) noteDropped(context []byte) {
	for ; len(context) >= 8; context = context[8:] {
		number := binary.BigEndian.Uint64(context)
		c.window.take(number)
		c.out.Dropped = append(c.out.Dropped, RequestID{Origin: c.cfg.ID, Number: number})
	}
}

// validateDropped checks a peer's word that it has dropped proposals.
func validateDropped(m *pluginv1.Message) error {
	if n := len(m.Context); len(m.Entries) > 0 || n == 0 || n%8 != 0 {
		return invalid("dropped proposals with %d entries and a context of %d bytes", len(m.Entries), n)
	}
	return nil
}
