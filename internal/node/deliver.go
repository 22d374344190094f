package node

import (
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/encoding/protowire"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Deliver takes messages from the transport: decoded and validated here, in
// the caller's goroutine, so that the raft goroutine sees only sound ones.
func (n *Node) Deliver(envelopes []transport.Envelope) {
	for i := range envelopes {
		e := &envelopes[i]
		m, g, err := decodeAll(e.Payload, n.limits)
		switch {
		case err != nil:
		case m.GetFrom() != e.From || m.GetTo() != e.To:
			err = invalid("%x to %x in an envelope from %x to %x", m.GetFrom(), m.GetTo(), e.From, e.To)
		case e.From == 0 || e.From == uint64(n.core.cfg.ID):
			err = invalid("from %x, this is %x", e.From, n.core.cfg.ID)
		case e.Group != n.core.cfg.Group:
			err = invalid("group %d, this is group %d", e.Group, n.core.cfg.Group)
		case m.GetType() == pb.MsgSnap || e.Class == pluginv1.MessageClass_CLASS_SNAPSHOT:
			err = invalid("snapshot on the message stream")
		}
		if err != nil {
			n.refuse(member.ID(e.From), err)
			continue
		}
		n.box.put(func(in *inputs) { in.add(m, g, weight(e.Payload, len(m.GetEntries()))) })
	}
}

// SnapshotReceived steps the MsgSnap that announced a received snapshot; see
// Core.SnapshotReceived. done is called with the outcome on the raft
// goroutine.
func (n *Node) SnapshotReceived(payload []byte, registry *member.Registry, time uint64, done func(error)) error {
	return n.snapshot(payload, func(c *Core, m *pb.Message) error { return c.SnapshotReceived(m, registry, time) }, done)
}

// CheckSnapshot asks whether a snapshot that arrives would be taken; see
// Core.CheckSnapshot. done is called with the answer on the raft goroutine.
func (n *Node) CheckSnapshot(payload []byte, registry *member.Registry, done func(error)) error {
	return n.snapshot(payload, func(c *Core, m *pb.Message) error { return c.CheckSnapshot(m, registry) }, done)
}

func (n *Node) snapshot(payload []byte, ask func(*Core, *pb.Message) error, done func(error)) error {
	m, err := decode(payload, n.limits)
	if err != nil {
		return err
	}
	if m.GetType() != pb.MsgSnap {
		return invalid("%s announces a snapshot", m.GetType())
	}
	n.Do(func(c *Core) error {
		err := ask(c, m)
		done(err)
		return err
	})
	return nil
}

// Announcement is what a MsgSnap says of the snapshot that it announces.
type Announcement struct {
	Metadata storage.SnapshotMetadata
	// StateOnly: see SnapshotSend. Such a MsgSnap is never stepped.
	StateOnly bool
	Content
	// Offset is how many of the bytes come before those that are sent.
	Offset uint64
}

// Content says which bytes a snapshot has.
type Content struct {
	// Bytes is their number; 0 of a build before that was announced.
	Bytes uint64
	// Sum is their SHA-256; empty if the sender does not know it.
	Sum string
}

// The numbers of fields of a Message of api/plugin/v1.
const (
	snapshotBytesField = 114
	snapshotSumField   = 120
	snapshotFromField  = 121
)

// Announce returns the message of a SnapshotSend with what its snapshot is, which is
// known when the storage has opened it, and at which byte it begins. The message itself
// stays as it is.
func Announce(message []byte, c Content, offset uint64) []byte {
	b := protowire.AppendTag(slices.Clip(message), snapshotBytesField, protowire.VarintType)
	b = protowire.AppendVarint(b, c.Bytes)
	if c.Sum != "" {
		b = protowire.AppendString(protowire.AppendTag(b, snapshotSumField, protowire.BytesType), c.Sum)
	}
	if offset > 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, snapshotFromField, protowire.VarintType), offset)
	}
	return b
}

// SnapshotHeader reads the announcement of a snapshot.
func SnapshotHeader(payload []byte, limits plugins.Limits) (Announcement, error) {
	m, g, err := decodeAll(payload, messageLimits{entry: int(limits.MaxEntryBytes), message: limits.MaxMessageBytes()})
	if err != nil {
		return Announcement{}, err
	}
	if m.GetType() != pb.MsgSnap {
		return Announcement{}, invalid("%s announces a snapshot", m.GetType())
	}
	return Announcement{toMetadata(m.GetSnapshot().GetMetadata()), g.stateOnly, g.content, g.offset}, nil
}
