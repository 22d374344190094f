//go:build linux

package hostile

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/internal/node/nodetest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// lieBounds are those of a shipped host (docs/security.md).
func lieBounds() nodetest.Bounds {
	return nodetest.Bounds{MaxTerm: math.MaxUint64 - 1<<32, TermSlack: 16, MaxTermJump: 1 << 28, ReadContext: 24}
}

// lies sends each type of message with each field at its extremes, one at a time, in
// the name of one member, at each of the other two in turn. A short attack sends
// some of them, spread over all.
func lies(a *assault) {
	liar := a.others(a.leader)[0]
	receivers := a.others(liar)
	type lie struct {
		kind  pb.MessageType
		field string
		set   nodetest.Lie
	}
	var all []lie
	fields := nodetest.Fields(lieBounds())
	for _, kind := range nodetest.Types() {
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			if !nodetest.InPlace(field, kind) || field == lastsLonger {
				continue
			}
			for _, set := range fields[field] {
				all = append(all, lie{kind, field, set})
			}
		}
	}
	step := *liesEvery
	switch {
	case step > 0:
	case *full:
		step = 1
	default:
		step = 53 // a prime, so that all types and fields have their turn
	}
	sent, answers := 0, map[int]int{}
	for i := 0; i < len(all); i += step {
		l, to := all[i], receivers[sent%len(receivers)]
		m := a.trueMessage(l.kind, liar, to)
		l.set(m)
		if cannotBeChecked(l.kind, m) {
			continue
		}
		sent++
		answers[a.tell(liar, to, m)]++
		if !live.Within(live.Patience, func() bool { return a.cluster.leader() != nil }) {
			a.Fatalf("no leader %v after a %s with another %s: %+v", live.Patience, l.kind, l.field, m)
		}
	}
	a.Logf("%d lies of %d, answered with %v", sent, len(all), answers)
}

// lastsLonger is the field with which a member's own key shuts that member out for a
// while, as docs/security.md says: the cluster goes on without it.
const lastsLonger = "run"

// trueMessage is one that the receiver would take from the sender.
func (a *assault) trueMessage(kind pb.MessageType, from, to *member) *pluginv1.Message {
	st := to.status()
	term, commit := st.GetTerm(), st.GetCommit()
	m := &pluginv1.Message{Type: uint32(kind), From: from.id, To: to.id, Term: term}
	switch kind {
	case pb.MsgApp, pb.MsgAppResp:
		m.Index, m.LogTerm, m.Commit = commit, term, commit
	case pb.MsgVote, pb.MsgPreVote:
		m.Index, m.LogTerm, m.Term = commit, term, term+1
	case pb.MsgHeartbeat:
		m.Commit = commit
	case pb.MsgReadIndex:
		m.Term, m.Entries = 0, []pluginv1.Entry{{Data: make([]byte, lieBounds().ReadContext)}}
	case pb.MsgReadIndexResp:
		m.Index, m.Entries = commit, []pluginv1.Entry{{Data: make([]byte, lieBounds().ReadContext)}}
	case pb.MsgProp:
		m.Term = 0
		m.Batch, m.OldestBatch, m.BatchTerm, m.Incarnation = 1, 1, term, 1
		m.Entries = []pluginv1.Entry{{Data: commandOf(from, kv.EncodePut([]byte("lie"), []byte("lie")))}}
	case pb.MsgSnap:
		m.Snapshot.Metadata = storage.SnapshotMetadata{Index: commit + 1, Term: term, ConfState: storage.ConfState{Voters: []uint64{1, 2, 3}}}
	}
	return m
}

// commandOf is the data of an entry: a request of a member (docs/formats/entry.md).
func commandOf(m *member, command []byte) []byte {
	b := binary.BigEndian.AppendUint64([]byte{1}, m.id)
	return append(binary.BigEndian.AppendUint64(b, 1<<40), command...)
}

// cannotBeChecked tells whether a message is what only a leader may say and what
// looks the same when it is true: entries.
func cannotBeChecked(kind pb.MessageType, m *pluginv1.Message) bool {
	return kind == pb.MsgApp && len(m.Entries) > 0
}

// tell sends a message by the path that it has, and returns the code of the answer.
func (a *assault) tell(from, to *member, m *pluginv1.Message) int {
	payload, err := m.Marshal()
	if err != nil {
		a.Fatal(err)
	}
	if m.Type == uint32(pb.MsgSnap) { // with a state
		frame := binary.BigEndian.AppendUint64(nil, uint64(len(payload)))
		return a.post(from, to, "/raft/snapshot", append(append(frame, payload...), "no state at all"...))
	}
	return a.post(from, to, "/raft", payload)
}

// hugeTerms says in the name of one member that terms have come near their end.
func hugeTerms(a *assault) {
	a.claimTerms(a.others(a.leader)[:1])
	for _, m := range a.members {
		if term := m.status().GetTerm(); term > 1<<32 {
			a.Errorf("member %d is in term %d", m.id, term)
		}
	}
}

// hugeTermsOfAll says so in the name of every member, which a majority is.
func hugeTermsOfAll(a *assault) { a.claimTerms(a.members) }

func (a *assault) claimTerms(liars []*member) {
	told := 0
	for !a.over() {
		for _, from := range liars {
			for _, to := range a.others(from) {
				for _, kind := range nodetest.Types() {
					m := a.trueMessage(kind, from, to)
					m.Term = 1<<63 - 1
					if cannotBeChecked(kind, m) || kind == pb.MsgSnap {
						continue
					}
					a.tell(from, to, m)
					told++
				}
			}
		}
	}
	a.Logf("%d messages with the term 2^63-1", told)
}

// forgedCommits says to the followers, in the name of their leader, that more is
// committed than they have.
func forgedCommits(a *assault) {
	told := 0
	for !a.over() {
		for _, to := range a.others(a.leader) {
			m := a.trueMessage(pb.MsgHeartbeat, a.leader, to)
			m.Commit += 1000
			a.tell(a.leader, to, m)
			m = a.trueMessage(pb.MsgApp, a.leader, to)
			m.Commit += 1000
			a.tell(a.leader, to, m)
			told += 2
		}
	}
	a.Logf("%d forged commits", told)
}

// forgedRemovals stops a follower and answers in its place that each caller was
// removed, by a change that is still to come. No member ends by that.
func forgedRemovals(a *assault) {
	away := a.others(a.leader)[0]
	commit := a.leader.status().GetCommit()
	away.host.Kill(a)
	server := &http.Server{Addr: away.peer, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("X-Etcd-Cluster-Id", clusterID)
		h.Set("X-Server-Version", "3.5.0")
		h.Set("X-Pontoon-Removed-Index", fmt.Sprint(commit+10_000))
		h.Set("X-Pontoon-Removed-Term", "1")
		http.Error(w, "removed member", http.StatusGone)
	})}
	a.wg.Go(func() { _ = server.ListenAndServe() })
	<-a.ctx.Done()
	_ = server.Close()
	for _, m := range a.others(away) {
		if !m.host.Running() {
			a.Fatalf("member %d ended by the word of one peer:\n%s", m.id, m.host.LastLines(10))
		}
	}
	away.start(lasting{a, a.rows})
	live.Eventually(a, "the member that was away to be ready", away.ready)
	a.judge.renew(away)
}

// wrongGreetings comes in the name of a member with a store and a cluster that are
// not its own. All is refused.
func wrongGreetings(a *assault) { a.greetWrongly(a.others(a.leader)[:1]) }

// wrongGreetingsOfAll does so in the name of every member.
func wrongGreetingsOfAll(a *assault) { a.greetWrongly(a.members) }

func (a *assault) greetWrongly(liars []*member) {
	for !a.over() {
		for _, from := range liars {
			for _, to := range a.others(from) {
				for header, value := range map[string]string{
					"X-Pontoon-Store": "1", "X-Pontoon-Number": "1", "X-Pontoon-Founding": "1", "X-Pontoon-Expected-Store": "1",
					"X-Etcd-Cluster-Id": "b7", "X-Raft-To": "63",
				} {
					m := a.trueMessage(pb.MsgHeartbeat, from, to)
					m.Term += 2
					if code := a.postWith(from, to, "/raft", m, http.Header{header: {value}}); code/100 == 2 {
						a.Errorf("member %d takes a message in the name of member %d with %s: %s", to.id, from.id, header, value)
					}
				}
			}
		}
	}
}

// strangers sends messages in the name of members that there are not, which may
// depose a leader without TLS, and asks for streams in their name.
func strangers(a *assault) {
	began := time.Now()
	for n := uint64(0); !a.over(); n++ {
		id := strangerID + n%16
		stranger := &member{id: id}
		for _, to := range a.members {
			m := &pluginv1.Message{Type: uint32(pb.MsgHeartbeat), From: id, To: to.id, Term: 1}
			a.postWith(stranger, to, "/raft", m, http.Header{"X-Peerurls": {"http://127.0.0.1:1"}})
			a.postWith(stranger, to, fmt.Sprintf("/raft/stream/message/%x", id), m, nil)
		}
	}
	a.Logf("strangers for %v", time.Since(began).Round(time.Millisecond))
}
