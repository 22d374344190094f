package etcd36

import (
	"testing"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/raft/v3/raftpb"
)

const (
	etcdID = 0xe
	ourID  = 0xa
)

// kinds are the messages of etcd's own functional test, but for MsgSnap,
// which has its own tests: neither end's host sends it as a message.
func kinds(from, to uint64) []raftpb.Message {
	entries := []raftpb.Entry{
		{Type: raftpb.EntryNormal, Term: 2, Index: 4, Data: []byte("first")},
		{Type: raftpb.EntryConfChangeV2, Term: 2, Index: 5, Data: []byte("second")},
		{Term: 2, Index: 6},
	}
	return []raftpb.Message{
		{Type: raftpb.MsgProp, From: from, To: to, Entries: []raftpb.Entry{{Data: []byte("some data")}}},
		{Type: raftpb.MsgApp, From: from, To: to, Term: 2, Index: 3, LogTerm: 1, Entries: entries, Commit: 3},
		{Type: raftpb.MsgAppResp, From: from, To: to, Term: 2, Index: 3},
		{Type: raftpb.MsgAppResp, From: from, To: to, Term: 2, Index: 3, Reject: true, RejectHint: 1, LogTerm: 1},
		{Type: raftpb.MsgVote, From: from, To: to, Term: 3, Index: 6, LogTerm: 2},
		{Type: raftpb.MsgVote, From: from, To: to, Term: 3, Index: 6, LogTerm: 2, Context: []byte("CampaignTransfer")},
		{Type: raftpb.MsgVoteResp, From: from, To: to, Term: 3},
		{Type: raftpb.MsgPreVote, From: from, To: to, Term: 4, Index: 6, LogTerm: 2},
		{Type: raftpb.MsgPreVoteResp, From: from, To: to, Term: 4, Reject: true},
		{Type: raftpb.MsgHeartbeat, From: from, To: to, Term: 3, Commit: 6, Context: []byte("read")},
		{Type: raftpb.MsgHeartbeatResp, From: from, To: to, Term: 3, Context: []byte("read")},
		{Type: raftpb.MsgReadIndex, From: from, To: to, Entries: []raftpb.Entry{{Data: []byte("request")}}},
		{Type: raftpb.MsgReadIndexResp, From: from, To: to, Index: 6, Entries: []raftpb.Entry{{Data: []byte("request")}}},
		{Type: raftpb.MsgTimeoutNow, From: from, To: to, Term: 3},
	}
}

// appends is a run of MsgApp with everything that the short frame of a msgapp
// stream may or may not stand for.
func appends(from, to uint64) []raftpb.Message {
	entry := func(term, index uint64, size int) raftpb.Entry {
		return raftpb.Entry{Term: term, Index: index, Data: make([]byte, size)}
	}
	app := func(term, logTerm, index, commit uint64, entries ...raftpb.Entry) raftpb.Message {
		return raftpb.Message{
			Type: raftpb.MsgApp, From: from, To: to, Term: term, LogTerm: logTerm, Index: index, Commit: commit, Entries: entries,
		}
	}
	return []raftpb.Message{
		app(1, 0, 0, 0, entry(1, 1, 10)),
		app(1, 1, 1, 1, entry(1, 2, 10), entry(1, 3, 0)),
		app(1, 1, 3, 3),                      // only the commit index
		app(1, 1, 3, 3, entry(1, 4, 3<<19)),  // larger than any buffer
		app(2, 1, 4, 3, entry(2, 5, 10)),     // a new term
		app(2, 2, 5, 5, entry(2, 6, 64)),     //
		app(2, 2, 9, 5, entry(2, 10, 64)),    // a gap
		app(2, 2, 10, 10, entry(2, 11, 64)),  //
		app(3, 2, 11, 10),                    // empty, new term
		app(3, 3, 11, 10, entry(3, 12, 100)), //
	}
}

// Every kind of message goes both ways on every channel, unchanged.
func TestEveryKindOnEveryChannel(t *testing.T) {
	const message, msgapp, pipeline = "/raft/stream/message", "/raft/stream/msgapp", "/raft"
	for _, c := range []struct {
		channel  string
		blocked  []string
		messages func(from, to uint64) []raftpb.Message
	}{
		{msgapp, []string{message + "/"}, appends},
		{message, []string{msgapp + "/"}, kinds},
		{pipeline, []string{"/raft/stream/"}, kinds},
		{pipeline, []string{"/raft/stream/"}, appends},
	} {
		t.Run(c.channel, func(t *testing.T) {
			etcd, ours := startEtcd(t, etcdID), startOurs(t, ourID, "", "127.0.0.1:0")
			toEtcd := newFront(t, etcd.address(), c.blocked...)
			toOurs := newFront(t, ours.address, c.blocked...)
			etcd.transport.AddPeer(types.ID(ourID), []string{"http://" + toOurs.address()})
			ours.peer(t, etcdID, toEtcd.address())
			posts := func() int { return toEtcd.count(pipeline) + toOurs.count(pipeline) }
			if c.channel != pipeline {
				settle(t, etcd.send, ours.seen, posts, etcdID, ourID)
				settle(t, ours.send, etcd.seen, posts, ourID, etcdID)
			}
			before := posts()
			passes(t, etcd.send, ours.seen, c.messages(etcdID, ourID))
			passes(t, ours.send, etcd.seen, c.messages(ourID, etcdID))
			posted := posts() - before
			if c.channel != pipeline && posted > 0 {
				t.Errorf("%d messages left the %s stream for the pipeline", posted, c.channel)
			}
			if c.channel == pipeline && posted == 0 {
				t.Error("no message took the pipeline")
			}
		})
	}
}

// settle sends appends until one arrives without the pipeline: a stream is up
// at both ends then, though not always that of appends, for which the message
// stream stands in.
func settle(t *testing.T, send func(...raftpb.Message), at *seen, posts func() int, from, to uint64) {
	t.Helper()
	for n := uint64(1); ; n++ {
		m := raftpb.Message{Type: raftpb.MsgApp, From: from, To: to, Term: 1, Commit: n}
		before := posts()
		at.await(t, "a first message", func() bool { return at.times(m) > 0 }, func() { send(m) })
		if posts() == before {
			return
		}
	}
}

// passes sends messages one after the other and waits for each.
func passes(t *testing.T, send func(...raftpb.Message), at *seen, messages []raftpb.Message) {
	t.Helper()
	for _, m := range messages {
		send(m)
		at.await(t, m.Type.String(), func() bool { return at.times(m) == 1 }, nil)
	}
}
