package node

import (
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// send puts out a message to a peer, unless it must not leave now. A message that is
// kept back here needs no report of a loss: raft makes it again, or its like, with the
// next heartbeat, election timeout or commit index, or the peer asks again.
func (c *Core) send(m *pb.Message) {
	self := uint64(c.cfg.ID)
	if m.GetTo() == 0 || m.GetTo() == self {
		return
	}
	class := pluginv1.MessageClass_CLASS_CONTROL
	switch m.GetType() {
	case pb.MsgApp:
		class = pluginv1.MessageClass_CLASS_APPEND
		c.clamp(m)
		if c.canWait(m) {
			return
		}
		c.news.sent(member.ID(m.GetTo()), m.GetCommit())
	case pb.MsgProp:
		class = pluginv1.MessageClass_CLASS_PROPOSAL
	case pb.MsgReadIndex:
		class = pluginv1.MessageClass_CLASS_PROPOSAL
		if m.GetFrom() != self {
			return // another's read: its answer could not find the way back
		}
	case pb.MsgSnap:
		if !knows(m.GetSnapshot().GetMetadata().GetConfState(), m.GetTo()) {
			// Its receiver would not take it. Raft asks again at the next
			// heartbeat.
			c.out.SnapshotWanted = true
			c.raft.ReportSnapshot(m.GetTo(), raft.SnapshotFailure)
			return
		}
		if c.hashes.doubtful() || !c.resending(m) {
			c.raft.ReportSnapshot(m.GetTo(), raft.SnapshotFailure) // as above
			return
		}
	case pb.MsgPreVote:
		if m.GetIndex() > 0 && (c.isBarred() || c.holdsBack()) { // else it asks for terms alone
			return
		}
	case pb.MsgHeartbeat:
		c.clamp(m)
		c.heartbeat = max(c.heartbeat, readPosition(m.GetContext()))
	}
	c.encoder.gossip = c.gossip(m)
	payload, err := c.encoder.encode(m)
	if err != nil { // the generated code has none
		panic(fmt.Sprintf("encode %s: %v", m.GetType(), err))
	}
	if m.GetType() == pb.MsgSnap {
		c.out.Snapshots = append(c.out.Snapshots, SnapshotSend{
			To: member.ID(m.GetTo()), Index: m.GetSnapshot().GetMetadata().GetIndex(), Message: payload,
			Kept: c.takeKept(member.ID(m.GetTo())),
		})
		return
	}
	c.out.Messages = append(c.out.Messages, transport.Envelope{
		Group: c.cfg.Group, To: m.GetTo(), From: self, Class: class, Payload: payload,
	})
}

// knows tells whether a node is among the members of a snapshot.
func knows(cs *pb.ConfState, id uint64) bool {
	return slices.Contains(cs.GetVoters(), id) || slices.Contains(cs.GetLearners(), id)
}

// readPosition is the position of a read that a heartbeat carries.
func readPosition(context []byte) uint64 {
	if len(context) < 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(context)
}
