// Package nodetest makes the messages of a peer that lies, for tests of a raft
// node alone and of whole clusters: each field of each type of message at its
// extremes. docs/security.md says what comes of them.
package nodetest

import (
	"encoding/binary"
	"math"
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// Ids in whose name messages come, besides the three voters 1 to 3.
const (
	Learner  = 4
	Removed  = 5
	Stranger = 99
)

// Bounds are where a node changes its mind about a value: lies lie about them.
type Bounds struct {
	// MaxTerm is the last term that is taken, MaxTermJump how far one message may
	// move the term, and TermSlack how far without being a jump.
	MaxTerm, TermSlack, MaxTermJump uint64
	// ReadContext is the size of the context of a read.
	ReadContext int
}

// A Lie changes one field of a message that its receiver would take.
type Lie func(m *pluginv1.Message)

// Types are those of messages between members.
func Types() []pb.MessageType {
	return []pb.MessageType{
		pb.MsgApp, pb.MsgAppResp, pb.MsgVote, pb.MsgVoteResp, pb.MsgSnap, pb.MsgHeartbeat, pb.MsgHeartbeatResp,
		pb.MsgTimeoutNow, pb.MsgReadIndex, pb.MsgReadIndexResp, pb.MsgPreVote, pb.MsgPreVoteResp, pb.MsgProp,
	}
}

// Fields are the lies about each field of a message. Each puts one of the
// field's extremes there, or moves it from where the receiver is.
func Fields(at Bounds) map[string][]Lie {
	extremes := func(field func(m *pluginv1.Message) *uint64) (set []Lie) {
		for _, v := range []uint64{0, 1, 1 << 31, 1 << 32, 1 << 62, 1<<63 - 1, 1 << 63, at.MaxTerm - 1, at.MaxTerm, math.MaxUint64} {
			set = append(set, func(m *pluginv1.Message) { *field(m) = v })
		}
		for _, d := range []uint64{math.MaxUint64, 0, 1, 2, at.TermSlack, at.TermSlack + 1, at.MaxTermJump - 1, at.MaxTermJump, at.MaxTermJump + 1} {
			set = append(set, func(m *pluginv1.Message) { *field(m) += d })
		}
		return set
	}
	sizes := func(grow func(m *pluginv1.Message, n int)) (set []Lie) {
		for _, n := range []int{0, 1, 7, 8, 9, at.ReadContext, 4096} {
			set = append(set, func(m *pluginv1.Message) { grow(m, n) })
		}
		return set
	}
	ids := func(field func(m *pluginv1.Message, id uint64)) (set []Lie) {
		for _, id := range []uint64{0, 1, 2, 3, Learner, Removed, Stranger, 1 << 63, math.MaxUint64 - 1, math.MaxUint64} {
			set = append(set, func(m *pluginv1.Message) { field(m, id) })
		}
		return set
	}
	return map[string][]Lie{
		"term":         extremes(func(m *pluginv1.Message) *uint64 { return &m.Term }),
		"log term":     extremes(func(m *pluginv1.Message) *uint64 { return &m.LogTerm }),
		"index":        extremes(func(m *pluginv1.Message) *uint64 { return &m.Index }),
		"commit":       extremes(func(m *pluginv1.Message) *uint64 { return &m.Commit }),
		"reject hint":  extremes(func(m *pluginv1.Message) *uint64 { m.Reject = true; return &m.RejectHint }),
		"vote":         extremes(func(m *pluginv1.Message) *uint64 { return &m.Vote }),
		"condition":    extremes(func(m *pluginv1.Message) *uint64 { return &m.Condition }),
		"uncommitted":  extremes(func(m *pluginv1.Message) *uint64 { return &m.Uncommitted }),
		"run":          extremes(func(m *pluginv1.Message) *uint64 { return &m.Run }),
		"acknowledged": extremes(func(m *pluginv1.Message) *uint64 { return &m.Acknowledged }),
		"wanted":       extremes(func(m *pluginv1.Message) *uint64 { return &m.Wanted }),
		"level":        extremes(func(m *pluginv1.Message) *uint64 { return &m.Level }),
		"hash index":   extremes(func(m *pluginv1.Message) *uint64 { return &m.HashIndex }),
		"hash name":    extremes(func(m *pluginv1.Message) *uint64 { return &m.HashName }),
		"hash":         extremes(func(m *pluginv1.Message) *uint64 { return &m.Hash }),
		"command versions": {
			func(m *pluginv1.Message) { m.GreatestCommandVersion = math.MaxUint32 },
			func(m *pluginv1.Message) { m.LeastCommandVersion = math.MaxUint32 },
		},
		"clock":    extremes(func(m *pluginv1.Message) *uint64 { return &m.Clock }),
		"sent":     extremes(func(m *pluginv1.Message) *uint64 { return &m.Sent }),
		"doubled":  {func(m *pluginv1.Message) { m.Doubled = true }},
		"type":     extremes(func(m *pluginv1.Message) *uint64 { m.Type++; return &m.Vote }),
		"from":     ids(func(m *pluginv1.Message, id uint64) { m.From = id }),
		"context":  sizes(func(m *pluginv1.Message, n int) { m.Context = make([]byte, n) }),
		"transfer": {func(m *pluginv1.Message) { m.Context = []byte("CampaignTransfer") }},
		"read": sizes(func(m *pluginv1.Message, n int) {
			m.Entries = []pluginv1.Entry{{Data: slices.Repeat([]byte{255}, n)}}
		}),
		"entries": sizes(func(m *pluginv1.Message, n int) { m.Entries = make([]pluginv1.Entry, n) }),
		"entry term": extremes(func(m *pluginv1.Message) *uint64 {
			m.Entries = []pluginv1.Entry{{Term: m.Term, Index: m.Index + 1}}
			return &m.Entries[0].Term
		}),
		"entry index": extremes(func(m *pluginv1.Message) *uint64 {
			m.Entries = []pluginv1.Entry{{Term: m.Term, Index: m.Index + 2}}
			return &m.Entries[0].Index
		}),
		"snapshot index": extremes(func(m *pluginv1.Message) *uint64 { return &m.Snapshot.Metadata.Index }),
		"snapshot term":  extremes(func(m *pluginv1.Message) *uint64 { return &m.Snapshot.Metadata.Term }),
		"voters": ids(func(m *pluginv1.Message, id uint64) {
			m.Snapshot.Metadata.ConfState.Voters = append(m.Snapshot.Metadata.ConfState.Voters, id)
		}),
		"voters alone":   ids(func(m *pluginv1.Message, id uint64) { m.Snapshot.Metadata.ConfState.Voters = []uint64{id} }),
		"learners":       ids(func(m *pluginv1.Message, id uint64) { m.Snapshot.Metadata.ConfState.Learners = []uint64{id} }),
		"state only":     {func(m *pluginv1.Message) { m.StateOnly = true }},
		"snapshot bytes": extremes(func(m *pluginv1.Message) *uint64 { return &m.SnapshotBytes }),
		"snapshot sum":   sizes(func(m *pluginv1.Message, n int) { m.SnapshotSha256 = make([]byte, n) }),
		"snapshot offset": extremes(func(m *pluginv1.Message) *uint64 {
			m.SnapshotSha256, m.SnapshotBytes = make([]byte, 32), 1<<20
			return &m.SnapshotOffset
		}),
		"kept sum":     sizes(func(m *pluginv1.Message, n int) { m.KeptSha256 = make([]byte, n) }),
		"kept":         extremes(func(m *pluginv1.Message) *uint64 { m.KeptSha256 = make([]byte, 32); return &m.KeptBytes }),
		"batch":        extremes(func(m *pluginv1.Message) *uint64 { return &m.Batch }),
		"oldest batch": extremes(func(m *pluginv1.Message) *uint64 { return &m.OldestBatch }),
		"batch term":   extremes(func(m *pluginv1.Message) *uint64 { return &m.BatchTerm }),
		"incarnation":  extremes(func(m *pluginv1.Message) *uint64 { return &m.Incarnation }),
		"refusal":      {func(m *pluginv1.Message) { m.Refusal = 1 }, func(m *pluginv1.Message) { m.Refusal = math.MaxUint32 }},
		"answer":       answers(),
		"answer size":  sizes(func(m *pluginv1.Message, n int) { answer(m, make([]byte, n), 0) }),
	}
}

// answers are about batches of proposals, of any number: that one was appended, at any
// index, or that it was refused.
func answers() (set []Lie) {
	for _, refusal := range []uint32{0, 1, 2, math.MaxUint32} {
		for _, index := range []uint64{0, 1, 2, 1<<63 - 1, 1 << 63, math.MaxUint64} {
			for _, number := range []uint64{0, 1, 2, 1 << 63, math.MaxUint64} {
				set = append(set, func(m *pluginv1.Message) {
					one := binary.BigEndian.AppendUint64(nil, m.Batch+number)
					answer(m, binary.BigEndian.AppendUint64(one, index), refusal)
				})
			}
		}
	}
	return set
}

// answer makes of a batch the answer to others.
func answer(m *pluginv1.Message, context []byte, refusal uint32) {
	m.Batch, m.OldestBatch, m.Entries = 0, 0, nil
	m.Context, m.Refusal = context, refusal
}

// InPlace tells whether a field says anything in messages of that type: those of a
// snapshot do in one alone, and so do those of batches of proposals.
func InPlace(field string, kind pb.MessageType) bool {
	switch field {
	case "snapshot index", "snapshot term", "voters", "voters alone", "learners", "state only", "snapshot bytes":
		return kind == pb.MsgSnap
	case "batch", "oldest batch", "batch term", "incarnation", "refusal", "answer", "answer size":
		return kind == pb.MsgProp
	}
	return true
}
