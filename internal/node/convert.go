package node

import (
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// raft's messages are structs of pointers. One slab for a whole slice keeps
// that from costing five allocations an entry; the data is shared, not copied,
// and immutable from here on.
type entrySlab struct {
	entry       pb.Entry
	term, index uint64
	kind        pb.EntryType
}

// fromEntries converts entries of the contract to raft's.
func fromEntries(entries []storage.Entry) []*pb.Entry {
	if len(entries) == 0 {
		return nil
	}
	slab := make([]entrySlab, len(entries))
	out := make([]*pb.Entry, len(entries))
	for i := range entries {
		s, e := &slab[i], &entries[i]
		s.term, s.index, s.kind = e.Term, e.Index, pb.EntryType(e.Type)
		s.entry.Term, s.entry.Index, s.entry.Type, s.entry.Data = &s.term, &s.index, &s.kind, e.Data
		out[i] = &s.entry
	}
	return out
}

// toEntries converts raft's entries to those of the contract.
func toEntries(into []storage.Entry, entries []*pb.Entry) []storage.Entry {
	for _, e := range entries {
		into = append(into, storage.Entry{
			Type: pluginv1.EntryType(e.GetType()), Term: e.GetTerm(), Index: e.GetIndex(), Data: e.GetData(),
		})
	}
	return into
}

// proposalEntries makes entries to propose; raft fills in term and index.
func proposalEntries(data [][]byte) []*pb.Entry {
	slab := make([]pb.Entry, len(data))
	out := make([]*pb.Entry, len(data))
	for i := range data {
		slab[i].Data = data[i]
		out[i] = &slab[i]
	}
	return out
}

func fromConfState(cs storage.ConfState) *pb.ConfState {
	out := &pb.ConfState{
		Voters: cs.Voters, Learners: cs.Learners,
		VotersOutgoing: cs.VotersOutgoing, LearnersNext: cs.LearnersNext,
	}
	if cs.AutoLeave {
		out.AutoLeave = new(true)
	}
	return out
}

func toConfState(cs *pb.ConfState) storage.ConfState {
	return storage.ConfState{
		Voters: cs.GetVoters(), Learners: cs.GetLearners(),
		VotersOutgoing: cs.GetVotersOutgoing(), LearnersNext: cs.GetLearnersNext(),
		AutoLeave: cs.GetAutoLeave(),
	}
}

func fromMetadata(m storage.SnapshotMetadata) *pb.SnapshotMetadata {
	return &pb.SnapshotMetadata{
		ConfState: fromConfState(m.ConfState), Index: new(m.Index), Term: new(m.Term),
	}
}

func toMetadata(m *pb.SnapshotMetadata) storage.SnapshotMetadata {
	return storage.SnapshotMetadata{
		ConfState: toConfState(m.GetConfState()), Index: m.GetIndex(), Term: m.GetTerm(),
	}
}

// encoder turns raft's messages into payloads. It reuses one slice of entries.
type encoder struct {
	entries []storage.Entry
	gossip  gossip      // goes with the next one
	batch   batchHeader // goes with a MsgProp
}

func (c *encoder) encode(m *pb.Message) ([]byte, error) {
	c.entries = toEntries(c.entries[:0], m.GetEntries())
	out := pluginv1.Message{
		Type: uint32(m.GetType()), To: m.GetTo(), From: m.GetFrom(), Term: m.GetTerm(),
		LogTerm: m.GetLogTerm(), Index: m.GetIndex(), Entries: c.entries, Commit: m.GetCommit(),
		Reject: m.GetReject(), RejectHint: m.GetRejectHint(), Context: m.GetContext(), Vote: m.GetVote(),
		Condition: uint64(c.gossip.condition), Uncommitted: c.gossip.uncommitted,
		Run: c.gossip.run, Acknowledged: c.gossip.acknowledged, Doubled: c.gossip.doubled,
		Wanted: c.gossip.wanted, StateOnly: c.gossip.stateOnly, KeptSha256: []byte(c.gossip.kept.Sum), KeptBytes: c.gossip.kept.Bytes, Level: c.gossip.level, Clock: c.gossip.clock,
		Batch: c.batch.number, OldestBatch: c.batch.oldest, BatchTerm: c.batch.term,
		Incarnation: c.batch.incarnation, Refusal: uint32(c.batch.refusal),
		LeastCommandVersion: c.gossip.commands.Least, GreatestCommandVersion: c.gossip.commands.Greatest,
		HashIndex: c.gossip.hash.Index, HashName: c.gossip.hash.Name, Hash: c.gossip.hash.Value, Sent: c.gossip.sent,
	}
	if s := m.GetSnapshot(); s != nil {
		out.Snapshot.Metadata = toMetadata(s.GetMetadata())
	}
	payload, err := out.Marshal()
	clear(c.entries) // the slice is used again and must not keep their data
	return payload, err
}

// decode reads one payload from a peer and checks everything about it that can
// be checked without raft's state. The result may be handed to Core.Step.
func decode(payload []byte, limits messageLimits) (*pb.Message, error) {
	m, _, err := decodeAll(payload, limits)
	return m, err
}

// decodeAll is decode with what is not for raft. Nothing is allocated by a number of
// the peer before it was checked: first the length of the payload, then, by a walk over
// its fields (checkBulk), the number of entries, which are then made in one piece.
func decodeAll(payload []byte, limits messageLimits) (*pb.Message, gossip, error) {
	if len(payload) > limits.message {
		return nil, gossip{}, fmt.Errorf("message of %d bytes, limit %d", len(payload), limits.message)
	}
	entries, err := checkBulk(payload)
	if err != nil {
		return nil, gossip{}, err
	}
	in := pluginv1.Message{Entries: make([]pluginv1.Entry, 0, entries)}
	if err := in.Unmarshal(payload); err != nil {
		return nil, gossip{}, fmt.Errorf("malformed message: %w", err)
	}
	if err := validate(&in, limits); err != nil {
		return nil, gossip{}, err
	}
	type slab struct {
		m                                                         pb.Message
		kind                                                      pb.MessageType
		to, from, term, logTerm, index, commit, rejectHint, voted uint64
		reject                                                    bool
	}
	s := &slab{
		kind: pb.MessageType(in.Type), to: in.To, from: in.From, term: in.Term, logTerm: in.LogTerm,
		index: in.Index, commit: in.Commit, rejectHint: in.RejectHint, voted: in.Vote, reject: in.Reject,
	}
	m := &s.m
	m.Type, m.To, m.From, m.Term, m.LogTerm = &s.kind, &s.to, &s.from, &s.term, &s.logTerm
	m.Index, m.Commit, m.RejectHint, m.Vote, m.Reject = &s.index, &s.commit, &s.rejectHint, &s.voted, &s.reject
	m.Context = in.Context
	m.Entries = fromEntries(in.Entries)
	if s.kind == pb.MsgSnap {
		m.Snapshot = &pb.Snapshot{Metadata: fromMetadata(in.Snapshot.Metadata)}
	}
	return m, gossip{
		condition: Condition(in.Condition), uncommitted: in.Uncommitted,
		run: in.Run, acknowledged: in.Acknowledged, doubled: in.Doubled,
		wanted: in.Wanted, stateOnly: in.StateOnly, content: Content{in.SnapshotBytes, string(in.SnapshotSha256)}, offset: in.SnapshotOffset,
		kept: Kept{string(in.KeptSha256), in.KeptBytes}, level: in.Level, clock: in.Clock,
		commands: plugins.Versions{Least: in.LeastCommandVersion, Greatest: in.GreatestCommandVersion},
		hash:     StateHash{Index: in.HashIndex, Name: in.HashName, Value: in.Hash}, sent: in.Sent,
		batch: batchHeader{
			number: in.Batch, oldest: in.OldestBatch, term: in.BatchTerm, incarnation: in.Incarnation, refusal: refusal(in.Refusal),
		},
	}, nil
}
