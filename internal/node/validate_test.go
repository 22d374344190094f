package node

import (
	"errors"
	"math"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Each of these would make raft panic, or mislead it.
func TestInvalidMessagesAreRefused(t *testing.T) {
	ok := plainCommand(RequestID{Origin: 1, Number: 1}, []byte("x"))
	change, err := encodeChange(RequestID{}, member.Change{Op: member.Add, Member: member.Member{ID: 9, Name: "n"}})
	if err != nil {
		t.Fatal(err)
	}
	msg := func(kind pb.MessageType, edit func(*pluginv1.Message)) pluginv1.Message {
		m := pluginv1.Message{Type: uint32(kind), From: 1, To: 2, Term: 5}
		edit(&m)
		return m
	}
	forwards := func(edit func(*pluginv1.Message)) pluginv1.Message {
		return msg(pb.MsgProp, func(m *pluginv1.Message) {
			m.Term, m.Entries = 0, []pluginv1.Entry{{Data: ok}}
			m.Batch, m.OldestBatch, m.BatchTerm, m.Incarnation = 2, 1, 5, 1
			edit(m)
		})
	}
	answers := func(edit func(*pluginv1.Message)) pluginv1.Message {
		return msg(pb.MsgProp, func(m *pluginv1.Message) {
			m.Term, m.BatchTerm, m.Incarnation, m.Context = 0, 5, 1, encodeAnswers([]batchAnswer{{1, 2}})
			edit(m)
		})
	}
	for name, m := range map[string]pluginv1.Message{
		"a batch": forwards(func(*pluginv1.Message) {}), "an answer": answers(func(*pluginv1.Message) {}),
	} {
		if err := validate(&m, messageLimits{entry: 1000, message: 1 << 20}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	entry := func(term, index uint64, data []byte) pluginv1.Entry {
		return pluginv1.Entry{Term: term, Index: index, Data: data}
	}
	for name, m := range map[string]pluginv1.Message{
		"local type":            msg(pb.MsgHup, func(*pluginv1.Message) {}),
		"storage response":      msg(pb.MsgStorageAppendResp, func(*pluginv1.Message) {}),
		"transfer for another":  msg(pb.MsgTransferLeader, func(*pluginv1.Message) {}),
		"unknown type":          msg(99, func(*pluginv1.Message) {}),
		"from nobody":           msg(pb.MsgHeartbeat, func(m *pluginv1.Message) { m.From = 0 }),
		"to itself":             msg(pb.MsgHeartbeat, func(m *pluginv1.Message) { m.To = m.From }),
		"no term":               msg(pb.MsgHeartbeat, func(m *pluginv1.Message) { m.Term = 0 }),
		"absurd term":           msg(pb.MsgVote, func(m *pluginv1.Message) { m.Term = math.MaxUint64 }),
		"proposal with a term":  msg(pb.MsgProp, func(m *pluginv1.Message) { m.Entries = []pluginv1.Entry{entry(0, 0, ok)} }),
		"log term above term":   msg(pb.MsgApp, func(m *pluginv1.Message) { m.LogTerm = 6 }),
		"gap between entries":   msg(pb.MsgApp, func(m *pluginv1.Message) { m.Entries = []pluginv1.Entry{entry(5, 1, nil), entry(5, 3, nil)} }),
		"gap before entries":    msg(pb.MsgApp, func(m *pluginv1.Message) { m.Index = 3; m.Entries = []pluginv1.Entry{entry(5, 5, nil)} }),
		"term goes back":        msg(pb.MsgApp, func(m *pluginv1.Message) { m.Entries = []pluginv1.Entry{entry(5, 1, nil), entry(4, 2, nil)} }),
		"entry of a later term": msg(pb.MsgApp, func(m *pluginv1.Message) { m.Entries = []pluginv1.Entry{entry(6, 1, nil)} }),
		"entry too large":       msg(pb.MsgApp, func(m *pluginv1.Message) { m.Entries = []pluginv1.Entry{entry(5, 1, make([]byte, 2000))} }),
		"entry without header":  msg(pb.MsgApp, func(m *pluginv1.Message) { m.Entries = []pluginv1.Entry{entry(5, 1, []byte("short"))} }),
		"change that is garbage": msg(pb.MsgApp, func(m *pluginv1.Message) {
			m.Entries = []pluginv1.Entry{{Term: 5, Index: 1, Type: 1, Data: []byte{255}}}
		}),
		"joint change":            msg(pb.MsgApp, func(m *pluginv1.Message) { m.Entries = []pluginv1.Entry{{Term: 5, Index: 1, Type: 2}} }),
		"empty proposal":          msg(pb.MsgProp, func(m *pluginv1.Message) { m.Term = 0 }),
		"forwarded change":        forwards(func(m *pluginv1.Message) { m.Entries = []pluginv1.Entry{{Type: 1, Data: change}} }),
		"foreign origin":          forwards(func(m *pluginv1.Message) { m.Entries[0].Data = plainCommand(RequestID{Origin: 3, Number: 1}, nil) }),
		"batch without number":    forwards(func(m *pluginv1.Message) { m.Batch = 0 }),
		"batch of no incarnation": forwards(func(m *pluginv1.Message) { m.Incarnation = 0 }),
		"batch for no term":       forwards(func(m *pluginv1.Message) { m.BatchTerm = 0 }),
		"batch for a far term":    forwards(func(m *pluginv1.Message) { m.BatchTerm = maxTerm + 1 }),
		"batch before its oldest": forwards(func(m *pluginv1.Message) { m.OldestBatch = m.Batch + 1 }),
		"batch far ahead":         forwards(func(m *pluginv1.Message) { m.Batch = m.OldestBatch + maxBatches }),
		"batch with an answer":    forwards(func(m *pluginv1.Message) { m.Context = encodeAnswers([]batchAnswer{{1, 2}}) }),
		"answer to nothing":       answers(func(m *pluginv1.Message) { m.Context = nil }),
		"answer cut off":          answers(func(m *pluginv1.Message) { m.Context = m.Context[:answerSize-1] }),
		"answer to batch 0":       answers(func(m *pluginv1.Message) { m.Context = encodeAnswers([]batchAnswer{{0, 2}}) }),
		"answer without a reason": answers(func(m *pluginv1.Message) { m.Context = encodeAnswers([]batchAnswer{{1, 0}}) }),
		"refused and appended":    answers(func(m *pluginv1.Message) { m.Refusal = uint32(busy) }),
		"answer far ahead":        answers(func(m *pluginv1.Message) { m.Context = encodeAnswers([]batchAnswer{{1, maxIndex + 1}}) }),
		"answer that is long":     answers(func(m *pluginv1.Message) { m.Context = encodeAnswers(make([]batchAnswer, maxBatches+1)) }),
		"snapshot at zero":        msg(pb.MsgSnap, func(*pluginv1.Message) {}),
		"snapshot without voters": msg(pb.MsgSnap, func(m *pluginv1.Message) { m.Snapshot.Metadata = storage.SnapshotMetadata{Index: 1, Term: 1} }),
		"voter and learner": msg(pb.MsgSnap, func(m *pluginv1.Message) {
			m.Snapshot.Metadata = storage.SnapshotMetadata{Index: 1, Term: 1, ConfState: storage.ConfState{Voters: []uint64{1}, Learners: []uint64{1}}}
		}),
		"from raft's own append target": msg(pb.MsgVote, func(m *pluginv1.Message) { m.From = math.MaxUint64 }),
		"from raft's own apply target":  msg(pb.MsgVote, func(m *pluginv1.Message) { m.From = math.MaxUint64 - 1 }),
		"to raft's own append target":   msg(pb.MsgVote, func(m *pluginv1.Message) { m.To = math.MaxUint64 }),
		"snapshot of a later term": msg(pb.MsgSnap, func(m *pluginv1.Message) {
			m.Snapshot.Metadata = storage.SnapshotMetadata{Index: 1, Term: 6, ConfState: storage.ConfState{Voters: []uint64{1}}}
		}),
		"snapshot at an absurd index": msg(pb.MsgSnap, func(m *pluginv1.Message) {
			m.Snapshot.Metadata = storage.SnapshotMetadata{Index: math.MaxUint64, Term: 5, ConfState: storage.ConfState{Voters: []uint64{1}}}
		}),
		"short read context":     msg(pb.MsgHeartbeatResp, func(m *pluginv1.Message) { m.Context = []byte{1, 2} }),
		"read without context":   msg(pb.MsgReadIndex, func(m *pluginv1.Message) { m.Term = 0 }),
		"heartbeat with entries": msg(pb.MsgHeartbeat, func(m *pluginv1.Message) { m.Entries = []pluginv1.Entry{entry(5, 1, nil)} }),
	} {
		t.Run(name, func(t *testing.T) {
			if err := validate(&m, messageLimits{entry: 1000, message: 1 << 20}); !errors.Is(err, ErrInvalidMessage) {
				t.Errorf("got %v, want %v", err, ErrInvalidMessage)
			}
		})
	}
}

// A store that raft would panic on is refused with a reason.
func TestInconsistentStoreIsRefused(t *testing.T) {
	snapshot := []storage.SnapshotInfo{{Metadata: storage.SnapshotMetadata{Index: 5, Term: 1, ConfState: storage.ConfState{Voters: []uint64{1}}}}}
	registry, err := (&member.Registry{}).Apply(member.Change{Op: member.Add, Member: member.Member{ID: 1, Name: "a", PeerURLs: []string{"http://a:1"}}}, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	later := storage.HardState{Term: 2}
	for name, s := range map[string]storage.State{
		"no first index":             {},
		"commit beyond the log":      {FirstIndex: 1, HardState: storage.HardState{Term: 1, Commit: 3}},
		"snapshot beyond the log":    {FirstIndex: 1, Snapshots: snapshot},
		"gap behind the snapshot":    {FirstIndex: 9, LastIndex: 9, Snapshots: snapshot},
		"boundaries that go back":    {HardState: later, FirstIndex: 6, LastIndex: 5, Snapshots: snapshot, Terms: []storage.TermBoundary{{Term: 2, Index: 5}, {Term: 1, Index: 6}}},
		"boundaries of another log":  {HardState: later, FirstIndex: 6, LastIndex: 5, Snapshots: snapshot, Terms: []storage.TermBoundary{{Term: 1, Index: 3}}},
		"entries that are not there": {FirstIndex: 6, LastIndex: 7, Snapshots: snapshot},
		"a term before its log's":    {FirstIndex: 6, LastIndex: 5, Snapshots: snapshot, HardState: storage.HardState{Term: 1}, Terms: []storage.TermBoundary{{Term: 2, Index: 5}}},
		"a term before its snapshot": {FirstIndex: 6, LastIndex: 5, Snapshots: snapshot},
		"a term without a next one":  {FirstIndex: 1, HardState: storage.HardState{Term: math.MaxUint64}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewCore(Config{ID: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: plugins.DefaultLimits(), State: s, Registry: registry})
			if !errors.Is(err, ErrInconsistent) {
				t.Errorf("got %v, want %v", err, ErrInconsistent)
			}
		})
	}
}
